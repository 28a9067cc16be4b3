"""Finding documents: which ones an answer is about, and all that is known of them.

Plain functions of a connection, for `Store.run`; they change nothing. Rows come out as the frozen
dataclasses at the top. Instants are Unix seconds here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from klearstack_async.sandbox.reading import Reading
from klearstack_async.sandbox.readings import changed, changes_from_json, reading_from_json
from klearstack_async.sandbox.sniff import Kind
from klearstack_async.sandbox.users import User

State: TypeAlias = Literal["processing", "completed", "failed"]
Review: TypeAlias = Literal["approved", "rejected"]
Condition: TypeAlias = tuple[str, tuple[object, ...]]
"""A part of a WHERE clause, and the values for its question marks."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the service has it, for tests to look at."""

    document_id: str
    ocr_id: str
    batch_id: str
    set_number: int | None
    owner_id: int
    file_name: str
    document_type: str
    size_bytes: int
    state: State
    reason: str | None
    is_approved: bool
    is_rejected: bool
    is_saved: bool
    review_comment: str | None
    qbe_status: str | None


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """Everything an answer tells about one document; `reading` has the document's own changes."""

    number: int
    document_id: str
    ocr_id: str
    batch_id: str
    set_number: int | None
    file_name: str
    document_type: str
    state: State
    review: Review | None
    reviewed_at: float | None
    is_saved: bool
    qbe_status: str | None
    modified: int | None
    uploaded_at: float
    finished_at: float
    reason: str | None
    reading: Reading | None
    content: tuple[str, Kind] | None

    @property
    def is_approved(self) -> bool:
        """Whether the last word on it was an approval."""
        return self.review == "approved"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch, with those of its documents that are done."""

    state: State
    reason: str | None
    done: tuple[DocumentResult, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The one document that a call is about, as the call names it."""

    user: User
    collection_name: str
    key: Literal["document_id", "ocr_id"]
    value: str


def visible_to(user: User) -> Condition:
    """Take what a user may see: everything, or what it owns."""
    return ("1", ()) if user.sees_all else ("documents.owner_id = ?", (user.user_id,))


def with_id(document_id: str) -> Condition:
    """Take the one document of an id."""
    return "documents.document_id = ?", (document_id,)


def of_type(document_type: str) -> Condition:
    """Take documents of a type, in the plural or the singular: answers mix them."""
    return "rtrim(documents.document_type, 's') = ?", (document_type.strip().rstrip("s"),)


def in_batch(batch_id: str) -> Condition:
    """Take the documents of a batch."""
    return "documents.batch_id = ?", (batch_id,)


def in_set(set_number: int) -> Condition:
    """Take the documents of a set."""
    return "batches.set_number = ?", (set_number,)


def uploaded_within(start: float, end: float) -> Condition:
    """Take what came at or after one instant, and before another."""
    return "documents.uploaded_at >= ? AND documents.uploaded_at < ?", (start, end)


def approved_within(start: float, end: float) -> Condition:
    """Take what is approved, and was at or after one instant, and before another."""
    condition = "documents.reviewed_at >= ? AND documents.reviewed_at < ?"
    return f"documents.review = 'approved' AND {condition}", (start, end)


def reviewed_by(usernames: Iterable[str]) -> Condition:
    """Take what one of these users had the last word on."""
    # As JSON, since the number of question marks is limited and that of users isn't.
    names = json.dumps(sorted(usernames))
    return "documents.reviewed_by IN (SELECT value FROM json_each(?))", (names,)


def with_qbe_status(status: str) -> Condition:
    """Take what QuickBooks answered so about."""
    return "documents.qbe_status = ?", (status,)


def done_documents(
    connection: sqlite3.Connection, now: float, conditions: Iterable[Condition]
) -> list[DocumentResult]:
    """List the documents that all conditions hold for, and that are done, as they came."""
    found = documents(connection, now, conditions)
    return [document for document in found if document.state != "processing"]


def documents(
    connection: sqlite3.Connection, now: float, conditions: Iterable[Condition]
) -> list[DocumentResult]:
    """List the documents that all conditions hold for, as they came."""
    readings: dict[str, Reading] = {}
    return [_result(row, now, readings) for row in _rows(connection, conditions)]


def find(connection: sqlite3.Connection, now: float, target: Target) -> DocumentResult | None:
    """Return the document that a call is about; None if its user or collection doesn't have it."""
    named: Condition = (f"documents.{target.key} = ?", (target.value,))
    conditions = (named, of_type(target.collection_name), visible_to(target.user))
    return next(iter(documents(connection, now, conditions)), None)


def batch_result(connection: sqlite3.Connection, batch_id: str, now: float) -> BatchResult | None:
    """Return a batch as it stands; None if there is no such batch."""
    results = documents(connection, now, [in_batch(batch_id)])
    if not results:
        return None
    done = tuple(result for result in results if result.state != "processing")
    reasons = [result.reason for result in done if result.reason is not None]
    if len(done) < len(results):
        return BatchResult("processing", None, done)
    if len(reasons) == len(results):
        return BatchResult("failed", reasons[0], done)
    return BatchResult("completed", None, done)


def all_documents(connection: sqlite3.Connection, now: float) -> list[StoredDocument]:
    """List all documents in the order in which they came."""
    return [_stored(row, _state(row, now)) for row in _rows(connection, [])]


def _rows(connection: sqlite3.Connection, conditions: Iterable[Condition]) -> Iterator[sqlite3.Row]:
    """Select documents with what was read from them."""
    texts, values = ["1"], list[object]()
    for text, its_values in conditions:
        texts.append(f"({text})")
        values += its_values
    return connection.execute(
        "SELECT documents.*, batches.set_number, contents.read_at, contents.reading,"  # noqa: S608 - our own text
        " contents.kind, coalesce(documents.reason, contents.reason) AS failure"
        " FROM documents JOIN batches USING (batch_id) LEFT JOIN contents USING (sha256)"
        f" WHERE {' AND '.join(texts)} ORDER BY documents.number",
        values,
    )


def _state(row: sqlite3.Row, now: float) -> State:
    judged = row["failure"] is not None or row["read_at"] is not None
    if not judged or now < row["ready_at"]:
        return "processing"
    return "completed" if row["failure"] is None else "failed"


def _result(row: sqlite3.Row, now: float, readings: dict[str, Reading]) -> DocumentResult:
    """Build a result; equal contents share one decoded reading."""
    sha256, state = row["sha256"], _state(row, now)
    if row["reading"] is not None and sha256 not in readings:
        readings[sha256] = reading_from_json(row["reading"])
    known = None if state == "processing" else readings.get(sha256)
    return DocumentResult(
        number=row["number"],
        document_id=row["document_id"],
        ocr_id=row["ocr_id"],
        batch_id=row["batch_id"],
        set_number=row["set_number"],
        file_name=row["file_name"],
        document_type=row["document_type"],
        state=state,
        review=row["review"],
        reviewed_at=row["reviewed_at"],
        is_saved=bool(row["is_saved"]),
        qbe_status=row["qbe_status"],
        modified=row["modified"],
        uploaded_at=row["uploaded_at"],
        finished_at=max(row["ready_at"], row["read_at"] or 0.0),
        reason=row["failure"] if state == "failed" else None,
        reading=changed(known, changes_from_json(row["changes"])),
        content=None if sha256 is None else (sha256, row["kind"]),
    )


def _stored(row: sqlite3.Row, state: State) -> StoredDocument:
    return StoredDocument(
        document_id=row["document_id"],
        ocr_id=row["ocr_id"],
        batch_id=row["batch_id"],
        set_number=row["set_number"],
        owner_id=row["owner_id"],
        file_name=row["file_name"],
        document_type=row["document_type"],
        size_bytes=row["size_bytes"],
        state=state,
        reason=row["failure"] if state == "failed" else None,
        is_approved=row["review"] == "approved",
        is_rejected=row["review"] == "rejected",
        is_saved=bool(row["is_saved"]),
        review_comment=row["review_comment"],
        qbe_status=row["qbe_status"],
    )
