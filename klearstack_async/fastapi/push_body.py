"""A push's body on its way into memory: how large, how slow, and how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from klearstack_async.fastapi.room import Room, Share
from klearstack_async.webhooks.refusal import refusal, too_large

__all__ = ["TIMES_READ_PAST", "Patience", "Place", "PushBodies"]

# In memory at once, at least and in times of the largest that is accepted.
_LEAST_BYTES = 64 << 20
_TIMES_LARGEST = 4
# Each push has a task and a connection besides.
_MOST_PUSHES = 1000
# A body of unknown length is taken for one that is no larger, until it is. Then it needs room for
# the largest; not in the same place, or all of them might wait there for each other.
_SMALL_BYTES = 1 << 20
_TIMES_LARGEST_LATE = 2
# What is too large is read past for a while: who is still sending doesn't read the answer.
TIMES_READ_PAST = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sender may take: so many seconds, and one more for each so many bytes."""

    seconds: float = 30.0
    bytes_per_second: int = 64 << 10


class PushBodies:
    """The pushes that are in memory, from their first byte until nobody needs them any more.

    Those for which there is no room wait unread, first come, first served.
    """

    def __init__(self, max_bytes: int, patience: Patience) -> None:
        """Have none.

        Args:
            max_bytes: The largest body to accept.
            patience: How long it may take to come.
        """
        size_bytes = max(_TIMES_LARGEST * max_bytes, _LEAST_BYTES)
        self._room = Room(size_bytes)
        self._least_bytes = size_bytes // _MOST_PUSHES
        self._late_room = Room(_TIMES_LARGEST_LATE * max_bytes)
        self._max_bytes, self._patience = max_bytes, patience

    @asynccontextmanager
    async def place(self, length: int | None) -> AsyncIterator[Place]:
        """Wait for a place; it is given back when the block is left.

        Args:
            length: How long the body is going to be, if that was said.
        """
        expected = min(_SMALL_BYTES, self._max_bytes) if length is None else length
        size_bytes = max(expected, self._least_bytes)
        async with self._room.share(size_bytes) as share, self._late_room.share(0) as late:
            yield Place(expected, self._least_bytes, self._max_bytes, share, late, self._patience)


@dataclass(slots=True)
class Place:
    """The room for one push.

    Attributes:
        expected_bytes: How long its body is going to be; a guess if that wasn't said.
        least_bytes: What it takes at least.
        max_bytes: The largest body to accept.
        share: Its room.
        late: Its room if it turns out to be larger than was guessed.
        patience: How long the body may take to come.
    """

    expected_bytes: int
    least_bytes: int
    max_bytes: int
    share: Share
    late: Share
    patience: Patience

    async def read(self, stream: AsyncGenerator[bytes, None]) -> bytes:
        """Read the body.

        Args:
            stream: It as it comes.

        Raises:
            WebhookError: 413, it is too large; 408, it came too slowly.
        """
        body = bytearray()
        received = 0
        try:
            async with asyncio.timeout(self.patience.seconds) as deadline, aclosing(stream):
                async for chunk in stream:
                    received += len(chunk)
                    if received > TIMES_READ_PAST * self.max_bytes:
                        break
                    if received > self.max_bytes:
                        body.clear()
                        continue
                    body += chunk
                    if received > self.expected_bytes and not self.late.size_bytes:
                        await self._enter_late(deadline)
                    _extend(deadline, len(chunk) / self.patience.bytes_per_second)
        except TimeoutError:
            raise refusal(
                408, f"{received} bytes came, and then the body took too long; send it again"
            ) from None
        if received > self.max_bytes:
            raise too_large(None, self.max_bytes)
        self.share.shrink(max(len(body), self.least_bytes))
        self.late.shrink(len(body))
        return bytes(body)

    async def _enter_late(self, deadline: asyncio.Timeout) -> None:
        """Wait for room for the largest. It isn't the sender's time that passes here."""
        when, now = deadline.when(), asyncio.get_running_loop().time
        left = (when or 0.0) - now()
        deadline.reschedule(None)
        await self.late.enter(self.max_bytes)
        deadline.reschedule(now() + left)


def _extend(deadline: asyncio.Timeout, seconds: float) -> None:
    when = deadline.when()
    if when is not None:
        deadline.reschedule(when + seconds)
