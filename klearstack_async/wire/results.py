"""Decoding answers that bring documents, whichever way they are wrapped.

Nothing that was sent is dropped: what isn't a document, or stands beside them, is in `extra`. What
a document looks like is said in `shapes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from klearstack_async.document import Document
from klearstack_async.errors import DecodeError
from klearstack_async.keyed import (
    BOM,
    gathered,
    members_of,
    mended,
    take_text,
    unused_key,
    value_or_text,
)
from klearstack_async.models import Batch, BatchState, DocumentList
from klearstack_async.wire.confirmation import reject_if_no
from klearstack_async.wire.redaction import cleaned
from klearstack_async.wire.reply import Reply, decode_json, refusal
from klearstack_async.wire.shapes import (
    cut_list,
    document_from,
    documents_from,
    is_container,
    is_object,
    items_in,
)

__all__ = [
    "RESULT_KEYS",
    "STATE_KEYS",
    "STATE_WORDS",
    "batch_decoder",
    "batch_state",
    "decode_each",
    "decode_list",
    "document_decoder",
    "document_from",
    "documents_from",
    "stated_state",
]

# Only `result` is documented; the others were seen by an integrator.
RESULT_KEYS = ("result", "results", "data", "extracted_data")
STATE_KEYS = ("extraction_status", "extractionStatus", "status")
_BRACKET = re.compile(rb"[\[\]{}<>]")
_LONGEST_SENTENCE_BYTES = 300
# An answer of nothing but these isn't a document.
_NO_DOCUMENT = frozenset(
    {"detail", "error", "message", "release_version", "status", "success", *RESULT_KEYS}
)
_DOCUMENT_IDS = frozenset({"document_id", "ocr_id"})
STATE_WORDS: Mapping[str, BatchState] = {
    "completed": BatchState.COMPLETE,
    "complete": BatchState.COMPLETE,
    "failed": BatchState.FAILED,
    "error": BatchState.FAILED,
    "processing": BatchState.PENDING,
    "in progress": BatchState.PENDING,
    "pending": BatchState.PENDING,
}

_Parts = dict[str, msgspec.Raw] | list[msgspec.Raw]
_ANSWER: msgspec.json.Decoder[_Parts] = msgspec.json.Decoder(_Parts)


def batch_decoder(batch_id: str, expected: int | None) -> Callable[[Reply], Batch]:
    """Make the decoder of one batch's answer.

    Args:
        batch_id: The batch that is asked for.
        expected: How many documents were put into it, or None if that isn't known.
    """
    return partial(_batch, batch_id=batch_id, expected=expected)


def batch_state(explicit: BatchState | None, found: int, expected: int | None) -> BatchState:
    """Say how far a batch is, by what is stated, or else by what is there."""
    if explicit is not None and explicit.is_final:
        return explicit
    if found == 0:
        return BatchState.PENDING
    if explicit is None and expected is not None and found >= expected:
        return BatchState.COMPLETE
    return BatchState.PARTIAL


def decode_list(reply: Reply) -> DocumentList:
    """Read an answer that lists documents."""
    found = _found_in(reply)
    documents, strange = _documents_in(found.listings)
    if not documents:
        _reject_if_refused(reply, found)
    extra = _with_strange(found.extra, strange)
    return DocumentList(documents, take_text(extra, "release_version"), extra)


def decode_each(reply: Reply) -> Iterator[Document]:
    """Read an answer that lists documents, one of them at a time.

    What stands among them without being one comes as a document that has it in its `extra`.
    """
    found = _found_in(reply)
    items = [item for raw in found.listings for item in items_in(raw)]
    if not any(map(document_from, items)):
        _reject_if_refused(reply, found)
    return map(_document_or_strange, items)


def _document_or_strange(raw: msgspec.Raw) -> Document:
    return document_from(raw) or Document((), strange=(value_or_text(raw),))


def document_decoder(document_id: str) -> Callable[[Reply], Document]:
    """Make the decoder of an answer that brings one document.

    Args:
        document_id: The document that is asked for.
    """
    return partial(_one_document, document_id=document_id)


def _one_document(reply: Reply, *, document_id: str) -> Document:
    found = _found_in(reply, object_is_document=True)
    all_documents, strange = _documents_in(found.listings)
    documents = all_documents
    if len(documents) > 1:
        documents = tuple(d for d in documents if d.document_id == document_id)
    if len(documents) == 1:
        return documents[0].with_answer(_with_strange(found.extra, strange))
    _reject_if_refused(reply, found)
    raise refusal(
        DecodeError, f"the answer brings {len(all_documents)} documents, not this one", reply
    )


def _batch(reply: Reply, *, batch_id: str, expected: int | None) -> Batch:
    found = _found_in(reply)
    documents, strange = _documents_in(found.listings)
    stated = stated_state(found.extra)
    if stated is None and not documents:
        # Its sentence may say that it is not ready, which is no refusal.
        reject_if_no(reply, _flags(found.extra))
    extra = _with_strange(found.extra, strange)
    error = extra.get("error")
    if error is None or isinstance(error, str):
        extra.pop("error", None)
    return Batch(
        batch_id=batch_id,
        state=batch_state(stated, len(documents), expected),
        documents=documents,
        error=None if error is None else cleaned(str(error), reply.secrets),
        release_version=take_text(extra, "release_version"),
        extra=extra,
    )


class _Found(NamedTuple):
    # The JSON of the lists of documents; several only if their key repeats.
    listings: list[msgspec.Raw]
    # What else stood in the answer.
    extra: dict[str, Any]


def _found_in(reply: Reply, *, object_is_document: bool = False) -> _Found:
    """Find the documents in an answer, whichever way they are wrapped."""
    body, answer = _answer_in(reply, bool if object_is_document else _is_answer)
    if not isinstance(answer, dict):
        return _Found([msgspec.Raw(body)], {})
    if object_is_document and _is_document(answer, body):
        return _Found([msgspec.Raw(body)], {})
    members = members_of(body)
    key = _key_of_list({name for name, raw in members if is_container(raw)})
    listings: list[msgspec.Raw] = []
    others: list[tuple[str, Any]] = []
    for name, raw in members:
        if name == key and is_container(raw):
            listings.append(raw)
        else:
            others.append((name, value_or_text(raw)))
    return _Found(listings, gathered(others))


def _is_document(answer: Mapping[str, msgspec.Raw], body: bytes) -> bool:
    """Tell whether an object is itself the document, instead of holding it under a key."""
    key = _key_of_list({key for key in RESULT_KEYS if is_container(answer.get(key))})
    named = not _DOCUMENT_IDS.isdisjoint(map(str.lower, answer))
    if key is None:
        # Neither an id nor a field: whatever it is, it is no document.
        return not answer.keys() <= _NO_DOCUMENT and (named or b'"value"' in body)
    if not named:
        return False
    # A field may be called as such a key is.
    is_field = is_object(answer[key]) and "value" in dict(members_of(answer[key]))
    return is_field or not documents_from(answer[key])[0]


def _key_of_list(containers: set[str]) -> str | None:
    return next((key for key in RESULT_KEYS if key in containers), None)


def _answer_in(reply: Reply, fits: Callable[[_Parts], bool]) -> tuple[bytes, _Parts]:
    """Give the JSON of an answer, and its members."""
    try:
        return _mended_answer(reply.body.removeprefix(BOM))
    except (ValueError, RecursionError):
        pass
    if len(reply.body) < _LONGEST_SENTENCE_BYTES and not _BRACKET.search(reply.body):
        reject_if_no(reply, reply.body.decode("utf-8", "replace").strip(' \r\n"'))
    # Either it stands in the middle of a text, or this says what is wrong with it.
    answer = decode_json(reply, _ANSWER, fits)
    return msgspec.json.encode(answer), answer


def _mended_answer(body: bytes) -> tuple[bytes, _Parts]:
    try:
        return body, _ANSWER.decode(body)
    except RecursionError:
        # One document that is nested too deeply must not cost the others.
        return body, dict(members_of(body)) if is_object(body) else cut_list(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = mended(body)
        return body, _ANSWER.decode(body)


def _documents_in(listings: Iterable[msgspec.Raw]) -> tuple[tuple[Document, ...], list[Any]]:
    documents: tuple[Document, ...] = ()
    strange: list[Any] = []
    for raw in listings:
        more, strange_ones = documents_from(raw)
        documents += more
        strange += strange_ones
    return documents, strange


def _with_strange(extra: Mapping[str, Any], strange: list[Any]) -> dict[str, Any]:
    return {**extra, unused_key("documents", extra): strange} if strange else dict(extra)


def _reject_if_refused(reply: Reply, found: _Found) -> None:
    """Raise `Rejected` for an answer without documents that says no."""
    # Beside an empty list, `No documents found` says nothing worse; and a document that stands
    # there without a list may have a status of its own.
    bare = not found.listings and found.extra.keys() <= _NO_DOCUMENT
    reject_if_no(reply, found.extra if bare else _flags(found.extra))


def _flags(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {key: extra[key] for key in ("error", "success") if key in extra}


def _is_answer(found: _Parts) -> bool:
    """Tell an answer from other JSON that may stand around it."""
    if isinstance(found, dict):
        return not found.keys().isdisjoint((*RESULT_KEYS, "error"))
    return bool(found) and all(map(is_container, found))


def stated_state(extra: Mapping[str, Any]) -> BatchState | None:
    """Find the state that an object states under one of the known keys; None if it states none."""
    for key in STATE_KEYS:
        value = extra.get(key)
        state = STATE_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
        if state is not None:
            return state
    return None
