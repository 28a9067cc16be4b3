"""How far a bulk run is. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from klearstack_async.bulk.outcome import OutcomeState

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk run is at one moment.

    Attributes:
        counts: How many sources have ended in which state, those of earlier runs included.
        earlier: How many of them ended in earlier runs of the same journal.
        found: How many sources were found so far, those of earlier runs included.
        total: How many there are, or None as long as nobody knows.
        sending: How many are being uploaded.
        waiting: How many were uploaded, and their results are waited for.
        sent_bytes: How much was uploaded in this run.
        seconds: How long this run has taken so far.
        per_second: How many sources have ended per second, lately; None before the first.
        eta_seconds: How long the rest will take at this rate; None where that can't be told.
        trouble: Why nothing is sent for the moment, in one sentence; None if nothing is wrong.
    """

    counts: Mapping[OutcomeState, int]
    earlier: int
    found: int
    total: int | None
    sending: int
    waiting: int
    sent_bytes: int
    seconds: float
    per_second: float | None
    eta_seconds: float | None
    trouble: str | None

    @property
    def finished(self) -> int:
        """How many sources have ended."""
        return sum(self.counts.values())
