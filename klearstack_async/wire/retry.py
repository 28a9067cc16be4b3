"""What may have happened to a call that failed, and so what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping

from klearstack_async.errors import (
    ConnectError,
    ConnectionDropped,
    DecodeError,
    KlearStackError,
    ServerError,
    StallTimeout,
    TransportError,
)

__all__ = ["MAY_HAVE_HAPPENED", "may_have_happened"]

# Whether the service may have carried the call out. What isn't listed is a clear refusal.
MAY_HAVE_HAPPENED: Mapping[type[KlearStackError], bool] = {
    ConnectError: False,
    ConnectionDropped: True,
    StallTimeout: True,
    TransportError: True,
    # A server, or a proxy before it, may fail after the document was stored.
    ServerError: True,
    # A receipt that can't be read is still the receipt of something.
    DecodeError: True,
}
# 303 means: it is done, and the result is elsewhere. What begins with 6 or more means nothing.
_SEE_OTHER = 303
# Not every 5xx is one: this says that the call was not carried out. 501 doesn't: the service
# documents it as its way to fail.
REFUSING_STATUSES = frozenset({503})


def may_have_happened(error: KlearStackError) -> bool:
    """Say whether a call that ended in this error may have been carried out all the same."""
    if error.status in REFUSING_STATUSES:
        return False
    if error.status == _SEE_OTHER or (error.status or 0) >= 600:
        return True
    return next(
        (MAY_HAVE_HAPPENED[k] for k in type(error).__mro__ if k in MAY_HAVE_HAPPENED), False
    )
