"""Rows of question files, with every field checked before anything is made of it."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError
from assay_tools.problems import FieldError, Problems, shown
from assay_tools.raw_text import read_raw


def _check_text(field: str, value: Any, empty: bool) -> str:
    allowed = "text" if empty else "text that is not empty"
    if not isinstance(value, str) or not (value or empty):
        raise FieldError(field, shown(value), allowed)
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise FieldError(field, "text with half a surrogate pair", "text that UTF-8 can write")
    return value


@dataclass(frozen=True)
class Row:
    """`place` is file:line. The methods return a field's checked value or raise FieldError."""

    place: str
    values: dict[str, Any]

    def _value(self, field: str) -> Any:
        if field not in self.values:
            found = ", ".join(sorted(map(str, self.values))) or "none"
            raise FieldError(field, f"missing (fields: {found})", "a value")
        return self.values[field]

    def text(self, field: str, empty: bool = False) -> str:
        return _check_text(field, self._value(field), empty)

    def texts(self, field: str) -> list[str]:
        """At least two: one alone would always be the answer."""
        values = self._value(field)
        if not isinstance(values, list) or len(values) < 2:
            raise FieldError(field, shown(values), "a list of two or more texts")
        return [_check_text(f"{field}[{i}]", value, False) for i, value in enumerate(values)]

    def index(self, field: str, size: int) -> int:
        """The number of one of `size` things. Neither true nor "1" nor 1.0 is one."""
        value = self._value(field)
        if type(value) is not int or not 0 <= value < size:
            raise FieldError(field, shown(value), f"an integer from 0 to {size - 1}")
        return value

    def choice(self, field: str, names: tuple[str, ...]) -> int:
        """The number of one of `names`, written as the name or as the number."""
        value = self._value(field)
        text = str(value) if type(value) is int else value
        for number, name in enumerate(names):
            if text in (name, str(number)):
                return number
        allowed = ", ".join(names)
        raise FieldError(field, shown(value), f"{allowed}, or their numbers 0 to {len(names) - 1}")

    def digit(self, field: str, size: int) -> int:
        """As `index`, from a table without types."""
        value = self._value(field)
        if value not in [str(number) for number in range(size)]:
            raise FieldError(field, shown(value), f"an integer from 0 to {size - 1}")
        return int(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the key '{twice}' stands twice; allowed: once")
    return values


def _json_row(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line, object_pairs_hook=_object)
    except RecursionError:
        raise InputError("JSON nested too deeply; allowed: one flat JSON object") from None
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
        raise InputError(f"not JSON ({reason}); allowed: one JSON object a line") from None
    if not isinstance(values, dict):
        raise InputError(f"{shown(values)}; allowed: one JSON object a line")
    return values


def json_rows(paths: list[Path], problems: Problems) -> Iterator[Row]:
    """JSON Lines. Only LF ends a line: U+2028 and the like are content; a CR is white space."""
    for path in paths:
        for number, line in enumerate(read_raw(path).text.split("\n"), start=1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                yield Row(place, _json_row(line))
            except (InputError, ValueError) as error:
                problems.add(place, error)


def _table_row(place: str, header: list[str], cells: list[str], problems: Problems) -> Row | None:
    if len(cells) == len(header):
        return Row(place, dict(zip(header, cells, strict=True)))
    problems.add(place, f"{len(cells)} columns; allowed: {len(header)} ({', '.join(header)})")
    return None


def _header_problem(header: list[str], columns: list[str]) -> str:
    """Or "". Columns without a name are not looked at."""
    if missing := [name for name in columns if name not in header]:
        return f"no column '{missing[0]}' (found: {', '.join(header) or 'nothing'})"
    if twice := [name for name in header if name and header.count(name) > 1]:
        return f"the column '{twice[0]}' stands twice; allowed: once. Remove or rename one"
    return ""


def _csv_reader(text: str) -> Any:
    # The module's own limit of a field is for files of unknown size; this text is here already.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    return csv.reader(io.StringIO(text, newline=""), strict=True)


def csv_rows(path: Path, columns: list[str], problems: Problems) -> list[Row]:
    """A CSV file with a header that names at least `columns`; a row's place is its first line."""
    reader = _csv_reader(read_raw(path).text)
    rows: list[Row] = []
    line = 1
    try:
        header = next(reader, [])
        if problem := _header_problem(header, columns):
            problems.add(f"{path}:1", problem)
            return []
        line = reader.line_num + 1
        for cells in reader:
            row = _table_row(f"{path}:{line}", header, cells, problems) if cells else None
            rows += [row] if row else []
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(f"{path}:{line}", f"not CSV ({error}); allowed: fields with closed quotes")
    return rows


_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')


def _quoted_line(table: list[list[str]]) -> int:
    """The first line of a table that was written with CSV's quoting, or 0. In such a table every
    cell with a quotation mark is wrapped in them, and doubles those inside."""
    first = 0
    for number, cells in enumerate(table, start=1):
        for cell in cells:
            if '"' not in cell:
                continue
            if not _QUOTED_CELL.fullmatch(cell):
                return 0
            if not first and '""' in cell[1:-1]:
                first = number
    return first


def tsv_rows(path: Path, columns: list[str], problems: Problems) -> Iterator[Row]:
    """A table with a header that names at least `columns`. A tab ends a cell and LF a row, always:
    there is no quoting, and a quotation mark is content."""
    table = [line.split("\t") for line in read_raw(path).text.split("\n")]
    if problem := _header_problem(table[0] if table[0] != [""] else [], columns):
        problems.add(f"{path}:1", problem)
        return
    if line := _quoted_line(table):
        problems.add(
            f"{path}:{line}",
            "cells are quoted as in CSV; allowed: cells between tabs, without quoting. Write the "
            "table again without it, or as JSON Lines",
        )
        return
    for number, cells in enumerate(table[1:], start=2):
        if cells == [""]:
            continue
        if row := _table_row(f"{path}:{number}", table[0], cells, problems):
            yield row
