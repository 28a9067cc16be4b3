"""What a pattern such as `2026/**/*.pdf` matches, step by step from one folder to the next. No I/O.

A pattern is matched while a tree is walked: at each folder it is known what is left of it, so
that folders in which nothing can match aren't opened. Case doesn't matter, nor how accents are
written: "*.pdf" that passed over a scanner's "0001.PDF" would lose documents in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path, PurePath
from unicodedata import normalize

__all__ = [
    "DOCUMENTS",
    "DOCUMENT_SUFFIXES",
    "Wanted",
    "folder_pattern",
    "glob_parts",
    "inside",
    "is_glob",
    "is_match",
]

# What the service takes, by the vendor's page.
DOCUMENT_SUFFIXES = frozenset({".pdf", ".jpg", ".jpeg", ".png"})

# What is left of a pattern: a test for each name to come; None stands for `**`.
_Rest = tuple[re.Pattern[str] | None, ...]
# Of several patterns, or of one that can go on in several ways.
Wanted = frozenset[_Rest]

# `[1]`, as browsers put it into names, is taken as it is: as a class it would find another file.
_MAGIC = re.compile(r"[*?]|\[(?:\[|[^\]]{2,})\]")
_ANY_DEPTH = "**"


def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


_ANYTHING = _compiled(".*")
_DOCUMENT = _compiled(f".+(?:{'|'.join(map(re.escape, sorted(DOCUMENT_SUFFIXES)))})")
# What is taken from a folder if nothing else is said.
DOCUMENTS: Wanted = frozenset({(None, _DOCUMENT)})


def is_glob(text: str) -> bool:
    """Say whether a path has `*`, `?` or a class such as `[0-9]` in it."""
    return _MAGIC.search(text) is not None


def glob_parts(text: str, folders: Wanted = DOCUMENTS) -> tuple[Path, Wanted]:
    """Split a glob into the folder where to begin, and what is wanted below it.

    Args:
        text: The glob.
        folders: What is wanted in a folder that it matches.
    """
    parts = PurePath(text).parts
    first = next(place for place, part in enumerate(parts) if is_glob(part))
    rest = _rest(parts[first:])
    return Path(*parts[:first]), frozenset({rest, *(rest + below for below in folders)})


def folder_pattern(pattern: str) -> Wanted:
    """Read a pattern for folders.

    Args:
        pattern: Matches a file's name; or, with a slash in it, its path below the folder.

    Raises:
        ValueError: It is empty, or begins with a slash, or goes up with `..`.
    """
    path = PurePath(pattern)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(
            f"{pattern!r} is no pattern for the files below a folder; "
            "write it like '*.pdf' or '2026/**/*.pdf'"
        )
    is_path = "/" in pattern or len(path.parts) > 1
    ending = (_ANY_DEPTH,) if pattern.endswith("/") else ()
    return frozenset({_rest((*(() if is_path else (_ANY_DEPTH,)), *path.parts, *ending))})


def _rest(parts: tuple[str, ...]) -> _Rest:
    if parts[-1] == _ANY_DEPTH:
        parts = (*parts, "*")
    return tuple(None if part == _ANY_DEPTH else _test(part) for part in parts)


def _test(part: str) -> re.Pattern[str]:
    if part == "*":
        return _ANYTHING
    composed = normalize("NFC", part)
    return _compiled(translate(composed) if is_glob(part) else re.escape(composed))


def is_match(wanted: Wanted, name: str) -> bool:
    """Say whether a file of this name is wanted here."""
    name = normalize("NFC", name)
    return any(
        len(rest) == 1 and rest[0] is not None and rest[0].fullmatch(name) is not None
        for whole in wanted
        for rest in _ways(whole)
    )


def inside(wanted: Wanted, name: str, *, is_link: bool = False) -> Wanted:
    """Say what is wanted in a folder of this name.

    Args:
        wanted: What is wanted where the folder is.
        name: The folder's name.
        is_link: Whether it is a link to one. `**` doesn't follow links: they may lead around.
    """
    name = normalize("NFC", name)
    found: set[_Rest] = set()
    for whole in wanted:
        for rest in _ways(whole):
            if rest[0] is None:
                found |= set() if is_link else {rest}
            elif rest[0].fullmatch(name) and rest[1:]:
                found.add(rest[1:])
    return frozenset(found)


def _ways(rest: _Rest) -> Iterator[_Rest]:
    """Give a rest as it is, and without the `**` at its front, which may stand for nothing."""
    while rest:
        yield rest
        if rest[0] is not None:
            return
        rest = rest[1:]
