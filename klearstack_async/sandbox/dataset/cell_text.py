"""How the value of a workbook's cell reads as text. Pure.

Texts as they are; numbers in their shortest exact form, without the number format's decimals,
currencies or leading zeros; dates and times, which are stored as numbers of days, in ISO form;
TRUE and FALSE; errors as the spreadsheet shows them (`#N/A`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto

# A character that XML can't carry is written so; what isn't one stays as it is.
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_WHOLE = re.compile("-?[0-9]+")
# In a format's code: quoted text, an escaped or padding character, and brackets but [h], [m], [s].
_LITERALS = re.compile(r'"[^"]*"|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
# Excel takes 1900 for a leap year: from March of it on, its days count from here.
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's times have no zone
_FALSE_LEAP_DAY = 60
_DAYS_BEYOND = 2_958_466  # the first one after the year 9999
_DAY_SECONDS = 86_400


class Moment(Enum):
    """What a number stands for that is shown as a date or time."""

    DATE = auto()
    DATE_AND_TIME = auto()
    TIME = auto()
    ELAPSED = auto()


_BUILT_IN = {
    **dict.fromkeys([*range(14, 18), *range(27, 32), 36, *range(50, 59)], Moment.DATE),
    **dict.fromkeys([*range(18, 22), *range(32, 36), 45, 47], Moment.TIME),
    22: Moment.DATE_AND_TIME,
    46: Moment.ELAPSED,
}


def moment_of(number: str, code: str | None) -> Moment | None:
    """Tell what a number format shows, by its own code or else by its built-in number."""
    if code is None:
        return _BUILT_IN.get(int(number)) if _WHOLE.fullmatch(number[:9]) else None
    plain = _LITERALS.sub("", code).partition(";")[0].lower()
    if _ELAPSED.search(plain):
        return Moment.ELAPSED
    has_time = "h" in plain or "s" in plain
    # An m is a minute beside hours or seconds, and a month otherwise.
    has_date = "y" in plain or "d" in plain or ("m" in plain and not has_time)
    if plain == "general" or not (has_date or has_time):
        return None
    if has_date and has_time:
        return Moment.DATE_AND_TIME
    return Moment.DATE if has_date else Moment.TIME


def unescaped(text: str) -> str:
    """Decode the characters written as ``_x000D_``; half a surrogate pair is none."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return match[0] if 0xD800 <= code <= 0xDFFF else chr(code)

    return _ESCAPE.sub(character, text) if "_x" in text else text


@dataclass(frozen=True, slots=True)
class CellValues:
    """What cells refer to: the shared texts, and what each style shows.

    `days_before` is how many days of the usual count come before this workbook's first.
    """

    texts: list[str]
    moments: list[Moment | None]
    days_before: int

    def text(self, attributes: dict[str, str], raw: str) -> str:
        """Read a cell's value by its type (``t``) and style (``s``).

        Raises:
            ValueError: It refers to a text that isn't there.
        """
        kind = attributes.get("t", "n")
        if kind == "n":
            return self._number(raw.strip(), attributes.get("s", ""))
        if kind == "s":
            return self._shared(raw.strip())
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(raw.strip(), raw.strip().upper())
        return unescaped(raw)  # texts of its own, errors, and the rare dates in ISO form

    def _shared(self, raw: str) -> str:
        if not raw:
            return ""
        index = int(raw) if re.fullmatch("[0-9]{1,9}", raw) else len(self.texts)
        if index >= len(self.texts):
            raise ValueError(f"there is no shared text with the number {raw[:20]}")
        return self.texts[index]

    def _number(self, raw: str, style: str) -> str:
        index = int(style) if re.fullmatch("[0-9]{1,9}", style) else len(self.moments)
        moment = self.moments[index] if index < len(self.moments) else None
        return number_text(raw) if moment is None else moment_text(raw, moment, self.days_before)


def number_text(raw: str) -> str:
    """Write a number in its shortest form that is still exact: ``0.1`` for 0.10000000000000001."""
    number = _float(raw)
    if number is None or _WHOLE.fullmatch(raw):
        return raw
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def moment_text(raw: str, moment: Moment, days_before: int) -> str:
    """Write a number of days as a date, a time, both, or hours that have passed."""
    days = _float(raw)
    if days is None or not 0 <= days < _DAYS_BEYOND - days_before:
        return number_text(raw)
    if moment is Moment.ELAPSED:
        return _elapsed_text(round(days * _DAY_SECONDS))
    instant = _instant(days, days_before)
    precision = "milliseconds" if instant.microsecond else "seconds"
    if moment is Moment.TIME and days < 1:
        return instant.time().isoformat(precision)
    if moment is Moment.DATE and instant.time() == time.min:
        return instant.date().isoformat()
    return instant.isoformat(" ", precision)


def _instant(days: float, days_before: int) -> datetime:
    """Convert a number of days; doubles of this size are exact to well below a millisecond."""
    if days_before:
        first = _DAY_ZERO + timedelta(days=days_before)
    else:
        first = _DAY_ZERO + timedelta(days=int(days < _FALSE_LEAP_DAY))
    return first + timedelta(milliseconds=round(days * _DAY_SECONDS * 1000))


def _elapsed_text(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _float(raw: str) -> float | None:
    try:
        number = float(raw)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
