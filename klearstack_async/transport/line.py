"""The line of those who wait: for a place at a gate, or for a turn at a limiter."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

__all__ = ["Line", "was_called"]


class Line:
    """Those who wait: first come, first served; some stand before all others.

    A place in line is a future. It belongs to a loop, the line itself doesn't.
    """

    __slots__ = ("_first", "_others")

    def __init__(self) -> None:
        # Ordered dictionaries, because whoever is cancelled leaves from the middle: at the end of
        # a long pause there would be nothing but thousands of those in a deque.
        self._first: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._others: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def join(self, *, first: bool) -> asyncio.Future[None]:
        """Stand at the end of the line, or at the end of those who stand before all others."""
        place = asyncio.get_running_loop().create_future()
        (self._first if first else self._others)[place] = None
        return place

    def leave(self, place: asyncio.Future[None]) -> None:
        """Leave from anywhere; nothing happens to who isn't in line any more."""
        self._first.pop(place, None)
        self._others.pop(place, None)

    def call_next(self) -> bool:
        """Wake the next one who still waits, and say whether there was one."""
        while self._first or self._others:
            place, _ = (self._first or self._others).popitem(last=False)
            # Cancelled, and not yet got round to leaving: it must not swallow the call.
            if not place.done():
                place.set_result(None)
                return True
        return False


def was_called(place: asyncio.Future[None]) -> bool:
    """Say whether it was somebody's turn who is now cancelled: the turn has to be passed on."""
    return place.done() and not place.cancelled()
