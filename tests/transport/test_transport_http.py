"""Every way in which an exchange can end without a usable answer, over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at

from klearstack_async import (
    ConnectError,
    ConnectionDropped,
    KlearStackError,
    OutcomeUnknown,
    Redirected,
    RetryPolicy,
    SourceChanged,
    StallTimeout,
    Timeouts,
    TransportError,
)
from klearstack_async.transport.files import PIECE_BYTES
from klearstack_async.transport.http import FOREIGN_ERRORS, transport_error


def test_every_exception_of_aiohttp_is_one_of_ours() -> None:
    foreign = [
        kind
        for _, kind in inspect.getmembers(aiohttp, inspect.isclass)
        if issubclass(kind, aiohttp.ClientError)
    ]
    assert len(foreign) > 10
    for kind in (*foreign, TimeoutError, UnicodeError):
        # Its own constructor wants a whole connection; only the class matters here.
        bare = type(kind.__name__, (kind,), {"__init__": _nothing, "__str__": _why})
        ours = transport_error(bare(), "https://acme.example/access/x", Timeouts())
        assert isinstance(ours, TransportError), kind
        assert "https://acme.example" in str(ours)


def _nothing(_self: object) -> None: ...


def _why(_self: object) -> str:
    return "why"


def test_a_connection_that_fails_is_no_dropped_one() -> None:
    assert FOREIGN_ERRORS[aiohttp.ClientConnectorError] is ConnectError
    assert FOREIGN_ERRORS[aiohttp.ClientConnectionError] is ConnectionDropped


async def test_a_port_where_nobody_listens_is_a_connect_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with client_at(url) as ks:
            with pytest.raises(ConnectError, match="check the url") as caught:
                await ks.uploads.document(b"%PDF", filename="a.pdf")
            assert caught.value.endpoint == "auth.login"


async def test_a_server_that_says_nothing_is_a_stall(serve: Serve) -> None:
    released = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        await request.read()
        await released.wait()
        return web.Response()

    url = await serve(getbatchdocuments=stall, processdocument=stall)
    async with client_at(url, retry=RetryPolicy(attempts=2, first_seconds=0)) as ks:
        await ks.auth.login()
        impatient = ks.with_options(timeouts=Timeouts(stall_seconds=0.2))
        with pytest.raises(StallTimeout, match="stall_seconds"):
            await impatient.results.in_batch("b")
        with pytest.raises(OutcomeUnknown) as caught:
            await impatient.uploads.document(b"%PDF", filename="a.pdf")
        assert isinstance(caught.value.__cause__, StallTimeout)
    released.set()


async def test_a_connection_cut_in_the_answer_is_dropped(serve: Serve) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"result": ')
        assert request.transport is not None
        request.transport.abort()
        return response

    url = await serve(getbatchdocuments=cut, processdocument=cut)
    async with client_at(url) as ks:
        with pytest.raises(ConnectionDropped):
            await ks.results.in_batch("b")
        with pytest.raises(OutcomeUnknown, match="store it twice"):
            await ks.uploads.document(b"%PDF", filename="a.pdf")


async def test_a_redirect_is_told_and_not_followed(serve: Serve) -> None:
    reached = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response()

    other = await serve(other=elsewhere)

    async def redirect(request: web.Request) -> web.StreamResponse:
        await request.read()
        raise web.HTTPTemporaryRedirect(other + request.path)

    async with client_at(await serve(getbatchdocuments=redirect)) as ks:
        with pytest.raises(Redirected, match="set url"):
            await ks.results.in_batch("b")
    assert reached == []


async def test_a_file_that_changes_while_it_is_sent_is_no_lost_connection(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"x" * (64 * PIECE_BYTES))

    async def shorten(request: web.Request) -> web.StreamResponse:
        await request.content.readany()
        with path.open("r+b") as file:
            file.truncate(10)
        await request.read()
        return web.Response()

    async with client_at(await serve(processdocument=shorten)) as ks:
        with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
            await ks.uploads.document(path)


async def test_a_client_is_not_opened_twice(serve: Serve) -> None:
    async with client_at(await serve()) as ks:
        with pytest.raises(RuntimeError, match="open already"):
            await ks.__aenter__()


async def test_a_server_that_takes_nothing_more_is_a_stall(tmp_path: Path) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def read_a_little(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"get_access_token" in head:
            body = b'{"access_token": "a.b.c"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await asyncio.Event().wait()

    path = tmp_path / "a.pdf"
    path.write_bytes(b"x" * (32 * PIECE_BYTES))
    server = await asyncio.start_server(read_a_little, "127.0.0.1", 0, limit=1 << 16)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    # The second connection is made anew: the first never answers another request.
    async with client_at(url, retry=RetryPolicy(attempts=2, first_seconds=0)) as ks:
        await ks.auth.login()
        impatient = ks.with_options(timeouts=Timeouts(stall_seconds=0.5))
        # What was never sent to its end can't have been stored.
        with pytest.raises(StallTimeout, match="took nothing") as caught:
            await impatient.uploads.document(path)
        assert caught.value.attempt == 2
    server.close()
    for writer in connections:
        writer.transport.abort()


async def test_an_upload_slower_than_the_stall_time_lives_while_bytes_move(
    serve: Serve, tmp_path: Path
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        async for _ in request.content.iter_chunked(PIECE_BYTES):
            await asyncio.sleep(0.06)
        return web.json_response({"OCR_ref_no": "b-1"})

    path = tmp_path / "a.pdf"
    path.write_bytes(b"x" * (32 * PIECE_BYTES))
    url = await serve(processdocument=slow)
    async with client_at(url, timeouts=Timeouts(stall_seconds=1.5)) as ks:
        started = asyncio.get_running_loop().time()
        assert (await ks.uploads.document(path)).batch_id == "b-1"
        assert asyncio.get_running_loop().time() - started > 1.5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 2OO {mark}\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: {mark}\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{mark}\r\n",
        b"{mark}",
    ],
)
async def test_a_broken_answer_shows_no_secret_that_it_repeats(answer: bytes) -> None:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = b'{"access_token": "MARKED-token"}'
        if b"get_access_token" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body))
            writer.write(b"Connection: close\r\n\r\n" + body)
        else:
            writer.write(answer.replace(b"{mark}", b"Bearer MARKED-token " + PASSWORD.encode()))
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    async with client_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as ks:
        with pytest.raises(TransportError) as caught:
            await ks.results.in_batch("b")
    server.close()
    shown = "".join(traceback.format_exception(caught.value)) + _everything_about(caught.value)
    assert "MARKED" not in shown
    assert PASSWORD not in shown


def _everything_about(error: BaseException | None) -> str:
    """Give what a tracker would write down: the error, its arguments, and where it came from."""
    if error is None:
        return ""
    here = f"{error!r} {error.args!r} {vars(error)!r}"
    return here + _everything_about(error.__cause__) + _everything_about(error.__context__)


async def test_a_client_that_is_not_open_says_so() -> None:
    ks = client_at("http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="async with"):
        await ks.results.in_batch("b")


Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_service(talk: Talk) -> AsyncIterator[str]:
    """Serve connections by hand; `talk` gets the number of each, from 1, and what it says."""
    talks: list[asyncio.Task[None]] = []

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.append(task)
        try:
            await talk(len(talks), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The client is done with it, or the test is.
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)


async def asked_of(reader: asyncio.StreamReader) -> bytes:
    """Read a request whose length is said, all of it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    assert length
    return head + await reader.readexactly(int(length[1]))


def said(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


LOGGED_IN = said('{"access_token": "a.b.c"}')


def one_document(name: str) -> bytes:
    return said(json.dumps({"result": [[[name, "Document_id"]]]}))


async def test_silence_after_an_answer_that_is_none_yet_is_a_stall() -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            is_login = b"get_access_token" in await asked_of(reader)
            writer.write(LOGGED_IN if is_login else b"HTTP/1.1 100 Continue\r\n\r\n")

    retry = RetryPolicy(attempts=1)
    async with raw_service(talk) as url, client_at(url, retry=retry) as ks, asyncio.timeout(10):
        await ks.auth.login()
        impatient = ks.with_options(timeouts=Timeouts(stall_seconds=0.2))
        with pytest.raises(StallTimeout):
            await impatient.documents.get("a")


async def test_a_second_answer_that_nobody_asked_for_is_given_to_no_later_call() -> None:
    may_speak, answered_on = asyncio.Event(), []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            if b"get_access_token" in await asked_of(reader):
                writer.write(LOGGED_IN)
                continue
            answered_on.append(number)
            writer.write(one_document(f"answer {len(answered_on)}"))
            if len(answered_on) == 1:
                await may_speak.wait()
                writer.write(one_document("unasked"))
                await writer.drain()
                spoken.set()

    spoken = asyncio.Event()
    async with raw_service(talk) as url, client_at(url) as ks, asyncio.timeout(10):
        first = await ks.documents.get("a")
        may_speak.set()
        await spoken.wait()
        await anyio.wait_all_tasks_blocked()
        second = await ks.documents.get("b")
    assert (first.document_id, second.document_id) == ("answer 1", "answer 2")
    assert answered_on == [1, 2]


async def test_an_answer_that_ends_http_is_an_error_of_ours() -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            if b"get_access_token" in await asked_of(reader):
                writer.write(LOGGED_IN)
            else:
                writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")

    retry = RetryPolicy(attempts=1)
    async with raw_service(talk) as url, client_at(url, retry=retry) as ks, asyncio.timeout(10):
        with pytest.raises(KlearStackError):
            await ks.documents.get("a")
