"""Reading multipart/form-data as it arrives: bytes in, events out.

Pure: no I/O, no limits but on a part's headers. It is written out here because a server must take
any file name a client may send, and the generic reader at hand warns about some and loses others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

_MAX_HEADER_BYTES = 16 * 1024
# Longest run of white space that may stand between a boundary and its line's end.
_MAX_PADDING_BYTES = 64
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)


class MultipartError(Exception):
    """The body is not well-formed; the text says in what."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part's headers were read. `file_name` is None for a plain field."""

    name: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the part that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part that began last is complete."""


Event: TypeAlias = PartBegins | PartData | PartEnds


class MultipartParser:
    """Push parser: feed it what arrived, take the events, close it at the end."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        # As if a line had ended just before: then the first delimiter looks like all others.
        self._buffer = b"\r\n"
        self._state = "preamble"

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes of the body and yield what they complete.

        Raises:
            MultipartError: The bytes can't be a multipart body.
        """
        self._buffer += data
        steps = {
            "preamble": self._seek_delimiter,
            "body": self._seek_delimiter,
            "headers": self._read_headers,
        }
        while (step := steps.get(self._state)) is not None:
            before = (self._state, len(self._buffer))
            yield from step()
            if before == (self._state, len(self._buffer)):
                return  # more bytes are needed
        self._buffer = b""  # the epilogue

    def close(self) -> None:
        """Say that no more bytes come.

        Raises:
            MultipartError: The last boundary is missing, so the body was cut off.
        """
        if self._state != "epilogue":
            raise MultipartError("the body ends before its last boundary")

    def _seek_delimiter(self) -> Iterator[Event]:
        """Yield data up to the next delimiter line, and pass that line."""
        begin = self._buffer.find(self._delimiter)
        if begin < 0:
            # A delimiter may have begun in the last bytes: they stay.
            yield from self._data(max(0, len(self._buffer) - len(self._delimiter) + 1))
            return
        after = begin + len(self._delimiter)
        rest = self._buffer[after : after + _MAX_PADDING_BYTES + 2]
        end = rest.find(b"\r\n")
        if rest.startswith(b"--"):
            next_state, cut = "epilogue", after + 2
        elif end >= 0 and not rest[:end].strip(b" \t"):
            next_state, cut = "headers", after + end
        elif len(rest) < 2 or (len(rest) <= _MAX_PADDING_BYTES and not rest.strip(b" \t\r")):
            yield from self._data(begin)  # the rest of the delimiter line is yet to come
            return
        else:
            # It only begins like the boundary: data.
            yield from self._data(after)
            return
        in_part = self._state == "body"
        yield from self._data(begin)
        # Cut relative to what _data has taken off.
        self._buffer = self._buffer[cut - begin :]
        self._state = next_state
        if in_part:
            yield PartEnds()

    def _data(self, count: int) -> Iterator[Event]:
        """Take `count` bytes off the buffer, as data if a part is open."""
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        if data and self._state == "body":
            yield PartData(data)

    def _read_headers(self) -> Iterator[Event]:
        # The buffer begins with the line end of the delimiter line, so that no headers at all
        # look the same as the end of some.
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEADER_BYTES:
                raise MultipartError("a part's headers are too long")
            return
        headers = self._buffer[:end].decode("utf-8", errors="replace")
        self._buffer = self._buffer[end + 4 :]
        self._state = "body"
        yield _part_from_headers(headers)


def header_parameters(value: str) -> dict[str, str]:
    """Read the parameters of a Content-Type or Content-Disposition header's value.

    ``name*=utf-8''percent-encoded`` wins over ``name=``. Of backslashes only those before a quote
    or a backslash are escapes, because Windows paths arrive here too.
    """
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        text = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else bare.strip()
        found.setdefault(name.lower(), text)
    for name in [name for name in found if name.endswith("*")]:
        charset, _, encoded = found.pop(name).partition("'")
        encoded = encoded.partition("'")[2]
        try:
            found[name[:-1]] = unquote(encoded, encoding=charset or "utf-8")
        except LookupError:  # a charset nobody knows: the plain parameter has to do
            continue
    return found


def _part_from_headers(headers: str) -> PartBegins:
    for line in headers.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            parameters = header_parameters(value)
            return PartBegins(parameters.get("name", ""), parameters.get("filename"))
    raise MultipartError("a part has no Content-Disposition header")
