"""Text files as people have them: with a byte order mark, CRLF line ends, or in another encoding."""

import codecs
from dataclasses import dataclass, field
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.notes import BYTE_ORDER_MARK, LINE_ENDS, Note

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class RawText:
    """A raw file's text with LF line ends and without a byte order mark."""

    text: str
    notes: list[Note] = field(default_factory=list)


def _decode(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    if content.startswith(_UTF16):
        raise InputError(f"{path}: is UTF-16; allowed: UTF-8 (save the file as UTF-8)")
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
        text = f"{path.name}: {pairs} of {raw.text.count(chr(10))} lines end with CRLF, kept so"
        raw.notes.append(Note(LINE_ENDS, text))
    return raw
