"""Handing on what a task makes to whoever iterates, as it is made.

The task has a life of its own, because what it holds (a deadline, a trace, a connection) must not
reach into the code of who iterates: a generator that yields inside of a timeout lets it cancel
anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Give", "relayed"]

T = TypeVar("T")

# Whoever does something with each item holds the loop meanwhile: so others get their turn.
_ITEMS_IN_A_ROW = 16

Give = Callable[[Sequence[T]], Awaitable[None]]


class _Hatch(Generic[T]):
    """Where one batch lies ready at most: a maker that is ahead waits."""

    def __init__(self) -> None:
        self.batch: Sequence[T] | None = None
        self.filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def give(self, batch: Sequence[T]) -> None:
        while self.batch is not None:
            self._emptied.clear()
            await self._emptied.wait()
        self.batch = batch
        self.filled.set()

    def take(self) -> Sequence[T]:
        batch, self.batch = self.batch or (), None
        self._emptied.set()
        return batch


async def relayed(make: Callable[[Give[T]], Awaitable[None]]) -> AsyncGenerator[T]:
    """Run something in a task, and give what it gives, in order.

    Closing the generator cancels the task and waits for its end.

    Args:
        make: Called with a function to give batches to, which waits while the one before lies
            there. What it raises is raised here, after all that it gave before.
    """
    hatch: _Hatch[T] = _Hatch()
    task = asyncio.ensure_future(make(hatch.give))
    task.add_done_callback(lambda _: hatch.filled.set())
    # Whoever stops listening doesn't hear what becomes of it; that is nothing to log.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        while hatch.batch is not None or not task.done():
            if hatch.batch is None:
                hatch.filled.clear()
                await hatch.filled.wait()
            for number, item in enumerate(hatch.take(), 1):
                yield item
                if number % _ITEMS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})
