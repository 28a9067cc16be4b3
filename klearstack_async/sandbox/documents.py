"""The pages on a single document: endpoints 14 to 17 of the vendor's documentation.

Of an unknown document only endpoint 16 says what it answers. The others refuse it with a 400 and
the same words: assumed, after the refusals documented for approving.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import edits, selection
from klearstack_async.sandbox.answers import (
    RELEASE_VERSION,
    RefusalError,
    json_bytes,
    json_response,
    object_response,
)
from klearstack_async.sandbox.changes import changes_of
from klearstack_async.sandbox.dates import approved_date
from klearstack_async.sandbox.edits import Verdict
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import one_of, require, require_reviewer, require_user
from klearstack_async.sandbox.quickbooks import qbe_response
from klearstack_async.sandbox.selection import DocumentResult, Review, Target
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.shapes import keyed

NOT_FOUND = "Document ID not found"
_UPDATED = "Document updated successfully"
_DECISIONS: dict[str, Review] = {"approve": "approved", "reject": "rejected"}


async def get_document(service: Service, form: Form) -> web.Response:
    """Tell all about one document, in whatever state (endpoint 14).

    That there is an `ocr_id` is documented. The rest is assumed: one keyed object with the
    document's state beside its fields, as it is pushed; 400 for an unknown id.
    """
    target = target_of(form)
    now = service.now().timestamp()

    def body(connection: sqlite3.Connection) -> bytes:
        return json_bytes(_details(found(connection, now, target)))

    return json_response(await service.store.run(body))


async def update_document(service: Service, form: Form) -> web.Response:
    """Give fields of a document new values (endpoint 15).

    What it answers is not documented: assumed as for approving, and 400 for an unknown id or a
    document that is still being processed.
    """
    target = target_of(form)
    data = require(form, "data")
    now = service.now().timestamp()

    def change(connection: sqlite3.Connection) -> None:
        changes = changes_of(data)
        edits.change_fields(connection, _found_done(connection, now, target), changes)

    await service.store.run(change)
    return object_response(success=_UPDATED)


async def update_qbe_status(service: Service, form: Form) -> web.Response:
    """Keep what QuickBooks answered about a document (endpoint 16); an unknown one is a 200."""
    given = "collection_name" if not _has(form, "document_type") else "document_type"
    if not _has(form, given):
        raise RefusalError(400, "Please provide document_type.")
    user, collection = require_user(form), form.fields[given]
    text = require(form, "QBE_response")
    now = service.now().timestamp()

    def update(connection: sqlite3.Connection) -> str:
        response = qbe_response(text)
        target = Target(user, collection, "document_id", response["document_id"])
        document = selection.find(connection, now, target)
        if document is None:
            return NOT_FOUND
        edits.set_qbe_status(connection, document, response)
        return "QBE status updated successfully"

    return json_response(json_bytes(await service.store.run(update)))


async def approve_or_reject(service: Service, form: Form) -> web.Response:
    """Approve or reject a document (endpoint 17).

    Assumed: only Admins and Approvers may, and others get the 403 of endpoint 13; 400 for an
    unknown id or a document that is still being processed; an approved document can be rejected
    later, and the reverse.
    """
    user = require_reviewer(form)
    target = target_of(form)
    decision = _DECISIONS[one_of(form, "approve_reject", tuple(_DECISIONS))]
    now = service.now().timestamp()
    verdict = Verdict(decision, user, require(form, "comment"), now)
    await service.store.run(_review, target, verdict)
    return object_response(success=_UPDATED)


def target_of(form: Form) -> Target:
    """Return which document a form with `collection_name` and `id` is about.

    Raises:
        RefusalError: 400 if one is missing.
    """
    collection = require(form, "collection_name")
    return Target(require_user(form), collection, "document_id", require(form, "id").strip())


def found(connection: sqlite3.Connection, now: float, target: Target) -> DocumentResult:
    """Find a document.

    Raises:
        RefusalError: 400 if it isn't there for this user and collection.
    """
    document = selection.find(connection, now, target)
    if document is None:
        raise RefusalError(400, NOT_FOUND)
    return document


def _found_done(connection: sqlite3.Connection, now: float, target: Target) -> DocumentResult:
    document = found(connection, now, target)
    if document.state == "processing":
        raise RefusalError(400, "Document is still being processed")
    return document


def _review(connection: sqlite3.Connection, target: Target, verdict: Verdict) -> None:
    document = _found_done(connection, verdict.at, target)
    if document.review == verdict.review:
        raise RefusalError(400, f"Document is already {verdict.review}")
    edits.review(connection, document, verdict)


def _details(document: DocumentResult) -> dict[str, Any]:
    details = keyed(document) | {
        "ocr_id": document.ocr_id,
        "batch_id": document.batch_id,
        "extraction_status": document.state,
        "is_rejected": int(document.review == "rejected"),
        "is_saved": int(document.is_saved),
        "release_version": RELEASE_VERSION,
    }
    if document.state == "processing":
        del details["finished_time"]
    if document.set_number is not None:
        details["set_reference_number"] = str(document.set_number)
    if document.is_approved and document.reviewed_at is not None:
        details["approved_date"] = approved_date(document.reviewed_at)
    if document.qbe_status is not None:
        details["QBE_status"] = document.qbe_status
    return details


def _has(form: Form, name: str) -> bool:
    return bool(form.fields.get(name, "").strip())
