"""What the tests of `klearstack_async.fastapi` share: a service, its server, odd browsers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import uvicorn
from conftest import until
from documents import picture_png
from fastapi import FastAPI, Request, UploadFile

from klearstack_async.fastapi import (
    PROBLEMS,
    KlearStackDep,
    body_through,
    lifespan,
    upload_through,
)
from klearstack_async.fastapi.lifespan import Openable

PROBLEM = "application/problem+json"


def service(client: Openable, *, handlers: Mapping[Any, Any] = PROBLEMS, **limits: Any) -> FastAPI:
    """Make an application that passes on what it gets: `/form` and `/body/<name>`."""
    app = FastAPI(lifespan=lifespan(client), exception_handlers=dict(handlers))

    @app.post("/form")
    async def form(file: UploadFile, ks: KlearStackDep, first: int = 0) -> str:
        await file.read(first)
        return (await upload_through(file, ks, **limits)).batch_id

    @app.put("/body/{name}")
    async def body(name: str, request: Request, ks: KlearStackDep) -> str:
        return (await body_through(request, ks, filename=name, **limits)).batch_id

    return app


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Run an application under uvicorn, in this loop and on a real port; give its URL.

    Without uvicorn's main loop and its end, which take steps of a tenth of a second.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="on")
        config.load()
        server = app.state.server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            state = server.server_state
            for listening in server.servers:
                listening.close()
            for connection in list(state.connections):
                connection.shutdown()
            await until(lambda: not (state.connections or state.tasks))
            await server.lifespan.shutdown()


async def until_idle(app: FastAPI) -> None:
    """Wait until a served application handles no request."""
    await until(lambda: not app.state.server.server_state.tasks)


def document(size_bytes: int = 0) -> bytes:
    """Make a picture that is like no other, with something behind its end to make it larger."""
    picture: bytes = picture_png()
    return picture + os.urandom(max(16, size_bytes - len(picture)))


def stored_contents(folder: Path) -> list[str]:
    """Give the hashes of what a sandbox keeps in this folder."""
    files = [path for path in folder.rglob("*.png") if path.is_file()]
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def pieces_of(data: bytes, piece_bytes: int = 1 << 16) -> AsyncIterator[bytes]:
    """Give a body of which aiohttp doesn't know the length: it goes out in chunks."""
    for start in range(0, len(data), piece_bytes):
        yield data[start : start + piece_bytes]


async def put(
    url: str, data: Any, headers: Mapping[str, str] | None = None
) -> tuple[int, str, Any]:
    """Send a body; give status, content type and what the JSON says."""
    sent = io.BytesIO(data) if isinstance(data, bytes) else data
    async with (
        aiohttp.ClientSession() as browser,
        browser.put(url, data=sent, headers=headers) as answer,
    ):
        return answer.status, answer.content_type, await answer.json(content_type=None)


async def post_form(url: str, data: bytes, filename: str = "a.png") -> tuple[int, str, Any]:
    """Send a form with a file."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(data), filename=filename, content_type="image/png")
    async with aiohttp.ClientSession() as browser, browser.post(url, data=form) as answer:
        return answer.status, answer.content_type, await answer.json(content_type=None)


async def sent_on_socket(app: FastAPI, path: str, *, may_answer: bool = False) -> list[Any]:
    """Open a web socket as a server would, and give all that the application sends on it."""
    scope = {
        "type": "websocket",
        "path": path,
        "headers": [],
        "query_string": b"",
        "extensions": {"websocket.http.response": {}} if may_answer else {},
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


class Browser:
    """One connection, on which what is sent is up to the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def begin(self, method: str, path: str, **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: here"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def going_on(self) -> None:
        """Wait until the application begins to read: `Expect: 100-continue` has it say so."""
        assert b" 100 " in await self._reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[int, str]:
        """Read an answer; give its status and its body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r")[0])
        return int(head.split()[1]), (await self._reader.readexactly(length)).decode()

    def hang_up(self) -> None:
        """Cut the connection: no goodbye, as when somebody closes a laptop."""
        self._writer.transport.abort()


@asynccontextmanager
async def browser_at(url: str) -> AsyncIterator[Browser]:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield Browser(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
