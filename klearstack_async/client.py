"""The client: its life, its groups of methods, and the way of a call in named steps.

    send -> _authorised -> _once -> _exchange -> judge -> decode

Each step has one concern; what they work on are values (`Request`, `Reply`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack
from urllib.parse import urlsplit

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.options import BulkOptions
from klearstack_async.bulk.sources import BulkSources
from klearstack_async.endpoints.auth import Auth, log_in, refresh_tokens
from klearstack_async.endpoints.catalogue import CATALOGUE, Credentials, Endpoint
from klearstack_async.endpoints.results import Results
from klearstack_async.endpoints.uploads import Uploads
from klearstack_async.errors import (
    AuthenticationError,
    KlearStackError,
    OutcomeUnknown,
    TransportError,
)
from klearstack_async.models import Tokens
from klearstack_async.settings import Account, Polling, Timeouts, Tls
from klearstack_async.transport.body import body_of
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.token_keeper import TokenKeeper
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply, judge, read
from klearstack_async.wire.request import Replay, Request
from klearstack_async.wire.retry import may_have_happened
from klearstack_async.wire.source import is_repeatable

__all__ = ["KlearStack"]

T = TypeVar("T")


class KlearStack:
    """A client for one account. Use it as `async with KlearStack(...) as ks:`.

    Attributes:
        account: Whose calls these are; its `repr` hides the password.
        auth: Tokens.
        uploads: Documents in.
        results: Fields out.
    """

    def __init__(
        self,
        url: str,
        *,
        company_name: str,
        username: str,
        password: str,
        timeouts: Timeouts | None = None,
        tls: Tls | None = None,
        polling: Polling | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Set the client up; nothing is connected before the first call.

        Args:
            url: The customer's host, such as `https://acme.klearstackapp.com`.
            company_name: The company as KlearStack knows it.
            username: The user's name.
            password: The user's password.
            timeouts: How long to wait for something to move.
            tls: How to check the server's certificate.
            polling: How often to look whether a batch is done.
            clock: What time it is; for tests.

        Raises:
            ValueError: The URL is none, or a part of the account is empty.
        """
        self.account = Account(url, company_name, username, password)
        _warn_of_plain_http(self.account.url)
        self._clock = clock or Clock()
        self._polling = polling or Polling()
        self._timeouts = timeouts or Timeouts()
        self._transport = HttpTransport(timeouts=self._timeouts, tls=tls or Tls())
        self._tokens = TokenKeeper(login=self._log_in, refresh=self._refresh, clock=self._clock)
        self.auth = Auth(self._tokens)
        self.uploads = Uploads(self.send)
        self.results = Results(
            self.send, self._polling, self._clock, partial(cleaned, secrets=(password,))
        )

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Make a client from `KLEARSTACK_URL`, `_COMPANY`, `_USERNAME` and `_PASSWORD`.

        Raises:
            ValueError: One of them is missing; the message names all that are.
        """
        account = Account.from_env(environment)
        return cls(
            account.url,
            company_name=account.company_name,
            username=account.username,
            password=account.password,
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.close()

    def __repr__(self) -> str:
        return f"<KlearStack {self.account.username} at {self.account.url}>"

    def bulk(self, sources: BulkSources, **options: Unpack[BulkOptions]) -> BulkRun:
        """Upload many documents and give their results as they finish.

        `async with ks.bulk("invoices/") as run:` and then `async for outcome in run:`.

        Args:
            sources: A file, a folder (searched with all its subfolders for PDFs, JPEGs and PNGs),
                or an iterable or async iterable of sources. Pulled lazily.
            **options: See `BulkOptions`.

        Returns:
            The run. Every source ends as exactly one `Outcome`; `run.report` sums them up.
        """
        return BulkRun(
            sources,
            options,
            uploads=self.uploads,
            results=self.results,
            polling=self._polling,
            clock=self._clock,
            ready=self._tokens.token,
            log_in=self._tokens.log_in,
        )

    async def send(self, request: Request[T]) -> T:
        """Send a prepared request and give what its decoder makes of the answer.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        return await self._authorised(request, CATALOGUE[request.endpoint])

    async def _authorised(self, request: Request[T], endpoint: Endpoint) -> T:
        """Send with a token; if that was no longer good, once more with a new one."""
        token = await self._tokens.token()
        try:
            return await self._once(request, endpoint, token)
        except AuthenticationError:
            # Either the token ended early or the password is wrong: only a new token tells.
            renewed = await self._tokens.renew(stale=token)
            if request.file is not None and not is_repeatable(request.file.source):
                raise
            return await self._once(request, endpoint, renewed.access_token, attempt=2)

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
            if endpoint.replay is Replay.UNSAFE and may_have_happened(error):
                raise _unknown(error) from error
            raise

    async def _exchange(
        self, request: Request[T], endpoint: Endpoint, token: str | None, attempt: int
    ) -> Reply:
        """Put credentials and body together, and exchange them for an answer."""
        fields = {**self._credentials(endpoint.credentials), **request.fields}
        body, content_type = await body_of(
            fields, request.file, stall_seconds=self._timeouts.stall_seconds
        )
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        secrets = (self.account.password, token or "", fields.get("refresh_token", ""))
        try:
            answer = await self._transport.post(self.account.url + endpoint.path, headers, body)
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

    def _credentials(self, which: Credentials) -> dict[str, str]:
        account = self.account
        if which is Credentials.COMPANY:
            return {"company_name": account.company_name}
        return {
            "company_name": account.company_name,
            "username": account.username,
            "password": account.password,
        }

    async def _log_in(self) -> Tokens:
        return await self._once(log_in(self._clock.now()), CATALOGUE["auth.login"], None)

    async def _refresh(self, tokens: Tokens) -> Tokens:
        request = refresh_tokens(tokens.refresh_token or "", self._clock.now())
        return await self._once(request, CATALOGUE["auth.refresh"], tokens.access_token)


def _warn_of_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        warnings.warn(
            f"{url} is not encrypted: the password would travel in clear text; use https",
            stacklevel=3,
        )


def _unknown(error: KlearStackError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"it was sent, but whether it was carried out is not known ({error.args[0]}); "
        "sending it again may store it twice",
        endpoint=error.endpoint,
        status=error.status,
        attempt=error.attempt,
        excerpt=error.excerpt,
    )
