"""The heading of a table of line items: its columns, and what stands in each.

Pure: lines in, columns out. The words that head columns are in `column_labels.py`; the rows are
read in `line_items.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from klearstack_async.sandbox.reading.column_labels import Role, column_role
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import Word

__all__ = ["Column", "Table", "table_at"]

# How far apart the lines of one heading are, in sizes of the type.
_HEADING_REACH = 2.4


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, as far as its heading is wide; `role` is None for other columns."""

    role: Role | None
    x1: float
    x2: float


@dataclass(frozen=True, slots=True)
class Table:
    """A heading: its columns left to right, and the line that ends it."""

    columns: tuple[Column, ...]
    lines: tuple[int, ...]
    last_line: Line
    size: float

    def column(self, role: Role) -> Column | None:
        """Give the first column of a role."""
        return next((c for c in self.columns if c.role == role), None)


def table_at(facts: Facts, line: Line) -> Table | None:
    """Read a line as column headings, with those right above and below it."""
    columns = _headings_in(line)
    if len({c.role for c in columns if c.role}) < 2:
        return None
    if any(a.looks_like_money for a in facts.amounts.get(line.index, ())):
        return None
    size = min(w.size for w in line.words)
    lines = [line, *_heading_lines(facts, line, size)]
    for other in lines[1:]:
        columns = _merged(columns, _headings_in(other))
    last = max(lines, key=lambda found: found.index)
    roles = _settled_roles(sorted(columns, key=lambda c: c.x1))
    named = {c.role for c in roles}
    if "amount" not in named or not named & {"description", "quantity", "price"}:
        return None
    return Table(tuple(roles), tuple(found.index for found in lines), last, size)


def _heading_lines(facts: Facts, line: Line, size: float) -> Iterator[Line]:
    near = facts.layout.above(line, _HEADING_REACH * size)
    near += facts.layout.below(line, _HEADING_REACH * size)
    for other in near:
        words = other.words
        has_numbers = any(any(c.isdigit() for c in w.text) for w in words)
        if not has_numbers and any(column_role(w.norm) for w in words):
            yield other


def _headings_in(line: Line) -> list[Column]:
    columns: list[Column] = []
    for start, end in line.cells():
        columns += _columns_of_cell(line.words[start:end])
    return columns


def _columns_of_cell(words: Sequence[Word]) -> list[Column]:
    """Read a cell as one heading, or as several that stand close together."""
    whole = _role_of_words(words)
    if whole is not None or len(words) == 1:
        return [Column(_role(whole), words[0].x1, words[-1].x2)]
    columns: list[Column] = []
    i = 0
    while i < len(words):
        length, role = _longest_heading(words, i)
        part = words[i : i + length]
        if role is None and columns:
            # "Price w/o": what isn't known belongs to the heading before it.
            columns[-1] = replace(columns[-1], x2=part[-1].x2)
        else:
            columns.append(Column(_role(role), part[0].x1, part[-1].x2))
        i += length
    if any(c.role for c in columns) and len(words) <= 8:
        return columns
    return [Column(None, words[0].x1, words[-1].x2)]


def _role_of_words(words: Sequence[Word]) -> Role | None:
    """Tell a heading's role; of a bilingual one ("Menge / Qty") the first that is known."""
    whole = column_role("".join(w.norm for w in words))
    slashes = [i for i, w in enumerate(words) if w.text in {"/", "|"} or w.text.endswith("/")]
    if whole is not None or not slashes:
        return whole
    cut = slashes[0]
    first = column_role("".join(w.norm for w in words[: cut + 1]))
    return first or column_role("".join(w.norm for w in words[cut + 1 :]))


def _role(found: Role | None) -> Role | None:
    return None if found == "other" else found


def _longest_heading(words: Sequence[Word], i: int) -> tuple[int, Role | None]:
    for length in range(min(4, len(words) - i), 0, -1):
        role = column_role("".join(w.norm for w in words[i : i + length]))
        if role is not None:
            return length, role
    return 1, None


def _merged(columns: Sequence[Column], others: Sequence[Column]) -> list[Column]:
    """Put headings of another line into the columns they stand over or under."""
    merged = list(columns)
    for other in others:
        for i, column in enumerate(merged):
            if column.x1 < other.x2 and other.x1 < column.x2:
                role = column.role or other.role
                merged[i] = Column(role, min(column.x1, other.x1), max(column.x2, other.x2))
                break
        else:
            merged.append(other)
    return merged


def _settled_roles(columns: list[Column]) -> list[Column]:
    """Give each role one column; of two prices the right one is the row's amount."""
    by_role = [i for i, c in enumerate(columns) if c.role == "amount"]
    prices = [i for i, c in enumerate(columns) if c.role == "price"]
    if not by_role and prices:
        columns[prices[-1]] = replace(columns[prices[-1]], role="amount")
        prices.pop()
    for i in by_role[:-1]:
        # "Total net | VAT | Total": the last amount is what the row comes to.
        columns[i] = replace(columns[i], role=None)
    for i in prices[1:]:
        columns[i] = replace(columns[i], role=None)
    articles = [i for i, c in enumerate(columns) if c.role == "article"]
    if not any(c.role == "description" for c in columns) and articles:
        columns[articles[-1]] = replace(columns[articles[-1]], role="description")
    return columns
