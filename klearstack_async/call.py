"""One call on its way: what it is, how far it has come, and what its failures mean. No I/O."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from klearstack_async.attempts import Attempt, Observing, OnAttempt
from klearstack_async.errors import (
    ClientClosed,
    DeadlineExceeded,
    KlearStackError,
    OutcomeUnknown,
    TransportError,
)
from klearstack_async.limits import RetryPolicy, Timeouts
from klearstack_async.transport.progress import Progress
from klearstack_async.wire.endpoint import Endpoint, Replay
from klearstack_async.wire.retry import fate_of

__all__ = ["Call", "Conduct", "cut_short", "final_error"]

T = TypeVar("T")

Run = Callable[[str | None, Progress], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Conduct:
    """How calls are made: what `with_options` can change.

    Attributes:
        timeouts: How long to wait for something to move.
        retry: How often to try.
        on_attempt: Told about each attempt.
        tracing: Told about each call.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_attempt: OnAttempt | None = None
    tracing: Observing | None = None

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.on_attempt):
            raise TypeError("on_attempt= is a plain function: nobody would await another")


@dataclass(slots=True, eq=False)
class Call(Generic[T]):
    """One call, with all its attempts.

    Attributes:
        endpoint: Where to.
        run: Makes one attempt, with a token or without.
        rest: What is left to do of an attempt when its places were given back, with what `run`
            gave; None if there is nothing.
        conduct: How.
        url: The address as those may see it who trace the call.
        method: The HTTP method.
        repeatable: Whether what it sends can be read again.
        in_line: Whether it waits for a place among the calls of its account. The calls that get
            tokens don't, because those that have a place wait for them.
        limited: Whether it counts as a call of the account.
        user_changes: How often another user had logged in when it began.
        began_at: When it was begun, on the clock that only goes forward.
        first_at: When its first attempt was: that may have waited for its turn.
        number: Which attempt this is, from 1.
        sent_at: When this attempt was begun; None while it waits for its turn.
        seconds: How long this attempt took, if it has ended.
        progress: How far this attempt has come.
        token: With which token it was made.
        token_ends_at: Until when that is good.
        is_in_flight: Whether it is being made, or was cut off while it was.
        failures: How many attempts have failed in a way that counts.
        failure: What the last one ended in.
        was_renewed: Whether the token was renewed because of the last attempt.
        may_go_on: Whether there may be another attempt.
        ends_with_source: Whether there is no other attempt just because its source is used up.
    """

    endpoint: Endpoint
    # Its repr would show the address of a picture, which may be signed.
    run: Run[T] = field(repr=False)
    conduct: Conduct
    url: str
    rest: Callable[[Any], Awaitable[T]] | None = field(default=None, repr=False)
    method: str = "POST"
    repeatable: bool = True
    in_line: bool = True
    limited: bool = True
    user_changes: int = 0
    began_at: float = 0.0
    first_at: float = 0.0
    number: int = 0
    sent_at: float | None = None
    seconds: float = 0.0
    progress: Progress = field(default_factory=Progress)
    token: str | None = field(default=None, repr=False)
    token_ends_at: datetime | None = None
    is_in_flight: bool = False
    failures: int = 0
    failure: KlearStackError | None = None
    was_renewed: bool = False
    may_go_on: bool = True
    ends_with_source: bool = False

    @property
    def latest_at(self) -> float:
        """Until when a pause may last, and another attempt be made."""
        deadline = self.conduct.timeouts.deadline_seconds
        latest_at = self.first_at + self.conduct.retry.total_seconds
        return latest_at if deadline is None else min(latest_at, self.began_at + deadline)

    def begin_attempt(self) -> None:
        """Start the next attempt's books."""
        self.number += 1
        self.progress, self.sent_at, self.is_in_flight = Progress(), None, False

    @property
    def is_used_up(self) -> bool:
        """Whether its source was read, and can't be read again."""
        return self.progress.begun and not self.repeatable

    def attempt(self, ended_in: BaseException | None, pause_seconds: float | None) -> Attempt:
        """Say what there is to tell about this attempt."""
        return Attempt(
            endpoint=self.endpoint.name,
            number=self.number,
            status=self.progress.status,
            seconds=self.seconds,
            sent_bytes=self.progress.sent_bytes,
            received_bytes=self.progress.received_bytes,
            error=ended_in,
            pause_seconds=pause_seconds,
        )


def final_error(call: Call[T], error: KlearStackError) -> KlearStackError:
    """Give the error in which a call ends: an `OutcomeUnknown` if nobody knows what became of it.

    Args:
        call: The call.
        error: What its last attempt ended in.
    """
    if call.ends_with_source:
        error.args = (f"{error.args[0]}; it was not sent again: its source can be read only once",)
    in_doubt = call.endpoint.replay is Replay.UNSAFE and call.progress.sent_whole
    if not in_doubt or not fate_of(error).may_have_happened:
        return error
    unknown = OutcomeUnknown(
        f"it was sent, but whether it was carried out is not known ({error.args[0]}); "
        f"{call.endpoint.reason}",
        endpoint=error.endpoint,
        status=error.status,
        attempt=error.attempt,
        excerpt=error.excerpt,
    )
    unknown.__cause__ = error
    return unknown


def cut_short(call: Call[T], deadline_seconds: float | None) -> KlearStackError:
    """Give the error of a call that was ended from outside.

    Args:
        call: The call.
        deadline_seconds: Its deadline if that has passed; None if the client was closed.
    """
    how_far = "while it was being made" if call.is_in_flight else "while it waited for its turn"
    error: TransportError
    if deadline_seconds is None:
        error = ClientClosed(f"the client was closed {how_far}")
    else:
        error = DeadlineExceeded(
            f"its deadline of {deadline_seconds:g} s passed {how_far}; "
            "see Timeouts(deadline_seconds=)"
        )
    error.endpoint, error.attempt = call.endpoint.name, max(1, call.number)
    return final_error(call, error) if call.is_in_flight else error
