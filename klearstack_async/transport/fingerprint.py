"""What a source holds, in short: its length, its SHA-256 and its first bytes, found in one read.

What fits into a piece is read and hashed in one thread hop, and kept, so that it needn't be read
again for sending; so what is sent is what was hashed. What is larger is read piece by piece, and
no file is held open between two steps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

from klearstack_async.errors import SourceChanged
from klearstack_async.transport.files import (
    PIECE_BYTES,
    PathReader,
    Reader,
    changed_size,
    reader_of,
    whole_of,
)
from klearstack_async.wire.source import BytesSource, FileSource, PathSource

__all__ = ["Fingerprint", "fingerprint", "sized_or_whole", "stamp_of"]

# As far as a PDF's mark may be from its start.
_HEAD_BYTES = 1024
# What one thread hop takes on. A hop can't be cancelled, so that it bounds how long that takes.
_BYTES_PER_HOP = 16 * PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells a source's content from others.

    Attributes:
        size_bytes: Its length, 1 or more.
        sha256: The SHA-256 of all of it, in hexadecimal digits.
        modified_ns: When the file was changed last, in nanoseconds since 1970; None if it is no
            path.
        head: Its first 1,024 bytes, or all of it if it is shorter.
        whole: All of it, if it is 1 MiB or less, to be sent without another reading; else None.
    """

    size_bytes: int
    sha256: str
    modified_ns: int | None
    head: bytes = field(repr=False)
    whole: bytes | None = field(default=None, repr=False)


async def fingerprint(source: PathSource | FileSource | BytesSource) -> Fingerprint:
    """Read a source once, and hash it.

    Args:
        source: What to read. An open file is read from where it stands, and stands there again
            after each piece.

    Raises:
        OSError: It can't be opened or read.
        SourceChanged: It changed while it was read.
        ValueError: It is empty, or the path leads to a pipe or a device.
    """
    found = await anyio.to_thread.run_sync(sized_or_whole, source)
    if isinstance(found, Fingerprint):
        return found
    reader, hashing, head, position = found, hashlib.sha256(usedforsecurity=False), b"", 0
    while position < reader.size_bytes:
        begun = position
        first, position = await anyio.to_thread.run_sync(_hash_on, reader, hashing, begun)
        head = head or first
    return Fingerprint(position, hashing.hexdigest(), _modified_ns(reader), head)


async def stamp_of(path: Path) -> tuple[int, int] | None:
    """Look at a file without reading it.

    Returns:
        Its size in bytes and when it was changed last, in nanoseconds since 1970; None if
        nothing is there.

    Raises:
        OSError: It can't be looked at.
    """
    return await anyio.to_thread.run_sync(_stamp_of, path)


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns


def sized_or_whole(source: PathSource | FileSource | BytesSource) -> Fingerprint | Reader:
    """Give a small source's fingerprint at once; of a larger one, how to read it. Blocking."""
    reader = reader_of(source)
    if not reader.size_bytes:
        raise ValueError(f"{source.filename} is empty")
    if reader.size_bytes > PIECE_BYTES:
        return reader
    whole = source.data if isinstance(source, BytesSource) else whole_of(reader)
    digest = hashlib.sha256(whole, usedforsecurity=False).hexdigest()
    return Fingerprint(len(whole), digest, _modified_ns(reader), whole[:_HEAD_BYTES], whole)


def _hash_on(reader: Reader, hashing: hashlib._Hash, position: int) -> tuple[bytes, int]:
    """Take in some pieces; give the first bytes of them, and where they end. Blocking."""
    end = min(position + _BYTES_PER_HOP, reader.size_bytes)
    head = b""
    while position < end:
        piece = reader.read_at(position, min(PIECE_BYTES, end - position))
        if not piece:
            raise SourceChanged(f"{reader.filename} became shorter while it was read")
        head = head or bytes(piece[:_HEAD_BYTES])
        hashing.update(piece)
        position += len(piece)
    # One look behind the end: at what grew, and at a change during the last piece.
    if position == reader.size_bytes and reader.read_at(position, 1):
        raise changed_size(reader, longer=True)
    return head, position


def _modified_ns(reader: Reader) -> int | None:
    return reader.stamp.changed_ns if isinstance(reader, PathReader) else None
