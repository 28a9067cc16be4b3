"""Waiting for what must not be left half done, also by a task that is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

__all__ = ["unbroken"]

T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Carry something out to its end; whoever is cancelled meanwhile learns of it then.

    Args:
        work: What doesn't take long, or can't be stopped anyway, such as a step in a thread.

    Returns:
        What it gives.
    """
    step = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    # The shield is against cancel scopes, which would ask again and again; `task.cancel()` asks
    # once, and is answered at the end.
    with anyio.CancelScope(shield=True):
        while not step.done():
            try:
                await asyncio.wait([step])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        # Not to be left unread if it failed.
        step.cancelled() or step.exception()
        raise cancelled
    return step.result()
