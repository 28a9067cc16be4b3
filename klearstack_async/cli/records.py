"""Outcomes as lines of JSON and CSV, written as they arrive."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiofiles
import msgspec

from klearstack_async.bulk.outcome import Outcome

__all__ = ["CSV_FIELDS", "csv_row", "record_writer", "shown_field"]

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

Write = Callable[[Outcome], Awaitable[None]]


@asynccontextmanager
async def record_writer(jsonl: Path, csv_file: Path | None) -> AsyncIterator[Write]:
    """Open the result files and give the function that writes an outcome into them.

    Each outcome is flushed, so a run that is killed leaves whole lines.

    Raises:
        OSError: A file can't be made or written.
    """
    async with AsyncExitStack() as stack:
        lines = await stack.enter_async_context(aiofiles.open(jsonl, "wb"))
        rows = None
        if csv_file is not None:
            # utf-8-sig: Excel takes a CSV without the mark for the local code page.
            rows = await stack.enter_async_context(
                aiofiles.open(csv_file, "w", encoding="utf-8-sig", newline="")
            )
            await rows.write(_csv_text(_CSV_COLUMNS))

        async def write(outcome: Outcome) -> None:
            await lines.write(msgspec.json.encode(outcome.to_dict()) + b"\n")
            await lines.flush()
            if rows is not None:
                await rows.write(_csv_text(csv_row(outcome)))
                await rows.flush()

        yield write


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
