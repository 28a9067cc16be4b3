"""Blocking calls of many tasks in few thread hops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import anyio
import pytest

from klearstack_async.transport.hops import Hops


@pytest.fixture
def hops() -> Iterator[Hops]:
    hops = Hops(4)
    yield hops
    hops.close()


async def test_each_gets_what_its_own_call_gave(hops: Hops) -> None:
    given = await asyncio.gather(*(hops.call(partial(pow, 2, n)) for n in range(100)))
    assert given == [2**n for n in range(100)]


async def test_what_is_asked_for_together_is_done_by_one_thread(hops: Hops) -> None:
    threads = await asyncio.gather(*(hops.call(threading.get_ident) for _ in range(5)))
    assert len({*threads}) == 1
    assert threads[0] != threading.get_ident()


async def test_what_fails_harms_no_other(hops: Hops) -> None:
    def fail() -> None:
        raise KeyError("none")

    one, other = await asyncio.gather(hops.call(fail), hops.call(lambda: 1), return_exceptions=True)
    assert isinstance(one, KeyError)
    assert other == 1


@pytest.mark.parametrize("kind", [StopIteration, SystemExit, KeyboardInterrupt])
async def test_what_no_future_can_hold_ends_as_a_runtime_error_for_who_asked_alone(
    hops: Hops, kind: type[BaseException]
) -> None:
    def fail() -> None:
        raise kind("none")

    async with asyncio.timeout(10):
        one, other = await asyncio.gather(
            hops.call(fail), hops.call(lambda: 1), return_exceptions=True
        )
        assert await hops.call(lambda: 2) == 2
    assert isinstance(one, RuntimeError)
    assert type(one.__cause__) is kind
    assert other == 1


async def test_nobody_waits_for_what_hangs(hops: Hops) -> None:
    go_on = threading.Event()
    try:
        before = asyncio.create_task(hops.call(lambda: 1))
        hanging = [asyncio.create_task(hops.call(go_on.wait)) for _ in range(3)]
        together = asyncio.create_task(hops.call(lambda: 2))
        assert await before == 1
        assert await together == 2
        assert await hops.call(lambda: 3) == 3
    finally:
        go_on.set()
    assert await asyncio.gather(*hanging) == [True, True, True]


async def test_if_all_hang_the_next_waits_for_one_to_come_back(hops: Hops) -> None:
    go_on = [threading.Event() for _ in range(4)]
    begun = threading.Semaphore(0)

    def hang(event: threading.Event) -> None:
        begun.release()
        event.wait()

    try:
        hanging = [asyncio.create_task(hops.call(partial(hang, event))) for event in go_on]
        for _ in go_on:
            await asyncio.to_thread(begun.acquire)
        late = asyncio.create_task(hops.call(lambda: 1))
        await anyio.wait_all_tasks_blocked()
        assert not late.done()
        go_on[2].set()
        assert await late == 1
    finally:
        for event in go_on:
            event.set()
    await asyncio.gather(*hanging)


@pytest.mark.parametrize("by_scope", [False, True])
async def test_who_is_cancelled_learns_of_it_when_its_call_has_ended(
    hops: Hops, by_scope: bool
) -> None:
    go_on, begun, scope = threading.Event(), threading.Event(), anyio.CancelScope()
    has_ended = False

    def hang() -> None:
        nonlocal has_ended
        begun.set()
        go_on.wait()
        has_ended = True

    async def ask() -> None:
        with scope:
            await hops.call(hang)

    asking = asyncio.create_task(ask())
    await asyncio.to_thread(begun.wait)
    scope.cancel() if by_scope else asking.cancel()
    await anyio.wait_all_tasks_blocked()
    assert not asking.done()
    go_on.set()
    await asyncio.wait([asking])
    assert has_ended
    assert asking.cancelled() is not by_scope
