"""Rows of a table to the text of a CSV file, a bounded number of rows at a time. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from klearstack_async.values import number_text

__all__ = ["TableRow", "cell_text", "columns_and_rows", "csv_pieces"]

# The values are text, numbers, flags, dates or None. Not said by the type: a list of both texts
# and numbers is, to a type checker, a list of objects.
TableRow = Mapping[str, Any] | Sequence[Any]

# So many cells take about two milliseconds: what is done between two turns of the loop.
_CELLS_AT_A_TIME = 3000


def columns_and_rows(
    rows: Iterable[TableRow], columns: Iterable[str] | None
) -> tuple[tuple[str, ...], Iterable[TableRow]]:
    """Say which columns the rows have: those given, or else the keys of the first row.

    Raises:
        ValueError: There are no rows, or no columns, or a column stands there twice.
    """
    if columns is None:
        iterator = iter(rows)
        first = next(iterator, None)
        if first is None:
            raise ValueError("there are no rows")
        if not isinstance(first, Mapping):
            raise ValueError("rows that are no mappings don't name their columns; pass columns=")
        columns, rows = first.keys(), chain([first], iterator)
    names = tuple(columns)
    if not names or len(set(names)) < len(names) or not all(names):
        raise ValueError(f"columns are names, each once, not {list(names)}")
    return names, rows


def csv_pieces(columns: Sequence[str], rows: Iterable[TableRow]) -> Iterator[bytes]:
    """Write a CSV file (UTF-8, with commas) piece by piece; the columns stand in its first line.

    Raises:
        ValueError: A row has a column that isn't there, or too few or too many values; the
            message says which row (counted from 1).
        TypeError: A value is none that a cell can hold.
    """
    yield _text([columns])
    numbered = enumerate(rows, 1)
    known = frozenset(columns)
    while batch := list(islice(numbered, max(1, _CELLS_AT_A_TIME // len(columns)))):
        yield _text([_cells(number, row, columns, known) for number, row in batch])


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cells(number: int, row: TableRow, columns: Sequence[str], known: frozenset[str]) -> list[str]:
    where = f"row {number}"
    if isinstance(row, Mapping):
        unknown = [name for name in row if name not in known]
        if unknown:
            raise ValueError(f"{where} has {unknown[0]!r}, which is none of {list(columns)}")
        return [cell_text(row.get(name), where) for name in columns]
    if isinstance(row, str | bytes) or not isinstance(row, Sequence):
        raise TypeError(f"{where} is a mapping or a list of values, not {row!r}")
    if len(row) != len(columns):
        raise ValueError(f"{where} has {len(row)} values for {len(columns)} columns")
    return [cell_text(value, where) for value in row]


def cell_text(value: Any, where: str) -> str:
    """Write the value of a cell as text; dates in ISO, None as nothing.

    Args:
        value: Text, a number, a flag, a date or an instant, or None.
        where: Which cell it is, for the error.

    Raises:
        TypeError: It is something else.
        ValueError: It is a number that isn't finite.
    """
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            try:
                return write(value)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
    raise TypeError(f"{where}: a cell holds text, a number, a flag or a date, not {value!r}")


# The first that fits counts: a flag is an int, too. An enumeration's member is what it stands for.
_WRITERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, str.__str__),
    (bool, lambda value: "true" if value else "false"),
    (int, lambda value: str(int(value))),
    (float | Decimal, number_text),
    (date, lambda value: value.isoformat()),
    (type(None), lambda _: ""),
)
