"""Documents that are given while their answer still arrives."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from conftest import Serve, client_at, until

from klearstack_async import (
    ClientClosed,
    ConnectionDropped,
    DeadlineExceeded,
    DecodeError,
    Document,
    KlearStack,
    OutcomeUnknown,
    Rejected,
    RetryPolicy,
    StallTimeout,
    Timeouts,
)

TWICE = RetryPolicy(attempts=2, first_seconds=0)
HEAD, TAIL = b'{"result": [', b'], "release_version": "7.8.9"}'


def document(number: int, rows: int = 40) -> list[Any]:
    fields = [[f"value {row}", f"Field_{row}", 0.9, {"page_index": 1}] for row in range(rows)]
    return [[f"doc-{number}", "Document_id"], *fields]


def written(number: int, rows: int = 40) -> bytes:
    return json.dumps(document(number, rows)).encode()


class Answer:
    """A list of documents that is sent as far as the test wants."""

    def __init__(self, script: Callable[[Answer, web.StreamResponse], Awaitable[None]]) -> None:
        self.script = script
        self.let_go = asyncio.Event()
        self.calls = 0
        self.sent_bytes = 0
        self.was_cut_off = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.calls += 1
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            await self.script(self, response)
        except (ConnectionError, asyncio.CancelledError):
            self.was_cut_off.set()
            raise
        return response

    async def send(self, response: web.StreamResponse, data: bytes) -> None:
        await response.write(data)
        self.sent_bytes += len(data)


async def two_then_the_rest(answer: Answer, response: web.StreamResponse) -> None:
    await answer.send(response, HEAD + written(0) + b", " + written(1) + b", ")
    await answer.let_go.wait()
    await answer.send(response, written(2) + TAIL)


async def two_then_nothing(answer: Answer, response: web.StreamResponse) -> None:
    await answer.send(response, HEAD + written(0) + b", " + written(1) + b", [")
    await answer.let_go.wait()
    assert response._req is not None
    assert response._req.transport is not None
    response._req.transport.abort()


async def for_ever(answer: Answer, response: web.StreamResponse) -> None:
    await answer.send(response, HEAD + written(0))
    while True:
        await answer.send(response, b", " + written(1))


async def collect(stream: AsyncGenerator[Document], found: list[Document], answer: Answer) -> None:
    async for each in stream:
        found.append(each)
        answer.let_go.set()


def ids(documents: list[Document]) -> list[str | None]:
    return [document.document_id for document in documents]


async def test_the_first_documents_come_before_the_answers_end(serve: Serve) -> None:
    answer = Answer(two_then_the_rest)
    async with client_at(await serve(getuserdocuments=answer)) as ks:
        stream = ks.results.stream_of_user()
        first = await anext(stream)
        answer.let_go.set()
        assert ids([first, *[document async for document in stream]]) == ["doc-0", "doc-1", "doc-2"]


async def test_who_takes_no_more_ends_the_answer(serve: Serve) -> None:
    answer = Answer(for_ever)
    async with client_at(await serve(getuserdocuments=answer, getdocument=document_of)) as ks:
        async with aclosing(ks.results.stream_of_user()) as stream:
            async for _ in stream:
                break
        await answer.was_cut_off.wait()
        assert (await ks.documents.get("d")).document_id == "d"


async def document_of(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    return web.json_response({"result": [[[form["id"], "Document_id"]]]})


async def test_who_takes_slowly_slows_the_answer_down(serve: Serve) -> None:
    answer = Answer(for_ever)
    async with (
        client_at(await serve(getuserdocuments=answer)) as ks,
        aclosing(ks.results.stream_of_user()) as stream,
    ):
        await anext(stream)
        before = -1
        while before != answer.sent_bytes:
            before = answer.sent_bytes
            # Time is what this is about: as long as something goes on, it goes on now.
            await asyncio.sleep(0.3)
        assert answer.sent_bytes < 32 << 20


async def test_other_calls_can_be_made_while_a_stream_is_open(serve: Serve) -> None:
    answer = Answer(two_then_the_rest)
    url = await serve(getuserdocuments=answer, getdocument=document_of)
    async with client_at(url, concurrency=1) as ks, asyncio.timeout(5):
        found = []
        async for each in ks.results.stream_of_user():
            found.append(await ks.documents.get(each))
            answer.let_go.set()
        assert ids(found) == ["doc-0", "doc-1", "doc-2"]


async def test_an_answer_that_breaks_off_gives_what_came_and_is_not_asked_for_again(
    serve: Serve,
) -> None:
    answer = Answer(two_then_nothing)
    found: list[Document] = []
    async with client_at(await serve(getuserdocuments=answer), retry=TWICE) as ks:
        with pytest.raises(ConnectionDropped):
            await collect(ks.results.stream_of_user(), found, answer)
    assert (ids(found), answer.calls) == (["doc-0", "doc-1"], 1)


async def test_an_answer_that_breaks_off_before_its_first_document_is_asked_for_again(
    serve: Serve,
) -> None:
    async def nothing_at_first(answer: Answer, response: web.StreamResponse) -> None:
        await answer.send(response, HEAD + b"[")
        if answer.calls == 1:
            assert response._req is not None
            assert response._req.transport is not None
            response._req.transport.abort()
        else:
            await answer.send(response, written(0)[1:] + TAIL)

    answer = Answer(nothing_at_first)
    async with client_at(await serve(getuserdocuments=answer), retry=TWICE) as ks:
        assert ids([each async for each in ks.results.stream_of_user()]) == ["doc-0"]
    assert answer.calls == 2


async def test_what_breaks_off_and_can_not_be_asked_for_again_is_in_doubt(serve: Serve) -> None:
    answer = Answer(two_then_nothing)
    found: list[Document] = []
    async with client_at(await serve(getmodifiedinvoices=answer), retry=TWICE) as ks:
        with pytest.raises(OutcomeUnknown):
            await collect(ks.results.stream_modified(), found, answer)
    assert (ids(found), answer.calls) == (["doc-0", "doc-1"], 1)


async def test_an_answer_that_is_cut_off_at_its_end_gives_what_came_and_says_so(
    serve: Serve,
) -> None:
    async def script(answer: Answer, response: web.StreamResponse) -> None:
        await answer.send(response, HEAD + written(0) + b", " + written(1)[:-7])

    answer = Answer(script)
    found: list[Document] = []
    async with client_at(await serve(getuserdocuments=answer), retry=TWICE) as ks:
        with pytest.raises(DecodeError):
            await collect(ks.results.stream_of_user(), found, answer)
    assert (ids(found), answer.calls) == (["doc-0"], 1)


async def test_a_service_that_falls_silent_in_mid_answer_is_noticed(serve: Serve) -> None:
    answer = Answer(two_then_the_rest)
    timeouts = Timeouts(stall_seconds=0.2)
    async with client_at(await serve(getuserdocuments=answer), timeouts=timeouts) as ks:
        with pytest.raises(StallTimeout):
            [each async for each in ks.results.stream_of_user()]
        answer.let_go.set()


async def test_a_deadline_ends_the_stream_and_nothing_else(serve: Serve) -> None:
    answer = Answer(two_then_the_rest)
    async with client_at(await serve(getuserdocuments=answer)) as ks:
        stream = ks.with_options(deadline_seconds=0.3).results.stream_of_user()
        await anext(stream)
        # Time is what this is about: the deadline passes while nobody waits for the stream.
        await asyncio.sleep(0.6)
        await anext(stream)
        with pytest.raises(DeadlineExceeded):
            await anext(stream)
        answer.let_go.set()


async def test_closing_the_client_ends_its_streams(serve: Serve) -> None:
    answer = Answer(for_ever)
    ks = client_at(await serve(getuserdocuments=answer))
    async with ks:
        stream = ks.results.stream_of_user()
        await anext(stream)
    with pytest.raises(ClientClosed):
        [each async for each in stream]
    await answer.was_cut_off.wait()


async def test_a_stream_that_is_left_lying_about_is_no_trouble(serve: Serve) -> None:
    answer = Answer(two_then_nothing)
    async with client_at(await serve(getuserdocuments=answer)) as ks:
        stream = ks.results.stream_of_user()
        await anext(stream)
        answer.let_go.set()
        await until(lambda: not ks._pipeline._bounds._calls)
    await stream.aclose()


async def test_a_cancelled_reader_ends_the_answer(serve: Serve) -> None:
    answer = Answer(two_then_the_rest)
    async with client_at(await serve(getuserdocuments=answer)) as ks:

        async def read() -> None:
            [each async for each in ks.results.stream_of_user()]

        reader = asyncio.create_task(read())
        await until(lambda: answer.sent_bytes > 0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert not ks._pipeline._bounds._calls
        answer.let_go.set()


async def test_a_refusal_comes_from_a_stream_as_from_a_call(serve: Serve) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "No access to documents"})

    async with client_at(await serve(getuserdocuments=refuse)) as ks:
        with pytest.raises(Rejected, match="No access"):
            [each async for each in ks.results.stream_of_user()]


def large_body(count: int) -> bytes:
    return HEAD + b",\n".join(written(number) for number in range(count)) + TAIL


async def at_once(request: web.Request, body: bytes) -> web.StreamResponse:
    await request.read()
    return web.Response(body=body, content_type="application/json")


async def in_chunks(request: web.Request, body: bytes) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for start in range(0, len(body), 50_000):
        await response.write(body[start : start + 50_000])
    return response


async def compressed(request: web.Request, body: bytes) -> web.StreamResponse:
    await request.read()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return web.Response(body=gzip.compress(body), headers=headers)


@pytest.mark.parametrize("way", [at_once, in_chunks, compressed])
@pytest.mark.parametrize("count", [0, 1, 500])
async def test_a_list_is_the_same_in_one_piece_and_while_it_arrives(
    way: Callable[[web.Request, bytes], Awaitable[web.StreamResponse]], count: int, serve: Serve
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await way(request, large_body(count))

    url = await serve(getuserdocuments=answer, getbatchdocuments=answer)
    async with client_at(url) as ks:
        documents = await ks.results.of_user()
        batch = await ks.results.in_batch("b", expected=count)
        streamed = [each async for each in ks.results.stream_of_user()]
    wanted = [f"doc-{number}" for number in range(count)]
    assert ids(streamed) == ids(list(documents)) == ids(list(batch.documents)) == wanted
    assert list(documents) == list(batch.documents) == streamed
    assert documents.release_version == batch.release_version == "7.8.9"


async def test_a_reader_slower_than_a_stall_loses_nothing(serve: Serve) -> None:
    body = large_body(160)
    assert len(body) > 300_000

    async def answer(request: web.Request) -> web.StreamResponse:
        return await at_once(request, body)

    timeouts, found = Timeouts(stall_seconds=0.2), []
    async with client_at(await serve(getuserdocuments=answer), timeouts=timeouts) as ks:
        async for each in ks.results.stream_of_user():
            found.append(each)
            if len(found) == 12:
                # Time is what this is about: the service sends nothing, as nobody takes it.
                await asyncio.sleep(0.6)
    assert ids(found) == [f"doc-{number}" for number in range(160)]


async def test_a_stall_in_one_answer_spoils_no_connection_that_rests(serve: Serve) -> None:
    ports = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername"))
        return await in_chunks(request, large_body(500))

    timeouts = Timeouts(stall_seconds=0.2)
    async with client_at(await serve(getbatchdocuments=answer), timeouts=timeouts) as ks:
        first = await ks.results.in_batch("b", expected=500)
        # Time is what this is about: the connection rests for longer than a stall.
        await asyncio.sleep(0.5)
        second = await ks.results.in_batch("b", expected=500)
    assert len(first.documents) == len(second.documents) == 500
    assert ports[0] == ports[1]


async def test_a_stream_needs_an_open_client() -> None:
    ks = KlearStack("http://127.0.0.1:9", company_name="c", username="u", password="p")
    with pytest.raises(RuntimeError, match="not open"):
        ks.results.stream_of_user()
