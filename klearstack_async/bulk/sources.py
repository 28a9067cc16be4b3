"""From what a user hands over to single sources, pulled lazily.

A folder of any size costs the names of one of its directories at a time.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import anyio.to_thread

from klearstack_async.wire.source import PathSource, Source, SourceLike, Stream, source_from

__all__ = ["DOCUMENT_SUFFIXES", "BulkSources", "Refused", "sources_from"]

# What the service takes, by the vendor's page.
DOCUMENT_SUFFIXES = frozenset({".pdf", ".jpg", ".jpeg", ".png"})

# One thread hop for so many names.
_NAMES_PER_HOP = 256

BulkSources = SourceLike | Iterable[SourceLike] | AsyncIterable[SourceLike]


@dataclass(frozen=True, slots=True)
class Refused:
    """What was handed over and can't be a source, with the reason."""

    name: str
    error: Exception


async def sources_from(given: BulkSources) -> AsyncGenerator[Source | Refused]:
    """Give the sources one by one, as they are asked for.

    Args:
        given: One source, a folder, or an iterable or async iterable of both.

    Yields:
        Each source; for what is missing, unreadable or of no use, a `Refused` with the reason.
    """
    async with aclosing(_items(given)) as items:
        async for item in items:
            async with aclosing(_expanded(item)) as found:
                async for source in found:
                    yield source


async def _items(given: BulkSources) -> AsyncGenerator[object]:
    if isinstance(given, AsyncIterable):
        async for item in given:
            yield item
    elif isinstance(given, Iterable) and not _is_one(given):
        for one in given:
            yield one
    else:
        yield given


def _is_one(given: object) -> bool:
    """Tell a source that happens to be iterable (text, bytes, an open file) from a collection."""
    return isinstance(
        given, str | bytes | bytearray | memoryview | os.PathLike | Stream
    ) or hasattr(given, "read")


async def _expanded(item: object) -> AsyncGenerator[Source | Refused]:
    """Give a source as it is, and a folder's documents in its place."""
    if not isinstance(item, str | os.PathLike):
        yield _source_or_refusal(item)
        return
    path = Path(item)
    if not await anyio.to_thread.run_sync(path.is_dir):
        yield PathSource(path, path.name)
        return
    found = _documents_below(path)
    while names := await anyio.to_thread.run_sync(list, islice(found, _NAMES_PER_HOP)):
        for name in names:
            yield name


def _source_or_refusal(item: object) -> Source | Refused:
    try:
        return source_from(item)  # type: ignore[arg-type]  # what it is shows here
    except (TypeError, ValueError) as error:
        return Refused(f"<{type(item).__name__}>", error)


def _documents_below(folder: Path) -> Iterator[Source | Refused]:
    """Walk a folder in the order of names; hidden files and linked folders are left out."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Refused(str(folder), error)
        return
    for entry in found:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _documents_below(Path(entry.path))
        elif Path(entry.name).suffix.lower() in DOCUMENT_SUFFIXES:
            path = Path(entry.path)
            yield PathSource(path, entry.name)
