"""How many sources may be under way: what keeps a run's memory flat."""

from __future__ import annotations

import anyio

__all__ = ["Slots"]


class Slots:
    """So many places, for one task that takes and many that give back."""

    def __init__(self, most: int) -> None:
        """Make `most` free places."""
        self._most = most
        self._taken = 0
        self._freed = anyio.Event()

    async def take(self, count: int = 1) -> None:
        """Wait for so many places; more than there are altogether are given once all are free."""
        while self._taken and self._taken + count > self._most:
            self._freed = anyio.Event()
            await self._freed.wait()
        self._taken += count

    def give_back(self, count: int = 1) -> None:
        """Free so many places."""
        self._taken -= count
        self._freed.set()
