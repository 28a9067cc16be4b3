"""A form on its way to the socket: joined bytes if it is small, else streamed piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from secrets import token_hex

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from klearstack_async.errors import StallTimeout
from klearstack_async.settings import Encoding
from klearstack_async.transport.files import Content, content_of, pieces_of_bytes
from klearstack_async.wire.form import FormValue, content_type_of, form_body, multipart_frame
from klearstack_async.wire.request import FilePart

__all__ = ["Body", "StreamedForm", "body_of"]

# What aiohttp writes without looking whether the other side still takes anything.
_UNWATCHED_BYTES = 1 << 16


class StreamedForm(Payload):
    """A multipart form whose file is read while it is sent; at most one piece is in memory.

    Attributes:
        failure: What went wrong with the source. aiohttp reports it as a lost connection, which
            would hide whose fault it was.
    """

    def __init__(
        self,
        head: bytes,
        content: Content,
        tail: bytes,
        *,
        content_type: str,
        stall_seconds: float,
    ) -> None:
        super().__init__(content, content_type=content_type)
        self._head, self._content, self._tail = head, content, tail
        self._stall_seconds = stall_seconds
        if content.size_bytes is not None:
            self._size = len(head) + content.size_bytes + len(tail)
        self.failure: Exception | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the form. Called by aiohttp."""
        watch = _StallWatch(writer, self._stall_seconds, self._stalled)
        async with aclosing(self._content.pieces()) as pieces:
            try:
                await writer.write(self._head)
                while piece := await self._next(pieces):
                    await writer.write(piece)
                    watch.pieces += 1
                await writer.write(self._tail)
            finally:
                watch.stop()

    async def _next(self, pieces: AsyncGenerator[bytes]) -> bytes:
        # Only the source's own failures are kept; the socket's are the transport's.
        try:
            return await anext(pieces, b"")
        except Exception as error:
            self.failure = error
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
    """

    def __init__(
        self, writer: AbstractStreamWriter, stall_seconds: float, stalled: Callable[[], None]
    ) -> None:
        self.pieces = 0
        self._transport: asyncio.Transport | None = getattr(writer, "transport", None)
        self._stall_seconds = stall_seconds
        self._stalled = stalled
        self._loop = asyncio.get_running_loop()
        self._seen = (-1, -1)
        self._seen_at = self._loop.time()
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


Body = bytes | StreamedForm


async def body_of(
    fields: Mapping[str, FormValue],
    file: FilePart | None,
    *,
    encoding: Encoding | str,
    stall_seconds: float,
) -> tuple[Body, str]:
    """Build the body of one attempt, and its `Content-Type`.

    Args:
        fields: The form's fields.
        file: The file to send along, or None.
        encoding: How a form without a file is written; with one it is multipart.
        stall_seconds: How long the server may take nothing.

    Raises:
        OSError: The file can't be opened or read.
        ValueError: The file is empty.
    """
    boundary = token_hex(16)
    if file is None:
        body, content_type = form_body(fields, encoding, boundary)
        if len(body) <= _UNWATCHED_BYTES:
            return body, content_type
        # A large form needs to be watched like a file: a server may stop taking it.
        whole = Content(len(body), partial(pieces_of_bytes, body))
        form = StreamedForm(b"", whole, b"", content_type=content_type, stall_seconds=stall_seconds)
        return form, content_type
    content_type = content_type_of(boundary)
    content = await content_of(file.source)
    head, tail = multipart_frame(
        fields,
        boundary,
        field_name=file.field_name,
        filename=file.source.filename,
        content_type=file.content_type,
    )
    if content.whole is not None and len(content.whole) <= _UNWATCHED_BYTES:
        return b"".join((head, content.whole, tail)), content_type
    form = StreamedForm(head, content, tail, content_type=content_type, stall_seconds=stall_seconds)
    return form, content_type
