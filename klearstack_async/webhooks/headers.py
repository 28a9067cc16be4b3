"""HTTP headers in whatever form a framework gives them, and the parameters inside of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from klearstack_async.webhooks.refusal import refusal

__all__ = ["Headers", "charset_of", "content_length_of", "header_values", "parameters_of"]

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
# A number that nobody could send, and Python would take long to read.
_MOST_DIGITS = 18
# A table and not Python's registry: some of the codecs in there take quadratic time, and it keeps
# every unknown name for ever.
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
}


def header_values(headers: Headers) -> dict[str, list[str]]:
    """Give every header's values, in order, under its name in lower case."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(_text(name).strip().lower(), []).append(_text(value).strip())
    return found


def parameters_of(value: str) -> tuple[str, dict[str, str]]:
    """Split `form-data; name="data"` into its first word and its parameters, all names lower-case.

    Raises:
        WebhookError: 400, a parameter stands there twice.
    """
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        if name.lower() in parameters:
            raise refusal(400, "a header states a parameter twice; ask KlearStack's support")
        parameters[name.lower()] = re.sub(r'\\(["\\])', r"\1", quoted) or bare.strip()
    return value.partition(";")[0].strip().lower(), parameters


def charset_of(parameters: Mapping[str, str]) -> str:
    """Say which of Python's codecs a `charset` means; UTF-8 if there is none.

    Raises:
        WebhookError: 415, the charset isn't known here.
    """
    codec = _CODECS.get(parameters.get("charset", "utf-8").lower())
    if codec is None:
        raise refusal(415, f"the charset isn't one of {', '.join(_CODECS)}; send UTF-8")
    return codec


def content_length_of(lengths: list[str]) -> int | None:
    """Read the values of the request's `Content-Length` headers; None if there is none.

    Raises:
        WebhookError: 400, it is no length, or there are several.
    """
    if not lengths:
        return None
    [length, *others] = lengths
    if others or len(length) > _MOST_DIGITS or not (length.isascii() and length.isdigit()):
        raise refusal(400, "the Content-Length header isn't one number")
    return int(length)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
