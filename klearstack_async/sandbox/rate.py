"""The sandbox's rate limit: one token bucket for all endpoints together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from klearstack_async.sandbox.answers import RefusalError


class RateLimit:
    """Let so many calls a second through, and refuse the others.

    Args:
        calls_per_second: How fast the bucket fills; None lets everything through.
        burst: How many calls it holds when it is full; None takes one second's worth.
        retry_after_seconds: What the refusals say in their Retry-After.
        now: The clock.

    Raises:
        ValueError: A number is impossible.
    """

    def __init__(
        self,
        calls_per_second: float | None,
        burst: int | None,
        retry_after_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        if calls_per_second is None and burst is not None:
            raise ValueError("burst is for calls_per_second, which isn't set")
        if calls_per_second is not None and not 0 < calls_per_second < math.inf:
            raise ValueError("calls_per_second must be more than 0")
        if burst is not None and burst < 1:
            raise ValueError("burst must be at least 1")
        if not 0 <= retry_after_seconds < math.inf:
            raise ValueError("retry_after_seconds must be 0 or more")
        self.refused: Counter[str] = Counter()
        self._calls_per_second = calls_per_second
        self._burst = burst or max(1.0, calls_per_second or 0)
        self._retry_after = f"{retry_after_seconds:g}"
        self._now = now
        self._calls_left = self._burst
        self._filled_at: float | None = None

    def admit(self, endpoint: str) -> None:
        """Take a call from the bucket.

        Raises:
            RefusalError: 429, the bucket is empty.
        """
        if self._calls_per_second is None:
            return
        now = self._now().timestamp()
        # A clock that was set back fills nothing, and takes nothing away.
        passed = max(0.0, now - (now if self._filled_at is None else self._filled_at))
        self._filled_at = now
        self._calls_left = min(self._burst, self._calls_left + passed * self._calls_per_second)
        if self._calls_left < 1:
            self.refused[endpoint] += 1
            headers = {"Retry-After": self._retry_after}
            raise RefusalError(429, "Too many requests.", headers=headers)
        self._calls_left -= 1
