"""The pace alone: what GCRA promises, what refusals do, and whole runs in virtual time."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import Rate
from klearstack_async.transport.pace import Pace

TOLD = Rate(per_second=50)
UNTOLD = Rate()


def go_if_allowed(pace: Pace, now: float) -> bool:
    if pace.earliest(now) > now:
        return False
    pace.take(now)
    return True


def burst_at(pace: Pace, now: float, calls: int) -> int:
    return sum(go_if_allowed(pace, now) for _ in range(calls))


def rate_of(pace: Pace, now: float) -> float:
    rate = pace.per_second(now)
    assert rate is not None
    return rate


def slowed_down(*, accepted: int = 50, pause: float = 1.0) -> Pace:
    """Give a pace that knew nothing, had so many calls accepted at once and was then refused."""
    pace = Pace(UNTOLD)
    for _ in range(accepted):
        pace.take(0)
        pace.accepted(0.01)
    pace.refused(0.01, 0, pause)
    return pace


# --- Within the rate -----------------------------------------------------------------------------


def test_without_a_rate_nothing_is_held_back() -> None:
    pace = Pace(UNTOLD)
    assert burst_at(pace, 0, 1000) == 1000
    assert pace.unlimited
    assert pace.per_second(0) is None


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        (Rate(per_second=50), 1),
        (Rate(per_second=1000), 10),
        (Rate(per_second=20_000), 200),
        (Rate(per_second=5, burst=7), 7),
        (Rate(per_second=20_000, burst=1), 1),
    ],
)
def test_after_a_rest_so_many_go_at_once(rate: Rate, burst: int) -> None:
    pace = Pace(rate)
    assert burst_at(pace, 1000.0, 500) == burst
    assert pace.earliest(1000.0) == pytest.approx(1000 + 1 / (rate.per_second or 1))
    assert burst_at(pace, 5000.0, 500) == burst


@given(
    per_second=st.floats(0.1, 20_000),
    burst=st.none() | st.integers(1, 50),
    steps=st.lists(st.floats(0, 3), max_size=300),
)
def test_no_window_holds_more_than_the_rate_and_a_burst(
    per_second: float, burst: int | None, steps: list[float]
) -> None:
    pace, now, went = Pace(Rate(per_second=per_second, burst=burst)), 0.0, []
    for step in steps:
        now += step / per_second
        if go_if_allowed(pace, now):
            went.append(now)
    most = burst or max(1.0, per_second * 0.01)
    for first, last in itertools.combinations(range(len(went)), 2):
        window = went[last] - went[first]
        assert last - first + 1 <= window * per_second + most + 0.01


@given(per_second=st.floats(0.1, 20_000), taken=st.integers(1, 30), now=st.floats(0, 1e6))
def test_what_is_given_back_may_be_taken_again(per_second: float, taken: int, now: float) -> None:
    pace = Pace(Rate(per_second=per_second, burst=30))
    assert burst_at(pace, now, taken) == taken
    for _ in range(taken):
        pace.give_back(now)
    assert burst_at(pace, now, 100) == 30


def test_a_late_timer_loses_nothing_as_long_as_the_burst_covers_it() -> None:
    pace, went = Pace(Rate(per_second=20_000)), 0
    for tick in range(1, 1001):
        went += burst_at(pace, tick * 0.009, 1000)
    assert went == pytest.approx(20_000 * 9, rel=0.002)


# --- Refused -------------------------------------------------------------------------------------


def test_a_refusal_pauses_everything_for_its_retry_after() -> None:
    pace = Pace(TOLD)
    pace.take(0)
    pace.refused(0.1, 0, 7)
    assert pace.paused_seconds(0.1) == 7
    assert pace.earliest(3) == pytest.approx(7.1)


@pytest.mark.parametrize(
    ("asked", "paused"), [(1e9, 120.0), (math.inf, 120.0), (-5.0, 1.0), (0.0, 1.0), (math.nan, 1.0)]
)
def test_a_strange_retry_after_makes_no_strange_pause(asked: float, paused: float) -> None:
    pace = Pace(UNTOLD)
    pace.refused(0, 0, asked)
    assert pace.paused_seconds(0) == paused
    pace.refused(0, -1, asked)
    assert pace.paused_seconds(0) == paused


def test_the_rate_after_a_refusal_is_about_what_was_taken() -> None:
    pace = slowed_down()
    assert rate_of(pace, 1.5) == pytest.approx(50, rel=0.06)
    assert burst_at(pace, 1.01, 100) == 1


@given(late=st.lists(st.tuples(st.floats(0.01, 30), st.none() | st.floats(0, 5)), max_size=20))
def test_refusals_of_one_episode_lower_the_rate_once(
    late: list[tuple[float, float | None]],
) -> None:
    pace = slowed_down()
    before = rate_of(pace, 1.01)
    for now, retry_after in sorted(late, key=lambda each: each[0]):
        paused = pace.paused_seconds(now)
        pace.refused(now, 0.005, retry_after)
        assert pace.paused_seconds(now) == pytest.approx(max(paused, retry_after or 0))
        assert rate_of(pace, now + pace.paused_seconds(now)) >= before


def test_a_refusal_from_before_the_pause_also_stops_who_is_unlimited_again() -> None:
    pace = Pace(UNTOLD)
    pace.refused(0, 0, 1)
    pace.accepted(1.5)
    assert pace.earliest(1.5) <= 1.5
    assert pace.unlimited
    pace.refused(2, 0, 5)
    assert pace.earliest(2) == 7


def test_without_retry_after_the_pause_doubles_until_something_is_accepted() -> None:
    pace, now, pauses = Pace(UNTOLD), 0.0, []
    for _ in range(7):
        pace.refused(now, now, None)
        pauses.append(pace.paused_seconds(now))
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    pace.accepted(now)
    pace.refused(now, now, None)
    assert pace.paused_seconds(now) == 1


def test_an_outage_of_any_length_is_survived() -> None:
    pace = Pace(UNTOLD)
    for now in range(0, 60_000, 30):
        pace.refused(now, now, None)
    assert pace.paused_seconds(59_970) == 30


def test_however_long_the_pause_a_call_goes_every_ten_seconds_after_it() -> None:
    pace = slowed_down(accepted=1, pause=120)
    assert rate_of(pace, 121) == pytest.approx(0.1)


def test_what_is_accepted_during_the_pause_was_sent_before_and_proves_nothing() -> None:
    pace = Pace(UNTOLD)
    pace.refused(0, 0, None)
    pace.accepted(0.5)
    pace.refused(1, 1, None)
    assert pace.paused_seconds(1) == 2


def test_after_an_episode_without_success_one_call_a_second_feels_the_way() -> None:
    pace = Pace(UNTOLD)
    pace.refused(0, 0, None)
    assert burst_at(pace, 1, 100) == 1
    assert burst_at(pace, 1.9, 100) == 0
    assert burst_at(pace, 2, 100) == 1
    pace.accepted(2.1)
    assert burst_at(pace, 2.1, 100) == 100


def accept_steadily(pace: Pace, begin: float, per_second: float, seconds: float) -> float:
    """Have calls accepted at a steady pace; give the time of the last one."""
    times = [begin + n / per_second for n in range(1, round(seconds * per_second))]
    for now in times:
        pace.accepted(now)
    return times[-1]


def test_a_pace_that_was_held_is_kept_when_a_faster_one_is_refused() -> None:
    pace = slowed_down()
    held = rate_of(pace, 1.01)
    now = accept_steadily(pace, 1.01, held, 15)
    assert rate_of(pace, now) > held
    pace.refused(now, now, 60)
    assert rate_of(pace, now + 60) == pytest.approx(held)


def test_who_made_few_calls_is_slowed_to_less_than_those_and_not_than_was_allowed() -> None:
    pace = Pace(Rate(per_second=1000))
    now = accept_steadily(pace, 0, 10, 30)
    pace.refused(now, now, 1)
    assert 8 < rate_of(pace, now + 1) < 11


def test_a_slow_down_is_not_good_for_a_new_burst() -> None:
    pace = Pace(Rate(per_second=10, burst=5))
    assert burst_at(pace, 0, 100) == 5
    pace.accepted(0)
    pace.refused(0, 0, 0.01)
    assert burst_at(pace, 0.01, 100) == 0


def test_a_feeler_that_did_not_go_lets_another_one_go() -> None:
    pace = Pace(UNTOLD)
    pace.refused(0, 0, None)
    assert burst_at(pace, 1, 100) == 1
    pace.give_back(1)
    assert burst_at(pace, 1, 100) == 1


def test_an_outage_says_nothing_about_the_pace() -> None:
    pace = slowed_down()
    before = rate_of(pace, 1.01)
    now = 1.01
    for _ in range(5):
        pace.refused(now, now, None)
        now += pace.paused_seconds(now)
    pace.accepted(now)
    assert rate_of(pace, now) == before


def test_the_rate_is_held_then_grows_ever_faster_then_is_forgotten() -> None:
    pace = slowed_down(accepted=200)
    rates = [rate_of(pace, 1.01 + seconds) for seconds in (0, 20, 24, 30, 41, 61)]
    assert [round(rate / rates[0], 2) for rate in rates] == [1, 1, 1.06, 2, 10.26, 69.92]
    assert pace.per_second(130) is None
    assert burst_at(pace, 130, 1000) == 1000


def test_a_guess_from_few_calls_is_soon_put_to_the_test() -> None:
    few, many = slowed_down(accepted=5), slowed_down(accepted=100)
    assert rate_of(few, 5) > 5 * rate_of(few, 1.01)
    assert rate_of(many, 5) == rate_of(many, 1.01)


@given(
    per_second=st.floats(0.05, 1000),
    events=st.lists(
        st.tuples(
            st.floats(0, 20),
            st.sampled_from(["accepted", "refused", "old"]),
            st.none() | st.floats(0, 200),
        ),
        max_size=60,
    ),
)
def test_a_configured_rate_is_never_exceeded_whatever_is_answered(
    per_second: float, events: list[tuple[float, str, float | None]]
) -> None:
    pace, now = Pace(Rate(per_second=per_second)), 0.0
    for step, event, retry_after in events:
        now += step
        go_if_allowed(pace, now)
        if event == "accepted":
            pace.accepted(now)
        else:
            pace.refused(now, now if event == "refused" else now - 10, retry_after)
        assert 0 < rate_of(pace, now) <= per_second
        assert 0 <= pace.paused_seconds(now) <= 120 + 1e-6
        # It always goes on: after the pause and the slowest pace's one step.
        assert pace.earliest(now) - now <= 120 + max(10, 1 / per_second) + 1e-6


# --- Whole runs, in virtual time -----------------------------------------------------------------


class Server(Protocol):
    def ask(self, now: float) -> float | None:
        """Give None if the call is taken, or after how many seconds it would be."""


class Bucket:
    """A token bucket."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second, self.burst = per_second, burst
        self._tokens, self._at = burst, 0.0

    def limit(self, per_second: float) -> None:
        self.per_second = self.burst = per_second

    def ask(self, now: float) -> float | None:
        gained = (now - self._at) * self.per_second
        self._tokens, self._at = min(self.burst, self._tokens + gained), now
        if self._tokens < 1 - 1e-9:
            return (1 - self._tokens) / self.per_second
        self._tokens -= 1
        return None


class SlidingWindow:
    """So many in any one second."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def ask(self, now: float) -> float | None:
        while self._times and self._times[0] <= now - 1 + 1e-9:
            self._times.popleft()
        if len(self._times) >= self._limit:
            return self._times[0] + 1 - now
        self._times.append(now)
        return None


class FixedWindow:
    """So many in each second of the clock."""

    def __init__(self, limit: int) -> None:
        self._limit, self._window, self._taken = limit, -1, 0

    def ask(self, now: float) -> float | None:
        window = math.floor(now + 1e-9)
        if window != self._window:
            self._window, self._taken = window, 0
        self._taken += 1
        return None if self._taken <= self._limit else window + 1 - now


class Outage:
    """Takes everything but between two instants, and says nothing of when."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end = begin, end
        self.refused = 0

    def ask(self, now: float) -> float | None:
        if not self._begin <= now < self._end:
            return None
        self.refused += 1
        return math.nan


# Each allows 50 calls per second; beside it the seconds that 500 calls take at least.
SERVERS: dict[str, tuple[Callable[[], Server], float]] = {
    "bucket of 50": (lambda: Bucket(50, 50), 9.0),
    "sliding window": (lambda: SlidingWindow(50), 9.0),
    "fixed window": (lambda: FixedWindow(50), 9.0),
    "bucket of 5": (lambda: Bucket(50, 5), 9.9),
}


def answers(
    server: Server, rate: Rate, *, workers: int, latency: float
) -> Iterator[tuple[float, bool]]:
    """Call without end, and give each answer's time and whether it was good."""
    pace, now, order = Pace(rate), 0.0, itertools.count()
    # When it happens, which of those at the same time, when its call went, and then for an
    # answer: whether the call was taken, and the Retry-After.
    events: list[tuple[float, int, float, tuple[float | None] | None]] = []
    free = workers
    while True:
        while free and go_if_allowed(pace, now):
            free -= 1
            heapq.heappush(events, (now + latency / 2, next(order), now, None))
        now = max(
            now,
            min(
                events[0][0] if events else math.inf,
                *([pace.earliest(now)] if free else [math.inf]),
            ),
        )
        while events and events[0][0] <= now:
            _, _, sent_at, answer = heapq.heappop(events)
            if answer is None:
                reply = (server.ask(now),)
                heapq.heappush(events, (now + latency / 2, next(order), sent_at, reply))
                continue
            free += 1
            (wait,) = answer
            if wait is None:
                pace.accepted(now)
            else:
                pace.refused(now, sent_at, whole_seconds(wait))
            yield now, wait is None


def whole_seconds(wait: float) -> float | None:
    """Say it as HTTP does: in whole seconds, rounded up."""
    return None if math.isnan(wait) else max(1, math.ceil(wait - 1e-9))


def run_500(name: str, rate: Rate, workers: int, latency: float) -> tuple[float, float]:
    """Make 500 calls; give the time by the shortest possible, and the refused ones' share."""
    server, least = SERVERS[name]
    good = refused = 0
    for now, was_good in answers(server(), rate, workers=workers, latency=latency):
        good += was_good
        refused += not was_good
        if good == 500:
            return now / max(least + latency, math.ceil(500 / workers) * latency), refused / 500
    raise AssertionError


@pytest.mark.parametrize("latency", [0.001, 0.03, 0.3])
@pytest.mark.parametrize("workers", [8, 20, 64])
@pytest.mark.parametrize("name", SERVERS)
def test_who_is_told_the_rate_is_never_refused(name: str, workers: int, latency: float) -> None:
    times_shortest, refused = run_500(name, TOLD, workers, latency)
    assert times_shortest < 1.15
    assert refused == 0


@pytest.mark.parametrize("latency", [0.001, 0.03, 0.3])
@pytest.mark.parametrize("workers", [8, 20, 64])
@pytest.mark.parametrize("name", ["bucket of 50", "sliding window", "fixed window"])
def test_who_is_told_nothing_soon_finds_the_rate(name: str, workers: int, latency: float) -> None:
    times_shortest, refused = run_500(name, UNTOLD, workers, latency)
    assert times_shortest < 1.3
    assert refused < 0.05


@pytest.mark.parametrize("latency", [0.001, 0.03, 0.3])
@pytest.mark.parametrize("workers", [8, 20])
def test_five_calls_and_a_whole_second_do_not_tell_fifty_per_second(
    workers: int, latency: float
) -> None:
    # It looks just like a limit of 5/s, so the rate has to be searched for: with two more pauses.
    times_shortest, refused = run_500("bucket of 5", UNTOLD, workers, latency)
    assert times_shortest < (1.65 if latency < 0.1 else 1.75)
    assert refused < 0.05


@settings(deadline=None, max_examples=20)
@given(
    per_second=st.integers(2, 100),
    burst=st.integers(5, 300),
    workers=st.integers(1, 64),
    latency=st.floats(0.001, 1),
)
def test_any_bucket_is_used_for_the_most_part_in_the_long_run(
    per_second: int, burst: int, workers: int, latency: float
) -> None:
    server = Bucket(per_second, burst)
    good = 0
    for now, was_good in answers(server, UNTOLD, workers=workers, latency=latency):
        good += was_good and now > 60
        if now > 120:
            break
    assert good > 0.7 * 60 * min(per_second, workers / latency)


@pytest.mark.parametrize(("workers", "latency"), [(20, 0.001), (20, 0.03), (64, 0.3)])
def test_a_limit_that_drops_and_comes_back_is_followed(workers: int, latency: float) -> None:
    limits = [200, 20, 200]
    good, refused = [0, 0, 0], [0, 0, 0]
    server = Bucket(200, 200)
    for now, was_good in answers(server, UNTOLD, workers=workers, latency=latency):
        phase = int(now // 200)
        if phase == 3:
            break
        if server.per_second != limits[phase]:
            server.limit(limits[phase])
        good[phase] += was_good
        refused[phase] += not was_good
    shares = [calls / (200 * limit) for calls, limit in zip(good, limits, strict=True)]
    assert shares[0] > 0.97
    assert shares[1] > 0.95
    assert shares[2] > 0.8
    assert max(refused[n] / (good[n] + refused[n]) for n in range(3)) < 0.05


class ByChance:
    """Takes any number, and refuses some by chance, as a proxy in trouble does."""

    def __init__(self, share: float) -> None:
        self._share, self._random = share, random.Random(1)  # noqa: S311 - chance, no secret

    def ask(self, _now: float) -> float | None:
        return 1.0 if self._random.random() < self._share else None


@pytest.mark.parametrize(("share", "per_second"), [(0.001, 80), (0.01, 25), (0.04, 5)])
def test_refusals_by_chance_do_not_slow_an_account_down_for_good(
    share: float, per_second: float
) -> None:
    good = 0
    for now, was_good in answers(ByChance(share), UNTOLD, workers=20, latency=0.03):
        good += was_good
        if now > 300:
            break
    assert good / 300 > per_second


@pytest.mark.parametrize("rate", [TOLD, UNTOLD], ids=["told", "untold"])
@pytest.mark.parametrize("workers", [8, 20, 64])
@pytest.mark.parametrize("latency", [0.03, 0.3])
def test_an_outage_is_not_flooded_and_its_end_is_seen(
    rate: Rate, workers: int, latency: float
) -> None:
    outage = Outage(10, 40)
    seen_at = math.inf
    for now, was_good in answers(outage, rate, workers=workers, latency=latency):
        if now > 41 and was_good:
            seen_at = now
            break
    # Those that were under way when it began, and one after each pause.
    assert outage.refused <= workers + 6
    assert seen_at < 40 + 16
