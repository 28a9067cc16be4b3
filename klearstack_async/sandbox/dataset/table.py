"""A data file as columns and rows of text: what a CSV or XLSX file must be like to be taken.

Pure but for reading the file. The two formats have their own readers, `delimited.py` and
`spreadsheet.py`; what becomes of the rows is not decided here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from klearstack_async.sandbox.dataset.delimited import delimited_rows
from klearstack_async.sandbox.dataset.limits import DatasetError, DatasetLimits
from klearstack_async.sandbox.dataset.spreadsheet import spreadsheet_rows
from klearstack_async.sandbox.sniff import is_zip

# Microsoft's older container: .xls, and .xlsx with a password.
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_SHOWN_CHARACTERS = 100
_DEFAULT_LIMITS = DatasetLimits()


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a data file holds: each row has one text per column, in the columns' order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """Numbered rows of a file, and how the file's format calls a row."""

    rows: Generator[tuple[int, list[str]]]
    row_word: str
    may_be_short: bool


def read_dataset(
    path: Path, declared: Sequence[str], limits: DatasetLimits = _DEFAULT_LIMITS
) -> Dataset:
    """Read a file whose columns must be those declared, in whatever order. Blocking.

    The first row that isn't empty is the header; its names are stripped. Empty rows are passed
    over. Every value is kept as text, just as it stands in a CSV file.

    Raises:
        DatasetError: It can't be read, is too large, ragged, or has other columns.
    """
    source = _open(path, declared, limits)
    with closing(source.rows):
        filled = ((at, row) for at, row in source.rows if any(cell.strip() for cell in row))
        _, header = next(filled, (0, []))
        columns = _columns(header, declared, limits)
        rows = tuple(_checked(filled, columns, source, limits))
    return Dataset(columns, rows)


def _open(path: Path, declared: Sequence[str], limits: DatasetLimits) -> _Source:
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise DatasetError(
            f"The file has {size} bytes; a data file may have {limits.file_bytes} at most."
        )
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_OLE_MAGIC):
        raise DatasetError(
            "The file is an old .xls workbook or one with a password: save it as .xlsx without"
            " one, or as CSV."
        )
    if is_zip(head):
        return _Source(spreadsheet_rows(path, limits), "row", may_be_short=True)
    return _Source(delimited_rows(path.read_bytes(), declared), "line", may_be_short=False)


def _columns(header: list[str], declared: Sequence[str], limits: DatasetLimits) -> tuple[str, ...]:
    """Return the names of a header.

    Raises:
        DatasetError: They have gaps, repeat themselves, or aren't those declared.
    """
    if not header:
        raise DatasetError("The file is empty: its first row must hold the names of the columns.")
    if len(header) > limits.columns:
        raise DatasetError(
            f"The file has {len(header)} columns; a data file may have {limits.columns} at most."
        )
    names = tuple(name.strip() for name in header)
    if "" in names:
        raise DatasetError(f"Column {names.index('') + 1} of the file has no name.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"The file has more than one column {_quoted(twice)}.")
    difference = difference_of(names, declared, "the file", "fields")
    if difference:
        raise DatasetError(f"The columns of the file must be those of fields: {difference}.")
    return names


def difference_of(
    first: Sequence[str], second: Sequence[str], first_place: str, second_place: str
) -> str:
    """Say which names stand in only one of two lists; an empty text if they are the same."""
    told = []
    for names, others, place in ((first, second, first_place), (second, first, second_place)):
        known = set(others)
        lone = [_quoted(name) for name in names if name not in known]
        if lone:
            told.append(f"only {place} {'have' if place.endswith('s') else 'has'} {_listed(lone)}")
    return ", ".join(told)


def _listed(words: list[str]) -> str:
    shown = words[:10]
    rest = len(words) - len(shown)
    return " and ".join(shown) + (f" and {rest} more" if rest else "")


def _quoted(name: str) -> str:
    return f"'{name}'" if len(name) <= _SHOWN_CHARACTERS else f"'{name[:_SHOWN_CHARACTERS]}...'"


def _checked(
    rows: Iterator[tuple[int, list[str]]],
    columns: tuple[str, ...],
    source: _Source,
    limits: DatasetLimits,
) -> Iterator[tuple[str, ...]]:
    """Yield the rows, each as wide as the header.

    Raises:
        DatasetError: A row has another width, or it all becomes too much.
    """
    width, cells, characters = len(columns), 0, 0
    for at, row in rows:
        if len(row) > width or (len(row) < width and not source.may_be_short):
            raise DatasetError(
                f"The {source.row_word} {at} of the file has {len(row)} cells, but there are"
                f" {width} columns."
            )
        if max(map(len, row)) > limits.cell_characters:
            raise DatasetError(
                f"A cell in {source.row_word} {at} of the file has more than"
                f" {limits.cell_characters} characters."
            )
        cells += width
        characters += sum(map(len, row))
        if cells > limits.cells or characters > limits.characters:
            raise DatasetError(
                f"The file holds too much: {limits.cells} cells and {limits.characters}"
                f" characters are the limit, and {source.row_word} {at} goes beyond it."
            )
        yield (*row, *[""] * (width - len(row)))
