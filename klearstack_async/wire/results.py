"""Decoding results, in both shapes and with everything that strange answers bring.

The fast road decodes rows straight into `Row` structs. Whatever doesn't fit is taken apart one
document at a time, and then one row at a time: a strange row never costs its document, a strange
document never costs its batch, and nothing that was sent is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from klearstack_async.document import Document
from klearstack_async.field import Row
from klearstack_async.models import Batch, BatchState
from klearstack_async.wire.redaction import cleaned
from klearstack_async.wire.reply import Reply, decode_json, reject_if_refused

__all__ = ["STATE_WORDS", "batch_decoder", "batch_state", "documents_from"]

# Only `result` is documented; the others were seen by an integrator.
RESULT_KEYS = ("result", "results", "data", "extracted_data")
STATE_KEYS = ("extraction_status", "extractionStatus", "status")
STATE_WORDS: Mapping[str, BatchState] = {
    "completed": BatchState.COMPLETE,
    "complete": BatchState.COMPLETE,
    "failed": BatchState.FAILED,
    "error": BatchState.FAILED,
    "processing": BatchState.PENDING,
    "in progress": BatchState.PENDING,
    "pending": BatchState.PENDING,
}

_ROWS = msgspec.json.Decoder(list[tuple[Row, ...]])
_ONE_ROWS = msgspec.json.Decoder(tuple[Row, ...])
_ROW = msgspec.json.Decoder(Row)
_ANSWER: msgspec.json.Decoder[dict[str, msgspec.Raw] | list[msgspec.Raw]] = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | list[msgspec.Raw]
)
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])


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


def documents_from(raw: bytes | msgspec.Raw) -> tuple[tuple[Document, ...], list[Any]]:
    """Decode a list of documents of either shape.

    Returns:
        The documents, and what stood among them without being one.

    Raises:
        msgspec.DecodeError: It is no JSON list.
    """
    try:
        return tuple(Document(rows) for rows in _ROWS.decode(raw)), []
    except msgspec.ValidationError:
        pass
    documents: list[Document] = []
    strange: list[Any] = []
    for item in _RAW_LIST.decode(raw):
        document = _document(item)
        if document is None:
            strange.append(_anything(item))
        else:
            documents.append(document)
    return tuple(documents), strange


def _batch(reply: Reply, *, batch_id: str, expected: int | None) -> Batch:
    answer = decode_json(reply, _ANSWER, _is_answer)
    parts = answer if isinstance(answer, dict) else {}
    if isinstance(answer, dict):
        key = next((key for key in RESULT_KEYS if _is_container(parts.get(key))), None)
        found = parts.pop(key) if key else msgspec.Raw(b"[]")
    else:
        found = _listed(answer)
    # One object instead of a list is one document.
    documents, strange = documents_from(found if _first_byte(found) == b"[" else _listed([found]))
    extra: dict[str, Any] = {name: _anything(value) for name, value in parts.items()}
    stated = _stated_state(extra)
    if stated is None and not documents:
        reject_if_refused(reply, extra)
    state = batch_state(stated, len(documents), expected)
    error, version = extra.pop("error", None), extra.pop("release_version", None)
    if strange:
        extra["documents"] = strange
    return Batch(
        batch_id=batch_id,
        state=state,
        documents=documents,
        error=None if error is None else cleaned(str(error), reply.secrets),
        release_version=None if version is None else str(version),
        extra=extra,
    )


def _document(raw: msgspec.Raw) -> Document | None:
    """Decode one document that didn't fit the fast road; None if it is none."""
    if _first_byte(raw) == b"{":
        return Document({name: _anything(value) for name, value in _RAW_OBJECT.decode(raw).items()})
    if _first_byte(raw) != b"[":
        return None
    try:
        return Document(_ONE_ROWS.decode(raw))
    except msgspec.ValidationError:
        return _patched_rows(_RAW_LIST.decode(raw))


def _patched_rows(items: list[msgspec.Raw]) -> Document | None:
    rows: list[Row] = []
    strange: list[Any] = []
    for item in items:
        try:
            rows.append(_ROW.decode(item))
        except msgspec.ValidationError:
            whole = _anything(item)
            strange.append(whole)
            rows.extend(_salvaged(whole))
    return Document(tuple(rows), strange=tuple(strange)) if rows else None


def _salvaged(item: Any) -> list[Row]:
    """Keep a strange row's name and value readable; the row itself stays in `extra`, too."""
    if isinstance(item, list) and len(item) >= 2 and isinstance(item[1], str):
        confidence = item[2] if len(item) > 2 and isinstance(item[2], float) else None
        # A row of more than two parts is a field, whatever its name: only those have a place.
        return [Row(item[0], item[1], confidence)]
    return []


def _anything(raw: msgspec.Raw) -> Any:
    """Decode what may be any JSON; what has no value in Python (1e999) is kept as its text."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return bytes(raw).decode("utf-8", "replace")


def _listed(items: list[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(map(bytes, items)) + b"]")


def _is_answer(found: dict[str, msgspec.Raw] | list[msgspec.Raw]) -> bool:
    """Tell an answer from other JSON that may stand around it."""
    if isinstance(found, dict):
        return not found.keys().isdisjoint((*RESULT_KEYS, "error"))
    return bool(found) and all(map(_is_container, found))


def _stated_state(extra: dict[str, Any]) -> BatchState | None:
    for key in STATE_KEYS:
        value = extra.get(key)
        state = STATE_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
        if state is not None:
            return state
    return None


def _is_container(raw: msgspec.Raw | None) -> bool:
    return raw is not None and _first_byte(raw) in {b"[", b"{"}


def _first_byte(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:64]).lstrip()[:1]
