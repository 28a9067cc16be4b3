"""Between the texts of the service and Python's values: dates, decimals, flags.

Pure, and strict: what has two readings raises `ValueError` instead of being guessed.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

__all__ = [
    "date_from",
    "date_text",
    "decimal_from",
    "flag_from",
    "instant_from",
    "number_text",
    "timestamp_text",
    "writable",
]

# strptime's %b follows the process's locale; the service always writes English months.
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAY_MONTH_YEAR = re.compile(r"(?P<day>\d{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>\d{4})")
_WEEKDAY_MONTH_DAY_YEAR = re.compile(
    r"[A-Za-z]{3} (?P<month>[A-Za-z]{3}) (?P<day>\d{1,2}) (?P<year>\d{4})"
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")

_PLAIN_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")
# Only with a fraction: "1,234" alone could be one thousand or one and a bit.
_GROUPED_DECIMAL = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def date_from(value: Any) -> date:
    """Read a date as the service writes one.

    Accepts `26-Jul-2025`, `2025-07-26` and `Wed Apr 14 2021`.

    Raises:
        ValueError: The value has none of these forms. `04/05/2021` is refused, too: which of the
            two numbers is the month can't be told.
    """
    text = value.strip() if isinstance(value, str) else ""
    if _ISO.fullmatch(text):
        return date.fromisoformat(text)
    match = _DAY_MONTH_YEAR.fullmatch(text) or _WEEKDAY_MONTH_DAY_YEAR.fullmatch(text)
    month = _MONTHS.get(match["month"].lower()) if match else None
    if match is None or month is None:
        raise ValueError(f"{value!r} is not a date such as 26-Jul-2025; read .value yourself")
    return date(int(match["year"]), month, int(match["day"]))


def number_text(value: float | Decimal) -> str:
    """Write a number that need not be whole.

    Raises:
        ValueError: It is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number that can be sent")
    return str(value)


def date_text(value: date) -> str:
    """Write a date as requests want it: `31/01/2026`.

    Raises:
        TypeError: It is no date; a text could mean two dates.
    """
    if not isinstance(value, date):
        raise TypeError(f"pass a datetime.date, not {value!r}")
    return f"{value.day:02}/{value.month:02}/{value.year:04}"


def timestamp_text(value: datetime) -> str:
    """Write an instant as QuickBooks' answer has it: `14/04/2021 12:32:49`, without a zone.

    Raises:
        TypeError: It is no instant.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"pass a datetime.datetime, not {value!r}")
    return f"{date_text(value)} {value.hour:02}:{value.minute:02}:{value.second:02}"


def instant_from(value: Any) -> datetime:
    """Read an instant such as `2023-10-11T18:28:40.322`.

    The service states no zone, so none is invented: the result is naive.

    Raises:
        ValueError: The value is no ISO instant.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an instant such as 2023-10-11T18:28:40.322")  # noqa: TRY004 - the value is wrong, not the caller's code
    return datetime.fromisoformat(value)


def decimal_from(value: Any) -> Decimal:
    """Read an amount exactly: `80.40`, `-3`, `1,234.50`, or a JSON number.

    Raises:
        ValueError: The text could be read in two ways (`1,234`), or is no number.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    text = value.strip() if isinstance(value, str) else ""
    if _PLAIN_DECIMAL.fullmatch(text):
        return Decimal(text)
    if _GROUPED_DECIMAL.fullmatch(text):
        return Decimal(text.replace(",", ""))
    raise ValueError(f"{value!r} is not a plain number such as 1234.50; read .value yourself")


def flag_from(value: Any) -> bool:
    """Read a flag, which the service writes as 0 or 1, true or false, or as their text.

    Raises:
        ValueError: It is none of these.
    """
    flag = _FLAGS.get(str(value).strip().lower())
    if flag is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return flag


def writable(text: str) -> str:
    """Make a text fit to be written down or sent: a file's name need not be valid UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
