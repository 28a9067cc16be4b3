"""Numbers and dates beside and below their labels, each with a score.

Pure. Choosing among the candidates is the business of `fields.py`; sums are found in `sums.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from klearstack_async.sandbox.reading.facts import Facts, Span, spans_for
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.matching import LabelHit
from klearstack_async.sandbox.reading.placing import (
    REACH_BELOW,
    distance_factor,
    is_in_column,
    is_next,
    is_owned,
    lines_abreast,
    offset,
    overlap,
    spans_by_order,
)
from klearstack_async.sandbox.reading.words import Word

__all__ = ["Candidate", "candidate_of", "candidates_for"]

_SKIPPED = re.compile(r"^[\W_]*$|^(?:nr|no|n|number|nummer|numero|num)\W*$", re.IGNORECASE)

# Plain words allowed between a label and its value on the line.
_OTHER_NUMBERS = frozenset({"-number", "PO_Number"})
_WORDS_BETWEEN = {"Inv_Number": 1, "PO_Number": 1, "Inv_Date": 3, "Due_Date": 4}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that may be a field's, with a score from 0 to about 1."""

    field: str
    value: str
    score: float
    words: tuple[Word, ...]
    line: int
    hit: LabelHit | None = None


def candidate_of(hit: LabelHit, line: Line, span: Span, score: float) -> Candidate:
    """Make a candidate for a label's field of a span in a line."""
    words = line.words[span.first : span.last + 1]
    return Candidate(hit.field, span.value, score, words, line.index, hit)


def candidates_for(
    facts: Facts, field: str, skipped: frozenset[int] = frozenset()
) -> list[Candidate]:
    """Find the values of a number or date field beside its labels.

    Args:
        facts: The document.
        field: `Inv_Number`, `PO_Number`, `Inv_Date` or `Due_Date`.
        skipped: Lines whose labels are not to be used, such as headings of line items.
    """
    found: list[Candidate] = []
    for index, hits in facts.hits.items():
        for hit in hits:
            if hit.field == field and index not in skipped and not _ends_a_label(facts, hit):
                found += _beside(facts, hit) or _abreast(facts, hit) or _under(facts, hit)
    return found


def _beside(facts: Facts, hit: LabelHit) -> list[Candidate]:
    """Take the value to the right of a label, on its line."""
    last = _end_of_joined(facts, hit)
    spans = spans_for(facts, hit.field, hit.line)
    following = next((s for s in spans if s.first > last), None)
    if following is None:
        return []
    stop = _next_other_hit(facts, hit, last)
    if stop is not None and stop.first <= following.first and stop.last < following.last + 1:
        return []
    between = range(last + 1, following.first)
    plain = [i for i in between if not _is_passed_over(facts, hit, i)]
    allowed = 0 if hit.label.strength <= 0.5 else _WORDS_BETWEEN[hit.field]
    if len(plain) > allowed:
        return []
    score = hit.label.strength * following.plausibility * 0.85 ** len(plain)
    score *= distance_factor(hit, following.first)
    if hit.label.strength <= 0.5 and following.plausibility < 0.9:
        score *= 0.5
    if _dates_another_thing(facts, hit):
        score *= 0.5
    return [candidate_of(hit, hit.line, following, score)]


def _ends_a_label(facts: Facts, hit: LabelHit) -> bool:
    """Whether a mere "date" is the end of another date's label: "Departure date", "Pay by date"."""
    return (
        hit.field == "Inv_Date"
        and hit.label.strength < 0.9
        and any(
            h.last == hit.first - 1
            and h.field in {"-date", "Due_Date"}
            and not _has_slash(hit.line, h.last, hit.first)
            for h in facts.hits_in(hit.line)
        )
    )


def _end_of_joined(facts: Facts, hit: LabelHit) -> int:
    """Give the last word of labels joined by a slash: "Invoice date / delivery date"."""
    last = hit.last
    for other in facts.hits_in(hit.line):
        if other.first <= last:
            continue
        joint = "".join(w.text for w in hit.line.words[last + 1 : other.first])
        slashed = joint == "/" or (not joint and _has_slash(hit.line, last, other.first))
        # Two numbers with two labels are paired by their order, not here.
        if not slashed or (hit.field == "Inv_Number" and other.field == "-number"):
            break
        last = other.last
    return last


def _has_slash(line: Line, last: int, first: int) -> bool:
    return line.words[last].text.endswith("/") or line.words[first].text.startswith("/")


def _dates_another_thing(facts: Facts, hit: LabelHit) -> bool:
    """Whether a mere "date" stands behind another number and is its date: "Quote 12 of date"."""
    if hit.field != "Inv_Date" or hit.label.strength >= 0.9 or hit.words[-1].text.endswith(":"):
        return False
    cell = hit.line.cell_of[hit.first]
    return any(
        h.last < hit.first and hit.line.cell_of[h.first] == cell and h.field in _OTHER_NUMBERS
        for h in facts.hits_in(hit.line)
    )


def _abreast(facts: Facts, hit: LabelHit) -> list[Candidate]:
    """Take the value to the right that stands a little higher or lower, in larger type, say."""
    for line in lines_abreast(facts, hit):
        span = next((s for s in spans_for(facts, hit.field, line) if is_next(hit, line, s)), None)
        if span is not None and not is_owned(facts, line, span):
            score = hit.label.strength * span.plausibility * 0.88
            return [candidate_of(hit, line, span, score)]
    return []


def _is_passed_over(facts: Facts, hit: LabelHit, i: int) -> bool:
    word = hit.line.words[i]
    if _SKIPPED.match(word.text) or word.text.startswith("("):
        return True
    return any(h.field == hit.field and h.first <= i <= h.last for h in facts.hits_in(hit.line))


def _next_other_hit(facts: Facts, hit: LabelHit, last: int) -> LabelHit | None:
    """Give the next label of another thing; a date stays a date behind a mere "invoice"."""
    return next(
        (
            h
            for h in facts.hits_in(hit.line)
            if h.first > last
            and h.field != hit.field
            and not (h.label.strength <= 0.5 and hit.field in {"Inv_Date", "Due_Date"})
        ),
        None,
    )


def _under(facts: Facts, hit: LabelHit) -> list[Candidate]:
    """Take the value below a label, in its column."""
    reach = REACH_BELOW * max(w.size for w in hit.words)
    for line in facts.layout.below(hit.line, reach):
        overlapping = [s for s in spans_for(facts, hit.field, line) if is_in_column(hit, line, s)]
        if not overlapping:
            overlapping = spans_by_order(facts, hit, line)
        if overlapping:
            span = min(overlapping, key=lambda s: offset(hit, line, s))
            if is_owned(facts, line, span):
                return []
            plain = _words_before_in_cell(line, span)
            factor = 0.9 if _is_heading_row(facts, hit.line) else 0.8
            if hit.label.strength <= 0.5 and not _is_heading_row(facts, hit.line):
                # Under the title "INVOICE" stands many a thing.
                factor = 0.45
            score = hit.label.strength * span.plausibility * factor * 0.7**plain
            return [candidate_of(hit, line, span, score)]
        if any(overlap(hit, w.x1, w.x2) > 0.3 for w in line.words) and line.words:
            # Something else stands under the label: what is farther down is not its value.
            return []
    return []


def _words_before_in_cell(line: Line, span: Span) -> int:
    cell = line.cell_of[span.first]
    return sum(1 for i in range(span.first) if line.cell_of[i] == cell)


def _is_heading_row(facts: Facts, line: Line) -> bool:
    return len(facts.hits_in(line)) >= 2
