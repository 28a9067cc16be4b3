"""Reading JSON exactly as it was sent: with keys that repeat, and nested however deeply.

Slower than msgspec, which keeps the last of several equal keys and gives up at a thousand levels;
so it runs only when somebody looks into a document, and for answers that are strange.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from klearstack_async.ordinary import ordinary_object

__all__ = [
    "BOM",
    "gathered",
    "members_of",
    "mended",
    "pairs_of",
    "parts_of",
    "raw_members",
    "take_text",
    "unused_key",
    "value_of",
    "value_or_text",
]

# What some editors and servers put before UTF-8.
BOM = b"\xef\xbb\xbf"
# Python refuses to read much longer integers from text (CVE-2020-10735).
_MOST_DIGITS = 4000
# A value that is nested more deeply stays text: else `repr`, `==` or writing it as JSON could fail
# for whoever does it deep in a program of their own. Real answers have less than ten.
_MOST_LEVELS = 50
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,"]', re.DOTALL)
_STEPS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_Scalar = str | float | int | bool | None
_SCALAR = msgspec.json.Decoder(_Scalar)


class _Object(dict[str, Any]):
    """An object with all its pairs, and written with all of them: `json` asks for its items."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def items(self) -> Any:
        return self.pairs


class _Key:
    """A key that equals nothing but itself, so that a dict keeps all of them."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def pairs_of(data: bytes) -> list[tuple[str, Any]]:
    """Read the keys and values of a JSON object, in the order in which they were sent.

    Values are as `value_of` gives them.

    Raises:
        ValueError: It isn't a JSON object.
    """
    quick = ordinary_object(data)
    if quick is not None:
        return list(quick.items())
    try:
        found = _loaded(data)
        if not isinstance(found, _Object):
            raise ValueError("not a JSON object")  # noqa: TRY004 - the text is wrong, not the code
        return _plain_pairs(found, _MOST_LEVELS)
    except RecursionError:
        return [(value_of(key), value_or_text(part)) for key, part in parts_of(data)]


def value_of(data: bytes) -> Any:
    """Read any JSON.

    Values are what `json` makes of them, with these differences, so that they can be written as
    JSON again: of keys that repeat in one object the first stays, and the others stand under
    `repeated`; what Python has no number for (1e999, NaN), and what is nested too deeply, stays
    text; half of a surrogate pair is a question mark.

    Raises:
        ValueError: It isn't JSON.
    """
    try:
        return _plain(_loaded(data), _MOST_LEVELS)
    except RecursionError:
        parts = parts_of(data)
    if data.lstrip().startswith(b"{"):
        return gathered((value_of(key), value_or_text(part)) for key, part in parts)
    return [value_or_text(part) for _, part in parts]


def value_or_text(data: bytes | msgspec.Raw) -> Any:
    """Read what may be any JSON; what can't be read, or is nested too deeply, stays text."""
    try:
        return _SCALAR.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = bytes(data)
    try:
        return _plain(_loaded(text), _MOST_LEVELS)
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def members_of(data: bytes) -> list[tuple[str, msgspec.Raw]]:
    """Give an object's keys and values in order, those that repeat included; values unread.

    Raises:
        msgspec.DecodeError: It isn't a JSON object.
    """
    try:
        return raw_members(data)
    except RecursionError:
        return [(value_of(key), msgspec.Raw(part)) for key, part in parts_of(data)]


def raw_members(
    data: bytes | msgspec.Raw, on_key: Callable[[], None] = lambda: None
) -> list[tuple[str, msgspec.Raw]]:
    """Give an object's keys and values as `members_of`, unless it is nested too deeply.

    Args:
        data: The object.
        on_key: Called for each key before the next is read; may raise to end the reading.

    Raises:
        msgspec.DecodeError: It isn't a JSON object.
        RecursionError: It is nested too deeply for msgspec.
    """

    def key(_: type, name: str) -> _Key:
        on_key()
        return _Key(name)

    decoder = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=key)
    return [(key.name, raw) for key, raw in decoder.decode(data).items()]


def parts_of(data: bytes | msgspec.Raw) -> list[tuple[bytes, bytes]]:
    """Cut an object or a list into the JSON of its members, however deeply they are nested.

    Returns:
        Key and value of each; the keys of a list's members are empty.

    Raises:
        msgspec.DecodeError: It is cut off or broken. A member that is nested too deeply for
            msgspec isn't looked into.
    """
    text = bytes(data)
    parts: list[tuple[bytes, bytes]] = []
    depth = start = 0
    key = b""
    for token in _TOKEN.finditer(text):
        sign, end = token[0], token.end()
        step = _STEPS.get(sign, 0)
        if depth == 1 and sign == b":":
            key, start = text[start : token.start()].strip(), end
        elif depth == 1 and (sign == b"," or step < 0):
            parts.append((key, text[start : token.start()].strip()))
            key, start = b"", end
        elif depth == 0:
            start = end
        depth += step
        # A quote alone is a string without an end: nothing behind it can be told apart.
        if depth == 0 or sign == b'"':
            break
    whole = text.strip()
    if depth or text[start:].strip() or whole[:1] + whole[-1:] not in {b"[]", b"{}"}:
        raise msgspec.DecodeError("the JSON is cut off, or other text stands around it")
    parts = [] if parts == [(b"", b"")] else parts
    for part in parts:
        _check(*part, has_key=whole[:1] == b"{")
    return parts


def mended(data: bytes) -> bytes:
    """Write as strict JSON what is wide-spread and none: NaN, half a surrogate pair, line breaks.

    Raises:
        ValueError: It is no JSON in this sense, either.
        RecursionError: It is nested too deeply.
    """
    return json.dumps(_loaded(data), ensure_ascii=False).encode("utf-8", "replace")


def gathered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs; of equal keys the first stays, the others stand under `repeated`."""
    found: dict[str, Any] = {}
    repeated = []
    for key, value in pairs:
        if key in found:
            repeated.append([key, value])
        else:
            found[key] = value
    if repeated:
        found[unused_key("repeated", found)] = repeated
    return found


def unused_key(key: str, found: Mapping[str, Any]) -> str:
    """Give a key of our own that is none of those that were sent."""
    while key in found:
        key += "_"
    return key


def take_text(found: dict[str, Any], *keys: str) -> str | None:
    """Take the first text or number that stands under one of the keys out of a dict, as text."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(found.pop(key))
    return None


def _loaded(data: bytes) -> Any:
    return json.loads(
        data.decode("utf-8", "replace"),
        object_pairs_hook=_Object,
        parse_float=_float,
        parse_int=_int,
        parse_constant=str,
        # A line break that nobody escaped is common.
        strict=False,
    )


def _plain(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        # Half of a surrogate pair can't be written again: a question mark stands for it.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if not isinstance(value, _Object | list):
        return value
    if levels == 0:
        raise RecursionError("nested too deeply")
    if isinstance(value, _Object):
        return gathered(_plain_pairs(value, levels))
    return [_plain(inner, levels - 1) for inner in value]


def _plain_pairs(found: _Object, levels: int) -> list[tuple[str, Any]]:
    return [(_plain(key, levels), _plain(value, levels - 1)) for key, value in found.pairs]


def _check(key: bytes, part: bytes, *, has_key: bool) -> None:
    """Raise what msgspec would have raised, had it not been for another part's depth."""
    if has_key:
        msgspec.json.decode(key.decode("utf-8", "replace"), type=str)
    elif key:
        raise msgspec.DecodeError("a list has no keys")
    try:
        msgspec.json.decode(part, type=msgspec.Raw)
    except RecursionError:
        return


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) <= _MOST_DIGITS else text
