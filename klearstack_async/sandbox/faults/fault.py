"""One fault as a user asks for it: in code, on the command line, or in a request's header."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from difflib import get_close_matches
from typing import Any

from klearstack_async.sandbox.faults.kinds import GROUPS, KINDS

HEADER = "X-Sandbox-Fault"
"""Faults for the one request that carries this header; several stand between semicolons."""

_OWN_PARAMETERS = ("seconds", "status", "retry_after")
_DATE = "date:"
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the sandbox does wrong on purpose.

    Parameters that are left out get the kind's default. Which kinds there are, and which of
    `seconds`, `status` and `retry_after` each takes, is told by an unknown one's error and by
    ``klearstack sandbox --help``.

    Args:
        kind: What happens, such as `reset_after`.
        endpoint: Where: an endpoint's name as in the URL, a group (`auth`, `uploads`, `reads`,
            `writes`), or `*` for all. Where a kind can't happen, it doesn't.
        probability: How likely it is for each request, from 0 to 1.
        seconds: How long, for the kinds that take time.
        status: The status of the answer, 400 to 599.
        retry_after: The Retry-After header: seconds, or ``"date:<seconds>"`` for the HTTP date so
            many seconds ahead, or ``"none"`` for none where there would be one by default.
        times: It happens at most so many times in all; None sets no limit.

    Raises:
        ValueError: An unknown kind, a parameter that it doesn't take, or an impossible value.
    """

    kind: str
    _: KW_ONLY
    endpoint: str = "*"
    probability: float = 1.0
    seconds: float | None = None
    status: int | None = None
    retry_after: float | str | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"there is no fault {self.kind!r}{_advice(self.kind, KINDS)}")
        for name in _OWN_PARAMETERS:
            if getattr(self, name) is None:
                object.__setattr__(self, name, kind.takes.get(name))
            elif name not in kind.takes:
                its = f"only {' and '.join(kind.takes)}" if kind.takes else "none of its own"
                raise ValueError(f"the fault {self.kind} takes no {name}, {its}")
        for name, (is_right, rule) in _RULES.items():
            value = getattr(self, name)
            if value is not None and not is_right(value):
                raise ValueError(f"{name} of the fault {self.kind} must be {rule}, not {value!r}")

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        given = {name: getattr(self, name) for name in _READ}
        said = (
            f"{name}={_number_or_text(value)}"
            for name, value in given.items()
            if value is not None and value != _LEFT_OUT.get(name)
        )
        return " ".join((self.kind, *said))

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault as it is written on the command line and in the header.

        The kind comes first, then its parameters, all with spaces between:
        ``status_after endpoint=processdocument probability=0.02 status=502``.

        Raises:
            ValueError: It can't be read; the text says why.
        """
        kind, *words = text.split() or [""]
        if "=" in kind or not kind:
            raise ValueError(f"a fault begins with its kind{_advice(kind, KINDS)}")
        parameters: dict[str, Any] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if name not in _READ:
                raise ValueError(f"a fault has no parameter {name!r}{_advice(name, _READ)}")
            if not equals or name in parameters:
                raise ValueError(f"say {name}=<value>, and once, in the fault {kind}")
            try:
                parameters[name] = _READ[name](value)
            except ValueError:
                raise ValueError(f"{name} of the fault {kind} can't be {value!r}") from None
        return cls(kind, **parameters)

    def is_for(self, endpoint: str) -> bool:
        """Tell whether it is asked for at an endpoint, and can happen there."""
        asked = endpoint == self.endpoint or endpoint in GROUPS.get(self.endpoint, ())
        return asked and endpoint in KINDS[self.kind].endpoints

    @property
    def retry_after_seconds(self) -> tuple[float, bool] | None:
        """What Retry-After says: seconds, and whether as a date; None if it isn't sent."""
        if self.retry_after is None or self.retry_after == _NONE:
            return None
        text = str(self.retry_after)
        return float(text.removeprefix(_DATE)), text.startswith(_DATE)


def parse_faults(text: str) -> list[Fault]:
    """Read several faults with semicolons between, and check where they are to be made.

    Raises:
        ValueError: One can't be read; the text says why.
    """
    return check_faults(Fault.parse(part) for part in text.split(";"))


def check_faults(faults: Iterable[Fault]) -> list[Fault]:
    """Return the faults, if they are such and name endpoints that there are.

    Raises:
        ValueError: They don't.
    """
    checked = list(faults)
    for fault in checked:
        if not isinstance(fault, Fault):
            raise ValueError(f"not a Fault, which Fault.parse makes of a text: {fault!r}")  # noqa: TRY004 - as all wrong settings
        if fault.endpoint not in GROUPS and fault.endpoint not in GROUPS["*"]:
            known = (*GROUPS, *sorted(GROUPS["*"]))
            advice = _advice(fault.endpoint, known)
            raise ValueError(f"a fault is for an unknown endpoint, {fault.endpoint!r}{advice}")
    return checked


def _advice(given: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(given, names, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"; {meant}There are {', '.join(names)}"


def _is_number(value: object, lowest: float = 0, highest: float = math.inf) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and math.isfinite(value) and lowest <= value <= highest  # type: ignore[arg-type, operator]


def _is_whole(value: object, lowest: int, highest: float = math.inf) -> bool:
    return isinstance(value, int) and _is_number(value, lowest, highest)


def _is_retry_after(value: object) -> bool:
    if isinstance(value, str) and value.startswith(_DATE):
        return _is_number(_number_or_text_of(value.removeprefix(_DATE)))
    return value == _NONE or _is_number(value)


def _number_or_text_of(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _number_or_text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "endpoint": (lambda value: isinstance(value, str), "an endpoint's name"),
    "probability": (lambda value: _is_number(value, 0, 1), "a number from 0 to 1"),
    "seconds": (_is_number, "a number of seconds, 0 or more"),
    "status": (lambda value: _is_whole(value, 400, 599), "an error's status, 400 to 599"),
    "retry_after": (_is_retry_after, "a number of seconds, date:<seconds> or none"),
    "times": (lambda value: _is_whole(value, 1), "a whole number from 1"),
}
_READ: dict[str, Callable[[str], Any]] = {
    "endpoint": str,
    "probability": float,
    "seconds": float,
    "status": int,
    "retry_after": _number_or_text_of,
    "times": int,
}
_LEFT_OUT = {"endpoint": "*", "probability": 1}
