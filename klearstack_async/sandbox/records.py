"""The tables of sets, batches, contents and documents, and what uploading and reading write there.

Plain functions of a connection, for `Store.run`. Instants are Unix seconds here. Finding documents
is `selection.py`'s business, what users do to them afterwards that of `edits.py`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from klearstack_async.sandbox.reading import Reading
from klearstack_async.sandbox.readings import reading_to_json
from klearstack_async.sandbox.sniff import Kind

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS sets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT
);
INSERT INTO sqlite_sequence (name, seq) SELECT 'sets', 10000
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'sets');

CREATE TABLE IF NOT EXISTS batches (
    batch_id TEXT PRIMARY KEY,
    set_number INTEGER REFERENCES sets,
    options TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batches_set ON batches (set_number);

-- What was read from a file, once for all documents with the same bytes.
CREATE TABLE IF NOT EXISTS contents (
    number INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    read_at REAL,
    reading TEXT,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS contents_unread ON contents (number) WHERE read_at IS NULL;

-- A document is done when its time has come and its content was read: nothing is written then.
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL UNIQUE,
    ocr_id TEXT NOT NULL UNIQUE,
    batch_id TEXT NOT NULL REFERENCES batches,
    owner_id INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    document_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT REFERENCES contents (sha256),
    reason TEXT,
    uploaded_at REAL NOT NULL,
    ready_at REAL NOT NULL,
    -- From here on what users have done to it: see edits.py.
    changes TEXT,
    is_saved INTEGER NOT NULL DEFAULT 0,
    review TEXT,
    reviewed_at REAL,
    reviewed_by TEXT,
    review_comment TEXT,
    qbe_status TEXT,
    qbe_response TEXT,
    modified INTEGER
);
CREATE INDEX IF NOT EXISTS documents_batch ON documents (batch_id);
CREATE INDEX IF NOT EXISTS documents_uploaded ON documents (uploaded_at);
CREATE INDEX IF NOT EXISTS documents_modified ON documents (modified) WHERE modified IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to store; without `kind` it has failed already, for `reason`."""

    document_id: str
    ocr_id: str
    file_name: str
    size_bytes: int
    sha256: str
    kind: Kind | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NewBatch:
    """An upload to store."""

    batch_id: str
    owner_id: int
    document_type: str
    options: dict[str, str]
    uploaded_at: float
    ready_at: float


def setting(connection: sqlite3.Connection, name: str, make: Callable[[], str]) -> str:
    """Return a persistent value; make it if this is the first time."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return str(row["value"])
    value = make()
    connection.execute("INSERT INTO settings (name, value) VALUES (?, ?)", (name, value))
    return value


def add_batch(
    connection: sqlite3.Connection,
    batch: NewBatch,
    documents: list[NewDocument],
    set_number: int | None,
) -> None:
    """Store a batch with all its documents."""
    connection.execute(
        "INSERT INTO batches (batch_id, set_number, options) VALUES (?, ?, ?)",
        (batch.batch_id, set_number, json.dumps(batch.options)),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO contents (sha256, kind) VALUES (?, ?)",
        [(new.sha256, new.kind) for new in documents if new.kind is not None],
    )
    connection.executemany(
        "INSERT INTO documents (document_id, ocr_id, batch_id, owner_id, file_name, document_type,"
        " size_bytes, sha256, reason, uploaded_at, ready_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_document_row(batch, new) for new in documents],
    )


def unread_contents(connection: sqlite3.Connection, limit: int) -> list[tuple[str, Kind]]:
    """Return hash and kind of contents still to be read, the oldest first."""
    rows = connection.execute(
        "SELECT sha256, kind FROM contents WHERE read_at IS NULL ORDER BY number LIMIT ?", (limit,)
    )
    return [(row["sha256"], row["kind"]) for row in rows]


def save_reading(
    connection: sqlite3.Connection, sha256: str, outcome: Reading | str, read_at: float
) -> None:
    """Store what was read from a content, or the reason why nothing could be."""
    reading = reading_to_json(outcome) if isinstance(outcome, Reading) else None
    reason = outcome if isinstance(outcome, str) else None
    connection.execute(
        "UPDATE contents SET reading = ?, reason = ?, read_at = ? WHERE sha256 = ?",
        (reading, reason, read_at, sha256),
    )


def _document_row(batch: NewBatch, new: NewDocument) -> tuple[object, ...]:
    return (
        new.document_id,
        new.ocr_id,
        batch.batch_id,
        batch.owner_id,
        new.file_name,
        batch.document_type,
        new.size_bytes,
        new.sha256 if new.kind is not None else None,
        new.reason,
        batch.uploaded_at,
        batch.ready_at,
    )
