"""From what a user hands over to single sources, pulled lazily.

A folder of any size costs the names of one of its directories at a time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import anyio.to_thread

from klearstack_async.transport.files import each_of
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
        async with aclosing(each_of(given)) as items:
            async for item in items:
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
    try:
        source = source_from(item)  # type: ignore[arg-type]  # what it is shows here
        is_folder = isinstance(source, PathSource) and await anyio.to_thread.run_sync(
            _is_folder, source.path
        )
    except Exception as error:  # noqa: BLE001 - a stranger's object may raise anything
        yield Refused(_name_of(item), error)
        return
    if not (is_folder and isinstance(source, PathSource)):
        yield source
        return
    found = _documents_below(source.path)
    while names := await anyio.to_thread.run_sync(list, islice(found, _NAMES_PER_HOP)):
        for name in names:
            yield name


def _is_folder(path: Path) -> bool:
    # Not Path.is_dir: that takes a folder that can't be looked at for none.
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _name_of(item: object) -> str:
    return os.fsdecode(item) if isinstance(item, str | os.PathLike) else f"<{type(item).__name__}>"


def _documents_below(top: Path) -> Iterator[Source | Refused]:
    """Walk a folder in the order of names; hidden files and linked folders are left out."""
    # A stack of our own, because a tree may be deeper than Python's.
    stack: list[Iterator[os.DirEntry[str]]] = []
    folder: Path | None = top
    while folder is not None or stack:
        if folder is not None:
            try:
                stack.append(_sorted_entries(folder))
            except OSError as error:
                yield Refused(str(folder), error)
            folder = None
            continue
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                folder = Path(entry.path)
            elif Path(entry.name).suffix.lower() in DOCUMENT_SUFFIXES and _is_file(entry):
                yield PathSource(Path(entry.path), entry.name)
        except OSError as error:
            yield Refused(entry.path, error)


def _sorted_entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    return iter(sorted(shown, key=lambda entry: entry.name))


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell documents from pipes and devices; a link that leads nowhere fails when it is read."""
    return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
