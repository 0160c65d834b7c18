"""What a manifest of kind "labelled" says of its rows: one text or two, and a class."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError


@dataclass(frozen=True)
class LabelledRows:
    text: tuple[str, ...]  #: the columns of the text, or of the two texts of a pair
    label: str  #: the column of the class
    labels: tuple[str, ...]  #: names of the classes, by number
    separator: str = ""  #: joins a pair for tokenizers that have no form of their own for pairs


def _texts(path: Path, document: dict[str, Any]) -> tuple[str, ...]:
    columns = document.get("text")
    right = isinstance(columns, list) and 1 <= len(columns) <= 2 and len(set(columns)) == len(columns)
    if not right or not all(isinstance(name, str) and name for name in columns):
        raise InputError(
            f"{path}: text is {columns!r}; allowed: the name of a column, or the two of a pair, as a "
            'list: text = ["sentence"]'
        )
    return tuple(columns)


def _label(path: Path, document: dict[str, Any], texts: tuple[str, ...]) -> str:
    column = document.get("label")
    if not isinstance(column, str) or not column or column in texts:
        raise InputError(
            f"{path}: label is {column!r}; allowed: the name of the column of the class, which is "
            f"none of the text ({', '.join(texts)})"
        )
    return column


def _labels(path: Path, document: dict[str, Any]) -> tuple[str, ...]:
    table = document.get("labels")
    if not isinstance(table, dict) or len(table) < 2:
        raise InputError(
            f"{path}: labels is {table!r}; allowed: a table of two or more classes with their "
            "numbers: labels = {negative = 0, positive = 1}"
        )
    numbers = list(table.values())
    if not all(type(number) is int for number in numbers) or sorted(numbers) != list(
        range(len(table))
    ):
        raise InputError(
            f"{path}: labels is {table!r}; allowed: each number from 0 to {len(table) - 1} once"
        )
    for name, number in table.items():
        # A row may say the number in the place of the name: it must not mean another class.
        if not name.strip() or (name.isdecimal() and name != str(number)):
            raise InputError(
                f"{path}: labels calls class {number} {name!r}; allowed: a name that is not empty and "
                "not the number of another class"
            )
    return tuple(sorted(table, key=table.__getitem__))


def _separator(path: Path, document: dict[str, Any], texts: tuple[str, ...]) -> str:
    separator = document.get("separator")
    if len(texts) == 1 and separator is not None:
        raise InputError(f"{path}: separator is {separator!r}; allowed: none beside a single text")
    if len(texts) == 2 and not (isinstance(separator, str) and separator):
        raise InputError(
            f"{path}: separator is {separator!r}; allowed: what stands between the two texts for "
            'tokenizers that have no form of their own for pairs: separator = "\\n"'
        )
    return separator or ""


def read_labelled_rows(path: Path, document: dict[str, Any]) -> LabelledRows:
    texts = _texts(path, document)
    return LabelledRows(
        text=texts,
        label=_label(path, document, texts),
        labels=_labels(path, document),
        separator=_separator(path, document, texts),
    )
