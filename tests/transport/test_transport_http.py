"""Every way in which an exchange can end without a usable answer, over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import socket
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from conftest import Serve, client_at

from klearstack_async import (
    ConnectError,
    ConnectionDropped,
    OutcomeUnknown,
    Redirected,
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
    for kind in foreign:
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
    async with client_at(url, timeouts=Timeouts(stall_seconds=0.05)) as ks:
        with pytest.raises(StallTimeout, match="stall_seconds"):
            await ks.results.in_batch("b")
        with pytest.raises(OutcomeUnknown) as caught:
            await ks.uploads.document(b"%PDF", filename="a.pdf")
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


async def test_a_client_that_is_not_open_says_so() -> None:
    ks = client_at("http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="async with"):
        await ks.results.in_batch("b")
