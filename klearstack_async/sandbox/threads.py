"""Threads for what would block the loop. No knowledge of what runs in them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few named threads that live and die with the sandbox.

    The loop's default executor isn't used: its threads outlive the sandbox, and one slow job
    there would hold up the application that embeds it.
    """

    def __init__(self, name: str, *, count: int = 1) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=f"sandbox-{name}")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function in one of the threads.

        A cancelled caller stops waiting, the function itself runs to its end.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(function, *args, **kwargs))

    async def close(self) -> None:
        """Let running jobs end, drop the queued ones, end the threads."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def end() -> None:
            self._executor.shutdown(cancel_futures=True)
            loop.call_soon_threadsafe(ended.set)

        closer = threading.Thread(target=end, name="sandbox-closer")
        closer.start()
        await ended.wait()
        closer.join()
