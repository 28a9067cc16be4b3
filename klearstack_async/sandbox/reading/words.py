"""From single characters with positions to words.

Pure: characters in, words out. Nothing here knows PDF, and nothing knows invoices.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "GUESSED_SPACE",
    "Box",
    "Char",
    "Word",
    "enclosing_box",
    "fold",
    "norm",
    "text_of",
    "word_set",
    "words_from_chars",
]

# A space that isn't in the file: pdfium guesses it where letters are drawn one by one.
GUESSED_SPACE = "\u200b"
# In sizes of the type. On real invoices guesses that were right kept 0.19 and more, wrong ones at
# most 0.16.
_LETTER_GAP = 0.17
# In pixels; as wide as the frames that people draw. On real invoices the nearest other word is 3
# pixels away and more.
_MARGIN = 3.0
_MARGIN_IN_SIZES = 0.125

Box = tuple[int, int, int, int]

# What PDF producers write for a plain hyphen: soft, non-breaking and figure hyphens, minus signs.
_HYPHENS = dict.fromkeys(map(ord, "\u00ad\u2010\u2011\u2012\u2212\x02\ufffe"), "-")
_LIGATURES = {
    ord("\ufb00"): "ff",
    ord("\ufb01"): "fi",
    ord("\ufb02"): "fl",
    ord("\ufb03"): "ffi",
    ord("\ufb04"): "ffl",
}
_TO_PLAIN = _HYPHENS | _LIGATURES

# A number glued to its marker ("n°562044387", "#12", "Nr.42") is a label and a value: two words.
_MARKERS = "°º№#"
_GLUED_NUMBER = re.compile(r"(?:nr|no|num|nro)\.$", re.IGNORECASE)
# So is "InvoiceDate09/04/2023", or "Total$72.00".
_GLUED_VALUE = re.compile(
    r"[a-z]*(?:date|datum|dato|number|nummer|numero|total|betrag|amount)$", re.IGNORECASE
)
_PRICE_SIGNS = "$€£₹"


class Char(NamedTuple):
    """One printed character; positions in pixels of the page image."""

    text: str
    x1: float
    y1: float
    x2: float
    y2: float
    baseline: float
    size: float


@dataclass(frozen=True, slots=True)
class Word:
    """Characters printed in one go.

    `norm` is the text for comparing: no case, no accents, no punctuation. `glued` says that no
    space stands between this word and the one before it.
    """

    text: str
    norm: str
    x1: float
    y1: float
    x2: float
    y2: float
    baseline: float
    size: float
    page: int
    glued: bool = False


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    return _FOLDS.get(char) or unicodedata.normalize("NFD", char)[0].lower()[:1] or char


_FOLDS = {
    "ß": "s",
    "ł": "l",
    "Ł": "l",
    "ø": "o",
    "Ø": "o",
    "\u2019": "'",
    "\u2018": "'",
    "\u2013": "-",
    "\u2014": "-",
}


def fold(text: str) -> str:
    """Lower the case and take the accents off, keeping every character's place."""
    return "".join(map(_fold_char, text))


def norm(text: str) -> str:
    """Reduce a text to what labels are compared by: folded letters, digits, `#` and `%`."""
    return "".join(c for c in fold(text.replace("№", "no")) if c.isalnum() or c in "#%")


def word_set(text: str) -> frozenset[str]:
    """Give the words of a text as a set, each reduced by `norm`; tables are written so."""
    return frozenset(norm(word) for word in text.split())


def text_of(words: Iterable[Word]) -> str:
    """Join words as they are printed."""
    parts: list[str] = []
    for word in words:
        if parts and not word.glued:
            parts.append(" ")
        parts.append(word.text)
    return "".join(parts)


def enclosing_box(words: Sequence[Word]) -> Box:
    """Give the whole-pixel box around words, with a margin that shows their edges."""
    margin = _margin(words)
    return (
        math.floor(min(w.x1 for w in words) - margin),
        math.floor(min(w.y1 for w in words) - margin),
        math.ceil(max(w.x2 for w in words) + margin),
        math.ceil(max(w.y2 for w in words) + margin),
    )


def _margin(words: Sequence[Word]) -> float:
    """Give the pixels kept free around the outlines of words in a box.

    Anti-aliasing puts ink up to a pixel outside the outline, and a frame drawn on the bare outline
    covers the edges of small letters. Small type stands in narrow lines, so it gets less.
    """
    return min(_MARGIN, max(1.0, _MARGIN_IN_SIZES * min(w.size for w in words)))


def words_from_chars(chars: Iterable[Char], page: int) -> list[Word]:
    """Group a page's characters, in the order they were drawn, to words.

    Args:
        chars: The characters; whitespace among them separates.
        page: The page's number, from 1.
    """
    words: list[Word] = []
    seen: set[tuple[str, int, int]] = set()
    for group, glued in _groups(chars):
        word = _word(group, page, glued=glued)
        # Bold is often faked by drawing the same word twice, a hair apart.
        key = (word.text, round(word.x1 / 4), round(word.y1 / 4))
        if word.text and key not in seen:
            seen.add(key)
            words.append(word)
    return words


def _without_wrong_guesses(chars: Iterable[Char]) -> Iterator[Char]:
    """Settle by the gap which of the guessed spaces are spaces."""
    last: Char | None = None
    guess: Char | None = None
    for char in chars:
        if char.text == GUESSED_SPACE:
            guess = char
            continue
        if guess and last and not char.text.isspace() and _is_spaced(last, char):
            yield guess._replace(text=" ")
        yield char
        last, guess = char, None


def _groups(chars: Iterable[Char]) -> Iterator[tuple[list[Char], bool]]:
    group: list[Char] = []
    glued = False
    for char in _without_wrong_guesses(chars):
        if char.text.isspace():
            if group:
                yield group, glued
            group, glued = [], False
        elif group and _is_apart(group[-1], char):
            yield group, glued
            group, glued = [char], False
        elif group and _is_label_end(group, char):
            yield group, glued
            group, glued = [char], True
        else:
            group.append(char)
    if group:
        yield group, glued


def _is_apart(last: Char, char: Char) -> bool:
    """Whether a gap or a jump separates two characters that no space separates."""
    size = max(last.size, char.size, 1.0)
    if abs(last.baseline - char.baseline) > 0.4 * size:
        return True
    gap = char.x1 - last.x2
    # pdfium marks spaces itself; in monospaced type a comma alone keeps half a size's distance.
    return gap > 0.6 * size or gap < -1.2 * size


def _is_spaced(last: Char, char: Char) -> bool:
    """Whether the gap at a space that pdfium only guessed is really a space's width."""
    size = max(last.size, char.size, 1.0)
    gap = char.x1 - last.x2
    return abs(last.baseline - char.baseline) > 0.1 * size or not 0 <= gap < _LETTER_GAP * size


def _is_label_end(group: list[Char], following: Char) -> bool:
    last = group[-1].text
    before = group[-2].text if len(group) > 1 else ""
    if last == ":":
        return (before.isalpha() and following.text != "/") or before in {".", ")"}
    if last in _MARKERS:
        return following.text.isalnum()
    if last == "/":
        return len(group) > 3 and before.isalpha() and following.text.isalpha()
    if last.isalpha() and (following.text.isdigit() or following.text in _PRICE_SIGNS):
        return _GLUED_VALUE.match("".join(c.text for c in group)) is not None
    if last == "." and following.text.isdigit() and len(group) <= 4:
        return _GLUED_NUMBER.match("".join(c.text for c in group)) is not None
    return False


def _word(group: list[Char], page: int, *, glued: bool) -> Word:
    text = "".join(c.text for c in group).translate(_TO_PLAIN)
    return Word(
        text=text,
        norm=norm(text),
        x1=min(c.x1 for c in group),
        y1=min(c.y1 for c in group),
        x2=max(c.x2 for c in group),
        y2=max(c.y2 for c in group),
        baseline=group[0].baseline,
        size=max(*(c.size for c in group), 1.0),
        page=page,
        glued=glued,
    )
