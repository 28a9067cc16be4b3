"""Sub-total, tax and total: chosen together, because they add up.

Pure: candidates in, the best combination out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product

from klearstack_async.sandbox.reading.candidates import Candidate

__all__ = ["chosen_sums"]

_KEPT = 12
_ADDS_UP = 0.35
_GROSS_IS_NET = 0.12
_CENT = Decimal("0.02")


def chosen_sums(
    net: Sequence[Candidate], tax: Sequence[Candidate], gross: Sequence[Candidate]
) -> tuple[Candidate | None, Candidate | None, Candidate | None]:
    """Choose sub-total, tax and total so that labels and arithmetic agree best.

    Args:
        net: Candidates for the sub-total.
        tax: Candidates for the tax.
        gross: Candidates for the total.
    """
    choices = [[*_best(c), None] for c in (net, tax, gross)]
    largest = max((abs(Decimal(c.value)) for c in gross), default=Decimal(0))
    best = max(product(*choices), key=lambda c: _worth(c[0], c[1], c[2], largest))
    if _adds_up(*best):
        return tuple(replace(c, score=min(0.99, c.score + 0.12)) if c else None for c in best)  # type: ignore[return-value]
    net_sum, tax_sum, total = best
    if net_sum and total and tax_sum and not _names_a_total(tax_sum):
        # Beside both others and fitting neither, "VAT 7 %" is the tax of one rate, not of all.
        return net_sum, None, total
    return net_sum, tax_sum, total


def _names_a_total(tax: Candidate) -> bool:
    """Whether a tax's label says that it is all of it; then freight or a discount may be about."""
    return tax.hit is not None and tax.hit.label.strength >= 0.9


def _best(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep the best candidate of each value; printed twice counts a little more."""
    by_value: dict[Decimal, Candidate] = {}
    times: dict[Decimal, int] = {}
    for candidate in sorted(candidates, key=lambda c: -c.score):
        value = Decimal(candidate.value)
        by_value.setdefault(value, candidate)
        times[value] = times.get(value, 0) + 1
    kept = [
        replace(c, score=min(1.0, c.score + 0.02 * min(times[v] - 1, 3)))
        for v, c in by_value.items()
    ]
    return sorted(kept, key=lambda c: -c.score)[:_KEPT]


def _worth(
    net: Candidate | None, tax: Candidate | None, gross: Candidate | None, largest: Decimal
) -> float:
    worth = sum(c.score for c in (net, tax, gross) if c)
    # Finding little is worse than finding with doubt, but not at any price.
    worth -= sum(0.25 for c in (net, tax, gross) if c)
    if gross and largest:
        # All else equal the total is the largest sum, and stands near the end.
        worth += 0.12 * float(abs(Decimal(gross.value)) / largest)
    if _adds_up(net, tax, gross):
        worth += _ADDS_UP
    elif net and gross and abs(Decimal(net.value)) > abs(Decimal(gross.value)) + _CENT:
        worth -= 0.3
    elif net and tax and gross:
        worth -= 0.15
    if tax and gross and abs(Decimal(tax.value)) >= abs(Decimal(gross.value)) > 0:
        worth -= 0.5
    return worth


def _adds_up(net: Candidate | None, tax: Candidate | None, gross: Candidate | None) -> bool:
    if not (net and tax and gross):
        return False
    difference = Decimal(net.value) + Decimal(tax.value) - Decimal(gross.value)
    return abs(difference) <= _CENT and Decimal(gross.value) != 0
