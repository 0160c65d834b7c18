"""Which files a commit of a repository has, with their sizes and hashes."""

import re
from typing import Any

from huggingface_hub import HfApi

from assay_tools.errors import SourceError
from assay_tools.hub_problems import explained
from assay_tools.repository_files import RepositoryFile

_TIMEOUT_SECONDS = 10
COMMIT = re.compile(r"[0-9a-f]{40}")
_GIT_SHA1 = COMMIT
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
