"""A browser's form, whose one file is passed on to KlearStack while it arrives.

The form is taken apart piece by piece, by `FileInForm`, which knows nothing of requests. What is
received, and how it is sent on, stands in `passing.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from klearstack_async.client import KlearStack
from klearstack_async.endpoints.uploads import DocumentOptions
from klearstack_async.fastapi.passing import (
    BODY_STALL_SECONDS,
    MOST_BODY_BYTES,
    PIECE_BYTES,
    Arrival,
    check_limits,
    check_size,
    pass_on,
    plain_name,
)
from klearstack_async.fastapi.refusals import RequestRefused
from klearstack_async.models import Upload
from klearstack_async.wire.source import Stream

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["MOST_OTHER_BYTES", "FileInForm", "form_through"]

# They are not kept; but whoever sends them has a place of the client.
MOST_OTHER_BYTES = 1 << 20
# Of one part. A file's name has a few hundred.
_MOST_HEADER_BYTES = 8 << 10
# What browsers do (WHATWG, multipart/form-data encoding); a backslash means itself, or a folder.
_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


async def form_through(
    request: Request,
    ks: KlearStack,
    *,
    field: str | None = None,
    filename: str | None = None,
    max_bytes: int | None = MOST_BODY_BYTES,
    stall_seconds: float = BODY_STALL_SECONDS,
    **options: Unpack[DocumentOptions],
) -> Upload:
    """Pass the file in a browser's form on to KlearStack while it arrives.

    Nothing of it is kept, in memory or on disk: the browser can send no faster than KlearStack
    takes it, and the upload is made once only. Until the form's last byte has come, nothing is
    stored if it turns out wrong: if there is a second file, or the browser hangs up, stalls or
    sends too much. After that, the upload goes on without the browser. While it sends, it has one
    of the client's places (`concurrency=`).

    The form's other fields are read and dropped: what the endpoint needs besides belongs into the
    path, the query or a header. Let FastAPI read no form (`Form`, `File`, `UploadFile`) for it.

    Args:
        request: The request, whose body nobody has read.
        ks: The client.
        field: In which of the form's fields the file has to be; if left out, in any.
        filename: The name to send; if left out, the browser's, without folders.
        max_bytes: The largest file; None for no limit. The rest of the form may have 1 MiB. If the
            browser says that it sends more than both, it is refused unread, otherwise at the byte
            that is too many.
        stall_seconds: How long the browser may send nothing while it is its turn.
        **options: See `DocumentOptions`.

    Returns:
        The receipt with the batch id.

    Raises:
        RequestRefused: There is no form, or no file in it, or another one; the file is empty, too
            large, or has no name; the form is malformed, compressed, cut off, or has too much
            beside the file; or the browser stalled or hung up.
        KlearStackError: As of `ks.uploads.document`.
        ValueError: A limit is not more than 0.
    """
    check_limits(max_bytes=max_bytes, stall_seconds=stall_seconds)
    form = FileInForm(_boundary_of(request), field, max_bytes)
    arrival = Arrival(request, None, stall_seconds)
    if arrival.size_bytes is not None:
        form.check_possible(arrival.size_bytes)

    def stream_of(pieces: Callable[[], AsyncGenerator[bytes]]) -> Stream:
        return Stream(pieces, plain_name(filename or form.filename), repeatable=False)

    return await pass_on(arrival, _pieces_of(form, arrival.pieces()), ks, stream_of, options)


async def _pieces_of(form: FileInForm, arriving: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Give the form's file. Its last byte is held back until all of the form has come."""
    last = b""
    async with aclosing(arriving):
        async for piece in arriving:
            for view in form.feed(piece):
                for start in range(0, len(view), PIECE_BYTES):
                    part = last + view[start : start + PIECE_BYTES]
                    part, last = part[:-1], part[-1:]
                    if part:
                        yield part
    form.finish()
    yield last


def _boundary_of(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise RequestRefused("no-form", "Send the document in a form, as multipart/form-data.")
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise RequestRefused("malformed-form", "The Content-Type names no boundary.")
    return boundary


class FileInForm:
    """Takes a form apart, piece by piece, and gives its one file."""

    def __init__(
        self, boundary: bytes, field: str | None = None, max_bytes: int | None = None
    ) -> None:
        """Begin.

        Args:
            boundary: What stands between the form's parts.
            field: In which field the file has to be.
            max_bytes: How large it may be.

        Raises:
            RequestRefused: The boundary is none.
        """
        self._parts = _Parts(field, max_bytes)
        self._field = field
        self._max_bytes = max_bytes
        self._fed_bytes = 0
        try:
            self._parser = MultipartParser(boundary, self._parts.callbacks())
        except FormParserError as error:
            raise _malformed() from error

    @property
    def filename(self) -> str | None:
        """Say how the browser calls the file; None until it begins."""
        return self._parts.filename

    def check_possible(self, size_bytes: int) -> None:
        """Refuse a form by its size alone."""
        if self._max_bytes is not None and size_bytes > self._max_bytes + MOST_OTHER_BYTES:
            check_size(size_bytes, self._max_bytes)

    def feed(self, piece: bytes) -> list[memoryview]:
        """Give what there is of the file in the form's next piece.

        Views, not copies: of 200 forms at once, which begin while their uploads wait for their
        turn, copies of the first pieces would be 26 MB.

        Raises:
            RequestRefused: The form is malformed, or has another file, or too much of something.
        """
        self._fed_bytes += len(piece)
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _malformed() from error
        if self._fed_bytes - self._parts.file_bytes > MOST_OTHER_BYTES:
            raise RequestRefused(
                "too-large", f"Beside its file, a form may have {MOST_OTHER_BYTES} bytes at most."
            )
        return self._parts.take()

    def finish(self) -> None:
        """Say that no more will come.

        Raises:
            RequestRefused: The form was cut off, or had no file.
        """
        if not self._parts.is_ended:
            raise RequestRefused("cut-short", "The form ended before its last boundary.")
        if not self._parts.file_bytes:
            where = "the form" if self._field is None else f"the form's field {self._field!r}"
            raise RequestRefused("no-file", f"There is no file in {where}.")


class _Parts:
    """What the parser finds. It knows nothing of the parser, or both would wait for the collector.

    Attributes:
        filename: The file's name.
        file_bytes: How much has come of it.
        is_ended: Whether the last boundary has come.
    """

    def __init__(self, field: str | None, max_bytes: int | None) -> None:
        self._field = field
        self._max_bytes = max_bytes
        self._data: list[memoryview] = []
        self.filename: str | None = None
        self.file_bytes = 0
        self.is_ended = False
        self.begin()

    def take(self) -> list[memoryview]:
        """Give what has come of the file since the last time."""
        data, self._data = self._data, []
        return data

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.begin,
            "on_header_field": self.add_to_header_name,
            "on_header_value": self.add_to_header_value,
            "on_header_end": self.end_header,
            "on_headers_finished": self.end_headers,
            "on_part_data": self.add_data,
            "on_part_end": self.end,
            "on_end": self.end_all,
        }

    def begin(self) -> None:
        self._header_name, self._header_value = bytearray(), bytearray()
        self._header_bytes = 0
        self._disposition = b""
        self._offered: dict[bytes, bytes] | None = None
        self._is_file = False

    def add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._add(self._header_name, data[start:end])

    def add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._add(self._header_value, data[start:end])

    def _add(self, to: bytearray, data: bytes) -> None:
        self._header_bytes += len(data)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise _malformed()
        to += data

    def end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name, self._header_value = bytearray(), bytearray()

    def end_headers(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        if b"name" not in parameters:
            raise _malformed()
        if b"filename" in parameters:
            self._offered = parameters
            if parameters[b"filename"]:
                self._begin_file(parameters)

    def _begin_file(self, parameters: Mapping[bytes, bytes]) -> None:
        if self.filename is not None:
            raise RequestRefused("other-file", "The form has more than one file. Send one.")
        if self._field not in {None, _text_of(parameters[b"name"])}:
            raise RequestRefused("other-file", f"Send the file in the field {self._field!r}.")
        self.filename = _text_of(parameters[b"filename"])
        self._is_file = True

    def add_data(self, data: bytes, start: int, end: int) -> None:
        if self._offered is None:
            return
        if not self._is_file:
            # Without a name and without data, it is an input that the user has left empty.
            self._begin_file(self._offered)
        self.file_bytes += end - start
        check_size(self.file_bytes, self._max_bytes)
        self._data.append(memoryview(data)[start:end])

    def end(self) -> None:
        if self._is_file:
            check_size(self.file_bytes, None)

    def end_all(self) -> None:
        self.is_ended = True


def _text_of(name: bytes) -> str:
    """Read a name as browsers write it: in UTF-8, with three characters escaped."""
    text = name.decode("utf-8", "replace")
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return text


def _malformed() -> RequestRefused:
    return RequestRefused("malformed-form", "It is no well-formed multipart/form-data.")
