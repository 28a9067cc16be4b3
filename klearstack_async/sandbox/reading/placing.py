"""Where values stand to labels: on the line, a little off it, in the column, in the same order.

Pure geometry, shared by `candidates.py` and `sums.py`.
"""

from __future__ import annotations

from klearstack_async.sandbox.reading.facts import Facts, Span, spans_for
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.matching import LabelHit

__all__ = [
    "REACH_BELOW",
    "distance_factor",
    "is_in_column",
    "is_next",
    "is_owned",
    "lines_abreast",
    "offset",
    "overlap",
    "spans_by_order",
]

# How far below a label its value may stand, in sizes of the label's type.
REACH_BELOW = 3.4


def lines_abreast(facts: Facts, hit: LabelHit) -> list[Line]:
    """Give the lines that overlap a label's height although they have another baseline."""
    size = max(w.size for w in hit.words)
    near = facts.layout.below(hit.line, 0.8 * size) + facts.layout.above(hit.line, 0.8 * size)
    return sorted(near, key=lambda line: abs(line.baseline - hit.line.baseline))


def is_next(hit: LabelHit, line: Line, span: Span) -> bool:
    """Whether nothing stands between a label and a span of another line."""
    right = hit.words[-1].x2
    start = line.words[span.first].x1
    return start > right and not any(
        right < w.x1 < start for other in (line, hit.line) for w in other.words if w.norm
    )


def distance_factor(hit: LabelHit, first: int) -> float:
    """The emptier the way from label to value, the less they belong together."""
    words = hit.line.words
    gap = (words[first].x1 - words[first - 1].x2) / words[first].size
    if hit.line.cell_of[first] == hit.line.cell_of[hit.last]:
        return 1.0
    return 0.97 if gap < 12 else 0.9 if gap < 25 else 0.8


def spans_by_order(facts: Facts, hit: LabelHit, line: Line) -> list[Span]:
    """Pair a row of headings with a row of values by their order, where no edges meet.

    Headings to the left of their boxes and values to the right have nothing in common but that.
    """
    headings, values = hit.line.cells(), line.cells()
    if len(headings) < 2 or len(headings) != len(values):
        return []
    place = next(n for n, (a, b) in enumerate(headings) if a <= hit.first < b)
    start, end = values[place]
    spans = spans_for(facts, hit.field, line)
    return [s for s in spans if start <= s.first and s.last < end]


def is_in_column(hit: LabelHit, line: Line, span: Span) -> bool:
    """Whether a span stands in the column that a label heads."""
    x1, x2 = line.words[span.first].x1, line.words[span.last].x2
    return overlap(hit, x1, x2) > 0 or abs(x1 - hit.words[0].x1) < hit.words[0].size


def overlap(hit: LabelHit, x1: float, x2: float) -> float:
    """Give the shared width of a label and a stretch of a line, as a part of the narrower."""
    left, right = hit.words[0].x1, hit.words[-1].x2
    return (min(x2, right) - max(x1, left)) / max(1.0, min(x2 - x1, right - left))


def offset(hit: LabelHit, line: Line, span: Span) -> float:
    """Give how far a span is from lining up with a label: left, right or centred, in pixels."""
    left, right = hit.words[0].x1, hit.words[-1].x2
    x1, x2 = line.words[span.first].x1, line.words[span.last].x2
    return min(abs(x1 - left), abs(x2 - right), abs(x1 + x2 - left - right) / 2)


def is_owned(facts: Facts, line: Line, span: Span) -> bool:
    """Whether a value has a label of its own at its left."""
    cell = line.cell_of[span.first]
    return any(
        h.last < span.first
        and (line.cell_of[h.last] == cell or line.words[h.last].text.endswith(":"))
        for h in facts.hits_in(line)
    )
