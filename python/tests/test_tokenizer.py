import json
import os
import re
import tempfile
import unittest
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.tokenizer import ModelTokenizer
from assay_tools.tokenizer_files import TokenizerFiles
from tiny_tokenizer import write_old_form, write_tokenizer

_GOLDEN = Path(__file__).parents[2] / "tests/data/tokenizer/golden.json"


def _write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


class Transformers(unittest.TestCase):
    """Token ids of small directories against scripts/golden/tokenizer_goldens.py."""

    def test_same_ids(self):
        golden = json.loads(_GOLDEN.read_text(encoding="utf-8"))
        self.assertGreater(len(golden["cases"]), 10)
        for case in golden["cases"]:
            with self.subTest(case["name"]), tempfile.TemporaryDirectory() as folder:
                tokenizer = ModelTokenizer(_write(Path(folder), case["files"]))
                self.assertEqual([tokenizer.encode(text) for text in golden["texts"]], case["ids"])


class Identity(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name) / "model"
        self.addCleanup(self._folder.cleanup)

    def test_the_hash_is_the_programs(self):
        # harness/checkpoint/checkpoint_test.cpp has the same files and the same hash.
        files = {
            "config.json": '{"model_type": "llama", "hidden_size": 8}',
            "tokenizer_config.json": '{"add_bos_token": true}',
            "merges.txt": "#version: 0.2\n",
        }
        self.assertEqual(
            TokenizerFiles(_write(self.folder, files)).hash,
            "9f4a24b947422aa5dc40f096f43d01e4f5ab6f348f9d240d15a0e87d5b5a0086",
        )

    def test_every_file_counts_and_links_do_not(self):
        write_tokenizer(self.folder)
        seen = {ModelTokenizer(self.folder).hash}
        changes = {
            "tokenizer_config.json": '{"bos_token": "<s>", "add_bos_token": true}',
            "special_tokens_map.json": '{"eos_token": "<s>"}',
            "added_tokens.json": '{"<new>": 257}',
            "vocab.json": '{"a": 0}',
            "merges.txt": "a a\n",
            "config.json": '{"model_type": "opt"}',
        }
        for name, content in changes.items():
            (self.folder / name).write_text(content)
            seen.add(ModelTokenizer(self.folder).hash)
        self.assertEqual(len(seen), 1 + len(changes))
        before = ModelTokenizer(self.folder).hash
        os.rename(self.folder / "tokenizer.json", self.folder / "blob")
        os.symlink("blob", self.folder / "tokenizer.json")
        self.assertEqual(ModelTokenizer(self.folder).hash, before)

    def test_what_is_hashed_is_what_encodes(self):
        tokenizer = ModelTokenizer(write_tokenizer(self.folder))
        before = tokenizer.hash
        write_tokenizer(self.folder, template=True)
        self.assertEqual(tokenizer.hash, before)
        self.assertNotEqual(ModelTokenizer(self.folder).hash, before)


class Refusals(unittest.TestCase):
    """What would change token ids and is not done here."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name) / "model"
        self.addCleanup(self._folder.cleanup)

    def _refused(self, text: str):
        with self.assertRaisesRegex(InputError, text):
            ModelTokenizer(self.folder)

    def test_settings(self):
        for key in ("add_eos_token", "split_special_tokens"):
            write_tokenizer(self.folder, config={key: True})
            self._refused(f"{key} is True")
        write_tokenizer(self.folder, config={"add_prefix_space": True})
        self._refused("add_prefix_space is True in tokenizer_config.json and False in tok")

    def test_switches_of_bert_that_contradict_its_normalizer(self):
        path = write_tokenizer(self.folder) / "tokenizer.json"
        document = json.loads(path.read_text())
        document["normalizer"] = {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        }
        path.write_text(json.dumps(document))
        settings = self.folder / "tokenizer_config.json"
        for key in ("do_lower_case", "tokenize_chinese_chars"):
            settings.write_text(json.dumps({key: False}))
            self._refused(f"{key} is False in tokenizer_config.json and True in tokenizer.json")
        settings.write_text('{"do_lower_case": true, "strip_accents": false}')
        tokenizer = ModelTokenizer(self.folder)
        self.assertEqual(tokenizer.encode("AB"), tokenizer.encode("ab"))

    def test_switches_are_no_words_and_no_numbers(self):
        for key in ("add_bos_token", "add_eos_token", "add_prefix_space", "do_lower_case"):
            for value in ("false", "true", "", 0, 1, 0.0, [], {}):
                write_tokenizer(self.folder, config={key: value})
                found = re.escape(json.dumps(value))
                self._refused(f"tokenizer_config.json: {key} is {found}; allowed: true, false or n")
            write_tokenizer(self.folder, config={key: None})
            self.assertEqual(ModelTokenizer(self.folder).encode("ab"), [65, 66])
        write_old_form(self.folder)
        (self.folder / "tokenizer_config.json").write_text('{"add_prefix_space": "false"}')
        (self.folder / "config.json").write_text('{"model_type": "gpt2"}')
        self._refused('add_prefix_space is "false"; allowed')

    def test_dropout(self):
        path = write_tokenizer(self.folder) / "tokenizer.json"
        document = json.loads(path.read_text())
        for dropout in (0.5, 0.1, 1.0):
            document["model"]["dropout"] = dropout
            path.write_text(json.dumps(document))
            self._refused(f"tokenizer.json: model.dropout is {dropout:g}, .* allowed: null")
        for dropout in (None, 0.0):
            document["model"]["dropout"] = dropout
            path.write_text(json.dumps(document))
            self.assertEqual(ModelTokenizer(self.folder).encode("ab"), [65, 66])

    def test_lists_of_added_tokens_that_are_none(self):
        for decoder in ([], None, {"x": {"content": "<s>"}}, {"0": {"lstrip": True}}, {"0": 1}):
            write_tokenizer(self.folder, config={"added_tokens_decoder": decoder})
            self._refused("tokenizer_config.json: added_tokens_decoder .*; allowed: ")
        token = {"content": "<s>", "lstrip": "false"}
        write_tokenizer(self.folder, config={"added_tokens_decoder": {"0": token}})
        self._refused("true or false for single_word, lstrip")

    def test_vocabularies_of_other_classes(self):
        write_old_form(self.folder)
        config = self.folder / "tokenizer_config.json"
        config.write_text('{"tokenizer_class": "Qwen2Tokenizer"}')
        self._refused("'Qwen2Tokenizer'; allowed without a tokenizer.json: GPT2Tokenizer")
        config.unlink()
        (self.folder / "config.json").write_text('{"model_type": "qwen2"}')
        self._refused("model type 'qwen2'")

    def test_files_that_do_not_fit(self):
        write_old_form(self.folder)
        (self.folder / "merges.txt").write_text("#version: 0.2\na b c\n")
        self._refused("merges.txt, line 2: 'a b c'")
        (self.folder / "merges.txt").write_text("a bb\n")
        self._refused("vocab.json with merges.txt: ")
        write_tokenizer(self.folder)
        (self.folder / "added_tokens.json").write_text('{"<new>": 300}')
        self._refused("'<new>' is said to have id 300, and gets 257")


class SpecialTokens(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name) / "model"
        self.addCleanup(self._folder.cleanup)

    def test_the_configurations_flags_count(self):
        # Ids of AutoTokenizer of transformers 5.24 for the same directories; tokenizer.json has <s>
        # without these flags. Byte by byte: a is 65, a space 221, a line feed 199, B 34.
        text = "a <s>\nB a<s>"
        cases = {
            (): [65, 221, 0, 199, 34, 221, 65, 0],
            ("lstrip",): [65, 0, 199, 34, 221, 65, 0],
            ("rstrip",): [65, 221, 0, 34, 221, 65, 0],
            ("lstrip", "rstrip"): [65, 0, 34, 221, 65, 0],
            ("single_word",): [65, 221, 0, 199, 34, 221, 65, 28, 83, 30],
        }
        for special in (True, False):
            for flags, ids in cases.items():
                token = {"content": "<s>", "normalized": False, "special": special}
                config = {"added_tokens_decoder": {"0": token | dict.fromkeys(flags, True)}}
                tokenizer = ModelTokenizer(write_tokenizer(self.folder, config=config))
                with self.subTest(flags=flags, special=special):
                    self.assertEqual(tokenizer.encode(text), ids)
                    self.assertEqual(tokenizer.prefix_token, 0)

    def test_added_tokens_of_the_older_form_overrule_nothing(self):
        write_tokenizer(self.folder)
        path = self.folder / "tokenizer.json"
        document = json.loads(path.read_text())
        document["added_tokens"][0]["lstrip"] = True
        path.write_text(json.dumps(document))
        (self.folder / "added_tokens.json").write_text('{"<s>": 0}')
        self.assertEqual(ModelTokenizer(self.folder).encode("a <s>"), [65, 0])

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
