"""100,000 jobs of almost no work, some at a time.

Measured: handing the jobs out and doing them. A job adds itself up and waits for the loop once
(`sleep(0)`), which is the least that a job for asyncio does. Processor time and memory are the
point: this is what a run pays for each document before anything was done for it.

Not measured: real work. Where a job takes a millisecond, nothing of this matters but the memory.

- asyncio.TaskGroup: a task for each job, as its documentation shows it; so all are begun at once.
- asyncio.TaskGroup, semaphore: the same with 50 at a time, as ours are: what a program does that
  may not make all its calls at once.
- asyncio.Queue, workers: 50 workers that take from a queue, as its documentation shows it. All jobs
  are put into it first, as there.
"""

from __future__ import annotations

import asyncio

from benchmarks.case import Case, Figures, Goal, Limit, Setting
from benchmarks.measuring import Measure, measured

__all__ = ["CASE"]

_AT_ONCE = 50


class _Work:
    """Counts the jobs that were done, and adds them up."""

    def __init__(self) -> None:
        self.done = self.total = 0

    async def do(self, job: int) -> None:
        await asyncio.sleep(0)
        self.done += 1
        self.total += job

    def figures(self, setting: Setting, measure: Measure) -> Figures:
        jobs = setting["jobs"]
        assert self.done == jobs, f"{self.done} jobs were done"
        assert self.total == jobs * (jobs - 1) // 2
        return measure.figures(jobs)


async def _ours(setting: Setting) -> Figures:
    from klearstack_async.transport.fanning import fan_out

    work = _Work()
    async with measured() as measure:
        await fan_out(work.do, range(setting["jobs"]), workers=_AT_ONCE)
    return work.figures(setting, measure)


async def _task_group(setting: Setting) -> Figures:
    work = _Work()
    async with measured() as measure, asyncio.TaskGroup() as tasks:
        for job in range(setting["jobs"]):
            tasks.create_task(work.do(job))
    return work.figures(setting, measure)


async def _queue(setting: Setting) -> Figures:
    """As asyncio's documentation shows it: workers on a queue."""
    work, queue = _Work(), asyncio.Queue[int]()

    async def worker() -> None:
        while True:
            await work.do(await queue.get())
            queue.task_done()

    async with measured() as measure:
        for job in range(setting["jobs"]):
            queue.put_nowait(job)
        workers = [asyncio.create_task(worker()) for _ in range(_AT_ONCE)]
        await queue.join()
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return work.figures(setting, measure)


async def _semaphore(setting: Setting) -> Figures:
    work, places = _Work(), asyncio.Semaphore(_AT_ONCE)

    async def do(job: int) -> None:
        async with places:
            await work.do(job)

    async with measured() as measure, asyncio.TaskGroup() as tasks:
        for job in range(setting["jobs"]):
            tasks.create_task(do(job))
    return work.figures(setting, measure)


CASE = Case(
    name="fan-out",
    title="fan-out of 100,000 jobs",
    contenders={
        "klearstack_async": _ours,
        "asyncio.TaskGroup": _task_group,
        "asyncio.TaskGroup, semaphore": _semaphore,
        "asyncio.Queue, workers": _queue,
    },
    goals=(Goal("asyncio.TaskGroup", 5),),
    limits=(Limit("peak memory", "grown_bytes", 2e6, unit="B"),),
    quick={"jobs": 10_000},
    full={"jobs": 100_000},
)
