"""The way of a call through the client, in named steps.

    send   -> _carry_out -> _within_bounds -> Carrier.carry -> Exchange.make
    stream -> (a task)   -> _carry_out ...                  -> Exchange.open, then Exchange.gather

Each step has one concern: what the call is, who traces it, its deadline and the end of the client.
Its attempts are the carrier's, and one attempt is the exchange's. What they work on is one `Call`.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from klearstack_async.attempts import OnAttempt
from klearstack_async.call import Call, Conduct, cut_short
from klearstack_async.carrier import Carrier
from klearstack_async.document import Document
from klearstack_async.endpoints.auth import log_in, log_in_as, refresh_tokens
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.unverified import warn_once
from klearstack_async.errors import (
    ClientClosed,
    DeadlineExceeded,
    KlearStackError,
)
from klearstack_async.exchange import Exchange, Opened, origin_of
from klearstack_async.limits import Rate, RateFigures
from klearstack_async.models import PageImage, Tokens
from klearstack_async.settings import Account, Encoding, TokenStore
from klearstack_async.telling import begin_watching, end_watching
from klearstack_async.transport.body import SourceFailed
from klearstack_async.transport.bounds import Bounds, OutOfBoundsError
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.gate import Gate
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.limiter import Limiter
from klearstack_async.transport.relay import Give, relayed
from klearstack_async.transport.token_keeper import Login, TokenKeeper
from klearstack_async.wire.endpoint import Endpoint
from klearstack_async.wire.request import Request
from klearstack_async.wire.source import is_repeatable

__all__ = ["Pipeline"]

T = TypeVar("T")

# Where a refresh fails, there is the login; only a failure that passes quickly is worth a second.
_REFRESH_ATTEMPTS = 2


class Pipeline:
    """Sends one account's calls.

    Attributes:
        tokens: The account's tokens.
    """

    def __init__(
        self,
        account: Account,
        transport: HttpTransport,
        *,
        conduct: Conduct,
        encoding: Encoding,
        endpoints: Mapping[str, Endpoint],
        rate: Rate,
        concurrency: int,
        token_store: TokenStore | None,
        clock: Clock,
    ) -> None:
        """Put the parts together.

        Args:
            account: Whose calls these are.
            transport: What carries them; opened and closed by its owner.
            conduct: How calls are made.
            encoding: How forms without a file are written, unless their endpoint says otherwise.
            endpoints: The catalogue as it is set for this client.
            rate: How many calls there may be, over time.
            concurrency: How many calls there may be at once.
            token_store: Where tokens are shared with other processes.
            clock: What time it is.
        """
        self._url = account.url
        self._transport = transport
        self._conduct = conduct
        self._endpoints = endpoints
        self._clock = clock
        self._exchange = Exchange(account, transport, encoding, clock)
        self._bounds = Bounds()
        self.tokens = TokenKeeper(
            login=self._log_in, refresh=self._refresh, clock=clock, store=token_store
        )
        limiter = Limiter(rate, longest_pause_seconds=conduct.retry.retry_after_seconds)
        self._carrier = Carrier(
            transport, self.tokens, limiter, gate=Gate(concurrency), clock=clock
        )

    def with_conduct(self, conduct: Conduct) -> Pipeline:
        """Give one that makes its calls otherwise, and shares all else with this one."""
        twin = copy.copy(self)
        twin._conduct = conduct  # noqa: SLF001 - its own
        return twin

    @property
    def conduct(self) -> Conduct:
        """How calls are made."""
        return self._conduct

    def clean(self, text: str) -> str:
        """Take the account's password and tokens out of a text."""
        return self._exchange.clean(text, self.tokens.secrets())

    def rate_figures(self) -> RateFigures:
        """Give the account's pace at this moment."""
        return self._carrier.figures()

    def open(self) -> None:
        """Let calls begin (again)."""
        self._bounds.open()

    def check_open(self) -> None:
        """Make sure that calls may be made, here and now.

        Raises:
            RuntimeError: The client isn't open, or belongs to another event loop.
        """
        self._bounds.check_open()
        self._transport.check_open()

    async def ready(self) -> None:
        """Make sure that calls may be made, and that the account is good for a token.

        Raises:
            RuntimeError: The client isn't open, or belongs to another event loop.
            KlearStackError: There is no token, and none can be got.
        """
        self.check_open()
        await self.tokens.token()

    async def sleep(self, seconds: float) -> None:
        """Wait between two calls, but not beyond the end of the client.

        Raises:
            ClientClosed: It was closed meanwhile.
            RuntimeError: It isn't open.
        """
        self.check_open()
        await self._kept(self._clock.sleep(seconds), None, "while a batch was waited for")

    async def log_in(self, login: Login | None = None) -> Tokens:
        """Log in, whatever tokens there are; see `TokenKeeper.log_in`."""
        self.check_open()
        deadline = self._conduct.timeouts.deadline_seconds
        return await self._kept(self.tokens.log_in(login), deadline, "before it had logged in")

    async def refresh(self) -> Tokens:
        """Refresh the tokens now; see `TokenKeeper.refresh`."""
        self.check_open()
        deadline = self._conduct.timeouts.deadline_seconds
        return await self._kept(self.tokens.refresh(), deadline, "before the tokens were renewed")

    async def _kept(self, work: Awaitable[T], deadline_seconds: float | None, when: str) -> T:
        """Await what is no call itself, but not beyond the end of the client."""
        error: KlearStackError
        try:
            return await self._bounds.keep(work, deadline_seconds)
        except OutOfBoundsError as ended:
            if ended.at_deadline:
                error = DeadlineExceeded(f"the deadline of {deadline_seconds:g} s passed {when}")
            else:
                error = ClientClosed(f"the client was closed {when}")
        raise error

    async def close(self) -> None:
        """End every call that is under way, each with a clear error.

        Raises:
            RuntimeError: It is in use in another event loop.
        """
        self._transport.check_closable()
        try:
            await self._bounds.close()
        finally:
            await self.tokens.close()

    async def send(self, request: Request[T]) -> T:
        """Send a request and give what its decoder makes of the answer.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        return await self._carry_out(self._call_of(request))

    def stream(self, request: Request[Iterable[Document]]) -> AsyncGenerator[Document]:
        """Send a request whose answer lists documents, and give them while it arrives.

        It is sent again where that does no harm, until the first document was given.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        self.check_open()
        call: Call[Any] = self._call_of(request)
        # Here, where the caller's own line can be shown.
        warn_once(call.endpoint)

        async def make(give: Give[Document]) -> None:
            async def rest(opened: Opened) -> None:
                assert request.gather is not None  # noqa: S101 - what the builders make
                last = await self._exchange.gather(opened, request.gather(), give)
                await give(list(last))

            call.run = partial(self._exchange.open, request, call.endpoint, call.conduct.timeouts)
            call.rest = rest
            await self._carry_out(call)

        return relayed(make)

    async def fetch_image(self, url: str) -> PageImage:
        """Fetch a picture from its own address; only our own host gets to see the token."""
        address, is_ours = self._exchange.address_of(url)
        endpoint = replace(self._endpoints["images.get"], bearer=is_ours)
        run = partial(self._exchange.fetch, address, self._conduct.timeouts)
        call = Call(endpoint, run, self._conduct, origin_of(address), method="GET", limited=is_ours)
        return await self._carry_out(call)

    async def log_in_as(self, user_id: str) -> Tokens:
        """Get tokens by a user's id."""
        return await self._carry_out(
            self._call_of(log_in_as(user_id, self._clock.now()), in_line=False)
        )

    async def _log_in(self) -> Tokens:
        return await self._carry_out(self._call_of(log_in(self._clock.now()), in_line=False))

    async def _refresh(self, tokens: Tokens) -> Tokens:
        request = refresh_tokens(tokens.refresh_token or "", self._clock.now())
        call = self._call_of(request, in_line=False)
        # Its token is the one that it renews, and no other will do.
        call.endpoint = replace(call.endpoint, bearer=False)
        retry = self._conduct.retry
        retry = replace(retry, attempts=min(retry.attempts, _REFRESH_ATTEMPTS))
        call.conduct = replace(self._conduct, retry=retry)
        run = call.run
        call.run = lambda _none, progress: run(tokens.access_token, progress)
        return await self._carry_out(call)

    def _call_of(self, request: Request[T], *, in_line: bool = True) -> Call[T]:
        endpoint = request.endpoint
        known = CATALOGUE.get(endpoint.name)
        if endpoint is known or endpoint == known:
            # As it is set for this client; an endpoint of the user's own stays what it is.
            endpoint = self._endpoints[endpoint.name]
        repeatable = request.file is None or is_repeatable(request.file.source)
        run = partial(self._exchange.make, request, endpoint, self._conduct.timeouts)
        url = self._url + endpoint.path
        return Call(endpoint, run, self._conduct, url, repeatable=repeatable, in_line=in_line)

    async def _carry_out(self, call: Call[T]) -> T:
        """Make a call, and tell whoever traces it."""
        self.check_open()
        warn_once(call.endpoint)
        watching = begin_watching(call)
        if watching is None:
            return await self._within_bounds(call, None)
        ended_in: BaseException | None = None
        try:
            return await self._within_bounds(call, watching.attempt)
        except BaseException as error:
            ended_in = error
            raise
        finally:
            end_watching(watching, ended_in)

    async def _within_bounds(self, call: Call[T], watch: OnAttempt | None) -> T:
        """Make a call, and end it at its deadline, or when the client is closed."""
        deadline = call.conduct.timeouts.deadline_seconds
        try:
            return await self._bounds.keep(self._carrier.carry(call, watch), deadline)
        except OutOfBoundsError as ended:
            failure: Exception = cut_short(call, deadline if ended.at_deadline else None)
        except SourceFailed as failed:
            failure = failed.error
        # Out here, so that what only carried the news isn't its context.
        raise failure
