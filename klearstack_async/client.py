"""The client: its life, and its groups of methods. How a call travels is in `pipeline.py`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

from klearstack_async.attempts import Observing, OnAttempt
from klearstack_async.call import Conduct
from klearstack_async.configuration import read_configuration
from klearstack_async.endpoints.auth import Auth
from klearstack_async.endpoints.calling import call_endpoint
from klearstack_async.endpoints.catalogue import with_overrides
from klearstack_async.endpoints.datasources import Datasources
from klearstack_async.endpoints.documents import Documents
from klearstack_async.endpoints.fields import Fields
from klearstack_async.endpoints.images import Images
from klearstack_async.endpoints.push import Push
from klearstack_async.endpoints.results import Results
from klearstack_async.endpoints.sets import Sets
from klearstack_async.endpoints.unverified import level_of_the_caller
from klearstack_async.endpoints.uploads import Uploads
from klearstack_async.limits import Rate, RateFigures, RetryPolicy, Timeouts
from klearstack_async.pipeline import Pipeline
from klearstack_async.pushes import Pushed, Pushes
from klearstack_async.settings import (
    ENVIRONMENT,
    Account,
    Encoding,
    EndpointOverride,
    Polling,
    Tls,
    TokenStore,
)
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.tls import warn_if_insecure
from klearstack_async.wire.endpoint import Credentials, Replay
from klearstack_async.wire.request import Request
from klearstack_async.wire.source import SourceLike

if TYPE_CHECKING:
    from klearstack_async.bulk.engine import BulkRun
    from klearstack_async.bulk.options import BulkOptions
    from klearstack_async.bulk.sources import BulkSources

__all__ = ["CONCURRENCY", "ClientOptions", "KlearStack"]

T = TypeVar("T")

# How many calls of one account are made at once, and how many connections a client opens.
CONCURRENCY = 64


class ClientOptions(TypedDict, total=False):
    """What a client can be given beside its account; `KlearStack` says what each means."""

    timeouts: Timeouts | None
    retry: RetryPolicy | None
    rate: Rate | None
    concurrency: int
    polling: Polling | None
    token_store: TokenStore | None
    on_attempt: OnAttempt | None
    tracing: Observing | None
    clock: Clock | None


class KlearStack:
    """A client for one account. Use it as `async with KlearStack(...) as ks:`.

    Attributes:
        account: Whose calls these are; its `repr` hides the password.
        auth: Tokens.
        uploads: Documents in.
        results: Fields out.
        documents: Single documents: look, correct, approve or reject.
        images: Pictures of pages.
        push: Pushes, again.
        datasources: Tables that documents are compared with.
        sets: Sets of documents.
        fields: The settings of fields.
        endpoints: Every endpoint by the library's name, as it is set for this client.
    """

    def __init__(
        self,
        url: str,
        *,
        company_name: str,
        username: str,
        password: str,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        rate: Rate | None = None,
        concurrency: int = CONCURRENCY,
        tls: Tls | None = None,
        polling: Polling | None = None,
        encoding: Encoding | str = Encoding.MULTIPART,
        endpoints: Mapping[str, str | EndpointOverride] | None = None,
        token_store: TokenStore | None = None,
        on_attempt: OnAttempt | None = None,
        tracing: Observing | None = None,
        clock: Clock | None = None,
        _transport: HttpTransport | None = None,
    ) -> None:
        """Set the client up; nothing is connected before the first call.

        Args:
            url: The customer's host, such as `https://acme.klearstackapp.com`.
            company_name: The company as KlearStack knows it.
            username: The user's name.
            password: The user's password.
            timeouts: How long to wait for something to move.
            retry: How often to repeat what may be repeated.
            rate: How many calls there may be, over time; as many as the service takes if left out.
            concurrency: How many calls there may be at once; fewer if `ulimit -n` doesn't allow for
                as many connections.
            tls: How to check the server's certificate.
            polling: How often to look whether a batch is done.
            encoding: How forms without a file are written: `multipart`, `urlencoded` or `json`.
            endpoints: What is different about your service's endpoints, by the library's names:
                `{"images.get": "/access/klearstack/itsrealname"}`, or an `EndpointOverride` to
                change parameter names and the encoding, too.
            token_store: Where tokens are shared with other processes of this account.
            on_attempt: Called with an `Attempt` after each attempt of each call; what it raises is
                logged and goes no further.
            tracing: `klearstack_async.telemetry.Tracing()` for OpenTelemetry's spans.
            clock: What time it is; for tests.

        Raises:
            ValueError: The URL is none, a part of the account is empty, or there is no such
                encoding or endpoint.
        """
        self.account = Account(url, company_name, username, password)
        _warn_of_plain_http(self.account.url)
        warn_if_insecure(tls or Tls(), self.account.url, stacklevel=level_of_the_caller())
        if tls is not None and tls != Tls() and self.account.url.startswith("http://"):
            raise ValueError(f"{self.account.url} has no certificate for Tls() to check: use https")
        if concurrency < 1:
            raise ValueError("concurrency is 1 or more")
        self._clock = clock or Clock()
        self._pushes = Pushes(self._clock.seconds)
        self.endpoints = with_overrides(endpoints)
        transport = _transport or HttpTransport(tls=tls or Tls(), connections=concurrency)
        # One that was given is its owner's to open and close.
        self._owned = None if _transport else transport
        pipeline = Pipeline(
            self.account,
            transport,
            conduct=Conduct(timeouts or Timeouts(), retry or RetryPolicy(), on_attempt, tracing),
            encoding=Encoding(encoding),
            endpoints=self.endpoints,
            rate=rate or Rate(),
            concurrency=concurrency,
            token_store=token_store,
            clock=self._clock,
        )
        self._tokens = pipeline.tokens
        self._is_variant = False
        self._furnish(pipeline, polling or Polling())

    def _furnish(self, pipeline: Pipeline, polling: Polling) -> None:
        """Make the groups, which send through this pipeline."""
        self._pipeline, self._polling = pipeline, polling
        send = pipeline.send
        self.auth = Auth(
            send,
            self.account.username,
            log_in=pipeline.log_in,
            refresh=pipeline.refresh,
            tokens_of=pipeline.log_in_as,
        )
        self.uploads = Uploads(send)
        self.results = Results(
            send,
            pipeline.stream,
            polling=polling,
            clock=replace(self._clock, sleep=pipeline.sleep),
            clean=pipeline.clean,
            pushes=self._pushes,
        )
        self.documents = Documents(send, self._clock)
        self.images = Images(send, pipeline.fetch_image)
        self.push = Push(send)
        self.datasources = Datasources(send)
        self.sets = Sets(send)
        self.fields = Fields(send)

    @classmethod
    def from_env(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        config: str | os.PathLike[str] | None = None,
        tls: Tls | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from the environment, and from a configuration file if there is one.

        Args:
            environment: The process's own if left out: `KLEARSTACK_URL`, `_COMPANY`, `_USERNAME`
                and `_PASSWORD`; if wanted, `_ENCODING`, `_ENDPOINTS` (JSON:
                `{"images.get": "/access/klearstack/itsrealname"}`), `_CA_FILE` and
                `_FINGERPRINT`.
            config: A TOML file with the same settings, which the environment overrides; if left
                out, the one that `KLEARSTACK_CONFIG` names, or none. See
                `help("klearstack_async.configuration")`.
            tls: How to check the server's certificate, in place of what is found.
            **options: As for the client itself: `timeouts`, `retry`, `rate` and so on.

        Raises:
            ValueError: A part of the account is missing (the message names all that are), or a
                setting can't be used.
            OSError: The file can't be read.
        """
        found = read_configuration(environment, config)
        if found.account is None:
            keys = {variable: key for key, variable in ENVIRONMENT.items()}
            there = ", ".join(keys[variable] for variable in found.missing)
            in_file = f", or {there} in {found.file}" if found.file else ""
            raise ValueError(f"set {', '.join(found.missing)} in the environment{in_file}")
        return cls(
            found.account.url,
            company_name=found.account.company_name,
            username=found.account.username,
            password=found.account.password,
            tls=tls or found.tls,
            encoding=found.encoding,
            endpoints=found.endpoints,
            **options,
        )

    async def __aenter__(self) -> Self:
        if self._owned is not None:
            await self._owned.open()
        if not self._is_variant:
            self._pipeline.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call that is under way with `ClientClosed`, and close what this client opened.

        Leaving the block does it. What a call may have done by then is an `OutcomeUnknown`. Later
        calls are a RuntimeError, unless the client is entered again.
        """
        if self._is_variant:
            return
        self._pushes.forget_early()
        try:
            await self._pipeline.close()
        finally:
            if self._owned is not None:
                await self._owned.close()

    def with_options(
        self,
        *,
        timeouts: Timeouts | None = None,
        deadline_seconds: float | None = None,
        retry: RetryPolicy | None = None,
        polling: Polling | None = None,
        on_attempt: OnAttempt | None = None,
    ) -> Self:
        """Give a variant of this client that makes its calls otherwise.

        It costs next to nothing, and shares all else: connections, tokens, rate. It is open as
        long as this one is; closing it closes nothing.

        Args:
            timeouts: How long to wait for something to move.
            deadline_seconds: For each call as a whole; a short way to `timeouts`.
            retry: How often to repeat what may be repeated; `RetryPolicy(attempts=1)` nothing.
            polling: How often to look whether a batch is done.
            on_attempt: Called with each attempt, in place of this client's own.

        Raises:
            ValueError: The deadline is not more than 0.
            TypeError: `on_attempt` is a coroutine function.
        """
        old = self._pipeline.conduct
        timeouts = timeouts or old.timeouts
        if deadline_seconds is not None:
            timeouts = replace(timeouts, deadline_seconds=deadline_seconds)
        conduct = replace(
            old,
            timeouts=timeouts,
            retry=retry or old.retry,
            on_attempt=on_attempt or old.on_attempt,
        )
        variant = object.__new__(type(self))
        vars(variant).update(vars(self), _owned=None, _is_variant=True)
        variant._furnish(self._pipeline.with_conduct(conduct), polling or self._polling)
        return variant

    @property
    def rate(self) -> RateFigures:
        """The account's pace at this moment: what is let through, paused, waiting, refused."""
        return self._pipeline.rate_figures()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be pickled: its password would be written out")

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
        # Not before: who makes plain calls needs no database.
        from klearstack_async.bulk.engine import BulkRun  # noqa: PLC0415
        from klearstack_async.bulk.service import Service  # noqa: PLC0415

        account = self.account
        return BulkRun(
            sources,
            options,
            Service(
                uploads=self.uploads,
                results=self.results,
                polling=self._polling,
                clock=self._clock,
                account=f"{account.url} {account.company_name} {account.username}",
                ready=self._pipeline.ready,
                check_open=self._pipeline.check_open,
                log_in=self._tokens.log_in_again,
                pace=self._pipeline.rate_figures,
                pushes=self._pushes,
            ),
        )

    def feed(self, push: Pushed) -> bool:
        """Hand on what KlearStack pushed, to every `results.wait` and bulk run that waits for it.

        Each of them takes it at once, in place of the next look. Call it in the client's event
        loop.

        Args:
            push: Verified, such as `klearstack_async.webhooks.parse_push` gives it.

        Returns:
            Whether anybody waits for its batch. If not, it is kept for a minute, and no more than
            16 MiB of them: a push may come before the receipt of its upload.

        Raises:
            TypeError: It is no push.
        """
        return self._pushes.feed(push)

    async def send(self, request: Request[T]) -> T:
        """Send a prepared request and give what its decoder makes of the answer.

        The builders of `klearstack_async.endpoints` make such requests, and so can you: a
        `Request` of an `Endpoint`, fields (see `form_fields`) and a function of the `Reply`.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        return await self._pipeline.send(request)

    async def call(
        self,
        endpoint: str,
        fields: Mapping[str, Any] | None = None,
        *,
        file: SourceLike | None = None,
        file_field: str = "file",
        filename: str | None = None,
        credentials: Credentials | str = Credentials.FULL,
        bearer: bool = True,
        replay_is_safe: bool = False,
    ) -> Any:
        """Call an endpoint that the library doesn't know, with token and credentials.

        Args:
            endpoint: Its name (`getsomething`, below `/access/klearstack/`), its whole path, or
                one of `endpoints` by the library's name, such as `images.get`, which then brings
                its own credentials and rules.
            fields: The form's fields: text, numbers, flags, dates, and mappings and lists, which
                are sent as JSON text. What is None is left out.
            file: A file to send along, as for uploads.
            file_field: The form field of the file.
            filename: The file's name; needed for bytes.
            credentials: What of the account goes into the body: `Credentials.FULL`, `USER`
                (without the password), `COMPANY` or `NONE`.
            bearer: Whether the call wants an access token.
            replay_is_safe: Whether it may be sent again when nobody knows what became of it. If
                not, such a failure is an `OutcomeUnknown`.

        Returns:
            The answer as it came: JSON as Python values, an image or other file as bytes, and
            anything else as text. A 200 that says no is not recognised here: that takes
            knowing the endpoint.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
            TypeError, ValueError: A field or the file can't be sent.
        """
        request = call_endpoint(
            endpoint,
            fields or {},
            file=file,
            file_field=file_field,
            filename=filename,
            credentials=Credentials(credentials),
            bearer=bearer,
            replay=Replay.SAFE if replay_is_safe else Replay.UNSAFE,
        )
        return await self.send(request)


def _warn_of_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        warnings.warn(
            f"{url} is not encrypted: the password would travel in clear text; use https",
            stacklevel=level_of_the_caller(),
        )
