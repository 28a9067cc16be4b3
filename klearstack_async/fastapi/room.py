"""How much may be in memory at once, in bytes, and the line of those who wait for their share.

How many may do something at once is the business of `transport/gate.py`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Room", "Share"]


class Room:
    """Room for so many bytes, given in the order in which it is asked for."""

    def __init__(self, size_bytes: int) -> None:
        """Have all of it free."""
        self.free_bytes = size_bytes
        self._size_bytes = size_bytes
        self._line: OrderedDict[asyncio.Future[None], int] = OrderedDict()

    @asynccontextmanager
    async def share(self, size_bytes: int) -> AsyncIterator[Share]:
        """Wait for so much room; what is left of it is given back when the block is left."""
        share = Share(self)
        await share.enter(size_bytes)
        try:
            yield share
        finally:
            share.shrink(0)

    async def enter(self, size_bytes: int) -> None:
        """Wait for so much room; it is given back with `leave`. Cancelled, it leaves no trace.

        Raises:
            ValueError: There isn't that much altogether.
        """
        if size_bytes > self._size_bytes:
            raise ValueError(f"there is room for {self._size_bytes} bytes, not for {size_bytes}")
        if not size_bytes or (not self._line and size_bytes <= self.free_bytes):
            self.free_bytes -= size_bytes
            return
        place = asyncio.get_running_loop().create_future()
        self._line[place] = size_bytes
        try:
            await place
        except BaseException:
            self._line.pop(place, None)
            # Its turn may have come in the meantime; and whoever is next may need less.
            self.leave(size_bytes if place.done() and not place.cancelled() else 0)
            raise

    def leave(self, size_bytes: int) -> None:
        """Give so much back, and call those who find room now."""
        self.free_bytes += size_bytes
        while self._line:
            place, wanted_bytes = next(iter(self._line.items()))
            if wanted_bytes > self.free_bytes:
                return
            del self._line[place]
            # One that was cancelled, and hasn't got round to leaving, takes nothing.
            if not place.done():
                self.free_bytes -= wanted_bytes
                place.set_result(None)


class Share:
    """What somebody has of a room."""

    def __init__(self, room: Room) -> None:
        """Have nothing."""
        self.size_bytes = 0
        self._room = room

    async def enter(self, size_bytes: int) -> None:
        """Wait for so much more."""
        await self._room.enter(size_bytes)
        self.size_bytes += size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Give back what is more than so much."""
        if size_bytes < self.size_bytes:
            self._room.leave(self.size_bytes - size_bytes)
            self.size_bytes = size_bytes
