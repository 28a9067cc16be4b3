"""Handing things from task to task."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from klearstack_async.bulk.channel import Channel


async def take_all(channel: Channel[int], taken: list[int]) -> None:
    while (thing := await channel.take()) is not None:
        taken.append(thing)


@pytest.mark.parametrize("takers", [1, 3])
@pytest.mark.parametrize("givers", [1, 4])
async def test_everything_given_is_taken_once(takers: int, givers: int) -> None:
    channel, taken = Channel[int](), list[int]()

    async def give(first: int) -> None:
        for number in range(first, 100, givers):
            await channel.give(number)

    async with anyio.create_task_group() as tasks:
        for _ in range(takers):
            tasks.start_soon(take_all, channel, taken)
        async with anyio.create_task_group() as giving:
            for first in range(givers):
                giving.start_soon(give, first)
        channel.close()
    assert sorted(taken) == [*range(100)]


async def test_who_gives_waits_for_a_taker() -> None:
    channel = Channel[int]()
    giving = asyncio.create_task(channel.give(1))
    await anyio.wait_all_tasks_blocked()
    assert not giving.done()
    assert await channel.take() == 1
    await giving


async def test_nothing_is_given_to_nobody() -> None:
    channel = Channel[int]()
    assert not channel.give_now(1)
    taking = asyncio.create_task(channel.take())
    await channel.wanted()
    assert channel.give_now(2)
    assert await taking == 2


async def test_what_is_given_before_the_end_is_taken_after_it() -> None:
    channel, taken = Channel[int](), list[int]()
    giving = [asyncio.create_task(channel.give(number)) for number in range(3)]
    await anyio.wait_all_tasks_blocked()
    channel.close()
    await take_all(channel, taken)
    await asyncio.gather(*giving)
    assert taken == [0, 1, 2]


async def test_the_end_is_told_to_all_who_wait() -> None:
    channel = Channel[int]()
    takers = [asyncio.create_task(channel.take()) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    channel.close()
    assert await asyncio.gather(*takers) == [None, None, None]
    assert await channel.take() is None


async def test_a_cancelled_giver_gives_nothing() -> None:
    channel = Channel[int]()
    giving = asyncio.create_task(channel.give(1))
    await anyio.wait_all_tasks_blocked()
    giving.cancel()
    taking = asyncio.create_task(channel.take())
    await anyio.wait_all_tasks_blocked()
    assert giving.cancelled()
    assert channel.give_now(2)
    assert await taking == 2


async def test_a_cancelled_taker_is_passed_over() -> None:
    channel = Channel[int]()
    first = asyncio.create_task(channel.take())
    await anyio.wait_all_tasks_blocked()
    first.cancel()
    second = asyncio.create_task(channel.take())
    await anyio.wait_all_tasks_blocked()
    assert channel.give_now(1)
    assert await second == 1


async def test_a_taker_who_left_is_no_reason_to_pull() -> None:
    channel = Channel[int]()
    taking = asyncio.create_task(channel.take())
    await anyio.wait_all_tasks_blocked()
    taking.cancel()
    wanting = asyncio.create_task(channel.wanted())
    await anyio.wait_all_tasks_blocked()
    assert not wanting.done()
    taking = asyncio.create_task(channel.take())
    await wanting
    assert channel.give_now(1)
    assert await taking == 1


async def test_a_taker_who_leaves_as_soon_as_he_comes_is_no_reason_to_pull_either() -> None:
    channel = Channel[int]()
    wanting = asyncio.create_task(channel.wanted())
    await anyio.wait_all_tasks_blocked()
    taking = asyncio.create_task(channel.take())
    # He asks in this turn, and has left before who waits for him has his own.
    asyncio.get_running_loop().call_soon(taking.cancel)
    await anyio.wait_all_tasks_blocked()
    assert taking.cancelled()
    assert not wanting.done()
    taking = asyncio.create_task(channel.take())
    await wanting
    assert channel.give_now(1)
    assert await taking == 1
