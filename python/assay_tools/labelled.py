"""prepare-labelled: texts or pairs of texts with a class, as token sequences."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from assay_tools.errors import InputError
from assay_tools.files import fresh_folder
from assay_tools.inputs import Encoded, InputEncoder
from assay_tools.labels import LabelledRows
from assay_tools.manifest import read_dataset_manifest
from assay_tools.notes import TRUNCATED, Note, notes_json
from assay_tools.problems import FieldError, Problems, shown
from assay_tools.rows import Row, json_rows, tsv_rows
from assay_tools.stream import base_manifest, check_raw, content_notes, write_manifest
from assay_tools.tokenizer import ModelTokenizer

HASH_BYTES = 8


@dataclass(frozen=True)
class LabelledItem:
    """`place` is the raw file and line."""

    texts: tuple[str, ...]
    label: int
    place: str


def item_hash(item: LabelledItem) -> bytes:
    """Identity of an item, free of the tokenizer."""
    text = json.dumps([item.label, item.texts], ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()[:HASH_BYTES]


def text_hash(texts: tuple[str, ...]) -> bytes:
    """Equal for texts that differ in case, white space and forms of letters only, whatever their
    label is: what stands in two splits is found by it."""
    folded = [unicodedata.normalize("NFKC", text).casefold() for text in texts]
    bare = json.dumps(["".join(text.split()) for text in folded], ensure_ascii=False)
    return hashlib.sha256(bare.encode()).digest()[:HASH_BYTES]


def _rows(path: Path, rows: LabelledRows, problems: Problems) -> Iterator[Row]:
    if path.suffix == ".tsv":
        return tsv_rows(path, [*rows.text, rows.label], problems)
    if path.suffix == ".jsonl":
        return json_rows([path], problems)
    raise InputError(f"{path}: allowed: a file whose name ends with .tsv or .jsonl")


def _text(row: Row, field: str) -> str:
    text = row.text(field)
    if not text.strip():
        raise FieldError(field, shown(text), "text that is more than white space")
    return text


def read_items(path: Path, rows: LabelledRows, problems: Problems) -> Iterator[LabelledItem]:
    for row in _rows(path, rows, problems):
        try:
            texts = tuple(_text(row, field) for field in rows.text)
            yield LabelledItem(texts, row.choice(rows.label, rows.labels), row.place)
        except FieldError as error:
            problems.add(row.place, error)


def _encode(
    items: list[LabelledItem], encoder: InputEncoder, fields: tuple[str, ...], problems: Problems
) -> list[Encoded]:
    encoded = list(encoder.encode([item.texts for item in items]))
    for item, one in zip(items, encoded, strict=True):
        if one.without_token is not None:
            text = shown(item.texts[one.without_token])
            problem = f"'{fields[one.without_token]}' is {text} and gives no token"
            problems.add(item.place, f"{problem}; allowed: text that the tokenizer can read")
    return encoded


def _write(folder: Path, items: list[LabelledItem], encoded: list[Encoded]) -> None:
    lengths = (len(one.tokens) for one in encoded)
    lines = [int(item.place.rsplit(":", 1)[1]) for item in items]
    arrays = {
        "tokens.bin": ([token for one in encoded for token in one.tokens], "<i4"),
        "token_types.bin": ([kind for one in encoded for kind in one.types], "u1"),
        "offsets.bin": (list(accumulate(lengths, initial=0)), "<i8"),
        "labels.bin": ([item.label for item in items], "<i4"),
        "lines.bin": (lines, "<i4"),
    }
    for name, (values, dtype) in arrays.items():
        (folder / name).write_bytes(np.asarray(values, dtype=dtype).tobytes())
    (folder / "hashes.bin").write_bytes(b"".join(map(item_hash, items)))
    text_hashes = b"".join(text_hash(item.texts) for item in items)
    (folder / "text_hashes.bin").write_bytes(text_hashes)


def _truncation_notes(encoded: list[Encoded], max_tokens: int) -> list[Note]:
    cut = sum(one.cut for one in encoded)
    if not cut:
        return []
    text = f"{cut} of {len(encoded)} items are longer than max_tokens = {max_tokens} and were cut"
    return [Note(TRUNCATED, text)]


def prepare_labelled(
    manifest_path: Path,
    split_name: str,
    max_tokens: int,
    tokenizer_folder: Path,
    raw: list[Path],
    out: Path,
) -> dict[str, Any]:
    manifest = read_dataset_manifest(manifest_path)
    manifest.require_kind("labelled")
    rows = manifest.labelled
    split = manifest.split(split_name)
    check_raw(split, raw)
    tokenizer = ModelTokenizer(tokenizer_folder)
    encoder = InputEncoder(tokenizer, len(rows.text), rows.separator, max_tokens)
    problems = Problems()
    by_file = [list(read_items(path, rows, problems)) for path in raw]
    items = [item for one in by_file for item in one]
    encoded = _encode(items, encoder, rows.text, problems)
    problems.finish()
    if not items:
        raise InputError(f"{', '.join(map(str, raw))}: no rows; needed: at least one")
    result = base_manifest("labelled", manifest.name, split_name, tokenizer, raw)
    result |= {
        "tokens": sum(len(one.tokens) for one in encoded),
        "documents": len(items),
        "texts": len(rows.text),
        "pairs": encoder.pair_form,
        "max_tokens": max_tokens,
        "truncated": sum(one.cut for one in encoded),
        "labels": list(rows.labels),
        "label_counts": np.bincount(
            [item.label for item in items], minlength=len(rows.labels)
        ).tolist(),
        "raw": [{"file": p.name, "items": len(i)} for p, i in zip(raw, by_file, strict=True)],
        "notes": notes_json(content_notes(split, raw) + _truncation_notes(encoded, max_tokens)),
    }
    with fresh_folder(out) as folder:
        _write(folder, items, encoded)
        write_manifest(folder, result)
    return result
