"""What the tests of the push router share: an application, its server, and senders of all kinds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import uvicorn
from conftest import until
from fastapi import FastAPI

from klearstack_async.fastapi.push import push_router
from klearstack_async.webhooks import Push

TOKEN = "t0ken-MARKED-8f1c"
PASSWORD = 'pass word+"ü/MARKED'
ACCOUNT = {"company_name": "acme", "username": "hook", "password": PASSWORD}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROBLEM = "application/problem+json"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


def fields(number: int = 1, *, size: int = 0, **others: Any) -> dict[str, str]:
    """Give the fields of a push: document `number`, with fields of so many bytes in its data."""
    lines = {f"L{line}": {"value": "x" * 1000, "confidence": 0.5} for line in range(size // 1000)}
    data = {"Inv_Number": {"value": str(number), "confidence": 0.9, "page_index": 1}, **lines}
    return {
        **ACCOUNT,
        "document_type": "Invoices",
        "batch_id": f"batch-{number}",
        "Document_id": f"document-{number}",
        "file_name": f"{number}.pdf",
        "data": json.dumps(data),
        **others,
    }


def multipart(values: Mapping[str, str]) -> bytes:
    """Encode fields as `MULTIPART` says."""
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in values.items()
    )
    return "".join([*parts, "--b--\r\n"]).encode()


def service(on_push: Any = None, **options: Any) -> FastAPI:
    """Make an application with a push router, and without anything that would mend its answers."""
    app = FastAPI()
    app.include_router(push_router(on_push, **{"token": TOKEN, **options}))
    return app


_UVICORNS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")


@contextlib.contextmanager
def _as_they_were(*loggers: str) -> Iterator[None]:
    """Let logs tell as much as before: a server sets them for good."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncIterator[str]:
    """Run an application under uvicorn, in this loop and on a real port; give its URL.

    Without the loop in which it looks for signals ten times a second; and it ends as soon as it
    can, unless it is told how long that may take.
    """
    with _as_they_were(*_UVICORNS), socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        config = uvicorn.Config(app, log_config=None, **{"ws": "none", **options})
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            if config.timeout_graceful_shutdown is None:
                await _end(server)
            else:
                await server.shutdown(sockets=[listener])


async def _end(server: uvicorn.Server) -> None:
    """Do as uvicorn does, without its pauses."""
    state = server.server_state
    for listening in server.servers:
        listening.close()
    for connection in [*state.connections]:
        connection.shutdown()
    await until(lambda: not (state.connections or state.tasks))
    await server.lifespan.shutdown()


class Sender:
    """Pushes to one address."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def push(
        self, values: Mapping[str, str] | None = None, *, path: str = "/push", **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Push, and give the status and what the answer says, with its headers in lower case."""
        if options.keys().isdisjoint({"data", "json"}):
            options["data"] = multipart(fields() if values is None else values)
        headers = {**BEARER, **MULTIPART, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        async with self._session.post(self._url + path, headers=headers, **options) as answer:
            said = await answer.json(content_type=None)
            lower = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, {**said, "headers": lower}

    async def ask(self, method: str) -> int:
        """Ask in another way, and give the status."""
        async with self._session.request(method, self._url + "/push", headers=BEARER) as answer:
            return answer.status

    async def push_all(self, *pushes: Mapping[str, str], **options: Any) -> list[int]:
        """Push all of them at once, and give the statuses."""
        answers = await asyncio.gather(*(self.push(push, **options) for push in pushes))
        return [status for status, _ in answers]


@asynccontextmanager
async def pushing_to(app: Any, **options: Any) -> AsyncIterator[Sender]:
    """Serve an application, and give who pushes to it."""
    async with served(app, **options) as url, sender_to(url) as sender:
        yield sender


@asynccontextmanager
async def sender_to(url: str) -> AsyncIterator[Sender]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Sender(url, session)


class Wire:
    """A sender who writes HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str, headers: Mapping[str, str]) -> AsyncIterator[Wire]:
        """Connect, and send the head of a push."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /push HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, str, bytes]:
        """Read an answer: its status, its head in lower case, and its body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        [length] = [line for line in head.split("\r\n") if line.startswith("content-length:")]
        body = await self._reader.readexactly(int(length.partition(":")[2]))
        return int(head.split()[1]), head, body

    async def is_ended(self) -> bool:
        """Wait until the server closes the connection."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True


class Handled:
    """A handler that notes what it got, and does what it is told.

    Attributes:
        pushes: What it got, in order; with the tenant if there is one.
        failures: How many calls shall fail before one goes well.
        goes_on: Set while it may end.
    """

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.tenants: list[str | None] = []
        self.failures = 0
        self.ended = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self, push: Push, *tenant: str | None) -> None:
        self.pushes.append(push)
        self.tenants += tenant
        await self.goes_on.wait()
        self.ended += 1
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")

    @property
    def numbers(self) -> list[str]:
        return [push.document_id.removeprefix("document-") for push in self.pushes]
