"""Texts and pairs as a classifier reads them."""

import json
import tempfile
import unittest
from pathlib import Path

from assay_tools.errors import InputError
from assay_tools.inputs import InputEncoder
from assay_tools.tokenizer import ModelTokenizer
from tiny_tokenizer import write_tokenizer

_GOLDEN = Path(__file__).parents[2] / "tests/data/tokenizer/inputs.json"


class Transformers(unittest.TestCase):
    """Against scripts/golden/input_goldens.py."""

    def setUp(self):
        self.golden = json.loads(_GOLDEN.read_text(encoding="utf-8"))
        self.compared = self.cut = 0

    def compare(self, tokenizer: ModelTokenizer, inputs: list, length: int, expected: list) -> None:
        encoder = InputEncoder(tokenizer, len(inputs[0]), "?", length)
        whole = InputEncoder(tokenizer, len(inputs[0]), "?", 1000).encode(inputs)
        for one, uncut, wanted in zip(encoder.encode(inputs), whole, expected, strict=True):
            self.assertEqual((one.tokens, one.types), (wanted["tokens"], wanted["types"]))
            self.assertIsNone(one.without_token)
            self.assertEqual(one.cut, len(uncut.tokens) > length)
            self.assertFalse(uncut.cut)
            self.compared += 1
            self.cut += one.cut

    def test_same_ids_and_types_at_every_length(self):
        for case in self.golden["cases"]:
            with self.subTest(case["name"]), tempfile.TemporaryDirectory() as name:
                for file, content in case["files"].items():
                    (Path(name) / file).write_text(content, encoding="utf-8")
                tokenizer = ModelTokenizer(Path(name))
                self.assertEqual(tokenizer.separates_pairs, case["separates"])
                for length, expected in case["encoded"].items():
                    texts = [(text,) for text in self.golden["texts"]]
                    self.compare(tokenizer, texts, int(length), expected["texts"])
                    if expected["pairs"] is not None:
                        pairs = [tuple(pair) for pair in self.golden["pairs"]]
                        self.compare(tokenizer, pairs, int(length), expected["pairs"])
        self.assertGreater(self.compared, 150)
        self.assertGreater(self.cut, 50)


class Forms(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def encoder(self, texts: int, length: int, separator: str = "", **options) -> InputEncoder:
        return InputEncoder(
            ModelTokenizer(write_tokenizer(self.folder, **options)), texts, separator, length
        )

    def tokens(self, text: str) -> list[int]:
        return ModelTokenizer(self.folder).encode(text)

    def test_a_pair_is_joined_where_the_tokenizer_has_no_form_for_it(self):
        for options in ({}, {"template": True}, {"config": {"add_bos_token": True}}):
            encoder = self.encoder(2, 100, " | ", **options)
            self.assertEqual(encoder.pair_form, "separator")
            (one,) = encoder.encode([("ab", "cde")])
            self.assertEqual(one.tokens, self.tokens("ab | cde"))
            self.assertEqual(one.types, [0] * len(one.tokens))
        self.assertEqual(self.encoder(1, 100).pair_form, "none")

    def test_the_first_token_counts_and_stays(self):
        for options in ({"template": True}, {"config": {"add_bos_token": True}}):
            encoder = self.encoder(1, 4, **options)
            cut, whole = encoder.encode([("abcd",), ("abc",)])
            self.assertEqual(cut.tokens, self.tokens("abc"))
            self.assertEqual((cut.cut, whole.cut), (True, False))
            self.assertEqual(cut.tokens, whole.tokens)

    def test_no_special_tokens_where_the_configuration_says_so(self):
        encoder = self.encoder(1, 3, template=True, config={"add_bos_token": False})
        (one,) = encoder.encode([("abcd",)])
        self.assertEqual(one.tokens, self.tokens("abc"))
        self.assertEqual(len(one.tokens), 3)

    def test_room_for_no_token_of_the_text_is_refused(self):
        for length in (-1, 0, 1):
            with self.assertRaisesRegex(InputError, f"max_tokens is {length}; allowed: 2 or more"):
                self.encoder(1, length, template=True)
        self.encoder(1, 2, template=True)
        with self.assertRaisesRegex(InputError, "max_tokens is 0; allowed: 1 or more"):
            self.encoder(1, 0)

    def test_a_side_to_cut_that_nobody_knows_is_refused(self):
        with self.assertRaisesRegex(InputError, 'truncation_side is "top"; allowed: left or right'):
            self.encoder(1, 9, config={"truncation_side": "top"})

    def test_other_encodings_are_not_cut_afterwards(self):
        tokenizer = ModelTokenizer(write_tokenizer(self.folder))
        list(InputEncoder(tokenizer, 1, "", 2).encode([("abc",)]))
        self.assertEqual(len(tokenizer.encode("abcdef")), 6)

    def test_many_inputs_keep_their_order(self):
        encoder = self.encoder(1, 9)
        texts = [(str(number),) for number in range(3000)]
        for (text,), one in zip(texts, encoder.encode(texts), strict=True):
            self.assertEqual(len(one.tokens), len(text))
        self.assertEqual(one.tokens, self.tokens("2999"))


if __name__ == "__main__":
    unittest.main()
