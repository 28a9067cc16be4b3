"""Figures become verdicts by ratios of the same turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.case import Case, Figures, Goal, Limit, Setting
from benchmarks.judging import Spread, fall, judge, median_of, quantity, ratios


def run(
    wall: float, *, cpu: float = 1.0, grown: int = 0, items: int = 1, **extra: float
) -> Figures:
    return Figures(wall, cpu, grown, None, items, extra)


def nothing(setting: Setting) -> Figures:
    raise AssertionError(setting)


def case(*goals: Goal, limits: tuple[Limit, ...] = ()) -> Case:
    contenders = {"ours": nothing, "ours, too": nothing, "theirs": nothing}
    return Case("x", "X", contenders, quick={}, full={}, goals=goals, limits=limits)


def test_a_ratio_is_taken_of_runs_of_one_turn() -> None:
    # The second turn was slow for both.
    assert ratios([run(1), run(10)], [run(2), run(20)], "wall_seconds") == [2, 2]


def test_seconds_are_compared_per_item() -> None:
    assert ratios([run(1, items=100)], [run(1, items=10)], "wall_seconds") == [10]


def test_a_speed_up_is_judged_by_its_median() -> None:
    figures = {"ours": [run(1), run(1), run(1)], "theirs": [run(2), run(3), run(9)]}
    [verdict] = judge(case(Goal("theirs", 3)), figures)
    assert (verdict.reached, verdict.met) == (Spread(3, 2, 9), True)
    [verdict] = judge(case(Goal("theirs", 3.1)), figures)
    assert verdict.met is False


def test_a_cost_is_ours_by_theirs() -> None:
    figures = {"ours": [run(9, cpu=1)], "theirs": [run(1, cpu=2)]}
    goal = Goal("theirs", 0.6, kind="at_most", figure="cpu_seconds")
    [verdict] = judge(replace(case(goal), is_race=False), figures)
    assert (verdict.reached.median, verdict.met, verdict.title) == (0.5, True, "CPU")


def test_a_goal_may_be_of_another_of_our_contenders() -> None:
    figures = {"ours": [run(1)], "ours, too": [run(2)], "theirs": [run(4)]}
    verdict, *_ = judge(case(Goal("theirs", 2, of="ours, too")), figures)
    assert (verdict.contender, verdict.reached.median) == ("ours, too", 2)


@pytest.mark.parametrize(("bound", "met"), [(5, True), (4, False)])
def test_a_limit_is_for_our_own_figure(bound: float, met: bool) -> None:
    limits = (Limit("peak memory", "grown_bytes", bound, unit="B"),)
    [verdict] = judge(case(limits=limits), {"ours": [run(1, grown=5)]})
    assert verdict.met is met


def test_a_limit_may_be_for_a_figure_of_the_cases_own() -> None:
    limits = (Limit("share", "share", 0.99, kind="at_least"),)
    [verdict] = judge(case(limits=limits), {"ours": [run(1, share=0.995)]})
    assert verdict.met


def test_who_has_no_goal_is_compared_in_a_race() -> None:
    figures = {"ours": [run(1)], "theirs": [run(4)]}
    [verdict] = judge(case(), figures)
    assert (verdict.reached.median, verdict.bound, verdict.met) == (4, None, None)
    assert judge(replace(case(), is_race=False), figures) == []


def test_a_quick_run_is_not_judged() -> None:
    figures = {"ours": [run(1)], "theirs": [run(4)]}
    [verdict] = judge(case(Goal("theirs", 2)), figures, is_quick=True)
    assert (verdict.reached.median, verdict.bound, verdict.met) == (4, None, None)


def test_what_was_not_run_is_not_judged() -> None:
    assert judge(case(Goal("theirs", 2)), {"ours": [run(1)]}) == []
    assert judge(case(Goal("theirs", 2)), {"theirs": [run(1)]}) == []


def test_a_fall_is_told_by_the_speed() -> None:
    found = fall([run(1.0), run(1.0)], [run(1.25), run(1.25)])
    assert found is not None
    assert found.median == pytest.approx(0.2)
    assert fall([], []) is None


def test_a_figure_that_no_run_has_is_none() -> None:
    assert median_of([run(1)], "stall_seconds") is None


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0031, "s", "3.1 ms"),
        (2.5, "s", "2.50 s"),
        (8e6, "B", "8.0 MB"),
        (2.512, "x", "2.51x"),
        (21.04, "x", "21.0x"),
        (251.2, "x", "251x"),
    ],
)
def test_quantities_are_written_with_their_units(value: float, unit: str, words: str) -> None:
    assert quantity(value, unit) == words
