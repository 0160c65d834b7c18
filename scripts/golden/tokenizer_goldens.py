"""Golden token ids of small model directories: what AutoTokenizer of transformers 5.23 gives.

Run in the environment of `scripts/setup --peers`:
    python scripts/golden/tokenizer_goldens.py > tests/data/tokenizer/golden.json

The directories are in the output, file by file. python/tests/test_tokenizer.py reads it.
"""

import json
import tempfile
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoTokenizer

_MERGES = ["h e", "l l", "he ll", "hell o", "\u0120 w", "\u0120w o", "i n", "\u0120 hello"]
_TEXTS = [
    "",
    "hello world",
    " hello  world\n\n\thello",
    "hello</s>world <pad> <s>",
    "<|endoftext|>hello<|endoftext|> hello",
    "in <new> hello<new>in <extra>in",
    "it's 2026: na\u00efve \u2603 \U0001f600\u0085\u2028x",
]
_END = "<|endoftext|>"


def _vocabulary(first: list[str]) -> dict[str, int]:
    tokens = [*first, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens += [merge.replace(" ", "") for merge in _MERGES]
    return {token: index for index, token in enumerate(tokens)}


def _dump(document) -> str:
    return json.dumps(document, ensure_ascii=False)


def _folder(model_type: str, first: list[str], **files) -> dict[str, str]:
    """Contents by name; keywords are names with "_json" for ".json"."""
    contents = {
        "config.json": _dump({"model_type": model_type}),
        "vocab.json": _dump(_vocabulary(first)),
        "merges.txt": "#version: 0.2\n" + "\n".join(_MERGES) + "\n",
    }
    return contents | {name.removesuffix("_json") + ".json": _dump(d) for name, d in files.items()}


def _token(content: str, **flags) -> dict:
    plain = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"content": content} | plain | flags


def _whole(folder: dict[str, str]) -> dict[str, str]:
    """The same with tokenizer.json in the place of its vocabulary and merges."""
    merges = [tuple(merge.split(" ")) for merge in _MERGES]
    tokenizer = Tokenizer(BPE(vocab=json.loads(folder["vocab.json"]), merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    rest = {k: v for k, v in folder.items() if k not in ("vocab.json", "merges.txt")}
    return rest | {"tokenizer.json": tokenizer.to_str()}


def _cases() -> dict[str, dict[str, str]]:
    four = ["<s>", "<pad>", "</s>", "<unk>"]
    names = {name: "</s>" for name in ("bos_token", "eos_token", "unk_token")}
    published_map = {k: _token(v) for k, v in names.items()} | {"pad_token": "<pad>"}
    published = {
        "errors": "replace",
        "unk_token": _token("</s>", __type="AddedToken"),
        "bos_token": _token("</s>", __type="AddedToken"),
        "eos_token": _token("</s>", __type="AddedToken"),
        "pad_token": _token("<pad>", __type="AddedToken"),
        "add_prefix_space": False,
        "add_bos_token": True,
        "tokenizer_class": "GPT2Tokenizer",
    }
    opt = _folder(
        "opt", four, special_tokens_map_json=published_map, tokenizer_config_json=published
    )
    size = len(_vocabulary(four))
    added = {"<new>": size, "<other>": size + 1}
    decoder = {
        str(size): _token("<new>", lstrip=True, rstrip=True, normalized=False, special=False),
        "2": _token("</s>", normalized=False, special=True),
    }
    plain = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    return {
        "gpt2": _folder("gpt2", [_END], tokenizer_config_json={"model_max_length": 64}),
        "gpt2 without any configuration": _folder("gpt2", []),
        "opt as published": opt,
        "opt without its configuration": _folder(
            "opt", four, special_tokens_map_json=published_map
        ),
        "opt without the first token": opt
        | {"tokenizer_config.json": _dump(published | {"add_bos_token": False})},
        "the map overrules": opt
        | {"special_tokens_map.json": _dump(published_map | {"bos_token": "<s>"})},
        "added tokens without flags": opt | {"added_tokens.json": _dump(added)},
        "added tokens with flags": opt
        | {
            "tokenizer_config.json": _dump(published | {"added_tokens_decoder": decoder}),
            "special_tokens_map.json": _dump({"bos_token": "<s>"}),
        },
        "named tokens behind the vocabulary": opt
        | {
            "tokenizer_config.json": _dump(published | {"extra_special_tokens": ["<extra>"]}),
            "special_tokens_map.json": _dump({"pad_token": "<new>"}),
        },
        "space before the text": opt
        | {"tokenizer_config.json": _dump(published | {"add_prefix_space": True})},
        "whole": _whole(_folder("llama", four, tokenizer_config_json=plain)),
        "whole with more tokens": _whole(
            _folder(
                "llama",
                four,
                tokenizer_config_json=plain | {"extra_special_tokens": ["<extra>"]},
                special_tokens_map_json={"pad_token": "<pad>"},
                added_tokens_json={"<new>": size},
            )
        ),
        "whole with listed tokens": _whole(
            _folder("llama", four, tokenizer_config_json=plain | {"added_tokens_decoder": decoder})
        ),
    }


def _ids(files: dict[str, str]) -> list[list[int]]:
    with tempfile.TemporaryDirectory() as name:
        for file, content in files.items():
            (Path(name) / file).write_text(content, encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(name)
        return [tokenizer(text)["input_ids"] for text in _TEXTS]


if __name__ == "__main__":
    found = [{"name": n, "files": f, "ids": _ids(f)} for n, f in _cases().items()]
    print(json.dumps({"texts": _TEXTS, "cases": found}, indent=1))
