"""A worksheet's part: from its cells to rows of text."""

from __future__ import annotations

import re

from klearstack_async.sandbox.dataset.cell_text import CellValues
from klearstack_async.sandbox.dataset.limits import DatasetError
from klearstack_async.sandbox.dataset.parts import TextCollector

# XFD1048576 is the last cell a sheet can have.
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW = re.compile(r"[1-9][0-9]{0,6}")


class Worksheet(TextCollector):
    """Collect rows; those complete are to be taken between the steps of parsing."""

    def __init__(self, values: CellValues) -> None:
        super().__init__("v", "t")
        self._values = values
        self._done: list[tuple[int, list[str]]] = []
        self._row = 0
        self._column = 0
        self._cells: dict[int, str] = {}
        self._attributes: dict[str, str] = {}
        self._has_formula = False
        self._has_value = False

    def take(self) -> list[tuple[int, list[str]]]:
        """Hand out the rows that are complete, each with its number."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a row, a cell, or what stands in one."""
        super().start(name, attributes)
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v":
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            # Numbers may be left out; then a row or cell follows the one before.
            number = attributes.get("r", "")
            self._row = int(number) if _ROW.fullmatch(number) else self._row + 1
            self._column = 0
            self._cells = {}

    def end(self, name: str) -> None:
        """End a cell or row: its text is complete."""
        super().end(name)
        if name == "c":
            self._end_cell()
        elif name == "row" and self._cells:
            last = max(self._cells)
            row = [self._cells.get(column, "") for column in range(1, last + 1)]
            self._done.append((self._row, row))

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self.taken()
        self._attributes = attributes
        self._has_formula = self._has_value = False
        named = _CELL.fullmatch(attributes.get("r", ""))
        self._column = _column_number(named[1]) if named else self._column + 1

    def _end_cell(self) -> None:
        if self._has_formula and not self._has_value:
            raise DatasetError(
                f"The formula in cell {self._place()} has no value stored with it: open the"
                " workbook in a spreadsheet program and save it, so that it is calculated."
            )
        try:
            text = self._values.text(self._attributes, self.taken())
        except ValueError as error:
            raise DatasetError(f"The cell {self._place()} can't be read: {error}.") from error
        if text:
            self._cells[self._column] = text

    def _place(self) -> str:
        return self._attributes.get("r", f"{self._column} of row {self._row}")


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
