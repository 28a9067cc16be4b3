"""Whether a run goes on, and what keeps it from it."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from klearstack_async.transport.clock import Clock

__all__ = ["Control"]


class Control:
    """What all tasks of a run look at before they begin something.

    Attributes:
        error: What ended the run; None as long as nothing did.
        last_error: What the run ends with once all that is under way has come to its end, such as
            a failure of the user's own iterable.
        stopped: Set when nothing more is begun: somebody asked for that, or there is an error.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.last_error: Exception | None = None
        self.stopped = anyio.Event()
        self._when_halted: Callable[[], None] = lambda: None

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.stopped.is_set()

    def when_halted(self, tell: Callable[[], None]) -> None:
        """Have somebody told when an error ends the run."""
        self._when_halted = tell

    def stop(self, error: Exception | None = None) -> None:
        """Begin nothing more; what is under way goes on, and at its end the error is raised."""
        self.last_error = self.last_error or error
        self.stopped.set()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Wait for so long, or until the run is asked to stop."""

        async def until_stopped(scope: anyio.CancelScope) -> None:
            await self.stopped.wait()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_stopped, tasks.cancel_scope)
            await clock.sleep(seconds)
            tasks.cancel_scope.cancel()

    def halt(self, error: Exception) -> None:
        """End the run with an error, the first one if there are several."""
        self.error = self.error or error
        self.stopped.set()
        self._when_halted()
