"""What is made again, how often, and what those are told who watch: through the public API."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, until
from documents import invoice_pdf

from klearstack_async import (
    Attempt,
    AuthenticationError,
    ConnectError,
    OutcomeUnknown,
    RateLimited,
    RetryPolicy,
    ServerError,
    Stream,
    Timeouts,
    Tokens,
    TokenStore,
)
from klearstack_async.transport.clock import Clock

LARGE = b"%PDF" + b"x" * (32 << 20)


class Script:
    """A handler that answers one after the other, and keeps what it was sent."""

    def __init__(
        self, *answers: int | dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self.answers = list(answers)
        self.headers = headers or {}
        self.bodies: list[bytes] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return web.Response(status=answer, text="not now", headers=self.headers)
        return web.json_response(answer)


BATCH = {"result": [], "status": "pending"}
RECEIPT = {"OCR_ref_no": "b-1"}


def file_in(body: bytes) -> bytes:
    return body.partition(b"%PDF")[2].partition(b"\r\n--")[0]


async def test_a_read_is_made_again_until_it_goes_well(serve: Serve) -> None:
    script = Script(500, 502, 504, BATCH)
    async with client_at(await serve(getbatchdocuments=script)) as ks:
        await ks.results.in_batch("b")
    assert len(script.bodies) == 4


async def test_a_call_that_was_turned_away_is_made_again_whatever_it_does(serve: Serve) -> None:
    script = Script(503, 429, 401, RECEIPT, headers={"Retry-After": "0.01"})
    async with client_at(await serve(processdocument=script)) as ks:
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
    assert upload.batch_id == "b-1"
    # Each time the whole document, in a form that was made anew.
    assert {file_in(body) for body in script.bodies} == {file_in(invoice_pdf() + b"\r\n--")}
    assert len({body.split(b"\r\n")[0] for body in script.bodies}) == 4


async def test_a_file_that_was_replaced_between_attempts_is_sent_as_it_is_now(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF one")
    script = Script(RECEIPT)

    async def refuse_and_replace(request: web.Request) -> web.StreamResponse:
        if not script.bodies:
            script.bodies.append(await request.read())
            path.write_bytes(b"%PDF another")
            return web.Response(status=503, headers={"Retry-After": "0.01"})
        return await script(request)

    async with client_at(await serve(processdocument=refuse_and_replace)) as ks:
        await ks.uploads.document(path)
    assert [file_in(body) for body in script.bodies] == [b" one", b" another"]


@pytest.mark.parametrize("attempts", [1, 3])
async def test_attempts_are_bounded_for_the_client_and_for_some_calls(
    attempts: int, serve: Serve
) -> None:
    script = Script(*[500] * 10)
    url = await serve(getbatchdocuments=script)
    async with client_at(url, retry=RetryPolicy(attempts=attempts, first_seconds=0)) as ks:
        with pytest.raises(ServerError) as caught:
            await ks.results.in_batch("b")
        assert caught.value.attempt == len(script.bodies) == attempts
        other = ks.with_options(retry=RetryPolicy(attempts=2, first_seconds=0))
        with pytest.raises(ServerError):
            await other.results.in_batch("b")
    assert len(script.bodies) == attempts + 2


async def _forget(_tokens: Tokens) -> None: ...


class Sleeper:
    """A clock on which sleeping takes no time, and that tells how long it was."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0
        self.clock = Clock(seconds=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def test_pauses_grow_and_are_bounded_in_all(serve: Serve) -> None:
    script = Script(*[500] * 1000)
    sleeper = Sleeper()
    policy = RetryPolicy(attempts=900, total_seconds=100, first_seconds=1, longest_seconds=8)
    url = await serve(getbatchdocuments=script)
    async with client_at(url, retry=policy, clock=sleeper.clock) as ks:
        await ks.auth.login()
        with pytest.raises(ServerError):
            await ks.results.in_batch("b")
    for number, seconds in enumerate(sleeper.slept):
        assert 0 <= seconds <= min(8, 2**number)
    assert 80 < sum(sleeper.slept) <= 100
    # Full jitter: pauses near nothing are drawn, too.
    assert min(sleeper.slept[4:]) < 3 < max(sleeper.slept)


@pytest.mark.parametrize("status", [502, 503, 429])
async def test_a_wait_beyond_the_time_allowed_is_not_begun(status: int, serve: Serve) -> None:
    script = Script(status, BATCH, headers={"Retry-After": "100"})
    policy = RetryPolicy(total_seconds=50)
    async with client_at(await serve(getbatchdocuments=script), retry=policy) as ks:
        with pytest.raises((ServerError, RateLimited), match="asks to wait 100 s") as caught:
            await ks.results.in_batch("b")
    assert caught.value.retry_after == 100
    assert len(script.bodies) == 1


async def test_nobody_waits_longer_than_a_retry_after_may_be(serve: Serve) -> None:
    script = Script(502, BATCH, headers={"Retry-After": "86400"})
    sleeper = Sleeper()
    policy = RetryPolicy(retry_after_seconds=7)
    url = await serve(getbatchdocuments=script)
    async with client_at(url, retry=policy, clock=sleeper.clock) as ks:
        await ks.results.in_batch("b")
    assert sleeper.slept == [7]


async def test_what_pauses_gives_its_place_to_others(serve: Serve) -> None:
    script = Script(500, BATCH, BATCH)
    woken = asyncio.Event()
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await woken.wait()

    url = await serve(getbatchdocuments=script)
    async with client_at(url, concurrency=1, clock=Clock(sleep=sleep)) as ks:
        first = asyncio.create_task(ks.results.in_batch("a"))
        await asleep.wait()
        await ks.results.in_batch("b")
        assert not first.done()
        woken.set()
        await first
    assert [b'"batch_id"\r\n\r\na' in body for body in script.bodies] == [True, False, True]


async def once() -> AsyncIterator[bytes]:
    yield b"%PDF"


async def test_a_source_that_can_be_read_once_is_sent_once_and_says_so(serve: Serve) -> None:
    script = Script(503, RECEIPT)
    async with client_at(await serve(processdocument=script)) as ks:
        with pytest.raises(ServerError, match="its source can be read only once"):
            await ks.uploads.document(Stream(once, "a.pdf", repeatable=False))
    assert len(script.bodies) == 1


async def test_a_source_that_nobody_has_opened_yet_is_not_used_up() -> None:
    attempts: list[Attempt] = []
    opened = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal opened
        opened += 1
        yield b"%PDF"

    async def load() -> Tokens:
        return Tokens("a.b.c", None, datetime.now(UTC) + timedelta(hours=1))

    store = TokenStore(load, _forget)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with client_at(url, on_attempt=attempts.append, token_store=store) as ks:
            with pytest.raises(ConnectError):
                await ks.uploads.document(Stream(pieces, "a.pdf", repeatable=False))
    assert len(attempts) == 5
    assert opened == 0


async def test_an_upload_that_was_cut_off_before_its_end_is_made_again(serve: Serve) -> None:
    calls = 0

    async def cut_once(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls == 1:
            await request.content.readexactly(1 << 20)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response({**RECEIPT, "bytes": len(await request.read())})

    async with client_at(await serve(processdocument=cut_once)) as ks:
        upload = await ks.uploads.document(LARGE, filename="a.pdf")
    assert upload.batch_id == "b-1"
    assert upload.extra["bytes"] > len(LARGE)
    assert calls == 2


class Early:
    """A server that answers an upload with 200 when one of 32 MiB has come, and takes no more."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.uploads = 0
        self._over = asyncio.Event()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = '{"access_token": "a.b.c"}'
        if b"processdocument" in await reader.readuntil(b"\r\n\r\n"):
            self.uploads += 1
            answer = self.answer
            await reader.readexactly(1 << 20)
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(answer)}\r\n\r\n{answer}".encode())
        await self._over.wait()
        writer.transport.abort()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Give its URL; it holds its connections until the end."""
        async with await asyncio.start_server(self._talk, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._over.set()


async def test_an_answer_before_the_body_went_out_whole_is_the_answer() -> None:
    early, attempts = Early(json.dumps(RECEIPT)), list[Attempt]()
    async with early.listening() as url, client_at(url, on_attempt=attempts.append) as ks:
        upload = await ks.uploads.document(LARGE, filename="a.pdf")
        assert (upload.batch_id, ks.rate.in_flight) == ("b-1", 0)
    assert [(each.endpoint, each.status) for each in attempts[1:]] == [("uploads.document", 200)]
    assert 1 << 20 <= attempts[1].sent_bytes < len(LARGE)


async def test_what_was_answered_early_and_unreadably_may_be_stored() -> None:
    early = Early("%%%")
    async with early.listening() as url, client_at(url) as ks:
        with pytest.raises(OutcomeUnknown):
            await ks.uploads.document(LARGE, filename="a.pdf")
    assert early.uploads == 1


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("of another client", endpoint="other", status=401),
        OutcomeUnknown("of another client", endpoint="other"),
        RateLimited("of another client", endpoint="other", status=429),
        OSError("the disk"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_stream_raises_is_raised_as_it_is_and_nothing_is_made_again(
    error: Exception, serve: Serve
) -> None:
    opened = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal opened
        opened += 1
        yield b"%PDF"
        raise error

    script = Script(RECEIPT)
    attempts: list[Attempt] = []
    async with client_at(await serve(processdocument=script), on_attempt=attempts.append) as ks:
        with pytest.raises(type(error)) as caught:
            await ks.uploads.document(Stream(pieces, "a.pdf"))
        assert caught.value is error
        assert ks.rate.refused == 0
    assert opened == 1
    assert [attempt.error for attempt in attempts] == [None, error]


async def test_each_attempt_is_told_to_the_hook_and_to_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(500, BATCH)
    attempts: list[Attempt] = []
    caplog.set_level(logging.DEBUG, "klearstack_async")
    url = await serve(getbatchdocuments=script)
    async with client_at(url, on_attempt=attempts.append) as ks:
        await ks.results.in_batch("b")
    login, failed, fine = attempts
    assert (login.endpoint, login.number, login.status) == ("auth.login", 1, 200)
    assert (failed.endpoint, failed.number, failed.status) == ("results.in_batch", 1, 500)
    assert isinstance(failed.error, ServerError)
    assert failed.pause_seconds is not None
    assert (fine.number, fine.status, fine.error, fine.pause_seconds) == (2, 200, None, None)
    assert fine.sent_bytes == len(script.bodies[1])
    assert fine.received_bytes == len('{"result": [], "status": "pending"}')
    assert fine.seconds > 0
    lines = [record.getMessage() for record in caplog.records if record.name == "klearstack_async"]
    assert lines == [str(attempt) for attempt in attempts]
    assert PASSWORD not in caplog.text
    assert "results.in_batch attempt 1: 500 (ServerError) in" in lines[1]


async def test_an_attempt_that_is_cut_off_is_told_too(serve: Serve) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await request.read()
        begun.set()
        await released.wait()
        return web.Response()

    attempts: list[Attempt] = []
    async with client_at(await serve(getbatchdocuments=hang), on_attempt=attempts.append) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
    released.set()
    assert isinstance(attempts[-1].error, asyncio.CancelledError)
    assert attempts[-1].status is None


async def test_who_watches_can_do_no_harm(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_attempt: Attempt) -> None:
        raise ZeroDivisionError

    async with client_at(await serve(processdocument=Script(RECEIPT)), on_attempt=fail) as ks:
        upload = await ks.uploads.document(b"%PDF", filename="a.pdf")
    assert upload.batch_id == "b-1"
    assert "what watches the calls has failed" in caplog.text


async def test_a_call_is_not_finished_as_another_user(serve: Serve) -> None:
    script = Script(500, BATCH)
    asleep, woken = asyncio.Event(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await woken.wait()

    async def of_another(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"access_token": "an.other.s"})

    url = await serve(getbatchdocuments=script, getaccesstokenfromuserid=of_another)
    async with client_at(url, clock=Clock(sleep=sleep)) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await asleep.wait()
        await ks.auth.login_as("7")
        woken.set()
        with pytest.raises(ServerError):
            await call
    assert len(script.bodies) == 1


async def test_a_token_that_ends_again_and_again_between_attempts_is_renewed_each_time(
    serve: Serve,
) -> None:
    script = Script(401, 500, 401, 500, 401, BATCH)
    async with client_at(await serve(getbatchdocuments=script)) as ks:
        await ks.results.in_batch("b")
    assert len(script.bodies) == 6


async def test_a_login_is_made_again_for_all_who_wait_for_it(serve: Serve) -> None:
    login = Script(500, 502, {"access_token": "a.b.c"})
    script = Script(*[BATCH] * 20)
    async with client_at(await serve(get_access_token=login, getbatchdocuments=script)) as ks:
        await asyncio.gather(*(ks.results.in_batch("b") for _ in range(20)))
    assert len(login.bodies) == 3


async def test_a_login_that_fails_for_good_is_not_made_again_by_each_call(serve: Serve) -> None:
    login = Script(*[500] * 100)
    policy = RetryPolicy(attempts=3, first_seconds=0)
    async with client_at(await serve(get_access_token=login), retry=policy) as ks:
        with pytest.raises(ServerError) as caught:
            await ks.results.in_batch("b")
    assert caught.value.endpoint == "auth.login"
    assert len(login.bodies) == 3


async def test_the_pace_is_told(serve: Serve) -> None:
    script = Script(429, headers={"Retry-After": "60"})
    policy = RetryPolicy(total_seconds=1)
    async with client_at(await serve(getbatchdocuments=script), retry=policy) as ks:
        with pytest.raises(RateLimited):
            await ks.results.in_batch("b")
        assert (ks.rate.refused, ks.rate.passed, ks.rate.in_flight) == (1, 2, 0)
        assert 50 < ks.rate.paused_seconds <= 60
        waiting = asyncio.create_task(ks.results.in_batch("c"))
        await until(lambda: ks.rate.waiting == 1)
        assert ks.with_options(timeouts=Timeouts()).rate.waiting == 1
        waiting.cancel()
        await asyncio.wait([waiting])
        assert ks.rate.waiting == 0
