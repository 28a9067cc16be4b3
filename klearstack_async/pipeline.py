"""The way of a call through the client, in named steps.

    send -> _authorised -> _once -> _exchange -> judge -> decode

Each step has one concern; what they work on are values (`Request`, `Reply`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from klearstack_async.endpoints.auth import log_in, log_in_as, refresh_tokens
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.unverified import explained, warn_once
from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    EndpointNotFound,
    KlearStackError,
    OutcomeUnknown,
    TransportError,
)
from klearstack_async.models import PageImage, Tokens
from klearstack_async.settings import Account, Encoding, Timeouts
from klearstack_async.transport.body import body_of
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.token_keeper import TokenKeeper
from klearstack_async.wire.endpoint import Credentials, Endpoint, Replay
from klearstack_async.wire.form import FormValue, renamed
from klearstack_async.wire.images import decode_image_file
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply, judge, read, refusal
from klearstack_async.wire.request import FilePart, Request
from klearstack_async.wire.retry import may_have_happened
from klearstack_async.wire.source import is_repeatable

__all__ = ["Pipeline"]

T = TypeVar("T")

# Fields that are secrets whichever call they are in.
_SECRET_FIELDS = ("password", "refresh_token")


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
        timeouts: Timeouts,
        encoding: Encoding,
        endpoints: Mapping[str, Endpoint],
        clock: Clock,
    ) -> None:
        """Put the parts together.

        Args:
            account: Whose calls these are.
            transport: What carries them; opened and closed by its owner.
            timeouts: How long to wait for something to move.
            encoding: How forms without a file are written, unless their endpoint says otherwise.
            endpoints: The catalogue as it is set for this client.
            clock: What time it is.
        """
        self._account = account
        self._transport = transport
        self._timeouts = timeouts
        self._encoding = encoding
        self._endpoints = endpoints
        self._clock = clock
        self.tokens = TokenKeeper(login=self.log_in, refresh=self._refresh, clock=clock)

    async def send(self, request: Request[T]) -> T:
        """Send a request and give what its decoder makes of the answer.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        endpoint = request.endpoint
        if endpoint == CATALOGUE.get(endpoint.name):
            # As it is set for this client; an endpoint of the user's own stays what it is.
            endpoint = self._endpoints[endpoint.name]
        warn_once(endpoint)
        if not endpoint.bearer:
            return await self._once(request, endpoint, None)
        repeatable = request.file is None or is_repeatable(request.file.source)
        return await self._authorised(partial(self._once, request, endpoint), repeatable=repeatable)

    async def _authorised(
        self, attempt: Callable[[str, int], Awaitable[T]], *, repeatable: bool
    ) -> T:
        """Make a call with a token; if that was no longer good, once more with a new one."""
        user_changes = self.tokens.user_changes
        token = await self.tokens.token()
        try:
            return await attempt(token, 1)
        except AuthenticationError:
            # Either the token ended early or the password is wrong: only a new token tells.
            renewed = await self._renewed(token, user_changes)
            if renewed is None or not repeatable:
                raise
            return await attempt(renewed, 2)

    async def _renewed(self, stale: str, user_changes: int) -> str | None:
        """Get a new token of the same user; None if another user has logged in meanwhile.

        What one user began must not be done by another.
        """
        if self.tokens.user_changes != user_changes:
            return None
        renewed = await self.tokens.renew(stale=stale)
        # A login may have been under way.
        return renewed.access_token if self.tokens.user_changes == user_changes else None

    async def _once(
        self, request: Request[T], endpoint: Endpoint, token: str | None, attempt: int = 1
    ) -> T:
        """Make one attempt, and say so if nobody knows what became of it."""
        try:
            reply = await self._exchange(request, endpoint, token, attempt)
            judge(reply)
            return read(reply, request.decode)
        except KlearStackError as error:
            error.endpoint, error.attempt = endpoint.name, attempt
            if isinstance(error, EndpointNotFound):
                explained(error, endpoint)
            if endpoint.replay is Replay.UNSAFE and may_have_happened(error):
                raise _unknown(error, endpoint) from error
            raise

    async def _exchange(
        self, request: Request[T], endpoint: Endpoint, token: str | None, attempt: int
    ) -> Reply:
        """Put credentials and body together, and exchange them for an answer."""
        fields = {**self._credentials(endpoint.credentials), **request.fields}
        secrets = self._secrets(request, endpoint, token)
        body, content_type = await body_of(
            _renamed(fields, endpoint),
            _renamed_file(request.file, fields, endpoint),
            encoding=endpoint.encoding or self._encoding,
            stall_seconds=self._timeouts.stall_seconds,
        )
        headers = {"Content-Type": content_type, "Accept": "application/json, */*"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._transport.post(self._account.url + endpoint.path, headers, body)
        except TransportError as error:
            error.args = (one_line(cleaned(str(error.args[0]), secrets), 400),)
            raise
        return Reply(
            answer.status,
            answer.headers,
            answer.body,
            endpoint=endpoint.name,
            attempt=attempt,
            secrets=secrets,
        )

    def clean(self, text: str) -> str:
        """Take the account's password out of a text."""
        return cleaned(text, (self._account.password,))

    def _secrets(
        self, request: Request[T], endpoint: Endpoint, token: str | None
    ) -> tuple[str, ...]:
        """Say what must not get into a message about a call."""
        names = list(_SECRET_FIELDS)
        if endpoint.credentials is Credentials.COMPANY and not endpoint.bearer:
            # Where it is all that a login takes, a user's id is as good as a password.
            names.append("user_id")
        sent = (str(request.fields.get(name, "")) for name in names)
        return self._account.password, token or "", *(text for text in sent if len(text) > 3)

    async def fetch_image(self, url: str) -> PageImage:
        """Fetch a picture from its own address; only our own host gets to see the token."""
        address = urljoin(f"{self._account.url}/", url)
        if _origin(address) != _origin(self._account.url):
            return await self._fetch(address, None)
        return await self._authorised(partial(self._fetch, address), repeatable=True)

    async def _fetch(self, address: str, token: str | None, attempt: int = 1) -> PageImage:
        secrets = (self._account.password, token or "")
        headers = {"Accept": "image/*"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._transport.get(address, headers)
            reply = Reply(
                answer.status,
                answer.headers,
                answer.body,
                endpoint="images.get",
                attempt=attempt,
                secrets=secrets,
            )
            if reply.status in {404, 410}:
                raise refusal(BadRequest, "the picture is not at its address any more", reply)
            judge(reply)
        except KlearStackError as error:
            error.endpoint, error.attempt = "images.get", attempt
            error.args = (one_line(cleaned(str(error.args[0]), secrets), 400),)
            raise
        return read(reply, decode_image_file)

    def _credentials(self, which: Credentials) -> dict[str, FormValue]:
        names = which.split(", ") if which else []
        return {name: str(getattr(self._account, name)) for name in names}

    async def log_in(self) -> Tokens:
        """Get tokens by password."""
        request = log_in(self._clock.now())
        return await self._once(request, self._endpoints[request.endpoint.name], None)

    async def log_in_as(self, user_id: str) -> Tokens:
        """Get tokens by a user's id."""
        request = log_in_as(user_id, self._clock.now())
        return await self._once(request, self._endpoints[request.endpoint.name], None)

    async def _refresh(self, tokens: Tokens) -> Tokens:
        request = refresh_tokens(tokens.refresh_token or "", self._clock.now())
        endpoint = self._endpoints[request.endpoint.name]
        return await self._once(request, endpoint, tokens.access_token)


def _renamed(fields: Mapping[str, FormValue], endpoint: Endpoint) -> dict[str, FormValue]:
    try:
        return renamed(fields, endpoint.parameters)
    except ValueError as error:
        raise ValueError(f"{endpoint.name}: {error}") from None


def _renamed_file(
    file: FilePart | None, fields: Mapping[str, FormValue], endpoint: Endpoint
) -> FilePart | None:
    if file is None or file.field_name not in endpoint.parameters:
        return file
    name = endpoint.parameters[file.field_name]
    if not name or name in _renamed(fields, endpoint):
        raise ValueError(
            f"{endpoint.name}: its file can't be sent as {name!r}; see its parameters="
        )
    return dataclasses.replace(file, field_name=name)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _unknown(error: KlearStackError, endpoint: Endpoint) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"it was sent, but whether it was carried out is not known ({error.args[0]}); "
        f"{endpoint.reason}",
        endpoint=error.endpoint,
        status=error.status,
        attempt=error.attempt,
        excerpt=error.excerpt,
    )
