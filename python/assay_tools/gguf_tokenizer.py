"""The tokenizer of a GGUF file as tokenizer.json: byte-level BPE out of its tokens and merges."""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE

from assay_tools.errors import InputError
from assay_tools.gguf_metadata import Metadata

# Kinds of tokens: text, special, and what is matched as a whole before texts are split. An unused
# token is only a place in the vocabulary, which no merge leads to.
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5


def _pre_tokenizer(metadata: Metadata) -> pre_tokenizers.PreTokenizer:
    key = "tokenizer.ggml.pre"
    name = metadata.need(key)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, byte_level])
    if name == "gpt-2":
        return byte_level
    metadata.fail(key, name, "gpt-2, smollm")


def _token(metadata: Metadata, key: str, tokens: list[str]) -> str | None:
    index = metadata.get(key)
    if index is None:
        return None
    if not 0 <= index < len(tokens):
        metadata.fail(key, index, f"a number below {len(tokens)}, the number of tokens")
    return tokens[index]


def _config(metadata: Metadata, tokens: list[str], positions: int) -> dict:
    config = {
        # The class that takes tokenizer.json as it is; GPT2Tokenizer would drop the digit rule.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": positions,
    }
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    for name, key in names.items():
        token = _token(metadata, f"tokenizer.ggml.{key}_token_id", tokens)
        if token is not None:
            config[f"{name}_token"] = token
    if metadata.get("tokenizer.ggml.add_bos_token", False):
        config["add_bos_token"] = True
    template = metadata.get("tokenizer.chat_template")
    if template is not None:
        config["chat_template"] = template
    return config


def _merges(metadata: Metadata) -> list[tuple[str, str]]:
    merges = [merge.split(" ") for merge in metadata.need("tokenizer.ggml.merges")]
    for merge in merges:
        if len(merge) != 2:
            metadata.fail(
                "tokenizer.ggml.merges", " ".join(merge), "two tokens with a space between"
            )
    return [(first, second) for first, second in merges]


def _vocabulary(metadata: Metadata) -> dict[str, int]:
    tokens = metadata.need("tokenizer.ggml.tokens")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        twice = next(token for index, token in enumerate(tokens) if vocabulary[token] != index)
        metadata.fail("tokenizer.ggml.tokens", twice, "each token once")
    return vocabulary


def _added_tokens(metadata: Metadata, tokens: list[str]) -> list[AddedToken]:
    kinds = metadata.need("tokenizer.ggml.token_type")
    if len(kinds) != len(tokens):
        metadata.fail("tokenizer.ggml.token_type", len(kinds), f"{len(tokens)} kinds, one a token")
    added = []
    for token, kind in zip(tokens, kinds, strict=True):
        if kind not in (_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED):
            metadata.fail("tokenizer.ggml.token_type", f"{kind} of '{token}'", "1, 3, 4, 5")
        if kind in (_CONTROL, _USER_DEFINED):
            added.append(AddedToken(token, special=kind == _CONTROL, normalized=False))
    return added


def _first_token(metadata: Metadata, tokens: list[str]) -> processors.PostProcessor | None:
    if not metadata.get("tokenizer.ggml.add_bos_token", False):
        return None
    key = "tokenizer.ggml.bos_token_id"
    index = metadata.need(key)
    token = _token(metadata, key, tokens)
    return processors.TemplateProcessing(single=[token, "$A"], special_tokens=[(token, index)])


def write_tokenizer(metadata: Metadata, folder: Path, positions: int) -> None:
    vocabulary = _vocabulary(metadata)
    tokens = list(vocabulary)
    merges = _merges(metadata)
    try:
        model = BPE(vocab=vocabulary, merges=merges, fuse_unk=False)
    except Exception as error:  # noqa: BLE001 - the library raises bare Exception for what does not fit
        raise InputError(f"{metadata.path}: tokenizer.ggml.merges: {error}") from None
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = _pre_tokenizer(metadata)
    tokenizer.decoder = decoders.ByteLevel()
    for token in _added_tokens(metadata, tokens):
        tokenizer.add_tokens([token])
    first = _first_token(metadata, tokens)
    if first is not None:
        tokenizer.post_processor = first
    tokenizer.save(str(folder / "tokenizer.json"))
    text = json.dumps(_config(metadata, tokens, positions), indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
