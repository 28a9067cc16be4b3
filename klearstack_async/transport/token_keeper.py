"""Keeping one account's tokens fresh, however many tasks ask for them at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio

from klearstack_async.errors import KlearStackError, ResponseError
from klearstack_async.models import Tokens
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.tokens import renewed

__all__ = ["TokenKeeper"]

# A token that ends while its request is on the way costs a failed call; a minute covers the way
# and two clocks that differ. Never more than a tenth of a short-lived token's life.
_MARGIN = timedelta(seconds=60)
_MARGIN_SHARE = 0.1


class TokenKeeper:
    """The tokens of one account. Single flight: whoever comes first renews, the others wait.

    Attributes:
        user_changes: How often another user has logged in; a call that was begun as one user must
            not be repeated as another.
    """

    def __init__(
        self,
        *,
        login: Callable[[], Awaitable[Tokens]],
        refresh: Callable[[Tokens], Awaitable[Tokens]],
        clock: Clock,
    ) -> None:
        """Remember how to get tokens; none is got yet.

        Args:
            login: Gets new tokens by password.
            refresh: Gets new tokens by the old ones.
            clock: What time it is.
        """
        self._by_password = login
        self._login = login
        self._refresh = refresh
        self._clock = clock
        # anyio's, because it belongs to no event loop: a client may be opened again in another.
        self._lock = anyio.Lock()
        self.user_changes = 0
        self._attempts = 0
        self._failure: Exception | None = None
        self._tokens: Tokens | None = None
        self._renew_at = clock.now()

    async def token(self) -> str:
        """Give an access token that has some life left."""
        tokens = self._tokens
        if tokens is not None and self._clock.now() < self._renew_at:
            return tokens.access_token
        return (await self.renew(stale=tokens)).access_token

    async def renew(self, *, stale: Tokens | str | None) -> Tokens:
        """Get new tokens, unless another task has done so in the meantime.

        Args:
            stale: The tokens (or the access token) that are of no more use.
        """
        stale_token = stale.access_token if isinstance(stale, Tokens) else stale
        attempts = self._attempts
        async with self._lock:
            tokens = self._tokens
            if tokens is not None and tokens.access_token != stale_token:
                return tokens
            if self._attempts != attempts and self._failure is not None:
                # Somebody tried while this task waited. Fifty tasks must not make fifty attempts
                # with a wrong password: that locks accounts.
                raise self._failure
            return await self._renew_now(tokens)

    async def log_in(self, login: Callable[[], Awaitable[Tokens]] | None = None) -> Tokens:
        """Log in, whatever tokens there are.

        Args:
            login: Another way than by password; if it works, it is also the way from now on.
        """
        login = login or self._by_password
        async with self._lock:
            tokens = self._keep(await login())
            self.user_changes += login is not self._login
            self._login = login
            return tokens

    async def log_in_again(self) -> Tokens:
        """Log in as whoever is logged in now: it tells whether the account is still good."""
        async with self._lock:
            return self._keep(await self._login())

    async def refresh(self) -> Tokens:
        """Refresh now, or log in if there is nothing to refresh."""
        async with self._lock:
            return self._keep(await self._renewed(self._tokens))

    async def _renew_now(self, tokens: Tokens | None) -> Tokens:
        try:
            renewed_tokens = await self._renewed(tokens)
        except KlearStackError as error:
            self._attempts, self._failure = self._attempts + 1, error
            raise
        self._attempts, self._failure = self._attempts + 1, None
        return self._keep(renewed_tokens)

    async def _renewed(self, tokens: Tokens | None) -> Tokens:
        if tokens is None or tokens.refresh_token is None:
            return await self._login()
        try:
            return renewed(tokens, await self._refresh(tokens))
        except ResponseError:
            # Refused, for instance because the access token has ended, too: the password decides.
            return await self._login()

    def _keep(self, tokens: Tokens) -> Tokens:
        life = tokens.expires_at - self._clock.now()
        self._tokens = tokens
        self._renew_at = tokens.expires_at - min(_MARGIN, life * _MARGIN_SHARE)
        return tokens
