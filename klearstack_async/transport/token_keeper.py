"""Keeping one account's tokens fresh, however many tasks ask for them at once.

    |------------- used as it is -------------|-- advisory --|- mandatory -| ended

In the advisory window one task of the keeper's own renews, and everybody goes on with the old
token; in the mandatory one everybody waits for that same task. So nobody's cancelled call takes
the renewal with it, and a service that is slow to renew slows nobody down while there is time.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import anyio

from klearstack_async.errors import ClientClosed, ConnectError, KlearStackError
from klearstack_async.models import Tokens
from klearstack_async.settings import TokenStore
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.retry import is_refusal
from klearstack_async.wire.tokens import renewed

__all__ = ["Login", "TokenKeeper"]

_LOG = logging.getLogger("klearstack_async")

# The vendor's advice is to renew after 10 of the 15 minutes: a third of the life is left then.
_ADVISORY = timedelta(minutes=5)
_ADVISORY_SHARE = 1 / 3
# A token that ends while its request is on the way costs a call that is made twice; this covers
# the way and two clocks that differ.
_MANDATORY = timedelta(seconds=30)
_MANDATORY_SHARE = 0.05
# How long the service may take to refresh before the password is tried instead.
_REFRESH_SECONDS = 30.0
# Longer than that, a login is quicker.
_STORE_SECONDS = 10.0
# After a renewal that failed while the old token is still good.
_PAUSE = timedelta(seconds=15)
_PAUSE_SHARE = 0.1

Login = Callable[[], Awaitable[Tokens]]


class TokenKeeper:
    """The tokens of one account.

    Attributes:
        user_changes: How often another user has logged in; a call that was begun as one user must
            not be repeated as another.
    """

    def __init__(
        self,
        *,
        login: Login,
        refresh: Callable[[Tokens], Awaitable[Tokens]],
        clock: Clock,
        store: TokenStore | None = None,
    ) -> None:
        """Remember how to get tokens; none is got yet.

        Args:
            login: Gets new tokens by password.
            refresh: Gets new tokens by the old ones.
            clock: What time it is.
            store: Where tokens are shared with other processes of this account.
        """
        self._by_password = login
        self._login = login
        self._refresh = refresh
        self._clock = clock
        self._store = store
        # anyio's, because it belongs to no event loop: a client may be opened again in another.
        self._lock = anyio.Lock()
        self._flight: asyncio.Task[Tokens] | None = None
        self.user_changes = 0
        self._tokens: Tokens | None = None
        self._advisory_at = self._mandatory_at = clock.now()

    async def token(self) -> str:
        """Give an access token that has some life left.

        Raises:
            KlearStackError: There is none, and none can be got.
        """
        tokens = self._tokens
        if tokens is None:
            return (await self._renewed_by_flight(None)).access_token
        now = self._clock.now()
        if now < self._advisory_at:
            return tokens.access_token
        if now < self._mandatory_at:
            self._flight = self._flight or self._started(tokens)
            return tokens.access_token
        try:
            return (await self._renewed_by_flight(tokens)).access_token
        except KlearStackError:
            # It is near its end, but may still do.
            if self._tokens is tokens and self._clock.now() < tokens.expires_at:
                return tokens.access_token
            raise

    @property
    def ends_at(self) -> datetime | None:
        """When the access token of this moment ends; None if there is none."""
        return self._tokens.expires_at if self._tokens else None

    def secrets(self) -> tuple[str, ...]:
        """Give the tokens of this moment, which no message may show."""
        tokens = self._tokens
        return () if tokens is None else (tokens.access_token, tokens.refresh_token or "")

    async def renew(self, *, stale: Tokens | str | None) -> Tokens:
        """Get new tokens, unless there are others than these already.

        Args:
            stale: The tokens (or the access token) that are of no more use.

        Raises:
            KlearStackError: None can be got.
        """
        tokens = self._tokens
        stale_token = stale.access_token if isinstance(stale, Tokens) else stale
        if tokens is not None and tokens.access_token != stale_token:
            return tokens
        return await self._renewed_by_flight(tokens)

    async def log_in(self, login: Login | None = None) -> Tokens:
        """Log in, whatever tokens there are.

        Args:
            login: Another way than by password; if it works, it is also the way from now on.
        """
        login = login or self._by_password
        async with self._lock:
            tokens = self._keep(await login())
            self.user_changes += login is not self._login
            self._login = login
            await self._save(tokens)
            return tokens

    async def log_in_again(self) -> Tokens:
        """Log in as whoever is logged in now: it tells whether the account is still good."""
        async with self._lock:
            return await self._saved(await self._login())

    async def refresh(self) -> Tokens:
        """Refresh now, or log in if there is nothing to refresh."""
        async with self._lock:
            return await self._saved(await self._fresh(self._tokens))

    async def close(self) -> None:
        """End what is going on; the tokens stay."""
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.cancel()
            await asyncio.wait([flight])

    async def _renewed_by_flight(self, stale: Tokens | None) -> Tokens:
        """Join the renewal that is going on, or begin it."""
        flight = self._flight = self._flight or self._started(stale)
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not flight.cancelled() or (task is not None and task.cancelling()):
                raise
            failure: KlearStackError = ClientClosed("the client was closed while it logged in")
        except KlearStackError as error:
            failure = _own_copy(error)
        raise failure

    def _started(self, stale: Tokens | None) -> asyncio.Task[Tokens]:
        flight = asyncio.create_task(self._fly(stale), name="klearstack token")
        flight.add_done_callback(self._landed)
        return flight

    def _landed(self, flight: asyncio.Task[Tokens]) -> None:
        if self._flight is flight:
            self._flight = None
        error = None if flight.cancelled() else flight.exception()
        if error is None:
            return
        _LOG.debug("the tokens were not renewed: %s", error)
        tokens, now = self._tokens, self._clock.now()
        if tokens is not None and now < self._mandatory_at:
            # Not at once again: whoever comes next would ask a service that is in trouble.
            pause = min(_PAUSE, (tokens.expires_at - now) * _PAUSE_SHARE)
            self._advisory_at = min(now + pause, self._mandatory_at)

    async def _fly(self, stale: Tokens | None) -> Tokens:
        async with self._lock:
            if self._tokens is not None and self._tokens is not stale:
                return self._tokens
            shared = await self._load()
            if shared is not None and self._is_news(shared):
                if self._clock.now() < shared.expires_at:
                    return self._keep(shared)
                stale = shared
            return await self._saved(await self._fresh(stale))

    async def _fresh(self, tokens: Tokens | None) -> Tokens:
        if tokens is None or tokens.refresh_token is None:
            return await self._login()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REFRESH_SECONDS):
                try:
                    fresh = renewed(tokens, await self._refresh(tokens))
                    if fresh.access_token != tokens.access_token:
                        return fresh
                    _LOG.debug("the refresh gave the old token again, so log in")
                except KlearStackError as error:
                    if is_refusal(error) or isinstance(error, ConnectError | ClientClosed):
                        # To log in would go the same way.
                        raise
                    # Refused, for instance because the access token has ended, too; or garbage.
                    _LOG.debug("the refresh failed, so log in: %s", error)
        return await self._login()

    def _is_news(self, shared: Tokens) -> bool:
        return self._tokens is None or shared.access_token != self._tokens.access_token

    async def _load(self) -> Tokens | None:
        # Another user's tokens are nobody else's business.
        if self._store is None or self._login is not self._by_password:
            return None
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                found = await self._store.load()
            if found is None or _is_usable(found):
                return found
            _LOG.warning(
                "the token store is of no use: load() gave %s, where a Tokens belongs whose "
                "expires_at has a time zone",
                type(found).__name__,
            )
        except Exception as error:  # noqa: BLE001 - a store that fails is worth a login, not the call
            _LOG.warning("the token store can't be read: load() raised %s", type(error).__name__)
        return None

    async def _save(self, tokens: Tokens) -> None:
        if self._store is None or self._login is not self._by_password:
            return
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                await self._store.save(tokens)
        except Exception as error:  # noqa: BLE001 - as above
            _LOG.warning(
                "the token store can't be written: save() raised %s; it is given a Tokens",
                type(error).__name__,
            )

    async def _saved(self, tokens: Tokens) -> Tokens:
        self._keep(tokens)
        await self._save(tokens)
        return tokens

    def _keep(self, tokens: Tokens) -> Tokens:
        now = self._clock.now()
        self._tokens = tokens
        self._advisory_at = _advisory_at(tokens, now)
        self._mandatory_at = tokens.expires_at - min(
            _MANDATORY, (tokens.expires_at - now) * _MANDATORY_SHARE
        )
        return tokens


def _is_usable(found: object) -> bool:
    """Whether a store gave what it should: it may be anything that was once written down."""
    if not isinstance(found, Tokens):
        return False
    token = found.access_token
    if not isinstance(found.refresh_token, str | None):
        return False
    return bool(token and token.isascii() and token.isprintable() and found.expires_at.tzinfo)


def _advisory_at(tokens: Tokens, now: datetime) -> datetime:
    return tokens.expires_at - min(_ADVISORY, (tokens.expires_at - now) * _ADVISORY_SHARE)


def _own_copy(error: KlearStackError) -> KlearStackError:
    """Give each task that waited an exception of its own: each adds to it what it went through."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
