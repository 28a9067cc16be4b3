"""Reading what is uploaded: in threads, in pieces, and never more of it at a time than a piece.

A thread hop costs 40 to 130 microseconds, so the size of a piece decides the speed: 1 MiB is
where the hop no longer shows. What is smaller than that is read whole, in one hop.

No file is held open between two pieces. Opening it again costs a few per cent of reading 1 MiB,
and in return a call can be cancelled at any instant without leaving a descriptor behind, and a
thousand uploads at a time need no thousand descriptors.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import anyio.to_thread

from klearstack_async.errors import SourceChanged
from klearstack_async.wire.source import BytesSource, FileSource, PathSource, Source, Stream

__all__ = ["PIECE_BYTES", "Content", "content_of", "each_of"]

T = TypeVar("T")

PIECE_BYTES = 1 << 20

# One file may be given to several uploads at once, and has one position for all of them.
_OPEN_FILES = threading.Lock()

Pieces = Callable[[], AsyncGenerator[bytes]]


@dataclass(frozen=True, slots=True)
class Content:
    """What a source holds.

    Attributes:
        size_bytes: Its length, or None if nobody knows it before the end.
        whole: All of it, if it is small; then there is no need for `pieces`.
        pieces: Reads it, piece by piece.
    """

    size_bytes: int | None
    pieces: Pieces = field(repr=False)
    whole: bytes | None = field(default=None, repr=False)


async def content_of(source: Source) -> Content:
    """Read a small source whole; of a larger one, find the size and how to read it.

    Raises:
        OSError: The file can't be opened or read.
        ValueError: The source is empty, which the service can't read anything from.
    """
    match source:
        case PathSource(path=path):
            content = await anyio.to_thread.run_sync(_content_of_path, path, source.filename)
        case FileSource(file=file):
            content = await anyio.to_thread.run_sync(_content_of_file, file, source.filename)
        case BytesSource(data=data):
            content = _content_of_bytes(data)
        case Stream(size_bytes=size):
            content = Content(size, partial(_pieces_of_stream, source))
    if content.size_bytes == 0:
        raise ValueError(f"{source.filename} is empty")
    return content


def _content_of_path(path: Path, filename: str) -> Content:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # Opening a pipe waits for somebody to write into it; a device may never end.
        raise ValueError(f"{path} is not a regular file")
    with path.open("rb", buffering=0) as file:
        stamp = _stamp(file.fileno())
        whole = file.readall() if stamp.size_bytes <= PIECE_BYTES else None
    if whole is not None:
        return Content(len(whole), partial(_pieces_of_bytes, whole), whole)

    def read_at(position: int, length: int) -> bytes:
        with path.open("rb", buffering=0) as file:
            if _stamp(file.fileno()) != stamp:
                raise SourceChanged(f"{filename} changed while it was sent")
            file.seek(position)
            return file.read(length)

    return Content(stamp.size_bytes, partial(_pieces, read_at, stamp.size_bytes, filename))


def _content_of_file(file: BinaryIO, filename: str) -> Content:
    """Size up an open file from where it stands; it stands there again afterwards."""

    def read_at(position: int, length: int) -> bytes:
        with _OPEN_FILES:
            try:
                file.seek(start + position)
                return file.read(length)
            finally:
                file.seek(start)

    with _OPEN_FILES:
        start = file.tell()
        size_bytes = file.seek(0, io.SEEK_END) - start
        file.seek(start)
    whole = read_at(0, size_bytes) if size_bytes <= PIECE_BYTES else None
    return Content(size_bytes, partial(_pieces, read_at, size_bytes, filename), whole)


def _content_of_bytes(data: bytes) -> Content:
    whole = data if len(data) <= PIECE_BYTES else None
    return Content(len(data), partial(_pieces_of_bytes, data), whole)


async def _pieces(
    read_at: Callable[[int, int], bytes], size_bytes: int, filename: str
) -> AsyncGenerator[bytes]:
    position = 0
    while position < size_bytes:
        length = min(PIECE_BYTES, size_bytes - position)
        piece = await anyio.to_thread.run_sync(read_at, position, length)
        if not piece:
            raise SourceChanged(f"{filename} became shorter while it was sent")
        position += len(piece)
        yield piece


async def _pieces_of_bytes(data: bytes) -> AsyncGenerator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]  # type: ignore[misc]  # bytes-like is enough


async def _pieces_of_stream(stream: Stream) -> AsyncGenerator[bytes]:
    sent, size = 0, stream.size_bytes
    async with aclosing(each_of(stream.open())) as pieces:
        async for piece in pieces:
            if not isinstance(piece, bytes | bytearray | memoryview):
                kind = type(piece).__name__
                raise TypeError(f"{stream.filename} gave {kind}, where a Stream gives bytes")
            sent += len(piece)
            if size is not None and sent > size:
                raise SourceChanged(f"{stream.filename} gave more than its {size} bytes")
            if piece:
                yield piece
    if size is not None and sent < size:
        raise SourceChanged(f"{stream.filename} ended after {sent} of {size} bytes")


async def each_of(iterable: AsyncIterable[T]) -> AsyncGenerator[T]:
    """Make a generator of any async iterable; closing it closes the iterable, if that can be."""
    iterator = aiter(iterable)
    try:
        async for item in iterator:
            yield item
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


@dataclass(frozen=True, slots=True)
class _Stamp:
    device: int
    inode: int
    size_bytes: int
    changed_ns: int


def _stamp(descriptor: int) -> _Stamp:
    found = os.fstat(descriptor)
    return _Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
