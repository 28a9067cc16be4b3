"""The header fields of an invoice: the best candidate for each.

Pure: facts in, fields out. Sums are weighed in `totals.py`, names in `parties.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from klearstack_async.sandbox.reading.candidates import Candidate, candidates_for
from klearstack_async.sandbox.reading.currency import currency_of
from klearstack_async.sandbox.reading.dates import printed_date
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.parties import buyer_of, supplier_of
from klearstack_async.sandbox.reading.result import ReadField
from klearstack_async.sandbox.reading.sums import amount_candidates
from klearstack_async.sandbox.reading.totals import chosen_sums
from klearstack_async.sandbox.reading.words import enclosing_box

__all__ = ["FIELD_ORDER", "field_from_candidate", "header_fields"]

FIELD_ORDER = (
    "Inv_Number",
    "Inv_Date",
    "Due_Date",
    "Supplier_Name",
    "Buyer_Name",
    "PO_Number",
    "Currency",
    "Sub-Total",
    "Tax_Total",
    "Inv_Total",
)
_LOWEST = 0.2
# A date whose label says so little that a letter's bare date is the better one.
_DOUBTFUL = 0.31


def header_fields(facts: Facts, headings: frozenset[int]) -> tuple[ReadField, ...]:
    """Choose the header fields, in their fixed order; what isn't found is absent.

    Args:
        facts: The document.
        headings: Lines that head the columns of line items; their labels name no header field.
    """
    chosen = {
        field: _best(candidates_for(facts, field))
        for field in ("Inv_Number", "Due_Date", "PO_Number")
    }
    chosen["Inv_Date"] = _invoice_date(facts, headings)
    chosen["Sub-Total"], chosen["Tax_Total"], chosen["Inv_Total"] = chosen_sums(
        amount_candidates(facts, "Sub-Total", headings),
        amount_candidates(facts, "Tax_Total", headings),
        amount_candidates(facts, "Inv_Total", headings),
    )
    chosen["Supplier_Name"] = supplier_of(facts)
    chosen["Buyer_Name"] = buyer_of(facts, chosen["Supplier_Name"])
    chosen["Currency"] = _currency(facts, chosen["Inv_Total"])
    number, order = chosen["Inv_Number"], chosen["PO_Number"]
    if number and order and number.words == order.words:
        chosen["PO_Number"] = None
    found = (chosen[name] for name in FIELD_ORDER)
    return tuple(field_from_candidate(c) for c in found if c and c.score >= _LOWEST)


def field_from_candidate(candidate: Candidate) -> ReadField:
    """Turn a chosen candidate into the public field."""
    return ReadField(
        name=candidate.field,
        value=candidate.value,
        confidence=round(min(0.99, max(0.05, candidate.score)), 2),
        page=candidate.words[0].page,
        box=enclosing_box(candidate.words),
    )


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    """Take the candidate with the best score; the same value found again makes it surer."""
    if not candidates:
        return None
    times: dict[str, int] = {}
    for candidate in candidates:
        times[candidate.value] = times.get(candidate.value, 0) + 1
    best = max(
        candidates,
        key=lambda c: (c.score + 0.03 * min(times[c.value] - 1, 3), -c.line),
    )
    rivals = [c.score for c in candidates if c.value != best.value]
    doubt = 0.15 * max(0.0, 1 - (best.score - max(rivals)) / 0.3) if rivals else 0.0
    return replace(best, score=best.score - min(doubt, 0.15))


def _invoice_date(facts: Facts, headings: frozenset[int]) -> Candidate | None:
    """Take the labelled date, then a letter's bare date, and only then one from the line items."""
    labelled = _best(candidates_for(facts, "Inv_Date", headings))
    if labelled and labelled.score > _DOUBTFUL:
        return labelled
    bare = _unlabelled_date(facts) or labelled
    if bare and headings and bare.line > min(headings):
        return _best(candidates_for(facts, "Inv_Date")) or bare
    return bare or _best(candidates_for(facts, "Inv_Date"))


def _unlabelled_date(facts: Facts) -> Candidate | None:
    """Take the first date that no other label claims; letters often bear a bare date."""
    for line in facts.layout.lines:
        dates = facts.dates.get(line.index, [])
        if line.page > 1 or len(dates) != 1:
            continue
        found, settled = dates[0]
        words = line.words[found.first : found.last + 1]
        if not _is_claimed(facts, line.index, found.first):
            alone = len(words) == sum(c == line.cell_of[found.first] for c in line.cell_of)
            return Candidate(
                "Inv_Date", printed_date(settled), 0.45 if alone else 0.3, words, line.index
            )
    return None


def _is_claimed(facts: Facts, index: int, first: int) -> bool:
    """Whether a label of another kind of date stands before a date, or over it."""
    here = facts.hits.get(index, [])
    if any(h.last < first and h.field in {"Due_Date", "-date", "-number"} for h in here):
        return True
    line = facts.layout.lines[index]
    x1, x2 = line.words[first].x1, line.words[first].x2
    return any(
        h.field in {"Due_Date", "-date"} and h.words[0].x1 < x2 and h.words[-1].x2 > x1
        for above in facts.layout.above(line, 3 * line.size)
        for h in facts.hits.get(above.index, [])
    )


def _currency(facts: Facts, total: Candidate | None) -> Candidate | None:
    found = currency_of(facts.layout.lines, total.words if total else ())
    if found is None:
        return None
    return Candidate("Currency", found.code, found.confidence, (found.word,), 0)


def overall_confidence(fields: Iterable[ReadField]) -> float:
    """Average the confidence over the essential fields, those missing counting as none."""
    by_name = {field.name: field.confidence for field in fields}
    essential = ("Inv_Number", "Inv_Date", "Supplier_Name", "Currency", "Inv_Total")
    return round(sum(by_name.get(name, 0.0) for name in essential) / len(essential), 2)
