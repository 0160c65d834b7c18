"""The key-value part of a GGUF file: every key is read, known to be harmless, or refused.

The names are those of llama.cpp's gguf-py (`gguf.constants.Keys`). A key that is neither in the
tables below nor among the rules of its architecture may change the model, so the file is refused.
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

TOKENIZER_RULES = {
    "tokenizer.ggml.model": READ,
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

FILE_RULES = {
    "general.architecture": READ,
    "general.type": only("model"),
    "split.no": only(0),
    "split.count": only(0, 1),
    "split.tensors.count": HARMLESS,
}


def shortest(value: float) -> float:
    """A float32 as the decimal that its author wrote."""
    return float(str(np.float32(value)))


# Of these groups keys are the same in every file; all others begin with the architecture.
_COMMON = ("general.", "tokenizer.", "split.")


class Metadata:
    """Reads keys; `check` refuses a file that says more than is read. Keys of the architecture are
    named without it: "block_count" is llama.block_count. Raises InputError for a file that names
    no architecture."""

    def __init__(self, reader: GGUFReader, path: Path):
        self._reader = reader
        self.path = path
        self.architecture: str = self.need("general.architecture")

    def __contains__(self, key: str) -> bool:
        return self._full(key) in self._reader.fields

    def get(self, key: str, otherwise: Any = None) -> Any:
        field = self._reader.get_field(self._full(key))
        return otherwise if field is None else field.contents()

    def need(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise InputError(f"{self.path}: metadata key '{self._full(key)}' is missing")
        return value

    def count(self, key: str, otherwise: int | None = None) -> int:
        """A positive whole number; a list would give each layer its own."""
        value = self.need(key) if otherwise is None else self.get(key, otherwise)
        if not isinstance(value, int) or value <= 0:
            self.fail(key, value, "one whole number above 0")
        return value

    def fail(self, key: str, value: Any, allowed: str):
        raise InputError(f"{self.path}: {self._problem(self._full(key), value, allowed)}")

    def check(self, rules: dict[str, Rule]) -> None:
        """`rules`: those of the architecture's own keys."""
        own = {self._full(key): rule for key, rule in rules.items()}
        all_rules = FILE_RULES | TOKENIZER_RULES | own
        problems = []
        for key, field in self._reader.fields.items():
            rule = all_rules.get(key)
            if rule is None and not key.startswith(_HARMLESS_PREFIXES):
                problems.append(f"metadata key '{key}' is not known, and may change the model")
            elif rule is not None and not rule.allows(field.contents()):
                problems.append(self._problem(key, field.contents(), rule.allowed))
        if problems:
            raise InputError(f"{self.path}: cannot be imported exactly: {'; '.join(problems)}")

    def _full(self, key: str) -> str:
        return key if key.startswith(_COMMON) else f"{self.architecture}.{key}"

    @staticmethod
    def _problem(key: str, value: Any, allowed: str) -> str:
        return f"metadata key '{key}' is {str(value)[:80]!r}; allowed: {allowed}"
