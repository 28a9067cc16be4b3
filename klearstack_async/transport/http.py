"""One HTTP exchange: bytes out, bytes in, and every foreign exception mapped to one of ours."""

from __future__ import annotations

import os
import ssl
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
import anyio
from yarl import URL

from klearstack_async._version import __version__
from klearstack_async.errors import ConnectError, ConnectionDropped, StallTimeout, TransportError
from klearstack_async.settings import Timeouts, Tls
from klearstack_async.transport.body import Body, StreamedForm

__all__ = ["FOREIGN_ERRORS", "Answer", "HttpTransport", "transport_error"]

# Looked up along the exception's own line of ancestors, so the nearest row decides.
FOREIGN_ERRORS: Mapping[type[BaseException], type[TransportError]] = {
    aiohttp.ClientConnectorError: ConnectError,
    aiohttp.ConnectionTimeoutError: ConnectError,
    aiohttp.ServerFingerprintMismatch: ConnectError,
    aiohttp.InvalidURL: ConnectError,
    aiohttp.SocketTimeoutError: StallTimeout,
    aiohttp.ServerTimeoutError: StallTimeout,
    aiohttp.ClientConnectionError: ConnectionDropped,
    aiohttp.ClientPayloadError: ConnectionDropped,
    aiohttp.ClientResponseError: ConnectionDropped,
    aiohttp.ClientError: TransportError,
    TimeoutError: StallTimeout,
    # A host's name that can't be encoded.
    UnicodeError: ConnectError,
}

_ADVICE: Mapping[type[TransportError], str] = {
    ConnectError: "can't connect to {host} ({reason}); check the url and the network",
    StallTimeout: "{host} sent nothing for {stall:g} s; see Timeouts(stall_seconds=)",
    ConnectionDropped: "the connection to {host} ended before the answer was complete: {reason}",
    TransportError: "the call to {host} failed: {reason}",
}

# Several users of one account are one machine's worth of connections, not one each.
_CONNECTIONS = 64
_CLOSE_SECONDS = 5.0
_RESERVED = string.punctuation


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as bytes. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class HttpTransport:
    """A pool of connections. It belongs to the event loop in which it was opened."""

    def __init__(self, *, timeouts: Timeouts, tls: Tls) -> None:
        self._timeouts = timeouts
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool. Nothing is connected yet.

        Raises:
            OSError: The CA file can't be read.
            RuntimeError: It is open already.
        """
        if self._session is not None:
            raise RuntimeError("this client is open already; make another one, or share this")
        ca_file = self._tls.ca_file
        verify = _trusting(ca_file) if ca_file else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=verify),
            # Credentials ride in every body already; a cookie could only mix accounts up.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._timeouts.connect_seconds,
                sock_read=self._timeouts.stall_seconds,
            ),
            headers={"User-Agent": f"klearstack-async/{__version__}"},
        )

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            # A connection that can't be flushed would be waited for without an end.
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Send one request and read all of its answer.

        Raises:
            TransportError: No usable answer came.
            OSError, SourceChanged: The file that was to be sent couldn't be read.
        """
        return await self._exchange("POST", url, headers, body)

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Fetch what stands at an address.

        Raises:
            TransportError: No usable answer came.
        """
        # Not requoted: an address that is signed counts letter by letter. Only what can't stand in
        # a request's first line is written otherwise.
        address = URL(quote(url, safe=_RESERVED), encoded=True)
        return await self._exchange("GET", address, headers, None)

    async def _exchange(
        self, method: str, url: str | URL, headers: Mapping[str, str], body: Body | None
    ) -> Answer:
        session = self._session
        if session is None:
            raise RuntimeError(
                "the client is not open; use it inside `async with KlearStack(...) as ks:`"
            )
        try:
            async with session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, names, content)
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            failure = body.failure if isinstance(body, StreamedForm) else None
            failure = failure or transport_error(error, str(url), self._timeouts)
        # Out here, so that aiohttp's exception isn't its context: it holds the request's headers,
        # and with them the token.
        raise failure


def _trusting(ca_file: str | os.PathLike[str]) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        # Python's own error doesn't say which file it was.
        error.filename = os.fspath(ca_file)
        raise


def transport_error(error: Exception, url: str, timeouts: Timeouts) -> TransportError:
    """Say in our terms, and in a sentence, what a foreign exception means.

    The sentence may repeat what the server sent: it has to be cleaned before anyone sees it.
    """
    kind = next(FOREIGN_ERRORS[cls] for cls in type(error).__mro__ if cls in FOREIGN_ERRORS)
    host = "/".join(url.split("/")[:3])
    reason = _reason(error) or type(error).__name__
    return kind(_ADVICE[kind].format(host=host, reason=reason, stall=timeouts.stall_seconds))


def _reason(error: Exception) -> str:
    """Find the part of aiohttp's exception that says what happened, without the rest of it."""
    match error:
        # Only the cause, such as "Connect call failed": host and port stand in our sentence.
        case aiohttp.ClientConnectorError(os_error=OSError(strerror=str(what))):
            return what
        case aiohttp.ClientResponseError(message=str(what)):
            return what
    return str(error)
