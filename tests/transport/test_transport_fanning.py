"""Many jobs on few workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import anyio
import pytest

from klearstack_async.transport.fanning import fan_out

Jobs = Iterable[int] | AsyncIterator[int]


def as_iterator(numbers: Iterable[int]) -> Iterator[int]:
    return iter(numbers)


async def as_async_iterator(numbers: Iterable[int]) -> AsyncIterator[int]:
    for number in numbers:
        yield number


both_kinds = pytest.mark.parametrize("made", [as_iterator, as_async_iterator])


class Work:
    """Keeps count of itself.

    Attributes:
        begun: The jobs that were begun.
        ended: Those that came to their end.
        busy: How many are under way.
        most: How many were, at most.
        go_on: What each waits for.
    """

    def __init__(self, *, is_held: bool = False) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.busy = self.most = 0
        self.go_on = anyio.Event()
        if not is_held:
            self.go_on.set()

    async def __call__(self, job: int) -> None:
        self.begun.append(job)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await self.go_on.wait()
            self.ended.append(job)
        finally:
            self.busy -= 1


@both_kinds
@pytest.mark.parametrize("count", [0, 1, 3, 4, 1000])
async def test_every_job_is_done_once(made: type, count: int) -> None:
    work = Work()
    await fan_out(work, made(range(count)), workers=4)
    assert sorted(work.ended) == [*range(count)]


async def test_a_list_will_do() -> None:
    work = Work()
    await fan_out(work, [1, 2, 3], workers=2)
    assert sorted(work.ended) == [1, 2, 3]


@both_kinds
async def test_no_more_are_under_way_than_there_are_workers(made: type) -> None:
    work = Work(is_held=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: fan_out(work, made(range(100)), workers=7))
        await anyio.wait_all_tasks_blocked()
        assert work.busy == 7
        work.go_on.set()
    assert work.most == 7
    assert len(work.ended) == 100


@both_kinds
async def test_few_jobs_need_few_tasks(made: type) -> None:
    work = Work(is_held=True)
    before = len(asyncio.all_tasks())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: fan_out(work, made(range(2)), workers=50))
        await anyio.wait_all_tasks_blocked()
        assert len(asyncio.all_tasks()) == before + 1 + 2
        work.go_on.set()


@both_kinds
async def test_jobs_are_pulled_as_they_are_needed(made: type) -> None:
    pulled: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            pulled.append(number)
            yield number

    work = Work(is_held=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: fan_out(work, made(numbers()), workers=3))
        await anyio.wait_all_tasks_blocked()
        # Of an async iterable, one is ready for the next worker, and one waits to be.
        assert len(pulled) <= 5
        work.go_on.set()
    assert len(pulled) == 1000


@both_kinds
async def test_the_first_failure_cancels_the_others_and_comes_as_it_is(made: type) -> None:
    work = Work(is_held=True)

    async def fail_at_five(job: int) -> None:
        if job == 5:
            raise KeyError(job)
        await work(job)

    with pytest.raises(KeyError, match="5") as caught:
        await fan_out(fail_at_five, made(range(100)), workers=8)
    assert caught.value.__context__ is None
    assert work.busy == 0
    assert work.ended == []


async def test_of_several_failures_the_first_is_raised() -> None:
    is_first = True

    async def fail(job: int) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            raise KeyError(job)
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError(job)

    with pytest.raises(KeyError):
        await fan_out(fail, range(10), workers=3)


@both_kinds
async def test_jobs_that_fail_end_it(made: type) -> None:
    def numbers() -> Iterator[int]:
        yield from range(20)
        raise KeyError("no more")

    work = Work()
    with pytest.raises(KeyError, match="no more"):
        await fan_out(work, made(numbers()), workers=4)
    assert work.busy == 0


async def test_jobs_that_fail_at_once_end_it() -> None:
    def numbers() -> Iterator[int]:
        raise KeyError("none")
        yield

    with pytest.raises(KeyError, match="none"):
        await fan_out(Work(), numbers(), workers=4)


@both_kinds
async def test_cancelling_it_ends_all_work(made: type) -> None:
    work = Work(is_held=True)
    task = asyncio.create_task(fan_out(work, made(range(100)), workers=5))
    await anyio.wait_all_tasks_blocked()
    assert work.busy == 5
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.busy == 0
    assert len(work.begun) == 5


async def test_cancelling_it_cancels_jobs_that_are_waited_for() -> None:
    was_closed = False

    async def none_yet() -> AsyncIterator[int]:
        nonlocal was_closed
        try:
            await anyio.sleep_forever()
            yield 1
        finally:
            was_closed = True

    with anyio.move_on_after(0):
        await fan_out(Work(), none_yet(), workers=5)
    assert was_closed


async def test_an_async_generator_is_closed_when_work_fails() -> None:
    was_closed = False

    async def numbers() -> AsyncIterator[int]:
        nonlocal was_closed
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            was_closed = True

    async def fail(job: int) -> None:
        raise KeyError(job)

    with pytest.raises(KeyError):
        await fan_out(fail, numbers(), workers=2)
    assert was_closed


async def test_an_async_generator_may_hold_a_scope_open() -> None:
    """It can, as all of it runs in one task."""

    async def numbers() -> AsyncIterator[int]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            for number in range(10):
                yield number
            tasks.cancel_scope.cancel()

    work = Work()
    await fan_out(work, numbers(), workers=3)
    assert sorted(work.ended) == [*range(10)]


async def test_work_that_never_waits_lets_others_have_their_turn() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def at_once(job: int) -> None:
        pass

    counting = asyncio.create_task(count_turns())
    await fan_out(at_once, range(10_000), workers=4)
    counting.cancel()
    assert turns > 50


async def test_a_job_whose_own_wait_is_cancelled_is_not_passed_over() -> None:
    other = asyncio.create_task(asyncio.sleep(3600))
    other.cancel()
    done: list[int] = []

    async def work(job: int) -> None:
        if job == 1:
            await other
        done.append(job)

    with pytest.raises(RuntimeError, match="not done"):
        await fan_out(work, range(100), workers=3)
    assert len(done) < 100


@pytest.mark.parametrize("workers", [0, -1, 2.5, "2"])
async def test_it_takes_a_whole_number_of_workers(workers: object) -> None:
    async def work(_: int) -> None: ...

    with pytest.raises(ValueError, match="whole number"):
        await fan_out(work, range(3), workers=workers)  # type: ignore[arg-type]
