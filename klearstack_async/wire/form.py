"""Fields and files to the bytes of a form, in each of the three encodings that the service knows.

Joined here in one go, because aiohttp's `FormData` spends four times as long on a small form as
on everything else of the call together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

from klearstack_async.settings import Encoding
from klearstack_async.values import date_text, number_text, timestamp_text

__all__ = [
    "FieldValue",
    "FormValue",
    "JsonText",
    "content_type_of",
    "escaped",
    "form_body",
    "form_fields",
    "media_type_of",
    "multipart_form",
    "multipart_frame",
    "renamed",
    "text_of",
]


@dataclass(frozen=True, slots=True)
class JsonText:
    """A field whose text is JSON, such as `data`; in a JSON body it stands as itself.

    Attributes:
        value: What the JSON says.
        text: The JSON.
    """

    value: Any = field(repr=False)
    text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            text = json.dumps(self.value, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise ValueError(f"this can't be written as JSON: {error}") from None
        object.__setattr__(self, "text", text)


FormValue = str | JsonText
FieldValue = (
    str
    | int
    | float
    | Decimal
    | bool
    | date
    | datetime
    | Mapping[str, Any]
    | Sequence[Any]
    | JsonText
    | None
)

_MEDIA_TYPES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".zip": "application/zip",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
}

# What browsers do (WHATWG, multipart/form-data encoding): only these three are escaped, and
# everything else, other scripts included, stands as UTF-8.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def form_fields(values: Mapping[str, FieldValue]) -> dict[str, FormValue]:
    """Write values as the service wants them.

    Flags become `true` or `false`, dates `DD/MM/YYYY`, instants `DD/MM/YYYY HH:MM:SS`, objects
    and lists strict JSON. What is None is left out.
    """
    return {name: _form_value(name, value) for name, value in values.items() if value is not None}


def renamed(fields: Mapping[str, FormValue], names: Mapping[str, str]) -> dict[str, FormValue]:
    """Give the fields other names; one whose other name is empty is left out.

    Raises:
        ValueError: Two fields would have the same name.
    """
    left = {name: value for name, value in fields.items() if names.get(name) != ""}
    found = {names.get(name, name): value for name, value in left.items()}
    if len(found) < len(left):
        raise ValueError(f"parameters={dict(names)} give two fields of this call the same name")
    return found


def media_type_of(filename: str) -> str:
    """Say which media type a file of this name has."""
    return _MEDIA_TYPES.get(PurePath(filename).suffix.lower(), "application/octet-stream")


def form_body(
    fields: Mapping[str, FormValue], encoding: Encoding | str, boundary: str
) -> tuple[bytes, str]:
    """Encode a form without a file.

    Returns:
        The body, and its `Content-Type`.
    """
    return _ENCODERS[Encoding(encoding)](fields, boundary)


def content_type_of(boundary: str) -> str:
    """Give the `Content-Type` header of a multipart form with this boundary."""
    return f"multipart/form-data; boundary={boundary}"


def multipart_form(fields: Mapping[str, FormValue], boundary: str) -> bytes:
    """Encode a multipart form without a file."""
    return _fields(fields, boundary) + f"--{boundary}--\r\n".encode()


def multipart_frame(
    fields: Mapping[str, FormValue],
    boundary: str,
    *,
    field_name: str,
    filename: str,
    content_type: str,
) -> tuple[bytes, bytes]:
    """Encode what stands before and after a file's own bytes.

    The fields come first, so that a server can refuse them before it has read the file.
    """
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{escaped(field_name)}"; '
        f'filename="{escaped(filename)}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return _fields(fields, boundary) + _utf8(head), f"\r\n--{boundary}--\r\n".encode()


def text_of(value: FormValue) -> str:
    """Give what a form says where this value is."""
    return value.text if isinstance(value, JsonText) else str(value)


def escaped(name: str) -> str:
    """Write a field's or a file's name so that it can stand in quotes."""
    return name.translate(_ESCAPES)


def _multipart(fields: Mapping[str, FormValue], boundary: str) -> tuple[bytes, str]:
    return multipart_form(fields, boundary), content_type_of(boundary)


def _urlencoded(fields: Mapping[str, FormValue], _boundary: str) -> tuple[bytes, str]:
    texts = {_utf8(name): _utf8(text_of(value)) for name, value in fields.items()}
    return urlencode(texts).encode(), "application/x-www-form-urlencoded"


def _json(fields: Mapping[str, FormValue], _boundary: str) -> tuple[bytes, str]:
    values = {
        name: value.value if isinstance(value, JsonText) else value
        for name, value in fields.items()
    }
    return _utf8(json.dumps(values, ensure_ascii=False, allow_nan=False)), "application/json"


_ENCODERS: Mapping[Encoding, Callable[[Mapping[str, FormValue], str], tuple[bytes, str]]] = {
    Encoding.MULTIPART: _multipart,
    Encoding.URLENCODED: _urlencoded,
    Encoding.JSON: _json,
}


def _fields(fields: Mapping[str, FormValue], boundary: str) -> bytes:
    return b"".join(
        _utf8(
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{escaped(name)}"\r\n\r\n'
            f"{text_of(value)}\r\n"
        )
        for name, value in fields.items()
    )


def _form_value(name: str, value: FieldValue) -> FormValue:
    if type(value) is str:
        return value
    # The first kind that fits counts: a flag is an int, and an instant a date, too.
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    kinds = "text, a number, a flag, a date, a mapping or a list"
    # Not shown: it may be a password.
    raise TypeError(f"{name} is {kinds}, not {type(value).__name__}")


_WRITERS: tuple[tuple[Any, Callable[[Any], FormValue]], ...] = (
    (JsonText, lambda value: value),
    (bool, lambda value: "true" if value else "false"),
    # An enumeration's member is the text or number that it stands for.
    (str, str.__str__),
    (int, lambda value: str(int(value))),
    (float | Decimal, number_text),
    (datetime, timestamp_text),
    (date, date_text),
    (Mapping, lambda value: JsonText(dict(value))),
    (list | tuple, lambda value: JsonText(list(value))),
)


def _utf8(text: str) -> bytes:
    # A file name that is no valid UTF-8 reaches Python as lone surrogates.
    return text.encode("utf-8", "replace")
