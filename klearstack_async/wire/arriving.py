"""The documents of an answer, decoded while it arrives.

The clean road: a list, or an object with a list under `result`, whose first item is a document.
Items are decoded as soon as they are whole, in batches. A batch's end is guessed by what stands
between documents, and proved by decoding: what begins where an item begins and can be decoded as
items ends where an item ends. Where that fails, strings and brackets are read one by one.

What isn't a document stays: before the list, behind it, and whatever is broken. That is the frame,
which is decoded like any answer at the end. Off the clean road, the frame is the whole answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

import msgspec

from klearstack_async.collector import collector_paused
from klearstack_async.document import Document
from klearstack_async.keyed import value_or_text
from klearstack_async.wire.boundaries import Boundary, ItemEnds
from klearstack_async.wire.shapes import (
    batch_from,
    begins_list,
    document_from,
    is_container,
    strict,
)
from klearstack_async.wire.wrapping import LIST_PREFIX

__all__ = ["Arriving", "Rest"]

BATCH_BYTES = 64 * 1024
# A document may be longer than a batch; where even this is too short, all brackets are read.
_LONGEST_GUESS_BYTES = 4 * BATCH_BYTES
_LONGEST_PREFIX_BYTES = 4096
# So much of an answer an error shows at most.
_SHOWN_BYTES = 2000
_LONGEST_CLOSING_BYTES = 200
_COMMA, _LIST_BEGIN, _LIST_END = b",[]"


class Rest(NamedTuple):
    """What is left of an answer when all of it has come.

    Attributes:
        documents: The last documents.
        frame: The answer without its documents; all of it, where none was taken out.
        is_whole: Whether none was taken out. Else the frame's first list only stands for the
            documents that were given already.
    """

    documents: list[Document]
    frame: bytes
    is_whole: bool


class _Phase(Enum):
    PREFIX = auto()
    ITEMS = auto()
    # Behind the list, or off the clean road: nothing is read before all of it is there.
    KEEPING = auto()
    # Broken beyond reading: nothing that comes could change that.
    BROKEN = auto()


class Arriving:
    """The documents of an answer that arrives in pieces.

    Args:
        strange_too: Give what stands among the documents without being one as a document that has
            it in its `extra`; else it is kept in `strange`.
    """

    def __init__(self, *, strange_too: bool = False) -> None:
        self.strange: list[Any] = []
        self._strange_too = strange_too
        self._phase = _Phase.PREFIX
        self._prefix = b""
        # The first documents as they were sent: by them an error shows how the answer began.
        self._head = b""
        # Whether there were items behind those that are neither lists nor objects.
        self._has_scalars = False
        # Begins with the `[` or the comma before the next item.
        self._buffer = bytearray()
        self._ends = ItemEnds()
        # Whether ends are read one by one, as they are for the first items, or guessed.
        self._exact = True
        self._boundary: Boundary | None = None
        self._closing = b""
        self._searched = 0

    def feed(self, piece: bytes | bytearray | memoryview) -> list[Document]:
        """Take in a piece, and give the documents that are whole by now."""
        if self._phase is _Phase.BROKEN and len(self._buffer) > _SHOWN_BYTES:
            return []
        self._buffer += piece
        if self._phase is _Phase.PREFIX:
            self._find_list()
        documents: list[Document] = []
        if self._phase is _Phase.ITEMS:
            with collector_paused:
                self._take_documents(documents)
        return documents

    def end(self) -> Rest:
        """Say that all has come, and give what is left."""
        documents: list[Document] = []
        if self._phase is _Phase.ITEMS:
            with collector_paused:
                self._take_items(documents)
        # Where other text stands behind it, a list with such items is no answer.
        is_ended = self._phase is _Phase.KEEPING
        scalar = b",null" if self._has_scalars and is_ended else b""
        frame = self._prefix + self._head + scalar + self._buffer
        self._buffer.clear()
        return Rest(documents, frame, is_whole=not self._head)

    def _find_list(self) -> None:
        found = LIST_PREFIX.match(self._buffer)
        if found is not None:
            self._prefix = bytes(found[0])
            del self._buffer[: found.end()]
            self._phase = _Phase.ITEMS
        elif len(self._buffer) > _LONGEST_PREFIX_BYTES:
            self._phase = _Phase.KEEPING

    def _take_documents(self, documents: list[Document]) -> None:
        while self._phase is _Phase.ITEMS:
            if self._exact:
                goes_on = self._take_items(documents)
            else:
                goes_on = len(self._buffer) >= BATCH_BYTES and self._take_batch(documents)
            if not goes_on:
                return

    def _take_batch(self, documents: list[Document]) -> bool:
        """Take the items up to an end that is guessed; False if more has to come for that."""
        buffer = self._buffer
        boundary = self._boundary or Boundary.between(self._closing, buffer)
        places = boundary.last_in(buffer, self._searched) if boundary else []
        for end in places:
            if self._take_proved(end, documents):
                self._boundary = boundary
                return True
        if boundary and not places and len(buffer) < _LONGEST_GUESS_BYTES:
            self._searched = max(0, len(buffer) - len(boundary.text))
            return False
        self._exact = True
        return True

    def _take_items(self, documents: list[Document]) -> bool:
        """Take the items whose ends have come; False if there is none."""
        ends = list(self._ends.all(self._buffer))
        if not ends:
            return False
        if not self._head and not self._begins_list(ends[0]):
            self._phase = _Phase.KEEPING
            return False
        last, sign = ends[-1], self._buffer[ends[-1]]
        self._closing = bytes(self._buffer[max(0, last - _LONGEST_CLOSING_BYTES) : last])
        self._boundary = None
        if len(ends) == 1 or not self._take_proved(last, documents):
            self._take_each(ends, documents)
        if self._phase is _Phase.ITEMS and sign != _COMMA:
            self._phase = _Phase.KEEPING if sign == _LIST_END else _Phase.BROKEN
        self._exact = False
        return True

    def _begins_list(self, end: int) -> bool:
        try:
            return begins_list(strict(self._text(1, end)))
        except (ValueError, RecursionError):
            return False

    def _take_proved(self, end: int, documents: list[Document]) -> bool:
        """Take all items up to a place, if decoding shows that they end there."""
        buffer = self._buffer
        around = buffer[0], buffer[end]
        # In place, because copying all that comes takes a twentieth of the time.
        buffer[0], buffer[end] = _LIST_BEGIN, _LIST_END
        with memoryview(buffer) as whole, whole[: end + 1] as text:
            found = batch_from(text)
        buffer[0], buffer[end] = around
        if found is None:
            return False
        if isinstance(found, tuple):
            documents += found
        else:
            self._sort(found, documents)
        self._pass(end)
        return True

    def _take_each(self, ends: list[int], documents: list[Document]) -> None:
        """Take the items that end at these places, up to one that is broken."""
        start = 0
        for end in ends:
            try:
                item = strict(self._text(start + 1, end))
            except (ValueError, RecursionError):
                self._phase = _Phase.BROKEN
                break
            self._sort([item], documents)
            start = end
        self._pass(start)

    def _sort(self, items: Sequence[bytes | msgspec.Raw], documents: list[Document]) -> None:
        for item in items:
            document = document_from(item)
            if document is None and self._strange_too:
                document = Document((), strange=(value_or_text(item),))
            if document is None:
                self.strange.append(value_or_text(item))
            else:
                documents.append(document)
            self._has_scalars = self._has_scalars or not is_container(item)

    def _text(self, start: int, end: int) -> bytes:
        with memoryview(self._buffer) as whole, whole[start:end] as part:
            return bytes(part)

    def _pass(self, end: int) -> None:
        """Put away what was decoded."""
        if len(self._head) < _SHOWN_BYTES:
            # What is too long to be kept for that has a stand-in.
            is_short = end <= 2 * BATCH_BYTES
            self._head += self._buffer[:end] if is_short else self._buffer[:1] + b"{}"
            self._has_scalars = self._has_scalars and not is_short
        del self._buffer[:end]
        self._ends, self._searched = ItemEnds(), 0
