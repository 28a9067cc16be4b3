"""The gate that accounts share: nobody is kept out, nobody overtaken, no place lost or made up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async.transport.shared_gate import SharedGate

TURNS = 5


async def settle() -> None:
    """Let every task run that can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def taken(gate: SharedGate, whose: str) -> int:
    """Take all places that one may have, and say how many those are."""
    count = 0
    while gate.try_enter(whose):
        count += 1
    return count


async def enter(gate: SharedGate, name: str, order: list[str], *, first: bool = False) -> None:
    """Wait for a place of whose name this begins with."""
    await gate.enter(name[0], first=first)
    order.append(name)


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_a_gate_has_a_place() -> None:
    with pytest.raises(ValueError, match="1 place"):
        SharedGate(0, keeps_some_free=True)


@pytest.mark.parametrize(
    ("places", "shares"),
    [(1, [1, 0]), (2, [1, 1, 0]), (3, [2, 1, 0]), (64, [32, 16, 8, 4, 2, 1, 1, 0])],
)
def test_each_may_have_as_many_places_as_are_free_beside(places: int, shares: list[int]) -> None:
    gate = SharedGate(places, keeps_some_free=True)
    assert [taken(gate, str(number)) for number in range(len(shares))] == shares
    assert (gate.inside, gate.waiting) == (places, 0)


def test_one_who_shares_with_nobody_has_all_places() -> None:
    gate = SharedGate(64, keeps_some_free=False)
    assert taken(gate, "a") == 64


async def test_who_enters_a_free_place_does_not_yield_to_the_loop() -> None:
    coroutine = SharedGate(1, keeps_some_free=True).enter("a")
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def test_a_place_of_somebody_else_lets_in_who_waits_for_his_share_to_grow() -> None:
    gate, order = SharedGate(8, keeps_some_free=True), list[str]()
    assert gate.try_enter("b")
    assert gate.try_enter("b")
    assert taken(gate, "a") == 3
    task = asyncio.create_task(enter(gate, "a", order))
    await settle()
    assert not order
    gate.leave("b")
    await task
    assert (gate.inside, gate.waiting) == (5, 0)


async def test_two_go_in_where_one_came_out_if_both_have_a_place_then() -> None:
    gate, order = SharedGate(6, keeps_some_free=True), list[str]()
    for whose in "abab":
        assert gate.try_enter(whose)
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in ("b1", "a1")]
    await settle()
    assert not order
    gate.leave("a")
    await settle()
    assert order == ["b1", "a1"]
    await asyncio.gather(*tasks)


async def test_places_go_to_all_in_turn_and_to_each_in_order() -> None:
    gate, order = SharedGate(1, keeps_some_free=True), list[str]()
    assert gate.try_enter("x")
    names = ["a1", "a2", "a3", "b1", "b2", "c1"]
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in names]
    await settle()
    assert gate.waiting == 6
    for before in ["x", "a", "b", "c", "a", "b"]:
        gate.leave(before)
        await settle()
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    await asyncio.gather(*tasks)


async def test_the_first_go_before_the_others_of_the_same_and_before_nobody_elses() -> None:
    gate, order = SharedGate(1, keeps_some_free=True), list[str]()
    assert gate.try_enter("x")
    tasks = [
        asyncio.create_task(enter(gate, name, order, first=name.endswith("!")))
        for name in ("a1", "b1", "a2!")
    ]
    await settle()
    for before in "xab":
        gate.leave(before)
        await settle()
    assert order == ["a2!", "b1", "a1"]
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_in_line_leaves_no_trace() -> None:
    gate, order = SharedGate(1, keeps_some_free=True), list[str]()
    assert gate.try_enter("x")
    tasks = [asyncio.create_task(enter(gate, name, order)) for name in ("a1", "b1", "a2")]
    await settle()
    await stop(tasks[1])
    assert gate.waiting == 2
    for before in "xaa":
        gate.leave(before)
        await settle()
    assert (order, gate.inside, gate.waiting) == (["a1", "a2"], 0, 0)
    assert not gate._inside
    assert not gate._lines


async def test_who_is_called_and_cancelled_at_once_passes_the_place_on() -> None:
    gate, order = SharedGate(1, keeps_some_free=True), list[str]()
    assert gate.try_enter("x")
    called, following = (asyncio.create_task(enter(gate, name, order)) for name in "ab")
    await settle()
    gate.leave("x")
    await stop(called)
    await following
    assert (order, gate.inside) == (["b"], 1)


async def test_who_is_cancelled_and_then_called_does_not_swallow_the_place() -> None:
    gate, order = SharedGate(1, keeps_some_free=True), list[str]()
    assert gate.try_enter("x")
    cancelled, following = (asyncio.create_task(enter(gate, name, order)) for name in "ab")
    await settle()
    cancelled.cancel()
    gate.leave("x")
    await following
    assert (order, gate.inside) == (["b"], 1)


class Named:
    """One of many, who notes each time that he is looked up somewhere."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note

    def __hash__(self) -> int:
        self._note()
        return id(self)


async def steps_of_a_turn(accounts: int) -> int:
    """Count the steps of the gate when so many wait, and one of them gets a place."""
    steps = 0

    def note() -> None:
        nonlocal steps
        steps += 1

    gate = SharedGate(1, keeps_some_free=True)
    assert gate.try_enter("x")
    tasks = [asyncio.create_task(gate.enter(Named(note))) for _ in range(accounts)]
    await settle()
    steps = 0
    gate.leave("x")
    counted = steps
    await stop(*tasks)
    return counted


async def test_a_place_costs_the_same_however_many_accounts_wait() -> None:
    assert await steps_of_a_turn(10) == await steps_of_a_turn(1000)


def test_an_empty_gate_may_be_used_in_another_loop() -> None:
    gate = SharedGate(1, keeps_some_free=True)

    async def use() -> None:
        assert gate.try_enter("a")
        task = asyncio.create_task(gate.enter("b"))
        await settle()
        gate.leave("a")
        await task
        gate.leave("b")

    asyncio.run(use())
    asyncio.run(use())
    assert gate.inside == 0


@settings(deadline=None)
@given(
    places=st.integers(1, 6),
    keeps_some_free=st.booleans(),
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 80),
)
def test_whatever_happens_no_place_is_lost_and_nobody_waits_beside_one_that_is_his(
    places: int, keeps_some_free: bool, seed: int, steps: int
) -> None:
    gate = SharedGate(places, keeps_some_free=keeps_some_free)
    asyncio.run(_play(gate, places, keeps_some_free, random.Random(seed), steps))  # noqa: S311


async def _play(  # noqa: C901 - one branch for each thing that can happen
    gate: SharedGate, places: int, keeps_some_free: bool, dice: random.Random, steps: int
) -> None:
    """Enter, leave and be cancelled at random, with and without turns of the loop between."""
    inside, waiting = Counter[str](), Counter[str]()
    waited: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    tasks: list[asyncio.Task[None]] = []

    async def visit(whose: str, number: int) -> None:
        if not gate.try_enter(whose):
            waiting[whose] += 1
            try:
                await gate.enter(whose)
            finally:
                waiting[whose] -= 1
            waited[whose].append(number)
        inside[whose] += 1
        assert inside.total() <= places

    def leave() -> None:
        whose = dice.choice(sorted(inside.elements()))
        inside[whose] -= 1
        gate.leave(whose)

    for number in range(steps):
        what = dice.choice(["enter", "enter", "leave", "cancel", "turn"])
        if what == "enter":
            tasks.append(asyncio.create_task(visit(dice.choice("abc"), number)))
        elif what == "leave" and inside.total():
            leave()
        elif what == "cancel" and tasks:
            dice.choice(tasks).cancel()
        elif what == "turn":
            await asyncio.sleep(0)
        assert gate.inside <= places
    await settle()
    while inside.total():
        assert (gate.inside, gate.waiting) == (inside.total(), waiting.total())
        for whose in +waiting:
            assert places - gate.inside <= (inside[whose] if keeps_some_free else 0)
        leave()
        await settle()
    assert (gate.inside, gate.waiting, gate._inside, gate._lines) == (0, 0, {}, {})
    assert all(task.done() for task in tasks)
    # Nobody was overtaken by his own.
    assert all(order == sorted(order) for order in waited.values())
