import tempfile
import unittest
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.tokenizer import ModelTokenizer
from tiny_tokenizer import write_old_form, write_tokenizer


class SpecialTokens(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name) / "model"
        self.addCleanup(self._folder.cleanup)

    def test_none_by_default(self):
        tokenizer = ModelTokenizer(write_tokenizer(self.folder))
        self.assertEqual(len(tokenizer.encode("abc")), 3)

    def test_template_adds_the_first_token(self):
        tokenizer = ModelTokenizer(write_tokenizer(self.folder, template=True))
        self.assertEqual(tokenizer.encode("abc")[0], 0)
        self.assertEqual(len(tokenizer.encode("abc")), 4)
        self.assertEqual(len(tokenizer.encode("abc", special=False)), 3)

    def test_configuration_adds_the_first_token_once(self):
        for template in (False, True):
            folder = write_tokenizer(self.folder, template, {"add_bos_token": True})
            self.assertEqual(len(ModelTokenizer(folder).encode("abc")), 4)

    def test_configuration_can_forbid_it(self):
        folder = write_tokenizer(self.folder, True, {"add_bos_token": False})
        self.assertEqual(len(ModelTokenizer(folder).encode("abc")), 3)

    def test_prompts_with_the_first_token_get_no_second(self):
        tokenizer = ModelTokenizer(write_tokenizer(self.folder, template=True))
        bare, marked = tokenizer.encode_prompts(["abc", "<s>abc"])
        self.assertEqual(bare, marked)
        self.assertEqual(bare, tokenizer.encode("abc"))

    def test_old_form_of_checkpoints(self):
        tokenizer = ModelTokenizer(write_old_form(self.folder))
        self.assertEqual(tokenizer.encode("abc")[0], 0)
        self.assertEqual(len(tokenizer.encode("abc")), 4)

    def test_hash_follows_the_configuration(self):
        first = ModelTokenizer(write_tokenizer(self.folder)).hash
        second = ModelTokenizer(write_tokenizer(self.folder, config={"add_bos_token": True})).hash
        self.assertNotEqual(first, second)

    def test_missing_files_are_named(self):
        with self.assertRaisesRegex(InputError, "neither tokenizer.json nor vocab.json"):
            ModelTokenizer(self.folder)


if __name__ == "__main__":
    unittest.main()
