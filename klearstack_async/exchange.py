"""One attempt of a call: credentials and body put together, sent, judged and read.

Whether there is another attempt is the carrier's business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import anyio.to_thread

from klearstack_async.endpoints.unverified import explained
from klearstack_async.errors import BadRequest, EndpointNotFound, TransportError
from klearstack_async.limits import Timeouts
from klearstack_async.models import PageImage
from klearstack_async.settings import Account, Encoding
from klearstack_async.transport.body import UNWATCHED_BYTES, Body, body_of
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import Answer, HttpTransport
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.small import JoinedForm
from klearstack_async.wire.endpoint import Credentials, Endpoint
from klearstack_async.wire.form import FormValue, JsonText, renamed
from klearstack_async.wire.images import decode_image_file
from klearstack_async.wire.prepared import PreparedForm
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply, judge, read, refusal
from klearstack_async.wire.request import FilePart, Request

__all__ = ["Exchange", "origin_of"]

T = TypeVar("T")

# Fields that are secrets whichever call they are in.
_SECRET_FIELDS = ("password", "refresh_token")
_MESSAGE_CHARACTERS = 400
# A right answer takes 7 ms per MB, one that has to be mended 60 to 100.
_LARGE_BYTES = 128 << 10


class Exchange:
    """Makes single attempts of one account's calls."""

    def __init__(
        self, account: Account, transport: HttpTransport, encoding: Encoding, clock: Clock
    ) -> None:
        """Put the parts together.

        Args:
            account: Whose calls these are.
            transport: What carries them.
            encoding: How forms without a file are written, unless their endpoint says otherwise.
            clock: What time it is.
        """
        self._account = account
        self._transport = transport
        self._encoding = encoding
        self._clock = clock
        self._prepared: dict[Credentials, PreparedForm] = {}

    async def make(
        self,
        request: Request[T],
        endpoint: Endpoint,
        timeouts: Timeouts,
        token: str | None,
        progress: Progress,
    ) -> T:
        """Send a request, and give what its decoder makes of the answer.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
            SourceFailed: What was to be sent couldn't be read to its end.
            OSError, ValueError: It couldn't be opened, or is empty.
        """
        body = self._prepared_form(request, endpoint) or await self._form(
            request, endpoint, timeouts, progress
        )
        secrets = self._secrets(request, endpoint, token)
        headers = {"Accept": "application/json, */*", **_bearer(token)}
        try:
            answer = await self._transport.post(
                self._account.url + endpoint.path, headers, body, progress, timeouts
            )
        except TransportError as error:
            raise _cleaned(error, secrets) from None
        reply = self._reply(answer, endpoint.name, secrets)
        try:
            judge(reply)
        except EndpointNotFound as error:
            raise explained(error, endpoint) from None
        return await self._read(reply, request.decode)

    async def fetch(
        self, address: str, timeouts: Timeouts, token: str | None, progress: Progress
    ) -> PageImage:
        """Fetch a picture from its own address.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        secrets = (self._account.password, token or "")
        try:
            answer = await self._transport.get(
                address, {"Accept": "image/*", **_bearer(token)}, progress, timeouts
            )
        except TransportError as error:
            raise _cleaned(error, secrets) from None
        reply = self._reply(answer, "images.get", secrets)
        if reply.status in {404, 410}:
            raise refusal(BadRequest, "the picture is not at its address any more", reply)
        judge(reply)
        return read(reply, decode_image_file)

    def address_of(self, url: str) -> tuple[str, bool]:
        """Give a picture's whole address, and whether it is our own host's."""
        address = urljoin(f"{self._account.url}/", url)
        return address, _same_origin(address, self._account.url)

    def clean(self, text: str, tokens: tuple[str, ...]) -> str:
        """Take the account's password and these tokens out of a text."""
        return cleaned(text, (self._account.password, *tokens))

    async def _read(self, reply: Reply, decode: Callable[[Reply], T]) -> T:
        """Decode an answer; large ones beside the loop, and one at a time.

        Python computes in one thread at a time anyway, and each that is begun takes its memory.
        """
        if len(reply.body) < _LARGE_BYTES:
            return read(reply, decode)
        return await anyio.to_thread.run_sync(read, reply, decode, limiter=self._transport.decoding)

    def _prepared_form(self, request: Request[T], endpoint: Endpoint) -> JoinedForm | None:
        """Write the usual form in the quick way; None if this one isn't usual."""
        encoding = endpoint.encoding or self._encoding
        if request.file is not None or endpoint.parameters or encoding != Encoding.MULTIPART:
            return None
        which = endpoint.credentials
        prepared = self._prepared.get(which)
        if prepared is None:
            prepared = self._prepared[which] = PreparedForm(self._credentials(which))
        form = prepared.form(request.fields)
        return None if form is None or len(form[0]) > UNWATCHED_BYTES else JoinedForm(*form)

    async def _form(
        self, request: Request[T], endpoint: Endpoint, timeouts: Timeouts, progress: Progress
    ) -> Body:
        fields = {**self._credentials(endpoint.credentials), **request.fields}
        return await body_of(
            _renamed(fields, endpoint),
            _renamed_file(request.file, fields, endpoint),
            progress,
            encoding=endpoint.encoding or self._encoding,
            stall_seconds=timeouts.stall_seconds,
        )

    def _reply(self, answer: Answer, endpoint: str, secrets: tuple[str, ...]) -> Reply:
        return Reply(
            answer.status,
            answer.headers,
            answer.body,
            endpoint=endpoint,
            received_at=self._clock.now(),
            secrets=secrets,
        )

    def _credentials(self, which: Credentials) -> dict[str, FormValue]:
        names = which.split(", ") if which else []
        return {name: str(getattr(self._account, name)) for name in names}

    def _secrets(
        self, request: Request[T], endpoint: Endpoint, token: str | None
    ) -> tuple[str, ...]:
        """Say what must not get into a message about a call."""
        names = list(_SECRET_FIELDS)
        if endpoint.credentials is Credentials.COMPANY and not endpoint.bearer:
            # Where it is all that a login takes, a user's id is as good as a password.
            names.append("user_id")
        sent = _texts_called(names, request.fields)
        return self._account.password, token or "", *sent


def _texts_called(names: Collection[str], fields: Mapping[str, Any]) -> Iterator[str]:
    """Give the texts that stand under these names, in any casing, also in an object."""
    for name, value in fields.items():
        inner = value.value if isinstance(value, JsonText) else value
        if isinstance(inner, Mapping):
            yield from _texts_called(names, inner)
        elif str(name).lower() in names:
            yield str(inner)


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _cleaned(error: TransportError, secrets: tuple[str, ...]) -> TransportError:
    error.args = (one_line(cleaned(str(error.args[0]), secrets), _MESSAGE_CHARACTERS),)
    return error


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


def origin_of(url: str) -> str:
    """Give scheme, host and port of an address: the rest of a signed one is a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _same_origin(one: str, other: str) -> bool:
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
