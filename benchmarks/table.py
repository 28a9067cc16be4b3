"""The results as a table in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.judging import Spread, Verdict, fall, judge, median_of, quantity
from benchmarks.running import Result

__all__ = ["hostile_table", "table"]

_HEADINGS = ("what", "who", "time", "ratio (min-max)", "goal", "met", "CPU", "memory", "stall")
_SIGNS = {"at_least": "≥", "at_most": "≤"}
_MET = {True: "yes", False: "**falls short**", None: ""}


def table(results: Sequence[Result], *, is_quick: bool = False) -> str:
    """Give a line for each contender and each limit of each case; quick runs have no goals."""
    lines = [_line(_HEADINGS), _line(["---"] * len(_HEADINGS))]
    for result in results:
        lines += [_line(cells) for cells in _case(result, is_quick=is_quick)]
    notes = []
    if any(result.is_cut for result in results):
        notes.append("~ did a part of the items only; its time is extrapolated.")
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def hostile_table(results: Sequence[Result], *, is_quick: bool = False) -> str:
    """Tell how much slower ours becomes with hostile documents; quick runs have no goals."""
    headings = ("what", "clean", "1 % hostile", "slower by (min to max)", "at most", "met")
    lines = [_line(headings), _line(["---"] * len(headings))]
    for result in results:
        clean, hostile = (result.figures.get(name, []) for name in ("clean", "hostile"))
        found, bound = fall(clean, hostile), result.case.may_fall or 0.0
        if found is None:
            lines.append(_line([result.case.title, *_words(result), "", "", "", ""]))
            continue
        times = [
            _seconds(median_of(runs, "wall_seconds"), runs[0].items) for runs in (clean, hostile)
        ]
        fell = f"{found.median:.0%} ({found.low:.0%} to {found.high:.0%})"
        judged = ["", ""] if is_quick else [f"{bound:.0%}", _MET[found.median <= bound]]
        lines.append(_line([result.case.title, *times, fell, *judged]))
    return "\n".join(lines) + "\n"


def _case(result: Result, *, is_quick: bool) -> Iterator[list[str]]:
    verdicts = judge(result.case, result.figures, is_quick=is_quick)
    title = result.case.title
    for name in result.case.contenders:
        if name not in result.figures:
            yield [title, name, *_words(result, name), *[""] * 6]
        else:
            yield from _contender(result, title, name, verdicts)
        title = ""
    for verdict in verdicts:
        if not verdict.against:
            yield ["", f"*{verdict.title}*", "", *_verdict(verdict), "", "", ""]


def _contender(
    result: Result, title: str, name: str, verdicts: Sequence[Verdict]
) -> Iterator[list[str]]:
    case, runs = result.case, result.figures[name]
    # What is extrapolated is shown for as many items as ours did.
    is_cut = name in result.is_cut
    items = result.figures[case.ours][0].items if is_cut else runs[0].items
    mark = "~" if is_cut else ""
    time = mark + _seconds(median_of(runs, "wall_seconds"), items)
    costs = [
        mark + _seconds(median_of(runs, "cpu_seconds"), items),
        _quantity(median_of(runs, "grown_bytes"), "B"),
        _quantity(median_of(runs, "stall_seconds"), "s"),
    ]
    shown = f"**{name}**" if name == case.ours else name
    own = [verdict for verdict in verdicts if verdict.against == name]
    first = next((verdict for verdict in own if not _aside(case.ours, verdict)), None)
    beside = _verdict(first) if first else [""] * 3
    yield [title, shown, time, *beside, *costs]
    for verdict in own:
        if verdict is not first:
            yield [
                "",
                f"*{_aside(case.ours, verdict)}, beside {name}*",
                "",
                *_verdict(verdict),
                "",
                "",
                "",
            ]


def _aside(ours: str, verdict: Verdict) -> str:
    """Say what is compared, where it isn't the time of our first contender."""
    return ", ".join(
        part
        for part in (verdict.contender if verdict.contender != ours else "", verdict.title)
        if part
    )


def _verdict(verdict: Verdict) -> list[str]:
    goal = (
        ""
        if verdict.bound is None
        else f"{_SIGNS[verdict.kind]} {_bound(verdict.bound, verdict.unit)}"
    )
    return [_spread(verdict.reached, verdict.unit), goal, _MET[verdict.met]]


def _bound(bound: float, unit: str) -> str:
    return quantity(bound, unit) if unit in {"s", "B"} else f"{bound:g}{unit}"


def _spread(spread: Spread, unit: str) -> str:
    low, high = quantity(spread.low, unit), quantity(spread.high, unit)
    return f"{quantity(spread.median, unit)} ({low}-{high})"


def _words(result: Result, name: str | None = None) -> list[str]:
    """Say why there are no figures."""
    failed = (
        result.failed if name is None else {k: v for k, v in result.failed.items() if k == name}
    )
    for words in failed.values():
        return [f"**failed**: {words}".replace("|", "/")]
    return [f"left out: {result.left_out.get(name or '', 'no figures')}"]


def _seconds(per_item: float | None, items: int) -> str:
    return "" if per_item is None else quantity(per_item * items, "s")


def _quantity(value: float | None, unit: str) -> str:
    return "" if value is None else quantity(value, unit)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
