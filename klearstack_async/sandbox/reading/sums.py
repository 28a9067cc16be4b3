"""The amounts beside and below the labels of sums, each with a score.

Pure. Which of them are the invoice's is decided by arithmetic in `totals.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from klearstack_async.sandbox.reading.candidates import Candidate, candidate_of
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
from klearstack_async.sandbox.reading.words import Word, fold, norm, word_set

__all__ = ["amount_candidates"]


def amount_candidates(facts: Facts, field: str, skipped: frozenset[int]) -> list[Candidate]:
    """Find the amounts beside and below the labels of a sum.

    A row of sums has several amounts to the right of its label, and a column has several below:
    all of them are candidates, for arithmetic to choose from.

    Args:
        facts: The document.
        field: `Inv_Total`, `Sub-Total` or `Tax_Total`.
        skipped: Lines whose labels head the columns of line items.
    """
    found: list[Candidate] = []
    for index, hits in facts.hits.items():
        if index in skipped:
            continue
        for hit in hits:
            if hit.field == field:
                found += (
                    list(_amounts_beside(facts, hit))
                    or list(_amounts_abreast(facts, hit))
                    or list(_amounts_under(facts, hit))
                )
    return found


def _amounts_beside(facts: Facts, hit: LabelHit) -> Iterator[Candidate]:
    spans = [s for s in spans_for(facts, hit.field, hit.line) if s.first > hit.last]
    stop = _next_amount_owner(facts, hit)
    spans = [s for s in spans if stop is None or s.first < stop.first]
    if not spans:
        return
    plain = sum(
        1 for i in range(hit.tail + 1, spans[0].first) if not _is_decoration(hit.line.words[i])
    )
    before = _plain_words_before(hit)
    purity = 0.88 ** min(plain, 6) * 0.93 ** min(before, 5)
    for rank, span in enumerate(reversed(spans)):
        score = hit.label.strength * span.plausibility * purity * 0.97**rank
        yield candidate_of(hit, hit.line, span, score * distance_factor(hit, span.first))


def _amounts_abreast(facts: Facts, hit: LabelHit) -> Iterator[Candidate]:
    for line in lines_abreast(facts, hit):
        for span in spans_for(facts, hit.field, line):
            if is_next(hit, line, span) and not is_owned(facts, line, span):
                score = hit.label.strength * span.plausibility * 0.85
                yield candidate_of(hit, line, span, score)


def _next_amount_owner(facts: Facts, hit: LabelHit) -> LabelHit | None:
    """Give the next label of another thing; the amounts behind it are that thing's."""
    own = {hit.field, "-number"}
    following = (h for h in facts.hits_in(hit.line) if h.first > max(hit.last, hit.tail))
    # "Total of this invoice": a mere "invoice" owns no amounts.
    return next((h for h in following if h.field not in own and not _is_bare_noun(h)), None)


def _is_bare_noun(hit: LabelHit) -> bool:
    return hit.field == "Inv_Number" and hit.label.strength <= 0.5


def _is_decoration(word: Word) -> bool:
    """Whether a word between a label and an amount says nothing: a currency, dots, a percentage."""
    text = fold(word.text).strip("()[]:*.,-")
    return not any(c.isalpha() for c in text) or norm(text) in _FILLERS


_FILLERS = word_set(
    """
    EUR USD GBP CHF SEK NOK DKK PLN CZK EURO EUROS KR RS ZL KC in en i w ttc ht of on am de la le
    the van
    """
)


def _plain_words_before(hit: LabelHit) -> int:
    cell = hit.line.cell_of[hit.first]
    return sum(
        1
        for i in range(hit.first)
        if hit.line.cell_of[i] == cell and any(c.isalpha() for c in hit.line.words[i].text)
    )


def _amounts_under(facts: Facts, hit: LabelHit) -> Iterator[Candidate]:
    """Take the amounts of the column under a label; the lowest of a run is its sum."""
    size = max(w.size for w in hit.words)
    rows: list[tuple[Line, Span]] = []
    previous = hit.line
    for line in facts.layout.below(hit.line, 14 * size):
        if line.baseline - previous.baseline > REACH_BELOW * size:
            break
        spans = [
            s
            for s in spans_for(facts, hit.field, line)
            if is_in_column(hit, line, s) and s.plausibility >= 0.5
        ]
        if not spans and not rows:
            spans = spans_by_order(facts, hit, line)
        if spans:
            rows.append((line, min(spans, key=lambda s: offset(hit, line, s))))
            previous = line
        elif not rows and any(overlap(hit, w.x1, w.x2) > 0.3 for w in line.words):
            break
    for rank, (line, span) in enumerate(reversed(rows)):
        if not is_owned(facts, line, span):
            score = hit.label.strength * span.plausibility * 0.72 * 0.95**rank
            yield candidate_of(hit, line, span, score)
