"""Reading JSON without losing a key that stands there twice.

msgspec and `json` both keep the last of several equal keys. In a push, whose credentials stand
among its fields, two readers of one text must not find two different values.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import msgspec

from klearstack_async.keyed import BOM, mended, raw_members
from klearstack_async.webhooks.refusal import refusal

__all__ = ["MOST_MENDED_BYTES", "MOST_MENDED_OF_STRANGERS_BYTES", "json_members", "read_json"]

T = TypeVar("T")

# Mending makes Python objects of all of it, which can take 40 times the memory, and a stranger may
# have sent it.
MOST_MENDED_BYTES = 8 << 20
MOST_MENDED_OF_STRANGERS_BYTES = 256 << 10


def read_json(
    text: bytes | msgspec.Raw,
    decode: Callable[[bytes | msgspec.Raw], T],
    *,
    most_mended_bytes: int = MOST_MENDED_BYTES,
) -> T:
    """Decode JSON strictly; if that fails, once more with what is wide-spread and no JSON mended.

    That is NaN, half a surrogate pair, a line break that nobody escaped, a byte that is no UTF-8;
    up to `most_mended_bytes`. Unlike in an answer, nothing is searched for in a text around it.

    Raises:
        WebhookError: 400, it isn't JSON, or nested too deeply.
        msgspec.ValidationError: It is JSON, and not what `decode` wants.
    """
    if not isinstance(text, msgspec.Raw):
        text = _utf8(text.removeprefix(BOM))
    try:
        return decode(text)
    except msgspec.ValidationError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # What is raised in here would hold on to the body: these errors show it to whoever asks.
        reason = _reason(error)
    try:
        if memoryview(text).nbytes <= most_mended_bytes:
            return decode(mended(bytes(text)))
    except msgspec.ValidationError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason = _reason(error)
    raise refusal(400, f"can't read the JSON ({reason}); the body was cut off, or is broken")


def json_members(text: bytes | msgspec.Raw, most: int | None = None) -> list[tuple[str, Any]]:
    """Give an object's keys and values (as `msgspec.Raw`), in order, with those that repeat.

    Args:
        text: The object.
        most: How many members it may have.

    Raises:
        WebhookError: 400, it has more members.
        msgspec.DecodeError: It isn't JSON.
        msgspec.ValidationError: It isn't an object.
    """
    number = count(1)

    def refuse_too_many() -> None:
        if most is not None and next(number) > most:
            raise refusal(400, f"it has more than {most} fields; a push has eight")

    return raw_members(text, refuse_too_many)


def _reason(error: Exception) -> str:
    # Only the first part of a message: the rest could quote the text.
    deep = isinstance(error, RecursionError)
    return "it is nested too deeply" if deep else str(error).partition(":")[0]


def _utf8(text: bytes) -> bytes:
    """Mend what isn't UTF-8 before it is decoded in pieces."""
    try:
        text.isascii() or text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text
