"""Reading what is uploaded: in threads, in pieces, and never more than one piece ahead.

A thread hop costs 40 to 130 microseconds, so the size of a piece decides the speed: 1 MiB is
where the hop no longer shows. What is smaller than that is read whole, in one hop. Of what is
larger, the next piece is read while the last one is sent, and none beyond it. The pieces are new
each time: reading into a few buffers in turn was tried, and was no faster.

A file is open only while a piece of it is read. Opening it again costs a few per cent of reading
1 MiB, and in return a call can be cancelled at any instant without leaving a descriptor behind, and
a thousand uploads that wait for their servers need no thousand descriptors.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import anyio.to_thread

from klearstack_async.errors import SourceChanged
from klearstack_async.transport.ahead import one_ahead
from klearstack_async.wire.source import BytesSource, FileSource, PathSource, Source, Stream

__all__ = [
    "PIECE_BYTES",
    "BytesReader",
    "Content",
    "FileReader",
    "PathReader",
    "Reader",
    "changed_size",
    "content_of",
    "each_of",
    "pieces_of_bytes",
    "pieces_of_stream",
    "reader_of",
    "whole_of",
]

T = TypeVar("T")

PIECE_BYTES = 1 << 20

# One file may be given to several uploads at once, and has one position for all of them.
_LOCKS: WeakKeyDictionary[BinaryIO, threading.Lock] = WeakKeyDictionary()
_FILES_WITHOUT_A_LOCK_OF_THEIR_OWN = threading.Lock()

# What was opened once, and gives what is left of it when it is opened again.
_BEGUN: WeakSet[AsyncIterable[bytes]] = WeakSet()

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
            content = Content(size, partial(pieces_of_stream, source))
    if content.size_bytes == 0:
        raise ValueError(f"{source.filename} is empty")
    return content


def _content_of_path(path: Path, filename: str) -> Content:
    with _opened(path) as file:
        reader = PathReader(path, filename, _stamp(file.fileno()))
        whole = file.readall() if reader.size_bytes <= PIECE_BYTES else None
    if whole is not None:
        return Content(len(whole), partial(pieces_of_bytes, whole), whole)
    return Content(reader.size_bytes, partial(_pieces, reader))


def _content_of_file(file: BinaryIO, filename: str) -> Content:
    reader = _file_reader(file, filename)
    size_bytes = reader.size_bytes
    if size_bytes > PIECE_BYTES:
        return Content(size_bytes, partial(_pieces, reader))
    whole = whole_of(reader)
    return Content(size_bytes, partial(pieces_of_bytes, whole), whole)


def _content_of_bytes(data: bytes) -> Content:
    whole = data if len(data) <= PIECE_BYTES else None
    return Content(len(data), partial(pieces_of_bytes, data), whole)


def _pieces(reader: Reader) -> AsyncGenerator[bytes]:
    return one_ahead(_Reading(reader).step)


@dataclass(slots=True)
class _Reading:
    """How far a source was read."""

    reader: Reader
    position: int = 0

    def step(self) -> bytes:
        """Read the next piece; give nothing behind the last. Blocking."""
        left = self.reader.size_bytes - self.position
        # A look behind the end, at what grew, and at a change during the last piece.
        piece = self.reader.read_at(self.position, min(PIECE_BYTES, left) or 1)
        if bool(piece) is not bool(left):
            how = "shorter" if left else "longer"
            raise SourceChanged(f"{self.reader.filename} became {how} while it was sent")
        self.position += len(piece)
        return piece


async def pieces_of_bytes(data: bytes | memoryview) -> AsyncGenerator[bytes]:
    """Give what is in memory in pieces, without copying it."""
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]  # type: ignore[misc]  # bytes-like is enough


async def pieces_of_stream(stream: Stream) -> AsyncGenerator[bytes]:
    """Give a stream's pieces as they come, without the empty ones.

    Raises:
        SourceChanged: It gave more or less than the size that it was said to have.
        TypeError: It gave something else than bytes.
        ValueError: It was to be opened again, and gave what had been read before.
    """
    sent, size = 0, stream.size_bytes
    opened = stream.open()
    if opened in _BEGUN:
        raise ValueError(
            f"{stream.filename} can't be opened a second time: its open() gave the same stream "
            "again, whose first pieces are gone; pass Stream(..., repeatable=False)"
        )
    if isinstance(opened, AsyncIterator):
        with contextlib.suppress(TypeError):
            _BEGUN.add(opened)
    async with aclosing(each_of(opened)) as pieces:
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


@dataclass(frozen=True, slots=True)
class PathReader:
    """Reads a file on disk, as long as it is the one that was sized up. Blocking."""

    path: Path
    filename: str
    stamp: _Stamp

    @property
    def size_bytes(self) -> int:
        """The length of the file."""
        return self.stamp.size_bytes

    def read_at(self, position: int, length: int) -> bytes:
        """Read a piece; shorter only where the file ends.

        Raises:
            SourceChanged: The file was changed or replaced.
            OSError: It can't be read.
        """
        with self.path.open("rb", buffering=0) as file:
            if _stamp(file.fileno()) != self.stamp:
                raise SourceChanged(f"{self.filename} changed while it was sent")
            file.seek(position)
            return file.read(length)


@dataclass(frozen=True, slots=True)
class FileReader:
    """Reads an open file from where it stood; it stands there again after each piece. Blocking."""

    file: BinaryIO
    filename: str
    start: int
    size_bytes: int

    def read_at(self, position: int, length: int) -> bytes:
        """Read a piece; shorter only where the file ends."""
        with _lock_of(self.file):
            try:
                self.file.seek(self.start + position)
                return self.file.read(length)
            finally:
                self.file.seek(self.start)


@dataclass(frozen=True, slots=True)
class BytesReader:
    """Reads what is in memory."""

    data: bytes = field(repr=False)
    filename: str

    @property
    def size_bytes(self) -> int:
        """The length of the bytes."""
        return len(self.data)

    def read_at(self, position: int, length: int) -> bytes:
        """Give a piece, without copying it; shorter only where the bytes end."""
        return memoryview(self.data)[position : position + length]  # type: ignore[return-value]  # bytes-like is enough


Reader = PathReader | FileReader | BytesReader


def reader_of(source: PathSource | FileSource | BytesSource) -> Reader:
    """Size up a source, and say how to read it. Blocking.

    Raises:
        OSError: The file can't be opened.
        ValueError: The path leads to a pipe or a device.
    """
    match source:
        case PathSource(path=path):
            with _opened(path) as file:
                return PathReader(path, source.filename, _stamp(file.fileno()))
        case FileSource(file=file):
            return _file_reader(file, source.filename)
        case BytesSource(data=data):
            return BytesReader(data, source.filename)


def whole_of(reader: Reader) -> bytes:
    """Read all of a small source. Blocking.

    Raises:
        SourceChanged: It is shorter or longer than it was when it was sized up.
        OSError: It can't be read.
    """
    # One byte more than there should be: a source that grew would be sent without its end.
    wanted = reader.size_bytes + 1
    data = reader.read_at(0, wanted)
    while len(data) < reader.size_bytes and (more := reader.read_at(len(data), wanted - len(data))):
        data += more
    if len(data) != reader.size_bytes:
        raise changed_size(reader, longer=len(data) > reader.size_bytes)
    return data


def changed_size(reader: Reader, *, longer: bool) -> SourceChanged:
    """Make the error of a source that isn't as long any more as it was."""
    how = "longer" if longer else "shorter"
    return SourceChanged(f"{reader.filename} became {how} before it was sent")


def _lock_of(file: BinaryIO) -> threading.Lock:
    try:
        return _LOCKS.setdefault(file, threading.Lock())
    except TypeError:
        # Not everything that reads can be referred to weakly, or hashed.
        return _FILES_WITHOUT_A_LOCK_OF_THEIR_OWN


def _file_reader(file: BinaryIO, filename: str) -> FileReader:
    with _lock_of(file):
        start = file.tell()
        # A file may stand behind its end.
        size_bytes = max(0, file.seek(0, io.SEEK_END) - start)
        file.seek(start)
    return FileReader(file, filename, start, size_bytes)


@contextmanager
def _opened(path: Path) -> Iterator[io.FileIO]:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # Opening a pipe waits for somebody to write into it; a device may never end.
        raise ValueError(f"{path} is not a regular file")
    with path.open("rb", buffering=0) as file:
        yield file


def _stamp(descriptor: int) -> _Stamp:
    found = os.fstat(descriptor)
    return _Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
