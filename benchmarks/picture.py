"""The ratios as a picture: SVG, readable on light and on dark pages. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.judging import Verdict, judge, quantity
from benchmarks.running import Result

__all__ = ["picture"]

_LEFT, _RIGHT, _WIDTH = 300, 150, 900
_ROW, _HEADING, _TOP = 22, 26, 78
_TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_KINDS = {True: "met", False: "short", None: "open"}

_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
.page { fill: #ffffff; } .text { fill: #1f2328; } .faint { fill: #656d76; }
.grid { stroke: #d8dee4; } .even { stroke: #656d76; } .goal { stroke: #1f2328; }
.met { fill: #2f7d5b; } .short { fill: #c4622d; } .open { fill: #8c959f; }
.range { stroke: #1f2328; }
.title { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; }
  .text { fill: #e6edf3; } .faint { fill: #8d96a0; }
  .grid { stroke: #30363d; } .even { stroke: #8d96a0; } .goal { stroke: #e6edf3; }
  .met { fill: #4aa37c; } .short { fill: #db8450; } .open { fill: #6e7681; }
  .range { stroke: #e6edf3; }
}
"""


def picture(results: Sequence[Result], caption: str, *, is_quick: bool = False) -> str:
    """Draw a bar for each peer's speed-up, on a logarithmic axis, with its goal's mark if any."""
    groups = [(result.case.title, _speed_ups(result, is_quick=is_quick)) for result in results]
    groups = [(title, verdicts) for title, verdicts in groups if verdicts]
    shown = [verdict for _, verdicts in groups for verdict in verdicts]
    highest = max([2.0, *(max(v.reached.high, v.bound or 0) for v in shown)])
    lowest = min([0.8, *(v.reached.low for v in shown)])
    axis = _Axis(math.log(lowest * 0.9), math.log(highest * 1.15))
    height = _TOP + len(groups) * (_HEADING + 8) + len(shown) * _ROW + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>How many times faster, by row and by peer</title><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>',
        _text(20, 28, "How many times faster than each peer", "text title"),
        _text(
            20,
            47,
            "bar: median, thin line: slowest to fastest run, mark: the goal, grey: there is none",
            "faint",
        ),
        *_scale(axis),
        *_groups(groups, axis),
        _text(20, height - 12, caption, "faint"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axis:
    def __init__(self, low: float, high: float) -> None:
        self._low, self._scale = low, (_WIDTH - _LEFT - _RIGHT) / (high - low)

    def x(self, ratio: float) -> float:
        return round(_LEFT + (math.log(ratio) - self._low) * self._scale, 1)

    def holds(self, ratio: float) -> bool:
        return _LEFT <= self.x(ratio) <= _WIDTH - _RIGHT


def _speed_ups(result: Result, *, is_quick: bool) -> list[Verdict]:
    """Compare with peers; how our own contenders differ is for the table."""
    return [
        verdict
        for verdict in judge(result.case, result.figures, is_quick=is_quick)
        if verdict.against
        and verdict.kind == "at_least"
        and not result.case.is_ours(verdict.against)
    ]


def _scale(axis: _Axis) -> Iterator[str]:
    for tick in filter(axis.holds, _TICKS):
        yield _text(axis.x(tick), _TOP - 4, f"{tick:g}x", "faint", anchor="middle")


def _groups(groups: Sequence[tuple[str, Sequence[Verdict]]], axis: _Axis) -> Iterator[str]:
    y = float(_TOP)
    for title, verdicts in groups:
        y += _HEADING
        yield _text(20, y - 6, title, "text title")
        # Only behind the bars: no line runs through a title.
        for tick in filter(axis.holds, _TICKS):
            kind, x = "even" if tick == 1 else "grid", axis.x(tick)
            yield _line(x, y, x, y + len(verdicts) * _ROW, kind)
        several = len({verdict.contender for verdict in verdicts}) > 1
        for verdict in verdicts:
            yield from _bar(verdict, axis, y, several=several)
            y += _ROW
        y += 8


def _bar(verdict: Verdict, axis: _Axis, y: float, *, several: bool) -> Iterator[str]:
    middle, reached = y + _ROW / 2, verdict.reached
    # The package's own name stands above all of it.
    ours = verdict.contender.removeprefix("klearstack_async, ") + ": " if several else ""
    label = f"{ours}{verdict.against}" + (f" ({verdict.title})" if verdict.title else "")
    yield _text(_LEFT - 10, middle + 4, label, "text", anchor="end")
    start, end = sorted((axis.x(1), axis.x(reached.median)))
    kind = _KINDS[verdict.met]
    yield (
        f'<rect class="{kind}" x="{start}" y="{y + 4}" width="{max(1.0, round(end - start, 1))}" '
        f'height="{_ROW - 8}" rx="2"/>'
    )
    yield _line(axis.x(reached.low), middle, axis.x(reached.high), middle, "range")
    words = quantity(reached.median, "x")
    if verdict.bound is not None:
        goal = axis.x(verdict.bound)
        yield _line(goal, y + 1, goal, y + _ROW - 1, "goal", width=2.5)
        words += f" (goal {verdict.bound:g}x)"
    yield _text(_WIDTH - _RIGHT + 8, middle + 4, words, "text" if verdict.met else "faint")


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, *, width: float = 1) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke-width="{width}"/>'
