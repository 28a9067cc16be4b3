"""Sets of documents: making and finding them, and the pages on them (endpoints 30 and 31).

Both pages' contents are assumed. A Creator sees its own documents in a set, and the sets that have
some.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import selection
from klearstack_async.sandbox.answers import (
    RELEASE_VERSION,
    RefusalError,
    json_bytes,
    json_response,
)
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require, require_user, shown
from klearstack_async.sandbox.selection import DocumentResult
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.users import User


async def get_set_upload_status(service: Service, form: Form) -> web.Response:
    """Tell the state of every document of a set, those being processed included (endpoint 30)."""
    user = require_user(form)
    reference = require(form, "set_reference_number")
    now = service.now().timestamp()
    return json_response(await service.store.run(_status_body, user, reference, now))


async def get_set_reference_numbers(service: Service, form: Form) -> web.Response:
    """List the sets, with their names and how many documents they have (endpoint 31)."""
    return json_response(await service.store.run(_sets_body, require_user(form)))


def make(connection: sqlite3.Connection, name: str | None) -> int:
    """Make a set of documents and return its reference number."""
    cursor = connection.execute("INSERT INTO sets (name) VALUES (?)", (name,))
    return int(cursor.lastrowid or 0)


def known_number(connection: sqlite3.Connection, reference: str) -> int:
    """Return a set's number for the reference number that a request gives.

    Raises:
        RefusalError: 400 if there is no such set.
    """
    text = reference.strip()
    # Longer than any number that was given out would not fit the database's integers.
    if re.fullmatch(r"[0-9]{1,15}", text):
        row = connection.execute("SELECT number FROM sets WHERE number = ?", (int(text),))
        found = row.fetchone()
        if found is not None:
            return int(found["number"])
    raise RefusalError(400, f"There is no set with set_reference_number {shown(text)}.")


def _status_body(connection: sqlite3.Connection, user: User, reference: str, now: float) -> bytes:
    number = known_number(connection, reference)
    conditions = [selection.in_set(number), selection.visible_to(user)]
    result = [_status(document) for document in selection.documents(connection, now, conditions)]
    answer = {
        "result": result,
        "set_reference_number": str(number),
        "release_version": RELEASE_VERSION,
    }
    return json_bytes(answer)


def _status(document: DocumentResult) -> dict[str, Any]:
    status = {
        "file_name": document.file_name,
        "Document_id": document.document_id,
        "batch_id": document.batch_id,
        "status": document.state,
    }
    return status if document.reason is None else status | {"error": document.reason}


def _sets_body(connection: sqlite3.Connection, user: User) -> bytes:
    condition, values = selection.visible_to(user)
    rows = connection.execute(
        "SELECT sets.number, sets.name, count(*) AS documents"  # noqa: S608 - our own text
        " FROM sets JOIN batches ON batches.set_number = sets.number"
        " JOIN documents USING (batch_id)"
        f" WHERE {condition} GROUP BY sets.number ORDER BY sets.number",
        values,
    )
    result = [
        {
            "set_reference_number": str(row["number"]),
            "set_name": row["name"],
            "document_count": row["documents"],
        }
        for row in rows
    ]
    return json_bytes({"result": result, "release_version": RELEASE_VERSION})
