"""How long, how often and how fast: time-outs, retries and the rate of calls.

Plain values that are checked when they are made. What keeps to them is in `wire/retry.py` and
`transport/`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["LONGEST_RETRY_AFTER_SECONDS", "Rate", "RateFigures", "RetryPolicy", "Timeouts"]

# Unless a policy says otherwise.
LONGEST_RETRY_AFTER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for something to move. Without a deadline, a call as a whole has no limit.

    Attributes:
        connect_seconds: For the connection, TLS included.
        stall_seconds: For the next byte of an answer, and for the server to take some more.
        deadline_seconds: For a call as a whole, with all its attempts and all its waiting; None
            for no limit. A slow upload of 2 GB that moves is no reason to give up.
    """

    connect_seconds: float = 15.0
    stall_seconds: float = 120.0
    deadline_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect_seconds", "stall_seconds", "deadline_seconds"):
            seconds = getattr(self, name)
            if not (seconds is None and name == "deadline_seconds") and not seconds > 0:
                raise ValueError(f"{name} is more than 0, not {seconds!r}")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is repeated that may be repeated, and after which pauses.

    The pause before attempt n + 1 is drawn evenly between 0 and `first_seconds` times 2 ** (n - 1),
    `longest_seconds` at most (full jitter). A `Retry-After` of the server goes before that.

    Attributes:
        attempts: How many in all, the first one included; 1 repeats nothing.
        total_seconds: No pause ends later than this after the first attempt began. What waits
            for its turn then may begin later; a limit on all of it is `Timeouts`' deadline.
        first_seconds: The longest first pause.
        longest_seconds: The longest of all pauses.
        retry_after_seconds: The longest `Retry-After` that is believed; a longer one counts as
            this. Those of 429 and 503 pause the whole account, never longer than the client's own
            policy says, even if a variant's (`with_options`) allows for more.
    """

    attempts: int = 5
    total_seconds: float = 300.0
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    retry_after_seconds: float = LONGEST_RETRY_AFTER_SECONDS

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts is 1 or more: the first one counts")
        for name in ("total_seconds", "first_seconds", "longest_seconds", "retry_after_seconds"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is 0 or more, not {getattr(self, name)!r}")
        if self.first_seconds > self.longest_seconds:
            raise ValueError("first_seconds is not more than longest_seconds")


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls an account may make, over time. How many at once is bounded apart from it.

    Attributes:
        per_second: Calls per second; None for as many as the service takes. Either way, an answer
            429 or 503 lowers the rate for a while.
        burst: How many calls may go at once after a time of rest; None for what comes up in 10 ms,
            and one at least. A burst of 1 makes the pace slower than `per_second` where that is
            more than some hundreds: timers are that coarse.
    """

    per_second: float | None = None
    burst: int | None = None

    def __post_init__(self) -> None:
        if self.per_second is not None and not 0 < self.per_second < math.inf:
            raise ValueError("per_second is more than 0, or None for no limit")
        if self.burst is not None and self.burst < 1:
            raise ValueError("burst is 1 or more")


@dataclass(frozen=True, slots=True)
class RateFigures:
    """The account's pace at this moment.

    Attributes:
        per_second: Calls per second that are let through now; None for no limit.
        paused_seconds: How long nothing is let through yet, because the service asked for it.
        waiting: Calls that wait for a place or for their turn.
        in_flight: Attempts that are being made, logins and refreshes too.
        passed: Attempts that were let through so far, logins and refreshes too.
        refused: Answers 429 and 503 so far.
    """

    per_second: float | None
    paused_seconds: float
    waiting: int
    in_flight: int
    passed: int
    refused: int
