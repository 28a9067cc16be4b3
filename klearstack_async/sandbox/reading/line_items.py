"""Line items: the rows of an invoice's table.

Pure: facts in, rows out. A line of column headings opens the table, every amount in the amount
column below it is a row, and a sum's label closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from klearstack_async.sandbox.reading.amounts import Amount
from klearstack_async.sandbox.reading.column_labels import Role
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.item_pattern import PatternRow, pattern_rows
from klearstack_async.sandbox.reading.item_table import Column, Table, table_at
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.result import ReadField
from klearstack_async.sandbox.reading.words import Word, enclosing_box, text_of

__all__ = ["LineItems", "line_items_of"]

_MAX_ROWS = 2_000
_SUMS = frozenset({"Inv_Total", "Sub-Total", "Tax_Total"})
# In sizes of the type: one row's ragged baselines, an empty gap.
_ROW_REACH = 1.25
_TABLE_GAP = 14
_FIELD_OF_ROLE: dict[Role, str] = {
    "description": "Item_Description",
    "quantity": "Item_Quantity",
    "price": "Item_Unit_Price",
    "amount": "Item_Amount",
}


@dataclass(frozen=True, slots=True)
class LineItems:
    """The rows, and the indexes of the lines that head their columns."""

    rows: tuple[tuple[ReadField, ...], ...]
    headings: frozenset[int]


def line_items_of(facts: Facts) -> LineItems:
    """Read the rows of all tables that have headings, page by page."""
    rows: list[tuple[ReadField, ...]] = []
    headings: set[int] = set()
    after = -1
    for line in facts.layout.lines:
        if line.index <= after or len(rows) >= _MAX_ROWS:
            continue
        table = table_at(facts, line)
        if table is not None:
            found, after = _rows(facts, table)
            rows += found
            if found:
                headings.update(table.lines)
    if not rows:
        rows = [_row_of_pattern(row) for row in pattern_rows(facts)]
    return LineItems(tuple(rows[:_MAX_ROWS]), frozenset(headings))


def _row_of_pattern(row: PatternRow) -> tuple[ReadField, ...]:
    found: dict[Role, tuple[str, tuple[Word, ...]]] = {
        "quantity": row.quantity,
        "price": row.price,
        "amount": row.amount,
    }
    if row.description:
        found["description"] = (text_of(row.description), row.description)
    return _fields(found, _confidence(found))


def _fields(
    found: dict[Role, tuple[str, tuple[Word, ...]]], confidence: float
) -> tuple[ReadField, ...]:
    return tuple(
        ReadField(name, value, confidence, words[0].page, enclosing_box(words))
        for role, name in _FIELD_OF_ROLE.items()
        if role in found
        for value, words in [found[role]]
    )


def _rows(facts: Facts, table: Table) -> tuple[list[tuple[ReadField, ...]], int]:
    """Read the rows under a heading; also give the index of the last line that was looked at."""
    anchors: list[tuple[Line, Amount]] = []
    previous = table.last_line
    for line in facts.layout.lines[table.last_line.index + 1 :]:
        far = line.baseline - previous.baseline > _TABLE_GAP * table.size
        if line.page != previous.page or far or _closes(facts, line):
            break
        anchor = next(
            (a for a in reversed(_amounts(facts, line)) if _role_at(table, line, a) == "amount"),
            None,
        )
        if (
            anchor is not None
            and not _is_carried(facts, line)
            and _fits(table, anchors, line, anchor)
        ):
            anchors.append((line, anchor))
        previous = line if anchor is not None or _is_text(line) else previous
    lines = [line for line, _ in anchors]
    rows = [
        _row(facts, table, line, anchor, [other for other in lines if other is not line])
        for line, anchor in anchors
    ]
    return [row for row in rows if len(row) > 1], previous.index


def _fits(table: Table, anchors: Sequence[tuple[Line, Amount]], line: Line, anchor: Amount) -> bool:
    """Whether a number is a row's amount, and not one of a footer under the table."""
    if anchor.looks_like_money:
        return True
    column = table.column("amount")
    edges = [column.x2] if column else []
    edges += [other.words[amount.last].x2 for other, amount in anchors[-1:]]
    return any(abs(line.words[anchor.last].x2 - edge) < table.size for edge in edges)


def _is_text(line: Line) -> bool:
    return any(w.norm for w in line.words)


def _closes(facts: Facts, line: Line) -> bool:
    """Whether a line is the first of the sums under a table."""
    sums = [
        h
        for h in facts.hits.get(line.index, ())
        if h.field in _SUMS
        and h.label.strength >= 0.75
        and (h.first == 0 or line.cell_of[h.first - 1] != line.cell_of[h.first])
    ]
    has_money = any(a.looks_like_money for a in _amounts(facts, line))
    # Or a heading of sums: "Total HT | TVA | Total TTC", the amounts below it.
    return bool(sums) and (has_money or len({h.field for h in sums}) > 1)


def _is_carried(facts: Facts, line: Line) -> bool:
    """Whether a line only carries the sum of the rows so far over a page."""
    # "Transport" can also be a service with a quantity and a price.
    alone = len(_amounts(facts, line)) == 1
    return alone and any(h.field == "-carried" for h in facts.hits.get(line.index, ()))


def _amounts(facts: Facts, line: Line) -> list[Amount]:
    return facts.amounts.get(line.index, [])


def _role_at(table: Table, line: Line, amount: Amount) -> Role | None:
    """Tell the column that a number stands in: the one whose heading it lines up with best."""
    x1, x2 = line.words[amount.first].x1, line.words[amount.last].x2
    nearest = min(table.columns, key=lambda c: _misalignment(c, x1, x2))
    if _misalignment(nearest, x1, x2) > 4 * table.size:
        return None
    return nearest.role


def _misalignment(column: Column, x1: float, x2: float) -> float:
    edges = min(abs(x1 - column.x1), abs(x2 - column.x2), abs(x1 + x2 - column.x1 - column.x2) / 2)
    apart = max(0.0, x1 - column.x2, column.x1 - x2)
    return apart * 2 + edges * 0.5


def _row(
    facts: Facts, table: Table, line: Line, anchor: Amount, others: Sequence[Line]
) -> tuple[ReadField, ...]:
    found: dict[Role, tuple[str, tuple[Word, ...]]] = {
        "amount": (anchor.text, line.words[anchor.first : anchor.last + 1])
    }
    for near in _lines_of_row(facts, line, others):
        for amount in _amounts(facts, near):
            role = _role_at(table, near, amount)
            if role in {"quantity", "price"} and role not in found:
                found[role] = (amount.text, near.words[amount.first : amount.last + 1])
    description = _description(facts, table, line, others, found)
    if description:
        found["description"] = (text_of(description), description)
    return _fields(found, _confidence(found))


def _lines_of_row(facts: Facts, line: Line, others: Sequence[Line]) -> list[Line]:
    """Give the lines whose baselines are those of one row, nearest first."""
    size = line.size
    near = [line, *facts.layout.above(line, _ROW_REACH * size)]
    near += facts.layout.below(line, _ROW_REACH * size)
    mine = [n for n in near if not any(n is other for other in others)]
    return sorted(mine, key=lambda n: abs(n.baseline - line.baseline))


def _description(
    facts: Facts,
    table: Table,
    line: Line,
    others: Sequence[Line],
    found: dict[Role, tuple[str, tuple[Word, ...]]],
) -> tuple[Word, ...]:
    column = table.column("description")
    if column is None:
        return ()
    left = max((c.x2 for c in table.columns if c.x2 < column.x1), default=0.0)
    right = min((c.x1 for c in table.columns if c.x1 > column.x2), default=column.x2 + 1e6)
    taken = [w for _, words in found.values() for w in words]
    right = min([right, *(w.x1 for w in taken if w.x1 > column.x1)])
    for near in _lines_of_row(facts, line, others):
        words = [w for w in near.words if left < w.x2 and w.x2 <= right + table.size]
        words = [w for w in words if not any(w is t for t in taken)]
        aligned = [w for w in words if abs(w.x1 - column.x1) < table.size]
        # Under a centred heading the text begins farther left, but clear of the column before.
        start = min((w.x1 for w in aligned), default=left)
        words = [w for w in words if w.x1 >= start - 1]
        if any(c.isalpha() for w in words for c in w.text):
            return tuple(words)
    return ()


def _confidence(found: dict[Role, tuple[str, tuple[Word, ...]]]) -> float:
    """A row that multiplies out is surely read."""
    if "quantity" in found and "price" in found:
        product = Decimal(found["quantity"][0]) * Decimal(found["price"][0])
        right = abs(product - Decimal(found["amount"][0])) <= Decimal("0.02")
        return 0.95 if right else 0.7
    return 0.75 if "description" in found else 0.5
