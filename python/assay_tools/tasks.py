"""Prompts of the scored tasks, as lm-evaluation-harness 0.4.13 writes them.

A question is a gold answer and one (context, continuation) pair a candidate. `length` divides the
log-likelihood for acc_norm: the characters of the choice without the space that precedes it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.files import read_text
from assay_tools.mmlu_groups import GROUP_OF_SUBJECT


@dataclass(frozen=True)
class Candidate:
    context: str
    continuation: str
    length: int


@dataclass(frozen=True)
class Question:
    gold: int
    candidates: tuple[Candidate, ...]
    subtask: str = ""
    group: str = ""


@dataclass(frozen=True)
class Task:
    """`metrics` are those that lm-evaluation-harness reports for the task."""

    name: str
    metrics: tuple[str, ...]
    read: Callable[[list[Path]], Iterator[Question]]


def _json_rows(paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                yield place, json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{place}: {error}") from None


def _value(place: str, row: dict[str, Any], key: str) -> Any:
    if key not in row:
        raise InputError(f"{place}: key '{key}' is missing; found {', '.join(sorted(row))}")
    return row[key]


def _without_prefix(place: str, text: str, prefix: str) -> str:
    if not text.startswith(prefix):
        raise InputError(f"{place}: query does not start with '{prefix}'")
    return text[len(prefix) :]


def _choices(context: str, gold: int, choices: list[str], place: str) -> Question:
    if not 0 <= gold < len(choices):
        raise InputError(f"{place}: gold is {gold}, but there are {len(choices)} choices")
    candidates = [Candidate(context, " " + choice, len(choice)) for choice in choices]
    return Question(gold, tuple(candidates))


def _read_choices(make_context: Callable[[str, str], str], choice_prefix: str = ""):
    """A reader of rows {query, choices, gold}; the context comes from the query."""

    def read(paths: list[Path]) -> Iterator[Question]:
        for place, row in _json_rows(paths):
            context = make_context(place, _value(place, row, "query"))
            choices = [choice_prefix + choice for choice in _value(place, row, "choices")]
            yield _choices(context, _value(place, row, "gold"), choices, place)

    return read


def _question_answer(place: str, query: str) -> str:
    # The file ends a query with one line end that is no part of the question.
    question = _without_prefix(place, query, "Question: ").removesuffix("\n")
    return f"Question: {question}\nAnswer:"


def _passage(place: str, query: str) -> str:
    return _without_prefix(place, query, "Passage: ") + "\nAnswer:"


def _stem(place: str, query: str) -> str:
    return query


def _read_winogrande(paths: list[Path]) -> Iterator[Question]:
    """Partial scoring: the text after the blank, once behind each option."""
    for place, row in _json_rows(paths):
        continuation = " " + _value(place, row, "continuation")
        contexts = _value(place, row, "context_options")
        gold = _value(place, row, "gold")
        if not 0 <= gold < len(contexts):
            raise InputError(f"{place}: gold is {gold}, but there are {len(contexts)} contexts")
        yield Question(gold, tuple(Candidate(text, continuation, len(text)) for text in contexts))


def _read_lambada(paths: list[Path]) -> Iterator[Question]:
    for place, row in _json_rows(paths):
        word = _value(place, row, "continuation")
        yield Question(0, (Candidate(_value(place, row, "context"), " " + word, len(word)),))


_LETTERS = ("A", "B", "C", "D")
_SHOTS = 5


def _mmlu_rows(path: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    needed = {"question", "choice0", "choice1", "choice2", "choice3", "answer"}
    if not rows or not needed <= set(rows[0]):
        raise InputError(f"{path}: expected a CSV with the columns {', '.join(sorted(needed))}")
    return rows


def _mmlu_prompt(row: dict[str, str]) -> str:
    lines = [row["question"].strip()]
    lines += [f"{letter}. {row[f'choice{i}']}" for i, letter in enumerate(_LETTERS)]
    return "\n".join([*lines, "Answer:"])


def _mmlu_subject(shots: list[dict[str, str]], rows: list[dict[str, str]], subject: str):
    title = subject.replace("_", " ")
    header = f"The following are multiple choice questions (with answers) about {title}.\n\n"
    for row in shots[:_SHOTS]:
        header += f"{_mmlu_prompt(row)} {_LETTERS[int(row['answer'])]}\n\n"
    for row in rows:
        context = header + _mmlu_prompt(row)
        candidates = tuple(Candidate(context, " " + letter, 1) for letter in _LETTERS)
        yield Question(int(row["answer"]), candidates, subject, GROUP_OF_SUBJECT[subject])


def _read_mmlu(paths: list[Path]) -> Iterator[Question]:
    """Files <subject>_dev.csv with the five examples and <subject>_test.csv with the questions."""
    by_name = {path.name: path for path in paths}
    for name, path in by_name.items():
        if not name.endswith("_test.csv"):
            continue
        subject = name.removesuffix("_test.csv")
        shots = by_name.get(f"{subject}_dev.csv")
        if shots is None:
            raise InputError(f"{path}: no {subject}_dev.csv among the raw files")
        if subject not in GROUP_OF_SUBJECT:
            raise InputError(f"{path}: '{subject}' is not a subject of MMLU")
        yield from _mmlu_subject(_mmlu_rows(shots), _mmlu_rows(path), subject)


_ACC = ("acc",)
_BOTH = ("acc", "acc_norm")

# In COPA the choice carries a space of its own behind the delimiter: two spaces in all.
TASKS = {
    task.name: task
    for task in (
        Task("piqa", _BOTH, _read_choices(_question_answer)),
        Task("arc_easy", _BOTH, _read_choices(_question_answer)),
        Task("arc_challenge", _BOTH, _read_choices(_question_answer)),
        Task("openbookqa", _BOTH, _read_choices(_stem)),
        Task("copa", _ACC, _read_choices(_stem, choice_prefix=" ")),
        Task("boolq", _ACC, _read_choices(_passage)),
        Task("winogrande", _ACC, _read_winogrande),
        Task("lambada_openai", ("acc", "perplexity"), _read_lambada),
        Task("mmlu", _ACC, _read_mmlu),
    )
}
