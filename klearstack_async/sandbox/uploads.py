"""The pages on uploads: endpoints 6 and 7 of the vendor's documentation."""

from __future__ import annotations

import re
import secrets
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from klearstack_async.sandbox import records, sets
from klearstack_async.sandbox.answers import RefusalError, object_response
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import flag, one_of, require, require_user
from klearstack_async.sandbox.processing import content_path
from klearstack_async.sandbox.records import NewBatch, NewDocument
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.sniff import ACCEPTED, kind_of
from klearstack_async.sandbox.spool import SpooledFile
from klearstack_async.sandbox.strict_json import parse_json
from klearstack_async.sandbox.unzip import ArchiveError, ZipLimits, unpack
from klearstack_async.sandbox.users import User

_SPEEDS = ("Speed", "Accuracy")
_INVOICE_TYPES = ("B2B", "B2C")
_DEFAULT_DOCUMENT_TYPE = "Invoices"
# Kept with the batch as they were sent; nothing here depends on them.
_KEPT_OPTIONS = (
    "source_name",
    "priority_flag",
    "userid",
    "user_id",
    "user_role",
    "application_no",
    "additional_params",
    "account_id",
)


@dataclass(frozen=True, slots=True)
class _SetChoice:
    """Which set of documents an upload goes to: a new one, an existing one, or none."""

    new: bool
    name: str | None
    reference: str | None


async def process_document(service: Service, form: Form) -> web.Response:
    """Take one PDF, JPEG or PNG (endpoint 6)."""
    options = {
        "processing_pref": one_of(form, "processing_pref", _SPEEDS, any_case=True),
        "invoice_type": one_of(form, "invoice_type", _INVOICE_TYPES),
        **_kept_options(form),
    }
    choice = _set_choice(form)
    file = _required_file(form)
    document = _new_document(file, _base_name(file.file_name))
    if document.reason is not None:
        raise RefusalError(400, document.reason)
    batch = _new_batch(service, form, options)
    set_number = await _store(service, form, batch, [(document, file)], choice)
    reference = {} if set_number is None else {"set_reference_number": str(set_number)}
    return object_response(OCR_ref_no=batch.batch_id, **reference)


async def upload_batch(service: Service, form: Form) -> web.Response:
    """Take a zip of documents (endpoint 7)."""
    file = _required_file(form)
    options = {
        "processing_pref": one_of(form, "processing_pref", _SPEEDS, any_case=True),
        "document_type": require(form, "document_type"),
        "invoice_type": one_of(form, "invoice_type", _INVOICE_TYPES),
        **_kept_options(form),
    }
    choice = _set_choice(form)
    members = await _unpack(service, form, file)
    batch = _new_batch(service, form, options)
    documents = [(_new_document(member, member.file_name), member) for member in members]
    if not choice.new and choice.reference is None:
        # The documented answer always has a set's number, so a batch without one makes its own.
        choice = _SetChoice(new=True, name=None, reference=None)
    set_number = await _store(service, form, batch, documents, choice)
    # The odd key is the service's own.
    answer = {
        "Function successfully executed!": batch.batch_id,
        "set_reference_number": str(set_number),
    }
    return object_response(**answer)


async def _unpack(service: Service, form: Form, file: SpooledFile) -> list[SpooledFile]:
    folder = service.spool.new_path()
    form.leftovers.add(folder)
    limits = ZipLimits(unpacked_bytes=service.settings.max_upload_bytes)
    try:
        return await service.unzipping.run(unpack, file.path, folder, limits)
    except ArchiveError as error:
        raise RefusalError(400, str(error)) from error


def _required_file(form: Form) -> SpooledFile:
    file = form.files.get("file")
    if file is None:
        raise RefusalError(400, "Please provide file.")
    if not file.size_bytes:
        raise RefusalError(400, f"The file '{file.file_name}' is empty.")
    return file


def _kept_options(form: Form) -> dict[str, str]:
    options = {name: form.fields[name] for name in _KEPT_OPTIONS if form.fields.get(name)}
    if "additional_params" in options:
        parse_json("additional_params", options["additional_params"])
    return options


def _set_choice(form: Form) -> _SetChoice:
    new = bool(flag(form, "create_new_set"))
    name = require(form, "set_name") if new else None
    reference = form.fields.get("set_reference_number", "").strip() or None
    return _SetChoice(new=new, name=name, reference=None if new else reference)


def _base_name(file_name: str) -> str:
    """Cut the folders off a name that a client sent, in either system's spelling."""
    return re.split(r"[/\\]", file_name)[-1] or "document"


def _new_document(file: SpooledFile, name: str) -> NewDocument:
    kind = kind_of(file.head)
    reason = None
    if kind is None:
        what = f"is neither {ACCEPTED}" if file.size_bytes else "is empty"
        reason = f"The file '{name}' {what}."
    return NewDocument(
        document_id=secrets.token_hex(12),
        ocr_id=secrets.token_hex(12),
        file_name=name,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        kind=kind,
        reason=reason,
    )


def _new_batch(service: Service, form: Form, options: dict[str, str]) -> NewBatch:
    now = service.now().timestamp()
    return NewBatch(
        batch_id=str(uuid.uuid4()),
        owner_id=_owner(service, form).user_id,
        document_type=form.fields.get("document_type", "").strip() or _DEFAULT_DOCUMENT_TYPE,
        options=options,
        uploaded_at=now,
        ready_at=now + service.settings.processing_seconds,
    )


def _owner(service: Service, form: Form) -> User:
    """Return whose documents they will be: the user named in the form, or the one who uploads."""
    for name in ("userid", "user_id"):
        given = form.fields.get(name, "").strip()
        known = service.company.with_id(given) or service.company.named(given)
        if known is not None:
            return known
    return require_user(form)


async def _store(
    service: Service,
    form: Form,
    batch: NewBatch,
    documents: list[tuple[NewDocument, SpooledFile]],
    choice: _SetChoice,
) -> int | None:
    """Keep an upload, all of it or nothing, and have it read; returns the set's number."""
    set_number = await service.store.run(
        _store_in_transaction, service.contents_folder, batch, documents, choice
    )
    for _, file in documents:
        form.leftovers.discard(file.path)
    service.processing.wake()
    return set_number


def _store_in_transaction(
    connection: sqlite3.Connection,
    folder: Path,
    batch: NewBatch,
    documents: list[tuple[NewDocument, SpooledFile]],
    choice: _SetChoice,
) -> int | None:
    set_number = _resolve_set(connection, choice)
    records.add_batch(connection, batch, [new for new, _ in documents], set_number)
    for new, file in documents:
        if new.kind is not None:
            _keep_content(file.path, content_path(folder, new.sha256, new.kind))
    return set_number


def _resolve_set(connection: sqlite3.Connection, choice: _SetChoice) -> int | None:
    if choice.new:
        return sets.make(connection, choice.name)
    if choice.reference is None:
        return None
    return sets.known_number(connection, choice.reference)


def _keep_content(spooled: Path, content: Path) -> None:
    """Move a file to where contents are kept, unless the same bytes are there already."""
    if content.exists():
        spooled.unlink()
        return
    content.parent.mkdir(parents=True, exist_ok=True)
    spooled.replace(content)
