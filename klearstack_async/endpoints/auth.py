"""Tokens and users: pages 2 to 5 of the vendor's documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import Tokens
from klearstack_async.transport.token_keeper import Login
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.listings import decode_user_id
from klearstack_async.wire.request import Request
from klearstack_async.wire.tokens import decode_tokens

__all__ = ["Auth", "find_user_id", "log_in", "log_in_as", "refresh_tokens"]


def log_in(now: datetime) -> Request[Tokens]:
    """Build the call that gets tokens by password (page 2)."""
    return Request(CATALOGUE["auth.login"], {}, partial(decode_tokens, now=now))


def find_user_id(username: str) -> Request[str]:
    """Build the call that asks for a user's id (page 3)."""
    return Request(CATALOGUE["auth.user_id"], form_fields({"username": username}), decode_user_id)


def log_in_as(user_id: str, now: datetime) -> Request[Tokens]:
    """Build the call that gets tokens by a user's id (page 4)."""
    fields = form_fields({"user_id": user_id})
    return Request(CATALOGUE["auth.login_as"], fields, partial(decode_tokens, now=now))


def refresh_tokens(refresh_token: str, now: datetime) -> Request[Tokens]:
    """Build the call that gets a new access token by the refresh token (page 5)."""
    fields = form_fields({"refresh_token": refresh_token})
    return Request(CATALOGUE["auth.refresh"], fields, partial(decode_tokens, now=now))


class Auth:
    """The account's tokens. The client gets and renews them by itself; this is for a look."""

    def __init__(
        self,
        send: Send,
        username: str,
        *,
        log_in: Callable[[Login | None], Awaitable[Tokens]],
        refresh: Callable[[], Awaitable[Tokens]],
        tokens_of: Callable[[str], Awaitable[Tokens]],
    ) -> None:
        """Remember how to get tokens.

        Args:
            send: Sends a request.
            username: The account's user.
            log_in: Gets and keeps new tokens, by password or in another way.
            refresh: Gets and keeps new tokens by the old ones.
            tokens_of: Gets tokens by a user's id, and keeps none.
        """
        self._send = send
        self._username = username
        self._log_in = log_in
        self._refresh = refresh
        self._tokens_of = tokens_of

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
        return await self._log_in(None)

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
        return await self._refresh()

    async def user_id(self, username: str | None = None) -> str:
        """Look up a user's id.

        Args:
            username: The user's name; the account's own if left out.

        Returns:
            The id, as text also where the service sends a number.

        Raises:
            Rejected, AuthenticationError: The service doesn't know the user.
            DecodeError: The answer names no id; its key isn't documented.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get user ID".
        """
        return await self._send(find_user_id(username or self._username))

    async def login_as(self, user_id: str | int) -> Tokens:
        """Log in by a user's id instead of the password, and use those tokens from now on.

        When they end, they are renewed in the same way; `login()` goes back to the account's own
        user. Calls that wait for their turn meanwhile are made as the new user, too; what was begun
        is not repeated as another. Where a call carries credentials in its body, they stay the
        account's.

        Args:
            user_id: From `user_id`.

        Returns:
            The tokens.

        Raises:
            AuthenticationError: The service doesn't know the user.
            ValueError: The id is empty.
            ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get access token from user ID", which asks for
        no password.
        """
        if not str(user_id or "").strip():
            raise ValueError("the user's id is empty")

        # No partial: its repr would show the id, with which anybody could log in.
        async def login() -> Tokens:
            return await self._tokens_of(str(user_id))

        return await self._log_in(login)
