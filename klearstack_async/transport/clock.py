"""Time, as a value that tests can replace: they step it by hand instead of waiting."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

__all__ = ["Clock"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The three uses of time.

    Attributes:
        now: The wall clock, aware; for what other machines say (a token's end).
        seconds: A clock that only goes forward; for durations.
        sleep: Wait for so many seconds.
    """

    now: Callable[[], datetime] = _utc_now
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
