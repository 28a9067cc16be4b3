"""The JSON texts that travel inside form fields: read strictly, as the documentation writes them.

Pure. What the fields mean is not known here, but for boxes, which several endpoints take.
"""

from __future__ import annotations

import json
import math
from typing import Any, Never

from klearstack_async.sandbox.answers import RefusalError

# Far beyond any page image, and small enough for every reader of JSON.
_MAX_COORDINATE = 1_000_000_000


def parse_json(name: str, text: str) -> Any:
    """Read a field's text as JSON: no NaN, no Infinity, nothing deeper than Python can follow.

    Raises:
        RefusalError: 400.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, f"{name} must be valid JSON.") from error


def parse_box(name: str, value: Any) -> tuple[float, ...]:
    """Take four numbers as `x1, y1, x2, y2`.

    Raises:
        RefusalError: 400 for anything else.
    """
    if isinstance(value, list) and len(value) == 4 and all(map(_is_coordinate, value)):
        return tuple(value)
    raise RefusalError(400, f"{name} must be four numbers, as in [x1, y1, x2, y2].")


def is_scalar(value: Any) -> bool:
    """Tell whether a value is one that a field can have: text, a number, a boolean or null."""
    if isinstance(value, float):
        return math.isfinite(value)  # JSON may spell a number that no float can hold: 1e999
    return value is None or isinstance(value, str | int)


def _is_coordinate(value: Any) -> bool:
    # Python counts booleans among the integers. A NaN never gets here.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_MAX_COORDINATE <= value <= _MAX_COORDINATE
    )


def _refuse_constant(constant: str) -> Never:
    raise ValueError(constant)  # NaN and Infinity, which Python reads but JSON has not
