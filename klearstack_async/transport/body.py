"""A form on its way to the socket: joined bytes if it is small, else streamed piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from secrets import token_hex

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from klearstack_async.transport.files import Content, content_of
from klearstack_async.wire.form import content_type_of, multipart_form, multipart_frame
from klearstack_async.wire.request import FilePart

__all__ = ["Body", "StreamedForm", "body_of"]


class StreamedForm(Payload):
    """A multipart form whose file is read while it is sent; at most one piece is in memory.

    Attributes:
        failure: What went wrong with the source. aiohttp reports it as a lost connection, which
            would hide whose fault it was.
    """

    def __init__(self, head: bytes, content: Content, tail: bytes, content_type: str) -> None:
        super().__init__(content, content_type=content_type)
        self._head, self._content, self._tail = head, content, tail
        if content.size_bytes is not None:
            self._size = len(head) + content.size_bytes + len(tail)
        self.failure: Exception | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the form. Called by aiohttp."""
        await writer.write(self._head)
        async with aclosing(self._content.pieces()) as pieces:
            while True:
                # Only the source's own failures are kept; the socket's are the transport's.
                try:
                    piece = await anext(pieces, b"")
                except Exception as error:
                    self.failure = error
                    raise
                if not piece:
                    break
                await writer.write(piece)
        await writer.write(self._tail)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        """Refuse: giving the form as one text would read the whole file into memory."""
        raise TypeError("a streamed form has no text")


Body = bytes | StreamedForm


async def body_of(fields: Mapping[str, str], file: FilePart | None) -> tuple[Body, str]:
    """Build the body of one attempt, and its `Content-Type`.

    Raises:
        OSError: The file can't be opened or read.
        ValueError: The file is empty.
    """
    boundary = token_hex(16)
    content_type = content_type_of(boundary)
    if file is None:
        return multipart_form(fields, boundary), content_type
    content = await content_of(file.source)
    head, tail = multipart_frame(
        fields,
        boundary,
        field_name=file.field_name,
        filename=file.source.filename,
        content_type=file.content_type,
    )
    if content.whole is not None:
        return b"".join((head, content.whole, tail)), content_type
    return StreamedForm(head, content, tail, content_type), content_type
