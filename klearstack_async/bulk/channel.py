"""Handing things from task to task. Nothing is kept in between: whoever gives waits for a taker.

That is what anyio's streams do, at a quarter of their cost: a hand-over is one turn of the loop,
and none where somebody waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Channel"]

T = TypeVar("T")


class Channel(Generic[T]):
    """Takes things from some tasks, and gives each to one of several others, in their order.

    Those who are cancelled leave no trace; only what a taker had been given at that very moment is
    gone with it, so takers are cancelled when a run is over and not before.
    """

    def __init__(self) -> None:
        """Begin open, with nobody."""
        self._givers: deque[tuple[T, asyncio.Future[None]]] = deque()
        self._takers: deque[asyncio.Future[T | None]] = deque()
        self._wanted: asyncio.Future[None] | None = None
        self._is_closed = False

    async def wanted(self) -> None:
        """Wait until somebody waits for something: `give` won't wait then. For a single giver."""
        while not any(not taker.done() for taker in self._takers):
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted

    async def give(self, thing: T) -> None:
        """Give something, and wait until somebody has taken it."""
        if self.give_now(thing):
            return
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._givers.append((thing, taken))
        await taken

    def give_now(self, thing: T) -> bool:
        """Give something to who waits for it, and say whether anybody did."""
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(thing)
                return True
        return False

    async def take(self) -> T | None:
        """Wait for something; None once the channel is closed, and all that was given is taken."""
        while self._givers:
            thing, taken = self._givers.popleft()
            if not taken.done():
                taken.set_result(None)
                return thing
        if self._is_closed:
            return None
        taker: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        return await taker

    def close(self) -> None:
        """Say that nobody will give anything more."""
        self._is_closed = True
        for taker in self._takers:
            if not taker.done():
                taker.set_result(None)
        self._takers.clear()
