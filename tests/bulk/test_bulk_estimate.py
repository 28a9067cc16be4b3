from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.bulk.estimate import Estimate


def learnt(took: Callable[[random.Random], float], *, begin: float, batches: int) -> Estimate:
    """Look at batches one after the other, as soon as the estimate says."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    estimate = Estimate(0.025)
    estimate.begin(begin)
    for _ in range(batches):
        look(estimate, took(chance))
    return estimate


def look(estimate: Estimate, took: float) -> int:
    """Look at a batch at its times; say how many looks it was."""
    age, pause, spread = estimate.seconds or 0.0, 0.0, estimate.spread
    pause = age * spread
    estimate.first_look(age, is_ready=took <= age)
    if took <= age:
        return 1
    estimate.second_look(spread, is_ready=took <= age + pause)
    return 2


def test_nothing_is_known_before_something_was_ready() -> None:
    estimate = Estimate(0.025)
    assert estimate.seconds is None
    assert not estimate.is_ahead(0)
    estimate.first_look(1.0, is_ready=False)
    estimate.first_look(1.0, is_ready=True)
    assert estimate.seconds is None


@pytest.mark.parametrize("begin", [0.1, 0.5, 1.9, 2.1, 10.0, 50.0])
def test_where_all_take_the_same_time_it_comes_close_from_both_sides(begin: float) -> None:
    estimate = learnt(lambda _: 2.0, begin=begin, batches=120)
    assert estimate.seconds == pytest.approx(2.0, rel=0.2)
    assert estimate.spread < 0.1


def test_where_times_differ_the_first_look_is_early_and_the_second_much_later() -> None:
    estimate = learnt(lambda chance: chance.uniform(10, 20), begin=15, batches=600)
    assert 13 < (estimate.seconds or 0) < 18
    assert estimate.spread > 0.07


def test_it_recovers_after_a_slow_phase() -> None:
    estimate = learnt(lambda _: 2.0, begin=2, batches=50)
    for _ in range(60):
        look(estimate, 10.0)
    assert estimate.seconds == pytest.approx(10, rel=0.2)
    for _ in range(60):
        look(estimate, 2.0)
    assert estimate.seconds == pytest.approx(2, rel=0.2)


def test_one_batch_that_takes_a_day_moves_it_no_further_than_any_other() -> None:
    one, other = (learnt(lambda _: 2.0, begin=2, batches=50) for _ in range(2))
    late = (one.seconds or 0) + 0.001
    one.first_look(late, is_ready=False)
    other.first_look(86_400, is_ready=False)
    assert one.seconds == other.seconds


def test_one_that_was_ready_when_it_was_ten_hours_old_teaches_nothing() -> None:
    estimate = Estimate(0.025)
    estimate.begin(2.0)
    for _ in range(10_000):
        estimate.first_look(36_000, is_ready=True)
    assert estimate.seconds == 2.0


def test_one_that_was_not_ready_ahead_of_its_time_teaches_nothing() -> None:
    estimate = Estimate(0.025)
    estimate.begin(2.0)
    estimate.first_look(1.9, is_ready=False)
    assert estimate.seconds == 2.0


def test_one_that_was_ready_well_ahead_of_its_time_takes_it_half_the_way() -> None:
    estimate = Estimate(0.025)
    estimate.begin(100.0)
    estimate.first_look(4.0, is_ready=True)
    assert estimate.seconds == pytest.approx(20.0)


def test_what_a_push_told_moves_it_to_the_side_on_which_it_lies() -> None:
    estimate = Estimate(0.025)
    estimate.begin(2.0)
    estimate.took(1.0)
    assert (below := estimate.seconds or 0) < 2.0
    estimate.took(3.0)
    assert (estimate.seconds or 0) > below


def test_a_second_look_that_was_planned_with_another_spread_teaches_nothing_it_may_not() -> None:
    estimate = Estimate(0.025)
    estimate.second_look(0.5, is_ready=True)
    estimate.second_look(0.01, is_ready=False)
    assert estimate.spread == 0.1
    estimate.second_look(0.5, is_ready=False)
    assert estimate.spread > 0.1
    estimate = Estimate(0.025)
    estimate.second_look(0.01, is_ready=True)
    assert estimate.spread < 0.1


def test_an_age_that_misses_the_estimate_by_rounding_is_its_time() -> None:
    estimate = Estimate(0.025)
    estimate.begin(0.3)
    uploaded_at = 1_700_000_000.1
    age = (uploaded_at + 0.3) - uploaded_at
    assert not estimate.is_ahead(age)
    assert estimate.is_ahead(0.29)


ANSWERS = st.lists(
    st.tuples(st.sampled_from(["first", "second", "push"]), st.floats(-10, 1e9), st.booleans()),
    max_size=200,
)


@given(ANSWERS)
def test_whatever_comes_it_stays_within_its_bounds(answers: list[tuple[str, float, bool]]) -> None:
    estimate = Estimate(0.025)
    estimate.begin(1.0)
    for kind, number, is_ready in answers:
        if kind == "first":
            estimate.first_look(number, is_ready=is_ready)
        elif kind == "second":
            estimate.second_look(number, is_ready=is_ready)
        else:
            estimate.took(number)
        assert 0.025 <= (estimate.seconds or 0) < float("inf")
        assert 0.01 <= estimate.spread <= 0.5


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), max_size=200))
def test_no_look_moves_it_beyond_what_the_look_has_shown(looks: list[tuple[float, bool]]) -> None:
    estimate = Estimate(0.025)
    estimate.begin(10.0)
    for age, is_ready in looks:
        before = estimate.seconds or 0.0
        estimate.first_look(age, is_ready=is_ready)
        after = estimate.seconds or 0.0
        if is_ready:
            assert after <= before
        else:
            assert after >= before
        assert after <= before * 1.23
