"""One account's limiter: whose turn it is, and when.

The arithmetic is in `pace.py`. Here are the line of those who wait, and the one timer: a task that
sleeps for itself overshoots (by 38 % in 100 ms) and costs four times as much.

Somebody is in line if and only if the timer is running. So nobody is forgotten, nothing is left
running, and whoever finds no timer may go without asking for the line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from klearstack_async.limits import LONGEST_RETRY_AFTER_SECONDS, Rate, RateFigures
from klearstack_async.transport.line import Line, was_called
from klearstack_async.transport.pace import Pace

__all__ = ["Limiter", "Timer"]

# Loops round a timer to milliseconds: asyncio up, uvloop also down to nothing, which would keep it
# spinning. What comes up in between is let through together, as far as the burst allows.
_GRAIN_SECONDS = 0.001


class Timer(Protocol):
    """What `call_later` gives."""

    def cancel(self) -> None:
        """Don't call."""


CallLater = Callable[[float, Callable[[], None]], Timer]


def _call_later(delay_seconds: float, callback: Callable[[], None]) -> Timer:
    # Looked up each time: a client that was closed may be opened again in another loop.
    return asyncio.get_running_loop().call_later(delay_seconds, callback)


class Limiter:
    """Lets calls go at the account's pace: first come, first served.

    Attributes:
        seconds: The clock, for noting when a call was sent.
    """

    __slots__ = (
        "_call_later",
        "_due",
        "_line",
        "_pace",
        "_passed",
        "_refused",
        "_timer",
        "seconds",
    )

    def __init__(
        self,
        rate: Rate,
        *,
        seconds: Callable[[], float] = time.monotonic,
        call_later: CallLater = _call_later,
        longest_pause_seconds: float = LONGEST_RETRY_AFTER_SECONDS,
    ) -> None:
        """Begin at the full rate.

        Args:
            rate: How fast calls may go.
            seconds: A clock that only goes forward.
            call_later: Calls something after so many seconds; None of its calls may come at once.
            longest_pause_seconds: The longest `Retry-After` that is believed.
        """
        self.seconds = seconds
        self._call_later = call_later
        self._pace = Pace(rate, longest_pause_seconds=longest_pause_seconds)
        self._line = Line()
        self._timer: Timer | None = None
        # What the timer was set for.
        self._due = 0.0
        self._passed = 0
        self._refused = 0

    def try_pass(self) -> bool:
        """Let a call go if it may go at once; otherwise it has to `wait`."""
        if self._timer is not None:
            return False
        pace = self._pace
        if not pace.unlimited:
            now = self.seconds()
            if pace.earliest(now) > now:
                return False
            pace.take(now)
        self._passed += 1
        return True

    async def wait(self, *, first: bool = False) -> None:
        """Wait until a call may go. Cancelled, it leaves no trace.

        Args:
            first: Whether to stand before all who came without this: for what was begun already.
        """
        if self.try_pass():
            return
        place = self._line.join(first=first)
        if self._timer is None:
            self._arm(self.seconds())
        try:
            await place
        except BaseException:
            self._line.leave(place)
            if was_called(place):
                self._give_back()
            elif not self._line:
                self._disarm()
            raise

    def accepted(self) -> None:
        """Note an answer that was neither 429 nor 503."""
        now = self.seconds()
        self._pace.accepted(now)
        if self._timer is not None:
            self._arm(now)

    def refused(self, sent_at: float, retry_after_seconds: float | None) -> None:
        """Note an answer 429 or 503: all calls pause, and go slower then.

        Args:
            sent_at: When the call was sent, by `seconds`.
            retry_after_seconds: How long the service wants to be left alone, if it says so.
        """
        now = self.seconds()
        self._refused += 1
        self._pace.refused(now, sent_at, retry_after_seconds)
        if self._timer is not None:
            self._arm(now)

    def figures(self, in_flight: int) -> RateFigures:
        """Give the figures of this moment.

        Args:
            in_flight: How many calls are being made; the limiter doesn't see their end.
        """
        now = self.seconds()
        return RateFigures(
            per_second=self._pace.per_second(now),
            paused_seconds=self._pace.paused_seconds(now),
            waiting=len(self._line),
            in_flight=in_flight,
            passed=self._passed,
            refused=self._refused,
        )

    def _release(self) -> None:
        """Let go who may go: the timer calls this."""
        self._timer = None
        now = self.seconds()
        pace = self._pace
        while pace.earliest(now) <= now and self._line.call_next():
            pace.take(now)
            self._passed += 1
        if self._line:
            self._arm(now)

    def _give_back(self) -> None:
        """Pass a turn on, of who was cancelled between being called and going."""
        now = self.seconds()
        self._passed -= 1
        self._pace.give_back(now)
        if self._timer is not None:
            self._arm(now)

    def _arm(self, now: float) -> None:
        """Set the timer for the next one in line, unless it is set for that already."""
        due = self._pace.earliest(now)
        if self._timer is not None:
            if abs(due - self._due) < _GRAIN_SECONDS:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._call_later(max(due - now, _GRAIN_SECONDS), self._release)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
