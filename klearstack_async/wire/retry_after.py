"""Reading `Retry-After`, which comes as seconds or as a date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["retry_after_seconds"]


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read how long the server asks to wait.

    Args:
        headers: The answer's, by lower-case name. A date is compared with the server's own `Date`,
            because its clock and this machine's need not agree.
        now: This machine's time, for a server that doesn't say its own.

    Returns:
        Seconds, 0 for a time that has passed; None if it says nothing that can be read.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    until = _instant(text)
    if until is None:
        return None
    return max(0.0, (until - (_instant(headers.get("date", "")) or now)).total_seconds())


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # "-0000" means that the zone is not known; HTTP knows only one.
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
