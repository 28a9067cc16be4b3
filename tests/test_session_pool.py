"""A pool of connections: it closes what is its own, and each account lives a life of its own."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from conftest import AT_ONCE, LIBRARY, PASSWORD, QUICK, Serve, client_at, until

from klearstack_async import ClientClosed, KlearStack, Rate, SessionPool

HELD: list[asyncio.Event] = []


@pytest.fixture
async def serve(serve: Serve) -> AsyncIterator[Serve]:
    """Let go at the end what is held: a server doesn't notice that nobody waits any more."""
    yield serve
    while HELD:
        HELD.pop().set()


class Service:
    """A service that tells accounts apart, and holds the documents of those it is told to.

    Attributes:
        logins: By user.
        bearers: Which tokens came with which user's documents.
        held: Whose documents are not answered.
        refused: Whose documents are refused with 429.
        inside: How many documents are being taken now, by user.
        most: How many there were at once, in all.
        connections: That are open now.
        most_connections: That were open at once.
    """

    def __init__(self) -> None:
        self.logins: Counter[str] = Counter()
        self.bearers: set[tuple[str, str]] = set()
        self.held: set[str] = set()
        self.refused: set[str] = set()
        self.inside: Counter[str] = Counter()
        self.most = 0
        self.connections: set[object] = set()
        self.most_connections = 0
        self.gate = asyncio.Event()
        HELD.append(self.gate)

    def see(self, request: web.Request) -> None:
        self.connections = {each for each in self.connections if not each.is_closing()}  # type: ignore[attr-defined]
        self.connections.add(request.transport)
        self.most_connections = max(self.most_connections, len(self.connections))

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        self.see(request)
        user = str((await request.post())["username"])
        self.logins[user] += 1
        return web.json_response({"access_token": f"token-of-{user}"})

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.see(request)
        user = str((await request.post())["username"])
        self.bearers.add((user, request.headers["Authorization"]))
        if user in self.refused:
            return web.Response(status=429, headers={"Retry-After": "100"})
        self.inside[user] += 1
        self.most = max(self.most, self.inside.total())
        if user in self.held:
            await self.gate.wait()
        else:
            # Others have to get a chance to be here at the same time.
            await asyncio.sleep(0.001)
        self.inside[user] -= 1
        return web.json_response({"result": [], "status": "processing"})

    def has(self, user: str, inside: int) -> bool:
        return self.inside[user] == inside

    async def started(self, serve: Serve) -> str:
        return await serve(get_access_token=self.log_in, getbatchdocuments=self.take)


def account(pool: SessionPool, url: str, user: str, **options: Any) -> KlearStack:
    return pool.account(
        url,
        company_name="demo",
        username=user,
        password=PASSWORD,
        **{"polling": QUICK, "retry": AT_ONCE, **options},
    )


def look(ks: KlearStack) -> asyncio.Task[object]:
    async def made() -> object:
        return await ks.results.in_batch("b")

    return asyncio.create_task(made())


async def error_of(call: asyncio.Task[object]) -> BaseException:
    await asyncio.wait([call], timeout=30)
    assert not call.cancelled()
    error = call.exception()
    assert error is not None
    return error


async def test_each_account_has_its_own_tokens_and_none_needs_to_be_entered(serve: Serve) -> None:
    service = Service()
    url = await service.started(serve)
    async with SessionPool() as pool:
        one, other = account(pool, url, "one"), account(pool, url, "other")
        await asyncio.gather(*(look(ks) for ks in (one, other) * 5))
    assert service.logins == {"one": 1, "other": 1}
    assert service.bearers == {("one", "Bearer token-of-one"), ("other", "Bearer token-of-other")}


async def test_each_account_has_its_own_number_of_calls_at_once(serve: Serve) -> None:
    service = Service()
    service.held = {"one", "other"}
    url = await service.started(serve)
    async with SessionPool() as pool:
        one, other = (account(pool, url, user, concurrency=2) for user in ("one", "other"))
        calls = [look(ks) for ks in (one, other) * 5]
        await until(lambda: service.inside == {"one": 2, "other": 2})
        assert one.rate.in_flight == other.rate.in_flight == 2
        service.gate.set()
        await asyncio.gather(*calls)


async def test_each_account_has_its_own_rate(serve: Serve) -> None:
    service = Service()
    url = await service.started(serve)
    async with SessionPool(connections=1) as pool:
        # Its login takes the one turn that there is.
        slow = account(pool, url, "slow", rate=Rate(per_second=0.0001))
        call = look(slow)
        await until(lambda: slow.rate.waiting == 1)
        other = account(pool, url, "other")
        await asyncio.gather(*(look(other) for _ in range(5)))
        assert not call.done()
    assert type(await error_of(call)) is ClientClosed


async def test_a_pause_of_one_account_holds_up_no_other(serve: Serve) -> None:
    service = Service()
    service.refused = {"one"}
    url = await service.started(serve)
    async with SessionPool(connections=1) as pool:
        one, other = account(pool, url, "one"), account(pool, url, "other")
        calls = [look(one) for _ in range(5)]
        await until(lambda: one.rate.refused > 0)
        calls.append(look(one))
        await until(lambda: one.rate.waiting > 0)
        await asyncio.gather(*(look(other) for _ in range(5)))
        assert other.rate.paused_seconds == 0 < one.rate.paused_seconds
        assert not any(call.done() for call in calls)
    for call in calls:
        assert type(await error_of(call)) is ClientClosed


async def test_closing_an_account_ends_its_own_calls_only(serve: Serve) -> None:
    service = Service()
    service.held = {"one", "other"}
    url = await service.started(serve)
    async with SessionPool() as pool:
        other = account(pool, url, "other")
        async with account(pool, url, "one") as one:
            calls = look(one), look(other)
            await until(lambda: service.inside.total() == 2)
        assert type(await error_of(calls[0])) is ClientClosed
        with pytest.raises(RuntimeError, match="closed"):
            await one.results.in_batch("b")
        service.gate.set()
        await calls[1]
        await look(other)
        # And it can be opened again.
        async with one:
            await look(one)


async def test_leaving_the_pool_ends_all_calls_and_closes_all_sockets(serve: Serve) -> None:
    service = Service()
    service.held = {"a", "b"}
    url = await service.started(serve)
    async with SessionPool(connections=2) as pool:
        users = [account(pool, url, user) for user in "abc"]
        calls = [look(ks) for ks in users * 2]
        await until(lambda: service.inside.total() == 2 and service.logins.total() == 3)
    for call in calls:
        assert type(await error_of(call)) is ClientClosed
    for ks in users:
        with pytest.raises(RuntimeError, match="closed"):
            await ks.results.in_batch("b")
    await until(lambda: all(each.is_closing() for each in service.connections))  # type: ignore[attr-defined]
    gate = pool._transport.gate
    assert (gate.inside, gate.waiting) == (0, 0)
    assert not [task for task in asyncio.all_tasks() if LIBRARY.runs_in(task)]


@pytest.mark.parametrize("varied", [False, True])
async def test_leaving_the_pool_ends_calls_of_accounts_that_nobody_holds(
    varied: bool, serve: Serve
) -> None:
    service = Service()
    service.held = {"one"}
    url = await service.started(serve)

    async def made(pool: SessionPool) -> object:
        ks = account(pool, url, "one")
        results = (ks.with_options(deadline_seconds=3600) if varied else ks).results
        del ks
        return await results.in_batch("b")

    async with SessionPool() as pool:
        call = asyncio.create_task(made(pool))
        await until(lambda: service.inside["one"] == 1)
        gc.collect()
    assert type(await error_of(call)) is ClientClosed


async def test_a_variant_of_an_account_ends_with_the_pool(serve: Serve) -> None:
    url = await Service().started(serve)
    async with SessionPool() as pool:
        ks = account(pool, url, "one").with_options(deadline_seconds=3600)
        await look(ks)
        gc.collect()
    with pytest.raises(RuntimeError, match="closed"):
        await ks.results.in_batch("b")


async def test_an_account_that_nobody_uses_is_not_kept(serve: Serve) -> None:
    url = await Service().started(serve)
    async with SessionPool() as pool:
        await look(account(pool, url, "one"))
        gc.collect()
        assert len(pool._pipelines) == 0


async def test_a_call_before_the_pool_is_open_says_so(serve: Serve) -> None:
    service = Service()
    ks = account(SessionPool(), await service.started(serve), "one")
    with pytest.raises(RuntimeError, match="not open"):
        await ks.results.in_batch("b")
    assert not service.logins


async def test_an_account_made_after_the_pool_was_closed_sends_nothing(serve: Serve) -> None:
    service = Service()
    async with SessionPool() as pool:
        pass
    late = account(pool, await service.started(serve), "one")
    with pytest.raises(RuntimeError, match="not open"):
        await late.results.in_batch("b")
    async with late:
        with pytest.raises(RuntimeError, match="not open"):
            await late.results.in_batch("b")
    assert not service.logins


async def test_a_pool_can_be_entered_again(serve: Serve) -> None:
    url = await Service().started(serve)
    pool = SessionPool()
    for _ in range(2):
        async with pool:
            await look(account(pool, url, "one"))


async def test_a_pool_is_entered_once_at_a_time(serve: Serve) -> None:
    async with SessionPool() as pool:
        with pytest.raises(RuntimeError, match="open already"):
            await pool.__aenter__()


async def test_two_closes_of_a_pool_at_once_both_return(serve: Serve) -> None:
    service = Service()
    service.held = {"one", "other"}
    url = await service.started(serve)
    async with SessionPool() as pool:
        calls = [look(account(pool, url, user)) for user in ("one", "other")]
        await until(lambda: service.inside.total() == 2)
        async with asyncio.timeout(30):
            await asyncio.gather(pool.close(), pool.close())
        for call in calls:
            assert type(await error_of(call)) is ClientClosed


async def test_a_pool_whose_close_is_given_up_has_closed_all_the_same(serve: Serve) -> None:
    service = Service()
    service.held = {"one", "other"}
    url = await service.started(serve)
    async with SessionPool() as pool:
        calls = [look(account(pool, url, user)) for user in ("one", "other")]
        await until(lambda: service.inside.total() == 2)
        close = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        close.cancel()
        await asyncio.wait([close])
        with pytest.raises(RuntimeError, match="not open"):
            pool.tenant("acme")
        for call in calls:
            assert type(await error_of(call)) is ClientClosed


async def test_two_connections_serve_ten_accounts(serve: Serve) -> None:
    service = Service()
    url = await service.started(serve)
    async with SessionPool(connections=2) as pool:
        users = [account(pool, url, f"user-{number}") for number in range(10)]
        for ks in users:
            await ks.auth.login()
        await asyncio.gather(*(look(ks) for ks in users * 5))
    assert service.most <= 2
    assert service.most_connections <= 2


async def test_two_connections_serve_the_logins_of_ten_accounts(serve: Serve) -> None:
    service = Service()
    url = await service.started(serve)
    async with SessionPool(connections=2) as pool:
        users = [account(pool, url, f"user-{number}") for number in range(10)]
        await asyncio.gather(*(look(ks) for ks in users))
    # Some more for the logins, because who waits for a token may have the last place.
    assert service.most_connections <= 6


async def test_an_account_whose_calls_hang_leaves_connections_for_others(serve: Serve) -> None:
    service = Service()
    service.held = {"hanging"}
    url = await service.started(serve)
    async with SessionPool(connections=8) as pool:
        hanging, other = account(pool, url, "hanging"), account(pool, url, "other")
        calls = [look(hanging) for _ in range(64)]
        await until(lambda: service.inside["hanging"] == 4)
        await asyncio.gather(*(look(other) for _ in range(20)))
        assert not any(call.done() for call in calls)
        assert hanging.rate.in_flight == 4
    for call in calls:
        assert type(await error_of(call)) is ClientClosed


async def test_several_accounts_that_hang_leave_connections_for_others(serve: Serve) -> None:
    service = Service()
    service.held = {"a", "b", "c"}
    url = await service.started(serve)
    calls: list[asyncio.Task[object]] = []
    async with SessionPool(connections=8) as pool:
        for user, places in (("a", 4), ("b", 2), ("c", 1)):
            ks = account(pool, url, user)
            calls.extend(look(ks) for _ in range(64))
            await until(partial(service.has, user, places))
        await asyncio.gather(*(look(account(pool, url, "other")) for _ in range(20)))
        assert service.inside == {"a": 4, "b": 2, "c": 1, "other": 0}
    for call in calls:
        assert type(await error_of(call)) is ClientClosed


async def test_an_account_whose_login_hangs_leaves_connections_for_the_logins_of_others(
    serve: Serve,
) -> None:
    service, inside = Service(), 0

    async def hold(request: web.Request) -> web.StreamResponse:
        nonlocal inside
        if (await request.post()).get("username") != "hanging":
            return await service.log_in(request)
        inside += 1
        await service.gate.wait()
        return web.json_response({"access_token": "a.b.c"})

    url = await serve(get_access_token=hold, getbatchdocuments=service.take)
    async with SessionPool(connections=4) as pool:
        hanging, other = account(pool, url, "hanging"), account(pool, url, "other")
        calls = [look(hanging) for _ in range(64)]
        await until(lambda: inside == 1)
        await look(other)
        assert not any(call.done() for call in calls)
    for call in calls:
        assert type(await error_of(call)) is ClientClosed


async def test_who_has_one_call_does_not_wait_for_all_of_who_has_many(serve: Serve) -> None:
    service, order = Service(), list[str]()
    service.held = {"blocking"}

    async def take(request: web.Request) -> web.StreamResponse:
        order.append(str((await request.post())["username"]))
        return await service.take(request)

    url = await serve(get_access_token=service.log_in, getbatchdocuments=take)
    async with SessionPool(connections=1) as pool:
        gate = pool._transport.gate
        blocking, busy, other = (account(pool, url, user) for user in ("blocking", "busy", "other"))
        calls = [look(blocking)]
        await until(lambda: service.inside["blocking"] == 1)
        calls.extend(look(busy) for _ in range(20))
        await until(lambda: gate.waiting == 20)
        calls.append(look(other))
        await until(lambda: gate.waiting == 21)
        service.gate.set()
        await asyncio.gather(*calls)
    assert order == ["blocking", "busy", "other", *["busy"] * 19]


async def test_what_is_tried_again_goes_before_the_other_calls_of_its_account(
    serve: Serve,
) -> None:
    service, order = Service(), list[str]()

    async def take(request: web.Request) -> web.StreamResponse:
        batch = str((await request.post())["batch_id"])
        order.append(batch)
        if order == ["1"]:
            return web.Response(status=500)
        if batch == "2":
            await service.gate.wait()
        return web.json_response({"result": [], "status": "processing"})

    url = await serve(get_access_token=service.log_in, getbatchdocuments=take)
    async with SessionPool(connections=1) as pool:
        ks, gate = account(pool, url, "one"), pool._transport.gate
        await ks.auth.login()
        calls = [asyncio.create_task(ks.results.in_batch(batch)) for batch in "123"]
        # The first is back in line, beside the third.
        await until(lambda: order == ["1", "2"] and gate.waiting == 2)
        service.gate.set()
        await asyncio.gather(*calls)
    assert order == ["1", "2", "1", "3"]


async def test_an_account_that_shares_with_nobody_may_have_all_connections(serve: Serve) -> None:
    service = Service()
    service.held = {"demo"}
    url = await service.started(serve)
    async with client_at(url, concurrency=8) as ks:
        calls = [look(ks) for _ in range(8)]
        await until(lambda: service.inside["demo"] == 8)
        service.gate.set()
        await asyncio.gather(*calls)
