"""Handing on what a task makes to whoever iterates."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import anyio
import pytest

from klearstack_async.transport.relay import Give, relayed


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("items", [1, 2, 17, 40])
async def test_who_takes_his_time_sees_the_end(turns: int, items: int) -> None:
    async def make(give: Give[int]) -> None:
        await give(range(items))
        await give(range(items, 2 * items))

    found = []
    async with asyncio.timeout(10):
        async for item in relayed(make):
            found.append(item)
            for _ in range(turns):
                await asyncio.sleep(0)
    assert found == [*range(2 * items)]


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_what_the_maker_raises_comes_after_all_that_it_gave(turns: int) -> None:
    async def make(give: Give[int]) -> None:
        await give([1, 2])
        await give([3])
        raise KeyError("no more")

    found = []

    async def take_all() -> None:
        async for item in relayed(make):
            found.append(item)
            for _ in range(turns):
                await asyncio.sleep(0)

    with pytest.raises(KeyError, match="no more"):
        await take_all()
    assert found == [1, 2, 3]


async def test_closing_early_cancels_the_maker_and_waits_for_its_end() -> None:
    is_let_go, was_cancelled, has_ended = asyncio.Event(), asyncio.Event(), False

    async def make(give: Give[int]) -> None:
        nonlocal has_ended
        await give([1])
        try:
            await anyio.sleep_forever()
        finally:
            was_cancelled.set()
            await is_let_go.wait()
            has_ended = True

    items = relayed(make)
    assert await anext(items) == 1
    await anyio.wait_all_tasks_blocked()
    closing = asyncio.create_task(items.aclose())
    async with asyncio.timeout(10):
        await was_cancelled.wait()
    await anyio.wait_all_tasks_blocked()
    assert not closing.done()
    is_let_go.set()
    await closing
    assert has_ended


async def test_a_maker_that_is_ahead_waits_with_one_batch_ready() -> None:
    given = []

    async def make(give: Give[int]) -> None:
        for number in range(10):
            await give([number])
            given.append(number)

    async with aclosing(relayed(make)) as items:
        for number in range(5):
            assert await anext(items) == number
            await anyio.wait_all_tasks_blocked()
            assert given == [*range(number + 2)]


async def test_others_get_their_turn_within_a_long_batch() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def make(give: Give[int]) -> None:
        await give(range(1600))

    async with aclosing(relayed(make)) as items:
        await anext(items)
        counting = asyncio.create_task(count_turns())
        assert len([item async for item in items]) == 1599
        counting.cancel()
    assert turns >= 50
