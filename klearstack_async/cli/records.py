"""Outcomes as rows of CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from klearstack_async.bulk.outcome import Outcome
from klearstack_async.bulk.sinks import Sink

__all__ = ["CSV_FIELDS", "csv_row", "csv_rows", "shown_field"]

# The fields of an invoice that most people look for; results.jsonl holds all of them.
CSV_FIELDS = (
    "Inv_Number",
    "Inv_Date",
    "Due_Date",
    "Supplier_Name",
    "Buyer_Name",
    "PO_Number",
    "Currency",
    "Sub-Total",
    "Tax_Total",
    "Inv_Total",
)
_CSV_COLUMNS = ("source", "state", "reason", "document_id", "overall_confidence", *CSV_FIELDS)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.,]+$")


def csv_rows(path: Path, *, overwrite: bool = False) -> Sink:
    """Describe a CSV file with one row for each outcome.

    Args:
        path: The file.
        overwrite: Whether a file with something in it may be replaced.
    """
    # The mark is for Excel, which takes a CSV without it for the local code page.
    header = _csv_line(("\ufeff" + _CSV_COLUMNS[0], *_CSV_COLUMNS[1:]))
    return Sink(path, lambda outcome: _csv_line(csv_row(outcome)), header, overwrite)


def csv_row(outcome: Outcome) -> tuple[Any, ...]:
    """Give one row for an outcome; a field that wasn't read is empty."""
    document = outcome.document
    record = outcome.to_dict()
    row = (
        record["source"],
        record["state"],
        record["reason"],
        None if document is None else document.document_id,
        None if document is None else document.overall_confidence,
        *(shown_field(outcome, name) for name in CSV_FIELDS),
    )
    return tuple(map(_harmless, row))


def shown_field(outcome: Outcome, name: str) -> Any:
    """Give a field's value, or an empty text where it wasn't read."""
    field = None if outcome.document is None else outcome.document.get(name)
    return "" if field is None else field.value


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from running what an invoice says, such as `=HYPERLINK(...)`."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _NUMBER.match(value):
        return f"'{value}"
    return value


def _csv_line(row: tuple[Any, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue().encode("utf-8", "backslashreplace")
