"""Hashes and atomic writes."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_CHUNK = 1 << 20


def sha256_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_files(paths: list[Path]) -> str:
    """One hash of several files' contents; names do not count, order does."""
    return hashlib.sha256("\n".join(sha256_file(path) for path in paths).encode()).hexdigest()


@contextlib.contextmanager
def _fresh_name(target: Path, make: Callable[[Path], str]) -> Iterator[Path]:
    """A name ".NAME.xxxxxxxx.tmp" beside `target` that is locked until the block ends.

    The lock says that this program lives: `assay run` removes such names that nobody holds, which
    could be this one in the moment before it is locked.
    """
    while True:
        name = make(target)
        try:
            descriptor = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            with contextlib.suppress(OSError):  # where locks do not work, nobody takes it either
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not os.path.exists(name):
                continue
            yield Path(name)
            return
        finally:
            os.close(descriptor)


def _make_folder(target: Path) -> str:
    return tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)


def _make_file(target: Path) -> str:
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=".tmp", dir=target.parent
    )
    os.close(descriptor)
    return name


@contextlib.contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """A temporary sibling that becomes `target` when the block ends without an exception.

    An existing `target` is replaced, so that a damaged cache entry can be prepared again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _fresh_name(target, _make_folder) as temporary:
        try:
            yield temporary
            temporary.chmod(0o755)
            if target.exists():
                with _fresh_name(target, _make_folder) as old:
                    os.rename(target, old / "content")
                    os.rename(temporary, target)
                    shutil.rmtree(old)
            else:
                os.rename(temporary, target)
        except OSError as error:
            # A failed write does not say of which file.
            error.filename = error.filename or str(target)
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _fresh_name(path, _make_file) as name:
        try:
            with open(name, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o644)
            os.rename(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
