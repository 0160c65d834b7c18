"""Data sets of the Hugging Face Hub, written in the layout of the raw files."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError
from assay_tools.manifest import require

Row = dict[str, Any]


def _choice_row(query: str, choices: list[str], gold: int) -> Row:
    return {"query": query, "choices": choices, "gold": gold}


def _piqa(row: Row) -> Row:
    return _choice_row(f"Question: {row['goal']}\n", [row["sol1"], row["sol2"]], row["label"])


def _labelled(query: str, row: Row) -> Row:
    gold = row["choices"]["label"].index(row["answerKey"].strip())
    return _choice_row(query, list(row["choices"]["text"]), gold)


def _arc(row: Row) -> Row:
    return _labelled(f"Question: {row['question']}", row)


def _openbookqa(row: Row) -> Row:
    return _labelled(row["question_stem"], row)


def _copa(row: Row) -> Row:
    connective = {"cause": "because", "effect": "therefore"}[row["question"]]
    choices = [row[name][0].lower() + row[name][1:] for name in ("choice1", "choice2")]
    return _choice_row(f"{row['premise'].strip()[:-1]} {connective}", choices, row["label"])


def _boolq(row: Row) -> Row:
    query = f"Passage: {row['passage']}\nQuestion: {row['question']}?"
    return _choice_row(query, ["no", "yes"], int(row["label"]))


def _winogrande(row: Row) -> Row:
    before, after = row["sentence"].split("_", 1)
    return {
        "context_options": [before + row["option1"], before + row["option2"]],
        "continuation": after.strip(),
        "gold": int(row["answer"]) - 1,
    }


def _lambada(row: Row) -> Row:
    context, word = row["text"].rsplit(" ", 1)
    return {"context": context, "continuation": word}


def _jsonl(convert: Callable[[Row], Row]) -> Callable[[Iterable[Row]], str]:
    def write(rows: Iterable[Row]) -> str:
        return "".join(json.dumps(convert(row), ensure_ascii=False) + "\n" for row in rows)

    return write


def _fields(*names: str) -> Callable[[Row], Row]:
    return lambda row: {name: row[name] for name in names}


def _sst2(rows: Iterable[Row]) -> str:
    """Sentences of SST-2 hold neither tabs nor line ends, as the layout needs."""
    lines = ["sentence\tlabel"]
    for row in rows:
        if {"\t", "\n"} & set(row["sentence"]):
            raise ValueError("a sentence with a tab or a line end")
        lines.append(f"{row['sentence']}\t{row['label']}")
    return "\n".join(lines) + "\n"


def _wikitext(rows: Iterable[Row]) -> str:
    """The file that the rows came from: an empty row was a line with one space."""
    return "".join(row["text"] or " \n" for row in rows)


def _mmlu(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["question", *(f"choice{i}" for i in range(4)), "answer"])
    for row in rows:
        writer.writerow([row["question"], *row["choices"], row["answer"]])
    return text.getvalue()


LAYOUTS: dict[str, Callable[[Iterable[Row]], str]] = {
    "piqa": _jsonl(_piqa),
    "arc": _jsonl(_arc),
    "openbookqa": _jsonl(_openbookqa),
    "copa": _jsonl(_copa),
    "boolq": _jsonl(_boolq),
    "winogrande": _jsonl(_winogrande),
    "lambada": _jsonl(_lambada),
    "sst2": _sst2,
    "mnli": _jsonl(_fields("premise", "hypothesis", "label")),
    "qnli": _jsonl(_fields("question", "sentence", "label")),
    "qqp": _jsonl(_fields("question1", "question2", "label")),
    "sentence-pair": _jsonl(_fields("sentence1", "sentence2", "label")),
    "wikitext": _wikitext,
    "mmlu": _mmlu,
}


def load_rows(path: str, config: str | None, split: str, revision: str | None) -> Iterable[Row]:
    """Rows of one split; `path` is a repository of the Hub or a local folder."""
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(path, config, split=split, revision=revision)
    except Exception as error:  # noqa: BLE001 - the library lets every kind of network error through
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"cannot load '{path}' from the Hugging Face Hub: {reason}; connect to it, "
            "or put the raw files under $ASSAY_DATA"
        ) from None


def resolve_revision(manifest: Path, table: dict[str, Any]) -> str:
    """The commit that the asked revision, or the newest, is now; "" where that cannot be said."""
    repository = require(manifest, table, "repository", str)
    asked = table.get("revision") or ""
    if Path(repository).exists():
        return asked
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception):  # whoever loads it says what is wrong
        return HfApi().dataset_info(repository, revision=asked or None).sha or asked
    return asked


def read_from_hub(manifest: Path, table: dict[str, Any]) -> bytes:
    """The raw file that `table` (repository, config, split, revision, layout) describes."""
    layout = require(manifest, table, "layout", str)
    if layout not in LAYOUTS:
        raise InputError(f"{manifest}: layout is '{layout}'; allowed: {', '.join(LAYOUTS)}")
    repository = require(manifest, table, "repository", str)
    split = require(manifest, table, "split", str)
    rows = load_rows(repository, table.get("config"), split, table.get("revision"))
    try:
        return LAYOUTS[layout](rows).encode()
    except (KeyError, ValueError) as error:
        raise SourceError(f"'{repository}' has rows of an unexpected form: {error}") from None
