"""A body as fields, whichever of the three encodings it came in.

A field's value is bytes where it was sent in a form (as UTF-8, whatever the charset was), and
`msgspec.Raw` where it was sent in JSON. What a field means is not judged here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from klearstack_async.webhooks.headers import charset_of, parameters_of
from klearstack_async.webhooks.json_object import (
    MOST_MENDED_OF_STRANGERS_BYTES,
    json_members,
    read_json,
)
from klearstack_async.webhooks.multipart import multipart_fields
from klearstack_async.webhooks.refusal import refusal

__all__ = ["Value", "as_sent", "check_content_type", "fields_of", "json_of", "text_of"]

Value: TypeAlias = bytes | msgspec.Raw
_Reader: TypeAlias = Callable[[bytes, Mapping[str, str]], Iterable[tuple[str, Value]]]

MOST_FIELDS = 200
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def fields_of(content_types: list[str], body: bytes) -> dict[str, Value]:
    """Take a body apart.

    Args:
        content_types: The values of the request's `Content-Type` headers.
        body: All of it.

    Raises:
        WebhookError: 415, it is in none of the three encodings; 400, it is malformed, has too many
            fields, or one of them twice.
    """
    read, parameters = _reader_of(content_types)
    fields: dict[str, Value] = {}
    for name, value in islice(read(body, parameters), MOST_FIELDS + 1):
        if name in fields:
            # Which one counts is anybody's guess, and a proxy may have checked the other.
            raise refusal(400, "a field is there twice; the sender must send each field once")
        fields[name] = value
    if len(fields) > MOST_FIELDS:
        raise refusal(400, f"it has more than {MOST_FIELDS} fields; a push has eight")
    return fields


def check_content_type(content_types: list[str]) -> None:
    """Refuse a body by the values of the request's `Content-Type` headers.

    Raises:
        WebhookError: 415, it is in none of the three encodings; 400, there are several.
    """
    _reader_of(content_types)


def text_of(value: Value) -> str:
    """Give a value as text; a number in JSON as it is written there, `null` as no text."""
    if not isinstance(value, msgspec.Raw):
        return value.decode("utf-8", "replace")
    if _is_string(value):
        return msgspec.json.decode(value, type=str)
    text = bytes(value).decode()
    return "" if text == "null" else text


def json_of(value: Value) -> Value:
    """Give the JSON that a value holds as text, or is."""
    is_text = isinstance(value, msgspec.Raw) and _is_string(value)
    return text_of(value).encode() if is_text else value


def as_sent(value: Value) -> Any:
    """Give a value that has no meaning here: text or bytes from a form, anything from JSON."""
    try:
        return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value.decode()
    except UnicodeDecodeError:
        return value
    except (msgspec.DecodeError, RecursionError):
        # What Python has no value for (1e999) is kept as its text.
        return bytes(value).decode()


def _is_string(value: msgspec.Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b'"'


def _multipart(body: bytes, parameters: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    boundary = parameters.get("boundary")
    if not boundary:
        raise refusal(400, "the Content-Type multipart/form-data names no boundary")
    for name, value, codec in multipart_fields(body, boundary):
        yield name, _utf8(value, codec)


def _urlencoded(body: bytes, parameters: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    codec = charset_of(parameters)
    # One more than may be: then there are too many, and the rest needs no splitting.
    for pair in filter(None, body.split(b"&", MOST_FIELDS + 1)):
        name, _, value = pair.partition(b"=")
        yield text_of(_utf8(_unquoted(name), codec)), _utf8(_unquoted(value), codec)


def _json(body: bytes, parameters: Mapping[str, str]) -> Iterable[tuple[str, Value]]:
    text = _utf8(body, charset_of(parameters))
    try:
        # Whoever sent it has not shown the password yet.
        return read_json(
            text,
            lambda found: json_members(found, MOST_FIELDS),
            most_mended_bytes=MOST_MENDED_OF_STRANGERS_BYTES,
        )
    except msgspec.ValidationError:
        pass
    raise refusal(422, "not a push: the body is JSON and not an object")


_READERS: Mapping[str, _Reader] = {
    "multipart/form-data": _multipart,
    "application/x-www-form-urlencoded": _urlencoded,
    "application/json": _json,
}


def _reader_of(content_types: list[str]) -> tuple[_Reader, Mapping[str, str]]:
    if len(content_types) > 1:
        raise refusal(400, "the request has more than one Content-Type header")
    kind, parameters = parameters_of("".join(content_types))
    read = _READERS.get(kind)
    if read is None:
        known = ", ".join(_READERS)
        said = f"the Content-Type is {{}}; a push is one of: {known}"
        raise refusal(415, said, quoted=kind or "missing")
    return read, parameters


def _utf8(value: bytes, codec: str) -> bytes:
    return value if codec == "utf-8" else value.decode(codec, "replace").encode()


def _unquoted(value: bytes) -> bytes:
    """Undo percent-encoding, in C: `urllib` takes ten times the time, and 40 times the memory.

    Quoted-printable is the same encoding with `=` for `%`.
    """
    if _NO_ESCAPE.search(value):
        raise refusal(400, "a % in the body begins no escape; the sender must encode its values")
    value = value.replace(b"+", b" ")
    if b"%" not in value:
        return value
    return binascii.a2b_qp(value.replace(b"=", b"%3D").replace(b"%", b"="))
