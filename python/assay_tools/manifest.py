"""Reading of datasets/*.toml and models/*.toml."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.labels import LabelledRows, read_labelled_rows

JOIN_RULES = ("wikitext-rows", "lines", "endoftext-lines")
KINDS = ("text", "items", "labelled")


@dataclass(frozen=True)
class Split:
    """One split of a data set: its raw files and which of the documents in them belong to it."""

    name: str
    files: tuple[str, ...]
    sha256: tuple[str, ...] = ()
    documents: tuple[int, int] | None = None
    fetch: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetManifest:
    path: Path
    name: str
    kind: str
    join: str
    sampling: str
    splits: dict[str, Split]
    labelled: LabelledRows | None = None  #: of kind "labelled"

    def require_kind(self, kind: str) -> None:
        if self.kind != kind:
            raise InputError(f"{self.path}: '{self.name}' holds {self.kind}, not {kind}")

    def split(self, name: str) -> Split:
        if name not in self.splits:
            known = ", ".join(sorted(self.splits))
            raise InputError(f"{self.path}: no split '{name}'; it has: {known}")
        return self.splits[name]


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such manifest") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None


def require(path: Path, table: dict[str, Any], key: str, kind: type) -> Any:
    if key not in table:
        raise InputError(f"{path}: key '{key}' is missing")
    if not isinstance(table[key], kind):
        raise InputError(f"{path}: key '{key}' must be a {kind.__name__}, found {table[key]!r}")
    return table[key]


def _read_split(path: Path, name: str, table: dict[str, Any]) -> Split:
    files = require(path, table, "files", list)
    fetch = table.get("fetch", {})
    hashes = table.get("sha256", [])
    if not hashes and len(files) == 1 and "file_sha256" in fetch:
        hashes = [fetch["file_sha256"]]
    if hashes and len(hashes) != len(files):
        raise InputError(
            f"{path}: split '{name}' lists {len(files)} files but {len(hashes)} sha256 values"
        )
    documents = table.get("documents")
    if documents is not None and (len(documents) != 2 or not 0 <= documents[0] < documents[1]):
        raise InputError(f"{path}: split '{name}': documents must be [first, end), got {documents}")
    return Split(
        name=name,
        files=tuple(files),
        sha256=tuple(hashes),
        documents=tuple(documents) if documents else None,
        fetch=fetch,
    )


def read_dataset_manifest(path: Path) -> DatasetManifest:
    document = read_toml(path)
    kind = require(path, document, "kind", str)
    if kind not in KINDS:
        raise InputError(f"{path}: kind is '{kind}'; allowed: {', '.join(KINDS)}")
    join = document.get("join", "")
    if kind == "text" and join not in JOIN_RULES:
        raise InputError(f"{path}: join is '{join}'; allowed: {', '.join(JOIN_RULES)}")
    splits = require(path, document, "splits", dict)
    return DatasetManifest(
        path=path,
        name=require(path, document, "name", str),
        kind=kind,
        join=join,
        sampling=document.get("sampling", ""),
        splits={name: _read_split(path, name, table) for name, table in splits.items()},
        labelled=read_labelled_rows(path, document) if kind == "labelled" else None,
    )
