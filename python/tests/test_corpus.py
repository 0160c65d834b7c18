import os
import tempfile
import unittest
from pathlib import Path

from assay_tools.corpus import STRIPPED_NOTE, Corpus, join_corpus
from assay_tools.errors import InputError
from assay_tools.manifest import DatasetManifest, Split, read_dataset_manifest
from assay_tools.raw_text import RawText

_DATASETS = Path(__file__).parents[2] / "datasets"
_SPLIT = Split("t", ())


def _manifest(join: str) -> DatasetManifest:
    return DatasetManifest(Path("x.toml"), "x", "text", join, "stream", {})


def _join(join: str, *texts: str, split: Split = _SPLIT) -> Corpus:
    return join_corpus(_manifest(join), split, [RawText(text) for text in texts])


class WikitextRows(unittest.TestCase):
    def test_blank_lines_become_empty_rows(self):
        corpus = _join("wikitext-rows", " \n = A = \n \n b \n")
        self.assertEqual(corpus.stream, "\n\n = A = \n\n\n\n\n b \n")
        self.assertEqual(corpus.notes, [])

    def test_stripped_variant_is_marked(self):
        for text in ("= A =\nb\n", " \r = A = \r\n \n"):
            corpus = _join("wikitext-rows", text)
            self.assertEqual(corpus.notes, [STRIPPED_NOTE])

    def test_other_line_separators_stay_inside(self):
        corpus = _join("wikitext-rows", " \na\u2028b\x85c\n")
        self.assertEqual(corpus.stream, "\n\na\u2028b\x85c\n")

    @unittest.skipUnless(os.environ.get("ASSAY_DATA"), "ASSAY_DATA is not set")
    def test_published_file_has_the_published_size(self):
        path = Path(os.environ["ASSAY_DATA"]) / "wikitext-2-raw/wiki.test.raw"
        text = path.read_bytes().decode()
        corpus = _join("wikitext-rows", text)
        self.assertEqual(len(corpus.stream.encode()), 1_296_370)
        self.assertEqual(len(corpus.stream), 1_294_336)
        self.assertEqual(corpus.notes, [])


class Documents(unittest.TestCase):
    def test_lines_are_documents_of_the_split(self):
        split = Split("t", (), documents=(1, 3))
        corpus = _join("lines", "a\nb\nc\nd", split=split)
        self.assertEqual(corpus.documents, ["b", "c"])
        self.assertEqual(corpus.stream, "b\n\nc")

    def test_too_few_documents_are_an_error(self):
        with self.assertRaisesRegex(InputError, "documents 1 to 4, but the file has 2"):
            _join("lines", "a\nb\n", split=Split("t", (), documents=(1, 5)))

    def test_endoftext_stream_is_the_file(self):
        text = "a\nb\n<|endoftext|>\nc <|endoftext|> d\n"
        corpus = _join("endoftext-lines", text)
        self.assertEqual(corpus.stream, text)
        self.assertEqual(corpus.documents, ["a\nb\n", "c <|endoftext|> d\n"])

    def test_a_separator_may_end_with_crlf(self):
        text = "a\r\n<|endoftext|>\r\nb\n"
        corpus = _join("endoftext-lines", text)
        self.assertEqual(corpus.documents, ["a\r\n", "b\n"])
        self.assertEqual(corpus.stream, text)

    def test_files_without_a_final_line_end_stay_apart(self):
        self.assertEqual(_join("lines", "a\nb", "c\n").documents, ["a", "b", "c"])
        self.assertEqual(_join("endoftext-lines", "a\n<|endoftext|>", "b").documents, ["a\n", "b"])

    def test_mixed_line_ends_are_dropped_or_kept_by_the_rule(self):
        text = "a\r\nb\n \r\n"
        self.assertEqual(_join("lines", text).stream, "a\n\nb")
        self.assertEqual(_join("wikitext-rows", text).stream, "a\r\n\n\nb\n\n\n")
        self.assertEqual(_join("endoftext-lines", text).stream, text)

    def test_documents_without_text_are_left_out(self):
        separator = "<|endoftext|>\n"
        corpus = _join("endoftext-lines", separator + "\n \n" + separator + "a\n" + separator)
        self.assertEqual(corpus.documents, ["a\n"])
        self.assertEqual(_join("lines", "\n \na\n").documents, ["a"])


class Manifests(unittest.TestCase):
    def test_every_manifest_of_the_project_reads(self):
        paths = sorted(_DATASETS.glob("*.toml"))
        self.assertGreater(len(paths), 10)
        for path in paths:
            manifest = read_dataset_manifest(path)
            self.assertEqual(manifest.name, path.stem)
            self.assertTrue(manifest.splits)

    def test_problems_are_named(self):
        head = 'kind = "items"\nname = "x"\n'
        cases = {
            'kind = "text"\nname = "x"\njoin = "zip"\n': "join is 'zip'",
            'kind = "image"\n': "kind is 'image'",
            head: "key 'splits' is missing",
            head + '[splits.a]\nfiles = ["f"]\nsha256 = ["1", "2"]\n': "1 files",
            "kind = ": "x.toml",
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.toml"
            for text, message in cases.items():
                path.write_text(text)
                with self.subTest(text), self.assertRaisesRegex(InputError, message):
                    read_dataset_manifest(path)


if __name__ == "__main__":
    unittest.main()
