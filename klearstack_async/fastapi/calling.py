"""Calling what an application gave: in the loop if it is asynchronous, else in a thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from anyio.to_thread import run_sync

from klearstack_async.transport.gate import Gate
from klearstack_async.transport.unbroken import unbroken

__all__ = ["called", "is_cancelled"]


async def called(function: Callable[..., Any], *args: Any, threads: Gate) -> Any:
    """Call it, and await what it gives if that is to be awaited.

    Args:
        function: What the application gave.
        args: What it is called with.
        threads: Lets so many in at once.

    A thread can't be stopped. Whoever is cancelled here learns of it once the function has ended,
    and if it has ended well, at the next await: so it can be noted that it did.
    """
    if _is_async(function):
        return await function(*args)
    results: list[Any] = []

    async def work() -> None:
        results.append(await run_sync(partial(function, *args)))

    await threads.enter()
    try:
        await unbroken(work())
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not results or inspect.isawaitable(results[0]) or task is None:
            raise
        # It counts once: a timeout around this has asked for it, and takes back one.
        task.uncancel()
        task.cancel()
    finally:
        threads.leave()
    return await results[0] if inspect.isawaitable(results[0]) else results[0]


def is_cancelled() -> bool:
    """Say whether this task is being cancelled, or has met the cancellation of another."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - what it is, not whether
    )
