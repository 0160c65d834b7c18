"""Files as other programs leave them: the same content, or refused with file and line."""

import tempfile
import unittest
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.notes import BYTE_ORDER_MARK, LINE_ENDS
from assay_tools.raw_text import read_raw


class RawText(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name) / "raw.txt"

    def read(self, content: bytes) -> tuple[str, list[str]]:
        self.path.write_bytes(content)
        raw = read_raw(self.path)
        return raw.text, [note.code for note in raw.notes]

    def test_what_needs_nothing_is_left_alone(self):
        for text in ("", "a", "a\nb\n", "a\rb\n", "a\u2028b\x85\x0b\x1cc\n", "\n\ufeffa\n"):
            self.assertEqual(self.read(text.encode()), (text, []))

    def test_the_same_text_from_another_program(self):
        text = "one\n\ntwo é\n"
        crlf = text.replace("\n", "\r\n").encode()
        self.assertEqual(self.read(crlf), (text, [LINE_ENDS]))
        self.assertEqual(self.read(b"\xef\xbb\xbf" + text.encode()), (text, [BYTE_ORDER_MARK]))
        self.assertEqual(self.read(b"\xef\xbb\xbf" + crlf), (text, [BYTE_ORDER_MARK, LINE_ENDS]))

    def test_mixed_line_ends_are_kept_and_said(self):
        self.assertEqual(self.read(b"a\r\nb\n"), ("a\r\nb\n", [LINE_ENDS]))
        # A join rule may drop the line ends of both kinds, so it is not said that CRs stay.
        (note,) = read_raw(self.path).notes
        self.assertEqual(
            note.text,
            "raw.txt: 1 of 2 lines end with CRLF, not read as LF; a CR stays where the data set's "
            "join rule keeps line ends",
        )

    def test_what_is_no_text_is_refused_with_its_line(self):
        cases = {
            b"a\nb\xff\n": r"raw.txt:2: not UTF-8 \(byte 0xff\); allowed: UTF-8",
            "Größe\n".encode("latin-1"): r"raw.txt:1: not UTF-8 \(byte 0xf6\)",
            "a\n".encode("utf-16"): "raw.txt: is UTF-16; allowed: UTF-8",
            "\ufeffa\n".encode("utf-16-be"): "raw.txt: is UTF-16; allowed: UTF-8",
            "\ufeffa\n".encode("utf-32-le"): "raw.txt: is UTF-32; allowed: UTF-8",
            "\ufeffa\n".encode("utf-32-be"): "raw.txt: is UTF-32; allowed: UTF-8",
            b"a\nb\nc\0d\n": "raw.txt:3: a NUL byte; allowed: text",
        }
        for content, message in cases.items():
            with self.subTest(content), self.assertRaisesRegex(InputError, message):
                self.read(content)

    def test_a_git_lfs_pointer_is_no_text(self):
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4242\n"
        message = f"raw.txt: this is a Git LFS pointer.* git -C '{self.path.parent}' lfs pull"
        with self.assertRaisesRegex(InputError, message):
            self.read(pointer)
        # A text may speak of it.
        self.assertEqual(self.read(b"\n" + pointer)[1], [])

    def test_a_missing_file_is_named(self):
        with self.assertRaisesRegex(InputError, "raw.txt: no such file"):
            read_raw(self.path)


if __name__ == "__main__":
    unittest.main()
