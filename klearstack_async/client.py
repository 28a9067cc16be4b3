"""The client: its life, and its groups of methods. How a call travels is in `pipeline.py`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar, Unpack
from urllib.parse import urlsplit

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.options import BulkOptions
from klearstack_async.bulk.sources import BulkSources
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
from klearstack_async.endpoints.uploads import Uploads
from klearstack_async.pipeline import Pipeline
from klearstack_async.settings import (
    ENVIRONMENT,
    Account,
    Encoding,
    EndpointOverride,
    Polling,
    Timeouts,
    Tls,
)
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.wire.endpoint import Credentials, Replay
from klearstack_async.wire.request import Request
from klearstack_async.wire.source import SourceLike

__all__ = ["KlearStack"]

T = TypeVar("T")


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
        tls: Tls | None = None,
        polling: Polling | None = None,
        encoding: Encoding | str = Encoding.MULTIPART,
        endpoints: Mapping[str, str | EndpointOverride] | None = None,
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
            encoding: How forms without a file are written: `multipart`, `urlencoded` or `json`.
            endpoints: What is different about your service's endpoints, by the library's names:
                `{"images.get": "/access/klearstack/itsrealname"}`, or an `EndpointOverride` to
                change parameter names and the encoding, too.
            clock: What time it is; for tests.

        Raises:
            ValueError: The URL is none, a part of the account is empty, or there is no such
                encoding or endpoint.
        """
        self.account = Account(url, company_name, username, password)
        _warn_of_plain_http(self.account.url)
        self._clock = clock or Clock()
        self._polling = polling or Polling()
        self.endpoints = with_overrides(endpoints)
        timeouts = timeouts or Timeouts()
        self._transport = HttpTransport(timeouts=timeouts, tls=tls or Tls())
        self._pipeline = Pipeline(
            self.account,
            self._transport,
            timeouts=timeouts,
            encoding=Encoding(encoding),
            endpoints=self.endpoints,
            clock=self._clock,
        )
        self._tokens = self._pipeline.tokens
        send = self._pipeline.send
        self.auth = Auth(send, self._tokens, username, self._pipeline.log_in_as)
        self.uploads = Uploads(send)
        self.results = Results(send, self._polling, self._clock, self._pipeline.clean)
        self.documents = Documents(send, self._clock)
        self.images = Images(send, self._pipeline.fetch_image)
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
        timeouts: Timeouts | None = None,
        tls: Tls | None = None,
        polling: Polling | None = None,
    ) -> Self:
        """Make a client from the environment, and from a configuration file if there is one.

        Args:
            environment: The process's own if left out: `KLEARSTACK_URL`, `_COMPANY`, `_USERNAME`
                and `_PASSWORD`; if wanted, `_ENCODING` and `_ENDPOINTS` (JSON:
                `{"images.get": "/access/klearstack/itsrealname"}`).
            config: A TOML file with the same settings, which the environment overrides; if left
                out, the one that `KLEARSTACK_CONFIG` names, or none. See
                `help("klearstack_async.configuration")`.
            timeouts: As for the client itself, like the next two.
            tls: How to check the server's certificate.
            polling: How often to look whether a batch is done.

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
            timeouts=timeouts,
            tls=tls,
            polling=polling,
            encoding=found.encoding,
            endpoints=found.endpoints,
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
        return BulkRun(
            sources,
            options,
            uploads=self.uploads,
            results=self.results,
            polling=self._polling,
            clock=self._clock,
            ready=self._tokens.token,
            log_in=self._tokens.log_in_again,
        )

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
            stacklevel=3,
        )
