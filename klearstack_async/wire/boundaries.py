"""Where the items of a JSON list end, told from the bytes alone, however they are cut in pieces.

Two ways: an exact reading of strings and brackets, which takes up where it stopped; and a guess by
the text that stood between two items before, which is fast, and has to be proved by decoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Boundary", "ItemEnds"]

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'[\[{][^\[\]{}"]*+(?:%b[^\[\]{}"]*+)*+[\]}]' % _STRING
# What has no bracket inside is passed in one step.
_INSIDE = re.compile(rb'%b|%b|[\[\]{}"]' % (_FLAT, _STRING), re.DOTALL)
_BETWEEN = re.compile(rb'[\[\]{},"]')
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_STEPS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_CLOSING = re.compile(rb"(?:\]%b\]|[\]}])%b\Z" % (_SPACE, _SPACE))
# The name of an object's first key: within one, lists of other objects may stand.
_OPENING = re.compile(rb',%b(?:\{%b"(?:[^"\\]|\\.){0,60}+"|\[%b\[?)' % (_SPACE, _SPACE, _SPACE))
_MOST_GUESSES = 2
_COMMA = ord(",")


class ItemEnds:
    """Finds the ends of items in a text that grows.

    The text begins with the `[` or the comma before an item. Each byte is looked at a fixed number
    of times, however long an item is and however small the pieces are in which it comes.
    """

    def __init__(self) -> None:
        self._at = 1
        self._depth = 0
        self._in_string = False

    def all(self, text: bytearray) -> Iterator[int]:
        """Give the places of the commas behind items, and of the bracket that ends the list."""
        while (end := self._next(text)) is not None:
            yield end
            if text[end] != _COMMA:
                return

    def _next(self, text: bytearray) -> int | None:
        while self._skip_string(text):
            if self._depth:
                self._skip_inside(text)
                continue
            found = _BETWEEN.search(text, self._at)
            if found is None:
                self._at = len(text)
                return None
            self._at = found.end()
            sign = found[0]
            if sign not in b'"[{':
                return found.start()
            self._in_string = sign == b'"'
            self._depth += _STEPS.get(sign, 0)
        return None

    def _skip_string(self, text: bytearray) -> bool:
        """Go to the end of a string; False if the text ends before."""
        if self._in_string:
            if found := _STRING_REST.match(text, self._at):
                self._at = found.end()
            # Else it ends here, or with the first half of an escape.
            if text[self._at : self._at + 1] != b'"':
                return False
            self._at += 1
            self._in_string = False
        return self._at < len(text)

    def _skip_inside(self, text: bytearray) -> None:
        """Go to the end of the item, to a string without an end, or to the end of the text."""
        depth = self._depth
        for token in _INSIDE.finditer(text, self._at):
            sign = token[0]
            if sign == b'"':
                self._at, self._depth, self._in_string = token.end(), depth, True
                return
            depth += _STEPS.get(sign, 0)
            if depth == 0:
                self._at, self._depth = token.end(), 0
                return
        self._at, self._depth = len(text), depth


class Boundary(NamedTuple):
    """The text between two items, as it stood there once; most likely it stands there always.

    Attributes:
        text: What closes the one, the comma, and what opens the other.
        comma: How many bytes stand before the comma.
    """

    text: bytes
    comma: int

    @classmethod
    def between(cls, before: bytes, after: bytearray) -> Boundary | None:
        """Learn it from an item, and from what follows with its comma; None if that is odd."""
        closing = _CLOSING.search(before)
        opening = _OPENING.match(after)
        if closing is None or opening is None:
            return None
        return cls(closing[0] + opening[0], len(closing[0]))

    def last_in(self, text: bytearray, start: int) -> list[int]:
        """Give the places of the last few commas that may be such a boundary, the last first."""
        places: list[int] = []
        at = len(text)
        while len(places) < _MOST_GUESSES and (at := text.rfind(self.text, start, at)) >= 0:
            places.append(at + self.comma)
        return places
