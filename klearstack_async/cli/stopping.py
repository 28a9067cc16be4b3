"""Running a command to its end, or until somebody stops it.

What the signals do:

    Ctrl-C         what `Stop.gently` says, once, if anything; otherwise as the second one
    Ctrl-C again   cancels the command, which cleans up and says how to go on
    kill (TERM)    the same
    any of them when that has taken five seconds: ends the process as it is
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["PATIENCE_SECONDS", "Stop", "run"]

# A disk or a reader of a pipe may never answer, and a thread that waits for it can't be stopped.
PATIENCE_SECONDS = 5.0
_INTERRUPTED = 130


class Stop:
    """What stopping means for one command.

    Attributes:
        gently: What the first Ctrl-C does instead of stopping at once; None if there is nothing
            to finish.
        in_despair: Called before the process is ended as it is, for a last word.
    """

    def __init__(self) -> None:
        """Stop at once, until somebody sets `gently`."""
        self.gently: Callable[[], None] | None = None
        self.in_despair: Callable[[], None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelled_at: float | None = None

    def watch(self) -> None:
        """Take the signals over for the task of this moment."""
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        # Windows has no such handlers: there Ctrl-C cancels the task at once.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(signal.SIGTERM, self.at_once)
            # A shell has what it starts with & ignore Ctrl-C, and so it should stay.
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                loop.add_signal_handler(signal.SIGINT, self.interrupt)

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        gently, self.gently = self.gently, None
        if gently is not None:
            gently()
        else:
            self.at_once()

    def at_once(self) -> None:
        """Cancel the command; end the process if that was tried, and takes too long."""
        self.gently = None
        now = asyncio.get_running_loop().time()
        if self._task is not None and self._cancelled_at is None:
            self._cancelled_at = now
            self._task.cancel()
        elif self._cancelled_at is not None and now - self._cancelled_at >= PATIENCE_SECONDS:
            if self.in_despair is not None:
                self.in_despair()
            os._exit(_INTERRUPTED)


def run(work: Coroutine[Any, Any, None], stop: Stop | None = None) -> None:
    """Run a command to its end, or until it is stopped, which is a KeyboardInterrupt.

    Args:
        work: The command.
        stop: What stopping means; by default, at once.
    """
    stopping = stop or Stop()

    async def until_stopped() -> None:
        stopping.watch()
        await work

    try:
        asyncio.run(until_stopped())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        # Ctrl-C may have come before it was ever begun, and Python would warn of that.
        work.close()
