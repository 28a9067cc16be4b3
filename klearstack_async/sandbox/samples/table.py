"""The table of an invoice's items: columns, rows of one or more lines, and turning the page.

A table that doesn't fit is cut between two rows, with the sum so far carried over. How the new page
starts is told by the layout.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from klearstack_async.sandbox.samples.model import Colour, Invoice, Item
from klearstack_async.sandbox.samples.sheet import PALE, Align, Ink, Sheet

PADDING = 1.6


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its key; width 0 takes what the others leave."""

    key: str
    width: float = 0
    align: Align = "L"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a table is drawn; without a colour the part is left out."""

    head: Ink
    body: Ink
    head_fill: Colour | None = None
    stripe: Colour | None = None
    line: Colour | None = PALE
    grid: bool = False
    padding: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the table may stand: `bottom` holds on every page, for it and the rows to carry."""

    left: float
    right: float
    top: float
    bottom: float
    turn_page: Callable[[], float]


def _rates(invoice: Invoice, row: Item) -> str:
    rates = [each.percent for each in invoice.levies if each.group == row.group]
    return invoice.locale.write_rate(sum(rates, Decimal(0)))


# What stands in a column of each key; its heading is the word of the same name.
CELLS: dict[str, Callable[[Invoice, Item, int], str]] = {
    "position": lambda _invoice, _row, position: str(position),
    "sku": lambda _invoice, row, _position: row.sku,
    "item": lambda _invoice, row, _position: row.text,
    "quantity": lambda invoice, row, _position: invoice.locale.write_quantity(row.quantity),
    "unit": lambda _invoice, row, _position: row.unit,
    "price": lambda invoice, row, _position: invoice.locale.write_amount(row.price),
    "rate": lambda invoice, row, _position: _rates(invoice, row),
    "amount": lambda invoice, row, _position: invoice.locale.write_amount(row.amount),
}


def columns_for(invoice: Invoice, *columns: Column) -> tuple[Column, ...]:
    """Drop the columns that would stay empty on this invoice."""
    filled = {
        "sku": any(row.sku for row in invoice.items),
        "unit": any(row.unit for row in invoice.items),
        "rate": bool(invoice.levies),
    }
    return tuple(column for column in columns if filled.get(column.key, True))


def draw_items(
    sheet: Sheet, invoice: Invoice, columns: tuple[Column, ...], look: Look, place: Place
) -> float:
    """Draw all items, over as many pages as they need, and return where the table ends."""
    table = _Table(sheet, invoice, _spread(columns, place.right - place.left), look, place)
    table.draw_head(place.top)
    for position, row in enumerate(invoice.items, 1):
        table.draw_item(row, position)
    return table.y


def _spread(columns: tuple[Column, ...], width: float) -> tuple[Column, ...]:
    rest = width - sum(column.width for column in columns)
    return tuple(replace(column, width=column.width or rest) for column in columns)


@dataclass(slots=True)
class _Table:
    """The table being drawn: where the next row starts, and the sum so far."""

    sheet: Sheet
    invoice: Invoice
    columns: tuple[Column, ...]
    look: Look
    place: Place
    y: float = 0
    sum_so_far: Decimal = field(default_factory=Decimal)

    def draw_head(self, top: float) -> None:
        self.y = top
        words = self.invoice.locale.words
        titles = {column.key: [getattr(words, column.key)] for column in self.columns}
        self._draw_row(titles, self.look.head, self.look.head_fill)

    def draw_item(self, row: Item, position: int) -> None:
        texts = {
            column.key: CELLS[column.key](self.invoice, row, position) for column in self.columns
        }
        cells = {column.key: self._lines(texts[column.key], column) for column in self.columns}
        if self.y + 2 * self._height(cells, self.look.body) > self.place.bottom:
            self._carry_over()
        self._draw_row(cells, self.look.body, self.look.stripe if position % 2 == 0 else None)
        self.sum_so_far += row.amount

    def _lines(self, text: str, column: Column) -> list[str]:
        if column.key != "item":
            return [text]
        return self.sheet.wrap(text, self.look.body, column.width - 2 * PADDING)

    def _carry_over(self) -> None:
        words = self.invoice.locale.words
        self._draw_sum(words.carried)
        self.draw_head(self.place.turn_page())
        self._draw_sum(words.brought)

    def _draw_sum(self, label: str) -> None:
        amount = self.invoice.locale.write_amount(self.sum_so_far)
        self._draw_row({"item": [label], "amount": [amount]}, self.look.body.bold(), None)

    def _height(self, cells: dict[str, list[str]], ink: Ink) -> float:
        lines = max(len(texts) for texts in cells.values())
        return lines * ink.size * 0.44 + 2 * self.look.padding - 0.4

    def _draw_row(self, cells: dict[str, list[str]], ink: Ink, fill: Colour | None) -> None:
        sheet, place, height = self.sheet, self.place, self._height(cells, ink)
        if fill:
            sheet.fill(place.left, self.y, place.right - place.left, height, fill)
        left = place.left
        for column in self.columns:
            edge = {"L": PADDING, "C": column.width / 2, "R": column.width - PADDING}[column.align]
            baseline = self.y + self.look.padding + ink.size * 0.27
            for text in cells.get(column.key, []):
                sheet.put(left + edge, baseline, text, ink, column.align)
                baseline += ink.size * 0.44
            self._draw_lines(left, column.width, height)
            left += column.width
        self.y += height

    def _draw_lines(self, left: float, width: float, height: float) -> None:
        if self.look.line is None:
            return
        if self.look.grid:
            self.sheet.frame(left, self.y, width, height, self.look.line)
        else:
            self.sheet.rule(left, self.y + height, left + width, self.look.line)
