"""How many at once: a gate with so many places, and the line in front of it.

What goes through how often is the limiter's business. `asyncio.Semaphore` stays with the event
loop that it was first used in, and `anyio.CapacityLimiter` costs 8 to 12 us each time.
"""

from __future__ import annotations

from klearstack_async.transport.line import Line, was_called

__all__ = ["Gate"]


class Gate:
    """Lets so many in at once, in the order in which they came."""

    __slots__ = ("_inside", "_line", "_places")

    def __init__(self, places: int) -> None:
        """Open the gate.

        Args:
            places: How many may be inside at once.

        Raises:
            ValueError: Nobody could ever get in.
        """
        if places < 1:
            raise ValueError("a gate has 1 place or more")
        self._places = places
        self._inside = 0
        self._line = Line()

    @property
    def inside(self) -> int:
        """How many are inside, with those who were called and are on their way."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    def try_enter(self) -> bool:
        """Go in if there is a place; it is given back with `leave`.

        Nobody is overtaken: a place that becomes free goes to who waits, so while somebody waits
        there is none.
        """
        if self._inside < self._places:
            self._inside += 1
            return True
        return False

    async def enter(self, *, first: bool = False) -> None:
        """Wait for a place; it is given back with `leave`. Cancelled, it leaves no trace.

        Args:
            first: Whether to stand before all who came without this.
        """
        if self.try_enter():
            return
        place = self._line.join(first=first)
        try:
            await place
        except BaseException:
            self._line.leave(place)
            if was_called(place):
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back: to who is next in line, or to the gate."""
        if not self._line.call_next():
            self._inside -= 1
