"""Reading the first worksheet of an XLSX workbook: from a path to numbered rows of text.

Written out here since the workbook is hostile until shown otherwise, and since only text is
wanted of it: no library is needed for that, and none of the usual ones bounds what it takes.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from klearstack_async.sandbox.dataset.cell_text import CellValues
from klearstack_async.sandbox.dataset.limits import DatasetError, DatasetLimits
from klearstack_async.sandbox.dataset.package import Package
from klearstack_async.sandbox.dataset.parts import SharedTexts, Styles, Workbook
from klearstack_async.sandbox.dataset.worksheet import Worksheet
from klearstack_async.sandbox.unzip import ArchiveError

_USUAL_ROOT = "xl/workbook.xml"


def spreadsheet_rows(path: Path, limits: DatasetLimits) -> Generator[tuple[int, list[str]]]:
    """Yield the rows of the first worksheet that hold anything, each with its number.

    A row ends with its last cell that isn't empty. Formulas give the value stored with them.

    Raises:
        DatasetError: Not a workbook, damaged, hostile, or with a formula that has no value.
    """
    try:
        with Package(path, limits) as package:
            yield from _rows(package, limits)
    except ArchiveError as error:
        raise DatasetError(f"The file is not a sound XLSX workbook: {error}") from error


def _rows(package: Package, limits: DatasetLimits) -> Generator[tuple[int, list[str]]]:
    root = next(iter(package.related("", "officeDocument").values()), _USUAL_ROOT)
    if not package.has(root):
        raise DatasetError(f"The file is a zip, but not an XLSX workbook: it has no {root}.")
    workbook, texts, styles = Workbook(), SharedTexts(limits.cells), Styles()
    package.read(root, workbook)
    worksheets = package.related(root, "worksheet")
    # In the order of the tabs; one with nothing but a chart is no worksheet.
    first = next((worksheets[key] for key in workbook.sheets if key in worksheets), None)
    if first is None:
        raise DatasetError("The workbook has no worksheet.")
    for kind, handler in (("sharedStrings", texts), ("styles", styles)):
        for part in package.related(root, kind).values():
            package.read(part, handler)
    worksheet = Worksheet(CellValues(texts.texts, styles.moments, workbook.days_before))
    with closing(package.feed(first, worksheet)) as steps:
        for _ in steps:
            yield from worksheet.take()
