"""What a journal can be told, each as one function over a connection. SQL only.

Each runs inside a transaction that its caller begins and commits, and may be run again after that
was rolled back: so nothing in here is remembered outside of the database.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from klearstack_async.bulk.journal_entries import Ended, Entry
from klearstack_async.bulk.journal_queries import entry_of, execute
from klearstack_async.bulk.states import SourceState

__all__ = [
    "begin_sending",
    "doubt",
    "end",
    "identify",
    "meet",
    "not_sent",
    "reopen",
    "reset",
    "sent",
    "set_memo",
]


def meet(
    database: sqlite3.Connection, run: int, at: float, *, key: str, name: str, path: str | None
) -> Entry:
    """Find a source by its key, or note it; the second of one run is another source."""
    sql = "SELECT number, met_run, times_met FROM sources WHERE key = ? AND occurrence = ?"
    occurrence = 1
    row = execute(database, sql, key, 1).fetchone()
    if row is not None and row[1] == run:
        # A count in the first one's row, so that the n-th needs no search through all before it.
        occurrence = row[2] + 1
        execute(database, "UPDATE sources SET times_met = ? WHERE number = ?", occurrence, row[0])
        row = execute(database, sql, key, occurrence).fetchone()
    if row is not None:
        execute(
            database, "UPDATE sources SET met_run = ?, times_met = 1 WHERE number = ?", run, row[0]
        )
        return entry_of(database, row[0])
    number = execute(
        database,
        "INSERT INTO sources (key, occurrence, name, path, found_at, met_run, times_met)"
        " VALUES (?, ?, ?, ?, ?, ?, 1)",
        *(key, occurrence, name, path, at, run),
    ).lastrowid
    if number is None:
        raise AssertionError("a row that was inserted has a number")
    full_key = key if occurrence == 1 else f"{key}#{occurrence}"
    return Entry(number, full_key, name, path, SourceState.FOUND, is_new=True)


def identify(
    database: sqlite3.Connection,
    run: int,
    number: int,
    *,
    size_bytes: int,
    modified_ns: int | None,
    sha256: str,
) -> Entry | None:
    """Note a source's content, and give another one with the same.

    One that was merely found counts if this run has read it, too (else it may be gone, and nothing
    would be sent), and if it isn't itself there to be skipped (else each would wait for the other).
    """
    found = execute(
        database,
        "SELECT number FROM sources WHERE sha256 = ? AND number <> ?"
        " AND state NOT IN ('failed', 'skipped')"
        " AND (state <> 'found' OR (identified_run = ? AND twin IS NULL))"
        " ORDER BY number LIMIT 1",
        *(sha256, number, run),
    ).fetchone()
    execute(
        database,
        "UPDATE sources SET size_bytes = ?, modified_ns = ?, sha256 = ?, identified_run = ?,"
        " twin = ? WHERE number = ?",
        *(size_bytes, modified_ns, sha256, run, found and found[0], number),
    )
    return entry_of(database, found[0]) if found else None


def withdraw(database: sqlite3.Connection, number: int) -> None:
    """Have a source that was found, and won't be sent now, be nobody's twin."""
    execute(
        database,
        "UPDATE sources SET identified_run = NULL WHERE number = ? AND state = 'found'",
        number,
    )


def begin_sending(database: sqlite3.Connection, at: float, tries: Sequence[tuple[int, str]]) -> int:
    """Note that an upload begins; what isn't `found` may not be sent.

    Raises:
        ValueError: One of them has been sent, or has ended.
    """
    names = json.dumps([remote_name for _, remote_name in tries])
    sql = "INSERT INTO parcels (begun_at, names) VALUES (?, ?)"
    parcel = execute(database, sql, at, names).lastrowid
    if parcel is None:
        raise AssertionError("a row that was inserted has a number")
    for number, remote_name in tries:
        changed = execute(
            database,
            "UPDATE sources SET state = 'sending', remote_name = ?, attempts = attempts + 1,"
            " parcel = ?, twin = NULL WHERE number = ? AND state = 'found'",
            *(remote_name, parcel, number),
        ).rowcount
        if changed != 1:
            raise ValueError(f"source {number} is not to be sent: its state isn't `found`")
    return parcel


def not_sent(database: sqlite3.Connection, parcel: int) -> None:
    """Put back what certainly wasn't stored."""
    execute(
        database,
        "UPDATE sources SET state = 'found' WHERE parcel = ? AND state = 'sending'",
        parcel,
    )


def sent(database: sqlite3.Connection, parcel: int, batch_id: str, at: float) -> None:
    """Note the receipt."""
    execute(
        database,
        "UPDATE parcels SET batch_id = ?, sent_at = ? WHERE parcel = ?",
        *(batch_id, at, parcel),
    )
    execute(
        database,
        "UPDATE sources SET state = 'sent' WHERE parcel = ? AND state = 'sending'",
        parcel,
    )


def end(
    database: sqlite3.Connection,
    at: float,
    ended: Iterable[Ended],
    positions: Mapping[str, int],
    parcels: Iterable[int],
) -> None:
    """Note how sources ended, how far the result files are, and which parcels are done."""
    for parcel in parcels:
        execute(database, "UPDATE parcels SET is_done = 1 WHERE parcel = ?", parcel)
    for each in ended:
        execute(
            database,
            "UPDATE sources SET state = ?, error = ?, reason = ?, seconds = ?, documents = ?,"
            " ended_at = ? WHERE number = ?",
            *(each.state.value, each.error, each.reason, each.seconds, each.documents),
            *(at, each.number),
        )
    for sink, position in positions.items():
        execute(
            database,
            "INSERT INTO sinks VALUES (?, ?)"
            " ON CONFLICT (sink) DO UPDATE SET position = excluded.position",
            *(sink, position),
        )


def doubt(database: sqlite3.Connection, parcel: int, reason: str) -> None:
    """Note that an upload has ended, and nobody knows how."""
    execute(database, "UPDATE parcels SET is_in_doubt = 1 WHERE parcel = ?", parcel)
    execute(
        database,
        "UPDATE sources SET reason = ? WHERE parcel = ? AND state = 'sending'",
        *(reason, parcel),
    )


def reset(database: sqlite3.Connection, number: int) -> None:
    """Put one source back to where it was found."""
    execute(
        database,
        "UPDATE sources SET state = 'found', error = NULL, reason = NULL, seconds = NULL,"
        " documents = 0, ended_at = NULL, twin = NULL WHERE number = ?",
        number,
    )


def set_memo(database: sqlite3.Connection, name: str, kept: str) -> None:
    """Keep something of the command line's."""
    execute(
        database,
        "INSERT INTO memo VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        *(name, kept),
    )


def reopen(database: sqlite3.Connection, state: SourceState) -> int:
    """Put back what has ended in one way: to be sent again, or to be asked for again."""
    return execute(
        database,
        "UPDATE sources SET state = CASE WHEN EXISTS (SELECT 1 FROM parcels"
        " WHERE parcels.parcel = sources.parcel AND batch_id IS NOT NULL AND NOT is_done)"
        " THEN 'sent' ELSE 'found' END, error = NULL, reason = NULL, seconds = NULL,"
        " documents = 0, ended_at = NULL, twin = NULL WHERE state = ?",
        state.value,
    ).rowcount
