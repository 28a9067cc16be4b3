"""The tenants of a pool: opened once, kept while used, closed when idle, and never too many.

Nothing here waits for time to pass: the clock is stepped by hand, and nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import LIBRARY, PASSWORD, until
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import ClientClosed, KlearStack, Polling, SessionPool, Tokens, TokenStore
from klearstack_async.document import Document
from klearstack_async.transport.clock import Clock

TURNS = 20
URL = "http://127.0.0.1:9"


class Time:
    """A clock that stands until it is moved.

    Attributes:
        contexts: What `WHO` was where somebody slept.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.contexts: list[str] = []
        self._sleepers: dict[asyncio.Future[None], float] = {}
        self.clock = Clock(seconds=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.contexts.append(WHO.get())
        future = asyncio.get_running_loop().create_future()
        self._sleepers[future] = self.now + seconds
        try:
            await future
        finally:
            del self._sleepers[future]

    async def step(self, seconds: float) -> None:
        """Move on, and let everybody wake up who wants to by then."""
        until_then = self.now + seconds
        while (due := min(self._sleepers.values(), default=math.inf)) <= until_then:
            self.now = max(self.now, due)
            for future, at in self._sleepers.items():
                if at <= self.now and not future.done():
                    future.set_result(None)
            await settle()
        self.now = until_then
        await settle()


WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


async def settle() -> None:
    """Let every task run that can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@dataclass
class Book:
    """A user's table of accounts, whose look-ups wait if they are told to.

    Attributes:
        asked: For which names, in order.
        opened: The clients that were given, in order.
        gates: Look-ups of these names wait for their event.
        failures: Look-ups of these names raise this.
        ended: Look-ups that were broken off.
    """

    asked: list[str] = field(default_factory=list)
    opened: list[KlearStack] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)

    async def open(self, pool: SessionPool, name: str) -> KlearStack:
        self.asked.append(name)
        if name in self.gates:
            try:
                await self.gates[name].wait()
            except asyncio.CancelledError:
                self.ended.append(name)
                raise
        if name in self.failures:
            raise self.failures[name]
        self.opened.append(account(pool, name))
        return self.opened[-1]

    def hold(self, name: str) -> asyncio.Event:
        self.gates[name] = asyncio.Event()
        return self.gates[name]


def account(pool: SessionPool, name: str, **options: Any) -> KlearStack:
    return pool.account(URL, company_name="demo", username=name, password=PASSWORD, **options)


def is_open(ks: KlearStack) -> bool:
    try:
        ks._pipeline.check_open()
    except RuntimeError:
        return False
    return True


def pause(ks: KlearStack) -> None:
    """Have it be refused: that a service does so is tested elsewhere."""
    limiter = ks._pipeline._carrier._limiter
    limiter.refused(limiter.seconds(), 100.0)
    assert ks.rate.paused_seconds > 0


def go_on(ks: KlearStack) -> None:
    """End its pause: its own clock is the real one."""
    ks._pipeline._carrier._limiter.seconds = lambda: math.inf


class Stubborn:
    """A token store of a tenant, whose look is broken off only when it is to end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.calls: list[asyncio.Task[object]] = []

    async def load(self) -> Tokens | None:
        while not self.end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.end.wait()
        return None

    async def save(self, _tokens: Tokens) -> None:
        """Keep nothing."""

    def open(self, pool: SessionPool, name: str) -> KlearStack:
        return account(pool, name, token_store=TokenStore(load=self.load, save=self.save))

    async def left_alone(self, pool: SessionPool) -> None:
        """Use a tenant until its token is looked for, and leave it."""
        async with pool.tenant("acme") as ks:
            self.calls.append(asyncio.create_task(ks.results.in_batch("b")))
            await settle()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def store() -> AsyncIterator[Stubborn]:
    made = Stubborn()
    yield made
    # Also if the test fails: the loop would wait for it for ever.
    made.end.set()


@pytest.fixture
def pool_of(time: Time, book: Book, no_task_is_left: None) -> Callable[..., SessionPool]:
    def make(open_tenant: Any = book.open, **options: Any) -> SessionPool:
        return SessionPool(open_tenant, clock=time.clock, **options)

    return make


@pytest.fixture
async def pool(pool_of: Callable[..., SessionPool]) -> AsyncIterator[SessionPool]:
    async with pool_of() as entered:
        yield entered


@asynccontextmanager
async def using(
    pool: SessionPool, *names: str
) -> AsyncIterator[tuple[dict[str, KlearStack], Callable[[str], Awaitable[None]]]]:
    """Use several tenants; gives their clients, and a function that leaves one of them."""
    async with AsyncExitStack() as stack:
        blocks: dict[str, AsyncExitStack] = {}
        clients: dict[str, KlearStack] = {}
        for name in names:
            blocks[name] = await stack.enter_async_context(AsyncExitStack())
            clients[name] = await blocks[name].enter_async_context(pool.tenant(name))

        async def leave(name: str) -> None:
            await blocks[name].aclose()

        yield clients, leave


class Visit:
    """Somebody who uses a tenant in a task of his own, until he is told to leave."""

    def __init__(self, pool: SessionPool, name: str) -> None:
        self.client: KlearStack | None = None
        self._may_go = asyncio.Event()
        self.task = asyncio.create_task(self._stay(pool, name))

    async def _stay(self, pool: SessionPool, name: str) -> None:
        async with pool.tenant(name) as self.client:
            await self._may_go.wait()

    async def leave(self) -> None:
        self._may_go.set()
        await self.task

    async def give_up(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()


async def visits(pool: SessionPool, *names: str) -> list[Visit]:
    """Have them come one after the other, and give those who are in and those who wait."""
    found = []
    for name in names:
        found.append(Visit(pool, name))
        await settle()
    return found


async def error_of(visit: Visit) -> BaseException:
    await asyncio.wait([visit.task], timeout=30)
    error = visit.task.exception()
    assert error is not None
    return error


# Opening


async def test_fifty_first_uses_look_the_account_up_once(pool: SessionPool, book: Book) -> None:
    gate = book.hold("acme")
    fifty = await visits(pool, *["acme"] * 50)
    gate.set()
    await settle()
    assert book.asked == ["acme"]
    assert len({id(visit.client) for visit in fifty}) == 1
    for visit in fifty:
        await visit.leave()


async def test_a_tenant_that_was_used_is_open_for_the_next(pool: SessionPool, book: Book) -> None:
    async with pool.tenant("acme") as one:
        pass
    async with pool.tenant("acme") as two:
        assert one is two
    assert book.asked == ["acme"]


async def test_a_plain_function_may_open_tenants(pool_of: Callable[..., SessionPool]) -> None:
    async with pool_of(account) as pool, pool.tenant("acme") as ks:
        assert ks.account.username == "acme"


async def test_a_tenants_client_may_be_a_variant(pool_of: Callable[..., SessionPool]) -> None:
    slow = Polling(first_seconds=100, longest_seconds=200)

    def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        return account(pool, name).with_options(polling=slow)

    async with pool_of(open_tenant, idle_seconds=0) as pool:
        async with pool.tenant("acme") as ks:
            assert ks._polling == slow
        await until(lambda: not is_open(ks))


async def test_each_name_has_a_client_of_its_own(pool_of: Callable[..., SessionPool]) -> None:
    def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        return account(pool, "the same")

    async with pool_of(open_tenant) as pool, using(pool, "a", "b") as (clients, _):
        assert clients["a"]._pipeline.tokens is not clients["b"]._pipeline.tokens
        await pool.forget("a")
        assert is_open(clients["b"])


async def test_a_look_up_that_fails_fails_all_who_wait_and_the_next_tries_again(
    pool: SessionPool, book: Book
) -> None:
    gate, failure = book.hold("acme"), LookupError("no such tenant")
    book.failures["acme"] = failure
    waiting = await visits(pool, *["acme"] * 3)
    gate.set()
    assert [await error_of(visit) for visit in waiting] == [failure] * 3
    del book.failures["acme"]
    async with pool.tenant("acme"):
        assert book.asked == ["acme", "acme"]


async def test_who_comes_when_a_look_up_has_just_failed_tries_again(
    pool: SessionPool, book: Book
) -> None:
    book.failures["acme"] = LookupError("no such tenant")

    async def insist() -> str:
        try:
            async with pool.tenant("acme") as ks:
                return repr(ks)
        except LookupError:
            book.failures.clear()
            async with pool.tenant("acme") as ks:
                return repr(ks)

    await asyncio.gather(insist(), insist())
    assert book.asked == ["acme", "acme"]


async def test_the_first_who_gives_up_harms_nobody_else(pool: SessionPool, book: Book) -> None:
    gate = book.hold("acme")
    first, second = await visits(pool, "acme", "acme")
    await first.give_up()
    gate.set()
    await settle()
    assert second.client is not None
    assert book.asked == ["acme"]
    await second.leave()


async def test_a_look_up_that_nobody_waits_for_any_more_is_broken_off(
    pool: SessionPool, book: Book
) -> None:
    gate = book.hold("acme")
    for visit in await visits(pool, "acme", "acme"):
        await visit.give_up()
    await settle()
    assert book.ended == ["acme"]
    gate.set()
    async with pool.tenant("acme"):
        assert book.asked == ["acme", "acme"]


async def test_a_look_up_that_is_not_to_be_broken_off_leaves_nothing_open(
    pool_of: Callable[..., SessionPool],
) -> None:
    given: list[KlearStack] = []

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given.append(account(pool, name))
        return given[-1]

    async with pool_of(open_tenant, most_tenants=1) as pool:
        (visit,) = await visits(pool, "acme")
        await visit.give_up()
        await until(lambda: bool(given) and not is_open(given[0]))
        # And its place is free.
        (other,) = await visits(pool, "other")
        await other.give_up()


async def test_who_is_cancelled_while_a_look_up_is_broken_off_hears_only_of_the_former(
    pool_of: Callable[..., SessionPool],
) -> None:
    waiting: list[Visit] = []

    async def open_tenant(_pool: SessionPool, _name: str) -> KlearStack:
        try:
            await asyncio.Event().wait()
        finally:
            waiting[0].task.cancel()
        raise AssertionError

    async with pool_of(open_tenant) as pool:
        waiting.append(Visit(pool, "acme"))
        await settle()
    await asyncio.wait([waiting[0].task])
    assert waiting[0].task.cancelled()


async def test_a_look_up_that_is_cancelled_from_within_says_so(
    pool_of: Callable[..., SessionPool],
) -> None:
    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        raise asyncio.CancelledError

    async with pool_of(open_tenant) as pool:
        with pytest.raises(RuntimeError, match="cancelled at 'acme'"):
            async with pool.tenant("acme"):
                pass


async def test_a_tenant_may_be_opened_by_means_of_another(
    pool_of: Callable[..., SessionPool],
) -> None:
    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        if name == "acme":
            async with pool.tenant("registry") as registry:
                assert is_open(registry)
        return account(pool, name)

    async with pool_of(open_tenant) as pool, pool.tenant("acme") as ks:
        assert ks.account.username == "acme"


async def test_look_ups_that_need_others_do_not_wait_for_each_other(
    pool_of: Callable[..., SessionPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klearstack_async.tenants._LOOK_UPS", 1)

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        if name == "acme":
            async with pool.tenant("registry"):
                pass
        return account(pool, name)

    async with (
        asyncio.timeout(30),
        pool_of(open_tenant, most_tenants=1) as pool,
        pool.tenant("acme") as ks,
    ):
        assert is_open(ks)


@pytest.mark.parametrize("way", [["a", "a"], ["a", "b", "a"]])
async def test_a_look_up_that_asks_for_its_own_tenant_fails_in_place_of_waiting_for_itself(
    way: list[str], pool_of: Callable[..., SessionPool]
) -> None:
    asked = iter(way[1:])

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        # In a task of its own, as `asyncio.wait_for` or a group of tasks makes them.
        return await asyncio.create_task(look_up(pool, name))

    async def look_up(pool: SessionPool, name: str) -> KlearStack:
        async with pool.tenant(next(asked)):
            return account(pool, name)

    async with pool_of(open_tenant) as pool, asyncio.timeout(30):
        with pytest.raises(RuntimeError, match="asks for tenant 'a' to open 'a'"):
            async with pool.tenant(way[0]):
                pass


async def test_what_a_look_up_has_begun_may_use_its_tenant_when_it_is_open(
    pool_of: Callable[..., SessionPool],
) -> None:
    opened, users = asyncio.Event(), list[asyncio.Task[None]]()

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        async def use() -> None:
            await opened.wait()
            async with pool.tenant(name) as ks:
                assert is_open(ks)

        users.append(asyncio.create_task(use()))
        return account(pool, name)

    async with pool_of(open_tenant) as pool, pool.tenant("acme"):
        opened.set()
        await users[0]


# What can't be opened


async def test_what_is_no_client_is_refused(pool_of: Callable[..., SessionPool]) -> None:
    async with pool_of(lambda _pool, _name: None) as pool:
        with pytest.raises(TypeError, match=r"NoneType for tenant 'acme'.*pool\.account"):
            async with pool.tenant("acme"):
                pass


async def test_a_client_that_is_not_of_the_pool_is_refused(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with (
        SessionPool() as other,
        KlearStack(URL, company_name="demo", username="demo", password=PASSWORD) as own,
    ):
        for stranger in (own, own.with_options(), account(other, "acme")):
            async with pool_of(lambda _pool, _name, given=stranger: given) as pool:
                with pytest.raises(ValueError, match="'acme' that isn't of this pool"):
                    async with pool.tenant("acme"):
                        pass
            assert is_open(stranger)


@pytest.mark.parametrize("varied", [False, True])
async def test_a_client_is_one_tenants_only(
    varied: bool, pool_of: Callable[..., SessionPool]
) -> None:
    given: list[KlearStack] = []

    def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        if not given:
            given.append(account(pool, name))
        return given[0].with_options() if varied else given[0]

    async with pool_of(open_tenant) as pool:
        async with pool.tenant("acme") as ks:
            with pytest.raises(ValueError, match="given for a tenant before"):
                async with pool.tenant("other"):
                    pass
            assert is_open(ks)
        await pool.forget("acme")
        with pytest.raises(ValueError, match="given for a tenant before"):
            async with pool.tenant("acme"):
                pass


async def test_a_pool_that_can_open_no_tenants_says_so(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(None) as pool:
        with pytest.raises(RuntimeError, match=r"'acme'.*SessionPool\(open_tenant\)"):
            async with pool.tenant("acme"):
                pass


@pytest.mark.parametrize(
    "options", [{"most_tenants": 0}, {"idle_seconds": -1}, {"idle_seconds": math.nan}]
)
def test_what_is_impossible_is_refused_when_the_pool_is_made(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        SessionPool(account, **options)


# Idleness


async def test_an_idle_tenant_is_closed_after_its_time_and_not_before(
    pool: SessionPool, time: Time, book: Book
) -> None:
    async with pool.tenant("acme") as ks:
        await time.step(10_000)
        assert is_open(ks)
    await time.step(599.9)
    assert is_open(ks)
    await time.step(0.2)
    assert not is_open(ks)
    async with pool.tenant("acme") as anew:
        assert is_open(anew)
    assert book.asked == ["acme", "acme"]


async def test_a_tenant_that_is_used_again_begins_to_be_idle_anew(
    pool: SessionPool, time: Time
) -> None:
    for _ in range(3):
        async with pool.tenant("acme") as ks:
            await time.step(400)
        await time.step(500)
        assert is_open(ks)
    await time.step(101)
    assert not is_open(ks)


async def test_a_tenant_is_idle_when_the_last_has_left(pool: SessionPool, time: Time) -> None:
    one, two = await visits(pool, "acme", "acme")
    await one.leave()
    await time.step(1000)
    assert one.client is not None
    assert is_open(one.client)
    await two.leave()
    await time.step(601)
    assert not is_open(one.client)


async def test_each_idle_tenant_is_closed_at_its_own_time(pool: SessionPool, time: Time) -> None:
    async with using(pool, "a", "b", "c") as (clients, leave):
        for name in "abc":
            await leave(name)
            await time.step(100)
        await time.step(301)
        assert [is_open(ks) for ks in clients.values()] == [False, True, True]
        await time.step(100)
        assert [is_open(ks) for ks in clients.values()] == [False, False, True]


async def test_without_patience_a_tenant_is_closed_when_nobody_uses_it(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(idle_seconds=0) as pool:
        async with pool.tenant("acme") as ks:
            pass
        await settle()
        assert not is_open(ks)


async def test_tenants_may_be_kept_for_ever(
    pool_of: Callable[..., SessionPool], time: Time
) -> None:
    async with pool_of(idle_seconds=math.inf) as pool:
        async with pool.tenant("acme") as ks:
            pass
        await time.step(100_000)
        assert is_open(ks)


async def test_what_closes_idle_tenants_knows_nothing_of_who_left_them(
    pool: SessionPool, time: Time
) -> None:
    WHO.set("acme")
    async with pool.tenant("acme"):
        pass
    await time.step(1)
    assert time.contexts == ["nobody"]


async def test_the_look_up_knows_who_asked(pool_of: Callable[..., SessionPool]) -> None:
    known: list[str] = []

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        known.append(WHO.get())
        return account(pool, name)

    WHO.set("acme")
    async with pool_of(open_tenant) as pool, pool.tenant("acme"):
        assert known == ["acme"]


async def test_entering_or_closing_a_tenants_client_closes_it_for_nobody(
    pool: SessionPool,
) -> None:
    async with pool.tenant("acme") as ks:
        async with ks:
            pass
        await ks.close()
        assert is_open(ks)
    async with pool.tenant("acme") as again:
        assert is_open(again)


async def test_a_tenant_that_pauses_is_kept_until_the_pause_is_over(
    pool_of: Callable[..., SessionPool], time: Time
) -> None:
    async with pool_of(idle_seconds=10) as pool, using(pool, "a", "b") as (clients, leave):
        pause(clients["a"])
        await leave("a")
        await leave("b")
        await time.step(1000)
        assert [is_open(ks) for ks in clients.values()] == [True, False]
        go_on(clients["a"])
        await time.step(10)
        assert not is_open(clients["a"])


async def test_one_that_pauses_holds_up_the_end_of_no_other(
    pool_of: Callable[..., SessionPool], time: Time
) -> None:
    async with pool_of(idle_seconds=0) as pool, using(pool, "a", "b") as (clients, leave):
        pause(clients["a"])
        await leave("a")
        await time.step(10)
        await leave("b")
        await time.step(1)
        assert [is_open(ks) for ks in clients.values()] == [True, False]


# How many


async def test_for_one_more_the_longest_idle_is_closed(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of(most_tenants=3) as pool, using(pool, "a", "b", "c") as (clients, leave):
        for name in "bca":
            await leave(name)
        async with pool.tenant("d"):
            await settle()
            assert [is_open(clients[name]) for name in "abc"] == [True, False, True]
        # The others are open still.
        async with using(pool, "a", "c", "d"):
            assert book.asked == ["a", "b", "c", "d"]


async def test_for_one_more_none_is_closed_that_pauses_unless_all_do(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(most_tenants=2) as pool, using(pool, "a", "b") as (clients, leave):
        pause(clients["a"])
        await leave("a")
        await leave("b")
        async with pool.tenant("c") as third:
            assert [is_open(ks) for ks in clients.values()] == [True, False]
            pause(third)
        async with pool.tenant("d"):
            assert not is_open(clients["a"])
            assert is_open(third)


async def test_names_that_nobody_has_close_no_tenant(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    book.failures = {name: LookupError(name) for name in "xyz"}
    async with pool_of(most_tenants=2) as pool, using(pool, "a", "b") as (clients, leave):
        for name in "ab":
            await leave(name)
        for visit in await visits(pool, "x", "y", "z"):
            assert type(await error_of(visit)) is LookupError
        assert all(map(is_open, clients.values()))


async def test_look_ups_that_hang_take_no_tenants_place(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of(most_tenants=2) as pool:
        for name in "xyz":
            book.hold(name)
        hanging = await visits(pool, "x", "y", "z")
        async with asyncio.timeout(30), pool.tenant("a"), pool.tenant("b"):
            assert book.asked == ["x", "y", "z", "a", "b"]
        for visit in hanging:
            await visit.give_up()


async def test_no_more_look_ups_go_on_at_once_than_a_database_can_take(
    pool_of: Callable[..., SessionPool], book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klearstack_async.tenants._LOOK_UPS", 2)
    async with pool_of() as pool:
        gates = [book.hold(name) for name in "abc"]
        everybody = await visits(pool, "a", "b", "c")
        assert book.asked == ["a", "b"]
        gates[1].set()
        await settle()
        assert book.asked == ["a", "b", "c"]
        for gate, visit in zip(gates, everybody, strict=True):
            gate.set()
            await visit.leave()


async def test_while_all_are_in_use_the_next_wait_in_their_order(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of(most_tenants=2) as pool:
        a, b, c, d = await visits(pool, "a", "b", "c", "d")
        assert book.asked == ["a", "b", "c", "d"]
        assert c.client is d.client is None
        await b.leave()
        await settle()
        assert c.client is not None
        assert d.client is None
        assert b.client is not None
        assert not is_open(b.client)
        await c.leave()
        await settle()
        assert d.client is not None
        await a.leave()
        await d.leave()


async def test_two_who_wait_for_the_same_tenant_take_one_place(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of(most_tenants=2) as pool:
        a, b, *rest = await visits(pool, "a", "b", "c", "c", "d")
        await a.leave()
        await b.leave()
        await settle()
        assert book.asked == ["a", "b", "c", "d"]
        assert all(visit.client is not None for visit in rest)
        for visit in rest:
            await visit.leave()


async def test_who_gives_up_waiting_for_a_place_takes_none(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of(most_tenants=1) as pool:
        a, b, c = await visits(pool, "a", "b", "c")
        await b.give_up()
        await settle()
        assert [is_open(ks) for ks in book.opened] == [True, False, True]
        await a.leave()
        await settle()
        assert (b.client, c.client is None) == (None, False)
        await c.leave()
        async with pool.tenant("d"):
            pass


async def test_no_more_are_closed_than_others_wait_for(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(most_tenants=3) as pool:
        a, b, c, d = await visits(pool, "a", "b", "c", "d")
        await asyncio.gather(a.leave(), b.leave())
        await settle()
        assert d.client is not None
        assert sum(is_open(each.client) for each in (a, b, c, d) if each.client is not None) == 3
        await c.leave()
        await d.leave()


async def test_none_is_closed_for_who_gets_a_place_anyway(
    pool_of: Callable[..., SessionPool],
) -> None:
    async def never(*_tokens: Tokens) -> None:
        await asyncio.Event().wait()

    def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        return account(pool, name, token_store=TokenStore(load=never, save=never))

    async with (
        pool_of(open_tenant, most_tenants=2) as pool,
        using(pool, "a", "b") as (clients, leave),
    ):
        # It waits for its token: so to close its client takes some turns of the loop.
        call = asyncio.create_task(clients["b"].results.in_batch("b"))
        await settle()
        for name in "ab":
            await leave(name)
        forgetting = asyncio.create_task(pool.forget("b"))
        (newcomer,) = await visits(pool, "c")
        await forgetting
        await settle()
        assert [is_open(clients[name]) for name in "ab"] == [True, False]
        assert newcomer.client is not None
        await newcomer.leave()
        with pytest.raises(ClientClosed):
            await call


async def test_a_look_up_that_fails_gives_its_place_back(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    book.failures["bad"] = LookupError("no such tenant")
    async with pool_of(most_tenants=1) as pool:
        for _ in range(3):
            with pytest.raises(LookupError):
                async with pool.tenant("bad"):
                    pass
        async with pool.tenant("good"):
            pass


async def test_who_uses_a_tenant_needs_no_other_place_for_it(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(most_tenants=1) as pool, pool.tenant("a") as one:
        (waiting,) = await visits(pool, "b")
        # Nobody is overtaken: this place is taken already.
        async with pool.tenant("a") as two:
            assert one is two
        await waiting.give_up()


# Forgetting


async def test_a_forgotten_tenant_is_closed_and_opened_anew(pool: SessionPool, book: Book) -> None:
    async with pool.tenant("acme") as old:
        pass
    await pool.forget("acme")
    assert not is_open(old)
    async with pool.tenant("acme") as new:
        assert is_open(new)
    assert book.asked == ["acme", "acme"]


async def test_a_tenant_that_is_forgotten_in_use_is_closed_when_the_last_has_left(
    pool: SessionPool, book: Book
) -> None:
    one, two = await visits(pool, "acme", "acme")
    await pool.forget("acme")
    async with pool.tenant("acme") as new:
        assert one.client is not None
        assert new is not one.client is two.client
        await one.leave()
        await settle()
        assert is_open(one.client)
        await two.leave()
        await settle()
        assert not is_open(one.client)
        assert is_open(new)
    assert book.asked == ["acme", "acme"]


async def test_a_tenant_may_be_forgotten_by_who_uses_it(pool: SessionPool) -> None:
    async with pool.tenant("acme") as ks:
        async with asyncio.timeout(30):
            await asyncio.gather(pool.forget("acme"), pool.forget("acme"))
        assert is_open(ks)
    await settle()
    assert not is_open(ks)


async def test_what_was_looked_up_before_it_was_forgotten_is_only_for_those_who_waited(
    pool: SessionPool, book: Book
) -> None:
    gate = book.hold("acme")
    (before,) = await visits(pool, "acme")
    await pool.forget("acme")
    (after,) = await visits(pool, "acme")
    gate.set()
    await settle()
    assert before.client is not None
    assert after.client is not None
    assert before.client is not after.client
    await before.leave()
    await settle()
    assert (is_open(before.client), is_open(after.client)) == (False, True)
    await after.leave()


async def test_a_tenant_that_is_not_open_may_be_forgotten(pool: SessionPool, book: Book) -> None:
    await pool.forget("acme")
    assert not book.asked


async def test_a_forgotten_tenant_keeps_its_place_until_it_is_closed(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(most_tenants=1) as pool:
        (old,) = await visits(pool, "acme")
        await pool.forget("acme")
        (new,) = await visits(pool, "acme")
        assert new.client is None
        await old.leave()
        await settle()
        assert new.client is not None
        await new.leave()


async def test_a_closing_goes_on_if_who_has_forgotten_the_tenant_gives_up(
    pool_of: Callable[..., SessionPool], store: Stubborn
) -> None:
    async with pool_of(store.open, most_tenants=1) as pool:
        await store.left_alone(pool)
        forgetting = asyncio.create_task(pool.forget("acme"))
        await settle()
        forgetting.cancel()
        (newcomer,) = await visits(pool, "other")
        assert newcomer.client is None
        store.end.set()
        await settle()
        assert newcomer.client is not None
        await newcomer.leave()


async def test_a_closing_that_is_broken_off_gives_the_place_back(
    pool_of: Callable[..., SessionPool], store: Stubborn
) -> None:
    async with pool_of(store.open, most_tenants=1) as pool:
        await store.left_alone(pool)
        forgetting = asyncio.create_task(pool.forget("acme"))
        await settle()
        (closing,) = pool._tenants._closing
        closing.cancel()
        await asyncio.wait([forgetting])
        async with asyncio.timeout(30), pool.tenant("other"):
            store.end.set()


async def test_a_token_store_that_does_not_end_holds_nobody_up_for_ever(
    pool_of: Callable[..., SessionPool], store: Stubborn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klearstack_async.tenants._CLOSE_SECONDS", 0.01)
    async with asyncio.timeout(30):
        async with pool_of(store.open, most_tenants=1) as pool:
            await store.left_alone(pool)
            await pool.forget("acme")
            async with pool.tenant("other"):
                pass
            await store.left_alone(pool)
    store.end.set()


@pytest.mark.parametrize("what", ["forget", "feed", "feed all", "close"])
async def test_a_pool_is_no_other_loops_business(what: str, pool: SessionPool) -> None:
    async def elsewhere() -> None:
        if what == "forget":
            await pool.forget("acme")
        elif what == "close":
            await pool.close()
        else:
            pool.feed(APush("1"), tenant="acme" if what == "feed" else None)

    async with pool.tenant("acme") as ks:
        pass
    with pytest.raises(RuntimeError, match="in another event loop"):
        await asyncio.to_thread(asyncio.run, elsewhere())
    assert is_open(ks)
    async with pool.tenant("acme") as again:
        assert again is ks


async def test_a_pool_that_is_not_open_may_be_told_to_forget(
    pool_of: Callable[..., SessionPool],
) -> None:
    pool = pool_of()
    await pool.forget("acme")
    async with pool:
        pass
    # It is no loop's any more.
    await asyncio.to_thread(asyncio.run, pool.forget("acme"))


# The end


async def test_a_forgotten_client_stays_closed_when_the_pool_is_opened_again(
    pool_of: Callable[..., SessionPool],
) -> None:
    pool = pool_of()
    other = account(pool, "other")
    async with pool:
        async with pool.tenant("acme") as forgotten:
            pass
        await pool.forget("acme")
        async with pool.tenant("zenith") as left:
            pass
    async with pool:
        assert not is_open(forgotten)
        assert not is_open(left)
        assert is_open(other)


async def test_a_pool_is_left_when_what_it_was_closing_has_ended(
    pool_of: Callable[..., SessionPool], store: Stubborn
) -> None:
    pool = pool_of(store.open)
    await pool.__aenter__()
    await store.left_alone(pool)
    forgetting = asyncio.create_task(pool.forget("acme"))
    await settle()
    closing = asyncio.create_task(pool.close())
    await settle()
    assert not closing.done()
    store.end.set()
    await asyncio.gather(closing, forgetting)


async def test_leaving_the_pool_closes_every_tenant(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    async with pool_of() as pool, using(pool, "idle", "forgotten", "used") as (_, leave):
        await leave("idle")
        await pool.forget("forgotten")
        await pool.close()
        assert [is_open(ks) for ks in book.opened] == [False] * 3
        with pytest.raises(RuntimeError, match="not open"):
            async with pool.tenant("used"):
                pass
    assert not [task for task in asyncio.all_tasks() if LIBRARY.runs_in(task)]


async def test_who_waits_when_the_pool_is_closed_hears_of_it(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    book.hold("slow")
    async with pool_of(most_tenants=1) as pool:
        used, slow, without_a_place = await visits(pool, "used", "slow", "other")
        await pool.close()
        for visit in (slow, without_a_place):
            error = await error_of(visit)
            assert type(error) is ClientClosed
            assert "the pool was closed while" in str(error)
        assert book.ended == ["slow"]
        await used.leave()
    assert not [task for task in asyncio.all_tasks() if LIBRARY.runs_in(task)]


async def test_a_pool_is_left_when_what_it_looked_up_has_ended(
    pool_of: Callable[..., SessionPool],
) -> None:
    ended: list[str] = []

    async def open_tenant(_pool: SessionPool, name: str) -> KlearStack:
        try:
            await asyncio.Event().wait()
        finally:
            await settle()
            ended.append(name)
        raise AssertionError

    async with pool_of(open_tenant) as pool:
        (visit,) = await visits(pool, "acme")
    assert ended == ["acme"]
    assert type(await error_of(visit)) is ClientClosed


async def test_a_look_up_that_does_not_end_holds_the_pool_up_for_a_while_only(
    pool_of: Callable[..., SessionPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klearstack_async.tenants._CLOSE_SECONDS", 0.01)
    end = asyncio.Event()

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        return account(pool, name)

    async with pool_of(open_tenant) as pool:
        (visit,) = await visits(pool, "acme")
        await pool.close()
        end.set()
        assert type(await error_of(visit)) is ClientClosed


async def test_a_pool_that_was_left_remembers_no_tenant(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of(account) as pool, pool.tenant("acme"):
        pass
    gc.collect()
    assert len(pool._pipelines) == 0


async def test_a_block_that_outlives_its_pool_ends_quietly(
    pool_of: Callable[..., SessionPool], time: Time
) -> None:
    pool = pool_of(most_tenants=1)
    async with AsyncExitStack() as stack:
        async with pool:
            old = await stack.enter_async_context(pool.tenant("acme"))
            tenants = pool._tenants
        async with pool, pool.tenant("acme") as new:
            assert new is not old
            await stack.aclose()
            # There is nothing left to close.
            assert not tenants._closing
            await time.step(1000)
            assert is_open(new)


async def test_a_block_that_was_made_before_the_end_is_not_entered_after_it(
    pool_of: Callable[..., SessionPool],
) -> None:
    async with pool_of() as pool:
        block = pool.tenant("acme")
        await pool.close()
        with pytest.raises(RuntimeError, match="this pool is closed"):
            await block.__aenter__()


async def test_a_tenant_of_a_pool_that_is_not_open_is_refused(
    pool_of: Callable[..., SessionPool], book: Book
) -> None:
    pool = pool_of()
    with pytest.raises(RuntimeError, match="not open"):
        pool.tenant("acme")
    assert not book.asked


async def test_a_tenant_stays_open_whatever_its_user_raises(pool: SessionPool, book: Book) -> None:
    with pytest.raises(ZeroDivisionError):
        async with pool.tenant("acme"):
            raise ZeroDivisionError
    async with pool.tenant("acme") as ks:
        assert is_open(ks)
    assert book.asked == ["acme"]


# Pushes


@dataclass
class APush:
    batch_id: str
    document: Document = field(default_factory=lambda: Document({}))
    file_name: str | None = None


def pushed_to(ks: KlearStack) -> list[str]:
    return [kept.push.batch_id for kept in ks._pushes._early]


async def test_a_push_reaches_its_tenant_and_nobody_else(pool: SessionPool) -> None:
    async with using(pool, "a", "b") as (clients, _):
        assert pool.feed(APush("1"), tenant="a") is False
        assert pool.feed(APush("2"), tenant="nobody") is False
        assert (pushed_to(clients["a"]), pushed_to(clients["b"])) == (["1"], [])


async def test_a_push_without_a_tenant_reaches_every_account(pool: SessionPool) -> None:
    other = account(pool, "other")
    async with using(pool, "a", "b") as (clients, leave):
        await leave("b")
        pool.feed(APush("1"))
        assert [pushed_to(ks) for ks in (*clients.values(), other)] == [["1"]] * 3


async def test_a_push_reaches_also_those_who_use_what_was_forgotten(pool: SessionPool) -> None:
    async with pool.tenant("a") as old:
        await pool.forget("a")
        async with pool.tenant("a") as new:
            pool.feed(APush("1"), tenant="a")
            assert (pushed_to(old), pushed_to(new)) == (["1"], ["1"])


async def test_a_push_for_a_tenant_that_is_being_opened_is_nobodys(
    pool: SessionPool, book: Book
) -> None:
    book.hold("a")
    (visit,) = await visits(pool, "a")
    assert pool.feed(APush("1"), tenant="a") is False
    await visit.give_up()


# Anything at all


@settings(deadline=None)
@given(
    most=st.integers(1, 4),
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 120),
)
def test_whatever_happens_there_are_never_too_many_and_nobody_has_a_closed_one(
    most: int, seed: int, steps: int
) -> None:
    asyncio.run(_play(most, random.Random(seed), steps))  # noqa: S311


async def _play(most: int, dice: random.Random, steps: int) -> None:  # noqa: C901
    """Come, leave, give up, forget and let time pass at random; look-ups wait, or fail, or not."""
    time, opened = Time(), list[KlearStack]()

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        for _ in range(dice.choice([0, 0, 1, 3])):
            await asyncio.sleep(0)
        if dice.random() < 0.1:
            raise LookupError(name)
        opened.append(account(pool, name))
        return opened[-1]

    async with SessionPool(
        open_tenant, clock=time.clock, most_tenants=most, idle_seconds=10
    ) as pool:
        there, everybody = list[Visit](), list[Visit]()
        for _ in range(steps):
            what = dice.choice(["come", "come", "come", "leave", "leave", "give up", "forget"])
            if what == "come":
                there.append(Visit(pool, dice.choice("abcdef")))
                everybody.append(there[-1])
            elif what == "forget":
                await pool.forget(dice.choice("abcdef"))
            elif there:
                visit = there.pop(dice.randrange(len(there)))
                if what == "leave":
                    visit._may_go.set()
                else:
                    visit.task.cancel()
            for _ in range(dice.choice([0, 0, 1, 20])):
                await asyncio.sleep(0)
            if dice.random() < 0.1:
                await time.step(dice.choice([1, 4, 11]))
            inside = [each for each in there if each.client is not None and not each.task.done()]
            assert all(is_open(each.client) for each in inside if each.client is not None)
            # Also idle ones, which somebody has used.
            clients = {each.client for each in everybody if each.client is not None}
            assert sum(map(is_open, clients)) <= most
        for visit in there:
            visit._may_go.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*(visit.task for visit in everybody), return_exceptions=True)
        await time.step(11)
        await settle()
        # Nobody is there: nothing is left.
        tenants = pool._tenants
        assert not any(map(is_open, opened))
        assert (tenants._places.inside, tenants._places.waiting) == (0, 0)
        left = [*tenants._current, *tenants._idle, *tenants._outgoing, *tenants._closing]
        assert not left
