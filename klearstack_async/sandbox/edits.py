"""What users do to a document after it was read: change its fields, review it, book it.

Plain functions of a connection, for `Store.run`. Each counts as a modification, which every user
can pull once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klearstack_async.sandbox.readings import Changes, changes_from_json, changes_to_json, merged
from klearstack_async.sandbox.selection import Condition, DocumentResult, Review
from klearstack_async.sandbox.users import User

SCHEMA = """
-- Which modification of a document a user has pulled last. By document, not one position for all:
-- a pull of one document type must not swallow what was modified in the others.
CREATE TABLE IF NOT EXISTS pulls (
    user_id INTEGER NOT NULL,
    document_number INTEGER NOT NULL REFERENCES documents,
    modified INTEGER NOT NULL,
    PRIMARY KEY (user_id, document_number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An approval or a rejection: whose, when, and with what comment."""

    review: Review
    user: User
    comment: str
    at: float


def change_fields(
    connection: sqlite3.Connection, document: DocumentResult, changes: Changes
) -> None:
    """Give fields of one document new values, and mark it saved."""
    row = connection.execute(
        "SELECT changes FROM documents WHERE number = ?", (document.number,)
    ).fetchone()
    text = changes_to_json(merged(changes_from_json(row["changes"]), changes))
    _modify(connection, document, changes=text, is_saved=1)


def review(connection: sqlite3.Connection, document: DocumentResult, verdict: Verdict) -> None:
    """Approve or reject a document."""
    _modify(
        connection,
        document,
        review=verdict.review,
        reviewed_at=verdict.at,
        reviewed_by=verdict.user.username,
        review_comment=verdict.comment,
    )


def set_qbe_status(
    connection: sqlite3.Connection, document: DocumentResult, response: Mapping[str, str]
) -> None:
    """Keep what QuickBooks answered about a document."""
    _modify(
        connection,
        document,
        qbe_status=response["QBE_status"],
        qbe_response=json.dumps(response),
    )


def not_pulled_by(user: User) -> Condition:
    """Take what was modified since the user pulled it last."""
    pulled = (
        "SELECT pulls.modified FROM pulls"
        " WHERE pulls.user_id = ? AND pulls.document_number = documents.number"
    )
    return f"documents.modified > coalesce(({pulled}), 0)", (user.user_id,)


def mark_pulled(
    connection: sqlite3.Connection, user: User, documents: Iterable[DocumentResult]
) -> None:
    """Remember that a user has been told of these modifications."""
    connection.executemany(
        "INSERT OR REPLACE INTO pulls (user_id, document_number, modified) VALUES (?, ?, ?)",
        [(user.user_id, document.number, document.modified) for document in documents],
    )


def _modify(connection: sqlite3.Connection, document: DocumentResult, **columns: object) -> None:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(
        # A counter, not a time: two modifications may fall in one tick of the clock.
        f"UPDATE documents SET {assignments},"  # noqa: S608 - our own names
        " modified = (SELECT coalesce(max(modified), 0) + 1 FROM documents) WHERE number = ?",
        (*columns.values(), document.number),
    )
