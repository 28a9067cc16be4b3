"""Blocking steps beside the loop, one after the other, with the next always begun ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

from klearstack_async.transport.unbroken import unbroken

__all__ = ["THREADS_NAME", "as_exception", "one_ahead"]

T = TypeVar("T")

THREADS_NAME = "klearstack_async ahead"
# Not the loop's own: those are few, and looking a host up needs one, whatever hangs on a disk.
# They stay for the next upload, and end with their loop.
_MOST_THREADS = 40
_THREADS: WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor] = WeakKeyDictionary()
# Far longer than a step takes; but a disk that hangs must hold nothing up.
_CLOSE_SECONDS = 1.0


async def one_ahead(step: Callable[[], T]) -> AsyncGenerator[T]:
    """Give what a blocking step gives again and again, until that is empty.

    While a result is in use, the next step is done in a thread, and none beyond it: there are never
    two steps at once, and never more than two results. A step that fails does so in its turn, after
    all that was got before it was given.

    A step that has begun can't be stopped. Closing waits for it, but for a second at most; then it
    runs to its end by itself, so that it must not leave anything open.
    """
    coming = _begun(step)
    try:
        # Shielded, because who is cancelled could not wait for its end any more.
        while found := await asyncio.shield(coming):
            coming = _begun(step)
            yield found
            # Or it would be kept while the next two are there.
            del found
    finally:
        if not coming.done():
            await unbroken(asyncio.wait([coming], timeout=_CLOSE_SECONDS))
        # Whoever stops listening doesn't hear whether the step that was ahead failed.
        if not coming.cancel() and not coming.cancelled():
            coming.exception()


def as_exception(error: BaseException) -> Exception:
    """Give what a future can hold, and a loop survives, of whatever a user's object has raised."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = RuntimeError(f"reading raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


def _done(step: Callable[[], T]) -> T:
    try:
        return step()
    except BaseException as error:
        found = as_exception(error)
        if found is error:
            raise
        raise found from error


def _begun(step: Callable[[], T]) -> asyncio.Future[T]:
    # A task of anyio's would begin when this one waits next, which is after all was written that
    # the step is to be ahead of: with it, the upload of 1 GB took 1.2 to 1.3 times as long.
    loop = asyncio.get_running_loop()
    threads = _THREADS.get(loop)
    if threads is None:
        threads = _THREADS[loop] = ThreadPoolExecutor(_MOST_THREADS, THREADS_NAME)
    return loop.run_in_executor(threads, _done, step)
