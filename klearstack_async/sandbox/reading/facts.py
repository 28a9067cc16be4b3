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
from klearstack_async.sandbox.reading.identifiers import identifier_at
from klearstack_async.sandbox.reading.layout import Layout, Line
from klearstack_async.sandbox.reading.matching import LabelHit, hits_of_layout
from klearstack_async.sandbox.reading.words import text_of

__all__ = ["Facts", "Span", "facts_of", "spans_for"]

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
        span = None if i in taken or i in money else _identifier_span(line, i, taken | money)
        if span is not None and i in cents:
            # "2018.12" may be a number after a strong label, never after a weak one.
            span = replace(span, plausibility=0.45)
        if span is None:
            i += 1
        else:
            spans.append(span)
            i = span.last + 1
    return spans


def _identifier_span(line: Line, i: int, taken: set[int]) -> Span | None:
    found = identifier_at(line, i, taken)
    return Span(i, found.last, found.text, found.plausibility) if found else None


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
