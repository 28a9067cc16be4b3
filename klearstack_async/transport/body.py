"""A form on its way to the socket: joined bytes if it is small, else streamed piece by piece.

Either writes down how far it has come: what may have happened to a call depends on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from secrets import token_hex

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from klearstack_async.errors import StallTimeout
from klearstack_async.settings import Encoding
from klearstack_async.transport.files import (
    PIECE_BYTES,
    Content,
    content_of,
    pieces_of_bytes,
)
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.small import JoinedForm
from klearstack_async.wire.form import FormValue, content_type_of, form_body, multipart_frame
from klearstack_async.wire.request import FilePart

__all__ = ["UNWATCHED_BYTES", "Body", "SourceFailed", "StreamedForm", "body_of"]

# What aiohttp writes without looking whether the other side still takes anything.
UNWATCHED_BYTES = 1 << 16
_UNSENT_BYTES = 1 << 20
# What is encrypted at a time: of 1 MiB, the same takes 5 to 12 % more, to get memory for all of it.
_ENCRYPTED_BYTES = 1 << 17
# From netinet/tcp.h: Python's socket module has it not before 3.12.
_TCP_NOTSENT_LOWAT = 25


class SourceFailed(Exception):
    """The source could not be read to its end.

    It stands around the source's own exception, which may be of any kind, also one of ours: a
    `Stream` may pass on what another client's call gives.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class StreamedForm(Payload):
    """A form of which a few pieces are in memory at most, read while it is sent.

    Attributes:
        failure: What went wrong with the source, or a server that takes nothing any more. aiohttp
            reports either as a lost connection, which would hide whose fault it was.
    """

    def __init__(
        self,
        head: bytes,
        content: Content,
        tail: bytes,
        progress: Progress,
        *,
        content_type: str,
        stall_seconds: float,
    ) -> None:
        super().__init__(content, content_type=content_type)
        self._head, self._content, self._tail = head, content, tail
        self._progress = progress
        self._stall_seconds = stall_seconds
        if content.size_bytes is not None:
            self._size = len(head) + content.size_bytes + len(tail)
        self.failure: SourceFailed | StallTimeout | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the form. Called by aiohttp."""
        self._progress.begun = True
        watch = _StallWatch(writer, self._stall_seconds, self._stalled)
        try:
            await self._send(writer, self._head, watch)
            await self._send_pieces(writer, watch)
            self._progress.sent_whole = True
            await self._send(writer, self._tail, watch)
        finally:
            watch.stop()

    async def _send_pieces(self, writer: AbstractStreamWriter, watch: _StallWatch) -> None:
        async with aclosing(self._content.pieces()) as pieces:
            while piece := await self._next(pieces):
                await self._send(writer, piece, watch)
                # Or it would be kept while the next two are there.
                del piece

    async def _send(self, writer: AbstractStreamWriter, piece: bytes, watch: _StallWatch) -> None:
        view, most = memoryview(piece), watch.most_bytes
        for start in range(0, len(view), most):
            part: bytes | memoryview = view[start : start + most]
            if not view.readonly:
                # The loop may keep the end of it for a while, and a giver may write over it.
                part = bytes(part)
            # Before it is sent: what was handed over in part may have arrived whole.
            self._progress.sent_bytes += len(part)
            await writer.write(part)
            watch.pieces += 1

    async def _next(self, pieces: AsyncGenerator[bytes]) -> bytes:
        # Only the source's own failures are kept; the socket's are the transport's.
        try:
            return await anext(pieces, b"")
        except Exception as error:
            self.failure = SourceFailed(error)
            raise

    def _stalled(self) -> None:
        self.failure = StallTimeout(
            f"the server took nothing for {self._stall_seconds:g} s while it was sent; "
            "see Timeouts(stall_seconds=)"
        )

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        """Refuse: giving the form as one text would read the whole file into memory."""
        raise TypeError("a streamed form has no text")


class _StallWatch:
    """Cut the connection when nothing goes out any more.

    It looks at what waits in the transport four times per stall time, whatever the upload's size.
    A time-out around each step of 64 KiB was tried, and cost about a fifth of the speed.

    Attributes:
        pieces: How many were handed over; counted by who hands them over.
        most_bytes: How much to hand over at a time.
    """

    def __init__(
        self, writer: AbstractStreamWriter, stall_seconds: float, stalled: Callable[[], None]
    ) -> None:
        self.pieces = 0
        self._transport: asyncio.Transport | None = getattr(writer, "transport", None)
        self._stall_seconds = stall_seconds
        self._stalled = stalled
        self.most_bytes = PIECE_BYTES
        if self._transport is not None and self._transport.get_extra_info("sslcontext"):
            self.most_bytes = _ENCRYPTED_BYTES
        self._loop = asyncio.get_running_loop()
        self._seen = (-1, -1)
        self._seen_at = self._loop.time()
        _keep_little_unsent(self._transport)
        self._timer = self._loop.call_soon(self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        now, seen = self._loop.time(), (self.pieces, transport.get_write_buffer_size())
        # An empty buffer waits for the source, not for the server.
        if seen != self._seen or not seen[1]:
            self._seen, self._seen_at = seen, now
        elif now - self._seen_at >= self._stall_seconds:
            self._stalled()
            # What can't be sent can't be flushed either: closing would wait for ever.
            transport.abort()
            return
        self._timer = self._loop.call_later(self._stall_seconds / 4, self._look)


def _keep_little_unsent(transport: asyncio.Transport | None) -> None:
    """Have the system ask for more as soon as a little has gone out, where it can be told so.

    By itself, Linux says so only when a third of what it buffers is gone: with some megabytes and
    a slow line, nothing seems to move for minutes.
    """
    found = transport.get_extra_info("socket") if transport is not None else None
    if found is not None and sys.platform == "linux":
        with contextlib.suppress(OSError):
            found.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


Body = JoinedForm | StreamedForm


async def body_of(
    fields: Mapping[str, FormValue],
    file: FilePart | None,
    progress: Progress,
    *,
    encoding: Encoding | str,
    stall_seconds: float,
) -> Body:
    """Build the body of one attempt.

    Args:
        fields: The form's fields.
        file: The file to send along, or None.
        progress: Where to write down how much was sent.
        encoding: How a form without a file is written; with one it is multipart.
        stall_seconds: How long the server may take nothing.

    Raises:
        OSError: The file can't be opened or read.
        ValueError: The file is empty.
    """
    boundary = token_hex(16)
    if file is None:
        joined, content_type = form_body(fields, encoding, boundary)
        if len(joined) <= UNWATCHED_BYTES:
            return JoinedForm(joined, content_type)
        # A large form needs to be watched like a file: a server may stop taking it.
        # The tail is what makes a form whole.
        head, tail = b"", joined[-1:]
        content = Content(len(joined) - 1, partial(pieces_of_bytes, memoryview(joined)[:-1]))
    else:
        content_type = content_type_of(boundary)
        content = await content_of(file.source)
        head, tail = multipart_frame(
            fields,
            boundary,
            field_name=file.field_name,
            filename=file.source.filename,
            content_type=file.content_type,
        )
        if content.whole is not None and len(content.whole) <= UNWATCHED_BYTES:
            joined = b"".join((head, content.whole, tail))
            return JoinedForm(joined, content_type)
    return StreamedForm(
        head, content, tail, progress, content_type=content_type, stall_seconds=stall_seconds
    )
