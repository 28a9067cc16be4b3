"""The limiter alone, with a clock and a timer that the test steps by hand."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import Rate
from klearstack_async.transport.limiter import Limiter


class Alarm:
    """One timer of the wheel."""

    def __init__(self, at: float, ring: Callable[[], None]) -> None:
        self.at, self.ring = at, ring
        self.is_set = True

    def cancel(self) -> None:
        self.is_set = False


class Wheel:
    """A clock that stands still until it is turned, and rings what is due on the way."""

    def __init__(self, grain: float = 0.0) -> None:
        self.now = 1000.0
        self._grain = grain
        self._alarms: list[Alarm] = []

    def seconds(self) -> float:
        return self.now

    def call_later(self, delay: float, ring: Callable[[], None]) -> Alarm:
        assert delay > 0
        at = self.now + delay
        if self._grain:
            at = math.ceil(at / self._grain) * self._grain
        alarm = Alarm(at, ring)
        self._alarms.append(alarm)
        return alarm

    @property
    def alarms(self) -> list[Alarm]:
        self._alarms = [alarm for alarm in self._alarms if alarm.is_set]
        return self._alarms

    async def turn(self, seconds: float) -> None:
        """Go on by so much; whoever is woken on the way runs at once."""
        end = self.now + seconds
        await settle()
        while due := [alarm for alarm in self.alarms if alarm.at <= end]:
            alarm = min(due, key=lambda each: each.at)
            self.now = max(self.now, alarm.at)
            alarm.cancel()
            alarm.ring()
            await settle()
        self.now = end

    async def jump(self, seconds: float) -> None:
        """Go on by so much while the loop is busy: what is due rings late."""
        self.now += seconds
        await self.turn(0)


async def settle() -> None:
    """Let every task run that can."""
    for _ in range(4):
        await asyncio.sleep(0)


class Calls:
    """A limiter, and calls that note when and in which order they went."""

    def __init__(self, rate: Rate, *, grain: float = 0.0) -> None:
        self.wheel = Wheel(grain)
        self.limiter = Limiter(rate, seconds=self.wheel.seconds, call_later=self.wheel.call_later)
        self.order: list[str] = []
        self.waited: list[str] = []
        self.went_at: list[float] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, *names: str, first: bool = False) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._call(name, first=first))

    async def _call(self, name: str, *, first: bool) -> None:
        if not self.limiter.try_pass():
            await self.limiter.wait(first=first)
            self.waited.append(name)
        self.order.append(name)
        self.went_at.append(self.wheel.now)

    async def cancel(self, *names: str) -> None:
        for name in names:
            self.tasks[name].cancel()
        await settle()

    def waiting(self) -> int:
        return self.limiter.figures(0).waiting


def play(scene: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(scene())


# --- At once -------------------------------------------------------------------------------------


async def test_without_a_rate_all_go_at_once_and_no_timer_is_set() -> None:
    calls = Calls(Rate())
    calls.start(*"abc")
    await settle()
    assert calls.limiter.try_pass()
    assert calls.order == ["a", "b", "c"]
    assert calls.wheel.alarms == []


async def test_who_may_go_at_once_does_not_yield_to_the_loop() -> None:
    coroutine = Calls(Rate(per_second=1)).limiter.wait()
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    calls = Calls(Rate(per_second=10, burst=3))
    calls.start(*"abcde")
    await settle()
    assert calls.order == ["a", "b", "c"]
    await calls.wheel.turn(1)
    assert calls.order == ["a", "b", "c", "d", "e"]
    assert [at - 1000 for at in calls.went_at[3:]] == pytest.approx([0.1, 0.2])
    assert calls.wheel.alarms == []


# --- The line ------------------------------------------------------------------------------------


async def test_first_come_first_served_and_some_before_all_others() -> None:
    calls = Calls(Rate(per_second=10))
    assert calls.limiter.try_pass()
    calls.start(*"abc")
    calls.start("X", "Y", first=True)
    await calls.wheel.turn(1)
    assert calls.order == ["X", "Y", "a", "b", "c"]


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    calls = Calls(Rate(per_second=10))
    assert calls.limiter.try_pass()
    calls.start("a")
    await settle()
    # The loop is busy: it is a's turn, but the timer has not come round.
    calls.wheel.now += 1
    assert not calls.limiter.try_pass()
    calls.start("b")
    await calls.wheel.turn(1)
    assert calls.order == ["a", "b"]


async def test_there_is_one_timer_however_many_wait_and_none_when_nobody_does() -> None:
    calls = Calls(Rate(per_second=10))
    calls.start(*map(str, range(100)))
    await settle()
    assert len(calls.wheel.alarms) == 1
    await calls.cancel(*map(str, range(50)))
    assert len(calls.wheel.alarms) == 1
    await calls.cancel(*map(str, range(50, 100)))
    assert calls.waiting() == 0
    assert calls.wheel.alarms == []


async def test_who_is_cancelled_in_line_uses_up_nothing() -> None:
    calls = Calls(Rate(per_second=10))
    assert calls.limiter.try_pass()
    calls.start(*"abc")
    await settle()
    await calls.cancel("a", "b")
    await calls.wheel.turn(0.1)
    assert calls.order == ["c"]
    assert calls.limiter.figures(0).passed == 2


async def test_who_is_called_and_cancelled_at_once_passes_the_turn_on() -> None:
    calls = Calls(Rate(per_second=1))
    assert calls.limiter.try_pass()
    calls.start("a", "b")
    await settle()
    (alarm,) = calls.wheel.alarms
    calls.wheel.now = alarm.at
    alarm.cancel()
    alarm.ring()
    await calls.cancel("a")
    await calls.wheel.turn(0.01)
    assert calls.order == ["b"]
    assert calls.limiter.figures(0).passed == 2


async def test_the_last_one_who_is_called_and_cancelled_leaves_the_turn_to_a_newcomer() -> None:
    calls = Calls(Rate(per_second=1))
    assert calls.limiter.try_pass()
    calls.start("a")
    await settle()
    (alarm,) = calls.wheel.alarms
    calls.wheel.now = alarm.at
    alarm.cancel()
    alarm.ring()
    await calls.cancel("a")
    assert calls.wheel.alarms == []
    assert calls.limiter.try_pass()


def test_an_empty_limiter_may_be_used_in_another_loop() -> None:
    limiter = Limiter(Rate(per_second=1000, burst=1))

    async def use() -> None:
        await limiter.wait()
        await limiter.wait()

    asyncio.run(use())
    asyncio.run(use())
    assert limiter.figures(0).passed == 4


# --- Refusals ------------------------------------------------------------------------------------


async def test_a_refusal_stops_those_who_wait_and_they_go_on_after_the_pause() -> None:
    calls = Calls(Rate(per_second=10))
    assert calls.limiter.try_pass()
    calls.start(*"ab")
    await settle()
    calls.limiter.refused(1000, 5)
    assert [alarm.at for alarm in calls.wheel.alarms] == [1005]
    await calls.wheel.turn(4.9)
    assert calls.order == []
    assert calls.limiter.figures(3).paused_seconds == pytest.approx(0.1)
    await calls.wheel.turn(5)
    assert calls.order == ["a", "b"]
    assert calls.went_at[0] == pytest.approx(1005)


async def test_an_account_without_a_rate_waits_too_when_it_is_refused() -> None:
    calls = Calls(Rate())
    calls.limiter.refused(1000, 5)
    assert not calls.limiter.try_pass()
    calls.start("a", "b")
    await calls.wheel.turn(5)
    assert calls.order == ["a"]
    await calls.cancel("b")


async def test_a_longer_retry_after_sets_the_timer_later() -> None:
    calls = Calls(Rate())
    calls.limiter.refused(1000, 5)
    calls.start("a")
    await settle()
    calls.limiter.refused(999, 8)
    assert [alarm.at for alarm in calls.wheel.alarms] == [1008]
    await calls.cancel("a")


async def test_the_first_success_after_an_outage_wakes_those_who_wait() -> None:
    calls = Calls(Rate())
    calls.limiter.refused(1000, None)
    calls.start(*"abcd")
    await calls.wheel.turn(1)
    assert calls.order == ["a"]
    calls.limiter.accepted()
    await calls.wheel.turn(0.002)
    assert calls.order == ["a", "b", "c", "d"]
    assert calls.wheel.alarms == []


async def test_the_figures_say_what_happens() -> None:
    calls = Calls(Rate(per_second=10))
    calls.start(*"abc")
    await settle()
    calls.limiter.accepted()
    calls.limiter.refused(1000, 2)
    figures = calls.limiter.figures(7)
    assert (figures.waiting, figures.in_flight) == (2, 7)
    assert (figures.passed, figures.refused) == (1, 1)
    assert figures.paused_seconds == 2
    assert figures.per_second is not None
    assert figures.per_second < 10
    await calls.cancel(*"abc")


# --- Much at once --------------------------------------------------------------------------------


def busiest(went_at: list[float], window: float) -> int:
    return max(
        bisect_right(went_at, at + window - 1e-9) - first for first, at in enumerate(went_at)
    )


async def test_ten_thousand_who_wait_go_at_the_rate_and_no_window_is_above_it() -> None:
    calls = Calls(Rate(per_second=20_000), grain=0.001)
    calls.start(*map(str, range(10_000)))
    await settle()
    burst = len(calls.order)
    assert burst == 200
    await calls.wheel.turn(1)
    assert calls.order == [str(number) for number in range(10_000)]
    took = calls.went_at[-1] - 1000
    assert (10_000 - burst) / took >= 0.99 * 20_000
    assert busiest(calls.went_at[burst:], 0.1) <= 1.02 * 2000


async def test_a_loop_that_was_busy_is_made_up_for_by_no_more_than_the_burst() -> None:
    calls = Calls(Rate(per_second=1000), grain=0.001)
    calls.start(*map(str, range(100)))
    await settle()
    assert len(calls.order) == 10
    await calls.wheel.jump(0.05)
    assert len(calls.order) == 20
    await calls.wheel.turn(0.005)
    assert len(calls.order) == pytest.approx(25, abs=1)
    await calls.wheel.turn(1)


@pytest.mark.parametrize("late", [0.002, 0.005, 0.009])
async def test_timers_that_come_late_do_not_lose_the_rate(late: float) -> None:
    calls = Calls(Rate(per_second=20_000))
    calls.start(*map(str, range(10_000)))
    await settle()
    while calls.waiting():
        await calls.wheel.jump(late)
    assert 9_800 / (calls.wheel.now - 1000) >= 0.97 * 20_000


# --- Anything ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    per_second=st.sampled_from([None, 1.0, 10.0, 500.0]),
    burst=st.none() | st.integers(1, 5),
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 80),
)
def test_whatever_happens_nobody_is_forgotten_or_overtaken_or_too_early(
    per_second: float | None, burst: int | None, seed: int, steps: int
) -> None:
    rate = Rate(per_second=per_second, burst=burst)
    play(lambda: _anything(Calls(rate), rate, random.Random(seed), steps))  # noqa: S311


async def _anything(  # noqa: C901 - one branch for each thing that can happen
    calls: Calls, rate: Rate, dice: random.Random, steps: int
) -> None:
    limiter, passed_by = calls.limiter, 0
    for number in range(steps):
        what = dice.choice(["call", "call", "first", "pass", "cancel", "answer", "time", "turn"])
        if what in {"call", "first"}:
            calls.start(f"{what} {number:02}", first=what == "first")
        elif what == "pass" and limiter.try_pass():
            passed_by += 1
            assert calls.waiting() == 0
        elif what == "cancel" and calls.tasks:
            dice.choice(list(calls.tasks.values())).cancel()
        elif what == "answer":
            _answer(calls, dice)
        elif what == "time":
            await dice.choice([calls.wheel.turn, calls.wheel.jump])(dice.random() ** 4 * 10)
        elif what == "turn":
            await asyncio.sleep(0)
        assert len(calls.wheel.alarms) == (calls.waiting() > 0)
    await settle()
    for _ in range(60):
        await calls.wheel.turn(20)
    _check(calls, rate, passed_by)


def _answer(calls: Calls, dice: random.Random) -> None:
    if dice.random() < 0.6:
        calls.limiter.accepted()
    else:
        sent_at = calls.wheel.now - dice.choice([0, 0, 1])
        calls.limiter.refused(sent_at, dice.choice([None, 0.5, 1, 10]))


def _check(calls: Calls, rate: Rate, passed_by: int) -> None:
    assert all(task.done() for task in calls.tasks.values())
    assert calls.waiting() == 0
    assert calls.wheel.alarms == []
    # Each turn was somebody's.
    assert calls.limiter.figures(0).passed == len(calls.order) + passed_by
    for kind in ("call", "first"):
        of_kind = [name for name in calls.waited if name.startswith(kind)]
        assert of_kind == sorted(of_kind)
    if rate.per_second is not None:
        burst = rate.burst or max(1.0, rate.per_second * 0.01)
        for first, last in itertools.combinations(range(len(calls.went_at)), 2):
            window = calls.went_at[last] - calls.went_at[first]
            assert last - first + 1 <= window * rate.per_second + burst + 0.01
