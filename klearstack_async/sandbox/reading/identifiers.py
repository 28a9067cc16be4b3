"""The numbers that documents go by: finding where one begins and ends in a line.

Pure text and gaps. What an identifier names (the invoice, an order, a customer) is decided
elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import text_of

__all__ = ["Identifier", "identifier_at"]

_IDENTIFIER = re.compile(r"^[A-Z0-9][A-Z0-9/_.\\+\-\u2013\u2014*:()]*$", re.IGNORECASE)
_DIGIT_GROUP = re.compile(r"^(?=[A-Z-]*\d)[A-Z0-9-]+$")
# How many groups of characters an identifier may be printed in.
_MAX_GROUPS = 6
# The widest space between groups, in sizes of the type: that of monospaced type.
_SPACE = 0.8
_PREFIX = re.compile(r"^[A-Z]{1,5}[-/.]?$")
# A series and a number in it: "FT A/1234".
_IN_SERIES = re.compile(r"^[A-Z]{1,3}/\d+$")
_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$")
_URL = re.compile(r"www\.|https?|@|\.(?:com|de|fr|nl|org|net)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in a line.

    Attributes:
        last: The number of its last word.
        text: As printed, without the punctuation around it.
        plausibility: From 0 to 1, how much it looks like a document's number.
    """

    last: int
    text: str
    plausibility: float


def identifier_at(line: Line, first: int, taken: AbstractSet[int]) -> Identifier | None:
    """Read the identifier that begins at a word.

    Args:
        line: The line.
        first: The number of the word.
        taken: Words that are dates or prices, where an identifier must end.
    """
    if re.fullmatch(r"\(.*\)", line.words[first].text):
        return None
    last = _rest_of_cell(line, first, taken) or first
    end = min(len(line.words), first + _MAX_GROUPS)
    while last + 1 < end and last + 1 not in taken and _goes_on(line, first, last, taken):
        last += 1
    text = text_of(line.words[first : last + 1]).strip(".,;:()[]#*\"'").rstrip("-/")
    compact = text.replace(" ", "")
    digits = sum(c.isdigit() for c in compact)
    if not digits or not _IDENTIFIER.match(compact) or len(compact) > 40:
        return None
    if _is_iban(compact) or _URL.search(compact):
        return None
    return Identifier(last, text, _plausibility(compact, digits))


def _is_iban(compact: str) -> bool:
    """Whether a text is an IBAN by its check digits; the form alone many a bill number has."""
    if not _IBAN.match(compact):
        return False
    digits = "".join(str(int(c, 36)) for c in compact[4:] + compact[:4])
    return int(digits) % 97 == 1


def _rest_of_cell(line: Line, first: int, taken: AbstractSet[int]) -> int | None:
    """Give a cell's end if all of the cell, or all behind a colon, is groups: "0612 340 18M3"."""
    cell = line.cell_of[first]
    before = line.words[first - 1] if first else None
    if before is not None and line.cell_of[first - 1] == cell and not before.text.endswith(":"):
        return None
    members = [
        j
        for j in range(first, min(first + _MAX_GROUPS + 1, len(line.words)))
        if line.cell_of[j] == cell
    ]
    if len(members) > _MAX_GROUPS or taken & set(members):
        return None
    groups = [line.words[j].text for j in members]
    if len(groups) > 1 and _PREFIX.match(groups[0]):
        groups = groups[1:]
    return members[-1] if all(map(_DIGIT_GROUP.match, groups)) else None


def _goes_on(line: Line, first: int, last: int, taken: AbstractSet[int]) -> bool:
    """Whether an identifier goes on over a space: "RE 2014-7", "2014 / 123", "90 000 123"."""
    word, following = line.words[last], line.words[last + 1]
    if line.cell_of[last] != line.cell_of[last + 1]:
        return False
    if following.x1 - word.x2 > _SPACE * word.size:
        return False
    if following.text in {"/", "-"} and last + 2 < len(line.words):
        # A slash may part the number from the date: "2018001 / 02.01.2018".
        return line.words[last + 2].text[:1].isdigit() and last + 2 not in taken
    if word.text in {"/", "-"} or word.text[-1] in "/-" or following.text[0] in "/-":
        return any(c.isdigit() for c in following.text)
    if last == first and _PREFIX.match(word.text):
        return following.text[0].isdigit() or _IN_SERIES.match(following.text) is not None
    return word.text.isdigit() and following.text.isdigit() and len(following.text) >= 2


def _plausibility(compact: str, digits: int) -> float:
    if digits == 1 and len(compact) < 3:
        return 0.55
    if digits == 2 and len(compact) == 2:
        return 0.7
    if re.fullmatch(r"(?:19|20)\d\d", compact):
        return 0.7
    if digits < len(compact) / 3 and any(c.islower() for c in compact):
        return 0.4
    return 0.9 if digits < 3 or any(c.islower() for c in compact) else 1.0
