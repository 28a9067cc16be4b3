"""The schedule against services in virtual time: eight look at once, a look takes 10 to 50 ms."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import Polling
from klearstack_async.bulk.schedule import Schedule

LOOKERS = 8


@dataclass(eq=False)
class Batch:
    uploaded_at: float
    took: float
    looks: int = 0
    first_look_at: float = math.inf
    delivered_at: float = math.inf

    @property
    def ready_at(self) -> float:
        return self.uploaded_at + self.took

    @property
    def delay(self) -> float:
        """From ready to delivered; what was ready before the run began counts from there."""
        return self.delivered_at - max(0.0, self.ready_at)


@dataclass
class Run:
    """What came of batches that were looked at in virtual time."""

    batches: list[Batch]
    schedule: Schedule[Batch]
    looked_at: list[float] = field(default_factory=list)

    @property
    def looks(self) -> float:
        return sum(batch.looks for batch in self.batches) / len(self.batches)

    @property
    def delay(self) -> float:
        return median(batch.delay for batch in self.batches)

    @property
    def share(self) -> float:
        """The median of the delay as a share of the time that the batch took."""
        return median(batch.delay / max(batch.took, 1e-9) for batch in self.batches)

    @property
    def longest_without_look(self) -> float:
        return max(b - a for a, b in zip([0.0, *self.looked_at], self.looked_at, strict=False))


def simulate(  # noqa: C901 - a loop over events is a list of cases
    batches: Iterable[Batch],
    *,
    seed: int = 1,
    pushed: float = 0.0,
    pushed_until: float = math.inf,
    failing: float = 0.0,
    polling: Polling | None = None,
) -> Run:
    """Look at batches as the schedule says, until the last has been delivered."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    run = Run(list(batches), Schedule(polling or Polling(), chance.random))
    order, free, now = count(), LOOKERS, 0.0
    events: list[tuple[float, int, str, Batch]] = []

    def at(time: float, event: str, batch: Batch) -> None:
        heapq.heappush(events, (time, next(order), event, batch))

    for batch in run.batches:
        at(max(0.0, batch.uploaded_at), "uploaded", batch)
        if chance.random() < pushed and batch.ready_at < pushed_until:
            at(batch.ready_at, "pushed", batch)
    while events or len(run.schedule):
        while free and (due := run.schedule.take_due(now)):
            free -= 1
            due.looks += 1
            due.first_look_at = min(due.first_look_at, now)
            run.looked_at.append(now)
            at(now + chance.uniform(0.01, 0.05), "answered", due)
        pause = run.schedule.seconds_to_next(now) if free else None
        if pause is not None and (not events or now + pause < events[0][0]):
            # By a bit at least, as real clocks do: now + pause may be rounded to before its time.
            now += max(pause, 1e-6)
            continue
        now, _, event, batch = heapq.heappop(events)
        free += event == "answered"
        if event == "uploaded":
            run.schedule.add(batch, now)
        elif event == "pushed":
            run.schedule.pushed(batch, now)
            run.schedule.remove(batch, ready_at=now)
            batch.delivered_at = min(batch.delivered_at, now)
        elif chance.random() < failing:
            run.schedule.failed(batch, now)
        elif now >= batch.ready_at:
            run.schedule.ready(batch, now)
            batch.delivered_at = min(batch.delivered_at, now)
        else:
            run.schedule.again(batch, now)
    assert all(batch.delivered_at < math.inf for batch in run.batches), "a batch is lost"
    return run


Takes = Callable[[random.Random, float], float]


def each(seconds: float) -> Takes:
    return lambda _, __: seconds


def twofold(seconds: float) -> Takes:
    return lambda chance, _: chance.uniform(seconds / 1.5, seconds / 0.75)


def some_slow(seconds: float) -> Takes:
    """One in twenty takes ten times as long."""
    return lambda chance, _: seconds * (10 if chance.random() < 0.05 else 1)


def at_once(number: int, takes: Takes, *, since: float = 0.0, within: float = 1.0) -> list[Batch]:
    chance = random.Random(7)  # noqa: S311 - the same each time
    uploads = sorted(since + chance.uniform(0, within) for _ in range(number))
    return [Batch(at, takes(chance, at)) for at in uploads]


def stream(seconds: float, per_second: float, takes: Takes) -> list[Batch]:
    chance = random.Random(7)  # noqa: S311 - the same each time
    batches, at = [], 0.0
    while (at := at + chance.expovariate(per_second)) < seconds:
        batches.append(Batch(at, takes(chance, at)))
    return batches


def queue(number: int, per_second: float, first: float = 0.0) -> list[Batch]:
    """A service that takes one after the other."""
    batches = at_once(number, each(0))
    for position, batch in enumerate(batches):
        batch.took = max(0.0, first + position / per_second - batch.uploaded_at)
    return batches


@pytest.mark.parametrize("seed", range(5))
def test_300_batches_of_2_s_cost_few_looks_and_are_seen_soon(seed: int) -> None:
    run = simulate(at_once(300, each(2)), seed=seed)
    assert run.looks < 1.5
    assert run.delay < 0.5


@pytest.mark.parametrize(
    "batches",
    [
        *(pytest.param(lambda s=s: at_once(300, each(s)), id=f"each-{s}") for s in (0.2, 20, 100)),
        *(pytest.param(lambda s=s: at_once(300, twofold(s)), id=f"twofold-{s}") for s in (2, 20)),
        *(pytest.param(lambda s=s: at_once(300, some_slow(s)), id=f"slow-{s}") for s in (2, 20)),
        pytest.param(lambda: at_once(300, lambda _, at: 2 + 4 * at), id="drifting"),
        pytest.param(lambda: queue(300, 20), id="queue"),
        pytest.param(lambda: queue(300, 20, first=2), id="queue-that-begins-late"),
        *(
            pytest.param(lambda s=s: stream(60, 20, each(s)), id=f"stream-{s}")
            for s in (0.2, 2, 20)
        ),
        *(
            pytest.param(lambda s=s: stream(60, 20, twofold(s)), id=f"stream-x2-{s}")
            for s in (2, 20)
        ),
        *(
            pytest.param(lambda s=s: stream(60, 20, some_slow(s)), id=f"stream-slow-{s}")
            for s in (2, 20)
        ),
        pytest.param(lambda: at_once(5_000, each(60), within=10), id="5000-within-10-s"),
        pytest.param(lambda: stream(250, 20, each(250)), id="5000-outstanding"),
        pytest.param(lambda: stream(250, 20, twofold(250)), id="5000-outstanding-x2"),
    ],
)
def test_looks_stay_below_three_and_delays_in_proportion(
    batches: Callable[[], list[Batch]],
) -> None:
    run = simulate(batches())
    assert run.looks < 3
    assert run.delay < 0.5 or run.share < 0.2


@pytest.mark.parametrize("rate", [1, 20])
def test_it_follows_a_service_that_becomes_five_times_as_slow_and_quick_again(rate: int) -> None:
    run = simulate(stream(360, rate, lambda _, at: 10 if 120 < at < 240 else 2))
    assert run.looks < 2.5
    assert run.share < 0.1
    last = [batch.delay for batch in run.batches if batch.uploaded_at > 260]
    assert median(last) < 0.3


def test_it_recovers_from_an_hour_in_which_nothing_became_ready() -> None:
    hour = (300, 3_900)
    run = simulate(stream(4_500, 0.5, lambda _, at: max(2, hour[1] - at) if hour[0] < at else 2))
    assert run.looks < 15
    last = [batch.delay for batch in run.batches if batch.uploaded_at > 4_000]
    assert median(last) < 0.5


def test_a_service_that_is_five_times_as_quick_is_found_out_before_the_old_time_is_over() -> None:
    second = at_once(300, each(20), since=300)
    run = simulate([*at_once(300, each(100)), *second])
    assert run.looks < 2
    assert max(batch.delay for batch in second) < 25


def test_what_is_always_ready_at_once_costs_one_look_each_and_hardly_waits() -> None:
    run = simulate(stream(60, 20, each(0)))
    assert run.looks == 1
    assert run.delay < 0.1
    assert max(batch.delay for batch in run.batches) < 0.5


@pytest.mark.parametrize("seconds", [0.1, 2, 100, 3_600])
def test_a_single_batch_costs_looks_in_log_of_its_time(seconds: float) -> None:
    run = simulate([Batch(0, seconds)])
    assert run.looks <= 5 + 5 * math.log(1 + seconds)
    assert run.delay < max(0.5, 0.4 * seconds)


def test_one_that_takes_a_thousand_times_as_long_costs_few_looks_more() -> None:
    run = simulate([*stream(60, 20, each(2)), Batch(30, 2_000)])
    slowest = max(run.batches, key=lambda batch: batch.took)
    assert slowest.looks < 50
    assert slowest.delay < 0.4 * slowest.took


def test_while_nothing_is_known_only_scouts_are_looked_at() -> None:
    run = simulate(at_once(300, each(9.9)))
    early = [batch for batch in run.batches if batch.first_look_at < 9]
    assert len(early) == 8


def test_scouts_that_are_stuck_hold_the_others_no_longer_than_the_longest_pause() -> None:
    run = simulate([*(Batch(0, 1_000) for _ in range(8)), *at_once(300, each(2), since=0.01)])
    assert all(batch.delivered_at < 13 for batch in run.batches if batch.took == 2)


@pytest.mark.parametrize("seconds", [20, 100])
def test_somebody_always_looks_while_batches_wait(seconds: float) -> None:
    run = simulate(at_once(300, each(seconds)))
    assert run.longest_without_look <= Polling().longest_seconds
    # Once the time is known, too, so that one learns when the service becomes quicker.
    run = simulate(stream(120, 20, each(seconds)))
    assert run.longest_without_look <= Polling().longest_seconds + 0.1


def test_what_an_earlier_run_left_is_looked_at_soon_and_ahead_of_nobody_for_long() -> None:
    old = [Batch(-36_000 + number / 10, 100) for number in range(10_000)]
    new = stream(60, 20, each(2))
    run = simulate([*old, *new])
    assert all(batch.looks == 1 for batch in old)
    # Some 267 looks are made per second.
    assert max(batch.delivered_at for batch in old) < 60
    assert median(batch.delay for batch in new) < 0.5
    assert run.schedule.estimate_seconds == pytest.approx(2, rel=0.3)


def test_what_an_earlier_run_left_teaches_nothing() -> None:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    for number in range(100):
        schedule.add(batch := Batch(-36_000, 0), now=number)
        assert schedule.take_due(number) is batch
        if number % 2:
            schedule.again(batch, number + 0.1)
        else:
            schedule.ready(batch, number + 0.1)
    assert schedule.estimate_seconds is None


def test_stuck_batches_of_an_earlier_run_do_not_slow_the_others_down() -> None:
    stuck = [Batch(-36_000, 36_600) for _ in range(1_000)]
    new = stream(60, 20, each(2))
    run = simulate([*stuck, *new])
    assert median(batch.delay for batch in new) < 0.5
    assert sum(batch.looks for batch in stuck) < 12 * len(stuck)
    assert (run.schedule.estimate_seconds or 0) < 3


def test_pushes_end_the_wait_and_save_the_looks() -> None:
    run = simulate(stream(60, 20, twofold(20)), pushed=1.0)
    assert run.delay == 0
    assert run.looks < 0.1
    assert 20 < (run.schedule.estimate_seconds or 0) < 40


def test_where_pushes_are_announced_nothing_is_looked_at_before_they_come() -> None:
    run = simulate(stream(60, 20, twofold(5)), pushed=1.0, polling=Polling(pushed=True))
    assert run.looks == 0


def test_a_push_that_is_lost_costs_a_look_and_some_of_the_time() -> None:
    run = simulate(stream(60, 20, each(20)), pushed=0.9)
    assert run.looks < 0.25
    assert max(batch.delay for batch in run.batches) < 25


def test_where_pushes_are_announced_the_longest_pause_is_the_least_patience() -> None:
    slower = stream(30, 20, each(0.2)) + [
        Batch(batch.uploaded_at + 30, 9) for batch in stream(30, 20, each(9))
    ]
    assert simulate(slower, pushed=1.0, polling=Polling(pushed=True)).looks == 0


def test_a_service_that_becomes_slow_is_not_asked_for_each_batch_that_it_will_push() -> None:
    slower = stream(30, 20, each(0.2)) + [
        Batch(batch.uploaded_at + 30, 2) for batch in stream(30, 20, each(2))
    ]
    assert simulate(slower, pushed=1.0).looks < 0.1


@pytest.mark.parametrize(
    ("polling", "late_by"), [(Polling(), 1), (Polling(pushed=True), Polling().longest_seconds)]
)
def test_when_pushes_end_looks_bring_the_rest(polling: Polling, late_by: float) -> None:
    run = simulate(stream(60, 20, each(5)), pushed=1.0, pushed_until=30, polling=polling)
    assert max(batch.delay for batch in run.batches) < 15
    late = [batch for batch in run.batches if batch.uploaded_at > 50]
    assert median(batch.delay for batch in late) < late_by


@pytest.mark.parametrize("polling", [Polling(), Polling(pushed=True)])
def test_pushes_that_come_late_end_no_belief_in_them(polling: Polling) -> None:
    schedule: Schedule[Batch] = Schedule(polling, lambda: 0.5)
    batches = [Batch(0, 2) for _ in range(10)]
    for batch in batches:
        schedule.add(batch, 0)
    schedule.pushed(batches[0], 2)
    schedule.remove(batches[0], ready_at=2)
    looked_at = [schedule.take_due(10) for _ in batches[1:]]
    for batch_due in filter(None, looked_at):
        schedule.ready(batch_due, 10.01)
        schedule.pushed_late(batch_due.uploaded_at, 10.02)
    assert len(schedule) == 0
    schedule.add(Batch(11, 2), 11)
    # Later than before: they have become slow.
    assert (schedule.seconds_to_next(11) or 0) > 2 * 2


def test_where_pushes_are_announced_a_single_batch_is_looked_at_as_long_as_none_came() -> None:
    run = simulate(stream(2, 30, each(12)), pushed=1.0, polling=Polling(pushed=True))
    assert sum(batch.looks for batch in run.batches) <= 2


@pytest.mark.parametrize("took", [0.5, 5, 100])
def test_where_pushes_are_announced_and_none_comes_all_are_found(took: float) -> None:
    run = simulate(stream(60, 20, each(took)), polling=Polling(pushed=True))
    assert run.looks < 3
    assert max(batch.delay for batch in run.batches) < max(20, took)


def test_looks_that_fail_teach_nothing_and_lose_nothing() -> None:
    run = simulate(stream(60, 20, each(2)), failing=0.2)
    assert run.looks < 3
    assert run.delay < 0.5
    assert run.schedule.estimate_seconds == pytest.approx(2, rel=0.3)


def test_a_look_that_was_held_up_for_long_does_not_pass_for_one_that_came_in_time() -> None:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    schedule.add(first := Batch(0, 2), now=0)
    assert schedule.take_due(2) is first
    schedule.ready(first, 2)
    for uploaded_at in range(10, 1_000, 100):
        schedule.add(batch := Batch(uploaded_at, 2), now=uploaded_at)
        assert schedule.take_due(uploaded_at + 2.1) is batch
        schedule.ready(batch, uploaded_at + 62)
    assert schedule.estimate_seconds == 2


def test_a_look_that_fails_again_and_again_is_made_ever_more_rarely() -> None:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    schedule.add(batch := Batch(0, 0), now=0)
    now, pauses = 0.0, []
    for _ in range(20):
        pause = schedule.seconds_to_next(now) or 0.0
        now += pause + 1e-9
        pauses.append(pause)
        assert schedule.take_due(now) is batch
        schedule.failed(batch, now)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(Polling().longest_seconds)
    assert schedule.estimate_seconds is None


def test_what_is_being_looked_at_is_not_counted_and_comes_back_only_when_it_is_told() -> None:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    assert schedule.seconds_to_next(0) is None
    schedule.add(batch := Batch(0, 9), now=0)
    assert len(schedule) == 1
    assert schedule.seconds_to_next(0) == Polling().first_seconds
    assert schedule.take_due(0.2) is None
    assert schedule.take_due(0.25) is batch
    assert len(schedule) == 0
    assert schedule.take_due(1e9) is None
    assert schedule.seconds_to_next(1e9) is None
    with pytest.raises(ValueError, match="already"):
        schedule.add(batch, 1.0)


def test_what_was_removed_while_it_was_looked_at_stays_removed() -> None:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    schedule.add(batch := Batch(0, 9), now=0)
    assert schedule.take_due(1) is batch
    schedule.pushed(batch, 1.5)
    schedule.remove(batch, ready_at=1.5)
    schedule.again(batch, 2)
    schedule.failed(batch, 2)
    schedule.ready(batch, 2)
    schedule.pushed(batch, 7)
    schedule.remove(batch, ready_at=7)
    assert len(schedule) == 0
    assert schedule.take_due(1e9) is None
    assert schedule.estimate_seconds == pytest.approx(1.5, rel=0.02)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add old", "take", "again", "failed", "ready", "remove", "push"]),
        st.integers(0, 40),
        st.floats(0, 30),
    ),
    max_size=150,
)


class _Machine:
    """A schedule, and beside it what must be true of it."""

    def __init__(self, seed: int) -> None:
        self.schedule: Schedule[Batch] = Schedule(
            Polling(), lambda: (seed + len(self.taken) / 7) % 1
        )
        self.planned: list[Batch] = []
        self.taken: list[Batch] = []
        self.now = 1_000.0

    def step(self, name: str, position: int, pause: float) -> None:
        self.now += pause
        if name.startswith("add"):
            age = 36_000 if name == "add old" else 0
            self.planned.append(batch := Batch(self.now - age, 0))
            self.schedule.add(batch, self.now)
        elif name == "take":
            self.take()
        elif name in {"remove", "push"} and (known := self.planned + self.taken):
            batch = known[position % len(known)]
            (self.planned if batch in self.planned else self.taken).remove(batch)
            if name == "push":
                self.schedule.pushed(batch, self.now)
            self.schedule.remove(batch, ready_at=self.now if name == "push" else None)
        elif name in {"again", "failed", "ready"} and self.taken:
            batch = self.taken.pop(position % len(self.taken))
            getattr(self.schedule, name)(batch, self.now)
            if name != "ready":
                self.planned.append(batch)
        assert len(self.schedule) == len(self.planned)

    def take(self) -> None:
        pause = self.schedule.seconds_to_next(self.now)
        assert (pause is None) == (not self.planned)
        batch = self.schedule.take_due(self.now)
        # Nothing comes early, and what is due comes.
        assert (batch is not None) == (pause == 0)
        if batch is not None:
            # Nothing comes twice, nor after it was let go.
            self.planned.remove(batch)
            self.taken.append(batch)


@given(STEPS, st.integers(0, 9))
@settings(deadline=None)
def test_nothing_is_lost_and_nothing_given_twice_and_nothing_comes_early(
    steps: list[tuple[str, int, float]], seed: int
) -> None:
    machine = _Machine(seed)
    for step in steps:
        machine.step(*step)
    while machine.planned:
        left = len(machine.planned)
        pause = machine.schedule.seconds_to_next(machine.now)
        assert pause is not None
        machine.now += pause + 1e-6
        machine.take()
        assert len(machine.planned) == left - 1
    assert machine.schedule.take_due(1e12) is None


def test_a_step_costs_no_more_with_many_than_with_few() -> None:
    # The comparisons of keys are counted: times would depend on the machine.
    few, many = (comparisons_per_step(number) for number in (100, 10_000))
    assert many < 4 * few


class _Counted(float):
    """A time that counts how often it is compared."""

    comparisons = 0

    def __lt__(self, other: float) -> bool:
        _Counted.comparisons += 1
        return float.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        _Counted.comparisons += 1
        return float.__eq__(self, other)

    __hash__ = float.__hash__


def comparisons_per_step(number: int) -> float:
    schedule: Schedule[Batch] = Schedule(Polling(), lambda: 0.5)
    for batch in (batches := [Batch(_Counted(n / number), 0) for n in range(number)]):
        schedule.add(batch, batch.uploaded_at)
    schedule.pushed(batches[-1], 2.0)
    schedule.remove(batches[-1], ready_at=2.0)
    _Counted.comparisons = 0
    steps = 0
    while (batch_due := schedule.take_due(10.0)) and steps < 99:
        schedule.ready(batch_due, 10.0)
        steps += 1
    assert steps == 99
    return _Counted.comparisons / steps
