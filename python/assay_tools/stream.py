"""prepare-stream: a text split as token ids."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from assay_tools.corpus import join_corpus
from assay_tools.errors import InputError
from assay_tools.files import fresh_folder, read_text, sha256_file, sha256_of_files
from assay_tools.manifest import Split, read_dataset_manifest
from assay_tools.tokenizer import ModelTokenizer

FORMAT_VERSION = 1
# Raise when the same raw files and tokenizer would give other tokens.
RECIPE_VERSION = 1


def content_notes(split: Split, raw: list[Path]) -> list[str]:
    """Notes for raw files whose content is not the one that the manifest pins."""
    if len(split.sha256) != len(raw):
        return []
    return [
        f"raw file {path.name} differs from the pinned content"
        for path, pinned in zip(raw, split.sha256, strict=True)
        if sha256_file(path) != pinned
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


def prepare_stream(
    manifest_path: Path, split_name: str, tokenizer_folder: Path, raw: list[Path], out: Path
) -> dict[str, Any]:
    manifest = read_dataset_manifest(manifest_path)
    if manifest.kind != "text":
        raise InputError(f"{manifest_path}: '{manifest.name}' holds items, not text")
    split = manifest.split(split_name)
    check_raw(split, raw)
    tokenizer = ModelTokenizer(tokenizer_folder)
    corpus = join_corpus(manifest, split, [read_text(path) for path in raw])
    tokens = tokenizer.encode(corpus.stream)
    documents = [tokenizer.encode(document) for document in corpus.documents]
    result = base_manifest("stream", manifest.name, split_name, tokenizer, raw)
    result |= {
        "tokens": len(tokens),
        "documents": len(documents),
        "notes": corpus.notes + content_notes(split, raw),
    }
    with fresh_folder(out) as folder:
        (folder / "tokens.bin").write_bytes(np.asarray(tokens, dtype="<i4").tobytes())
        if documents:
            _write_documents(folder, documents)
        write_manifest(folder, result)
    return result
