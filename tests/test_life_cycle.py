"""A client's life: closing, cancelling, deadlines and other event loops, wherever a call may stand.

The places where a call may have to wait are a table, `WAITS`; what may befall a call there is
tried at each of them. Nothing here depends on how long something takes: deadlines pass by hand.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import anyio.from_thread
import pytest
from aiohttp import web
from conftest import LIBRARY, PASSWORD, Serve, client_at, until

from klearstack_async import (
    BulkRun,
    BytesSource,
    ClientClosed,
    DeadlineExceeded,
    KlearStack,
    OutcomeUnknown,
    Rate,
    Stream,
    Timeouts,
    Upload,
)
from klearstack_async.sandbox import Sandbox
from klearstack_async.transport import bounds as bounds_module
from klearstack_async.transport import http as http_module
from klearstack_async.transport.clock import Clock

T = TypeVar("T")

MIB = 1 << 20
HOUR = 3600.0
BY_HAND = Timeouts(deadline_seconds=HOUR)
RECEIPT = {"OCR_ref_no": "b-1"}
# What servers wait for in this test.
HELD: list[asyncio.Event] = []


@pytest.fixture(autouse=True)
def nobody_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a close wait as long as it takes: one that waits for nothing must not pass unnoticed."""
    monkeypatch.setattr(bounds_module, "_CLOSE_SECONDS", HOUR)
    monkeypatch.setattr(http_module, "_CLOSE_SECONDS", HOUR)


@pytest.fixture
async def serve(serve: Serve) -> AsyncIterator[Serve]:
    """Let go at the end what is held: a server doesn't notice that nobody waits any more."""
    yield serve
    while HELD:
        HELD.pop().set()


async def promptly(work: Awaitable[T]) -> T:
    """Await what waits for nothing: a test that hangs would hold up the whole suite."""
    async with asyncio.timeout(30):
        return await work


@dataclass
class Held:
    """A call that waits, and will wait for ever.

    Attributes:
        ks: Its client.
        call: The call.
        is_whole: Whether its body had gone out, so that nobody knows what became of it.
        others: Calls that hold it up.
    """

    ks: KlearStack
    call: asyncio.Task[object]
    is_whole: bool = False
    others: list[asyncio.Task[object]] = field(default_factory=list)


Wait = Callable[..., AbstractAsyncContextManager[Held]]


async def answer_receipt(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.json_response(RECEIPT)


class Holding:
    """A handler that reads (or not) what is sent, and answers when it is let go."""

    def __init__(self, *, reads: bool = True, answers_in_part: bool = False) -> None:
        self.reads, self.answers_in_part = reads, answers_in_part
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.calls = 0
        HELD.append(self.gate)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.reads:
            await request.read()
        if self.answers_in_part:
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b'{"OCR_ref_no"')
        self.entered.set()
        await self.gate.wait()
        if not self.reads and request.transport is not None:
            request.transport.abort()
        return web.json_response({"access_token": "a.b.c", "refresh_token": "d.e.f", **RECEIPT})


def upload(ks: KlearStack, size: int = 4) -> asyncio.Task[object]:
    source = BytesSource(b"%PDF" + bytes(size - 4), "a.pdf")
    return asyncio.create_task(ks.uploads.document(source))


@asynccontextmanager
async def held_for_a_place(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler), concurrency=1, **options) as ks:
        other = asyncio.create_task(ks.results.in_batch("b"))
        await handler.entered.wait()
        call = upload(ks)
        await until(lambda: ks._pipeline._carrier._gate.waiting == 1)
        yield Held(ks, call, others=[other])


@asynccontextmanager
async def held_for_its_turn(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    # The login takes the one turn that there is.
    url = await serve(processdocument=answer_receipt)
    async with client_at(url, rate=Rate(per_second=0.0001), **options) as ks:
        call = upload(ks)
        await until(lambda: ks.rate.waiting == 1)
        yield Held(ks, call)


@asynccontextmanager
async def held_for_a_token(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    login = Holding()
    url = await serve(get_access_token=login, processdocument=answer_receipt)
    async with client_at(url, **options) as ks:
        call = upload(ks)
        await login.entered.wait()
        yield Held(ks, call)


@asynccontextmanager
async def held_for_a_new_token(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    login = Holding()
    login.gate.set()

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        login.entered.clear()
        login.gate.clear()
        return web.json_response({"error": "Token expired."}, status=401)

    url = await serve(
        get_access_token=login, getaccesstokenfromrefreshtoken=login, processdocument=refuse
    )
    async with client_at(url, **options) as ks:
        call = upload(ks)
        await until(lambda: login.calls == 2)
        yield Held(ks, call)


@asynccontextmanager
async def held_in_back_off(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    pausing = asyncio.Event()

    async def pause(_seconds: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    async def fail(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "Something went wrong."}, status=500)

    url = await serve(getbatchdocuments=fail)
    async with client_at(url, clock=Clock(sleep=pause), **options) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await pausing.wait()
        yield Held(ks, cast("asyncio.Task[object]", call))


@asynccontextmanager
async def held_in_a_pause_of_the_account(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=429, headers={"Retry-After": "100"})

    async with client_at(await serve(processdocument=refuse), **options) as ks:
        first = upload(ks)
        await until(lambda: ks.rate.refused > 0)
        call = upload(ks)
        await until(lambda: ks.rate.waiting > 0)
        yield Held(ks, call, others=[first])


@asynccontextmanager
async def held_while_it_is_sent(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    handler = Holding(reads=False)
    async with client_at(await serve(processdocument=handler), **options) as ks:
        call = upload(ks, 32 * MIB)
        await handler.entered.wait()
        yield Held(ks, call)


@asynccontextmanager
async def held_by_its_source(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    waits = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF"
        waits.set()
        await asyncio.Event().wait()

    async with client_at(await serve(processdocument=answer_receipt), **options) as ks:
        call = asyncio.create_task(ks.uploads.document(Stream(pieces, "a.pdf")))
        await waits.wait()
        yield Held(ks, cast("asyncio.Task[object]", call))


class SlowFile(io.BytesIO):
    """A file on a disk that doesn't answer."""

    def __init__(self) -> None:
        super().__init__(b"%PDF" + bytes(3 * MIB))
        self.is_read, self.goes_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.is_read.set()
        self.goes_on.wait()
        return super().read(size)


@asynccontextmanager
async def held_by_a_disk(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    file = SlowFile()
    try:
        async with client_at(await serve(processdocument=answer_receipt), **options) as ks:
            call = asyncio.create_task(
                ks.uploads.document(cast("BinaryIO", file), filename="a.pdf")
            )
            await until(file.is_read.is_set)
            yield Held(ks, cast("asyncio.Task[object]", call))
    finally:
        file.goes_on.set()


@asynccontextmanager
async def held_for_an_answer(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    handler = Holding()
    async with client_at(await serve(processdocument=handler), **options) as ks:
        call = upload(ks)
        await handler.entered.wait()
        yield Held(ks, call, is_whole=True)


@asynccontextmanager
async def held_for_the_rest_of_an_answer(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    handler = Holding(answers_in_part=True)
    async with client_at(await serve(processdocument=handler), **options) as ks:
        call = upload(ks, 2 * MIB)
        await handler.entered.wait()
        yield Held(ks, call, is_whole=True)


@asynccontextmanager
async def held_for_an_answer_to_a_read(serve: Serve, **options: Any) -> AsyncIterator[Held]:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler), **options) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await handler.entered.wait()
        yield Held(ks, cast("asyncio.Task[object]", call))


WAITS: dict[str, Wait] = {
    "for a place": held_for_a_place,
    "for its turn": held_for_its_turn,
    "for a token": held_for_a_token,
    "for a new token": held_for_a_new_token,
    "in back-off": held_in_back_off,
    "in a pause of the account": held_in_a_pause_of_the_account,
    "while it is sent": held_while_it_is_sent,
    "by its source": held_by_its_source,
    "by a disk": held_by_a_disk,
    "for an answer": held_for_an_answer,
    "for the rest of an answer": held_for_the_rest_of_an_answer,
    "for an answer to a read": held_for_an_answer_to_a_read,
}
everywhere = pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)


async def error_of(call: asyncio.Task[object]) -> BaseException:
    """Give what a call ended in; never its cancellation, which nobody has asked for."""
    await promptly(asyncio.wait([call]))
    assert not call.cancelled()
    error = call.exception()
    assert error is not None
    return error


async def assert_ended_with(held: Held, kind: type[Exception]) -> None:
    error = await error_of(held.call)
    if held.is_whole:
        assert isinstance(error, OutcomeUnknown)
        assert isinstance(error.__cause__, kind)
    else:
        assert type(error) is kind
    for other in held.others:
        await error_of(other)


def inside_of(ks: KlearStack) -> dict[str, int]:
    """Count what a client holds for calls that are under way."""
    pipeline = ks._pipeline
    session = pipeline._transport._session
    return {
        "calls": len(pipeline._bounds._calls),
        "places": pipeline._carrier._gate.inside,
        "for a place": pipeline._carrier._gate.waiting,
        "connections": pipeline._transport.gate.inside,
        "for a connection": pipeline._transport.gate.waiting,
        "turns": ks.rate.waiting,
        "sockets": len(session.connector._acquired) if session and session.connector else 0,
    }


def is_idle(ks: KlearStack) -> bool:
    return not any(inside_of(ks).values())


def tasks_of_the_library() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if LIBRARY.runs_in(task) and not task.done()]


def pass_the_deadline(ks: KlearStack) -> None:
    """Let the deadline of every call that is under way pass now."""
    for bounds in list(ks._pipeline._bounds._calls):
        bounds.reschedule(0.0)


# --- Closing while calls run


@everywhere
async def test_closing_ends_a_call_wherever_it_waits(wait: Wait, serve: Serve) -> None:
    async with wait(serve) as held:
        await promptly(held.ks.close())
        assert held.call.done()
        await assert_ended_with(held, ClientClosed)
        assert is_idle(held.ks), inside_of(held.ks)
        await until(lambda: not tasks_of_the_library())


@everywhere
async def test_two_closes_at_once_both_return(wait: Wait, serve: Serve) -> None:
    async with wait(serve) as held:
        await promptly(asyncio.gather(*(held.ks.close() for _ in range(3))))
        await assert_ended_with(held, ClientClosed)


@everywhere
async def test_an_exception_leaves_the_block_and_ends_its_calls(wait: Wait, serve: Serve) -> None:
    with pytest.raises(ZeroDivisionError):
        async with wait(serve) as held:
            raise ZeroDivisionError
    await assert_ended_with(held, ClientClosed)
    assert is_idle(held.ks)


@everywhere
async def test_a_close_that_is_given_up_has_closed_all_the_same(wait: Wait, serve: Serve) -> None:
    async with wait(serve) as held:
        close = asyncio.create_task(held.ks.close())
        await asyncio.sleep(0)
        close.cancel()
        await promptly(asyncio.wait([close]))
        await assert_ended_with(held, ClientClosed)
        await until(lambda: not tasks_of_the_library())
        assert held.ks._pipeline._transport._session is None


@everywhere
async def test_a_call_that_is_cancelled_while_the_client_closes_is_cancelled(
    wait: Wait, serve: Serve
) -> None:
    async with wait(serve) as held:
        close = asyncio.create_task(held.ks.close())
        held.call.cancel()
        await promptly(close)
        with pytest.raises(asyncio.CancelledError):
            await held.call
        assert is_idle(held.ks)
        for other in held.others:
            await error_of(other)


async def test_fifty_calls_each_get_an_error_of_their_own(serve: Serve) -> None:
    login = Holding()
    url = await serve(get_access_token=login)
    async with client_at(url, concurrency=20) as ks:
        calls = [upload(ks) for _ in range(50)]
        await login.entered.wait()
    errors = [await error_of(call) for call in calls]
    assert {type(error) for error in errors} == {ClientClosed}
    assert len(set(map(id, errors))) == 50


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("at", ["first", "after a piece"])
async def test_a_stream_may_close_the_client_that_sends_it(
    at: str, repeatable: bool, serve: Serve
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        if at == "after a piece":
            yield b"%PDF"
        await ks.close()
        yield b"%PDF"

    async with client_at(await serve(processdocument=answer_receipt)) as ks:
        call = asyncio.create_task(
            ks.uploads.document(Stream(pieces, "a.pdf", repeatable=repeatable))
        )
        other = upload(ks)
        error = await error_of(cast("asyncio.Task[object]", call))
        assert type(error) is ClientClosed
        await asyncio.wait([other])
        assert ks._pipeline._transport._session is None
        await until(lambda: not tasks_of_the_library())


async def test_a_token_store_may_close_the_client_that_asks_it(serve: Serve) -> None:
    class Store:
        async def load(self) -> None:
            await ks.close()

        async def save(self, tokens: object) -> None: ...

    url = await serve(processdocument=answer_receipt)
    async with client_at(url, token_store=Store()) as ks:
        assert type(await error_of(upload(ks))) is ClientClosed
        await until(lambda: not tasks_of_the_library())


async def test_a_renewal_that_asks_a_store_ends_with_a_close_that_is_given_up(serve: Serve) -> None:
    class Store:
        async def load(self) -> None:
            asked.set()
            await goes_on.wait()

        async def save(self, tokens: object) -> None: ...

    asked, goes_on = asyncio.Event(), asyncio.Event()
    async with client_at(await serve(), token_store=Store()) as ks:
        call = upload(ks)
        await asked.wait()
        renewals = [each for each in asyncio.all_tasks() if each.get_name() == "klearstack token"]
        close = asyncio.create_task(ks.close())
        await asyncio.sleep(0)
        close.cancel()
        await promptly(asyncio.wait([close]))
        assert type(await error_of(call)) is ClientClosed
        await asyncio.sleep(0)
        ended = [renewal.done() for renewal in renewals]
        goes_on.set()
        await asyncio.wait(renewals)
        assert ended == [True]


async def test_closing_ends_a_wait_for_a_batch_between_two_looks(serve: Serve) -> None:
    pausing, goes_on = asyncio.Event(), asyncio.Event()

    async def pause(_seconds: float) -> None:
        pausing.set()
        await goes_on.wait()

    async def not_yet(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"result": [], "status": "processing"})

    url = await serve(getbatchdocuments=not_yet)
    async with client_at(url, clock=Clock(sleep=pause)) as ks:
        call = asyncio.create_task(ks.results.wait("b", expected=1))
        await pausing.wait()
    ended = call.done()
    goes_on.set()
    error = await error_of(cast("asyncio.Task[object]", call))
    assert ended
    assert type(error) is ClientClosed


async def test_a_bulk_run_whose_client_is_closed_ends_and_tells_what_it_has_uploaded(
    serve: Serve,
) -> None:
    looks = Holding()
    url = await serve(processdocument=answer_receipt, getbatchdocuments=looks)
    runs: list[BulkRun] = []
    async with client_at(url) as ks:

        async def consume() -> None:
            sources = [
                BytesSource(b"%%PDF-1.4 %d" % number, f"{number}.pdf") for number in range(3)
            ]
            async with ks.bulk(sources) as run:
                runs.append(run)
                async for _ in run:
                    pytest.fail("nothing is ready")

        run = asyncio.create_task(consume())
        await looks.entered.wait()
        await until(lambda: runs[0].report.uploaded == 3)
    assert type(await error_of(run)) is ClientClosed
    left = runs[0].under_way()
    assert [outcome.state.value for outcome in left] == ["in_doubt"] * 3
    assert all(outcome.batch_id for outcome in left)


async def test_a_closed_client_can_be_entered_again(serve: Serve) -> None:
    handler = Holding()
    ks = client_at(await serve(processdocument=handler))
    async with ks:
        call = upload(ks)
        await handler.entered.wait()
    assert type(await error_of(call)) is OutcomeUnknown
    handler.gate.set()
    async with ks:
        assert cast("Upload", await upload(ks)).batch_id == "b-1"


async def test_an_open_client_cannot_be_entered_again(serve: Serve) -> None:
    async with client_at(await serve(processdocument=answer_receipt)) as ks:
        with pytest.raises(RuntimeError, match="open already"):
            await ks.__aenter__()
        assert cast("Upload", await upload(ks)).batch_id == "b-1"


async def test_of_two_that_enter_a_client_at_once_one_does(serve: Serve) -> None:
    ks = client_at(await serve(processdocument=answer_receipt))
    ends = await asyncio.gather(ks.__aenter__(), ks.__aenter__(), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["KlearStack", "RuntimeError"]
    await upload(ks)
    await ks.close()


async def test_a_client_that_is_cancelled_while_it_opens_can_be_opened(serve: Serve) -> None:
    ks = client_at(await serve(processdocument=answer_receipt))
    opening = asyncio.create_task(ks.__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    await ks.close()
    async with ks:
        await upload(ks)


async def test_closing_what_was_never_open_does_nothing(serve: Serve) -> None:
    ks = client_at(await serve())
    await ks.close()
    async with ks:
        await ks.close()
        await ks.close()


# --- Use before, after, and from elsewhere


USES: dict[str, Callable[[KlearStack], Coroutine[Any, Any, object]]] = {
    "upload": lambda ks: ks.uploads.document(b"%PDF", filename="a.pdf"),
    "bundle": lambda ks: ks.uploads.bundle([BytesSource(b"%PDF", "a.pdf")]),
    "stream": lambda ks: ks.uploads.document(Stream(AsyncGenerator, "a.pdf")),
    "read": lambda ks: ks.results.in_batch("b"),
    "wait": lambda ks: ks.results.wait("b"),
    "picture": lambda ks: ks.images.get("d"),
    "login": lambda ks: ks.auth.login(),
    "refresh": lambda ks: ks.auth.refresh(),
    "login as": lambda ks: ks.auth.login_as("7"),
    "call": lambda ks: ks.call("getsomething"),
    "variant": lambda ks: ks.with_options(deadline_seconds=9).results.in_batch("b"),
    "bulk": lambda ks: ks.bulk([BytesSource(b"%PDF", "a.pdf")]).__aenter__(),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@each_use
async def test_a_call_before_the_client_is_open_says_how_to_open_it(
    use: Callable[[KlearStack], Coroutine[Any, Any, object]], serve: Serve
) -> None:
    handler = Holding()
    ks = client_at(await serve(get_access_token=handler, other=handler))
    with pytest.raises(RuntimeError, match="async with"):
        await use(ks)
    assert not handler.calls


@each_use
async def test_a_call_after_the_block_says_so(
    use: Callable[[KlearStack], Coroutine[Any, Any, object]], serve: Serve
) -> None:
    handler = Holding()
    handler.gate.set()
    ks = client_at(await serve(get_access_token=handler, other=handler))
    async with ks:
        pass
    with pytest.raises(RuntimeError, match="closed; open another one"):
        await use(ks)
    assert not handler.calls


@pytest.fixture
def far_away() -> Iterator[Sandbox]:
    """A sandbox with a loop and a thread of its own."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            Sandbox(processing_seconds=0, password=PASSWORD)
        ) as sandbox,
    ):
        yield sandbox


@each_use
def test_a_call_from_another_event_loop_is_refused(
    use: Callable[[KlearStack], Coroutine[Any, Any, object]], far_away: Sandbox
) -> None:
    async def main() -> None:
        async with client_at(far_away.url) as ks:
            await ks.auth.login()
            before = dict(far_away.requests)
            with pytest.raises(RuntimeError, match="another event loop"):
                await asyncio.to_thread(lambda: asyncio.run(_awaited(use(ks))))
            assert dict(far_away.requests) == before
            # And it has done the client no harm.
            await ks.uploads.document(b"%PDF-1.7", filename="a.pdf")

    asyncio.run(main())


async def _awaited(work: Coroutine[Any, Any, object]) -> object:
    return await work


def test_a_client_that_was_left_open_is_refused_in_the_next_loop(far_away: Sandbox) -> None:
    ks = client_at(far_away.url)

    async def first() -> None:
        await ks.__aenter__()

    async def second() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await ks.uploads.document(b"%PDF-1.7", filename="a.pdf")
        await ks.close()
        async with ks:
            await ks.uploads.document(b"%PDF-1.7", filename="a.pdf")

    asyncio.run(first())
    asyncio.run(second())
    assert far_away.requests["processdocument"] == 1


def test_a_client_lives_again_in_each_loop(far_away: Sandbox) -> None:
    ks = client_at(far_away.url, rate=Rate(per_second=200), concurrency=3)

    async def main() -> None:
        async with ks:
            await asyncio.gather(
                *(ks.uploads.document(b"%PDF-1.7", filename="a.pdf") for _ in range(8))
            )
            assert ks.rate.waiting == 0

    for _ in range(3):
        asyncio.run(main())
    assert far_away.requests["processdocument"] == 24
    # The tokens outlive the loop.
    assert far_away.requests["get_access_token"] == 1


def test_a_client_that_died_with_its_loop_lives_again(far_away: Sandbox) -> None:
    ks = client_at(far_away.url)

    async def interrupted() -> None:
        async with ks:
            call = asyncio.create_task(ks.uploads.document(b"%PDF-1.7", filename="a.pdf"))
            await asyncio.sleep(0)
            assert not call.done()
            raise KeyboardInterrupt

    async def again() -> None:
        async with ks:
            await ks.uploads.document(b"%PDF-1.7", filename="a.pdf")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted())
    asyncio.run(again())


# --- Cancellation


@everywhere
async def test_a_call_can_be_cancelled_wherever_it_waits(wait: Wait, serve: Serve) -> None:
    async with wait(serve) as held:
        for call in (held.call, *held.others):
            call.cancel()
        for call in (held.call, *held.others):
            with pytest.raises(asyncio.CancelledError):
                await call
        assert is_idle(held.ks) or tasks_of_the_library(), inside_of(held.ks)
    assert is_idle(held.ks), inside_of(held.ks)


DRIVEN: ContextVar[Steps | None] = ContextVar("DRIVEN", default=None)


class Steps:
    """Counts how often a call and the tasks that it starts are suspended, and cancels at one.

    Args:
        cancel_at: At which suspension to cancel the call, from 1.
        late: Not while it is suspended, but when it is about to go on.
    """

    def __init__(self, cancel_at: int, *, late: bool) -> None:
        self.cancel_at, self.late = cancel_at, late
        self.count = 0
        self.was_cancelled = False
        self.task: asyncio.Task[object] | None = None

    def _cancel(self, _future: object = None) -> None:
        assert self.task is not None
        self.was_cancelled = self.task.cancel() or self.was_cancelled

    def _suspended(self, yielded: Any) -> None:
        self.count += 1
        if self.count != self.cancel_at:
            return
        if self.late and yielded is not None:
            # Before the task's own callback, which would wake it.
            yielded.add_done_callback(self._cancel)
        else:
            asyncio.get_running_loop().call_soon(self._cancel)

    def __call__(self, work: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        async def watched() -> Any:
            return await _Watched(work, self._suspended)

        return watched()


class _Watched:
    def __init__(self, work: Coroutine[Any, Any, Any], suspended: Callable[[Any], None]) -> None:
        self._work, self._suspended = work, suspended

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = partial(self._work.send, None)
        while True:
            try:
                yielded = step()
            except StopIteration as end:
                return end.value
            self._suspended(yielded)
            try:
                sent = yield yielded
                step = partial(self._work.send, sent)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is passed on
                step = partial(self._work.throw, error)


def _started(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Future[Any]:
    steps = DRIVEN.get()
    return asyncio.Task(work if steps is None else steps(work), loop=loop, **options)


@contextmanager
def tasks_are_driven() -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(cast("Any", _started))
    try:
        yield
    finally:
        loop.set_task_factory(before)


async def drive(work: Coroutine[Any, Any, object], steps: Steps) -> asyncio.Task[object]:
    """Run a call under `steps`; the task that comes back has ended."""
    token = DRIVEN.set(steps)
    try:
        steps.task = asyncio.create_task(work)
    finally:
        DRIVEN.reset(token)
    await asyncio.wait([steps.task])
    return steps.task


def small_file(ks: KlearStack, folder: Path) -> Coroutine[Any, Any, object]:
    path = folder / "small.pdf"
    path.write_bytes(b"%PDF" + bytes(100_000))
    return ks.uploads.document(path)


def large_file(ks: KlearStack, folder: Path) -> Coroutine[Any, Any, object]:
    path = folder / "large.pdf"
    if not path.exists():
        path.write_bytes(b"%PDF" + bytes(4 * MIB))
    return ks.uploads.document(path)


def stream(ks: KlearStack, folder: Path) -> Coroutine[Any, Any, object]:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield b"%PDF" + bytes(MIB // 2)

    return ks.uploads.document(Stream(pieces, "a.pdf"))


def bundle(ks: KlearStack, folder: Path) -> Coroutine[Any, Any, object]:
    large = folder / "large.pdf"
    if not large.exists():
        large.write_bytes(b"%PDF" + bytes(3 * MIB))
    return ks.uploads.bundle([large, BytesSource(b"%PDF", "b.pdf")])


UPLOADS = [small_file, large_file, stream, bundle]


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as it goes on"])
@pytest.mark.parametrize("kind", UPLOADS)
async def test_an_upload_can_be_cancelled_at_each_await(
    kind: Callable[[KlearStack, Path], Coroutine[Any, Any, object]],
    late: bool,
    serve: Serve,
    tmp_path: Path,
) -> None:
    url = await serve(processdocument=answer_receipt, uploadbatch=answer_receipt)
    most = 1000
    for cancel_at in range(1, most):
        steps = Steps(cancel_at, late=late)
        async with client_at(
            url, concurrency=1, timeouts=BY_HAND, rate=Rate(per_second=10_000)
        ) as ks:
            with tasks_are_driven():
                call = await drive(kind(ks, tmp_path), steps)
            assert call.cancelled() is steps.was_cancelled
            # A login goes on for who comes next.
            await until(lambda ks=ks: is_idle(ks))  # type: ignore[misc]
            assert cast("Upload", await upload(ks)).batch_id == "b-1"
            assert is_idle(ks)
        assert tasks_of_the_library() == []
        if not steps.was_cancelled:
            break
    # If nothing was cancelled, it was no test.
    assert 5 < cancel_at < most - 1


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as it goes on"])
async def test_a_call_with_retries_can_be_cancelled_at_each_await(late: bool, serve: Serve) -> None:
    fails = 0

    async def sometimes(request: web.Request) -> web.StreamResponse:
        nonlocal fails
        await request.read()
        fails += 1
        match fails % 4:
            case 1:
                return web.json_response({"error": "Token expired."}, status=401)
            case 2:
                return web.Response(status=500, text="oops")
            case 3:
                assert request.transport is not None
                request.transport.close()
        return web.json_response({"result": [], "status": "processing"})

    url = await serve(getbatchdocuments=sometimes, processdocument=answer_receipt)
    for cancel_at in range(1, 1000):
        fails = 0
        steps = Steps(cancel_at, late=late)
        async with client_at(url, concurrency=1, timeouts=BY_HAND) as ks:
            with tasks_are_driven():
                call = await drive(ks.results.in_batch("b"), steps)
            assert call.cancelled() is steps.was_cancelled
            await until(lambda ks=ks: is_idle(ks))  # type: ignore[misc]
            await upload(ks)
        assert tasks_of_the_library() == []
        if not steps.was_cancelled:
            break
    assert cancel_at > 10
    assert call.exception() is None


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as it goes on"])
async def test_the_next_in_line_goes_on_when_who_stands_before_it_is_cancelled(
    late: bool, serve: Serve
) -> None:
    url = await serve(processdocument=answer_receipt)
    for cancel_at in range(1, 1000):
        steps = Steps(cancel_at, late=late)
        async with client_at(url, concurrency=1, rate=Rate(per_second=10_000)) as ks:
            with tasks_are_driven():
                first = upload(ks)
                second = asyncio.create_task(
                    drive(ks.uploads.document(b"%PDF", filename="b.pdf"), steps)
                )
                third = upload(ks)
                await asyncio.gather(first, second, third)
            assert second.result().cancelled() is steps.was_cancelled
            assert is_idle(ks)
        if not steps.was_cancelled:
            break
    assert cancel_at > 2


async def test_a_login_outlives_the_call_that_began_it(serve: Serve) -> None:
    login = Holding()
    url = await serve(get_access_token=login, processdocument=answer_receipt)
    async with client_at(url) as ks:
        first = upload(ks)
        await login.entered.wait()
        others = [upload(ks) for _ in range(5)]
        await until(lambda: ks._pipeline._carrier._gate.inside == 6)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        login.gate.set()
        await asyncio.gather(*others)
    assert login.calls == 1


async def test_a_login_whose_calls_are_all_cancelled_serves_the_next(serve: Serve) -> None:
    login = Holding()
    url = await serve(get_access_token=login, processdocument=answer_receipt)
    async with client_at(url) as ks:
        calls = [upload(ks) for _ in range(3)]
        await login.entered.wait()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        login.gate.set()
        await until(lambda: not tasks_of_the_library())
        await upload(ks)
    assert login.calls == 1


async def test_a_login_that_fails_for_nobody_is_not_shouted_about(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on, entered = asyncio.Event(), asyncio.Event()

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        entered.set()
        await goes_on.wait()
        return web.json_response({"error": "Incorrect username or password."}, status=401)

    async with client_at(await serve(get_access_token=refuse)) as ks:
        call = upload(ks)
        await entered.wait()
        call.cancel()
        await asyncio.wait([call])
        goes_on.set()
        await until(lambda: not tasks_of_the_library())
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


# --- Deadlines


@everywhere
async def test_a_deadline_ends_a_call_wherever_it_waits(wait: Wait, serve: Serve) -> None:
    async with wait(serve, timeouts=BY_HAND) as held:
        pass_the_deadline(held.ks)
        await assert_ended_with(held, DeadlineExceeded)
        assert held.is_whole or isinstance(held.call.exception(), TimeoutError)
    assert is_idle(held.ks), inside_of(held.ks)


async def test_a_deadline_of_a_variant_is_its_own(serve: Serve) -> None:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler)) as ks:
        patient = asyncio.create_task(ks.results.in_batch("b"))
        await handler.entered.wait()
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await ks.with_options(deadline_seconds=0.05).results.in_batch("b")
        assert not patient.done()
        patient.cancel()
        await asyncio.wait([patient])


async def test_a_login_outlives_the_deadline_of_the_call_that_began_it(serve: Serve) -> None:
    login = Holding()
    url = await serve(get_access_token=login, processdocument=answer_receipt)
    async with client_at(url) as ks:
        hasty = ks.with_options(deadline_seconds=HOUR)
        call = upload(hasty)
        await login.entered.wait()
        for bounds in list(ks._pipeline._bounds._calls):
            if bounds.when() is not None:
                bounds.reschedule(0.0)
        assert type(await error_of(call)) is DeadlineExceeded
        login.gate.set()
        await upload(ks)
    assert login.calls == 1


@pytest.mark.parametrize("which", [0, 1], ids=["outer", "inner"])
async def test_a_timeout_around_a_call_works_as_usual(which: int, serve: Serve) -> None:
    handler = Holding()
    ends: list[str] = []
    async with client_at(await serve(getbatchdocuments=handler), timeouts=BY_HAND) as ks:

        async def call() -> None:
            try:
                async with asyncio.timeout(HOUR) as outer:
                    try:
                        async with asyncio.timeout(HOUR) as inner:
                            timeouts.extend((outer, inner))
                            await ks.results.in_batch("b")
                    except TimeoutError:
                        ends.append("inner")
            except TimeoutError:
                ends.append("outer")
            # What is left of a cancellation would come up here.
            await asyncio.sleep(0)
            ends.append("the end")

        timeouts: list[asyncio.Timeout] = []
        task = asyncio.create_task(call())
        await handler.entered.wait()
        timeouts[which].reschedule(0.0)
        await promptly(task)
        assert ends == [["outer", "inner"][which], "the end"]
        assert is_idle(ks)


async def test_a_deadline_cancels_nothing_around_the_call(serve: Serve) -> None:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler), timeouts=BY_HAND) as ks:

        async def call() -> str:
            with pytest.raises(DeadlineExceeded):
                await ks.results.in_batch("b")
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            await asyncio.sleep(0)
            return "went on"

        async with asyncio.timeout(HOUR) as outer, asyncio.TaskGroup() as group:
            tasks = [group.create_task(call()) for _ in range(3)]
            await until(lambda: handler.calls == 3)
            pass_the_deadline(ks)
        assert not outer.expired()
        assert [task.result() for task in tasks] == ["went on"] * 3


async def test_a_deadline_and_a_timeout_that_pass_together_are_the_timeout(serve: Serve) -> None:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler), timeouts=BY_HAND) as ks:

        async def call() -> None:
            async with asyncio.timeout(HOUR) as outer:
                timeouts.append(outer)
                await ks.results.in_batch("b")

        timeouts: list[asyncio.Timeout] = []
        task = asyncio.create_task(call())
        await handler.entered.wait()
        pass_the_deadline(ks)
        timeouts[0].reschedule(0.0)
        error = await error_of(cast("asyncio.Task[object]", task))
        assert type(error) is TimeoutError
        assert is_idle(ks)


async def test_a_source_that_times_out_is_no_deadline(serve: Serve) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF"
        raise TimeoutError("the source's own")

    async with client_at(await serve(processdocument=answer_receipt), timeouts=BY_HAND) as ks:
        with pytest.raises(TimeoutError, match="the source's own"):
            await ks.uploads.document(Stream(pieces, "a.pdf"))


# --- Variants


async def test_variants_share_tokens_turns_places_and_connections(serve: Serve) -> None:
    login, handler = Holding(), Holding()
    login.gate.set()
    connections: set[object] = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        connections.add(request.transport)
        return await handler(request)

    url = await serve(get_access_token=login, processdocument=answer)
    async with client_at(url, concurrency=1) as ks:
        variant = ks.with_options(deadline_seconds=HOUR)
        second = variant.with_options(timeouts=Timeouts(stall_seconds=7))
        calls = [upload(each) for each in (ks, variant, second)]
        await handler.entered.wait()
        assert ks.rate == variant.rate == second.rate
        await until(lambda: ks._pipeline._carrier._gate.waiting == 2)
        handler.gate.set()
        await asyncio.gather(*calls)
        assert second._pipeline.conduct.timeouts == Timeouts(stall_seconds=7)
        assert variant._pipeline.conduct.timeouts.deadline_seconds == HOUR
    assert login.calls == 1
    assert len(connections) == 1


async def test_closing_a_variant_closes_nothing(serve: Serve) -> None:
    handler = Holding()
    async with client_at(await serve(processdocument=handler)) as ks:
        async with ks.with_options(deadline_seconds=HOUR) as variant:
            calls = [upload(variant), upload(ks)]
            await handler.entered.wait()
        await variant.with_options(deadline_seconds=1).close()
        handler.gate.set()
        await asyncio.gather(*calls)
        await upload(variant)


async def test_a_variant_ends_with_its_client(serve: Serve) -> None:
    handler = Holding()
    async with client_at(await serve(getbatchdocuments=handler)) as ks:
        variant = ks.with_options(deadline_seconds=HOUR)
        call = asyncio.create_task(variant.results.in_batch("b"))
        await handler.entered.wait()
    assert type(await error_of(cast("asyncio.Task[object]", call))) is ClientClosed
    with pytest.raises(RuntimeError, match="closed"):
        await variant.results.in_batch("b")


async def test_entering_a_variant_does_not_open_its_client(serve: Serve) -> None:
    ks = client_at(await serve(processdocument=answer_receipt))
    async with ks:
        pass
    with pytest.raises(RuntimeError):
        async with ks.with_options(deadline_seconds=1) as variant:
            await variant.uploads.document(b"%PDF", filename="a.pdf")
    with pytest.raises(RuntimeError, match="closed"):
        await ks.uploads.document(b"%PDF", filename="a.pdf")


# --- A process of its own: few descriptors, and clients that nobody closed


UPLOADS_OF_A_FOLDER = """
import asyncio, resource, sys
from pathlib import Path
from klearstack_async import KlearStack

url, folder, limit, tasks = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), int(limit)))

async def main():
    paths = iter(sorted(Path(folder).iterdir()))
    account = dict(company_name="demo", username="demo", password="demo-password")
    async with KlearStack(url, **account) as ks, asyncio.TaskGroup() as group:
        async def upload():
            for path in paths:
                await ks.uploads.document(path)
        for _ in range(int(tasks)):
            group.create_task(upload())

asyncio.run(main())
"""

LEFT_OPEN = """
import asyncio, sys
from klearstack_async import KlearStack, SessionPool

url, how = sys.argv[1:]
account = dict(company_name="demo", username="demo", password="demo-password")
ks = KlearStack(url, **account)
pool = SessionPool()

async def main():
    global call
    if how == "never opened":
        return
    if how == "a pool left open":
        await pool.__aenter__()
        await pool.account(url, **account).auth.login()
        return
    await ks.__aenter__()
    await ks.auth.login()
    if how == "in the middle of a call":
        call = asyncio.create_task(ks.uploads.document(b"%PDF-1.7", filename="a.pdf"))
        await asyncio.sleep(0)

asyncio.run(main())
print("the end")
"""


async def run_python(program: str, *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=-1, stderr=-1
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
@pytest.mark.parametrize(("limit", "tasks"), [(64, 100), (128, 50)])
async def test_more_files_than_may_be_open_are_all_uploaded(
    limit: int, tasks: int, tmp_path: Path
) -> None:
    for number in range(300):
        (tmp_path / f"small-{number}.pdf").write_bytes(b"%PDF-1.7" + bytes(100_000))
    for number in range(20):
        (tmp_path / f"large-{number}.pdf").write_bytes(b"%PDF-1.7" + bytes(3 * MIB))
    # What is processing meanwhile would only slow the uploads down.
    async with Sandbox(processing_seconds=HOUR) as sandbox:
        ended = await run_python(
            UPLOADS_OF_A_FOLDER, sandbox.url, str(tmp_path), str(limit), str(tasks)
        )
        assert ended == (0, "", "")
        assert sandbox.requests == {"get_access_token": 1, "processdocument": 320}
        names = {document.file_name for document in await sandbox.documents()}
        assert names == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "how", ["never opened", "left open", "a pool left open", "in the middle of a call"]
)
async def test_a_client_that_nobody_closed_does_not_disturb_the_end(how: str) -> None:
    async with Sandbox() as sandbox:
        code, out, err = await run_python(LEFT_OPEN, sandbox.url, how)
    assert (code, out) == (0, "the end\n")
    assert "Traceback" not in err
    # aiohttp tells of what was left open, and so it should.
    assert bool(err) is (how != "never opened")
