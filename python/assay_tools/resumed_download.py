"""One file of a repository into the cache of huggingface_hub, going on where an earlier try ended.

The library's own download begins again in every process (a temporary name of its own each time),
which costs hours where a shard has gigabytes. So the bytes come through its `http_get` into
blobs/<etag>.incomplete, which stays when a download is interrupted, and become blobs/<etag> only
when their hash is that of the repository. Links to blobs are left to the library.
"""

import os
from collections.abc import Callable
from pathlib import Path

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import WeakFileLock, build_hf_headers

from assay_tools.errors import SourceError
from assay_tools.hub_problems import explained, first_line
from assay_tools.repository_files import RepositoryFile, gigabytes

Tell = Callable[[int], None]

# What `http_get` collects before it writes, and so what an interruption costs.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 20


class _Watched:
    """What `http_get` needs of a file, telling how long it is by now."""

    def __init__(self, path: Path, tell: Tell):
        # Without a buffer, so that a full disk is met where it can be said.
        self._stream = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by whoever made this
        self._tell = tell

    def write(self, chunk: bytes) -> int:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._stream.write(rest) :]
        self._tell(self._stream.tell())
        return len(chunk)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._stream.truncate(size)

    def close(self) -> None:
        os.fsync(self._stream.fileno())
        self._stream.close()


class Repository:
    """A commit of a repository and its folder in the cache."""

    def __init__(self, name: str, commit: str, cache: Path):
        self.name = name
        self.commit = commit
        self.cache = cache
        folder = "--".join(["models", *name.split("/")])
        self.folder = cache / folder
        self._locks = cache / ".locks" / folder

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshots" / self.commit

    @property
    def kept_list(self) -> Path:
        """The library's own list of the commit's files."""
        return self.folder / "trees" / f"{self.commit}.json"

    def ref(self, revision: str) -> Path:
        """The file that says which commit a branch or a tag is here."""
        return self.folder / "refs" / (revision or "main")

    def blob(self, file: RepositoryFile) -> Path:
        """The Hub names blobs by the hash that it says of their content."""
        return self.folder / "blobs" / file.pin

    def places(self, file: RepositoryFile) -> list[Path]:
        """Where its bytes are. On file systems without symbolic links the library moves or copies
        blobs into snapshots."""
        found = [self.blob(file)]
        if not self._entry(file).is_symlink():
            found.append(self._entry(file))
        return [place for place in found if _has_size(place, file.size)]

    def is_here(self, file: RepositoryFile) -> bool:
        return bool(self.places(file))

    def is_in_snapshot(self, file: RepositoryFile) -> bool:
        return _has_size(self._entry(file), file.size)

    def clear_entry(self, file: RepositoryFile) -> None:
        """The library leaves alone what is in the snapshot, whatever it is."""
        self._entry(file).unlink(missing_ok=True)

    def _entry(self, file: RepositoryFile) -> Path:
        return self.snapshot / file.name

    def bytes_here(self, file: RepositoryFile) -> int:
        """Those that need not come any more."""
        if self.is_here(file):
            return file.size
        part = _part_of(self.blob(file))
        return min(part.stat().st_size, file.size) if part.is_file() else 0

    def download(self, file: RepositoryFile, tell: Tell) -> None:
        """`tell` hears how many bytes of it are here by now. Raises SourceError."""
        blob = self.blob(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        self._locks.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(self._locks / f"{blob.name}.lock"):
            if self.is_here(file):  # another program got it meanwhile
                return
            part = _part_of(blob)
            self._append(file, part, tell)
            self._check(file, part)
            os.replace(part, blob)

    def _append(self, file: RepositoryFile, part: Path, tell: Tell) -> None:
        url = hf_hub_url(self.name, file.name, revision=self.commit)
        with explained(self.name, self.commit):
            headers = build_hf_headers() | {"Accept-Encoding": "identity"}
            self._compare(file, get_hf_file_metadata(url, headers=headers))
        stream = _Watched(part, tell)
        try:
            if stream.tell() > file.size:
                stream.truncate(0)
            # From the Hub's own address: it redirects to where the bytes are, and the token goes
            # no further than to the Hub.
            http_get(
                url,
                stream,
                resume_size=stream.tell(),
                headers=headers,
                expected_size=file.size,
            )
            stream.close()
        except HfHubHTTPError:
            with explained(self.name, self.commit):
                raise
        except (httpx2.HTTPError, OSError, ValueError) as error:
            # The last of headers that are no numbers.
            raise self._interrupted(file, part, error) from None

    def _compare(self, file: RepositoryFile, metadata) -> None:
        """The address of a file says the same of it as the list of files."""
        for what, found, listed in (
            ("bytes", metadata.size, file.size),
            ("ETag", metadata.etag, file.pin),
        ):
            if found is not None and found != listed:
                raise SourceError(
                    f"{self.name}: {file.name} has {what} {listed} by the list of files and "
                    f"{found} by its own address; try again later, or without a mirror "
                    "(HF_ENDPOINT)"
                )
        if file.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
            raise SourceError(
                f"{self.name}: {file.name} has {gigabytes(file.size)}, more than the Hub gives "
                f"over plain HTTP; get it with: hf download {self.name} (it is found where that "
                "puts it)"
            )

    def _interrupted(self, file: RepositoryFile, part: Path, error: Exception) -> SourceError:
        here = gigabytes(part.stat().st_size)
        if isinstance(error, OSError) and error.errno is not None:
            return SourceError(
                f"{part}: {error.strerror} after {here} of {file.name}, which has "
                f"{gigabytes(file.size)}; make room or choose another place (HF_HOME). The same "
                "command goes on from there"
            )
        return SourceError(
            f"{self.name}: the connection broke after {here} of {file.name}, which has "
            f"{gigabytes(file.size)} ({first_line(error)}); the same command goes on from there"
        )

    def _check(self, file: RepositoryFile, part: Path) -> None:
        found = file.hash_of(part)
        if found == file.pin:
            return
        part.unlink()
        raise SourceError(
            f"{self.name}: {file.name} came with {file.pin_name} {found}, and the Hub says "
            f"{file.pin}; what came was removed. Try again; if it comes so again, a proxy or a "
            "mirror (HF_ENDPOINT) changes it"
        )


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _part_of(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")
