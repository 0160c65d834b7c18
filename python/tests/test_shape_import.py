"""Importer "shape"."""

import json
import tempfile
import unittest
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.import_model import import_model
from tokenizers import Tokenizer

MANIFEST = """
name = "shape"
importer = "{importer}"
[config]
model_type = "opt"
vocab_size = {vocab}
"""


class ShapeImport(unittest.TestCase):
    def run_import(self, vocab: int = 300, importer: str = "shape") -> Path:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        manifest = Path(self.folder.name) / "shape.toml"
        manifest.write_text(MANIFEST.format(vocab=vocab, importer=importer))
        out = Path(self.folder.name) / "out"
        import_model(manifest, out, None)
        return out

    def test_configuration_is_copied_and_every_text_has_tokens(self) -> None:
        out = self.run_import()
        config = json.loads((out / "config.json").read_text())
        self.assertEqual(config, {"model_type": "opt", "vocab_size": 300})
        tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
        text = "añ\n☃"
        ids = tokenizer.encode(text).ids
        self.assertEqual(len(ids), len(text.encode()))
        self.assertLess(max(ids), 257)
        self.assertEqual(tokenizer.decode(ids), text)

    def test_a_vocabulary_without_room_for_the_bytes_is_refused(self) -> None:
        with self.assertRaisesRegex(InputError, "vocab_size is 256.*257"):
            self.run_import(vocab=256)

    def test_an_unknown_importer_names_the_known_ones(self) -> None:
        with self.assertRaisesRegex(InputError, "'zip'; allowed: folder, gguf, shape"):
            self.run_import(importer="zip")


if __name__ == "__main__":
    unittest.main()
