"""What is asked of the database: plain functions of a connection, for `Store.run`.

Rows go in and come out as the frozen dataclasses at the top. Instants are Unix seconds here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from klearstack_async.sandbox.reading import ReadField, Reading
from klearstack_async.sandbox.sniff import Kind

State: TypeAlias = Literal["processing", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to store; without `kind` it has failed already, for `reason`."""

    document_id: str
    file_name: str
    size_bytes: int
    sha256: str
    kind: Kind | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NewBatch:
    """An upload to store."""

    batch_id: str
    document_type: str
    options: dict[str, str]
    uploaded_at: float
    ready_at: float


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the service has it, for tests to look at."""

    document_id: str
    batch_id: str
    file_name: str
    size_bytes: int
    state: State
    reason: str | None


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """Everything an answer tells about one document that is done."""

    document_id: str
    file_name: str
    document_type: str
    is_approved: bool
    is_saved: bool
    uploaded_at: float
    finished_at: float
    reason: str | None
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch, with those of its documents that are done."""

    state: State
    reason: str | None
    done: tuple[DocumentResult, ...]


def setting(connection: sqlite3.Connection, name: str, make: Callable[[], str]) -> str:
    """Return a persistent value; make it if this is the first time."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return str(row["value"])
    value = make()
    connection.execute("INSERT INTO settings (name, value) VALUES (?, ?)", (name, value))
    return value


def make_set(connection: sqlite3.Connection, name: str | None) -> int:
    """Make a set of documents and return its reference number."""
    cursor = connection.execute("INSERT INTO sets (name) VALUES (?)", (name,))
    return int(cursor.lastrowid or 0)


def has_set(connection: sqlite3.Connection, number: int) -> bool:
    """Tell whether a reference number has been given out."""
    found = connection.execute("SELECT 1 FROM sets WHERE number = ?", (number,)).fetchone()
    return found is not None


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
        "INSERT INTO documents (document_id, batch_id, file_name, document_type, size_bytes,"
        " sha256, reason, uploaded_at, ready_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                new.document_id,
                batch.batch_id,
                new.file_name,
                batch.document_type,
                new.size_bytes,
                new.sha256 if new.kind is not None else None,
                new.reason,
                batch.uploaded_at,
                batch.ready_at,
            )
            for new in documents
        ],
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
    reading = _reading_to_json(outcome) if isinstance(outcome, Reading) else None
    reason = outcome if isinstance(outcome, str) else None
    connection.execute(
        "UPDATE contents SET reading = ?, reason = ?, read_at = ? WHERE sha256 = ?",
        (reading, reason, read_at, sha256),
    )


def batch_result(connection: sqlite3.Connection, batch_id: str, now: float) -> BatchResult | None:
    """Return a batch as it stands; None if there is no such batch."""
    readings: dict[str, Reading] = {}
    results: list[DocumentResult] = []
    pending = False
    for row in _documents(connection, "documents.batch_id = ?", batch_id):
        if _state(row, now) == "processing":
            pending = True
        else:
            results.append(_result(row, readings))
    if not pending and not results:
        return None
    reasons = [result.reason for result in results if result.reason is not None]
    if pending:
        return BatchResult("processing", None, tuple(results))
    if len(reasons) == len(results):
        return BatchResult("failed", reasons[0], tuple(results))
    return BatchResult("completed", None, tuple(results))


def all_documents(connection: sqlite3.Connection, now: float) -> list[StoredDocument]:
    """List all documents in the order in which they came."""
    stored = []
    for row in _documents(connection, "1"):
        state = _state(row, now)
        stored.append(
            StoredDocument(
                document_id=row["document_id"],
                batch_id=row["batch_id"],
                file_name=row["file_name"],
                size_bytes=row["size_bytes"],
                state=state,
                reason=row["failure"] if state == "failed" else None,
            )
        )
    return stored


def _documents(
    connection: sqlite3.Connection, condition: str, *values: object
) -> Iterator[sqlite3.Row]:
    """Select documents with what was read from them."""
    return connection.execute(
        "SELECT documents.*, contents.read_at, contents.reading,"  # noqa: S608 - our own text
        " coalesce(documents.reason, contents.reason) AS failure"
        " FROM documents LEFT JOIN contents USING (sha256)"
        f" WHERE {condition} ORDER BY documents.number",
        values,
    )


def _state(row: sqlite3.Row, now: float) -> State:
    judged = row["failure"] is not None or row["read_at"] is not None
    if not judged or now < row["ready_at"]:
        return "processing"
    return "completed" if row["failure"] is None else "failed"


def _result(row: sqlite3.Row, readings: dict[str, Reading]) -> DocumentResult:
    """Build a result; equal contents share one decoded reading."""
    sha256 = row["sha256"]
    if row["reading"] is not None and sha256 not in readings:
        readings[sha256] = _reading_from_json(row["reading"])
    return DocumentResult(
        document_id=row["document_id"],
        file_name=row["file_name"],
        document_type=row["document_type"],
        is_approved=bool(row["is_approved"]),
        is_saved=bool(row["is_saved"]),
        uploaded_at=row["uploaded_at"],
        finished_at=max(row["ready_at"], row["read_at"] or 0.0),
        reason=row["failure"],
        reading=readings.get(sha256),
    )


def _reading_to_json(reading: Reading) -> str:
    return json.dumps(
        {
            "fields": [_field_to_row(field) for field in reading.fields],
            "line_items": [[_field_to_row(field) for field in item] for item in reading.line_items],
            "page_count": reading.page_count,
            "overall_confidence": reading.overall_confidence,
        }
    )


def _field_to_row(field: ReadField) -> list[object]:
    return [field.name, field.value, field.confidence, field.page, field.box]


def _field_from_row(row: list[Any]) -> ReadField:
    name, value, confidence, page, box = row
    return ReadField(name, value, confidence, page, tuple(box))


def _reading_from_json(text: str) -> Reading:
    stored = json.loads(text)
    return Reading(
        fields=tuple(_field_from_row(row) for row in stored["fields"]),
        line_items=tuple(
            tuple(_field_from_row(row) for row in item) for item in stored["line_items"]
        ),
        page_count=stored["page_count"],
        overall_confidence=stored["overall_confidence"],
    )
