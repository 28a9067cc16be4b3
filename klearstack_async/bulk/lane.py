"""A queue by key from which anything can be taken out. No more than that."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

__all__ = ["Lane"]

T = TypeVar("T", bound=Hashable)


class Lane(Generic[T]):
    """A heap. What is taken out of its middle is passed over when it comes to the top.

    Each step costs O(log n) on average; those of the same key come in the order of their coming.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        # Which entry of an item counts: it may have gone and come again.
        self._tickets: dict[T, int] = {}
        self._next_ticket = count()

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, item: T) -> bool:
        return item in self._tickets

    def push(self, item: T, key: float) -> None:
        """Put in what isn't in it."""
        ticket = self._tickets[item] = next(self._next_ticket)
        heapq.heappush(self._heap, (key, ticket, item))

    def first_key(self) -> float:
        """Give the least key; infinity if it is empty."""
        while self._heap and not self._counts(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def pop(self) -> T:
        """Take out the item with the least key. It must not be empty."""
        self.first_key()
        item = heapq.heappop(self._heap)[2]
        del self._tickets[item]
        return item

    def discard(self, item: T) -> None:
        """Take an item out, if it is in it."""
        if self._tickets.pop(item, None) is None:
            return
        # Else the heap could fill with what has gone.
        if len(self._heap) > 2 * len(self._tickets) + 16:
            self._heap = [entry for entry in self._heap if self._counts(entry)]
            heapq.heapify(self._heap)

    def _counts(self, entry: tuple[float, int, T]) -> bool:
        return self._tickets.get(entry[2]) == entry[1]
