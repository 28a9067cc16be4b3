"""That a push is handled once, however often and through whichever process it comes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from conftest import until
from fastapi import FastAPI
from push_router_kit import TOKEN, Handled, fields, pushing_to, sender_to, served, service

from klearstack_async import SessionPool
from klearstack_async.fastapi.calling import called
from klearstack_async.fastapi.deduplication import (
    Claim,
    SeenInMemory,
    StoreFailed,
    Turns,
    key_for,
)
from klearstack_async.fastapi.push import push_router
from klearstack_async.transport.gate import Gate
from klearstack_async.webhooks import Push


class Seen(SeenInMemory):
    """What several applications share, with a way to go wrong.

    Attributes:
        asked: How often `claim` was.
        broken: The methods that fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.broken: set[str] = set()
        self.says: Any = None
        self.noting = asyncio.Event()
        self.noting.set()
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def claim(self, key: str) -> Claim:
        self.asked += 1
        self._fail("claim")
        claim = await super().claim(key)
        await self.hangs.wait()
        self._fail("answer")
        return self.says or claim

    async def done(self, key: str) -> None:
        self._fail("done")
        await self.noting.wait()
        await super().done(key)

    async def give_back(self, key: str) -> None:
        self._fail("give_back")
        await self.noting.wait()
        await super().give_back(key)

    def _fail(self, name: str) -> None:
        if name in self.broken:
            raise ConnectionError(f"no {name}")


@pytest.fixture
def handled() -> Handled:
    return Handled()


RUNS = pytest.mark.parametrize("run", ["after", "before"])


@RUNS
async def test_the_same_push_twice_is_handled_once(handled: Handled, run: str) -> None:
    async with pushing_to(service(handled, run=run)) as sender:
        answers = [await sender.push(), await sender.push()]
    assert [(status, said["status"]) for status, said in answers] == [
        (200, "accepted"),
        (200, "duplicate"),
    ]
    assert handled.numbers == ["1"]


@RUNS
async def test_a_hundred_at_once_of_ten_documents_are_handled_once_each(
    handled: Handled, run: str
) -> None:
    handled.goes_on.clear()
    pushes = [fields(number % 10) for number in range(100)]
    async with pushing_to(service(handled, run=run)) as sender:
        sending = asyncio.create_task(sender.push_all(*pushes))
        await until(lambda: len(handled.pushes) == 10)
        if run == "after":
            assert await sending == [200] * 100
        assert sending.done() == (run == "after")
        handled.goes_on.set()
        assert await sending == [200] * 100
    assert sorted(handled.numbers) == sorted(str(number) for number in range(10))


async def test_a_hundred_different_at_once_are_all_handled(handled: Handled) -> None:
    async with pushing_to(service(handled)) as sender:
        assert await sender.push_all(*map(fields, range(100))) == [200] * 100
    assert Counter(handled.numbers) == Counter(str(number) for number in range(100))


async def test_a_document_that_changed_is_handled_again(handled: Handled) -> None:
    async with pushing_to(service(handled)) as sender:
        for value in ("1", "2", "1"):
            await sender.push(fields(data=f'{{"Total": {{"value": "{value}"}}}}'))
    # The service knows the third as what it says now: so must the application.
    assert [push.document["Total"].value for push in handled.pushes] == ["1", "2", "1"]


async def test_a_content_that_comes_back_is_new_whichever_was_handled_first() -> None:
    seen = SeenInMemory()
    first, second, other = "b/d/1", "b/d/2", "b/e/1"
    for key in (first, second, other):
        assert await seen.claim(key) == "new"
    assert await seen.claim(first) == "running"
    for key in (second, first, other):
        await seen.done(key)
    assert [await seen.claim(key) for key in (other, second, first)] == ["done", "done", "new"]


async def test_a_content_that_could_not_be_handled_leaves_the_older_one_to_be_handled_again() -> (
    None
):
    seen = SeenInMemory()
    first, second = "b/d/1", "b/d/2"
    await seen.claim(first)
    await seen.done(first)
    await seen.claim(second)
    await seen.give_back(second)
    assert [await seen.claim(key) for key in (first, second)] == ["new", "new"]


async def test_the_answer_comes_after_the_handler_if_asked_for(handled: Handled) -> None:
    handled.goes_on.clear()
    async with pushing_to(service(handled, run="before")) as sender:
        first, second = (asyncio.create_task(sender.push()) for _ in range(2))
        await until(lambda: len(handled.pushes) == 1)
        await asyncio.wait([first, second], timeout=0.05)
        assert not first.done()
        assert not second.done()
        handled.goes_on.set()
        await first
    assert handled.ended == 1


async def test_the_answer_comes_before_the_handler_else(handled: Handled) -> None:
    handled.goes_on.clear()
    async with pushing_to(service(handled)) as sender:
        assert (await sender.push())[0] == 200
        assert handled.ended == 0
        handled.goes_on.set()
    assert handled.ended == 1


async def test_a_failed_handler_runs_again_when_the_push_comes_again(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    handled.failures = 2
    async with pushing_to(service(handled, run="before")) as sender:
        answers = [await sender.push() for _ in range(4)]
    assert [status for status, _ in answers] == [500, 500, 200, 200]
    assert len(handled.pushes) == 3
    assert answers[0][1]["headers"]["content-type"] == "application/problem+json"
    assert "disk" not in str(answers)
    assert caplog.text.count("OSError: the disk is full") == 2
    assert "MARKED" not in caplog.text


async def test_who_waits_for_a_handler_that_fails_gets_its_answer(handled: Handled) -> None:
    handled.failures = 1
    handled.goes_on.clear()
    async with pushing_to(service(handled, run="before")) as sender:
        sending = asyncio.create_task(sender.push_all(*[fields()] * 20))
        await until(lambda: len(handled.pushes) == 1)
        # All twenty have to be there before it fails.
        other = await sender.push(fields(2, batch_id=""))
        handled.goes_on.set()
        statuses = await sending
    assert other[0] == 422
    assert set(statuses) <= {200, 500}
    assert statuses.count(500) >= 1
    assert len(handled.pushes) == 1 + (200 in statuses)


async def test_a_failure_after_the_answer_is_logged_and_the_next_delivery_handled(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    handled.failures = 1
    async with pushing_to(service(handled)) as sender:
        assert (await sender.push())[1]["status"] == "accepted"
        await until(lambda: "has failed" in caplog.text)
        assert (await sender.push())[1]["status"] == "accepted"
    assert len(handled.pushes) == 2
    assert "OSError: the disk is full" in caplog.text
    assert "MARKED" not in caplog.text


async def test_a_synchronous_handler_runs_in_a_thread() -> None:
    threads: list[str] = []

    def handle(_push: Push) -> None:
        threads.append(threading.current_thread().name)

    async with pushing_to(service(handle, run="before")) as sender:
        assert await sender.push_all(*map(fields, range(30))) == [200] * 30
    assert len(threads) == 30
    assert threading.current_thread().name not in threads


async def test_a_function_that_gives_something_to_await_is_awaited(handled: Handled) -> None:
    def handle(push: Push) -> object:
        return handled(push)

    async with pushing_to(service(handle, run="before")) as sender:
        assert (await sender.push())[0] == 200
    assert handled.ended == 1


async def test_a_cancellation_that_is_the_handlers_own_is_a_failure() -> None:
    async def handle(_push: Push) -> None:
        raise asyncio.CancelledError

    async with pushing_to(service(handle, run="before")) as sender:
        assert (await sender.push())[0] == 500


@RUNS
async def test_a_handler_that_is_cut_off_runs_again_when_the_push_comes_again(
    handled: Handled, run: str
) -> None:
    """As by uvicorn's `timeout_graceful_shutdown`, and then there is a new process."""
    app, seen = service, Seen()
    handled.goes_on.clear()
    options = {"timeout_graceful_shutdown": 0, "log_level": "critical"}
    first = app(handled, run=run, seen=seen)
    async with served(first, **options) as url, sender_to(url) as sender:
        sending = asyncio.create_task(sender.push())
        await until(lambda: len(handled.pushes) == 1)
        if run == "after":
            await sending
    await asyncio.gather(sending, return_exceptions=True)
    await until(lambda: not seen._running)
    assert handled.ended == 0
    handled.goes_on.set()
    async with pushing_to(app(handled, run=run, seen=seen)) as sender:
        assert (await sender.push())[1]["status"] == "accepted"
    assert handled.ended == 1


async def test_a_thread_that_ends_well_while_it_is_cut_off_has_handled_its_push() -> None:
    begun, may_end = threading.Event(), threading.Event()
    seen = Seen()

    def handle(_push: Push) -> None:
        begun.set()
        may_end.wait(10)

    app = service(handle, seen=seen)

    async def ending_when_cancelled(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            ending.append(asyncio.create_task(_end_when_cancelled(asyncio.current_task(), may_end)))
        await app(scope, receive, send)

    ending: list[asyncio.Task[None]] = []
    options = {"timeout_graceful_shutdown": 0, "log_level": "critical"}
    async with served(ending_when_cancelled, **options) as url, sender_to(url) as sender:
        assert (await sender.push())[0] == 200
        await until(begun.is_set)
    assert not seen._running
    assert await seen.claim(*seen._latest.values()) == "done"
    await asyncio.gather(*ending)


async def _end_when_cancelled(task: asyncio.Task[Any] | None, event: threading.Event) -> None:
    assert task
    await until(lambda: task.cancelling() > 0)
    event.set()


@RUNS
async def test_what_became_of_a_push_is_noted_before_the_application_closes_its_store(
    handled: Handled, run: str
) -> None:
    """Also if the server's patience with the handler is at an end."""
    seen = Seen()
    seen.noting.clear()
    handled.goes_on.clear()
    running: list[set[str]] = []

    @asynccontextmanager
    async def closing(_app: FastAPI) -> AsyncIterator[None]:
        yield
        running.append({*seen._running})

    app = FastAPI(lifespan=closing)
    app.include_router(push_router(handled, token=TOKEN, run=run, seen=seen))  # type: ignore[arg-type]
    options = {"timeout_graceful_shutdown": 0, "log_level": "critical"}
    async with served(app, **options) as url, sender_to(url) as sender:
        sending = asyncio.create_task(sender.push())
        await until(lambda: len(handled.pushes) == 1)
        # Long after the server has cancelled all.
        asyncio.get_running_loop().call_later(0.1, seen.noting.set)
    await asyncio.gather(sending, return_exceptions=True)
    assert running == [set()]


async def test_who_is_cancelled_while_a_push_is_noted_notes_it_to_the_end() -> None:
    seen = Seen()
    turns = Turns(seen)
    _, turn = await turns.claim("b/d/0")
    assert turn
    seen.noting.clear()
    settling = asyncio.create_task(turns.settle("b/d/0", turn, went_well=True))
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait([settling], timeout=0.02)
    assert not turn.ended.is_set()
    seen.noting.set()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert await seen.claim("b/d/0") == "done"


async def test_a_timeout_around_a_thread_is_a_timeout() -> None:
    begun, may_end = threading.Event(), threading.Event()
    deadlines: list[asyncio.Timeout] = []

    def work() -> None:
        begun.set()
        may_end.wait(10)

    async def call() -> None:
        async with asyncio.timeout(None) as deadline:
            deadlines.append(deadline)
            await called(work, threads=Gate(1))
            await asyncio.sleep(0)

    task = asyncio.create_task(call())
    await until(begun.is_set)
    deadlines[0].reschedule(asyncio.get_running_loop().time())
    await until(lambda: task.cancelling() > 0)
    may_end.set()
    with pytest.raises(TimeoutError):
        await task
    assert task.cancelling() == 0


async def test_who_cancels_a_thread_waits_for_it() -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[int] = []

    def work() -> None:
        begun.set()
        may_end.wait(10)
        ended.append(1)

    task = asyncio.create_task(called(work, threads=Gate(1)))
    await until(begun.is_set)
    task.cancel()
    await asyncio.wait([task], timeout=0.02)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


# Several processes, as far as one process can have them: each application knows the store alone.


@RUNS
async def test_several_processes_with_one_store_handle_a_push_once(
    handled: Handled, run: str
) -> None:
    seen = Seen()
    apps = [service(handled, run=run, seen=seen) for _ in range(2)]
    async with pushing_to(apps[0]) as one, pushing_to(apps[1]) as other:
        statuses = await asyncio.gather(*(s.push_all(*[fields()] * 50) for s in (one, other)))
        assert {status for many in statuses for status in many} <= {200, 503}
        await until(lambda: not seen._running)
        assert [(await s.push())[1]["status"] for s in (one, other)] == ["duplicate"] * 2
    assert handled.numbers == ["1"]


@RUNS
async def test_a_handler_elsewhere_is_not_waited_for_and_not_answered_for(
    handled: Handled, run: str
) -> None:
    seen = Seen()
    handled.goes_on.clear()
    apps = [service(handled, run=run, seen=seen) for _ in range(2)]
    async with pushing_to(apps[0]) as one, pushing_to(apps[1]) as other:
        first = asyncio.create_task(one.push())
        await until(lambda: len(handled.pushes) == 1)
        status, said = await other.push()
        assert (status, "retry-after" in said["headers"]) == (503, True)
        handled.goes_on.set()
        assert (await first)[0] == 200
        await until(lambda: not seen._running)
        assert (await other.push())[1]["status"] == "duplicate"
    assert handled.numbers == ["1"]


@RUNS
async def test_a_push_whose_claim_got_lost_on_the_way_back_is_handled_when_it_comes_again(
    handled: Handled, run: str
) -> None:
    seen = Seen()
    seen.broken = {"answer"}
    apps = [service(handled, run=run, seen=seen) for _ in range(2)]
    async with pushing_to(apps[0]) as sender, pushing_to(apps[1]) as other:
        assert (await sender.push())[0] == 503
        seen.broken = set()
        # Who knows nothing of it leaves it alone.
        assert (await other.push())[0] == 503
        assert [(await sender.push())[1]["status"] for _ in range(2)] == ["accepted", "duplicate"]
    assert handled.numbers == ["1"]


async def test_who_waited_for_a_claim_that_failed_doesnt_ask_again() -> None:
    seen = Seen()
    seen.broken = {"answer"}
    seen.hangs.clear()
    turns = Turns(seen)
    claims = [asyncio.create_task(turns.claim("b/d/0")) for _ in range(5)]
    await until(lambda: seen.asked == 1)
    seen.hangs.set()
    ends = await asyncio.gather(*claims, return_exceptions=True)
    assert [type(end) for end in ends] == [StoreFailed] * 5
    assert seen.asked == 1


async def test_the_store_is_asked_once_for_all_that_come_while_it_thinks(handled: Handled) -> None:
    seen = Seen()
    seen.hangs.clear()
    async with pushing_to(service(handled, seen=seen)) as sender:
        sending = asyncio.create_task(sender.push_all(*[fields()] * 20))
        await until(lambda: seen.asked == 1)
        seen.hangs.set()
        assert await sending == [200] * 20
    assert handled.numbers == ["1"]


@RUNS
async def test_what_the_store_cant_say_is_not_handled(
    handled: Handled, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    seen.broken = {"claim"}
    async with pushing_to(service(handled, run=run, seen=seen)) as sender:
        assert await sender.push_all(*[fields()] * 5) == [503] * 5
        assert "no claim" in caplog.text
        seen.broken = set()
        assert (await sender.push())[1]["status"] == "accepted"
    assert handled.numbers == ["1"]


@pytest.mark.parametrize("says", [True, "taken", 1])
async def test_a_store_that_says_nonsense_is_a_broken_one(handled: Handled, says: Any) -> None:
    seen = Seen()
    seen.says = says
    async with pushing_to(service(handled, seen=seen)) as sender:
        assert (await sender.push())[0] == 503
    assert handled.numbers == []


async def test_a_store_that_fails_afterwards_fails_no_push(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    seen.broken = {"done", "give_back"}
    handled.failures = 1
    async with pushing_to(service(handled, run="before", seen=seen)) as sender:
        assert [(await sender.push(fields(number)))[0] for number in (1, 2)] == [500, 200]
    assert "no done" in caplog.text
    assert "no give_back" in caplog.text


async def test_who_is_cancelled_while_the_store_thinks_gives_back_what_it_got() -> None:
    seen = Seen()
    seen.hangs.clear()
    turns = Turns(seen)
    first, second = (asyncio.create_task(turns.claim("key")) for _ in range(2))
    await until(lambda: seen.asked == 1)
    first.cancel()
    seen.hangs.set()
    claim, turn = await second
    assert claim == "new"
    assert first.cancelled()
    assert turn
    await turns.settle("key", turn, went_well=True)
    assert (await turns.claim("key"))[0] == "done"


async def test_memory_forgets_what_was_asked_for_the_longest_ago() -> None:
    seen = SeenInMemory(most=2)
    a, b, c = "b/a/0", "b/b/0", "b/c/0"
    for key in (a, b):
        assert await seen.claim(key) == "new"
        await seen.done(key)
    assert await seen.claim(a) == "done"
    assert await seen.claim(c) == "new"
    await seen.done(c)
    assert [await seen.claim(key) for key in (c, a, b)] == ["done", "done", "new"]


def test_a_key_is_its_tenants_and_fits_into_a_column() -> None:
    assert key_for(None, "b/d/0") == "b/d/0"
    assert key_for("a:b", "c/d/0") != key_for("a", "b:c/d/0")
    assert key_for("ä", "b/d/0").isascii()
    long = [key_for(name, f"b/d/{end}") for name in ("t" * 300, "ü" * 300) for end in (0, 1)]
    assert len(set(long)) == 4
    assert all(len(key) <= 255 and key.isascii() for key in long)
    # What stands before the last slash is still the document.
    assert len({key.rpartition("/")[0] for key in long}) == 2


async def test_without_a_handler_nothing_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    app = service()
    app.state.klearstack = SessionPool()
    async with pushing_to(app) as sender:
        assert [(await sender.push())[1]["status"] for _ in range(2)] == ["accepted"] * 2
    assert not caplog.text
