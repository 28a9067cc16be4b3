"""All that is known of a document before fields are chosen: labels, and values by kind.

Pure: a layout in, facts out. A span is a value in a line whose meaning nobody knows yet; which
label it belongs to is the business of `candidates.py` and `sums.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from klearstack_async.sandbox.reading.amounts import Amount, amounts_in, decimal_mark_of
from klearstack_async.sandbox.reading.dates import (
    FoundDate,
    dates_in,
    is_month_first,
    printed_date,
    settled_date,
)
from klearstack_async.sandbox.reading.layout import Layout, Line
from klearstack_async.sandbox.reading.matching import LabelHit, hits_of_layout
from klearstack_async.sandbox.reading.words import text_of

__all__ = ["Facts", "Span", "facts_of", "spans_for"]

_IDENTIFIER = re.compile(r"^[A-Z0-9][A-Z0-9/_.\\+\-\u2013\u2014*:()]*$", re.IGNORECASE)
_DIGIT_GROUP = re.compile(r"^(?=[A-Z-]*\d)[A-Z0-9-]+$")
# How many groups of characters an identifier may be printed in.
_MAX_GROUPS = 6
_PREFIX = re.compile(r"^[A-Z]{1,5}[-/.]?$")
_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$")
_URL = re.compile(r"www\.|https?|@|\.(?:com|de|fr|nl|org|net)\b", re.IGNORECASE)
_AMERICAN = re.compile(r"\b[A-Z]{2},? \d{5}(?:-\d{4})?\b|\bUSD\b|\bU\.?S\.?A\b|\bUnited States\b")


@dataclass(frozen=True, slots=True)
class Span:
    """A value in a line, before anyone knows what it is."""

    first: int
    last: int
    value: str
    plausibility: float


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a document before fields are chosen.

    Attributes:
        layout: The lines.
        hits: The labels by line.
        amounts: The numbers by line.
        dates: The dates by line, settled.
        month_first: Whether the document writes 7/26/2025.
        decimal_mark: The document's decimal mark, if it shows.
    """

    layout: Layout
    hits: dict[int, list[LabelHit]]
    amounts: dict[int, list[Amount]]
    dates: dict[int, list[tuple[FoundDate, date]]]
    month_first: bool
    decimal_mark: str | None

    def hits_in(self, line: Line) -> Sequence[LabelHit]:
        """Give the labels in a line, left to right."""
        return self.hits.get(line.index, ())


def facts_of(layout: Layout) -> Facts:
    """Gather labels, numbers and dates of a document."""
    found = {line.index: dates_in(line.words) for line in layout.lines}
    text = "\n".join(text_of(line.words) for line in layout.lines)
    american = _AMERICAN.search(text) is not None
    month_first = is_month_first((d for dates in found.values() for d in dates), american=american)
    dates = {
        index: [
            (d, settled)
            for d in dates
            if (settled := settled_date(d, month_first=month_first)) is not None
        ]
        for index, dates in found.items()
        if dates
    }
    mark = decimal_mark_of(w.text for line in layout.lines for w in line.words)
    amounts = {line.index: _amounts_beside_dates(line, dates, mark) for line in layout.lines}
    return Facts(layout, hits_of_layout(layout), amounts, dates, month_first, mark)


def _amounts_beside_dates(
    line: Line, dates: dict[int, list[tuple[FoundDate, date]]], mark: str | None
) -> list[Amount]:
    taken = {i for d, _ in dates.get(line.index, []) for i in range(d.first, d.last + 1)}
    return [a for a in amounts_in(line.words, mark) if not taken & set(range(a.first, a.last + 1))]


# --- values by kind ----------------------------------------------------------------------------


def _date_spans(facts: Facts, line: Line) -> list[Span]:
    return [
        Span(d.first, d.last, printed_date(settled), 1.0)
        for d, settled in facts.dates.get(line.index, [])
    ]


def _amount_spans(facts: Facts, line: Line) -> list[Span]:
    return [
        Span(a.first, a.last, a.text, _money_plausibility(a))
        for a in facts.amounts.get(line.index, [])
    ]


def _money_plausibility(amount: Amount) -> float:
    if amount.decimals == 2:
        return 1.0
    if amount.with_currency:
        return 0.95
    # A long whole number is an account or an article, a short one perhaps a count.
    return 0.5 if amount.decimals == 0 and len(amount.text) <= 7 else 0.3


def _identifier_spans(facts: Facts, line: Line) -> list[Span]:
    taken = {i for d, _ in facts.dates.get(line.index, []) for i in range(d.first, d.last + 1)}
    amounts = facts.amounts.get(line.index, [])
    money = {i for a in amounts if a.with_currency for i in range(a.first, a.last + 1)}
    cents = {i for a in amounts if a.looks_like_money for i in range(a.first, a.last + 1)}
    spans: list[Span] = []
    i = 0
    while i < len(line.words):
        span = None if i in taken or i in money else _identifier_at(line, i, taken | money)
        if span is not None and i in cents:
            # "2018.12" may be a number after a strong label, never after a weak one.
            span = replace(span, plausibility=0.45)
        if span is None:
            i += 1
        else:
            spans.append(span)
            i = span.last + 1
    return spans


def _identifier_at(line: Line, i: int, taken: set[int]) -> Span | None:
    if re.fullmatch(r"\(.*\)", line.words[i].text):
        return None
    last = _whole_cell(line, i, taken) or i
    end = min(len(line.words), i + _MAX_GROUPS)
    while last + 1 < end and last + 1 not in taken and _goes_on(line, i, last):
        last += 1
    text = text_of(line.words[i : last + 1]).strip(".,;:()[]#*\"'").rstrip("-/")
    compact = text.replace(" ", "")
    digits = sum(c.isdigit() for c in compact)
    if not digits or not _IDENTIFIER.match(compact) or len(compact) > 40:
        return None
    if (_IBAN.match(compact) and len(compact) > 14) or _URL.search(compact):
        return None
    return Span(i, last, text, _identifier_plausibility(compact, digits))


def _whole_cell(line: Line, i: int, taken: set[int]) -> int | None:
    """Give a cell's end if the cell is nothing but groups of digits: "0612 340 18M3"."""
    cell = line.cell_of[i]
    if i and line.cell_of[i - 1] == cell:
        return None
    members = [
        j for j in range(i, min(i + _MAX_GROUPS + 1, len(line.words))) if line.cell_of[j] == cell
    ]
    grouped = len(members) <= _MAX_GROUPS and not taken & set(members)
    if not grouped or not all(_DIGIT_GROUP.match(line.words[j].text) for j in members):
        return None
    return members[-1]


def _goes_on(line: Line, first: int, last: int) -> bool:
    """Whether an identifier goes on over a space: "RE 2014-7", "2014 / 123", "90 000 123"."""
    word, following = line.words[last], line.words[last + 1]
    if line.cell_of[last] != line.cell_of[last + 1]:
        return False
    if following.x1 - word.x2 > 0.6 * word.size:
        return False
    if following.text in {"/", "-"} and last + 2 < len(line.words):
        return line.words[last + 2].text[:1].isdigit()
    if word.text in {"/", "-"} or word.text[-1] in "/-" or following.text[0] in "/-":
        return any(c.isdigit() for c in following.text)
    if last == first and _PREFIX.match(word.text):
        return following.text[0].isdigit()
    return word.text.isdigit() and following.text.isdigit() and len(following.text) >= 2


def _identifier_plausibility(compact: str, digits: int) -> float:
    if digits == 1 and len(compact) < 3:
        return 0.55
    if digits == 2 and len(compact) == 2:
        return 0.7
    if re.fullmatch(r"(?:19|20)\d\d", compact):
        return 0.7
    if digits < len(compact) / 3 and any(c.islower() for c in compact):
        return 0.4
    return 0.9 if digits < 3 or any(c.islower() for c in compact) else 1.0


def spans_for(facts: Facts, field: str, line: Line) -> list[Span]:
    """Find the values in a line that are of a field's kind, left to right."""
    return _SPANS[field](facts, line)


_SPANS = {
    "Inv_Number": _identifier_spans,
    "PO_Number": _identifier_spans,
    "Inv_Date": _date_spans,
    "Due_Date": _date_spans,
    "Sub-Total": _amount_spans,
    "Tax_Total": _amount_spans,
    "Inv_Total": _amount_spans,
}
