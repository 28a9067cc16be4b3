"""Server-sent events as they stand on the wire, and the log of those that a browser may still want.

Pure: no loop, no clock, no request. One log serves all browsers; each has but its place in it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

__all__ = ["EventLog", "event_bytes"]

# What is written to a browser at a time: a slow one has no more than this in memory of its own.
_MOST_AT_ONCE_BYTES = 64 << 10


def event_bytes(name: str, data: Mapping[str, Any], event_id: str | None = None) -> bytes:
    """Write one event; its data is one line of JSON.

    Args:
        name: The event's name, for `addEventListener`.
        data: JSON-ready values.
        event_id: What the browser sends back as `Last-Event-ID`; None leaves it as it was.

    Raises:
        TypeError, UnicodeEncodeError: The data is nothing that JSON can say.
    """
    head = f"event: {name}\n" if event_id is None else f"id: {event_id}\nevent: {name}\n"
    # JSON has no bare line break in it, so no text can end the event or begin another.
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"


class EventLog:
    """The last events of a stream, numbered from 1.

    Attributes:
        count: How many there have been, those that were dropped included.
    """

    def __init__(self, *, keep: int, keep_bytes: int) -> None:
        """Begin empty.

        Args:
            keep: How many events are kept, at most.
            keep_bytes: How large they may be all together; the last one is kept whatever its size.
        """
        if keep < 1:
            raise ValueError(f"keep must be 1 or more, not {keep}")
        self._keep, self._keep_bytes = keep, keep_bytes
        self._events: deque[bytes] = deque()
        self._bytes = 0
        # A browser may come back with the id of another stream, such as that of a process before.
        self._mark = secrets.token_hex(4)
        self.count = 0

    def add(self, name: str, data: Mapping[str, Any]) -> None:
        """Append an event; the oldest are dropped where there are too many.

        Raises:
            TypeError, UnicodeEncodeError: As `event_bytes`.
        """
        event = event_bytes(name, data, f"{self._mark}-{self.count + 1}")
        self.count += 1
        self._events.append(event)
        self._bytes += len(event)
        while len(self._events) > 1 and (
            len(self._events) > self._keep or self._bytes > self._keep_bytes
        ):
            self._bytes -= len(self._events.popleft())

    def place_of(self, event_id: str | None) -> int:
        """Give the number of the event that a browser had last; 0 for none of these."""
        mark, _, number = (event_id or "").partition("-")
        if mark != self._mark or not number.isascii() or not number.isdigit():
            return 0
        return min(int(number[:18]), self.count)

    def after(self, place: int) -> tuple[list[bytes], int]:
        """Give some of the events that come after one, and the number of the last of them.

        Where some were dropped meanwhile, the first of them is `missed`, which counts these.

        Args:
            place: The number of the last event that the browser has.
        """
        first = self.count - len(self._events)
        found: list[bytes] = []
        if place < first:
            found.append(event_bytes("missed", {"count": first - place}))
            place = first
        size = 0
        for event in islice(self._events, place - first, None):
            if size and size + len(event) > _MOST_AT_ONCE_BYTES:
                break
            found.append(event)
            size += len(event)
            place += 1
        return found, place
