"""Answers gone wrong: functions from bodies to bodies, and tables of what they become. Pure."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from klearstack_async.sandbox.service import StatusKey, StatusWords

WEB_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>KlearStack</title></head>"
    "<body><h1>We'll be right back</h1><p>The site is under maintenance.</p></body></html>\n"
)

_AROUND = (
    (b"callback(", b");"),
    (b"while(1);\n", b"\n// that was all"),
    (b"Here is your result:\n", b"\nThank you for using the service."),
    (b"<!-- answer -->\n", b"\n<!-- end of answer -->"),
)

_ODD_STATUSES: tuple[tuple[StatusKey, StatusWords], ...] = (
    ("status", {"processing": "In Progress", "completed": "COMPLETED", "failed": "FAILED"}),
    ("extractionStatus", {"processing": "pending", "completed": "complete", "failed": "error"}),
    ("extraction_status", {"processing": "PENDING", "completed": "Complete", "failed": "Error"}),
    ("status", {"processing": "in progress", "completed": "complete", "failed": "Failed"}),
    ("extractionStatus", {"processing": "Processing", "completed": "Completed", "failed": "ERROR"}),
)

HOSTILE = (
    "],[",
    '"}]}',
    '[[{"result": [',
    "\\",
    '\\"',
    "' OR 1=1; --",
    "\"quoted\" and 'quoted'",
    "<script>alert(document.cookie)</script>",
    "<img src=x onerror=alert(1)>",
    "{{7*7}} ${7*7} %s %n",
    "=HYPERLINK(A1)",
    "../../../etc/passwd",
    "\x00\x01\x08\x1b[31m\x1f\x7f",
    "line\r\nbreak\ttab\u2028\u2029\x85",
    "\u202egpj.exe\u202c \u200f\u200b\ufeff",
    "half a pair \ud800",
    "\udfff\udbff the wrong way round",
    "\U0001f9fe e\u0301\u0302\u0303\u0304 \uffff",
    "x" * 20_000,
    "[" * 5_000,
    "null",
    " ",
)
"""What a document might bring its readers."""


def truncated(body: bytes) -> bytes:
    """Cut in the middle."""
    return body[: len(body) // 2]


def junk(body: bytes, seed: int) -> bytes:
    """Put text before and after."""
    before, after = Random(seed).choice(_AROUND)  # noqa: S311 - not for secrets
    return before + body + after


def odd_status(seed: int) -> tuple[StatusKey, StatusWords]:
    """Give a key and words, as observed somewhere, for a batch's state."""
    return Random(seed).choice(_ODD_STATUSES)  # noqa: S311 - not for secrets


def hostile(body: bytes, seed: int) -> bytes:
    """Replace the texts that were read from documents; still valid JSON.

    What the service itself says of a document stays: its id, its times, its file's name.
    """
    random = Random(seed)  # noqa: S311 - not for secrets
    answer = json.loads(body)
    spoilt = _with_hostile_texts(answer, random)
    if spoilt == answer:
        return body
    # The only characters that UTF-8 can't carry, half surrogate pairs, become JSON's escapes.
    return json.dumps(spoilt, ensure_ascii=False).encode("utf-8", errors="backslashreplace")


def _with_hostile_texts(value: Any, random: Random) -> Any:
    if isinstance(value, list):
        items = [_with_hostile_texts(item, random) for item in value]
        return [random.choice(HOSTILE), *items[1:]] if _is_text_row(value) else items
    if isinstance(value, dict):
        fields = {name: _with_hostile_texts(item, random) for name, item in value.items()}
        # Only fields of the keyed shape have this key.
        return fields | {"value": random.choice(HOSTILE)} if _is_text_field(value) else fields
    return value


def _is_text_row(row: list[Any]) -> bool:
    """Tell a field of the positional shape, which has a confidence, from what only looks so."""
    kinds = [isinstance(item, str) for item in row[:3]]
    return kinds == [True, True, False]


def _is_text_field(value: dict[str, Any]) -> bool:
    return isinstance(value.get("value"), str)
