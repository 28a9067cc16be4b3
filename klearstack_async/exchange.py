"""One attempt of a call: sent, judged and read.

Whether there is another attempt is the carrier's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import anyio.lowlevel
import anyio.to_thread

from klearstack_async.document import Document
from klearstack_async.endpoints.unverified import explained
from klearstack_async.errors import BadRequest, EndpointNotFound, TransportError
from klearstack_async.limits import Timeouts
from klearstack_async.models import PageImage
from klearstack_async.outgoing import Outgoing, headers_with
from klearstack_async.settings import Account, Encoding
from klearstack_async.transport.answer import OpenAnswer
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.relay import Give
from klearstack_async.wire.endpoint import Endpoint
from klearstack_async.wire.images import decode_image_file
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply, error_class, judge, read, refusal
from klearstack_async.wire.request import Gathering, Request

__all__ = ["Exchange", "Opened", "origin_of"]

T = TypeVar("T")

_MESSAGE_CHARACTERS = 400
# A right answer takes 7 ms per MB, one that has to be mended 60 to 100.
_LARGE_BYTES = 128 << 10
# What is decoded between two turns of the loop.
_PIECE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer whose head has come, and is no refusal. Somebody has to close it.

    Attributes:
        answer: What is still to come of it.
        reply: What is known of it; without a body.
    """

    answer: OpenAnswer
    reply: Reply

    @property
    def is_small(self) -> bool:
        """Whether it is known to be so short that it is best read as a whole."""
        headers = self.answer.headers
        length = headers.get("content-length", "")
        is_short = length.isdigit() and int(length) < _LARGE_BYTES
        return is_short and "content-encoding" not in headers


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
        self._outgoing = Outgoing(account, encoding)
        self._transport = transport
        self._clock = clock

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
        opened = await self.open(request, endpoint, timeouts, token, progress)
        if request.gather is None or opened.is_small:
            return await self._read(await self._whole(opened), request.decode)
        begun = await self._begun(opened)
        if len(begun) < _LARGE_BYTES:
            # That was all of it.
            return await self._read(opened.reply.with_body(begun), request.decode)
        return await self.gather(opened, request.gather(), begun=begun)

    async def open(
        self,
        request: Request[Any],
        endpoint: Endpoint,
        timeouts: Timeouts,
        token: str | None,
        progress: Progress,
    ) -> Opened:
        """Send a request, and give its answer once its head has come and is no refusal.

        Raises:
            KlearStackError, SourceFailed, OSError, ValueError: As `make`.
        """
        body = await self._outgoing.body(request, endpoint, timeouts, progress)
        secrets = self._outgoing.secrets(request, endpoint, token)
        try:
            answer = await self._transport.post(
                self._account.url + endpoint.path, headers_with(token), body, progress, timeouts
            )
        except TransportError as error:
            raise _cleaned(error, secrets) from None
        opened = self._opened(answer, endpoint.name, secrets)
        if error_class(answer.status) is not None:
            try:
                judge(await self._whole(opened))
            except EndpointNotFound as error:
                raise explained(error, endpoint) from None
        return opened

    async def gather(
        self,
        opened: Opened,
        gathering: Gathering[T],
        hand_on: Give[Document] | None = None,
        *,
        begun: bytes = b"",
    ) -> T:
        """Decode an answer while it arrives, a piece at a time, and close it.

        Args:
            opened: The answer.
            gathering: What reads it.
            hand_on: Given the documents that are ready; may wait.
            begun: What was read of it already.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        answer, reply, piece = opened.answer, opened.reply, begun
        try:
            while piece := piece or await answer.piece():
                whole = memoryview(piece)
                for start in range(0, len(piece), _PIECE_BYTES):
                    documents = gathering.feed(whole[start : start + _PIECE_BYTES])
                    if documents and hand_on is not None:
                        answer.progress.handed_on = True
                        await hand_on(documents)
                    # Each piece takes a millisecond or so.
                    await anyio.lowlevel.checkpoint()
                piece = b""
        except TransportError as error:
            raise _cleaned(error, reply.secrets) from None
        finally:
            await answer.close()
        # What couldn't be read as it came is read as a whole now, however large it is.
        return await anyio.to_thread.run_sync(
            read, reply, gathering.end, limiter=self._transport.decoding
        )

    async def fetch(
        self, address: str, timeouts: Timeouts, token: str | None, progress: Progress
    ) -> PageImage:
        """Fetch a picture from its own address.

        Raises:
            KlearStackError: See `klearstack_async.errors` for the tree.
        """
        secrets = (self._account.password, token or "")
        headers = headers_with(token, accept="image/*")
        try:
            answer = await self._transport.get(address, headers, progress, timeouts)
        except TransportError as error:
            raise _cleaned(error, secrets) from None
        reply = await self._whole(self._opened(answer, "images.get", secrets))
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

    def _opened(self, answer: OpenAnswer, endpoint: str, secrets: tuple[str, ...]) -> Opened:
        reply = Reply(
            answer.status,
            answer.headers,
            b"",
            endpoint=endpoint,
            received_at=self._clock.now(),
            secrets=secrets,
        )
        return Opened(answer, reply)

    async def _begun(self, opened: Opened) -> bytes:
        """Read an answer up to where it is large; one that ends before is closed."""
        answer, read = opened.answer, bytearray()
        try:
            while len(read) < _LARGE_BYTES and (piece := await answer.piece()):
                read += piece
        except BaseException as error:
            await answer.close()
            if isinstance(error, TransportError):
                raise _cleaned(error, opened.reply.secrets) from None
            raise
        if len(read) < _LARGE_BYTES:
            await answer.close()
        return bytes(read)

    async def _whole(self, opened: Opened) -> Reply:
        """Read all of an answer, and close it."""
        try:
            body = await opened.answer.whole()
        except TransportError as error:
            raise _cleaned(error, opened.reply.secrets) from None
        return opened.reply.with_body(body)

    async def _read(self, reply: Reply, decode: Callable[[Reply], T]) -> T:
        """Decode an answer; large ones beside the loop, and one at a time.

        Python computes in one thread at a time anyway, and each that is begun takes its memory.
        """
        if len(reply.body) < _LARGE_BYTES:
            return read(reply, decode)
        return await anyio.to_thread.run_sync(read, reply, decode, limiter=self._transport.decoding)


def _cleaned(error: TransportError, secrets: tuple[str, ...]) -> TransportError:
    error.args = (one_line(cleaned(str(error.args[0]), secrets), _MESSAGE_CHARACTERS),)
    return error


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
