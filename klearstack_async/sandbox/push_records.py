"""The table of pushes: what is still to be pushed, and what became of the rest.

Plain functions of a connection, for `Store.run`. Instants are Unix seconds here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from klearstack_async.sandbox.answers import json_bytes
from klearstack_async.sandbox.push_target import Delivery
from klearstack_async.sandbox.selection import DocumentResult, done_documents
from klearstack_async.sandbox.shapes import keyed

SCHEMA = """
-- Every document has its row from the start (so that finding what is due never looks at the rest).
-- It is due until a push is begun, and again when one is asked for.
CREATE TABLE IF NOT EXISTS pushes (
    document INTEGER PRIMARY KEY REFERENCES documents,
    is_due INTEGER NOT NULL DEFAULT 1,
    is_running INTEGER NOT NULL DEFAULT 0,
    is_delivered INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    error TEXT
);
CREATE INDEX IF NOT EXISTS pushes_due ON pushes (document) WHERE is_due;
CREATE TRIGGER IF NOT EXISTS pushes_of_documents AFTER INSERT ON documents
BEGIN
    INSERT INTO pushes (document) VALUES (new.number);
END;
"""

_REGISTERED = "push_is_registered"
_INTERRUPTED = "The sandbox stopped before an answer came."
_UNREGISTERED = "No endpoint was registered when the document was finished."
# Due documents with what decides whether they're finished; `selection.py` judges in the same way.
_DUE = (
    " FROM pushes CROSS JOIN documents ON documents.number = pushes.document"
    " LEFT JOIN contents USING (sha256)"
    " WHERE is_due AND NOT is_running"
    " AND (documents.reason IS NOT NULL OR contents.read_at IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Push:
    """What became of the pushes of one document, for tests to look at.

    `status` and `error` are those of the last attempt, and both None while the first one runs;
    `delivered` says whether any was answered with a status from 200 to 299.
    """

    document_id: str
    batch_id: str
    file_name: str
    attempts: int
    status: int | None
    error: str | None
    delivered: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended; without an error the document was delivered."""

    status: int | None
    error: str | None


def end_interrupted(connection: sqlite3.Connection) -> None:
    """Say of attempts that never ended that they have failed."""
    connection.execute(
        "UPDATE pushes SET is_running = 0, status = NULL, error = ? WHERE is_running",
        (_INTERRUPTED,),
    )


def register(connection: sqlite3.Connection, *, is_registered: bool, now: float) -> None:
    """Remember whether there is an endpoint.

    Documents that were finished while there was none are not pushed by themselves any more. Those
    finished while the sandbox was down are, if there was one before.
    """
    query = "SELECT value FROM settings WHERE name = ?"
    found = connection.execute(query, (_REGISTERED,)).fetchone()
    if is_registered and (found is None or found["value"] == "0"):
        connection.execute(
            "UPDATE pushes SET is_due = 0, error = coalesce(error, ?) WHERE document IN"  # noqa: S608 - our own text
            f" (SELECT pushes.document {_DUE} AND documents.ready_at <= ?)",
            (_UNREGISTERED, now),
        )
    connection.execute(
        "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
        (_REGISTERED, str(int(is_registered))),
    )


def begin_due(
    connection: sqlite3.Connection, now: float, limit: int
) -> tuple[list[Delivery], float | None]:
    """Mark finished documents that are due as begun, and return them.

    If they are fewer than the limit, the second value is when the next one will be finished that
    has been read already.
    """
    found = connection.execute(
        f"SELECT pushes.document {_DUE} AND documents.ready_at <= ?"
        " ORDER BY pushes.document LIMIT ?",
        (now, limit),
    ).fetchall()
    numbers = [row["document"] for row in found]
    connection.executemany(
        "UPDATE pushes SET is_due = 0, is_running = 1, attempts = attempts + 1,"
        " status = NULL, error = NULL WHERE document = ?",
        [(number,) for number in numbers],
    )
    next_at = None
    if len(numbers) < limit:
        query = f"SELECT min(documents.ready_at) {_DUE}"
        [next_at] = connection.execute(query).fetchone()
    named = "documents.number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),)
    results = done_documents(connection, now, [named]) if numbers else []
    return [_delivery(result) for result in results], next_at


def give_back(connection: sqlite3.Connection, deliveries: Iterable[Delivery]) -> None:
    """Make begun documents due again, of which nothing was sent."""
    connection.executemany(
        "UPDATE pushes SET is_due = 1, is_running = 0, attempts = attempts - 1 WHERE document = ?",
        [(delivery.number,) for delivery in deliveries],
    )


def end(connection: sqlite3.Connection, number: int, outcome: Outcome) -> None:
    """Store how an attempt ended."""
    connection.execute(
        "UPDATE pushes SET is_running = 0, is_delivered = is_delivered OR ?, status = ?, error = ?"
        " WHERE document = ?",
        (outcome.error is None, outcome.status, outcome.error, number),
    )


def ask_again(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Make documents due again: those named, or all that were not delivered if none is.

    They are named by their own id or their batch's; then it doesn't matter what became of them.
    """
    named = [(id_, id_) for id_ in ids]
    if not named:
        connection.execute(
            "UPDATE pushes SET is_due = 1 WHERE NOT is_delivered AND NOT is_running AND NOT is_due"
        )
        return
    connection.executemany(
        "UPDATE pushes SET is_due = 1 WHERE document IN"
        " (SELECT number FROM documents WHERE document_id = ?"
        " UNION SELECT number FROM documents WHERE batch_id = ?)",
        named,
    )


def list_attempted(connection: sqlite3.Connection) -> list[Push]:
    """List the documents that a push was begun of, in the order in which they came."""
    rows = connection.execute(
        "SELECT * FROM pushes JOIN documents ON documents.number = pushes.document"
        " WHERE attempts ORDER BY pushes.document"
    )
    return [
        Push(
            document_id=row["document_id"],
            batch_id=row["batch_id"],
            file_name=row["file_name"],
            attempts=row["attempts"],
            status=row["status"],
            error=row["error"],
            delivered=bool(row["is_delivered"]),
        )
        for row in rows
    ]


def _delivery(document: DocumentResult) -> Delivery:
    return Delivery(
        number=document.number,
        document_id=document.document_id,
        batch_id=document.batch_id,
        document_type=document.document_type,
        file_name=document.file_name,
        data=json_bytes(keyed(document)).decode(),
    )
