"""What ends a call from outside: its deadline, or the end of its client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Bounds", "OutOfBoundsError"]

T = TypeVar("T")

# How long a client that is closed waits for its calls to take note.
_CLOSE_SECONDS = 5.0
# Earlier than any instant of the loop's clock, and so never a deadline.
_CLOSED = -1.0


class OutOfBoundsError(Exception):
    """The call was ended from outside.

    Attributes:
        at_deadline: Whether by its deadline; else the client was closed.
    """

    def __init__(self, *, at_deadline: bool) -> None:
        super().__init__()
        self.at_deadline = at_deadline


class Bounds:
    """The calls of one client that are under way."""

    def __init__(self) -> None:
        self._calls: dict[asyncio.Timeout, asyncio.Task[object] | None] = {}
        # One for each `close` that waits: two at once must not miss what the other has seen.
        self._closing: set[asyncio.Event] = set()
        self._is_closed = False

    def open(self) -> None:
        """Let calls begin (again)."""
        self._is_closed = False

    def check_open(self) -> None:
        """Make sure that calls may begin.

        Raises:
            RuntimeError: The client was closed.
        """
        if self._is_closed:
            raise RuntimeError(
                "this client is closed; open another one, or make the call before the block ends"
            )

    async def keep(self, work: Awaitable[T], deadline_seconds: float | None) -> T:
        """Await a call, but not beyond its deadline or the end of its client.

        Raises:
            OutOfBoundsError: It was ended.
        """
        try:
            async with asyncio.timeout(deadline_seconds) as bounds:
                self._calls[bounds] = asyncio.current_task()
                return await work
        except TimeoutError:
            if not bounds.expired():
                raise
        finally:
            del self._calls[bounds]
            for one_ended in self._closing:
                one_ended.set()
        raise OutOfBoundsError(at_deadline=bounds.when() != _CLOSED)

    async def close(self) -> None:
        """End every call that is under way, and wait until they have taken note."""
        self._is_closed = True
        own = asyncio.current_task()
        # A source may close the client that sends it; that call can't be waited for.
        others = [bounds for bounds, task in self._calls.items() if task is not own]
        for bounds in others:
            # One that is ending already can't be moved any more.
            with contextlib.suppress(RuntimeError):
                bounds.reschedule(_CLOSED)
        one_ended = asyncio.Event()
        self._closing.add(one_ended)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    while any(bounds in self._calls for bounds in others):
                        one_ended.clear()
                        await one_ended.wait()
        finally:
            self._closing.discard(one_ended)
