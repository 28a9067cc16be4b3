"""The gate alone: never more inside than places, nobody overtaken, no place lost or made up."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async.transport.gate import Gate

TURNS = 5


async def settle() -> None:
    """Let every task run that can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def enter(gate: Gate, name: str, order: list[str], *, first: bool = False) -> None:
    await gate.enter(first=first)
    order.append(name)


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_a_gate_has_a_place() -> None:
    with pytest.raises(ValueError, match="1 place"):
        Gate(0)


def test_so_many_enter_at_once_and_no_more() -> None:
    gate = Gate(3)
    assert [gate.try_enter() for _ in range(5)] == [True, True, True, False, False]
    assert (gate.inside, gate.waiting) == (3, 0)
    gate.leave()
    assert gate.inside == 2
    assert gate.try_enter()


async def test_who_enters_a_free_place_does_not_yield_to_the_loop() -> None:
    coroutine = Gate(1).enter()
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def test_places_go_to_those_who_wait_in_their_order() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in "abc"]
    await settle()
    assert (order, gate.inside, gate.waiting) == ([], 1, 3)
    for _ in range(3):
        gate.leave()
        await settle()
    assert order == ["a", "b", "c"]
    assert (gate.inside, gate.waiting) == (1, 0)
    await asyncio.gather(*tasks)


async def test_the_first_go_before_the_others_and_in_order_among_themselves() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    tasks = [asyncio.create_task(enter(gate, name, order, first=name.isupper())) for name in "aBcD"]
    await settle()
    for _ in range(4):
        gate.leave()
        await settle()
    assert order == ["B", "D", "a", "c"]
    await asyncio.gather(*tasks)


async def test_a_newcomer_does_not_overtake_who_was_called_but_has_not_run_yet() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    task = asyncio.create_task(enter(gate, "a", order))
    await settle()
    gate.leave()
    assert not gate.try_enter()
    await task
    assert order == ["a"]


async def test_who_is_cancelled_in_line_leaves_no_trace() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in "abc"]
    await settle()
    await stop(tasks[1])
    assert gate.waiting == 2
    for _ in range(2):
        gate.leave()
        await settle()
    gate.leave()
    assert (order, gate.inside, gate.waiting) == (["a", "c"], 0, 0)


async def test_who_is_called_and_cancelled_at_once_passes_the_place_on() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    called, following = (asyncio.create_task(enter(gate, name, order)) for name in "ab")
    await settle()
    gate.leave()
    await stop(called)
    await following
    assert (order, gate.inside) == (["b"], 1)


async def test_who_is_cancelled_and_then_called_does_not_swallow_the_place() -> None:
    gate, order = Gate(1), list[str]()
    assert gate.try_enter()
    cancelled, following = (asyncio.create_task(enter(gate, name, order)) for name in "ab")
    await settle()
    cancelled.cancel()
    gate.leave()
    await following
    assert (order, gate.inside) == (["b"], 1)


async def test_the_last_one_who_is_called_and_cancelled_gives_the_place_back() -> None:
    gate = Gate(1)
    assert gate.try_enter()
    task = asyncio.create_task(gate.enter())
    await settle()
    gate.leave()
    await stop(task)
    assert (gate.inside, gate.waiting) == (0, 0)


def test_an_empty_gate_may_be_used_in_another_loop() -> None:
    gate = Gate(1)

    async def use() -> None:
        assert gate.try_enter()
        task = asyncio.create_task(gate.enter())
        await settle()
        gate.leave()
        await task
        gate.leave()

    asyncio.run(use())
    asyncio.run(use())
    assert gate.inside == 0


@settings(deadline=None)
@given(places=st.integers(1, 4), seed=st.integers(0, 2**32), steps=st.integers(1, 80))
def test_whatever_happens_no_place_is_lost_and_none_is_used_twice(
    places: int, seed: int, steps: int
) -> None:
    asyncio.run(_play(Gate(places), places, random.Random(seed), steps))  # noqa: S311


async def _play(  # noqa: C901 - one branch for each thing that can happen
    gate: Gate, places: int, dice: random.Random, steps: int
) -> None:
    """Enter, leave and be cancelled at random, with and without turns of the loop between."""
    inside, waited = set[int](), list[int]()
    tasks: list[asyncio.Task[None]] = []

    async def visit(number: int) -> None:
        if not gate.try_enter():
            await gate.enter()
            waited.append(number)
        inside.add(number)
        assert len(inside) <= places

    for number in range(steps):
        what = dice.choice(["enter", "enter", "leave", "cancel", "turn"])
        if what == "enter":
            tasks.append(asyncio.create_task(visit(number)))
        elif what == "leave" and inside:
            inside.remove(dice.choice(sorted(inside)))
            gate.leave()
        elif what == "cancel" and tasks:
            dice.choice(tasks).cancel()
        elif what == "turn":
            await asyncio.sleep(0)
        assert gate.inside <= places
    await settle()
    while inside:
        # Nobody waits beside a free place.
        assert len(inside) == gate.inside == min(places, gate.inside + gate.waiting)
        inside.pop()
        gate.leave()
        await settle()
    assert (gate.inside, gate.waiting) == (0, 0)
    assert all(task.done() for task in tasks)
    # Nobody was overtaken.
    assert waited == sorted(waited)
