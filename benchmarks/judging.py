"""From figures to verdicts: ratios run by run, their medians and spread, met or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.case import Case, Figures, Goal, Limit

__all__ = ["Spread", "Verdict", "fall", "judge", "median_of", "quantity", "ratios"]

_FIGURE_NAMES = {"wall_seconds": "", "cpu_seconds": "CPU", "per_second": "rate"}


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs' values of one figure."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take them together; there is one at least."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was reached beside what was to be reached.

    Attributes:
        contender: Which of ours.
        against: The peer, or nothing for a limit.
        title: What is compared; empty for plain time.
        reached: The runs' ratios, or our own figures.
        bound: The goal; None where there is none, and in quick runs.
        kind: `at_least` or `at_most`.
        unit: `x` for a ratio, else the limit's.
        met: Whether the median keeps to it; None without a goal.
    """

    contender: str
    against: str
    title: str
    reached: Spread
    bound: float | None
    kind: str
    unit: str
    met: bool | None


def judge(
    case: Case, figures: Mapping[str, Sequence[Figures]], *, is_quick: bool = False
) -> list[Verdict]:
    """Judge every goal and limit for which there are figures.

    In a race, those against whom there is no goal are compared, too.

    Args:
        case: Which case.
        figures: By contender, its runs.
        is_quick: Compare, and leave out what was to be reached: so little work proves nothing.
    """
    found = [_goal(case, goal, figures) for goal in case.goals]
    found += [_limit(case, limit, figures) for limit in case.limits]
    found += [_comparison(case, name, figures) for name in _without_goal(case)]
    verdicts = [verdict for verdict in found if verdict is not None]
    if is_quick:
        return [replace(verdict, bound=None, met=None) for verdict in verdicts]
    return verdicts


def ratios(
    ours: Sequence[Figures], theirs: Sequence[Figures], figure: str, *, inverse: bool = False
) -> list[float]:
    """Divide theirs by ours run by run, so that what slowed both of a turn doesn't count.

    Args:
        ours: Our runs.
        theirs: The peer's, in the same order.
        figure: What is compared.
        inverse: Divide ours by theirs.
    """
    pairs = [
        (a, b)
        for a, b in zip(_values(ours, figure), _values(theirs, figure), strict=False)
        if a and b
    ]
    return [a / b if inverse else b / a for a, b in pairs]


def fall(clean: Sequence[Figures], hostile: Sequence[Figures]) -> Spread | None:
    """Tell by which part our speed falls with hostile documents: 0.1 is 10 %."""
    found = ratios(clean, hostile, "wall_seconds", inverse=True)
    return Spread.of([1 - ratio for ratio in found]) if found else None


def median_of(runs: Sequence[Figures], figure: str) -> float | None:
    """Give the median of a figure; None if the runs don't have it."""
    values = [value for value in _values(runs, figure) if value is not None]
    return median(values) if values else None


def quantity(value: float, unit: str) -> str:
    """Write a figure with its unit."""
    if unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
    if unit == "B":
        return f"{value / 1e6:.1f} MB"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}{unit}"


def _goal(case: Case, goal: Goal, figures: Mapping[str, Sequence[Figures]]) -> Verdict | None:
    contender = goal.of or case.ours
    found = ratios(
        figures.get(contender, ()),
        figures.get(goal.against, ()),
        goal.figure,
        inverse=goal.kind == "at_most",
    )
    if not found:
        return None
    reached = Spread.of(found)
    return Verdict(
        contender=contender,
        against=goal.against,
        title=_FIGURE_NAMES.get(goal.figure, goal.figure),
        reached=reached,
        bound=goal.ratio,
        kind=goal.kind,
        unit="x",
        met=_keeps(reached.median, goal.ratio, goal.kind),
    )


def _without_goal(case: Case) -> list[str]:
    """Name those that are compared though there is no goal for the time."""
    if not case.is_race:
        return []
    judged = {
        (goal.of or case.ours, goal.against) for goal in case.goals if goal.figure == "wall_seconds"
    }
    return [
        name
        for name in case.contenders
        if name != case.ours and (case.beside.get(name, case.ours), name) not in judged
    ]


def _comparison(
    case: Case, against: str, figures: Mapping[str, Sequence[Figures]]
) -> Verdict | None:
    contender = case.beside.get(against, case.ours)
    found = ratios(figures.get(contender, ()), figures.get(against, ()), "wall_seconds")
    if not found:
        return None
    return Verdict(contender, against, "", Spread.of(found), None, "at_least", "x", None)


def _limit(case: Case, limit: Limit, figures: Mapping[str, Sequence[Figures]]) -> Verdict | None:
    values = [
        value for value in _values(figures.get(case.ours, ()), limit.figure) if value is not None
    ]
    if not values:
        return None
    reached = Spread.of(values)
    return Verdict(
        contender=case.ours,
        against="",
        title=limit.title,
        reached=reached,
        bound=limit.bound,
        kind=limit.kind,
        unit=limit.unit,
        met=_keeps(reached.median, limit.bound, limit.kind),
    )


def _keeps(value: float, bound: float, kind: str) -> bool:
    return value >= bound if kind == "at_least" else value <= bound


def _values(runs: Sequence[Figures], figure: str) -> list[float | None]:
    return [run.value(figure) for run in runs]
