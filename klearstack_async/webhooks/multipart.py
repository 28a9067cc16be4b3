"""Reading a whole multipart/form-data body: strictly, in linear time, with one copy of each value.

Not the standard library's email parser: it works line by line, so that 8 MB of line ends take it
4 s, it follows whatever a part claims about nested messages, and a body that was cut off is only
a note among its defects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from klearstack_async.webhooks.headers import charset_of, parameters_of
from klearstack_async.webhooks.refusal import refusal

__all__ = ["multipart_fields"]

_MOST_HEADER_BYTES = 16 << 10
# What may follow the boundary on its line; anything else only begins like the boundary.
_LAST_LINE = re.compile(rb"--[ \t]{0,64}(?:\r?\n|\Z)")
_LINE = re.compile(rb"[ \t]{0,64}\r\n")
_FOLD = re.compile(r"\r\n[ \t]+")
# RFC 7578 does away with the others for forms, and no sender at hand uses them.
_TRANSFERS = frozenset({"", "7bit", "8bit", "binary"})


def multipart_fields(body: bytes, boundary: str) -> Iterator[tuple[str, bytes, str]]:
    """Give the name, the value as sent, and the codec of each part. Files are values, too.

    Raises:
        WebhookError: 400, it isn't well-formed, or was cut off; 415, a part is encoded in a way
            that forms don't use.
    """
    delimiter = b"\r\n--" + boundary.encode("utf-8", "replace")
    first = _LINE.match(body, len(delimiter) - 2)
    if not body.startswith(delimiter[2:]) or first is None:
        # Mail has text before the first boundary, forms don't; here it would be a lost field.
        raise refusal(400, "the body doesn't begin with the boundary that its Content-Type names")
    head, is_last = first.end() - 2, False
    while not is_last:
        end = body.find(b"\r\n\r\n", head, head + _MOST_HEADER_BYTES)
        if end < 0:
            raise refusal(400, "a part's headers have no end; the body was cut off, or is broken")
        name, codec = _name_and_codec(body[head + 2 : end])
        value_begin = end + 4
        value_end, head, is_last = _next_line(body, delimiter, value_begin)
        yield name, body[value_begin:value_end], codec


def _next_line(body: bytes, delimiter: bytes, start: int) -> tuple[int, int, bool]:
    """Find the next boundary line.

    Returns:
        Where the value before it ends; where the headers after it begin, less the line end before
        them, so that no headers look like the end of some; and whether it is the last.
    """
    while True:
        begin = body.find(delimiter, start)
        after = begin + len(delimiter)
        if begin < 0:
            raise refusal(400, "the last boundary is missing: the body was cut off; send it again")
        if _LAST_LINE.match(body, after):
            return begin, after, True
        if line := _LINE.match(body, after):
            return begin, line.end() - 2, False
        start = after


def _name_and_codec(head: bytes) -> tuple[str, str]:
    headers: dict[str, str] = {}
    for line in _FOLD.sub(" ", head.decode("utf-8", "replace")).split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or name in headers:
            raise refusal(400, "a part's headers are broken; the body isn't multipart/form-data")
        headers[name] = value.strip()
    disposition = parameters_of(headers.get("content-disposition", ""))[1]
    if not disposition.get("name"):
        raise refusal(400, "a part has no name in its Content-Disposition header")
    if headers.get("content-transfer-encoding", "").lower() not in _TRANSFERS:
        raise refusal(415, "a part has a Content-Transfer-Encoding; send the values as they are")
    return disposition["name"], charset_of(parameters_of(headers.get("content-type", ""))[1])
