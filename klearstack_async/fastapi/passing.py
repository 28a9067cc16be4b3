"""What a browser sends, passed on to KlearStack: a form's file, or the bare body of a request.

A form's file was received whole before anything here is called; the body is passed on while it
arrives, and what that takes is here for `forms.py` as well. What is answered when what was sent is
wrong stands in `refusals.py`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Unpack

import anyio.to_thread
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from klearstack_async.client import KlearStack
from klearstack_async.endpoints.uploads import DocumentOptions
from klearstack_async.errors import DeadlineExceeded
from klearstack_async.fastapi.refusals import RequestRefused
from klearstack_async.models import Upload
from klearstack_async.transport.files import FileReader
from klearstack_async.wire.source import Stream

__all__ = ["BODY_STALL_SECONDS", "MOST_BODY_BYTES", "body_through", "upload_through"]

MOST_BODY_BYTES = 100 << 20
# Less than servers wait for the rest of a request, 60 s mostly: or a browser that hesitates would
# look like a KlearStack that hangs up.
BODY_STALL_SECONDS = 30.0
# Little, because a service passes on many at once: of files for the client alone it is 1 MiB.
PIECE_BYTES = 1 << 16
_LENGTH = re.compile(r"[0-9]{1,18}")


async def upload_through(
    file: UploadFile,
    ks: KlearStack,
    *,
    filename: str | None = None,
    max_bytes: int | None = None,
    **options: Unpack[DocumentOptions],
) -> Upload:
    """Upload a form's file to KlearStack, from its first byte, whatever was read of it before.

    FastAPI has received the whole form by then, and holds what is larger than 1 MiB on disk; so the
    upload can be repeated like that of any file. It goes on when the browser leaves. FastAPI
    closes the file after the request: don't call this in a task that outlives it.

    Args:
        file: The file.
        ks: The client.
        filename: The name to send; if left out, the browser's, without folders.
        max_bytes: The largest file to pass on. It has been received all the same:
            `FastAPI(max_body_size=)` or the proxy in front refuse before that.
        **options: See `DocumentOptions`.

    Returns:
        The receipt with the batch id.

    Raises:
        RequestRefused: It is empty, too large, or has no name.
        KlearStackError: As of `ks.uploads.document`.
        ValueError: The limit is not more than 0.
    """
    check_limits(max_bytes=max_bytes)
    name = plain_name(filename or file.filename)
    size_bytes = await _size_of(file)
    check_size(size_bytes, max_bytes)
    reader = FileReader(file.file, name, 0, size_bytes)
    stream = Stream(partial(_pieces_of, reader), name, size_bytes)
    return await ks.uploads.document(stream, **options)


async def body_through(
    request: Request,
    ks: KlearStack,
    *,
    filename: str,
    max_bytes: int | None = MOST_BODY_BYTES,
    stall_seconds: float = BODY_STALL_SECONDS,
    **options: Unpack[DocumentOptions],
) -> Upload:
    """Pass the bare body of a request on to KlearStack while it arrives.

    Nothing of it is kept, in memory or on disk: the browser can send no faster than KlearStack
    takes it, and the upload is made once only. Until the body's last byte has come, nothing is
    stored if the browser hangs up, stalls or sends too much; after that, the upload goes on without
    the browser. While it sends, it has one of the client's places (`concurrency=`).

    Args:
        request: The request, whose body nobody has read.
        ks: The client.
        filename: The name to send; of one with folders, the last part.
        max_bytes: The largest body; None for no limit. If the browser says how much it sends, a
            larger one is refused unread, otherwise at the byte that is too many.
        stall_seconds: How long the browser may send nothing while it is its turn.
        **options: See `DocumentOptions`.

    Returns:
        The receipt with the batch id.

    Raises:
        RequestRefused: The body is empty, too large, compressed, a form, or not as long as it was
            said to be; or the browser stalled or hung up.
        KlearStackError: As of `ks.uploads.document`.
        ValueError: A limit is not more than 0.
    """
    check_limits(max_bytes=max_bytes, stall_seconds=stall_seconds)
    name = plain_name(filename)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise RequestRefused("form", "Send the document itself as the body, not in a form.")
    arrival = Arrival(request, max_bytes, stall_seconds)
    size_bytes = arrival.size_bytes
    if size_bytes is not None:
        check_size(size_bytes, max_bytes)
    stream = partial(Stream, filename=name, size_bytes=size_bytes, repeatable=False)
    return await pass_on(arrival, arrival.pieces(), ks, stream, options)


async def _pieces_of(reader: FileReader) -> AsyncGenerator[bytes]:
    """Read a form's file from its start, wherever somebody else has left it."""
    position = 0
    while piece := await anyio.to_thread.run_sync(reader.read_at, position, PIECE_BYTES):
        position += len(piece)
        yield piece


async def pass_on(
    arrival: Arrival,
    pieces: AsyncGenerator[bytes],
    ks: KlearStack,
    stream_of: Callable[[Callable[[], AsyncGenerator[bytes]]], Stream],
    options: DocumentOptions,
) -> Upload:
    """Upload the pieces of a document that come out of what arrives.

    Its name is wanted, by `stream_of`, when the first piece is there: in a form, it comes with it.
    """
    passage = _Passage(pieces)
    try:
        # Here, so that who sends nothing at all takes no connection, and nobody's place.
        await passage.begin()
        return await ks.uploads.document(stream_of(passage.pieces), **options)
    except DeadlineExceeded as error:
        if not arrival.is_awaited:
            raise
        raise RequestRefused("stalled", "It took too long to come. Send it again.") from error
    finally:
        await passage.close()


class _Passage:
    """Pieces of which the first is waited for before somebody wants them."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        self._pieces = pieces
        self._first = b""
        self._is_opened = False

    async def begin(self) -> None:
        self._first = await anext(self._pieces, b"")
        check_size(len(self._first), None)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Give the pieces, once."""
        self._is_opened = True
        async with aclosing(self._pieces):
            piece, self._first = self._first, b""
            while piece:
                yield piece
                piece = await anext(self._pieces, b"")

    async def close(self) -> None:
        """Close what nobody has opened: else it is closed by who reads it, and may be at it."""
        if not self._is_opened:
            await self._pieces.aclose()


class Arrival:
    """A request's body as it arrives.

    Attributes:
        size_bytes: How long the request says that it is; None if it doesn't.
        is_awaited: Whether it is the browser's turn, or was when nobody wanted more of it.
    """

    def __init__(self, request: Request, max_bytes: int | None, stall_seconds: float) -> None:
        """Take a request.

        Args:
            request: The request, whose body nobody has read.
            max_bytes: How long the body may be.
            stall_seconds: How long the browser may send nothing while it is its turn.

        Raises:
            RequestRefused: It is compressed, or its length is none.
        """
        self.size_bytes = _stated_size(request)
        self._stream = request.stream()
        self._max_bytes = max_bytes
        self._stall_seconds = stall_seconds
        self._received_bytes = 0
        self.is_awaited = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Give the body, once.

        Raises:
            RequestRefused: It is not as it was announced, too large, or doesn't come.
        """
        async with aclosing(self._stream):
            while piece := await self._next():
                yield piece

    async def _next(self) -> bytes:
        """Receive a piece; nothing at the end."""
        self.is_awaited = True
        try:
            async with asyncio.timeout(self._stall_seconds):
                piece = await anext(self._stream, b"")
        except TimeoutError:
            raise RequestRefused(
                "stalled", f"Nothing came for {self._stall_seconds:g} s. Send it again."
            ) from None
        except ClientDisconnect:
            raise RequestRefused("hung-up", "It was broken off; nothing was stored.") from None
        self.is_awaited = False
        self._received_bytes += len(piece)
        self._check(ended=not piece)
        return piece

    def _check(self, *, ended: bool) -> None:
        received, size = self._received_bytes, self.size_bytes
        if received:
            check_size(received, self._max_bytes)
        if size is None:
            return
        if received > size:
            raise RequestRefused(
                "too-long", f"More came than the {size} bytes that were announced."
            )
        if ended and received < size:
            raise RequestRefused("cut-short", f"It ended after {received} of {size} bytes.")


def _stated_size(request: Request) -> int | None:
    """Say how long the body is, if the headers tell; refuse one that is compressed."""
    headers = request.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestRefused("encoded", "Send the document as it is, without Content-Encoding.")
    # Where both are there, this one counts.
    if "transfer-encoding" in headers or "content-length" not in headers:
        return None
    stated = headers["content-length"]
    if not _LENGTH.fullmatch(stated):
        raise RequestRefused("length", "The Content-Length is not the length of a document.")
    return int(stated)


async def _size_of(file: UploadFile) -> int:
    if file.size is not None:
        return file.size
    # Not FastAPI's, but made by hand, as in tests.
    return await anyio.to_thread.run_sync(file.file.seek, 0, os.SEEK_END)


def check_size(size_bytes: int, max_bytes: int | None) -> None:
    """Refuse a document that is empty, or too large."""
    if size_bytes == 0:
        raise RequestRefused("empty", "There is nothing in it.")
    if max_bytes is not None and size_bytes > max_bytes:
        raise RequestRefused("too-large", f"A document may have {max_bytes} bytes at most.")


def plain_name(filename: str | None) -> str:
    """Give a name without folders, and without what steers a terminal."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in last if character.isprintable()).strip()
    if not name:
        raise RequestRefused("no-name", "The document has no name, such as invoice.pdf.")
    return name


def check_limits(**limits: float | None) -> None:
    """Raise ValueError for a limit that lets nothing through."""
    for name, limit in limits.items():
        if limit is not None and not limit > 0:
            raise ValueError(f"{name} is more than 0, not {limit!r}")
