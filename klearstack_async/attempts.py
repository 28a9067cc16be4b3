"""What is told about each attempt of a call: to the log, to hooks, to traces.

Nothing in here can hold a secret of ours: there are no forms, no headers and no tokens in it, and
the library's own errors, which repeat the start of an answer that fails, were cleaned before. What
a `Stream` raises is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Attempt", "CallObserver", "Observing", "OnAttempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call, when it has ended.

    Attributes:
        endpoint: The call in the library's own name, such as `uploads.document`.
        number: Which attempt of the call it was; counts from 1.
        status: The HTTP status, or None if no answer arrived.
        seconds: How long it took, without the wait for its turn.
        sent_bytes: How much of the body was handed to the connection.
        received_bytes: The length of the answer's body.
        error: What it ended in, or None if it went well.
        pause_seconds: After which pause another attempt is to be made (which may come to nothing:
            the call is cancelled, or gets no token); None if this was the last.
    """

    endpoint: str
    number: int
    status: int | None
    seconds: float
    sent_bytes: int
    received_bytes: int
    error: BaseException | None = None
    pause_seconds: float | None = None

    def __str__(self) -> str:
        what = self.status if self.status is not None else "no answer"
        if self.error is not None:
            what = f"{what} ({type(self.error).__name__})"
        again = "" if self.pause_seconds is None else f", again in {self.pause_seconds:.2f} s"
        return (
            f"{self.endpoint} attempt {self.number}: {what} in {self.seconds:.3f} s, "
            f"{self.sent_bytes} bytes sent, {self.received_bytes} received{again}"
        )


OnAttempt = Callable[[Attempt], object]


class CallObserver(Protocol):
    """What watches one call."""

    def attempt(self, attempt: Attempt, /) -> None:
        """Take note of an attempt that has ended."""

    def end(self, error: BaseException | None, /) -> None:
        """Take note of the call's end, once; it is always told.

        Args:
            error: What the call ended in, `CancelledError` too; None if it went well.
        """


class Observing(Protocol):
    """What watches calls, such as `klearstack_async.telemetry.Tracing`."""

    def begin(self, endpoint: str, url: str, /, *, method: str = "POST") -> CallObserver:
        """Begin to watch a call, before its first attempt and in the task that makes it.

        Args:
            endpoint: The call in the library's own name, such as `uploads.document`.
            url: Where it goes: scheme, host, port if it isn't the usual one, and path. There are
                no credentials in it and no query.
            method: The HTTP method.
        """
        ...
