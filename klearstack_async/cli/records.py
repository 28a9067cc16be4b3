"""Outcomes as lines of JSON and CSV, written as they arrive."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from klearstack_async.bulk.outcome import Outcome

__all__ = ["CSV_FIELDS", "RecordFiles", "csv_row", "shown_field"]

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


class RecordFiles:
    """The result files of a run; the CSV is optional.

    Each outcome is written and flushed in one go, without awaiting anything: what Ctrl-C
    interrupts is never a line.
    """

    def __init__(self, jsonl: Path, csv_file: Path | None) -> None:
        """Open the files, without touching what is in them.

        Raises:
            OSError: A file can't be made or written.
        """
        self._new = [path for path in (jsonl, csv_file) if path is not None and not path.exists()]
        self._jsonl, self._csv = jsonl, csv_file
        # Appending, so that earlier results are there until this run can really begin.
        self._lines = jsonl.open("ab")
        try:
            self._rows = csv_file.open("ab") if csv_file is not None else None
        except OSError:
            self.forget()
            raise

    def begin(self) -> None:
        """Empty the files: the run begins."""
        self._new = []
        for file in filter(None, (self._lines, self._rows)):
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file.truncate(0)
        if self._rows is not None and self._csv is not None:
            # The mark is for Excel, which takes a CSV without it for the local code page.
            _write(self._rows, self._csv, "\ufeff" + _csv_text(_CSV_COLUMNS))

    def write(self, outcome: Outcome) -> None:
        """Write one outcome.

        Raises:
            OSError: The disk is full, for instance; `filename` is the file.
        """
        line = msgspec.json.encode(outcome.to_dict()).decode() + "\n"
        _write(self._lines, self._jsonl, line)
        if self._rows is not None and self._csv is not None:
            _write(self._rows, self._csv, _csv_text(csv_row(outcome)))

    def close(self) -> None:
        """Close the files."""
        for file in filter(None, (self._lines, getattr(self, "_rows", None))):
            # Everything was flushed, or its failure told.
            with suppress(OSError):
                file.close()

    def forget(self) -> None:
        """Close the files, and leave none that this run made and never began to fill."""
        self.close()
        for path in self._new:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _write(file: BinaryIO, path: Path, text: str) -> None:
    try:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
    except OSError as error:
        error.filename = str(path)
        raise


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


def _csv_text(row: tuple[Any, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue()
