"""Whether a run goes on, and what keeps it from it."""

from __future__ import annotations

from collections.abc import Callable

import anyio

__all__ = ["Control"]


class Control:
    """What all tasks of a run look at before they begin something.

    Attributes:
        error: What ended the run; None as long as nothing did.
        stopped: Set when nothing more is begun: somebody asked for that, or there is an error.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.stopped = anyio.Event()
        self._when_halted: Callable[[], None] = lambda: None

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.stopped.is_set()

    def when_halted(self, tell: Callable[[], None]) -> None:
        """Have somebody told when an error ends the run."""
        self._when_halted = tell

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on."""
        self.stopped.set()

    def halt(self, error: Exception) -> None:
        """End the run with an error, the first one if there are several."""
        self.error = self.error or error
        self.stopped.set()
        self._when_halted()
