"""Finding the lists of documents in an answer, whichever way it wraps them.

What a document looks like is said in `shapes.py`; what is made of an answer, in `results.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from klearstack_async.keyed import BOM, gathered, members_of, mended, value_or_text
from klearstack_async.ordinary import ordinary_members
from klearstack_async.wire.confirmation import reject_if_no
from klearstack_async.wire.reply import Reply, decode_json
from klearstack_async.wire.shapes import cut_list, documents_from, is_container, is_object

__all__ = [
    "LIST_PREFIX",
    "RESULT_KEYS",
    "Found",
    "flags",
    "found_in",
    "list_and_frame",
    "reject_if_refused",
]

# Only `result` is documented; the others were seen by an integrator.
RESULT_KEYS = ("result", "results", "data", "extracted_data")
_BRACKET = re.compile(rb"[\[\]{}<>]")
_LONGEST_SENTENCE_BYTES = 300
# An answer of nothing but these isn't a document.
_NO_DOCUMENT = frozenset(
    {"detail", "error", "message", "release_version", "status", "success", *RESULT_KEYS}
)
_DOCUMENT_IDS = frozenset({"document_id", "ocr_id"})

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = rb'(?:%b|[^ \t\n\r"\[\]{},:]++)' % _STRING
_MEMBER = rb"%b%b:%b%b%b,%b" % (_STRING, _SPACE, _SPACE, _SCALAR, _SPACE, _SPACE)
# `result` counts before any other key, and repeated it is read as one: whatever comes behind it,
# it holds the documents.
LIST_PREFIX = re.compile(
    rb'(?:\xef\xbb\xbf)?%b(?:\{%b(?:%b)*?"result"%b:%b)?(?=\[)'
    % (_SPACE, _SPACE, _MEMBER, _SPACE, _SPACE),
    re.DOTALL,
)

_Parts = dict[str, msgspec.Raw] | list[msgspec.Raw]
_RAW = msgspec.json.Decoder(msgspec.Raw)
_ANSWER: msgspec.json.Decoder[_Parts] = msgspec.json.Decoder(_Parts)


class Found(NamedTuple):
    """An answer whose documents aren't decoded yet.

    Attributes:
        listings: The JSON of the lists of documents; several only if their key repeats.
        extra: What else stood in the answer.
    """

    listings: list[msgspec.Raw]
    extra: dict[str, Any]


def found_in(reply: Reply, *, object_is_document: bool = False) -> Found:
    """Find the documents in an answer, whichever way they are wrapped."""
    ordinary = None if object_is_document else ordinary_members(reply.body)
    if ordinary is not None:
        return _sorted(list(ordinary.items()))
    body, answer = _answer_in(reply, bool if object_is_document else _is_answer)
    if not isinstance(answer, dict):
        return Found([msgspec.Raw(body)], {})
    if object_is_document and _is_document(answer, body):
        return Found([msgspec.Raw(body)], {})
    return _sorted(members_of(body))


def _sorted(members: Sequence[tuple[str, msgspec.Raw]]) -> Found:
    """Tell an answer's lists of documents from what else stands in it."""
    key = _key_of_list({name for name, raw in members if is_container(raw)})
    listings: list[msgspec.Raw] = []
    others: list[tuple[str, Any]] = []
    for name, raw in members:
        if name == key and is_container(raw):
            listings.append(raw)
        else:
            others.append((name, value_or_text(raw)))
    return Found(listings, gathered(others))


def list_and_frame(body: bytes) -> tuple[bytes, bytes] | None:
    """Cut the list of documents out of an answer, by a guess where it ends.

    Returns:
        What is the list, if it can be decoded as one; and the answer with an empty list in its
        place. None if that list doesn't come first.
    """
    before = LIST_PREFIX.match(body)
    if before is None:
        return None
    start, end = before.end(), body.rfind(b"]") + 1
    return body[start:end], b"%b[]%b" % (body[:start], body[end:])


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
    decode_json(reply, _ANSWER, fits)
    # Once more, and as it stands there, so that no key that repeats is lost.
    body = decode_json(reply, _RAW, lambda raw: fits(_ANSWER.decode(raw)))
    return bytes(body), _ANSWER.decode(body)


def _mended_answer(body: bytes) -> tuple[bytes, _Parts]:
    try:
        return body, _ANSWER.decode(body)
    except RecursionError:
        # One document that is nested too deeply must not cost the others.
        return body, dict(members_of(body)) if is_object(body) else cut_list(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = mended(body)
        return body, _ANSWER.decode(body)


def reject_if_refused(reply: Reply, found: Found) -> None:
    """Raise `Rejected` for an answer without documents that says no."""
    # Beside an empty list, `No documents found` says nothing worse; and a document that stands
    # there without a list may have a status of its own.
    bare = not found.listings and found.extra.keys() <= _NO_DOCUMENT
    reject_if_no(reply, found.extra if bare else flags(found.extra))


def flags(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an answer says plainly about success, whatever else stands in it."""
    return {key: extra[key] for key in ("error", "success") if key in extra}


def _is_answer(found: _Parts) -> bool:
    """Tell an answer from other JSON that may stand around it."""
    if isinstance(found, dict):
        return not found.keys().isdisjoint((*RESULT_KEYS, "error"))
    return bool(found) and all(map(is_container, found))
