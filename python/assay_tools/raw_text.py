"""Text files as people have them: with a byte order mark, CRLF line ends, or in another encoding."""

import codecs
from dataclasses import dataclass, field
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.notes import BYTE_ORDER_MARK, LINE_ENDS, Note

# UTF-32 first: its little-endian mark starts with that of UTF-16.
_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_LFS_START = b"version https://git-lfs.github.com/spec/"


@dataclass
class RawText:
    """A raw file's text with LF line ends and without a byte order mark."""

    text: str
    notes: list[Note] = field(default_factory=list)


def refuse_lfs_pointer(path: Path, content: bytes) -> None:
    """`content`: the file's, or its start. Git LFS leaves a small text in place of a file that was
    not fetched."""
    if content.startswith(_LFS_START):
        raise InputError(
            f"{path}: this is a Git LFS pointer, not the file itself; allowed: the file. Run: "
            f"git -C '{path.parent}' lfs pull"
        )


def _decode(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    refuse_lfs_pointer(path, content)
    for mark, name in _OTHER_MARKS.items():
        if content.startswith(mark):
            raise InputError(f"{path}: is {name}; allowed: UTF-8 (save the file as UTF-8)")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x}"
        raise InputError(f"{path}:{line}: not UTF-8 ({found}); allowed: UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}:{line}: a NUL byte; allowed: text")
    return text


def read_raw(path: Path) -> RawText:
    """CRLF becomes LF where all lines end so: the file went through a program that wrote it that
    way. A file with both is left as it is, because its CRs may be content."""
    raw = RawText(_decode(path))
    if raw.text.startswith("\ufeff"):
        raw.text = raw.text[1:]
        raw.notes.append(Note(BYTE_ORDER_MARK, f"{path.name}: byte order mark left out"))
    pairs = raw.text.count("\r\n")
    if pairs and pairs == raw.text.count("\n"):
        raw.text = raw.text.replace("\r\n", "\n")
        raw.notes.append(Note(LINE_ENDS, f"{path.name}: CRLF line ends read as LF"))
    elif pairs:
        lines = raw.text.count("\n")
        text = f"{path.name}: {pairs} of {lines} lines end with CRLF, not read as LF; a CR stays "
        raw.notes.append(Note(LINE_ENDS, text + "where the data set's join rule keeps line ends"))
    return raw
