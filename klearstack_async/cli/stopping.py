"""Running a command to its end, or until somebody stops it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

__all__ = ["run"]


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until Ctrl-C or `kill`; either cleans up and is a KeyboardInterrupt."""

    async def until_stopped() -> None:
        task = asyncio.current_task()
        if task is not None:
            # Windows has no such signals.
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await work

    try:
        asyncio.run(until_stopped())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
