"""prepare-stream: a text split as token ids."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from assay_tools.corpus import Corpus, join_corpus
from assay_tools.errors import InputError
from assay_tools.files import fresh_folder, sha256_file, sha256_of_files
from assay_tools.manifest import DatasetManifest, Split, read_dataset_manifest
from assay_tools.notes import NOT_PINNED, Note, notes_json
from assay_tools.raw_text import read_raw
from assay_tools.tokenizer import ModelTokenizer

FORMAT_VERSION = 1
# Raise when the same raw files and tokenizer would give other tokens.
RECIPE_VERSION = 3


def content_notes(split: Split, raw: list[Path]) -> list[Note]:
    """Notes for raw files whose content is not the one that the manifest pins."""
    if len(split.sha256) != len(raw):
        return []
    hashes = (
        (path, sha256_file(path), pinned) for path, pinned in zip(raw, split.sha256, strict=True)
    )
    return [
        Note(
            NOT_PINNED,
            f"raw file {path.name} has SHA-256 {found[:12]}..., pinned is {pinned[:12]}...",
        )
        for path, found, pinned in hashes
        if found != pinned
    ]


def check_raw(split: Split, raw: list[Path]) -> None:
    for path in raw:
        if not path.is_file():
            raise InputError(f"{path}: no such raw file")
    if len(raw) != len(split.files):
        raise InputError(
            f"split '{split.name}' has {len(split.files)} raw files, {len(raw)} were given"
        )


def base_manifest(kind: str, name: str, split: str, tokenizer: ModelTokenizer, raw: list[Path]):
    return {
        "version": FORMAT_VERSION,
        "format": kind,
        "dataset": name,
        "split": split,
        "tokenizer_hash": tokenizer.hash,
        "data_hash": sha256_of_files(raw),
        "recipe_version": RECIPE_VERSION,
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    manifest["files"] = {
        path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()
    }
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def _write_documents(folder: Path, documents: list[list[int]]) -> None:
    offsets = list(accumulate((len(ids) for ids in documents), initial=0))
    tokens = [token for ids in documents for token in ids]
    (folder / "document_tokens.bin").write_bytes(np.asarray(tokens, dtype="<i4").tobytes())
    (folder / "document_offsets.bin").write_bytes(np.asarray(offsets, dtype="<i8").tobytes())


def _read_corpus(manifest: DatasetManifest, split: Split, raw: list[Path]) -> Corpus:
    corpus = join_corpus(manifest, split, [read_raw(path) for path in raw])
    names = ", ".join(map(str, raw))
    if not corpus.stream.strip():
        raise InputError(f"{names}: no text; needed: at least one document")
    if manifest.sampling == "documents" and not corpus.documents:
        raise InputError(
            f"{names}: no document, and '{manifest.name}' is sampled by documents; "
            "needed: at least one that is not empty"
        )
    return corpus


def prepare_stream(
    manifest_path: Path, split_name: str, tokenizer_folder: Path, raw: list[Path], out: Path
) -> dict[str, Any]:
    manifest = read_dataset_manifest(manifest_path)
    manifest.require_kind("text")
    split = manifest.split(split_name)
    check_raw(split, raw)
    tokenizer = ModelTokenizer(tokenizer_folder)
    corpus = _read_corpus(manifest, split, raw)
    tokens = tokenizer.encode(corpus.stream)
    if not tokens:
        raise InputError(f"{raw[0]}: the tokenizer makes no token of the text")
    documents = [tokenizer.encode(document) for document in corpus.documents]
    result = base_manifest("stream", manifest.name, split_name, tokenizer, raw)
    result |= {
        "tokens": len(tokens),
        "documents": len(documents),
        "notes": notes_json(corpus.notes + content_notes(split, raw)),
    }
    with fresh_folder(out) as folder:
        (folder / "tokens.bin").write_bytes(np.asarray(tokens, dtype="<i4").tobytes())
        if documents:
            _write_documents(folder, documents)
        write_manifest(folder, result)
    return result
