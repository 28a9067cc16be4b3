"""The pages on fetching results: endpoint 8 of the vendor's documentation."""

from __future__ import annotations

import sqlite3
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import records
from klearstack_async.sandbox.answers import RELEASE_VERSION, json_bytes, json_response
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import flag, require
from klearstack_async.sandbox.records import DocumentResult
from klearstack_async.sandbox.service import Service, Settings
from klearstack_async.sandbox.shapes import SHAPES


async def get_batch_documents(service: Service, form: Form) -> web.Response:
    """Give the documents of a batch that are ready (endpoint 8; its answer is not documented)."""
    batch_id = require(form, "batch_id").strip()
    require(form, "document_type")
    wanted = (flag(form, "approve_flag"), flag(form, "save_flag"))
    now = service.now().timestamp()
    return json_response(
        await service.store.run(_batch_body, batch_id, wanted, service.settings, now)
    )


def _batch_body(
    connection: sqlite3.Connection,
    batch_id: str,
    wanted: tuple[bool | None, bool | None],
    settings: Settings,
    now: float,
) -> bytes:
    """Build the whole answer in the database's thread: of a large batch it takes a while."""
    batch = records.batch_result(connection, batch_id, now)
    if batch is None:
        return json_bytes("Batch ID not found")
    shape = SHAPES[settings.batch_shape]
    answer: dict[str, Any] = {
        "result": [shape(document) for document in batch.done if _is_wanted(document, wanted)]
    }
    if settings.status_key is not None:
        answer[settings.status_key] = batch.state
    if batch.reason is not None:
        answer["error"] = batch.reason
    return json_bytes({**answer, "release_version": RELEASE_VERSION})


def _is_wanted(document: DocumentResult, wanted: tuple[bool | None, bool | None]) -> bool:
    """Compare with the flags; None takes both."""
    approved, saved = wanted
    return approved in (None, document.is_approved) and saved in (None, document.is_saved)
