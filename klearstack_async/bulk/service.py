"""What a run needs of its client, and of a push."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from klearstack_async.endpoints.results import Results
from klearstack_async.endpoints.uploads import Uploads
from klearstack_async.errors import (
    AuthenticationError,
    ClientClosed,
    EndpointNotFound,
    KlearStackError,
    Redirected,
    TlsError,
)
from klearstack_async.limits import RateFigures
from klearstack_async.pushes import Pushes
from klearstack_async.settings import Polling
from klearstack_async.transport.clock import Clock

__all__ = ["Service", "ends_the_run"]

# The call that says whether an account is good.
_LOGIN = "auth.login"
# The next document, or the next look, would fare no better.
_FOR_ALL = (ClientClosed, EndpointNotFound, Redirected, TlsError)


def ends_the_run(error: Exception) -> bool:
    """Say whether an error is about more than the one call, and lasting."""
    is_refused = isinstance(error, AuthenticationError) and error.endpoint == _LOGIN
    return is_refused or isinstance(error, _FOR_ALL)


@dataclass(frozen=True, slots=True)
class Service:
    """A client, as a run sees it.

    Attributes:
        uploads: Sends the documents.
        results: Fetches what was read.
        polling: When to look at a batch.
        clock: What time it is.
        account: Whose run it is: url, company and user, as one text.
        ready: Awaited once before anything is sent; raises if the account is no good.
        check_open: Raises a RuntimeError if the client was closed.
        log_in: Logs in by password.
        pace: How fast calls are let through.
        pushes: What is pushed meanwhile.
    """

    uploads: Uploads
    results: Results
    polling: Polling
    clock: Clock
    account: str
    ready: Callable[[], Awaitable[object]]
    check_open: Callable[[], None]
    log_in: Callable[[], Awaitable[object]]
    pace: Callable[[], RateFigures]
    pushes: Pushes

    async def failure_behind(self, error: AuthenticationError) -> KlearStackError:
        """Find out what a 401 means: a login by password tells.

        Many bad logins lock an account, so whoever finds it refused should begin nothing more.

        Returns:
            The login's own failure, or the error that was given, if it was about the one call.
        """
        if error.endpoint == _LOGIN:
            return error
        try:
            await self.log_in()
        except KlearStackError as failure:
            return failure
        return error
