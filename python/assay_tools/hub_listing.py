"""Which files a commit of a repository has, with their sizes and hashes: by the Hub, and by the
list that the library keeps of a commit that it was asked for."""

import json
import re
from typing import Any

from huggingface_hub import HfApi

from assay_tools.errors import SourceError
from assay_tools.hub_problems import explained
from assay_tools.repository_files import RepositoryFile
from assay_tools.resumed_download import Repository

_TIMEOUT_SECONDS = 10
COMMIT = re.compile(r"[0-9a-f]{40}")
_GIT_SHA1 = COMMIT
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT_FORMAT = 1


def _file(name: str, size: Any, git_sha1: Any, sha256: Any = None) -> RepositoryFile:
    """Of what a server says. `sha256`: of a file that is stored with Git LFS."""
    pin, form = (git_sha1, _GIT_SHA1) if sha256 is None else (sha256, _SHA256)
    if size is None or pin is None:
        raise SourceError(f"the Hub says neither size nor hash of '{name}'")
    # The hash becomes the name of a file here, so it must be no path.
    if not (isinstance(size, int) and size >= 0 and isinstance(pin, str) and form.fullmatch(pin)):
        raise SourceError(
            f"'{name}' has the size {size!r} and the hash {pin!r} by the list of files, which "
            "cannot be; is HF_ENDPOINT a Hub?"
        )
    if sha256 is None:
        return RepositoryFile(name, size, git_sha1=pin)
    return RepositoryFile(name, size, sha256=pin)


def _listed(sibling) -> RepositoryFile:
    if sibling.lfs is None:
        return _file(sibling.rfilename, sibling.size, sibling.blob_id)
    return _file(sibling.rfilename, sibling.lfs.size, None, sibling.lfs.sha256 or "")


def ask(name: str, revision: str) -> tuple[str, list[RepositoryFile]]:
    """The commit that the revision is now by the Hub, and its files. Raises SourceError."""
    with explained(name, revision):
        info = HfApi().model_info(
            name, revision=revision or None, files_metadata=True, timeout=_TIMEOUT_SECONDS
        )
    commit = str(info.sha)
    if not COMMIT.fullmatch(commit):
        raise SourceError(f"{name}: the Hub does not say its commit; is HF_ENDPOINT a Hub?")
    return commit, [_listed(sibling) for sibling in info.siblings or []]


def kept(repository: Repository) -> list[RepositoryFile] | None:
    """None where there is no list, or one that cannot be read."""
    try:
        document = json.loads(repository.kept_list.read_text(encoding="utf-8"))
        if document["format_version"] != _KEPT_FORMAT:
            return None
        return [
            _file(name, one["size"], one["blob_id"], one.get("lfs_sha256"))
            for name, one in document["files"].items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SourceError):
        return None


def forget_other(repository: Repository, files: list[RepositoryFile]) -> None:
    """Removes a list that says something else than the Hub, as of a mirror that was asked before;
    the library writes a new one."""
    if set(kept(repository) or []) != set(files):
        repository.kept_list.unlink(missing_ok=True)
