"""One HTTP exchange: bytes out, bytes in, and every foreign exception mapped to one of ours."""

from __future__ import annotations

import asyncio
import re
import string
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

import aiohttp
import anyio
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from klearstack_async._version import __version__
from klearstack_async.errors import (
    ConnectError,
    ConnectionDropped,
    StallTimeout,
    TlsError,
    TransportError,
)
from klearstack_async.limits import Timeouts
from klearstack_async.settings import Tls
from klearstack_async.transport.answer import OpenAnswer
from klearstack_async.transport.body import Body, StreamedForm
from klearstack_async.transport.descriptors import affordable
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.shared_gate import SharedGate
from klearstack_async.transport.small import JoinedForm, SmallCalls, client_timeout
from klearstack_async.transport.tls import Trust, tls_failure, tls_reason, trust_of

__all__ = ["FOREIGN_ERRORS", "HttpTransport", "transport_error"]

# Looked up along the exception's own line of ancestors, so the nearest row decides.
FOREIGN_ERRORS: Mapping[type[BaseException], type[TransportError]] = {
    aiohttp.ClientConnectorError: ConnectError,
    aiohttp.ConnectionTimeoutError: ConnectError,
    aiohttp.ClientSSLError: TlsError,
    aiohttp.ServerFingerprintMismatch: TlsError,
    aiohttp.InvalidURL: ConnectError,
    aiohttp.SocketTimeoutError: StallTimeout,
    aiohttp.ServerTimeoutError: StallTimeout,
    aiohttp.ClientConnectionError: ConnectionDropped,
    aiohttp.ClientPayloadError: ConnectionDropped,
    aiohttp.ClientResponseError: ConnectionDropped,
    # What a session makes a ClientResponseError of.
    HttpProcessingError: ConnectionDropped,
    aiohttp.ClientError: TransportError,
    TimeoutError: StallTimeout,
    # A host's name that can't be encoded.
    UnicodeError: ConnectError,
}

_ADVICE: Mapping[type[TransportError], str] = {
    ConnectError: "can't connect to {host} ({reason}); check the url and the network",
    TlsError: "can't agree on TLS with {host} ({reason}); check the url and Tls()",
    StallTimeout: "{host} sent nothing for {stall:g} s; see Timeouts(stall_seconds=)",
    ConnectionDropped: "the connection to {host} ended before the answer was complete: {reason}",
    TransportError: "the call to {host} failed: {reason}",
}

# Servers close a connection that is idle, some after 5 s, and a call that goes out at just that
# moment may or may not have been carried out. So ours is closed first.
_KEEP_ALIVE_SECONDS = 4.0
_CLOSE_SECONDS = 5.0
_RESERVED = string.punctuation
_STATUS = re.compile(r"^\d{3}, message:\s*")
_USER_AGENT = f"klearstack-async/{__version__}"


class HttpTransport:
    """A pool of connections. It belongs to the event loop in which it was opened.

    Attributes:
        gate: Lets in as many exchanges as there may be connections, but for answers that somebody
            iterates over: who does that may make other calls meanwhile. Each account gets its share
            if there are several. aiohttp's own queue is not used: it stands behind the choice of
            the token, which may end while it waits there.
        token_gate: The same for those calls that get tokens: who waits for a token may have the
            last of the other places.
        decoding: Lets one large answer be decoded at a time.
    """

    def __init__(self, *, tls: Tls, connections: int, is_shared: bool = False) -> None:
        self._tls = tls
        self._connections, self._is_shared = connections, is_shared
        self._session: aiohttp.ClientSession | None = None
        self._small: SmallCalls | None = None
        self._trust = Trust()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.gate, self.token_gate = self._new_gate(connections), self._new_gate(connections)
        self.decoding = anyio.CapacityLimiter(1)

    async def open(self) -> None:
        """Make the pool. Nothing is connected yet.

        Raises:
            OSError: The CA file can't be read.
            ValueError: It holds no certificate.
            RuntimeError: It is open already.
        """
        # First, because another task may open it meanwhile.
        trust = await trust_of(self._tls)
        if self._session is not None:
            raise RuntimeError("this client is open already; make another one, or share this")
        self._trust = trust
        self._loop = asyncio.get_running_loop()
        places = affordable(self._connections)
        self.gate, self.token_gate = self._new_gate(places), self._new_gate(places)
        self.decoding = anyio.CapacityLimiter(1)
        connector = aiohttp.TCPConnector(
            limit=0, ssl=trust.connector_ssl, keepalive_timeout=_KEEP_ALIVE_SECONDS
        )
        self._small = SmallCalls(connector, ssl=trust.request_ssl, user_agent=_USER_AGENT)
        self._session = aiohttp.ClientSession(
            connector=connector,
            # Credentials ride in every body already; a cookie could only mix accounts up.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _USER_AGENT},
        )

    def _new_gate(self, places: int) -> SharedGate:
        return SharedGate(places, keeps_some_free=self._is_shared)

    def check_open(self) -> None:
        """Make sure that it can be used, here and now.

        Raises:
            RuntimeError: It isn't open, or belongs to another event loop.
        """
        if self._session is None:
            raise RuntimeError(
                "the client is not open; use it inside `async with KlearStack(...) as ks:` "
                "(or that of its SessionPool)"
            )
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "this client belongs to another event loop; open one in each (every asyncio.run() "
                "and every thread has a loop of its own)"
            )

    def check_closable(self) -> None:
        """Make sure that its loop is this one, or none that still runs.

        Raises:
            RuntimeError: It isn't.
        """
        loop = self._loop
        if self._session is None or loop is None or loop is asyncio.get_running_loop():
            return
        if loop.is_running():
            raise RuntimeError("this client is in use in another event loop; close it there")

    async def close(self) -> None:
        """Close every connection."""
        session, self._session, self._small = self._session, None, None
        if session is not None:
            # A connection that can't be flushed would be waited for without an end.
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await session.close()

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        progress: Progress,
        timeouts: Timeouts,
    ) -> OpenAnswer:
        """Send one request and wait for its answer's head; the answer has to be closed.

        Raises:
            TransportError: No usable answer came.
            SourceFailed: What was to be sent couldn't be read.
        """
        if isinstance(body, JoinedForm):
            return await self._post_small(url, headers, body, progress, timeouts)
        return await self._request(
            "POST", url, headers, body=body, progress=progress, timeouts=timeouts
        )

    async def get(
        self, url: str, headers: Mapping[str, str], progress: Progress, timeouts: Timeouts
    ) -> OpenAnswer:
        """Fetch what stands at an address; the answer has to be closed.

        Raises:
            TransportError: No usable answer came.
        """
        # Not requoted: an address that is signed counts letter by letter. Only what can't stand in
        # a request's first line is written otherwise.
        address = URL(quote(url, safe=_RESERVED), encoded=True)
        return await self._request(
            "GET", address, headers, body=None, progress=progress, timeouts=timeouts
        )

    async def _post_small(
        self,
        url: str,
        headers: Mapping[str, str],
        form: JoinedForm,
        progress: Progress,
        timeouts: Timeouts,
    ) -> OpenAnswer:
        self.check_open()
        small = self._small
        assert small is not None  # noqa: S101 - just checked
        failure_of = partial(transport_error, url=url, timeouts=timeouts)
        try:
            connection, head, content = await small.send(url, headers, form, progress, timeouts)
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, UnicodeError) as error:
            # Raised outside, as below.
            failure = failure_of(error)
        else:

            async def close() -> None:
                connection.release()

            return OpenAnswer(
                head.code,
                head.headers,
                content,
                progress,
                close=close,
                failure_of=failure_of,
                stall_seconds=timeouts.stall_seconds,
            )
        raise failure

    async def _request(
        self,
        method: str,
        url: str | URL,
        headers: Mapping[str, str],
        *,
        body: StreamedForm | None,
        progress: Progress,
        timeouts: Timeouts,
    ) -> OpenAnswer:
        self.check_open()
        session = self._session
        assert session is not None  # noqa: S101 - just checked

        def failure_of(error: Exception) -> Exception:
            return (body and body.failure) or transport_error(error, str(url), timeouts)

        request = session.request(
            method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=self._trust.request_ssl,
            timeout=client_timeout(timeouts),
        )
        try:
            response = await request
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            failure = failure_of(error)
        else:

            async def close() -> None:
                response.release()
                await response.wait_for_close()

            return OpenAnswer(
                response.status,
                response.headers,
                response.content,
                progress,
                close=close,
                failure_of=failure_of,
            )
        # Out here, so that aiohttp's exception isn't its context: it holds the request's headers,
        # and with them the token.
        raise failure


def transport_error(error: Exception, url: str, timeouts: Timeouts) -> TransportError:
    """Say in our terms, and in a sentence, what a foreign exception means.

    The sentence may repeat what the server sent: it has to be cleaned before anyone sees it.
    """
    host = "/".join(url.split("/")[:3])
    failure = tls_failure(error, host)
    if failure is not None:
        return failure
    kind = next(FOREIGN_ERRORS[cls] for cls in type(error).__mro__ if cls in FOREIGN_ERRORS)
    reason = tls_reason(error, host) or _reason(error) or type(error).__name__
    return kind(_ADVICE[kind].format(host=host, reason=reason, stall=timeouts.stall_seconds))


def _reason(error: Exception) -> str:
    """Find the part of aiohttp's exception that says what happened, without the rest of it."""
    match error:
        # Only the cause, such as "Connect call failed": host and port stand in our sentence.
        case aiohttp.ClientConnectorError(os_error=OSError(strerror=str(what))):
            return what
        # Its own words name a status, such as 400, that no server has sent.
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "what came back is no HTTP, or broken HTTP"
    # A decoder's failure begins with a status that no server has sent, too.
    return _STATUS.sub("", str(error))
