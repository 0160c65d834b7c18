"""Texts and pairs as a classifier reads them: with special tokens, and no longer than it may be."""

from collections.abc import Iterator
from dataclasses import dataclass

from assay_tools.errors import InputError
from assay_tools.tokenizer import ModelTokenizer

_AT_ONCE = 1024
_FORMS = ("none", "tokenizer", "separator")


@dataclass(frozen=True)
class Encoded:
    """`without_token`: the number of a text that gives no token, if there is one."""

    tokens: list[int]
    types: list[int]
    cut: bool = False
    without_token: int | None = None


class InputEncoder:
    """`texts` is 1, or 2 for pairs. A pair is put together as the tokenizer does it where that puts a
    token between its texts, else it is one text with `separator` between them."""

    def __init__(self, tokenizer: ModelTokenizer, texts: int, separator: str, max_tokens: int):
        self._tokenizer = tokenizer
        self._separator = separator
        self._max_tokens = max_tokens
        self._joins = texts == 2 and not tokenizer.separates_pairs
        self._parts = 1 if self._joins else texts
        fewest = tokenizer.special_count(pair=self._parts == 2) + self._parts
        if max_tokens < fewest:
            raise InputError(
                f"max_tokens is {max_tokens}; allowed: {fewest} or more, because the tokenizer in "
                f"{tokenizer.folder} adds {fewest - self._parts} special tokens"
            )

    @property
    def pair_form(self) -> str:
        """What puts the texts together: "none" for single ones, "tokenizer" or "separator"."""
        return "separator" if self._joins else _FORMS[self._parts - 1]

    def encode(self, inputs: list[tuple[str, ...]]) -> Iterator[Encoded]:
        for first in range(0, len(inputs), _AT_ONCE):
            batch = [self._input(texts) for texts in inputs[first : first + _AT_ONCE]]
            yield from map(self._encoded, self._tokenizer.encode_inputs(batch, self._max_tokens))

    def _input(self, texts: tuple[str, ...]) -> str | tuple[str, ...]:
        if self._joins:
            return self._separator.join(texts)
        return texts if self._parts == 2 else texts[0]

    def _encoded(self, one) -> Encoded:
        first = self._tokenizer.first_tokens
        parts = set(one.sequence_ids)
        missing = next((part for part in range(self._parts) if part not in parts), None)
        return Encoded(
            tokens=[*first, *one.ids],
            types=[0] * len(first) + one.type_ids,
            cut=bool(one.overflowing),
            without_token=missing,
        )
