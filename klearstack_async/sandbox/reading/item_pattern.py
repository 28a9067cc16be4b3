"""Line items of invoices without a table: "4 x 46.99   187.96", as till receipts print them.

Pure. Nothing but arithmetic tells such a row from any other text, so only what multiplies out to
an amount printed beside, above or below it is taken.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from klearstack_async.sandbox.reading.amounts import Amount
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import Word

__all__ = ["PatternRow", "pattern_rows"]

_TIMES = re.compile(r"^[x\u00d7*@à]$", re.IGNORECASE)
_LEADER = re.compile(r"^[.\s·_-]+$")
_NEAR = 1.9
_CENT = Decimal("0.011")


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One row: each value as text and the words that print it; the description may be empty."""

    line: Line
    description: tuple[Word, ...]
    quantity: tuple[str, tuple[Word, ...]]
    price: tuple[str, tuple[Word, ...]]
    amount: tuple[str, tuple[Word, ...]]


def pattern_rows(facts: Facts) -> Iterator[PatternRow]:
    """Find all places where a quantity times a price is an amount nearby."""
    for line in facts.layout.lines:
        amounts = facts.amounts.get(line.index, [])
        for quantity, price in itertools.pairwise(amounts):
            if _is_product(line, quantity, price):
                row = _row(facts, line, quantity, price)
                if row is not None:
                    yield row
                break


def _is_product(line: Line, quantity: Amount, price: Amount) -> bool:
    """Whether a times sign stands between two numbers, and a unit at most."""
    between = line.words[quantity.last + 1 : price.first]
    signs = sum(1 for w in between if _TIMES.match(w.text))
    return signs == 1 and len(between) <= 3


def _row(facts: Facts, line: Line, quantity: Amount, price: Amount) -> PatternRow | None:
    product = quantity.value * price.value
    for other in _near(facts, line):
        for amount in facts.amounts.get(other.index, []):
            if other is line and amount.first <= price.last:
                continue
            if abs(amount.value - product) <= _CENT:
                return PatternRow(
                    line,
                    _description(facts, line, quantity, other, amount),
                    (quantity.text, line.words[quantity.first : quantity.last + 1]),
                    (price.text, line.words[price.first : price.last + 1]),
                    (amount.text, other.words[amount.first : amount.last + 1]),
                )
    return None


def _near(facts: Facts, line: Line) -> list[Line]:
    reach = _NEAR * line.size
    return [line, *facts.layout.above(line, reach), *facts.layout.below(line, reach)]


def _description(
    facts: Facts, line: Line, quantity: Amount, other: Line, amount: Amount
) -> tuple[Word, ...]:
    """Take the text before the numbers: on their line, on the amount's, or on the line above."""
    places: list[Sequence[Word]] = [line.words[: quantity.first]]
    if other is not line:
        places.append(other.words[: amount.first])
    places += [above.words for above in facts.layout.above(line, _NEAR * line.size)[:1]]
    for words in places:
        text = tuple(w for w in words if not _LEADER.match(w.text))
        if any(c.isalpha() for w in text for c in w.text):
            return text
    return ()
