"""Mistakes in raw files, collected so that one message names several of them."""

import json
from typing import Any

from assay_tools.errors import InputError

_SHOWN = 5
_LONGEST_VALUE = 60


def shown(value: Any) -> str:
    """A value as it stands in the file, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


class FieldError(Exception):
    """One field of one row is not what the recipe allows."""

    def __init__(self, field: str, found: str, allowed: str):
        super().__init__(f"'{field}' is {found}; allowed: {allowed}")


class Problems:
    """`add` keeps the first few and counts the others; `finish` raises them together."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._count = 0

    def add(self, place: str, problem: str | Exception) -> None:
        self._count += 1
        if self._count <= _SHOWN:
            self._texts.append(f"{place}: {problem}")

    def finish(self) -> None:
        if not self._count:
            return
        more = self._count - len(self._texts)
        raise InputError(" | ".join(self._texts) + (f" | and {more} more" if more else ""))
