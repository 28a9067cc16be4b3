"""From what a user hands over to single sources, pulled lazily.

A folder of any size costs the names of one of its directories at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import anyio.to_thread

from klearstack_async.bulk.patterns import (
    DOCUMENT_SUFFIXES,
    DOCUMENTS,
    Wanted,
    folder_pattern,
    glob_parts,
    is_glob,
)
from klearstack_async.bulk.walking import Unreadable, walk
from klearstack_async.transport.files import each_of
from klearstack_async.wire.source import PathSource, Source, SourceLike, Stream, source_from

__all__ = ["DOCUMENT_SUFFIXES", "BulkSources", "Refused", "sources_from"]

# One thread hop for so many files and folders.
_STEPS_PER_HOP = 256

BulkSources = SourceLike | Iterable[SourceLike] | AsyncIterable[SourceLike]


@dataclass(frozen=True, slots=True)
class Refused:
    """What was handed over and can't be a source, with the reason."""

    name: str
    error: Exception


async def sources_from(
    given: BulkSources, *, pattern: str | None = None
) -> AsyncGenerator[Source | Refused]:
    """Give the sources one by one, as they are asked for.

    Args:
        given: One source, a folder, a glob, or an iterable or async iterable of these. A glob is
            a path with `*`, `?` or a class such as `[0-9]` in it, under which nothing is there;
            what it matches is taken whatever its suffix, and a folder as if it had been given.
        pattern: Which files to take from folders, instead of those with a document's suffix.
            It matches a file's name; or, with a slash in it, its path below the folder. Case
            doesn't matter, neither here nor behind a glob's first `*`.

    Yields:
        Each source; for what is missing, unreadable or of no use, a `Refused` with the reason.

    Raises:
        ValueError: The pattern is none.
    """
    wanted = DOCUMENTS if pattern is None else folder_pattern(pattern)
    async with aclosing(_items(given)) as items:
        async for some in items:
            for item, place in await anyio.to_thread.run_sync(_places_of, some, wanted):
                async with aclosing(_expanded(item, place)) as found:
                    async for source in found:
                        yield source


async def _items(given: BulkSources) -> AsyncGenerator[Sequence[object]]:
    """Give them as they come; those of a list, which are there already, several at a time."""
    if isinstance(given, AsyncIterable):
        async with aclosing(each_of(given)) as items:
            async for item in items:
                yield (item,)
    elif isinstance(given, list | tuple):
        begun = 0
        # It may still be growing.
        while some := given[begun : begun + _STEPS_PER_HOP]:
            begun += len(some)
            yield some
    elif isinstance(given, Iterable) and not _is_one(given):
        for one in given:
            yield (one,)
    else:
        yield (given,)


def _is_one(given: object) -> bool:
    """Tell a source that happens to be iterable (text, bytes, an open file) from a collection."""
    return isinstance(
        given, str | bytes | bytearray | memoryview | os.PathLike | Stream
    ) or hasattr(given, "read")


async def _expanded(item: object, place: _Place) -> AsyncGenerator[Source | Refused]:
    """Give a source as it is, and what is wanted of a folder or a glob in its place."""
    if isinstance(place, Source | Refused):
        yield place
        return
    is_empty = True
    async with aclosing(_found(place.top, place.wanted)) as found:
        async for one in found:
            is_empty = False
            yield one
    # An empty folder is no mistake; a glob that matches nothing may be one.
    if is_empty and place.is_glob:
        name = _name_of(item)
        yield Refused(name, FileNotFoundError(errno.ENOENT, "No file matches this pattern", name))


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where to walk, for what, and whether it is a glob that says so."""

    top: Path
    wanted: Wanted
    is_glob: bool


_Place = Source | Refused | _Walk


def _places_of(items: Sequence[object], wanted: Wanted) -> list[tuple[object, _Place]]:
    """Say what each item is. Blocking."""
    return [(item, _place_of(item, wanted)) for item in items]


def _place_of(item: object, wanted: Wanted) -> _Place:
    try:
        source = source_from(item)  # type: ignore[arg-type]  # what it is shows here
        _check(source)
        if not isinstance(source, PathSource):
            return source
        # Told by the path that was given: a PathSource is meant as it stands.
        text = os.fspath(item) if isinstance(item, str | os.PathLike) else ""
        if is_glob(text) and not os.path.lexists(text):
            return _Walk(*glob_parts(text, wanted), is_glob=True)
        return _Walk(source.path, wanted, is_glob=False) if _is_folder(source.path) else source
    except Exception as error:  # noqa: BLE001 - a stranger's object may raise anything
        return Refused(_name_of(item), error)


def _is_folder(path: Path) -> bool:
    # Not Path.is_dir: that takes a folder that can't be looked at for none.
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


async def _found(top: Path, wanted: Wanted) -> AsyncGenerator[Source | Refused]:
    steps = walk(top, wanted)
    while taken := await anyio.to_thread.run_sync(_taken, steps):
        for step in taken:
            if isinstance(step, Unreadable):
                yield Refused(str(step.path), step.error)
            elif step is not None:
                yield PathSource(step, step.name)


def _taken(steps: Iterator[Path | Unreadable | None]) -> list[Path | Unreadable | None]:
    return list(islice(steps, _STEPS_PER_HOP))


def _check(source: Source) -> None:
    """Refuse what says of itself what can't be."""
    if not isinstance(source.filename, str):
        raise TypeError(f"a file's name is a text, not {source.filename!r}")
    if isinstance(source, Stream) and not isinstance(source.size_bytes, int | None):
        raise TypeError(f"a size is a number of bytes, not {source.size_bytes!r}")


def _name_of(item: object) -> str:
    with suppress(Exception):  # A stranger's object may raise anything.
        if isinstance(item, str | os.PathLike):
            return os.fsdecode(item)
    return f"<{type(item).__name__}>"
