"""How long a batch takes, learnt from looks that only say "ready" or "not yet". Pure arithmetic.

A look tells one bit: the batch took longer than its age, or it didn't. There are no times to
average, so two quantiles are moved by some per cent after each answer, up if the look came too
early and down if the batch was ready (stochastic approximation): one batch that takes a hundred
times as long moves them no further than any other, and a few dozen answers follow a service that
became five times as slow or as quick.
"""

from __future__ import annotations

import math

__all__ = ["Estimate"]

# How far one answer moves the estimate and the spread, as an exponent. Half of it is quieter, but
# where each batch takes longer than the one before, it costs one look in five more.
_GAIN = 0.2
# Of the batches that weren't ready at their first look, as many shall be so at the second.
_READY_AT_SECOND = 0.5
# Those of which a push tells need no look: the first may come when nearly all were told of.
_READY_IF_PUSHED = 0.95
# What a look may cost, as a share of the time that a batch takes.
_PRICE = 0.07
_SPREADS = (0.01, 0.5)
# A batch found ready by a look that came later than this says nothing of when it became so.
_ON_TIME = 1.1
# Times are sums of times: an age may miss the estimate by a bit.
_ROUNDING_SECONDS = 1e-6


class Estimate:
    """How long a batch takes, and by how much batches differ.

    Attributes:
        seconds: The age at which a first look pays; None before anything is known.
        spread: The pause that pays between the first look and the second, as a share of `seconds`.
    """

    def __init__(self, least_seconds: float) -> None:
        """Know nothing.

        Args:
            least_seconds: What the estimate never falls below; more than 0.
        """
        self.seconds: float | None = None
        self.spread = 0.1
        self._least_seconds = least_seconds

    def begin(self, seconds: float) -> None:
        """Set out from a first guess.

        Args:
            seconds: How long a batch may take. Rather too little than too much: that costs a
                look or two, where the other would let all batches wait.
        """
        self.seconds = max(seconds, self._least_seconds)

    def is_ahead(self, age_seconds: float) -> bool:
        """Say whether a batch of this age isn't expected to be ready yet."""
        return self.seconds is not None and age_seconds < self.seconds - _ROUNDING_SECONDS

    def first_look(self, age_seconds: float, *, is_ready: bool) -> None:
        """Learn from a batch's first look. What tells nothing changes nothing.

        Args:
            age_seconds: How old the batch was when it was looked at.
            is_ready: Whether it was ready.
        """
        if self.seconds is None:
            return
        if not is_ready:
            if not self.is_ahead(age_seconds):
                self._move(1, self._ready_at_first())
        elif age_seconds < self.seconds / _ON_TIME:
            # Looked at ahead of its time: that tells far more than one that was ready at its time.
            self.begin(math.sqrt(max(age_seconds, self._least_seconds) * self.seconds))
        elif age_seconds <= self.seconds * _ON_TIME + self._least_seconds:
            self._move(-1, self._ready_at_first())

    def took(self, seconds: float) -> None:
        """Learn from a batch of which it is known how long it took, as a push tells."""
        if self.seconds is not None:
            self._move(-1 if seconds <= self.seconds else 1, _READY_IF_PUSHED)

    def second_look(self, spread: float, *, is_ready: bool) -> None:
        """Learn from a batch's second look.

        Args:
            spread: What the spread was when the look was planned: if it has moved on since, the
                look may have nothing to add.
            is_ready: Whether it was ready.
        """
        if spread > self.spread * _ON_TIME if is_ready else spread < self.spread / _ON_TIME:
            return
        share = _READY_AT_SECOND - is_ready
        least, most = _SPREADS
        self.spread = min(most, max(least, self.spread * math.exp(_GAIN * share)))

    def _ready_at_first(self) -> float:
        """Say what share of batches shall be ready at their first look.

        A first look that comes a little later costs those that are ready as much time as it
        saves looks at the others. Where all take the same time, the share is nearly 1; where
        they differ much, that would let most of them wait for the slow ones.
        """
        odds = _READY_AT_SECOND * (1 + _PRICE / self.spread)
        return odds / (1 + odds)

    def _move(self, direction: int, ready: float) -> None:
        """Move the estimate so that it comes to rest where that share is ready."""
        share = ready if direction > 0 else 1 - ready
        self.begin((self.seconds or 0.0) * math.exp(direction * _GAIN * share))
