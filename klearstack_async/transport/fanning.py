"""Many jobs, few tasks: a fixed number of workers on one shared iterator.

A task for each job would cost ten times the processor, and 138 MB for 100,000 jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from itertools import chain, islice
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from klearstack_async.transport.files import each_of

__all__ = ["fan_out"]

J = TypeVar("J")

Work = Callable[[J], Awaitable[object]]

# Work that never waits would hold the loop: after so many jobs, others have their turn.
_JOBS_IN_A_ROW = 32


async def fan_out(work: Work[J], jobs: Iterable[J] | AsyncIterable[J], *, workers: int) -> None:
    """Do some work for each job, several at a time, and return when all is done.

    Jobs are pulled as workers get free for them: those of an async iterable one ahead, and all in
    the caller's own task. No more workers are begun than there are jobs.

    Args:
        work: Called with each job; what it gives is dropped.
        jobs: What is to be done; may be endless. An async generator is closed at the end.
        workers: How many jobs are worked on at a time; 1 or more.

    Raises:
        Exception: The first that `work` or `jobs` raised, as it is, not in a group. By then all
            other work was cancelled and has ended; what it raised on that way is dropped.
        RuntimeError: A job ended in a `CancelledError` of something that it waited for.
        ValueError: There are no workers.
    """
    if type(workers) is not int or workers < 1:
        raise ValueError(f"workers is a whole number, 1 or more, not {workers!r}")
    share = _hand_out if isinstance(jobs, AsyncIterable) else _share
    async with anyio.create_task_group() as tasks:
        guard = _Guard(tasks)

        def begin(run: Callable[..., Awaitable[None]], source: object) -> None:
            tasks.start_soon(guard.run, run, work, source)

        await guard.run(share, jobs, begin, workers)
    try:
        if guard.failures:
            raise guard.failures[0]
    finally:
        # An exception that is kept would keep the frames that keep it.
        guard.failures.clear()


class _Guard:
    """Keeps what fails, and ends all the rest then."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.failures: list[Exception] = []
        self._tasks = tasks

    async def run(self, run: Callable[..., Awaitable[None]], *args: object) -> None:
        try:
            await run(*args)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # What it waited for was cancelled; this would end its worker without a word.
            self._end(_not_done(error))
        except Exception as error:  # noqa: BLE001 - raised once all have ended
            self._end(error)

    def _end(self, error: Exception) -> None:
        self.failures.append(error)
        self._tasks.cancel_scope.cancel()


def _not_done(error: asyncio.CancelledError) -> RuntimeError:
    failure = RuntimeError("a job was not done: something that it waited for was cancelled")
    failure.__cause__ = error
    return failure


Begin = Callable[[Callable[..., Awaitable[None]], object], None]


async def _share(jobs: Iterable[J], begin: Begin, workers: int) -> None:
    """Begin the workers, each with one job of its own and then whatever is next."""
    iterator = iter(jobs)
    for job in islice(iterator, workers):
        begin(_work_through, chain((job,), iterator))


async def _work_through(work: Work[J], jobs: Iterator[J]) -> None:
    for number, job in enumerate(jobs, 1):
        await work(job)
        if number % _JOBS_IN_A_ROW == 0:
            await asyncio.sleep(0)


async def _hand_out(jobs: AsyncIterable[J], begin: Begin, workers: int) -> None:
    """Pull the jobs, and begin a worker for each of the first ones."""
    # A queue costs a quarter of what a stream of anyio's does.
    queue: asyncio.Queue[J | _End] = asyncio.Queue(1)
    begun = 0
    async with aclosing(each_of(jobs)) as pulled:
        async for job in pulled:
            if begun < workers:
                begin(_work_on_each, queue)
                begun += 1
            await queue.put(job)
    for _ in range(begun):
        await queue.put(_END)


async def _work_on_each(work: Work[J], queue: asyncio.Queue[J | _End]) -> None:
    while not isinstance(job := await queue.get(), _End):
        await work(job)


class _End:
    """What tells a worker that there are no more jobs."""


_END = _End()
