"""Dates as requests and answers write them. All of the sandbox's days are days in UTC.

Month and weekday names are written by tables, never by the process's locale.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require, shown

_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_SECOND = re.compile(rf"{_DAY.pattern} ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})")
_DAY_SECONDS = 86400.0
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_range(form: Form) -> tuple[float, float]:
    """Return the instants between which `from_date` to `to_date` lies, the last day included.

    Raises:
        RefusalError: 400 if one is missing or no date, or if they stand in the wrong order.
    """
    first, last = _required_day(form, "from_date"), _required_day(form, "to_date")
    if first > last:
        raise RefusalError(400, "from_date must not be after to_date.")
    # Added as seconds: the day after the last that Python knows is none.
    return _start_of(first), _start_of(last) + _DAY_SECONDS


def approved_date(instant: float) -> str:
    """Write a day as the list of approved documents does: `Wed Apr 14 2021`."""
    day = datetime.fromtimestamp(instant, UTC)
    return f"{_WEEKDAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02} {day.year:04}"


def is_timestamp(text: str) -> bool:
    """Tell whether a text is written as `QBE_timestamp` is: `14/04/2021 12:32:49`."""
    match = _SECOND.fullmatch(text)
    if match is None:
        return False
    day, month, *others = (int(group) for group in match.groups())
    year, hour, minute, second = others
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True


def _required_day(form: Form, name: str) -> date:
    text = require(form, name).strip()
    day = _day(text)
    if day is None:
        raise RefusalError(
            400, f"{name} must be a date written DD/MM/YYYY; '{shown(text)}' was given."
        )
    return day


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    day, month, year = (int(group) for group in match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _start_of(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
