"""A request's body as fields and files, whichever of the three encodings it came in.

Limits on size live here, judgement of the values does not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.multipart import (
    Event,
    MultipartError,
    MultipartParser,
    PartBegins,
    PartData,
    header_parameters,
)
from klearstack_async.sandbox.spool import Spool, SpooledFile, SpoolingUpload
from klearstack_async.sandbox.users import User

_MAX_FIELDS_BYTES = 16 << 20


@dataclass(slots=True)
class Form:
    """What a request carried.

    `user` is whose Bearer token came with it; None where a route asks for none. `base_url` is the
    sandbox as the caller addressed it. `leftovers` are paths below the spool folder that go when
    the request ends; a handler that keeps a file takes its path off.
    """

    user: User | None = None
    base_url: str = ""
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, SpooledFile] = field(default_factory=dict)
    leftovers: set[Path] = field(default_factory=set)


async def fill_form(form: Form, request: web.Request, spool: Spool, max_upload_bytes: int) -> None:
    """Read the whole body into the form; files go to the spool.

    A body of an encoding we don't know carries no fields: the missing ones are named later.

    Raises:
        RefusalError: 413 for too large a body, 400 for one that can't be read.
    """
    if (request.content_length or 0) > max_upload_bytes + _MAX_FIELDS_BYTES:
        raise _too_large(max_upload_bytes)
    reader = _READERS.get(request.content_type)
    if reader is not None:
        await reader(form, request, spool, max_upload_bytes)


async def _read_multipart(
    form: Form, request: web.Request, spool: Spool, max_upload_bytes: int
) -> None:
    boundary = header_parameters(request.headers.get("Content-Type", "")).get("boundary")
    if not boundary:
        raise RefusalError(400, "The Content-Type multipart/form-data names no boundary.")
    collector = _Collector(form, spool, max_upload_bytes)
    parser = MultipartParser(boundary)
    try:
        async for chunk in request.content.iter_any():
            for event in parser.feed(chunk):
                await collector.take(event)
        parser.close()
    except MultipartError as error:
        raise RefusalError(400, f"The multipart form could not be read: {error}.") from error
    finally:
        await collector.settle()


class _Collector:
    """Sort a multipart body's events into a form."""

    def __init__(self, form: Form, spool: Spool, max_upload_bytes: int) -> None:
        self._form = form
        self._spool = spool
        self._max_upload_bytes = max_upload_bytes
        self._name = ""
        self._text = bytearray()
        self._text_bytes = 0
        self._upload: SpoolingUpload | None = None

    async def take(self, event: Event) -> None:
        if isinstance(event, PartData):
            await self._take_data(event.data)
        elif isinstance(event, PartBegins):
            self._begin(event)
        else:
            await self._end()

    async def settle(self) -> None:
        """Leave nothing behind that still writes; to be awaited however the body ended."""
        if self._upload is not None:
            await self._upload.settle()

    def _begin(self, part: PartBegins) -> None:
        self._name = part.name
        self._text.clear()
        # Names count too, or a body of nothing but parts would grow without a limit.
        self._count_text(len(part.name) + 1)
        if part.file_name is None:
            return
        if part.name in self._form.files:
            raise RefusalError(400, f"Please provide only one file as {part.name}.")
        path, self._upload = self._spool.receive(part.file_name)
        self._form.leftovers.add(path)

    async def _take_data(self, data: bytes) -> None:
        if self._upload is None:
            self._count_text(len(data))
            self._text += data
            return
        await self._upload.write(data)
        if self._upload.size_bytes > self._max_upload_bytes:
            raise _too_large(self._max_upload_bytes)

    async def _end(self) -> None:
        if self._upload is None:
            self._form.fields[self._name] = _utf8(bytes(self._text))
        else:
            self._form.files[self._name] = await self._upload.finish()
            self._upload = None

    def _count_text(self, count: int) -> None:
        self._text_bytes += count
        if self._text_bytes > _MAX_FIELDS_BYTES:
            raise _too_large(_MAX_FIELDS_BYTES)


async def _read_urlencoded(form: Form, request: web.Request, *_: object) -> None:
    text = _utf8(await _read_all(request))
    form.fields.update(parse_qsl(text, keep_blank_values=True))


async def _read_json(form: Form, request: web.Request, *_: object) -> None:
    body = await _read_all(request)
    try:
        value = json.loads(body)
        # Inside, since writing a value as text follows its nesting, too.
        fields = {_storable(name): _as_text(item) for name, item in _items(value)}
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, "The body is not valid JSON.") from error
    form.fields.update(fields)


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise RefusalError(400, "The JSON body must be an object of parameters.")
    return value.items()


def _as_text(value: Any) -> str:
    """Give a JSON value the form it would have as a form field."""
    if value is None:
        return ""
    return _storable(value) if isinstance(value, str) else json.dumps(value)


def _storable(text: str) -> str:
    """Replace half surrogate pairs: JSON can spell them, the other encodings and SQLite can't."""
    return text.encode("utf-8", errors="replace").decode()


async def _read_all(request: web.Request) -> bytes:
    body = bytearray()
    chunks: AsyncIterator[bytes] = request.content.iter_any()
    async for chunk in chunks:
        body += chunk
        if len(body) > _MAX_FIELDS_BYTES:
            raise _too_large(_MAX_FIELDS_BYTES)
    return bytes(body)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RefusalError(400, "The form's text is not valid UTF-8.") from error


def _too_large(limit_bytes: int) -> RefusalError:
    return RefusalError(413, f"The request is too large; the limit is {limit_bytes} bytes.")


_READERS: dict[str, Callable[[Form, web.Request, Spool, int], Awaitable[None]]] = {
    "multipart/form-data": _read_multipart,
    "application/x-www-form-urlencoded": _read_urlencoded,
    "application/json": _read_json,
}
