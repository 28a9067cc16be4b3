"""What a journal can be asked, each question as one function over a connection. SQL only.

`journal_rows` has what it can be told.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from klearstack_async.bulk.journal_entries import Entry, OpenParcel
from klearstack_async.bulk.states import SourceState

__all__ = [
    "counts",
    "doubtful",
    "doubtful_numbered",
    "entries",
    "entry_of",
    "execute",
    "left_over",
    "open_parcels",
    "text_of",
    "value",
]

_ENTRY = """
SELECT number, key, occurrence, name, path, state, size_bytes, modified_ns, sha256, remote_name,
    attempts, sources.parcel, batch_id, reason, begun_at
FROM sources LEFT JOIN parcels ON parcels.parcel = sources.parcel
"""


def execute(database: sqlite3.Connection, sql: str, *values: object) -> sqlite3.Cursor:
    """Execute one statement, whatever characters its texts have."""
    try:
        return database.execute(sql, values)
    except UnicodeEncodeError:
        # A file name of odd bytes has lone surrogates, which SQLite's texts can't hold.
        return database.execute(sql, [_bindable(value) for value in values])


def _bindable(value: object) -> object:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


def text_of(value: Any) -> Any:
    """Undo what `execute` does to odd texts."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def entries(database: sqlite3.Connection, where: str, *values: object) -> list[Entry]:
    """Give the sources for which a condition holds."""
    return [_entry(row) for row in execute(database, f"{_ENTRY} WHERE {where}", *values)]


def _entry(row: Sequence[Any]) -> Entry:
    number, key, occurrence, name, path, state, *rest = map(text_of, row)
    if occurrence > 1:
        key = f"{key}#{occurrence}"
    return Entry(number, key, name, path, SourceState(state), *rest)


def entry_of(database: sqlite3.Connection, number: int) -> Entry:
    """Give the source of a number."""
    return entries(database, "number = ?", number)[0]


def value(database: sqlite3.Connection, sql: str, *values: object) -> Any:
    """Give the first column of the first row, or None if there is none."""
    row = execute(database, sql, *values).fetchone()
    return row and text_of(row[0])


def open_parcels(
    database: sqlite3.Connection, last_parcel: int, after: int, limit: int
) -> list[OpenParcel]:
    """Give the parcels up to `last_parcel` that were sent and have not ended."""
    rows = execute(
        database,
        "SELECT parcel, batch_id, sent_at, names FROM parcels WHERE parcel > ? AND parcel <= ?"
        " AND EXISTS (SELECT 1 FROM sources WHERE sources.parcel = parcels.parcel"
        " AND state = 'sent') ORDER BY parcel LIMIT ?",
        *(after, last_parcel, limit),
    ).fetchall()
    where = "sources.parcel = ? AND state = 'sent' ORDER BY number"
    return [
        OpenParcel(
            parcel,
            text_of(batch_id),
            sent_at,
            tuple(json.loads(names)),
            tuple(entries(database, where, parcel)),
        )
        for parcel, batch_id, sent_at, names in rows
    ]


def doubtful(database: sqlite3.Connection, last_parcel: int, after: int, limit: int) -> list[Entry]:
    """Give what may have been stored: uploads of earlier runs, and what ended in doubt."""
    # One query for each state: each walks its part of one index, and none has to be sorted.
    page = "AND number > ? ORDER BY number LIMIT ?"
    both = [
        *entries(
            database,
            f"state = 'sending' AND (sources.parcel <= ? OR is_in_doubt) {page}",
            *(last_parcel, after, limit),
        ),
        *entries(database, f"state = 'in_doubt' {page}", after, limit),
    ]
    return sorted(both, key=lambda entry: entry.number)[:limit]


def doubtful_numbered(
    database: sqlite3.Connection, last_parcel: int, numbers: Collection[int]
) -> list[Entry]:
    """Give those of `doubtful` that have one of these numbers."""
    marks = ", ".join("?" * len(numbers))
    return entries(
        database,
        # The + keeps SQLite from walking all that are in doubt.
        f"number IN ({marks}) AND +state IN ('sending', 'in_doubt')"
        " AND (state = 'in_doubt' OR sources.parcel <= ? OR is_in_doubt)",
        *(*numbers, last_parcel),
    )


def left_over(database: sqlite3.Connection, run: int, after: int, limit: int) -> list[Entry]:
    """Give files that earlier runs found, and this one has not met."""
    return entries(
        database,
        "state = 'found' AND number > ? AND path IS NOT NULL AND met_run < ?"
        " ORDER BY number LIMIT ?",
        *(after, run, limit),
    )


def counts(database: sqlite3.Connection) -> dict[SourceState, int]:
    """Give how many sources are in each state, zeros included."""
    found = dict(execute(database, "SELECT state, count(*) FROM sources GROUP BY state"))
    return {state: found.get(state.value, 0) for state in SourceState}
