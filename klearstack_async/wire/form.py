"""Fields and files to the bytes of a multipart form.

Joined here in one go, because aiohttp's `FormData` spends four times as long on a small form as
on everything else of the call together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath

__all__ = ["content_type_of", "form_fields", "media_type_of", "multipart_form", "multipart_frame"]

FieldValue = str | int | bool | Mapping[str, object] | None

_MEDIA_TYPES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".zip": "application/zip",
}

# What browsers do (WHATWG, multipart/form-data encoding): only these three are escaped, and
# everything else, other scripts included, stands as UTF-8.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def form_fields(values: Mapping[str, FieldValue]) -> dict[str, str]:
    """Write values as the service wants them: flags as `true` or `false`, objects as strict JSON.

    What is None is left out.
    """
    return {name: _text(value) for name, value in values.items() if value is not None}


def media_type_of(filename: str) -> str:
    """Say which media type a file of this name has."""
    return _MEDIA_TYPES.get(PurePath(filename).suffix.lower(), "application/octet-stream")


def content_type_of(boundary: str) -> str:
    """Give the `Content-Type` header of a form with this boundary."""
    return f"multipart/form-data; boundary={boundary}"


def multipart_form(fields: Mapping[str, str], boundary: str) -> bytes:
    """Encode a form without a file."""
    return _fields(fields, boundary) + f"--{boundary}--\r\n".encode()


def multipart_frame(
    fields: Mapping[str, str], boundary: str, *, field_name: str, filename: str, content_type: str
) -> tuple[bytes, bytes]:
    """Encode what stands before and after a file's own bytes.

    The fields come first, so that a server can refuse them before it has read the file.
    """
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{_escaped(field_name)}"; '
        f'filename="{_escaped(filename)}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return _fields(fields, boundary) + _utf8(head), f"\r\n--{boundary}--\r\n".encode()


def _fields(fields: Mapping[str, str], boundary: str) -> bytes:
    return b"".join(
        _utf8(
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n'
            f"{value}\r\n"
        )
        for name, value in fields.items()
    )


def _text(value: FieldValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    if not isinstance(value, str | int):
        raise TypeError(f"a field is text, a number, a flag or a mapping, not {value!r}")
    return str(value)


def _escaped(name: str) -> str:
    return name.translate(_ESCAPES)


def _utf8(text: str) -> bytes:
    # A file name that is no valid UTF-8 reaches Python as lone surrogates.
    return text.encode("utf-8", "replace")
