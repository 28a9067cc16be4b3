"""Addresses as they are printed: blocks of lines, and one-line addresses of senders.

Pure: lines in, addresses with their names out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from klearstack_async.sandbox.reading.cells import Cell, cells_of, has_postcode
from klearstack_async.sandbox.reading.layout import Layout
from klearstack_async.sandbox.reading.names import NameSpan, name_of_cell

__all__ = ["Block", "address_blocks", "sender_names"]

_HOUSE_NUMBER = re.compile(r"^\d+[a-z]?,? \D|\D \d{1,4} ?[a-zA-Z]?$")


@dataclass(frozen=True, slots=True)
class Block:
    """Cells under each other that hold an address; the first may be its name."""

    cells: tuple[Cell, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(cell.text for cell in self.cells)


def address_blocks(layout: Layout) -> list[Block]:
    """Find the addresses on the first page that are printed as lines under each other."""
    open_blocks: list[list[Cell]] = []
    done: list[list[Cell]] = []
    for line in layout.lines:
        if line.page > 1:
            break
        for cell in cells_of(line):
            block = next((b for b in open_blocks if _continues(b[-1], cell)), None)
            if block is None:
                open_blocks.append([cell])
            else:
                block.append(cell)
        still = [b for b in open_blocks if line.baseline - b[-1].line.baseline < 4 * b[-1].size]
        done += [b for b in open_blocks if b not in still]
        open_blocks = still
    blocks = [Block(tuple(_trimmed(b))) for b in done + open_blocks]
    return [b for b in blocks if 2 <= len(b.cells) <= 14 and _is_address_block(b)]


def _continues(above: Cell, cell: Cell) -> bool:
    down = cell.line.baseline - above.line.baseline
    smaller = min(above.size, cell.size)
    if not 0.5 * smaller < down < 3.2 * smaller or max(above.size, cell.size) > 1.45 * smaller:
        return False
    return abs(cell.x1 - above.x1) < 0.7 * smaller or (
        # centred
        abs((cell.x1 + cell.x2) - (above.x1 + above.x2)) < 0.6 * smaller
    )


def _trimmed(cells: list[Cell]) -> list[Cell]:
    """Start a block after a one-line address: that is the sender's, over the window."""
    for i, cell in enumerate(cells[:-1]):
        if len(cell.text) > 24 and _is_one_line_address(cell.text):
            return cells[i + 1 :]
    return cells


def _is_one_line_address(text: str) -> bool:
    return (
        has_postcode(text) is not None
        and len(re.split(r"\s[-\u2013\u2014|•●·*]+\s?|,\s", text)) >= 3
    )


def _is_address_block(block: Block) -> bool:
    return any(has_postcode(cell.text) for cell in block.cells[1:6])


def sender_names(layout: Layout) -> Iterator[NameSpan]:
    """Find the senders of one-line addresses: "Name - Street 1 - 12345 Town"."""
    for line in layout.lines:
        if line.page > 1:
            break
        for cell in cells_of(line):
            parts = re.split(r"\s[-\u2013\u2014|•●·∙▪*]+\s?|,\s", cell.text)
            labelled = any(w.text.endswith(":") for w in cell.words[:3])
            if len(parts) < 3 or labelled or not has_postcode(cell.text):
                continue
            # "Market Street 3, 12345 Town, VAT ..." stands under the name.
            headless = _HOUSE_NUMBER.search(parts[0]) is not None
            name = _name_over(layout, cell) if headless else name_of_cell(cell)
            if name is not None:
                yield name


def _name_over(layout: Layout, cell: Cell) -> NameSpan | None:
    for line in layout.above(cell.line, 2.2 * cell.size)[:2]:
        for over in cells_of(line):
            centred = abs(over.x1 + over.x2 - cell.x1 - cell.x2) < 4 * cell.size
            # A line that ends in a comma is a part of the address too.
            if over.text.endswith(","):
                return None
            if abs(over.x1 - cell.x1) < 2 * cell.size or centred:
                return name_of_cell(over)
    return None
