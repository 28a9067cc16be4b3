"""Putting sources together into bundles. Pure."""

from __future__ import annotations

from klearstack_async.bulk.item import Item

__all__ = ["Bundler"]


class Bundler:
    """Collects sources until a bundle of them is full.

    Attributes:
        since: When the oldest of those that wait was added; None if none waits.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        """Begin with none.

        Args:
            most: How many sources make a bundle full.
            most_bytes: How many bytes it may hold; a larger source goes alone.
        """
        self._most, self._most_bytes = most, most_bytes
        self._items: list[Item] = []
        self._bytes = 0
        self.since: float | None = None

    def add(self, item: Item, now: float) -> list[list[Item]]:
        """Take a source in, and give the bundles that are full now: none, one, or two."""
        size = item.size_bytes or 0
        full = []
        if self._items and self._bytes + size > self._most_bytes:
            full.append(self.take())
        self._items.append(item)
        self._bytes += size
        self.since = now if self.since is None else self.since
        if len(self._items) >= self._most or self._bytes >= self._most_bytes:
            full.append(self.take())
        return full

    def take(self) -> list[Item]:
        """Give those that wait, as they are; maybe none."""
        items, self._items, self._bytes, self.since = self._items, [], 0, None
        return items
