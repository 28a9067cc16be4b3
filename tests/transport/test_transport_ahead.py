from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import aclosing

import anyio.to_thread
import pytest

from klearstack_async.transport.ahead import THREADS_NAME, one_ahead


class Steps:
    """Gives 1, 2, 3 and so on to 5, then 0; one of them may fail, one may wait.

    Attributes:
        begun: How many steps were begun.
        at_once: How many were under way at the same time, at most.
    """

    def __init__(self, *, fails_at: int = 0, waits_at: int = 0) -> None:
        self.begun = self.at_once = self._under_way = 0
        self._fails_at, self._waits_at = fails_at, waits_at
        self.waiting, self.goes_on, self.ended = (threading.Event() for _ in range(3))

    def __call__(self) -> int:
        self.begun += 1
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            return self._given(self.begun)
        finally:
            self._under_way -= 1

    def _given(self, number: int) -> int:
        if number == self._waits_at:
            self.waiting.set()
            self.goes_on.wait(10)
            self.ended.set()
        if number == self._fails_at:
            raise OSError("the disk is gone")
        return number if number <= 5 else 0


async def settle() -> None:
    """Let threads do what they have been given, and the loop hear of it."""
    for _ in range(3):
        await anyio.to_thread.run_sync(int)


async def test_all_results_come_in_their_order_and_never_two_steps_at_once() -> None:
    steps = Steps()
    assert [number async for number in one_ahead(steps)] == [1, 2, 3, 4, 5]
    assert (steps.begun, steps.at_once) == (6, 1)


async def test_one_step_is_done_ahead_and_no_more() -> None:
    steps = Steps(waits_at=2)
    async with aclosing(one_ahead(steps)) as results:
        assert await anext(results) == 1
        # It was begun though nobody asks for it,
        assert await asyncio.to_thread(steps.waiting.wait, 10)
        steps.goes_on.set()
        assert await asyncio.to_thread(steps.ended.wait, 10)
        await settle()
        # and the next was not.
        assert steps.begun == 2


async def test_a_step_that_fails_ahead_does_so_in_its_turn() -> None:
    results = one_ahead(Steps(fails_at=3))
    for number in (1, 2):
        assert await anext(results) == number
        await settle()
    with pytest.raises(OSError, match="the disk is gone"):
        await anext(results)


@pytest.mark.parametrize("kind", [StopIteration, SystemExit, KeyboardInterrupt])
async def test_a_step_that_raises_what_no_future_can_hold_ends_as_a_runtime_error(
    kind: type[BaseException],
) -> None:
    def fail() -> int:
        raise kind("none")

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match=f"reading raised {kind.__name__}") as caught:
            await anext(one_ahead(fail))
        assert [number async for number in one_ahead(Steps())] == [1, 2, 3, 4, 5]
    assert type(caught.value.__cause__) is kind


@pytest.mark.parametrize("fails_at", [0, 2])
@pytest.mark.parametrize("cancelled", [True, False])
async def test_closing_waits_for_the_step_that_is_ahead(fails_at: int, *, cancelled: bool) -> None:
    said = said_by_the_loop()
    steps = Steps(fails_at=fails_at, waits_at=2)
    results = one_ahead(steps)
    await anext(results)
    await asyncio.to_thread(steps.waiting.wait, 10)
    closing = asyncio.ensure_future(results.aclose())
    await settle()
    if cancelled:
        closing.cancel()
        await settle()
    assert not closing.done()
    steps.goes_on.set()
    await asyncio.wait([closing])
    assert steps.ended.is_set()
    assert closing.cancelled() is cancelled
    gc.collect()
    assert (steps.begun, said) == (2, [])


async def test_a_failure_ahead_that_nobody_hears_of_is_not_complained_about() -> None:
    said = said_by_the_loop()
    async with aclosing(one_ahead(Steps(fails_at=2))) as results:
        await anext(results)
        await settle()
    gc.collect()
    assert said == []


@pytest.mark.parametrize("fails_at", [0, 2])
async def test_who_waits_for_a_step_can_be_cancelled(fails_at: int) -> None:
    said = said_by_the_loop()
    steps = Steps(fails_at=fails_at, waits_at=2)

    async def take_all() -> None:
        async with aclosing(one_ahead(steps)) as results:
            async for _ in results:
                pass

    task = asyncio.create_task(take_all())
    await asyncio.to_thread(steps.waiting.wait, 10)
    task.cancel()
    steps.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps.ended.is_set()
    gc.collect()
    assert (steps.begun, said) == (2, [])


async def test_closing_does_not_wait_for_a_step_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klearstack_async.transport.ahead._CLOSE_SECONDS", 0.01)
    steps = Steps(fails_at=2, waits_at=2)
    said = said_by_the_loop()
    async with aclosing(one_ahead(steps)) as results:
        await anext(results)
        await asyncio.to_thread(steps.waiting.wait, 10)
    assert not steps.ended.is_set()
    steps.goes_on.set()
    await asyncio.to_thread(steps.ended.wait, 10)
    await settle()
    gc.collect()
    assert said == []


def threads_ahead() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith(THREADS_NAME)}


def test_the_threads_end_with_their_loop() -> None:
    async def take_all() -> set[threading.Thread]:
        assert [number async for number in one_ahead(Steps())] == [1, 2, 3, 4, 5]
        return threads_ahead()

    gc.collect()
    before = threads_ahead()
    threads = asyncio.run(take_all()) - before
    assert threads
    gc.collect()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def said_by_the_loop() -> list[object]:
    """Collect what the loop complains about: what was never awaited, above all."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    return said
