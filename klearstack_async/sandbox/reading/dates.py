"""Dates: finding them in a line, settling which number is the day, and writing them.

Pure text. What a date means (issued, due) is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from klearstack_async.sandbox.reading.words import Word, fold

__all__ = ["FoundDate", "dates_in", "is_month_first", "printed_date", "settled_date"]

_MONTH_NAMES: dict[int, str] = {
    1: "january januar jan janvier janv januari enero ene gennaio gen genn janeiro styczen stycznia"
    " sty tammikuu tammikuuta leden ledna jaenner janner jaen",
    2: "february februar feb februari fevrier fevr fev febrero febbraio febb fevereiro luty lutego"
    " lut helmikuu helmikuuta unor unora",
    3: "march maerz marz mrz mar mars maart mrt marzo marco marzec marca maaliskuu maaliskuuta"
    " brezen brezna",
    4: "april apr avril avr abril abr aprile kwiecien kwietnia kwi huhtikuu huhtikuuta duben dubna",
    5: "may mai mei mayo maggio mag maio maj maja toukokuu toukokuuta kveten kvetna",
    6: "june juni jun juin junio giugno giu junho czerwiec czerwca cze kesakuu kesakuuta cerven"
    " cervna",
    7: "july juli jul juillet juil julio luglio lug julho lipiec lipca lip heinakuu heinakuuta"
    " cervenec cervence",
    8: "august aug aout agosto ago augustus augusti sierpien sierpnia sie elokuu elokuuta srpen"
    " srpna",
    9: "september sept sep septembre septiembre setiembre settembre sett set setembro wrzesien"
    " wrzesnia wrz syyskuu syyskuuta zari",
    10: "october oktober oct okt octobre octubre ottobre ott outubro out pazdziernik pazdziernika"
    " paz lokakuu lokakuuta rijen rijna",
    11: "november nov novembre noviembre novembro listopad listopada lis marraskuu marraskuuta",
    12: "december dezember dec dez decembre diciembre dic dicembre dezembro grudzien grudnia gru"
    " joulukuu joulukuuta prosinec prosince",
}
_MONTHS = {name: number for number, names in _MONTH_NAMES.items() for name in names.split()}
_SHORT_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_NAME = "(?P<name>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
_END = r"(?![\d])"
_START = r"(?<![\w.,/-])"
_SEP = r"\s?[./-]\s?"
_PATTERNS = (
    re.compile(
        rf"{_START}(?P<y>(?:19|20)\d\d){_SEP}(?P<m>\d\d?){_SEP}(?P<d>\d\d?){_END}(?![.,/-]\d)"
    ),
    re.compile(r"(?P<y>(?:19|20)\d\d)\s?年\s?(?P<m>\d\d?)\s?月\s?(?P<d>\d\d?)\s?日"),
    re.compile(
        rf"{_START}(?P<a>\d\d?)(?P<sep>{_SEP})(?P<b>\d\d?){_SEP}"
        rf"(?P<y>(?:19|20)\d\d|\d\d){_END}(?![.,/-]\d)"
    ),
    re.compile(
        rf"{_START}(?P<d>\d\d?)(?:st|nd|rd|th|er|o|e)?[\s.,-]{{0,3}}(?:of |de |d')?{_NAME}"
        rf"(?![a-z])[\s.,-]{{0,3}}(?:de |del |of )?(?P<y>(?:19|20)\d\d|(?:'?\d\d)(?=\s|$|[^\d.,:]))"
        rf"{_END}"
    ),
    re.compile(
        rf"(?<![a-z]){_NAME}[\s.]{{1,2}}(?P<d>\d\d?)(?:st|nd|rd|th)?\s?[,.]?\s{{0,2}}"
        rf"(?P<y>(?:19|20)\d\d){_END}"
    ),
    re.compile(rf"{_START}(?P<y>(?:19|20)\d\d)[\s-]{_NAME}[\s.-]{{1,2}}(?P<d>\d\d?){_END}"),
)
# A date's words stand a space apart; farther apart they are numbers of a table.
_MAX_GAP = 2.0


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date printed in a line.

    Attributes:
        first: The number of its first word in the line.
        last: The number of its last word.
        day_first: The date, read day first (or the only way it can be read); None if impossible.
        month_first: The date, read month first; None if impossible.
        slashed: Written with slashes, the one form in which months do stand first.
    """

    first: int
    last: int
    day_first: date | None
    month_first: date | None
    slashed: bool = False


def printed_date(value: date) -> str:
    """Write a date the way the service does: `26-Jul-2025`."""
    return f"{value.day:02d}-{_SHORT_MONTHS[value.month - 1]}-{value.year:04d}"


def settled_date(found: FoundDate, *, month_first: bool) -> date | None:
    """Give the date that a document's habit makes of a printed one."""
    preferred = found.month_first if month_first and found.slashed else found.day_first
    return preferred or found.day_first or found.month_first


def is_month_first(dates: Iterable[FoundDate], *, american: bool) -> bool:
    """Decide how a document writes its dates, by those that can be read in one way only.

    Args:
        dates: All dates of the document.
        american: What to think when no date tells.
    """
    votes = 0
    for found in dates:
        if found.slashed and (found.day_first is None) != (found.month_first is None):
            votes += 1 if found.day_first is None else -1
    return votes > 0 or (votes == 0 and american)


def dates_in(words: Sequence[Word]) -> list[FoundDate]:
    """Find the dates in a line, left to right.

    Args:
        words: The line's words.
    """
    text, word_at = _line_text(words)
    if not any(c.isdigit() for c in text):
        return []
    found: list[FoundDate] = []
    taken: set[int] = set()
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            first, last = word_at[match.start()], word_at[match.end() - 1]
            span = set(range(first, last + 1))
            if span & taken or not _is_connected(words, first, last):
                continue
            value = _from_match(match, first, last)
            if value is not None:
                found.append(value)
                taken |= span
    return sorted(found, key=lambda d: d.first)


def _line_text(words: Sequence[Word]) -> tuple[str, list[int]]:
    """Join the words, folded, and say for each character which word it belongs to."""
    parts: list[str] = []
    word_at: list[int] = []
    for i, word in enumerate(words):
        folded = fold(word.text)
        # A date stands on its own even where no space parts it from its label.
        if parts and (not word.glued or (folded[:1].isdigit() and parts[-1][-1:].isalpha())):
            parts.append(" ")
            word_at.append(i)
        parts.append(folded)
        word_at += [i] * len(folded)
    return "".join(parts), word_at


def _is_connected(words: Sequence[Word], first: int, last: int) -> bool:
    pairs = zip(words[first:last], words[first + 1 : last + 1], strict=True)
    return all(b.x1 - a.x2 < _MAX_GAP * a.size for a, b in pairs)


def _from_match(match: re.Match[str], first: int, last: int) -> FoundDate | None:
    groups = match.groupdict()
    year = _year(groups["y"])
    if groups.get("a"):
        a, b = int(groups["a"]), int(groups["b"])
        day_first, month_first = _date(year, b, a), _date(year, a, b)
        slashed = "/" in groups["sep"] or "-" in groups["sep"]
        if day_first is None and month_first is None:
            return None
        return FoundDate(first, last, day_first, month_first if slashed else None, slashed)
    month = _MONTHS[groups["name"]] if groups.get("name") else int(groups["m"])
    value = _date(year, month, int(groups["d"]))
    return FoundDate(first, last, value, value) if value else None


def _year(text: str) -> int:
    number = int(text.lstrip("'"))
    if number >= 100:
        return number
    return number + (2000 if number < 70 else 1900)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
