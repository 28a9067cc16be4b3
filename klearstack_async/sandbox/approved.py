"""The page on approved documents: endpoint 13 of the vendor's documentation."""

from __future__ import annotations

import sqlite3
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import quickbooks, selection
from klearstack_async.sandbox.accounts import accounts_data
from klearstack_async.sandbox.answers import json_response
from klearstack_async.sandbox.dates import approved_date, day_range
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import one_of, require_reviewer
from klearstack_async.sandbox.results import result_body
from klearstack_async.sandbox.selection import Condition, DocumentResult
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.shapes import keyed
from klearstack_async.sandbox.users import Company


async def get_approved_invoices(service: Service, form: Form) -> web.Response:
    """List what was approved on some days, both ends included; for Admins and Approvers only."""
    require_reviewer(form)
    conditions = [selection.approved_within(*day_range(form)), *_filters(service.company, form)]
    now = service.now().timestamp()

    def body(connection: sqlite3.Connection) -> bytes:
        documents = selection.done_documents(connection, now, conditions)
        return result_body(documents, _approved)

    return json_response(await service.store.run(body))


def _filters(company: Company, form: Form) -> list[Condition]:
    conditions: list[Condition] = []
    if form.fields.get("document_type", "").strip():
        conditions.append(selection.of_type(form.fields["document_type"]))
    if form.fields.get("user_list", "").strip():
        conditions.append(selection.reviewed_by(_usernames(company, form.fields["user_list"])))
    if form.fields.get("QBE_status", "").strip():
        conditions.append(
            selection.with_qbe_status(one_of(form, "QBE_status", quickbooks.STATUSES))
        )
    return conditions


def _usernames(company: Company, user_list: str) -> set[str]:
    """Split a list of users; whether it holds names or ids is not documented, so both are good."""
    named = {part.strip() for part in user_list.split(",")} - {""}
    return named | {user.username for user in company.users if str(user.user_id) in named}


def _approved(document: DocumentResult) -> dict[str, Any]:
    extra: dict[str, Any] = {"AccountsData": accounts_data(document.reading)}
    if document.reviewed_at is not None:
        extra["approved_date"] = approved_date(document.reviewed_at)
    return keyed(document) | extra
