"""Which uploaded batches to look at, and when. Pure: the time is always passed in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

from klearstack_async.bulk.outcome import Outcome
from klearstack_async.settings import Polling

__all__ = ["Waiting", "WaitingList"]


@dataclass(slots=True, eq=False)
class Waiting:
    """A source on its way, from the start of its upload to its outcome.

    Attributes:
        source: The source's path or name.
        started: When its upload began, on the run's clock.
        batch_id: Its batch; None until it has been uploaded.
        uploaded: When it had been uploaded.
        looks: How often it was looked at.
        error: What went wrong at the last look, or None.
        unreadable: How many looks in a row brought what can't be read.
        outcome: How it ended, until the user has taken that; None while it goes on.
    """

    source: str
    started: float
    batch_id: str | None = None
    uploaded: float = 0.0
    looks: int = 0
    error: Exception | None = field(default=None, repr=False)
    unreadable: int = 0
    outcome: Outcome | None = field(default=None, repr=False)


class WaitingList:
    """The batches that are waited for, by the time of their next look."""

    def __init__(self, polling: Polling) -> None:
        self._polling = polling
        self._heap: list[tuple[float, int, Waiting]] = []
        # Breaks ties, so that batches are never compared; first come, first served.
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, waiting: Waiting, now: float) -> None:
        """Plan the next look at a batch."""
        due = now + self._polling.pause_seconds(waiting.looks)
        heapq.heappush(self._heap, (due, next(self._order), waiting))

    def seconds_to_next(self, now: float) -> float | None:
        """Say how long it is until a look is due: 0 if one is, None if nothing is planned."""
        return max(0.0, self._heap[0][0] - now) if self._heap else None

    def take_due(self, now: float) -> Waiting | None:
        """Take the batch whose look is due, or None."""
        if self._heap and self._heap[0][0] <= now:
            return heapq.heappop(self._heap)[2]
        return None
