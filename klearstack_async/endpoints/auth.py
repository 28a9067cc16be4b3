"""Tokens: pages 2 and 5 of the vendor's documentation."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from klearstack_async.models import Tokens
from klearstack_async.transport.token_keeper import TokenKeeper
from klearstack_async.wire.request import Request
from klearstack_async.wire.tokens import decode_tokens

__all__ = ["Auth", "log_in", "refresh_tokens"]


def log_in(now: datetime) -> Request[Tokens]:
    """Build the call that gets tokens by password (page 2)."""
    return Request("auth.login", {}, partial(decode_tokens, now=now))


def refresh_tokens(refresh_token: str, now: datetime) -> Request[Tokens]:
    """Build the call that gets a new access token by the refresh token (page 5)."""
    fields = {"refresh_token": refresh_token}
    return Request("auth.refresh", fields, partial(decode_tokens, now=now))


class Auth:
    """The account's tokens. The client gets and renews them by itself; this is for a look."""

    def __init__(self, keeper: TokenKeeper) -> None:
        self._keeper = keeper

    async def login(self) -> Tokens:
        """Log in by password, and use the new tokens from now on.

        Returns:
            The tokens. The vendor documents 15 minutes of life for the access token, and at
            least a day for the refresh token.

        Raises:
            AuthenticationError: The company, user name or password is wrong.
            TransportError: The service could not be reached.

        A retry is safe. Source: the vendor's page "Get access token".
        """
        return await self._keeper.log_in()

    async def refresh(self) -> Tokens:
        """Get a new access token by the refresh token; log in where that is refused.

        Returns:
            The new tokens. Where the service sends no new refresh token, the old one stays.

        Raises:
            AuthenticationError: The company, user name or password is wrong.
            TransportError: The service could not be reached.

        A retry is safe. Source: the vendor's page "Get new access token using existing refresh
        token".
        """
        return await self._keeper.refresh()
