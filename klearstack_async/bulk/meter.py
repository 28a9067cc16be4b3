"""How fast a run is, lately. Pure: the time is passed in."""

from __future__ import annotations

from collections import deque

__all__ = ["Meter"]

# Long enough to be steady, short enough to show a pause.
_WINDOW_SECONDS = 30.0
_STEP_SECONDS = 1.0


class Meter:
    """Measures how many sources end per second over the last half minute."""

    def __init__(self, now: float) -> None:
        """Begin with none."""
        self._samples = deque([(now, 0)])

    def note(self, now: float, finished: int) -> None:
        """Note how many have ended by now."""
        if now - self._samples[-1][0] >= _STEP_SECONDS:
            self._samples.append((now, finished))
        while len(self._samples) > 1 and now - self._samples[0][0] > _WINDOW_SECONDS:
            self._samples.popleft()

    def per_second(self, now: float, finished: int) -> float | None:
        """Give the rate up to now; None as long as nothing has ended."""
        since, before = self._samples[0]
        return (finished - before) / (now - since) if finished and now > since else None
