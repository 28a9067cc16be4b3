"""What may have happened to a call that failed, and so whether and when it is made again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from klearstack_async.errors import (
    BrokenAnswer,
    ClientClosed,
    ConnectError,
    ConnectionDropped,
    DeadlineExceeded,
    DecodeError,
    KlearStackError,
    RateLimited,
    ResponseError,
    ServerError,
    StallTimeout,
    TlsError,
    TransportError,
)
from klearstack_async.limits import RetryPolicy
from klearstack_async.wire.endpoint import Replay

__all__ = ["FATES", "Fate", "back_off_seconds", "fate_of", "is_refusal", "may_be_repeated"]


class Fate(NamedTuple):
    """What a failure means for its call.

    Attributes:
        may_have_happened: The service may have carried the call out all the same.
        may_pass: The next attempt may go better.
    """

    may_have_happened: bool
    may_pass: bool


# The nearest row along the error's ancestors decides. What isn't listed is a clear and lasting
# refusal.
FATES: Mapping[type[KlearStackError], Fate] = {
    ConnectError: Fate(may_have_happened=False, may_pass=True),
    TlsError: Fate(may_have_happened=False, may_pass=False),
    ConnectionDropped: Fate(may_have_happened=True, may_pass=True),
    StallTimeout: Fate(may_have_happened=True, may_pass=True),
    DeadlineExceeded: Fate(may_have_happened=True, may_pass=False),
    ClientClosed: Fate(may_have_happened=True, may_pass=False),
    TransportError: Fate(may_have_happened=True, may_pass=True),
    RateLimited: Fate(may_have_happened=False, may_pass=True),
    # A server, or a proxy before it, may fail after the document was stored.
    ServerError: Fate(may_have_happened=True, may_pass=True),
    # A receipt that can't be read is still the receipt of something.
    DecodeError: Fate(may_have_happened=True, may_pass=False),
    BrokenAnswer: Fate(may_have_happened=True, may_pass=True),
}
_REFUSED = Fate(may_have_happened=False, may_pass=False)
# 303 means: it is done, and the result is elsewhere. What is below 200, or 600 and more, means
# nothing. 408 may come from a proxy that has passed the call on.
_SEE_OTHER = 303
_TIMED_OUT = 408
_UNKNOWN = Fate(may_have_happened=True, may_pass=False)
# Not every 5xx leaves a doubt: this says that the call was not carried out. 501 doesn't: the
# service documents it as its way to fail.
_UNAVAILABLE = 503
_TURNED_AWAY = Fate(may_have_happened=False, may_pass=True)


def fate_of(error: KlearStackError) -> Fate:
    """Say what a failure means for its call."""
    if is_refusal(error):
        return _TURNED_AWAY
    if error.status == _TIMED_OUT:
        return FATES[StallTimeout]
    means_nothing = error.status is not None and not 200 <= error.status < 600
    if means_nothing or error.status == _SEE_OTHER:
        return _UNKNOWN
    return next((FATES[kind] for kind in type(error).__mro__ if kind in FATES), _REFUSED)


def is_refusal(error: KlearStackError) -> bool:
    """Say whether the service asks for fewer calls: 429 or 503."""
    return isinstance(error, RateLimited) or error.status == _UNAVAILABLE


def may_be_repeated(error: KlearStackError, replay: Replay, *, sent_whole: bool) -> bool:
    """Say whether another attempt can help, and can do no harm.

    Args:
        error: What the last attempt ended in.
        replay: Whether the endpoint bears a repetition.
        sent_whole: Whether the body had gone out to its end. A service that has a part of a form
            can't have carried it out.
    """
    fate = fate_of(error)
    harmless = replay is Replay.SAFE or not (sent_whole and fate.may_have_happened)
    return fate.may_pass and harmless


def back_off_seconds(
    error: KlearStackError, failures: int, policy: RetryPolicy, chance: float
) -> float:
    """Give the pause before the next attempt.

    Args:
        error: What the last attempt ended in; its `retry_after` goes first.
        failures: How many attempts have failed, from 1.
        policy: The bounds.
        chance: Drawn evenly between 0 and 1: many clients that failed together don't come back
            together (full jitter).
    """
    asked = error.retry_after if isinstance(error, ResponseError) else None
    if asked:
        return min(asked, policy.retry_after_seconds)
    # The exponent is bounded because the product is not: 2.0 ** 10_000 overflows.
    longest = policy.first_seconds * 2.0 ** min(failures - 1, 64)
    return chance * min(policy.longest_seconds, longest)
