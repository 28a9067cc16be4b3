"""A server that keeps every request's bytes as they came, and reads forms by the standard library.

Nothing here comes from the client, from the sandbox or from aiohttp: what this module finds in a
request stood on the wire. It refuses what is sloppy (two lengths, junk between two requests, a
form that isn't closed) instead of making sense of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import NoReturn, Self
from urllib.parse import parse_qsl

__all__ = ["Answer", "FilePart", "Form", "RawRequest", "RawServer", "form_of", "strict_json"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path is answered with."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200

    def on_the_wire(self) -> bytes:
        # Every answer tries to set a cookie, so that a client that keeps them is found out.
        head = (
            f"HTTP/1.1 {self.status} Canned\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nSet-Cookie: tracked=yes; Path=/\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request: its head up to the empty line, and its body without the transfer's chunks."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode("ascii")

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def values(self, name: str) -> list[str]:
        """Give the values of all headers of this name."""
        pairs = (line.split(b":", 1) for line in self.head.rstrip().split(b"\r\n")[1:])
        return [v.strip().decode("latin-1") for k, v in pairs if k.decode().lower() == name]

    def value(self, name: str) -> str:
        """Give the value of a header that must be there once."""
        [value] = self.values(name)
        return value


@dataclass(slots=True)
class RawServer:
    """Listens on loopback, keeps what comes, and answers by path (404 where there is no answer).

    Attributes:
        answers: By path, and what the path is asked for next.
        requests: In the order in which they came.
        problems: What was no proper request, in words.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[RawRequest] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    port: int = 0
    _talks: set[asyncio.Task[object]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sent_to(self, path: str) -> list[RawRequest]:
        return [request for request in self.requests if request.target == path]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        # What a client left on its connection is read to the end: it may be junk.
        if self._talks:
            _, stuck = await asyncio.wait(self._talks, timeout=5)
            self.problems += [f"{len(stuck)} connections were left open"] if stuck else []
            for task in stuck:
                task.cancel()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            while request := await _next_request(reader):
                self.requests.append(request)
                answer = self.answers.get(request.target, Answer(b"Not Found", "text/plain", 404))
                writer.write(answer.on_the_wire())
                await writer.drain()
        except (AssertionError, ValueError, asyncio.IncompleteReadError) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
        except ConnectionError:
            # The client has closed a connection that it was done with.
            pass
        finally:
            writer.close()
            self._talks.discard(task)


async def _next_request(reader: asyncio.StreamReader) -> RawRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        assert not error.partial, f"junk after a request: {error.partial[:100]!r}"
        return None
    request = RawRequest(head, b"")
    assert request.line.endswith(" HTTP/1.1"), f"no request line: {request.line!r}"
    lengths, transfers = request.values("content-length"), request.values("transfer-encoding")
    match lengths, transfers:
        case [[length], []]:
            return RawRequest(head, await reader.readexactly(int(length)))
        case [[], ["chunked"]]:
            return RawRequest(head, await _chunks(reader))
    raise ValueError(f"the body's length is said {lengths} and {transfers}")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).removesuffix(b"\r\n"), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n", "a chunk is longer than it says"
    assert await reader.readexactly(2) == b"\r\n", "the last chunk has a trailer"
    return bytes(body)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a form."""

    field: str
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A body's fields as they came.

    Attributes:
        names: Of all parts, in their order.
        fields: Those that hold no file; text, or a JSON value where the body is JSON.
        files: The others.
    """

    names: tuple[str, ...]
    fields: Mapping[str, object]
    files: tuple[FilePart, ...] = ()


def form_of(request: RawRequest) -> Form:
    """Read a body by its content type; an assertion fails where it is not well made."""
    kind = request.value("content-type")
    media_type = kind.partition(";")[0].strip()
    if media_type == "application/x-www-form-urlencoded":
        pairs: list[tuple[str, object]] = list(
            parse_qsl(
                request.body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
            )
        )
        return Form(tuple(name for name, _ in pairs), _without_doubles(pairs))
    if media_type == "application/json":
        fields = strict_json(request.body.decode())
        assert isinstance(fields, dict)
        return Form(tuple(fields), fields)
    assert media_type == "multipart/form-data"
    return _multipart(kind, request.body)


def strict_json(text: str) -> object:
    """Read JSON as RFC 8259 has it: no NaN, and no name twice."""
    return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_without_doubles)


def _no_constant(text: str) -> NoReturn:
    raise AssertionError(f"{text} is not JSON")


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a name stands twice: {names}"
    return dict(pairs)


def _multipart(kind: str, body: bytes) -> Form:
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {kind}\r\n\r\n".encode("latin-1") + body
    )
    assert isinstance(message, EmailMessage)
    parts = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
    _assert_closed(body, (message.get_boundary() or "").encode(), len(parts))
    assert not [defect for each in (message, *parts) for defect in each.defects]
    texts: list[tuple[str, object]] = []
    files: list[FilePart] = []
    for part in parts:
        name, data = _name_of(part), _data_of(part)
        filename = part.get_filename()
        if filename is None:
            texts.append((name, data.decode()))
        else:
            files.append(FilePart(name, filename, part.get_content_type(), data))
    return Form(tuple(_name_of(part) for part in parts), _without_doubles(texts), tuple(files))


def _assert_closed(body: bytes, boundary: bytes, parts: int) -> None:
    assert 1 <= len(boundary) <= 70, "RFC 2046 wants a boundary of 1 to 70 characters"
    assert body.startswith(b"--" + boundary + b"\r\n"), "something stands before the first part"
    assert body.endswith((b"\r\n--%b--\r\n" % boundary, b"\r\n--%b--" % boundary)), "no end"
    assert body.count(b"--" + boundary) == parts + 1, "the boundary stands inside of a part"


def _name_of(part: EmailMessage) -> str:
    assert part.get_content_disposition() == "form-data"
    return str(part.get_param("name", header="content-disposition"))


def _data_of(part: EmailMessage) -> bytes:
    # RFC 7578, section 4.7: senders don't encode parts, and receivers don't decode them.
    assert part["Content-Transfer-Encoding"] is None
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data
