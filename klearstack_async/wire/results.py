"""Decoding answers that bring documents, as a whole or while they arrive.

Nothing that was sent is dropped: what isn't a document, or stands beside them, is in `extra`. Both
ways give the same, with one difference that can't be helped: where something behind the documents
makes whole decoding refuse all of them, those that were given already can't be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from klearstack_async.collector import collector_paused
from klearstack_async.document import Document
from klearstack_async.errors import DecodeError, KlearStackError
from klearstack_async.keyed import take_text, unused_key, value_or_text
from klearstack_async.models import Batch, BatchState, DocumentList
from klearstack_async.wire.arriving import Arriving, Rest
from klearstack_async.wire.confirmation import reject_if_no
from klearstack_async.wire.redaction import cleaned
from klearstack_async.wire.reply import Reply, read, refusal
from klearstack_async.wire.request import Gathering
from klearstack_async.wire.shapes import document_from, documents_from, items_in
from klearstack_async.wire.wrapping import (
    RESULT_KEYS,
    Found,
    flags,
    found_in,
    list_and_frame,
    reject_if_refused,
)

__all__ = [
    "RESULT_KEYS",
    "STATE_KEYS",
    "STATE_WORDS",
    "batch_decoder",
    "batch_gatherer",
    "batch_state",
    "decode_each",
    "decode_list",
    "document_decoder",
    "document_from",
    "documents_from",
    "gather_each",
    "gather_list",
    "stated_state",
]

T = TypeVar("T")

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


class _Answer(NamedTuple):
    """An answer that was taken apart: its documents, what stood among them, and all the rest."""

    documents: tuple[Document, ...]
    strange: list[Any]
    found: Found


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
    return _list_of(reply, _answer_of(reply))


def decode_each(reply: Reply) -> Iterator[Document]:
    """Read an answer that lists documents, one of them at a time.

    What stands among them without being one comes as a document that has it in its `extra`.
    """
    found = found_in(reply)
    items = [item for raw in found.listings for item in items_in(raw)]
    if not any(map(document_from, items)):
        reject_if_refused(reply, found)
    return map(_document_or_strange, items)


def _each_behind_first(reply: Reply) -> list[Document]:
    """Read what stands in an answer behind its first list of documents, as `decode_each` would."""
    listings = found_in(reply).listings[1:]
    return [_document_or_strange(item) for raw in listings for item in items_in(raw)]


def _document_or_strange(raw: msgspec.Raw) -> Document:
    return document_from(raw) or Document((), strange=(value_or_text(raw),))


def _answer_of(
    reply: Reply,
    first: tuple[Iterable[Document], Iterable[Any]] | None = None,
    *,
    object_is_document: bool = False,
) -> _Answer:
    """Take an answer apart.

    Args:
        reply: The answer.
        first: The documents of its first list and what stood among them, if that was decoded
            already.
        object_is_document: An object may itself be the document.
    """
    if first is None and not object_is_document:
        usual = _usual_answer(reply)
        if usual is not None:
            return usual
    found = found_in(reply, object_is_document=object_is_document)
    documents = [] if first is None else list(first[0])
    strange = [] if first is None else list(first[1])
    with collector_paused:
        for raw in found.listings if first is None else found.listings[1:]:
            more, strange_ones = documents_from(raw)
            documents += more
            strange += strange_ones
    return _Answer(tuple(documents), strange, found)


def _usual_answer(reply: Reply) -> _Answer | None:
    """Take an answer apart in one pass; None if it isn't as answers usually are."""
    parts = list_and_frame(reply.body)
    if parts is None:
        return None
    listing, frame = parts
    try:
        with collector_paused:
            # What is decoded from where a list begins ends where the list ends.
            documents, strange = documents_from(listing)
        return _answer_of(reply.with_body(frame), (documents, strange))
    except (KlearStackError, msgspec.MsgspecError, ValueError, RecursionError):
        # Whatever that was, the whole answer tells it better.
        return None


def _list_of(reply: Reply, answer: _Answer) -> DocumentList:
    """Make what is given for an answer that lists documents."""
    if not answer.documents:
        reject_if_refused(reply, answer.found)
    extra = _with_strange(answer.found.extra, answer.strange)
    return DocumentList(answer.documents, take_text(extra, "release_version"), extra)


def _batch_of(reply: Reply, answer: _Answer, *, batch_id: str, expected: int | None) -> Batch:
    """Make what is given for an answer about one batch."""
    documents, found = answer.documents, answer.found
    stated = stated_state(found.extra)
    if stated is None and not documents:
        # Its sentence may say that it is not ready, which is no refusal.
        reject_if_no(reply, flags(found.extra))
    extra = _with_strange(found.extra, answer.strange)
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


def batch_gatherer(batch_id: str, expected: int | None) -> Callable[[], Gathering[Batch]]:
    """Make what gathers one batch's answer while it arrives.

    Args:
        batch_id: The batch that is asked for.
        expected: How many documents were put into it, or None if that isn't known.
    """
    return partial(_Gathered, partial(_batch_of, batch_id=batch_id, expected=expected))


def gather_list() -> Gathering[DocumentList]:
    """Gather an answer that lists documents."""
    return _Gathered(_list_of)


def gather_each() -> Gathering[list[Document]]:
    """Hand on the documents of an answer as they come; in the end, give the last of them."""
    return _HandedOn()


def document_decoder(document_id: str) -> Callable[[Reply], Document]:
    """Make the decoder of an answer that brings one document.

    Args:
        document_id: The document that is asked for.
    """
    return partial(_one_document, document_id=document_id)


def _one_document(reply: Reply, *, document_id: str) -> Document:
    answer = _answer_of(reply, object_is_document=True)
    documents = answer.documents
    if len(documents) > 1:
        documents = tuple(d for d in documents if d.document_id == document_id)
    if len(documents) == 1:
        return documents[0].with_answer(_with_strange(answer.found.extra, answer.strange))
    reject_if_refused(reply, answer.found)
    raise refusal(
        DecodeError,
        f"the answer brings {len(answer.documents)} documents, not this one",
        reply,
    )


def _batch(reply: Reply, *, batch_id: str, expected: int | None) -> Batch:
    return _batch_of(reply, _answer_of(reply), batch_id=batch_id, expected=expected)


def _with_strange(extra: Mapping[str, Any], strange: list[Any]) -> dict[str, Any]:
    return {**extra, unused_key("documents", extra): strange} if strange else dict(extra)


def stated_state(extra: Mapping[str, Any]) -> BatchState | None:
    """Find the state that an object states under one of the known keys; None if it states none."""
    for key in STATE_KEYS:
        value = extra.get(key)
        state = STATE_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
        if state is not None:
            return state
    return None


class _Gathered(Generic[T]):
    """Keeps the documents until all are there."""

    def __init__(self, finish: Callable[[Reply, _Answer], T]) -> None:
        self._arriving = Arriving()
        self._documents: list[Document] = []
        self._finish = finish

    def feed(self, piece: bytes | memoryview) -> Sequence[Document]:
        self._documents += self._arriving.feed(piece)
        return ()

    def end(self, reply: Reply) -> T:
        rest = self._arriving.end()
        reply = reply.with_body(rest.frame)
        return read(reply, partial(self._whole, rest))

    def _whole(self, rest: Rest, reply: Reply) -> T:
        documents = [*self._documents, *rest.documents]
        given = None if rest.is_whole else (documents, self._arriving.strange)
        return self._finish(reply, _answer_of(reply, given))


class _HandedOn:
    """Keeps no document."""

    def __init__(self) -> None:
        self._arriving = Arriving(strange_too=True)

    def feed(self, piece: bytes | memoryview) -> Sequence[Document]:
        return self._arriving.feed(piece)

    def end(self, reply: Reply) -> list[Document]:
        rest = self._arriving.end()
        reply = reply.with_body(rest.frame)
        if rest.is_whole:
            return list(read(reply, decode_each))
        return rest.documents + read(reply, _each_behind_first)
