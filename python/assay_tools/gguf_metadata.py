"""The key-value part of a GGUF file: every key is read, known to be harmless, or refused.

The names are those of llama.cpp's gguf-py (`gguf.constants.Keys`). A key that is not in the tables
below may change the model, so the file is refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gguf import GGUFReader

from assay_tools.errors import InputError


class Rule(NamedTuple):
    """What a key may say."""

    allows: Callable[[Any], bool]
    allowed: str = ""


# Read where the configuration or the tokenizer is made.
READ = Rule(lambda value: True)
# Says nothing about the numbers that the model computes.
HARMLESS = READ


def only(*values: Any) -> Rule:
    return Rule(lambda value: value in values, " or ".join(map(repr, values)))


_HARMLESS_PREFIXES = ("GGUF.", "general.", "quantize.", "imatrix.", "tokenizer.chat_template")

_MODEL = {
    "block_count": READ,
    "context_length": READ,
    "embedding_length": READ,
    "feed_forward_length": READ,
    "vocab_size": READ,
    "attention.head_count": READ,
    "attention.head_count_kv": READ,
    "attention.key_length": READ,
    "attention.value_length": READ,
    "attention.layer_norm_rms_epsilon": READ,
    "attention.sliding_window": READ,
    "rope.dimension_count": READ,
    "rope.freq_base": READ,
    "rope.scale_linear": READ,
    "rope.scaling.type": only("none", "linear"),
    "rope.scaling.factor": READ,
    # Only YaRN asks for it.
    "rope.scaling.original_context_length": HARMLESS,
    "rope.scaling.finetuned": HARMLESS,
    "rope.scaling.attn_factor": only(1.0),
    # Neutral values of what other models of this architecture's programs have.
    "attention.causal": only(True),
    "attention.clamp_kqv": only(0.0),
    "attention.max_alibi_bias": only(0.0),
    "attention.scale": only(0.0),
    "attn_logit_softcapping": only(0.0),
    "final_logit_softcapping": only(0.0),
    "logit_scale": only(0.0, 1.0),
    "embedding_scale": only(0.0, 1.0),
    "residual_scale": only(0.0, 1.0),
    "expert_count": only(0),
    "expert_used_count": only(0),
    "leading_dense_block_count": only(0),
    "nextn_predict_layers": only(0),
    "pooling_type": only(0),
    "tensor_data_layout": only("Meta AI original pth"),
    "use_parallel_residual": only(False),
}

_TOKENIZER = {
    "tokenizer.ggml.model": only("gpt2"),
    "tokenizer.ggml.pre": READ,
    "tokenizer.ggml.tokens": READ,
    "tokenizer.ggml.token_type": READ,
    "tokenizer.ggml.merges": READ,
    "tokenizer.ggml.bos_token_id": READ,
    "tokenizer.ggml.eos_token_id": READ,
    "tokenizer.ggml.unknown_token_id": READ,
    "tokenizer.ggml.padding_token_id": READ,
    "tokenizer.ggml.add_bos_token": READ,
    "tokenizer.ggml.add_eos_token": only(False),
    "tokenizer.ggml.add_sep_token": only(False),
    "tokenizer.ggml.add_space_prefix": only(False),
    "tokenizer.ggml.remove_extra_whitespaces": only(False),
    "tokenizer.ggml.token_type_count": only(0, 1),
    # Byte-level BPE has no scores, and tokens for chats and for infilling stand in no plain text.
    "tokenizer.ggml.scores": HARMLESS,
    **{
        f"tokenizer.ggml.{name}_token_id": HARMLESS
        for name in (
            *("eot", "eom", "seperator", "mask", "prefix", "suffix", "middle"),
            *("fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep"),
        )
    },
}

_FILE = {
    "general.architecture": only("llama"),
    "general.type": only("model"),
    "split.no": only(0),
    "split.count": only(0, 1),
    "split.tensors.count": HARMLESS,
}

RULES = _FILE | {f"llama.{key}": rule for key, rule in _MODEL.items()} | _TOKENIZER


def shortest(value: float) -> float:
    """A float32 as the decimal that its author wrote."""
    return float(str(np.float32(value)))


class Metadata:
    """Reads keys; `check` refuses a file that says more than is read."""

    def __init__(self, reader: GGUFReader, path: Path):
        self._reader = reader
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._reader.fields

    def get(self, key: str, otherwise: Any = None) -> Any:
        field = self._reader.get_field(key)
        return otherwise if field is None else field.contents()

    def need(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise InputError(f"{self.path}: metadata key '{key}' is missing")
        return value

    def count(self, key: str, otherwise: int | None = None) -> int:
        """A positive whole number; a list would give each layer its own."""
        value = self.need(key) if otherwise is None else self.get(key, otherwise)
        if not isinstance(value, int) or value <= 0:
            self.fail(key, value, "one whole number above 0")
        return value

    def fail(self, key: str, value: Any, allowed: str):
        raise InputError(f"{self.path}: {self._problem(key, value, allowed)}")

    @staticmethod
    def _problem(key: str, value: Any, allowed: str) -> str:
        return f"metadata key '{key}' is {str(value)[:80]!r}; allowed: {allowed}"

    def check(self) -> None:
        problems = []
        for key in self._reader.fields:
            rule = RULES.get(key)
            if rule is None and not key.startswith(_HARMLESS_PREFIXES):
                problems.append(f"metadata key '{key}' is not known, and may change the model")
            elif rule is not None and not rule.allows(self.get(key)):
                problems.append(self._problem(key, self.get(key), rule.allowed))
        if problems:
            raise InputError(f"{self.path}: cannot be imported exactly: {'; '.join(problems)}")
