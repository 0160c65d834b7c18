"""hub-get and hub-size: models of the Hugging Face Hub in the cache of huggingface_hub.

Plain HTTP throughout: Xet's protocol needs a server of its own beside the Hub's, so no mirror and
no local server has it, and a download over it cannot go on in another process.
"""

import glob
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Before the library is imported, which reads them once.
os.environ |= {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}

from huggingface_hub import snapshot_download

from assay_tools.errors import InputError, SourceError
from assay_tools.files import write_atomically
from assay_tools.hub_listing import COMMIT, ask, forget_other, kept
from assay_tools.hub_problems import Unreachable, explained
from assay_tools.repository_files import (
    INDEX,
    RepositoryFile,
    RepositoryFiles,
    gigabytes,
    has_weights,
)
from assay_tools.resumed_download import Repository

#: Kept free beside what is downloaded: the disk is others' too.
_MARGIN = 500_000_000
_REPORT_BYTES = 8_000_000


class _Progress:
    """Lines for the program that called; the last line on standard output is the result."""

    def __init__(self, repository: Repository, files: Iterable[RepositoryFile]):
        files = list(files)
        self._total = sum(file.size for file in files)
        self._done = sum(repository.bytes_here(file) for file in files)
        self._said = -_REPORT_BYTES

    def of(self, file: RepositoryFile, here: int):
        """A listener for one file, of which `here` bytes are counted already."""
        before = self._done - here

        def tell(length: int) -> None:
            self._done = before + length
            if abs(self._done - self._said) >= _REPORT_BYTES or length == file.size:
                self._said = self._done
                line = {"done": self._done, "total": self._total, "what": file.name}
                print(json.dumps({"progress": line}), flush=True)

        return tell


def _require_space(repository: Repository, files: list[RepositoryFile]) -> None:
    needed = sum(file.size - repository.bytes_here(file) for file in files)
    place = repository.cache
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed and free < needed + _MARGIN:
        raise SourceError(
            f"{repository.cache}: {gigabytes(needed)} of {repository.name} are to come and "
            f"{gigabytes(free)} are free, of which {gigabytes(_MARGIN)} stay free; make room, or "
            "choose another place (HF_HOME)"
        )


def _drop_damaged(repository: Repository, files: list[RepositoryFile]) -> list[str]:
    """Removes content that is not what the Hub says, and names its files."""
    damaged = []
    for file in files:
        bad = [place for place in repository.places(file) if file.hash_of(place) != file.pin]
        for place in bad:
            place.unlink()
        if bad:
            damaged.append(file.name)
    return damaged


def _link(repository: Repository, files: list[RepositoryFile]) -> None:
    """Puts what is here into the snapshot, and the list of all files beside it."""
    unlinked = [file for file in files if not repository.is_in_snapshot(file)]
    if not unlinked and repository.kept_list.is_file():
        return
    for file in unlinked:
        repository.clear_entry(file)
    with explained(repository.name, repository.commit):
        snapshot_download(
            repository.name,
            revision=repository.commit,
            cache_dir=repository.cache,
            allow_patterns=[glob.escape(file.name) for file in files],
        )


def _fetch(repository: Repository, files: list[RepositoryFile]) -> int:
    """Downloads what is not here and links all; returns the bytes that were to come."""
    _require_space(repository, files)
    progress = _Progress(repository, files)
    missing = [file for file in files if not repository.is_here(file)]
    came = sum(file.size - repository.bytes_here(file) for file in missing)
    for file in missing:
        repository.download(file, progress.of(file, repository.bytes_here(file)))
    _link(repository, files)
    return came


def _names_weights(repository: Repository, revision: str) -> bool:
    """Whether a model with all its weights has the name here."""
    try:
        commit = repository.ref(revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return False
    return bool(COMMIT.fullmatch(commit)) and has_weights(
        Repository(repository.name, commit, repository.cache).snapshot
    )


def _write_ref(repository: Repository, revision: str) -> None:
    """By which the revision is found without a network; last, when all of it is here."""
    if revision != repository.commit:
        write_atomically(repository.ref(revision), repository.commit.encode())


def _weights(repository: Repository, files: RepositoryFiles) -> list[RepositoryFile] | None:
    """None: only an index knows them that is not here."""
    index = files.index()
    here = index is not None and repository.is_in_snapshot(index)
    return files.weights(repository.snapshot / INDEX if here else None)


def _find(
    name: str, revision: str, cache: Path, *, commit: str, ask_again: bool
) -> tuple[Repository, RepositoryFiles]:
    """A `commit` that was looked at before is not asked for again: it has the files that it had."""
    listed = None if ask_again or not commit else kept(Repository(name, commit, cache))
    if listed is None:
        commit, listed = ask(name, commit or revision)
        forget_other(Repository(name, commit, cache), listed)
    return Repository(name, commit, cache), RepositoryFiles(name, listed)


def hub_get(
    name: str, revision: str, cache: Path, *, commit: str = "", part: str, check: bool = False
) -> dict[str, Any]:
    """`part`: "look" gets the configuration, the tokenizer and the index and names nothing by it,
    "shape" the same under the revision's name, unless a commit with its weights has that, "all"
    the weights too. `commit`: what the revision was found to be before. `check`: files that are
    here are hashed again, and damaged ones come anew."""
    repository, files = _find(name, revision, cache, commit=commit, ask_again=check)
    small = files.small()
    damaged = _drop_damaged(repository, small) if check else []
    came = _fetch(repository, small)
    weights = _weights(repository, files) or []
    if part == "all":
        damaged += _drop_damaged(repository, weights) if check else []
        came += _fetch(repository, small + weights)
    if part == "all" or (part == "shape" and not _names_weights(repository, revision)):
        _write_ref(repository, revision)
    return {
        "commit": repository.commit,
        "folder": str(repository.snapshot),
        "came": came,
        "damaged": damaged,
        **_bytes(repository, small + weights),
    }


def _bytes(repository: Repository, files: list[RepositoryFile]) -> dict[str, int]:
    return {
        "bytes": sum(file.size for file in files),
        "missing": sum(file.size - repository.bytes_here(file) for file in files),
    }


def _size(name: str, revision: str, cache: Path) -> dict[str, Any]:
    commit, listed = ask(name, revision)
    files = RepositoryFiles(name, listed)
    repository = Repository(name, commit, cache)
    weights = _weights(repository, files)
    if weights is None:
        raise SourceError(
            f"{name}: which files have its weights, and so its size, stands in its {INDEX} alone; "
            "getting it says so before they come"
        )
    return {"commit": commit, **_bytes(repository, files.small() + weights)}


def hub_sizes(models: list[str], cache: Path) -> dict[str, Any]:
    """Of each NAME@REVISION what is to come, or why that cannot be said. Downloads nothing."""
    found: list[dict[str, Any]] = []
    unreachable = ""
    for model in models:
        name, _, revision = model.partition("@")
        try:
            found.append({"problem": unreachable} if unreachable else _size(name, revision, cache))
        except Unreachable as error:
            unreachable = str(error)
            found.append({"problem": unreachable})
        except (InputError, SourceError) as error:
            found.append({"problem": str(error)})
    return {"models": found}
