"""Reading a text in every notation that it holds: JSON, HTML, addresses, a wrong character set.

What a notation is called or where it comes from doesn't matter here: each is a pattern of what it
escapes, and a function that reads one such piece. Each reading knows from where in the first text
each of its characters comes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.entities import html5

__all__ = ["NOTATIONS", "Reading", "readings_of"]

_DEEPEST = 5
_READING_COSTS = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it reads once one notation is taken off another reading.

    `places` and `sources` are the ends of what was decoded, in this text and in the one it was
    read from; in between, the two are the same.
    """

    text: str
    parent: Reading | None = None
    places: list[tuple[int, int]] = field(default_factory=list)
    sources: list[tuple[int, int]] = field(default_factory=list)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Say from which part of the first text a part of this one was read."""
        if self.parent is None:
            return start, end
        before = bisect_right(self.places, start, key=lambda place: place[0]) - 1
        if before >= 0:
            read_until, source = self.places[before][1], self.sources[before]
            start = source[0] if start < read_until else start - read_until + source[1]
        before = bisect_left(self.places, end, key=lambda place: place[0]) - 1
        if before >= 0:
            read_until, source = self.places[before][1], self.sources[before]
            end = source[1] if end <= read_until else end - read_until + source[1]
        return self.parent.origin(start, end)


def readings_of(text: str, most_characters: int) -> list[Reading] | None:
    """Read a text, and all that it says once notations are taken off, the outermost first.

    Args:
        text: What to read.
        most_characters: How much all readings may have together. Each counts for 500 more than
            it has, which is what even the shortest costs.

    Returns:
        The text itself and every other one that it can be read as. None if there are more: not
        one of them was left out in silence.
    """
    level, seen, work = [Reading(text)], {text}, 0
    readings: list[Reading] = []
    for _ in range(_DEEPEST + 1):
        following = []
        for reading in level:
            readings.append(reading)
            work += len(reading.text) + _READING_COSTS
            if work > most_characters:
                return None
            for notation, decode in NOTATIONS.items():
                decoded = _decoded(reading, notation, decode)
                if decoded.text not in seen:
                    seen.add(decoded.text)
                    following.append(decoded)
        level = following
    return None if level else readings


def _decoded(
    reading: Reading, notation: re.Pattern[str], decode: Callable[[re.Match[str]], str]
) -> Reading:
    parts, places, sources = [], [], []
    length = last = 0
    for found in notation.finditer(reading.text):
        written = decode(found)
        start, end = found.span()
        length += start - last
        parts += [reading.text[last:start], written]
        places.append((length, length + len(written)))
        sources.append((start, end))
        length, last = length + len(written), end
    return Reading("".join(parts) + reading.text[last:], reading, places, sources)


def _backslashed(found: re.Match[str]) -> str:
    """Read what JSON, JavaScript, PHP, Python or C write behind a backslash."""
    if found["hex"]:
        return _character(int(found["hex"].strip("uUxX{}"), 16), found)
    if found["octal"]:
        return chr(int(found["octal"], 8))
    return _LETTERS.get(found["other"], found["other"])


def _percented(found: re.Match[str]) -> str:
    """Read what stands in an address: bytes, of which `_misread` makes UTF-8, or `%uXXXX`."""
    return chr(int(found[0].lstrip("%uU"), 16))


def _entity(found: re.Match[str]) -> str:
    """Read one of HTML's entities."""
    name = found["name"]
    if name:
        return html5.get(f"{name};") or html5.get(f"{name.lower()};") or found[0]
    number = int(found["hex"], 16) if found["hex"] else int(found["decimal"])
    return _character(number, found)


def _misread(found: re.Match[str]) -> str:
    """Read UTF-8 that was taken for Latin-1 or Windows-1252."""
    written = bytes(_WINDOWS.get(character, ord(character) & 0xFF) for character in found[0])
    try:
        return written.decode()
    except UnicodeDecodeError:
        return found[0]


def _joined(found: re.Match[str]) -> str:
    """Read the two halves of UTF-16 as one character."""
    return found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _character(number: int, found: re.Match[str]) -> str:
    return chr(number) if number <= 0x10FFFF else found[0]


_LETTERS = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_WINDOWS = {bytes([byte]).decode("cp1252", "ignore"): byte for byte in range(0x80, 0xA0)}
_LATER = f"[\x80-\xbf{''.join(_WINDOWS)}]"
# Nothing in here repeats without a bound, or can match in two ways: a text is read in one pass.
NOTATIONS: Mapping[re.Pattern[str], Callable[[re.Match[str]], str]] = {
    re.compile(
        r"\\(?:(?P<hex>[uU]\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}"
        r"|(?:u|U(?!000[01]))[0-9a-fA-F]{4}|[xX][0-9a-fA-F]{2})"
        r"|(?P<octal>[0-3]?[0-7]{1,2})|(?P<other>[abfnrtv]|[^a-zA-Z0-9]))"
    ): _backslashed,
    re.compile(r"%(?:u[0-9a-f]{4}|[0-9a-f]{2})", re.IGNORECASE): _percented,
    re.compile(
        r"&(?:#(?P<decimal>\d{1,20})|#x(?P<hex>[0-9a-f]{1,20})|(?P<name>[a-z][a-z0-9]{1,31}));",
        re.IGNORECASE | re.ASCII,
    ): _entity,
    re.compile(f"[\xc2-\xdf]{_LATER}|[\xe0-\xef]{_LATER}{{2}}|[\xf0-\xf4]{_LATER}{{3}}"): _misread,
    re.compile("[\ud800-\udbff][\udc00-\udfff]"): _joined,
}
