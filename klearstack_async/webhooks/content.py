"""The document in a push's `data`, and what it takes to recognise it again."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from klearstack_async.document import Document
from klearstack_async.errors import WebhookError
from klearstack_async.webhooks.form import Value, as_sent
from klearstack_async.webhooks.json_object import json_members, read_json
from klearstack_async.webhooks.refusal import refusal
from klearstack_async.wire.results import document_from, documents_from

__all__ = ["document_in", "key_of"]

_RAW = msgspec.json.Decoder(msgspec.Raw)
_DIGEST_CHARACTERS = 32
# A key has two ids, and is to fit into 255 characters.
_MOST_ID_CHARACTERS = 100


class _Wrapper(msgspec.Struct):
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_WRAPPER = msgspec.json.Decoder(_Wrapper)


def document_in(data: Value) -> tuple[Document, str]:
    """Read the document that a push brings, and a digest of what it says.

    Args:
        data: JSON: the document in either shape, alone, in a list, or in `{"result": [...]}`. What
            stands beside `result` is added to the document's own metadata or its `extra`.

    Returns:
        The document, and the digest: 32 hexadecimal digits.

    Raises:
        WebhookError: 400, it is no JSON; 422, it isn't exactly one document.
    """
    try:
        return read_json(data, _read)
    except msgspec.ValidationError:
        pass
    raise _not_one(0)


def key_of(batch_id: str, document_id: str, digest: str) -> str:
    """Join what tells a push from others, in ASCII, with the ids quoted so that `/` parts them."""
    return f"{_quoted(batch_id)}/{_quoted(document_id)}/{digest}"


def _quoted(text: str) -> str:
    quoted = quote(text, safe="", errors="replace")
    if len(quoted) <= _MOST_ID_CHARACTERS:
        return quoted
    # No quoted id has the sign in it.
    return f"sha256={hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _read(data: Value) -> tuple[Document, str]:
    # A document is read when somebody looks into it; whether it is JSON must be known before.
    _RAW.decode(data)
    wrapped, beside = _unwrapped(data)
    documents, strange = documents_from(wrapped)
    if strange and not documents:
        # A list of rows of which one is strange.
        alone = document_from(wrapped)
        documents, strange = ((), strange) if alone is None else ((alone,), [])
    if strange:
        beside["documents"] = strange
    if not documents:
        documents = (Document(b"{}"),)
        if documents[0].with_answer(beside).failure is None:
            raise _not_one(0)
    if len(documents) > 1:
        raise _not_one(len(documents))
    document = documents[0].with_answer(beside)
    # Digesting reads all of it, which takes six times the memory of its JSON: not in what is given.
    return document, _digest(document.with_answer(beside), documents[0])


def _unwrapped(data: Value) -> tuple[Value, dict[str, Any]]:
    """Take the list of documents out of an object, with what stood beside it."""
    if not _begins(data, b"{"):
        return data, {}
    found = _WRAPPER.decode(data).result
    if found is msgspec.UNSET or not _begins(found, b"["):
        return data, {}
    members = json_members(data)
    beside = {name: as_sent(raw) for name, raw in members if name != "result"}
    # Fields and names that repeat are a document's, and it keeps them all.
    is_document = len(beside) < len(members) - 1 or any(map(_is_field, beside.values()))
    return (data, {}) if is_document else (found, beside)


def _digest(document: Document, alone: Document) -> str:
    """Digest what a document says, in whatever encoding, casing or order it was said.

    What stands beside the document counts only as far as it is about it, such as its status: the
    service's own version may change from one delivery to the next.
    """
    fields = sorted(alone.fields, key=lambda field: field.name)
    extra = {name: value for name, value in alone.extra.items() if name != "release_version"}
    said = {"metadata": document.metadata, "fields": fields, "extra": extra}
    canonical = msgspec.json.encode(said, order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:_DIGEST_CHARACTERS]


def _is_field(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value


def _not_one(count: int) -> WebhookError:
    return refusal(
        422, f"not a push: data holds {count or 'no'} documents; a push brings exactly one"
    )


def _begins(value: Value, sign: bytes) -> bool:
    return bytes(memoryview(value)[:64]).lstrip().startswith(sign)
