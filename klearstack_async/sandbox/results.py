"""The pages that list results: endpoints 8 to 12 and 29 of the vendor's documentation.

A Creator's lists hold its own documents only, except a batch's, whose id nobody else knows.
Documents that are still being processed are in no list; failed ones are, and say so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import edits, selection, sets
from klearstack_async.sandbox.answers import (
    RELEASE_VERSION,
    RefusalError,
    json_bytes,
    json_response,
)
from klearstack_async.sandbox.dates import day_range
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import flag, require, require_user
from klearstack_async.sandbox.selection import Condition, DocumentResult
from klearstack_async.sandbox.service import Service, Settings
from klearstack_async.sandbox.shapes import SHAPES, keyed, positional
from klearstack_async.sandbox.users import User

Flags = tuple[bool | None, bool | None]


async def get_batch_documents(service: Service, form: Form) -> web.Response:
    """Give the documents of a batch that are ready (endpoint 8; its answer is not documented)."""
    batch_id = require(form, "batch_id").strip()
    require(form, "document_type")
    now = service.now().timestamp()
    return json_response(
        await service.store.run(_batch_body, batch_id, _flags(form), service.settings, now)
    )


async def get_date_range_documents(service: Service, form: Form) -> web.Response:
    """List what was uploaded on some days, both ends included (endpoint 9; assumed)."""
    days = day_range(form)
    document_type = require(form, "document_type")
    conditions = [selection.uploaded_within(*days), selection.of_type(document_type)]
    return await _positional_list(service, form, lambda _: conditions)


async def get_set_results(service: Service, form: Form) -> web.Response:
    """List the documents of one type in a set (endpoint 10; assumed)."""
    reference = require(form, "set_reference_number")
    document_type = require(form, "document_type")
    return await _positional_list(
        service,
        form,
        lambda connection: [
            selection.in_set(sets.known_number(connection, reference)),
            selection.of_type(document_type),
        ],
    )


async def get_user_documents(service: Service, form: Form) -> web.Response:
    """List whatever the user may see (endpoint 11)."""
    return await _positional_list(service, form, lambda _: [], _flags(form))


async def get_set_documents(service: Service, form: Form) -> web.Response:
    """List all documents of a set (endpoint 29; assumed)."""
    reference = require(form, "set_reference_number")
    return await _positional_list(
        service,
        form,
        lambda connection: [selection.in_set(sets.known_number(connection, reference))],
    )


async def get_modified_invoices(service: Service, form: Form) -> web.Response:
    """List what was modified since the user asked last (endpoint 12).

    Updates, reviews and what QuickBooks said are modifications; an upload is none. What the
    answer looks like is not documented.
    """
    user = require_user(form)
    if not user.may_pull_modified:
        raise RefusalError(403, "Forbidden: Client Error", plain=True)
    conditions = [selection.visible_to(user), edits.not_pulled_by(user)]
    if form.fields.get("document_type", "").strip():
        conditions.append(selection.of_type(form.fields["document_type"]))
    now = service.now().timestamp()
    return json_response(await service.store.run(_pull_body, user, conditions, now))


def result_body(
    documents: Iterable[DocumentResult], shape: Callable[[DocumentResult], Any]
) -> bytes:
    """Build the answer that lists have in common."""
    result = [shape(document) for document in documents]
    return json_bytes({"result": result, "release_version": RELEASE_VERSION})


async def _positional_list(
    service: Service,
    form: Form,
    conditions: Callable[[sqlite3.Connection], list[Condition]],
    flags: Flags = (None, None),
) -> web.Response:
    """Answer with what the user may see of the documents that the conditions hold for."""
    visible = selection.visible_to(require_user(form))
    now = service.now().timestamp()

    def body(connection: sqlite3.Connection) -> bytes:
        asked = [visible, *conditions(connection)]
        documents = selection.done_documents(connection, now, asked)
        return result_body((each for each in documents if _is_wanted(each, flags)), positional)

    # The whole answer is built in the database's thread: of many documents it takes a while.
    return json_response(await service.store.run(body))


def _batch_body(
    connection: sqlite3.Connection, batch_id: str, flags: Flags, settings: Settings, now: float
) -> bytes:
    batch = selection.batch_result(connection, batch_id, now)
    if batch is None:
        return json_bytes("Batch ID not found")
    shape = SHAPES[settings.batch_shape]
    answer: dict[str, Any] = {
        "result": [shape(document) for document in batch.done if _is_wanted(document, flags)]
    }
    if settings.status_key is not None:
        answer[settings.status_key] = settings.status_words[batch.state]
    if batch.reason is not None:
        answer["error"] = batch.reason
    return json_bytes({**answer, "release_version": RELEASE_VERSION})


def _pull_body(
    connection: sqlite3.Connection, user: User, conditions: list[Condition], now: float
) -> bytes:
    documents = selection.done_documents(connection, now, conditions)
    edits.mark_pulled(connection, user, documents)
    return result_body(documents, keyed)


def _flags(form: Form) -> Flags:
    return flag(form, "approve_flag"), flag(form, "save_flag")


def _is_wanted(document: DocumentResult, flags: Flags) -> bool:
    """Compare with the flags; None takes both."""
    approved, saved = flags
    return approved in (None, document.is_approved) and saved in (None, document.is_saved)
