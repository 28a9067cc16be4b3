"""How many at once, of several who share the places: nobody may keep the others out.

Whoever comes first could take every place, and if nothing of what he does ends, nobody else would
ever get in. So nobody takes more places than are still free beside: alone he has half of them, and
any number of others find some, each half of what was left. And a place that becomes free goes to
those who wait in turn, not to who has most in line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from klearstack_async.transport.line import Line, was_called

__all__ = ["SharedGate"]


class SharedGate:
    """Lets so many in at once, each in the order in which they came, and all in turn."""

    __slots__ = ("_free", "_inside", "_keeps_some_free", "_lines", "_places")

    def __init__(self, places: int, *, keeps_some_free: bool) -> None:
        """Open the gate.

        Args:
            places: How many may be inside at once.
            keeps_some_free: Whether nobody takes more than are free beside; else the first to come
                may have all of them.

        Raises:
            ValueError: Nobody could ever get in.
        """
        if places < 1:
            raise ValueError("a gate has 1 place or more")
        self._places = self._free = places
        self._keeps_some_free = keeps_some_free
        self._inside: dict[Hashable, int] = {}
        # Of those that wait, in the order of their turns. An ordered dictionary, because whose turn
        # it was leaves from its front: a plain one goes over all that have left, each time.
        self._lines: OrderedDict[Hashable, Line] = OrderedDict()

    @property
    def inside(self) -> int:
        """How many are inside, with those who were called and are on their way."""
        return self._places - self._free

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(map(len, self._lines.values()))

    def try_enter(self, whose: Hashable) -> bool:
        """Go in if there is a place; it is given back with `leave`.

        Nobody is overtaken: who waits may not have one of those that are free.

        Args:
            whose: To whom the place will belong.
        """
        if not self._has_a_place_for(whose):
            return False
        self._let_in(whose)
        return True

    async def enter(self, whose: Hashable, *, first: bool = False) -> None:
        """Wait for a place; it is given back with `leave`. Cancelled, it leaves no trace.

        Args:
            whose: To whom the place will belong.
            first: Whether to stand before all of his who came without this.
        """
        if self.try_enter(whose):
            return
        line = self._lines.setdefault(whose, Line())
        place = line.join(first=first)
        try:
            await place
        except BaseException:
            line.leave(place)
            if not line and self._lines.get(whose) is line:
                del self._lines[whose]
            if was_called(place):
                self.leave(whose)
            raise

    def leave(self, whose: Hashable) -> None:
        """Give a place back: to who is next, or to the gate."""
        inside = self._inside[whose] - 1
        if inside:
            self._inside[whose] = inside
        else:
            del self._inside[whose]
        self._free += 1
        # Two may go in where one came out: he counts for less himself now. If no place is left, all
        # who wait would be gone over for nothing.
        while self._free and self._lines and self._call_next():
            pass

    def _has_a_place_for(self, whose: Hashable) -> bool:
        return (self._inside.get(whose, 0) if self._keeps_some_free else 0) < self._free

    def _let_in(self, whose: Hashable) -> None:
        self._inside[whose] = self._inside.get(whose, 0) + 1
        self._free -= 1

    def _call_next(self) -> bool:
        for whose, line in self._lines.items():
            # In a line may be none but those who were cancelled, and haven't got round to leaving.
            if self._has_a_place_for(whose) and line.call_next():
                self._let_in(whose)
                if line:
                    # The next turn comes after everybody else's.
                    self._lines.move_to_end(whose)
                else:
                    del self._lines[whose]
                return True
        return False
