"""How much a data file may hold, and the one error of the readers that check it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatasetLimits:
    """What is taken of one CSV or XLSX file.

    `unpacked_bytes` and `elements` are of those parts of a workbook that are read: a tag of four
    bytes takes as long as one of a hundred. `characters` is the text of all cells together: one
    shared text can stand in a million of them.
    """

    file_bytes: int = 32 << 20
    unpacked_bytes: int = 256 << 20
    columns: int = 1000
    elements: int = 6_000_000
    cells: int = 1_000_000
    characters: int = 64 << 20
    cell_characters: int = 32_767


class DatasetError(Exception):
    """The file is refused; the text says what is wrong with it, and where."""
