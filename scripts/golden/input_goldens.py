"""Golden token ids and types of texts and pairs: what AutoTokenizer of transformers 5.23 gives.

Run in the environment of `scripts/setup --peers`:
    python scripts/golden/input_goldens.py > tests/data/tokenizer/inputs.json

The directories are in the output, file by file. python/tests/test_inputs.py reads it.
"""

import json
import tempfile
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece
from transformers import AutoTokenizer

_TEXTS = [
    "hello",
    "Hello w\u00f6rld, it's hello!",
    "  hello  world\n\thello ",
    "world hello [SEP] hello </s> x",
    "hello " * 12,
]
_PAIRS = [
    ("hello", "world"),
    ("Hello w\u00f6rld!", "it's hello hello hello hello hello hello hello"),
    ("hello " * 9, "x"),
    ("hello " * 7, "world " * 8),
    ("world " * 8, "hello " * 7),
    ("a b", "a b"),
]
_LENGTHS = [7, 8, 13, 64]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _bert() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "wor", "##ld", "!", ",", "'"]
    words += [*_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = [AddedToken(word, special=True, normalized=False) for word in words[:5]]
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    # As published files have them: neither counts.
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=5)
    return tokenizer


def _byte_level() -> Tokenizer:
    first = ["<s>", "<pad>", "</s>", "<unk>"]
    words = [*first, *sorted(pre_tokenizers.ByteLevel.alphabet()), "he", "ll", "hell", "hello"]
    vocabulary = {word: index for index, word in enumerate(words)}
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o")]
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(word, special=True, normalized=False) for word in first]
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _roberta() -> Tokenizer:
    tokenizer = _byte_level()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    return tokenizer


def _two_beginnings() -> Tokenizer:
    tokenizer = _byte_level()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)]
    )
    return tokenizer


_BERT = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}


def _folder(tokenizer: Tokenizer, settings: dict, model_type: str) -> dict[str, str]:
    return {
        "tokenizer.json": tokenizer.to_str(),
        "tokenizer_config.json": json.dumps(settings),
        "config.json": json.dumps({"model_type": model_type}),
    }


# Name to files, and whether the tokenizer puts a token between the texts of a pair.
_CASES = {
    "bert": (_folder(_bert(), _BERT, "bert"), True),
    "bert, cut on the left": (
        _folder(_bert(), _BERT | {"truncation_side": "left"}, "bert"),
        True,
    ),
    "roberta": (_folder(_roberta(), _FAST, "roberta"), True),
    "a first token for each text": (_folder(_two_beginnings(), _FAST, "llama"), True),
    "no special tokens": (_folder(_byte_level(), _FAST, "llama"), False),
}


def _encoded(tokenizer, inputs: list, length: int) -> list[dict]:
    def encode(texts) -> dict:
        found = tokenizer(
            *((texts,) if isinstance(texts, str) else texts),
            truncation="longest_first",
            max_length=length,
            return_token_type_ids=True,
        )
        return {"tokens": found["input_ids"], "types": found["token_type_ids"]}

    return [encode(texts) for texts in inputs]


def _case(name: str, files: dict[str, str], separates: bool) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            (Path(folder) / file).write_text(content, encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        found = {
            str(length): {
                "texts": _encoded(tokenizer, _TEXTS, length),
                "pairs": _encoded(tokenizer, _PAIRS, length) if separates else None,
            }
            for length in _LENGTHS
        }
    return {"name": name, "separates": separates, "files": files, "encoded": found}


if __name__ == "__main__":
    cases = [_case(name, *case) for name, case in _CASES.items()]
    print(json.dumps({"texts": _TEXTS, "pairs": _PAIRS, "cases": cases}, separators=(",", ":")))
