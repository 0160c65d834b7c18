import os
import tempfile
import unittest
from pathlib import Path

from assay_tools.corpus import STRIPPED_NOTE, join_corpus
from assay_tools.errors import InputError
from assay_tools.manifest import DatasetManifest, Split, read_dataset_manifest

_DATASETS = Path(__file__).parents[2] / "datasets"


def _manifest(join: str) -> DatasetManifest:
    return DatasetManifest(Path("x.toml"), "x", "text", join, "stream", {})


class WikitextRows(unittest.TestCase):
    def test_blank_lines_become_empty_rows(self):
        corpus = join_corpus(_manifest("wikitext-rows"), Split("t", ()), [" \n = A = \n \n b \n"])
        self.assertEqual(corpus.stream, "\n\n = A = \n\n\n\n\n b \n")
        self.assertEqual(corpus.notes, [])

    def test_stripped_variant_is_marked(self):
        for text in ("= A =\nb\n", " \r\n = A = \r\n"):
            corpus = join_corpus(_manifest("wikitext-rows"), Split("t", ()), [text])
            self.assertEqual(corpus.notes, [STRIPPED_NOTE])

    def test_other_line_separators_stay_inside(self):
        corpus = join_corpus(_manifest("wikitext-rows"), Split("t", ()), [" \na\u2028b\x85c\n"])
        self.assertEqual(corpus.stream, "\n\na\u2028b\x85c\n")

    @unittest.skipUnless(os.environ.get("ASSAY_DATA"), "ASSAY_DATA is not set")
    def test_published_file_has_the_published_size(self):
        path = Path(os.environ["ASSAY_DATA"]) / "wikitext-2-raw/wiki.test.raw"
        text = path.read_bytes().decode()
        corpus = join_corpus(_manifest("wikitext-rows"), Split("t", ()), [text])
        self.assertEqual(len(corpus.stream.encode()), 1_296_370)
        self.assertEqual(len(corpus.stream), 1_294_336)
        self.assertEqual(corpus.notes, [])


class Documents(unittest.TestCase):
    def test_lines_are_documents_of_the_split(self):
        split = Split("t", (), documents=(1, 3))
        corpus = join_corpus(_manifest("lines"), split, ["a\nb\nc\nd"])
        self.assertEqual(corpus.documents, ["b", "c"])
        self.assertEqual(corpus.stream, "b\n\nc")

    def test_too_few_documents_are_an_error(self):
        with self.assertRaisesRegex(InputError, "documents 1 to 4, but the file has 2"):
            join_corpus(_manifest("lines"), Split("t", (), documents=(1, 5)), ["a\nb\n"])

    def test_endoftext_stream_is_the_file(self):
        text = "a\nb\n<|endoftext|>\nc <|endoftext|> d\n"
        corpus = join_corpus(_manifest("endoftext-lines"), Split("t", ()), [text])
        self.assertEqual(corpus.stream, text)
        self.assertEqual(corpus.documents, ["a\nb\n", "c <|endoftext|> d\n"])


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
