"""The tokenizer of a GGUF file as tokenizer.json: byte-level BPE out of its tokens and merges."""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from assay_tools.errors import InputError

_CONTROL_TOKEN = 3


def _pre_tokenizer(name: str) -> pre_tokenizers.PreTokenizer:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, byte_level])
    if name == "gpt-2":
        return byte_level
    raise InputError(f"pre-tokenizer '{name}' is not known; known: gpt-2, smollm")


def _config(metadata, tokens: list[str], positions: int) -> dict:
    config = {
        # The class that takes tokenizer.json as it is; GPT2Tokenizer would drop the digit rule.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": positions,
    }
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    for name, key in names.items():
        token = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if token is not None:
            config[f"{name}_token"] = tokens[token]
    template = metadata.get("tokenizer.chat_template")
    if template is not None:
        config["chat_template"] = template
    return config


def write_tokenizer(metadata, folder: Path, positions: int) -> None:
    kind = metadata.need("tokenizer.ggml.model")
    if kind != "gpt2":
        raise InputError(f"tokenizer model is '{kind}'; only byte-level BPE (gpt2) is supported")
    if metadata.get("tokenizer.ggml.add_bos_token", False):
        raise InputError("tokenizers that add a first token are not supported in GGUF import")
    tokens = metadata.need("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in metadata.need("tokenizer.ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    tokenizer.pre_tokenizer = _pre_tokenizer(metadata.get("tokenizer.ggml.pre", "gpt-2"))
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata.need("tokenizer.ggml.token_type")
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    text = json.dumps(_config(metadata, tokens, positions), indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
