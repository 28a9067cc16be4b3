"""What can be uploaded, as values. Opening and reading them is the transport's work."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "BytesSource",
    "FileSource",
    "PathSource",
    "Source",
    "SourceLike",
    "Stream",
    "is_repeatable",
    "source_from",
]


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file on disk. It is opened anew for each attempt, and only while it is sent."""

    path: Path
    filename: str


@dataclass(frozen=True, slots=True)
class BytesSource:
    """A document that is in memory already."""

    data: bytes = field(repr=False)
    filename: str


@dataclass(frozen=True, slots=True)
class FileSource:
    """An open, seekable binary file, sent from where it stands. It stays open, and the user's."""

    file: BinaryIO
    filename: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A document that arrives piece by piece, such as a web upload that is passed on.

    Attributes:
        open: Called once per attempt; gives the pieces.
        filename: The name to send.
        size_bytes: The length, if known. Without it the upload is sent in HTTP chunks.
        repeatable: Whether `open` may be called again. If not, the document is sent once only.
    """

    open: Callable[[], AsyncIterable[bytes]]
    filename: str
    size_bytes: int | None = None
    repeatable: bool = True


Source = PathSource | BytesSource | FileSource | Stream
SourceLike = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Source


def source_from(value: SourceLike, filename: str | None = None) -> Source:
    """Say what kind of source this is, without touching it.

    Args:
        value: A path, bytes, an open binary file that can seek, or a `Stream`.
        filename: The name to send; needed where the value has none.

    Raises:
        TypeError: It is none of these.
        ValueError: The name is missing, or the file can't seek.
    """
    match value:
        case PathSource() | BytesSource() | FileSource() | Stream():
            name = _needed(filename or value.filename, "this source")
            return value if name == value.filename else replace(value, filename=name)
        case str() | os.PathLike():
            if not os.fspath(value):
                raise ValueError("the path is empty")
            path = Path(value)
            return PathSource(path, filename or path.name)
        case bytes() | bytearray() | memoryview():
            return BytesSource(bytes(value), _needed(filename, "bytes"))
    _check_file(value)
    return FileSource(value, filename or _name_of(value))


def is_repeatable(source: Source) -> bool:
    """Say whether a source can be sent a second time."""
    return not isinstance(source, Stream) or source.repeatable


def _check_file(value: object) -> None:
    read, seekable = getattr(value, "read", None), getattr(value, "seekable", None)
    kind = type(value).__name__
    if inspect.iscoroutinefunction(read):
        raise TypeError(f"{kind} reads asynchronously; pass the file in it, or wrap it in a Stream")
    if not callable(read) or not callable(seekable) or isinstance(value, io.TextIOBase):
        raise TypeError(f"a source is a path, bytes, an open binary file or a Stream, not {kind}")
    if not seekable():
        raise ValueError("this file can't seek; wrap what it gives in a Stream")


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    # A temporary file's name is its descriptor's number.
    return _needed(os.path.basename(name) if isinstance(name, str) else None, "this file")  # noqa: PTH119 - a name, not a path on this machine


def _needed(filename: str | None, what: str) -> str:
    if not filename:
        raise ValueError(f"{what} has no name; pass filename=, such as 'invoice.pdf'")
    return filename
