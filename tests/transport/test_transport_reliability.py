"""What keeps calls going, each small thing by itself; the large ones are in `test_retries.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn, Self

import aiohttp
import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, until
from test_retries import BATCH, LARGE, RECEIPT, Script, Sleeper
from test_transport_tokens import Service

from klearstack_async import (
    Attempt,
    AuthenticationError,
    ClientClosed,
    ConnectError,
    ConnectionDropped,
    DeadlineExceeded,
    KlearStack,
    KlearStackError,
    OutcomeUnknown,
    PermissionDenied,
    Rate,
    RateLimited,
    RetryPolicy,
    ServerError,
    SessionPool,
    Stream,
    Timeouts,
    Tokens,
    TokenStore,
)
from klearstack_async.call import Call, Conduct
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.transport.body import StreamedForm, body_of
from klearstack_async.transport.bounds import Bounds, OutOfBoundsError
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.gate import Gate
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.shared_gate import SharedGate
from klearstack_async.transport.small import JoinedForm, SmallCalls
from klearstack_async.transport.token_keeper import TokenKeeper
from klearstack_async.wire.request import FilePart
from klearstack_async.wire.source import BytesSource


def _stand(asked: list[str], gate: Gate | SharedGate, waiting: int) -> bool:
    return asked[1:] == ["b"] and gate.waiting == waiting


class Pause:
    """A clock on which whoever sleeps is woken by the test."""

    def __init__(self) -> None:
        self.asleep, self.woken = asyncio.Event(), asyncio.Event()
        self.clock = Clock(sleep=self.sleep)

    async def sleep(self, _seconds: float) -> None:
        self.asleep.set()
        await self.woken.wait()


class Order:
    """A handler that keeps the order of the batches it was asked for.

    The first time, `a` is refused with a status; `b` is answered when it is let go.
    """

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {}
        self.asked: list[str] = []
        self.let_go = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(str((await request.post())["batch_id"]))
        if self.asked == ["a"]:
            return web.Response(status=self.status, headers=self.headers)
        if self.asked[-1] == "b":
            await self.let_go.wait()
        return web.json_response(BATCH)


@pytest.mark.parametrize("scarce", ["place", "connection"])
async def test_what_is_repeated_goes_before_what_is_new(scarce: str, serve: Serve) -> None:
    pause, order = Pause(), Order(500)
    url = await serve(getbatchdocuments=order)
    concurrency = 1 if scarce == "place" else 9
    async with SessionPool(connections=1) as pool:
        ks = pool.account(
            url,
            company_name="demo",
            username="demo",
            password=PASSWORD,
            concurrency=concurrency,
            clock=pause.clock,
        )
        gate = ks._pipeline._carrier._gate if scarce == "place" else pool._transport.gate
        calls = [asyncio.ensure_future(ks.results.in_batch("a"))]
        await pause.asleep.wait()
        for name, waiting in (("b", 0), ("c", 1)):
            calls.append(asyncio.ensure_future(ks.results.in_batch(name)))
            await until(partial(_stand, order.asked, gate, waiting))
        pause.woken.set()
        await until(lambda: gate.waiting == 2)
        order.let_go.set()
        await asyncio.gather(*calls)
    assert order.asked == ["a", "b", "a", "c"]


async def test_what_was_refused_waits_for_its_turn_before_what_is_new(serve: Serve) -> None:
    pause, order = Pause(), Order(429, {"Retry-After": "0.3"})
    order.let_go.set()
    async with client_at(await serve(getbatchdocuments=order), clock=pause.clock) as ks:
        first = asyncio.create_task(ks.results.in_batch("a"))
        await pause.asleep.wait()
        others = [asyncio.create_task(ks.results.in_batch(name)) for name in ("b", "c")]
        await until(lambda: ks.rate.waiting == 2)
        pause.woken.set()
        await asyncio.gather(first, *others)
    assert order.asked == ["a", "a", "b", "c"]


async def test_a_login_goes_before_the_calls_that_wait_for_their_turn(serve: Serve) -> None:
    seen: list[str] = []
    others_wait = asyncio.Event()

    async def login(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append("login")
        return web.json_response({"access_token": f"token-{len(seen)}"})

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append("call")
        if seen == ["login", "call"]:
            await others_wait.wait()
            return web.Response(status=401)
        return web.json_response(BATCH)

    url = await serve(get_access_token=login, getbatchdocuments=answer)
    async with client_at(url, rate=Rate(per_second=10, burst=1)) as ks:
        first = asyncio.create_task(ks.results.in_batch("b"))
        await until(lambda: len(seen) == 2)
        others = [asyncio.create_task(ks.results.in_batch("b")) for _ in range(6)]
        await until(lambda: ks.rate.waiting >= 5)
        others_wait.set()
        await asyncio.gather(first, *others)
    # Last of all, if it stood in line behind those that came before it.
    assert seen.count("login") == 2
    assert len(seen) - 1 - seen.index("login", 1) >= 3


class Ageing:
    """A login whose token ends while a call waits for its turn: it gets another then."""

    def __init__(self, *logins: Any) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.login = Script(*logins, headers={"Retry-After": "0.01"})
        self.clock = Clock(now=lambda: self.now)

    async def call(self, ks: KlearStack) -> None:
        call = asyncio.create_task(ks.results.in_batch("b"))
        # The login has taken the turn.
        await until(lambda: ks.rate.waiting == 1)
        self.now += timedelta(hours=1)
        await call


async def test_who_has_the_only_connection_can_still_get_a_token(serve: Serve) -> None:
    ageing = Ageing({"access_token": "a.b.c"}, {"access_token": "d.e.f"})
    url = await serve(get_access_token=ageing.login, getbatchdocuments=Script(BATCH))
    options = {"rate": Rate(per_second=5, burst=1), "timeouts": Timeouts(deadline_seconds=5)}
    async with client_at(url, concurrency=1, clock=ageing.clock, **options) as ks:
        await ageing.call(ks)
    assert len(ageing.login.bodies) == 2


async def test_a_login_that_is_refused_counts_once(serve: Serve) -> None:
    ageing = Ageing({"access_token": "a.b.c"}, 429)
    url = await serve(get_access_token=ageing.login)
    options = {"rate": Rate(per_second=5, burst=1), "retry": RetryPolicy(attempts=1)}
    async with client_at(url, clock=ageing.clock, **options) as ks:
        with pytest.raises(RateLimited):
            await ageing.call(ks)
        assert ks.rate.refused == 1


async def test_a_picture_at_another_host_takes_no_turn_and_sees_no_token(serve: Serve) -> None:
    seen: list[dict[str, str]] = []

    async def picture(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(64))

    other_host = await serve(other=picture)

    async def address(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"url": f"{other_host}/picture.png"})

    async with client_at(await serve(getdocumentimage=address)) as ks:
        await ks.images.get("d")
        # The login, and the question for the address.
        assert ks.rate.passed == 2
    assert ["Authorization" in headers for headers in seen] == [False]


# --- The time allowed, and what is told


async def test_the_wait_for_a_place_takes_nothing_of_the_time_for_repeating(serve: Serve) -> None:
    now = 0.0
    held, entered = asyncio.Event(), asyncio.Event()
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        if len(bodies) == 1:
            entered.set()
            await held.wait()
        return web.Response(status=502) if len(bodies) == 2 else web.json_response(BATCH)

    url = await serve(getbatchdocuments=answer)
    async with client_at(url, concurrency=1, clock=Clock(seconds=lambda: now)) as ks:
        first = asyncio.create_task(ks.results.in_batch("a"))
        await entered.wait()
        second = asyncio.create_task(ks.results.in_batch("b"))
        await until(lambda: ks._pipeline._carrier._gate.waiting == 1)
        now = 1000.0
        held.set()
        await asyncio.gather(first, second)
    assert len(bodies) == 3


async def test_an_error_of_a_login_counts_the_logins_attempts(serve: Serve) -> None:
    policy = RetryPolicy(attempts=3, first_seconds=0)
    async with client_at(await serve(get_access_token=Script(*[500] * 3)), retry=policy) as ks:
        with pytest.raises(ServerError) as caught:
            await ks.results.in_batch("b")
    assert (caught.value.endpoint, caught.value.attempt) == ("auth.login", 3)


async def test_an_attempt_that_was_not_made_is_not_counted(serve: Serve) -> None:
    pause = Pause()
    attempts: list[Attempt] = []

    async def of_another(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"access_token": "an.other.s"})

    url = await serve(getbatchdocuments=Script(500), getaccesstokenfromuserid=of_another)
    async with client_at(url, clock=pause.clock, on_attempt=attempts.append) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await pause.asleep.wait()
        await ks.auth.login_as("7")
        pause.woken.set()
        with pytest.raises(ServerError) as caught:
            await call
    assert caught.value.attempt == 1


async def test_who_waits_is_not_in_flight(serve: Serve) -> None:
    async with client_at(await serve(), rate=Rate(per_second=0.001), concurrency=2) as ks:
        calls = [asyncio.ensure_future(ks.results.in_batch("b")) for _ in range(5)]
        # Two for their turn, three for a place.
        await until(lambda: ks.rate.waiting == 5)
        assert ks.rate.in_flight == 0
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


async def test_a_refresh_that_is_turned_away_is_no_reason_to_log_in(serve: Serve) -> None:
    login = Script({"access_token": "a.b.c", "refresh_token": "d.e.f"}, {"access_token": "g"})
    refresh = Script(503, 503, headers={"Retry-After": "0.01"})
    url = await serve(get_access_token=login, getaccesstokenfromrefreshtoken=refresh)
    async with client_at(url) as ks:
        await ks.auth.login()
        with pytest.raises(ServerError):
            await ks.auth.refresh()
    assert len(login.bodies) == 1


async def test_a_refusal_without_retry_after_is_worth_a_pause_of_the_account(serve: Serve) -> None:
    script = Script(429, BATCH)
    policy = RetryPolicy(total_seconds=0.5, first_seconds=0)
    async with client_at(await serve(getbatchdocuments=script), retry=policy) as ks:
        with pytest.raises(RateLimited):
            await ks.results.in_batch("b")
    assert len(script.bodies) == 1


async def test_another_host_that_is_busy_pauses_its_own_call_only(serve: Serve) -> None:
    asked: list[str] = []

    async def picture(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if len(asked) == 1:
            return web.Response(status=503, headers={"Retry-After": "7"})
        return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(64))

    other_host = await serve(other=picture)

    async def address(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"url": f"{other_host}/picture.png"})

    sleeper = Sleeper()
    async with client_at(await serve(getdocumentimage=address), clock=sleeper.clock) as ks:
        await ks.images.get("d")
        assert (ks.rate.passed, ks.rate.refused) == (2, 0)
    assert sleeper.slept == [7]


async def test_the_last_moment_allowed_is_still_allowed(serve: Serve) -> None:
    sleeper = Sleeper()
    script = Script(502, BATCH, headers={"Retry-After": "7"})
    policy = RetryPolicy(total_seconds=7)
    url = await serve(getbatchdocuments=script)
    async with client_at(url, retry=policy, clock=sleeper.clock) as ks:
        await ks.results.in_batch("b")
    assert sleeper.slept == [7]


async def test_each_attempt_is_told_by_itself(serve: Serve) -> None:
    calls = 0

    async def hang_up(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        await request.read()
        calls += 1
        if calls == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=500)

    attempts: list[Attempt] = []
    policy = RetryPolicy(attempts=2, first_seconds=0)
    url = await serve(getbatchdocuments=hang_up)
    async with client_at(url, retry=policy, on_attempt=attempts.append) as ks:
        with pytest.raises(ConnectionDropped):
            await ks.results.in_batch("b")
    assert [attempt.status for attempt in attempts] == [200, 500, None]
    assert attempts[2].received_bytes == 0


async def test_an_attempt_that_got_no_token_is_not_told(serve: Serve) -> None:
    ageing = Ageing({"access_token": "a.b.c"}, 500)
    attempts: list[Attempt] = []
    url = await serve(get_access_token=ageing.login)
    options = {"rate": Rate(per_second=5, burst=1), "retry": RetryPolicy(attempts=1)}
    async with client_at(url, clock=ageing.clock, on_attempt=attempts.append, **options) as ks:
        with pytest.raises(ServerError):
            await ageing.call(ks)
    assert [attempt.endpoint for attempt in attempts] == ["auth.login", "auth.login"]


async def test_a_call_that_another_user_would_go_on_with_ends_at_once(serve: Serve) -> None:
    pause = Pause()
    attempts: list[Attempt] = []

    async def of_another(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"access_token": "an.other.s"})

    url = await serve(getbatchdocuments=Script(500), getaccesstokenfromuserid=of_another)
    async with client_at(url, clock=pause.clock, on_attempt=attempts.append) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await pause.asleep.wait()
        await ks.auth.login_as("7")
        pause.asleep.clear()
        pause.woken.set()
        with pytest.raises(ServerError):
            await call
    assert not pause.asleep.is_set()
    assert [attempt.number for attempt in attempts if attempt.endpoint == "results.in_batch"] == [1]


async def test_a_login_as_the_same_user_ends_no_call(serve: Serve) -> None:
    pause = Pause()
    script = Script(500, BATCH)
    async with client_at(await serve(getbatchdocuments=script), clock=pause.clock) as ks:
        call = asyncio.create_task(ks.results.in_batch("b"))
        await pause.asleep.wait()
        await ks.auth.login()
        pause.woken.set()
        await call
    assert len(script.bodies) == 2


async def test_an_upload_cut_off_before_its_end_was_surely_not_stored(serve: Serve) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await request.content.readexactly(1 << 20)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    url = await serve(processdocument=cut)
    async with client_at(url, retry=RetryPolicy(attempts=1)) as ks:
        with pytest.raises(ConnectionDropped):
            await ks.uploads.document(LARGE, filename="a.pdf")


async def test_a_doubt_holds_all_that_is_known(serve: Serve) -> None:
    script = Script(503, 500, headers={"Retry-After": "0.01"})
    async with client_at(await serve(processdocument=script)) as ks:
        with pytest.raises(OutcomeUnknown) as caught:
            await ks.uploads.document(b"%PDF", filename="a.pdf")
    doubt, cause = caught.value, caught.value.__cause__
    assert isinstance(cause, ServerError)
    assert (doubt.endpoint, doubt.status, doubt.attempt) == ("uploads.document", 500, 2)
    assert doubt.excerpt == cause.excerpt == "not now"


async def test_what_pauses_after_a_refusal_is_in_no_doubt_when_the_client_is_closed(
    serve: Serve,
) -> None:
    pause = Pause()
    script = Script(503, headers={"Retry-After": "0.01"})
    async with client_at(await serve(processdocument=script), clock=pause.clock) as ks:
        call = asyncio.create_task(ks.uploads.document(b"%PDF", filename="a.pdf"))
        await pause.asleep.wait()
    with pytest.raises(ClientClosed, match="while it waited"):
        await call


def test_a_call_shows_neither_its_token_nor_a_signed_address() -> None:
    run = partial(print, "https://host/picture?signature=secret")
    call = Call(CATALOGUE["images.get"], run, Conduct(), "https://host", token="secret")  # type: ignore[arg-type, var-annotated]
    assert "secret" not in repr(call)


# --- Tokens


class LifeOf(Service):
    """A service whose tokens live as long as the test wants."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.life = timedelta(seconds=seconds)

    def tokens(self, access: str, refresh: str | None) -> Tokens:
        return Tokens(access, refresh, self.now + self.life)


@pytest.mark.parametrize(("life", "fresh"), [(3600, 3300), (900, 600), (300, 200)])
async def test_a_token_is_renewed_five_minutes_or_a_third_of_its_life_before_its_end(
    life: float, fresh: float
) -> None:
    service = LifeOf(life)
    await service.keeper.token()
    for seconds, refreshes in ((fresh - 1, 0), (2, 1)):
        service.now += timedelta(seconds=seconds)
        assert await service.keeper.token() == "login-1"
        assert (service.keeper._flight is None) is (refreshes == 0)
        await until(lambda: service.keeper._flight is None)
        assert service.refreshes == refreshes


@pytest.mark.parametrize(("life", "usable"), [(900, 870), (100, 95)])
async def test_a_token_is_used_until_30_s_or_a_twentieth_of_its_life_before_its_end(
    life: float, usable: float
) -> None:
    service = LifeOf(life)
    await service.keeper.token()
    service.gate.clear()
    service.now += timedelta(seconds=usable - 1)
    assert await service.keeper.token() == "login-1"
    service.now += timedelta(seconds=2)
    waits = asyncio.create_task(service.keeper.token())
    await asyncio.sleep(0)
    service.gate.set()
    assert await waits == "refresh-1"


async def failing_at(seconds: float) -> Service:
    """Give a service whose tokens couldn't be renewed at this second of their life."""
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=seconds)
    service.refresh_error = RateLimited("slow down")
    for _ in range(5):
        assert await service.keeper.token() == "login-1"
    await until(lambda: service.keeper._flight is None)
    assert service.refreshes == 1
    return service


@pytest.mark.parametrize(("at", "pause"), [(650, 15), (800, 10)])
async def test_a_renewal_that_failed_is_not_tried_again_at_once(at: float, pause: float) -> None:
    service = await failing_at(at)
    for seconds, refreshes in ((pause - 1, 1), (2, 2)):
        service.now += timedelta(seconds=seconds)
        await service.keeper.token()
        await until(lambda: service.keeper._flight is None)
        assert service.refreshes == refreshes


async def test_the_pause_after_a_failure_does_not_reach_into_the_mandatory_window() -> None:
    service = await failing_at(869)
    service.refresh_error = None
    service.now += timedelta(seconds=2)
    assert await service.keeper.token() == "refresh-2"


async def test_a_login_as_another_user_is_not_undone_by_a_renewal_under_way() -> None:
    service = Service()
    await service.keeper.token()
    service.gate.clear()
    service.now += timedelta(seconds=650)
    await service.keeper.token()
    await asyncio.sleep(0)

    async def login_of_another() -> Tokens:
        return service.tokens("another", None)

    login = asyncio.create_task(service.keeper.log_in(login_of_another))
    await asyncio.sleep(0)
    service.gate.set()
    await login
    await until(lambda: service.keeper._flight is None)
    assert await service.keeper.token() == "another"


class Refusing:
    """An account's service on a clock of the test's, whose answers 401 take their time.

    The client's tokens are good for 15 minutes, because they don't say how long.
    """

    def __init__(self, *seconds_on_the_way: float) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.clock = Clock(now=lambda: self.now)
        self.on_the_way = list(seconds_on_the_way)
        self.asked = self.renewals = 0

    async def ask(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked += 1
        if not self.on_the_way:
            return web.json_response(BATCH)
        self.now += timedelta(seconds=self.on_the_way.pop(0))
        return web.json_response({"error": "Token expired."}, status=401)

    async def renew(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.renewals += 1
        return web.json_response({"access_token": f"a.b.{self.renewals}"})

    async def url(self, serve: Serve) -> str:
        return await serve(getbatchdocuments=self.ask, get_access_token=self.renew)


# Of a life of 900 s; two seconds before its end, a server may see it ended.
ENDED, NEARLY_ENDED, ALIVE = 901, 899, 800


@pytest.mark.parametrize(
    "seconds",
    [(ALIVE, ENDED), (ALIVE, NEARLY_ENDED), (ENDED, ENDED), (ENDED, ENDED, ENDED, ENDED)],
)
async def test_a_token_that_ended_on_the_way_is_no_proof_against_the_account(
    seconds: tuple[float, ...], serve: Serve
) -> None:
    service = Refusing(*seconds)
    async with client_at(await service.url(serve), clock=service.clock) as ks:
        await ks.results.in_batch("b")
    assert (service.asked, service.renewals) == (len(seconds) + 1, len(seconds) + 1)


@pytest.mark.parametrize("seconds", [(ALIVE, ALIVE), (ENDED, ALIVE), (ENDED, ENDED, ALIVE)])
async def test_a_second_401_of_a_token_that_lives_on_is_final(
    seconds: tuple[float, ...], serve: Serve
) -> None:
    service = Refusing(*seconds, *[ALIVE] * 9)
    async with client_at(await service.url(serve), clock=service.clock) as ks:
        with pytest.raises(AuthenticationError) as caught:
            await ks.results.in_batch("b")
    assert caught.value.attempt == service.asked == len(seconds)


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_tokens_that_always_end_on_the_way_are_not_renewed_for_ever(
    attempts: int, serve: Serve
) -> None:
    service = Refusing(*[ENDED] * 99)
    retry = RetryPolicy(attempts=attempts, first_seconds=0)
    async with client_at(await service.url(serve), clock=service.clock, retry=retry) as ks:
        with pytest.raises(AuthenticationError):
            await ks.results.in_batch("b")
    # The first renewal is no failure of the call.
    assert service.asked == service.renewals == attempts + 1


@pytest.mark.parametrize("status", [503, 401, 400])
async def test_only_what_was_kept_back_for_its_source_says_so(status: int, serve: Serve) -> None:
    async def once() -> AsyncIterator[bytes]:
        yield b"%PDF"

    script = Script(status, RECEIPT, headers={"Retry-After": "0.01"})
    async with client_at(await serve(processdocument=script)) as ks:
        with pytest.raises(KlearStackError) as caught:
            await ks.uploads.document(Stream(once, "a.pdf", repeatable=False))
    assert ("its source can be read only once" in str(caught.value)) is (status != 400)
    assert str(caught.value).count("only once") < 2
    assert len(script.bodies) == 1


async def test_a_users_id_is_a_secret_however_short_it_is(serve: Serve) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "there is no user 7x"}, status=403)

    async with client_at(await serve(getaccesstokenfromuserid=refuse)) as ks:
        with pytest.raises(PermissionDenied) as caught:
            await ks.auth.login_as("7x")
    assert "7x" not in f"{caught.value} {caught.value.excerpt}"


# --- Repeating and closing


class Never:
    """A handler that doesn't answer before it is let go."""

    def __init__(self) -> None:
        self.entered, self.let_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.entered.set()
        await self.let_go.wait()
        return web.json_response(BATCH)


async def test_a_longer_retry_after_is_believed_if_the_policy_says_so(serve: Serve) -> None:
    script = Script(429, headers={"Retry-After": "250"})
    policy = RetryPolicy(attempts=1, retry_after_seconds=200)
    async with client_at(await serve(getbatchdocuments=script), retry=policy) as ks:
        with pytest.raises(RateLimited):
            await ks.results.in_batch("b")
        assert 190 < ks.rate.paused_seconds <= 200


@pytest.mark.parametrize("how", ["login", "refresh"])
async def test_a_deadline_of_a_variant_ends_its_logins(how: str, serve: Serve) -> None:
    never = Never()
    async with client_at(await serve(get_access_token=never)) as ks, asyncio.timeout(5):
        with pytest.raises(DeadlineExceeded):
            await getattr(ks.with_options(deadline_seconds=0.05).auth, how)()
        never.let_go.set()


async def test_a_login_as_another_waits_for_no_place(serve: Serve) -> None:
    never = Never()

    async def of_another(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"access_token": "an.other.s"})

    url = await serve(getbatchdocuments=never, getaccesstokenfromuserid=of_another)
    async with client_at(url, concurrency=1) as ks, asyncio.timeout(5):
        call = asyncio.create_task(ks.results.in_batch("b"))
        await never.entered.wait()
        await ks.auth.login_as("7")
        never.let_go.set()
        await call


@pytest.mark.parametrize(("attempts", "refreshes"), [(1, 1), (5, 2)])
async def test_a_refresh_is_tried_twice_at_most_and_never_more_often_than_calls(
    attempts: int, refreshes: int, serve: Serve
) -> None:
    refresh = Script(*[500] * 9)
    login = Script(*[{"access_token": "a.b.c", "refresh_token": "d.e.f"}] * 2)
    policy = RetryPolicy(attempts=attempts, first_seconds=0)
    url = await serve(get_access_token=login, getaccesstokenfromrefreshtoken=refresh)
    async with client_at(url, retry=policy) as ks:
        await ks.auth.login()
        await ks.auth.refresh()
    assert (len(refresh.bodies), len(login.bodies)) == (refreshes, 2)


async def test_closing_waits_for_each_call_that_takes_its_time() -> None:
    bounds, released, for_ever = Bounds(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        try:
            await for_ever.wait()
        finally:
            await released.wait()

    calls = [asyncio.create_task(bounds.keep(work, None)) for work in (for_ever.wait(), slow())]
    await until(lambda: len(bounds._calls) == 2)
    closing = asyncio.create_task(bounds.close())
    await asyncio.wait(calls[:1])
    others = asyncio.create_task(asyncio.wait([closing], timeout=0.05))
    assert await others == (set(), {closing})
    released.set()
    await closing
    for call in calls:
        with pytest.raises(OutOfBoundsError):
            await call


async def test_who_closes_from_within_a_call_is_not_waited_for() -> None:
    bounds = Bounds()
    async with asyncio.timeout(2):
        await bounds.keep(bounds.close(), None)


async def test_a_timeout_of_the_work_itself_is_no_deadline() -> None:
    async def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Bounds().keep(fail(), 60)


# --- Bodies and bounds


@pytest.mark.parametrize("what", ["file", "form"])
async def test_a_body_counts_as_sent_before_its_last_byte_is_handed_over(what: str) -> None:
    progress = Progress()
    seen: list[tuple[bool, int]] = []
    sent = 0

    class Writer:
        async def write(self, piece: bytes) -> None:
            nonlocal sent
            sent += len(piece)
            if piece:
                seen.append((progress.sent_whole, progress.sent_bytes - sent))

    content = bytes(1 << 20)
    file, fields = None, {"a": content.decode()}
    if what == "file":
        file, fields = FilePart("file", BytesSource(content, "a.pdf"), "application/pdf"), {}
    body = await body_of(fields, file, progress, encoding="multipart", stall_seconds=9)
    assert isinstance(body, StreamedForm)
    await body.write(Writer())  # type: ignore[arg-type]
    # What was handed over in part may have arrived whole.
    assert [whole for whole, _ in seen] == [False] * (len(seen) - 1) + [True]
    assert {ahead for _, ahead in seen} == {0}


class HangingUp:
    """A pool of aiohttp's and its one connection, as far as used; the server hangs up."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seen: list[object] = []
        self.protocol = self.transport = self
        self.should_close = False

    async def connect(self, *_: object) -> Self:
        return self

    def is_closing(self) -> bool:
        return False

    def set_response_params(self, **_: object) -> None:
        assert not self.progress.begun

    def write(self, data: bytes) -> None:
        assert data.endswith(b"the body")
        progress = self.progress
        self.seen.append((progress.begun, progress.sent_whole, progress.sent_bytes))

    async def read(self) -> NoReturn:
        raise aiohttp.ServerDisconnectedError

    def close(self) -> None:
        self.seen.append("closed")


async def test_a_small_body_counts_as_sent_before_it_is_handed_over() -> None:
    progress = Progress()
    connection = HangingUp(progress)
    calls = SmallCalls(connection, ssl=True, user_agent="us")  # type: ignore[arg-type]
    form = JoinedForm(b"the body", "text/plain")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await calls.send("http://127.0.0.1:9/a", {}, form, progress, Timeouts())
    assert connection.seen == [(True, True, 8), "closed"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX: 1", "a\rb", "a\0b"])
async def test_no_header_of_a_small_call_can_become_two(value: str) -> None:
    async with aiohttp.TCPConnector() as connector:
        calls = SmallCalls(connector, ssl=True, user_agent="us")
        form = JoinedForm(b"the body", "text/plain")
        headers = {"Authorization": value}
        with pytest.raises(ValueError, match="line break"):
            await calls.send("http://127.0.0.1:9/a", headers, form, Progress(), Timeouts())


async def test_an_upload_that_is_done_is_watched_no_more(serve: Serve) -> None:
    async with client_at(await serve(processdocument=Script(RECEIPT))) as ks:
        await ks.uploads.document(b"%PDF" + bytes(1 << 20), filename="a.pdf")
        timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert [timer for timer in timers if "_look" in repr(timer) and not timer.cancelled()] == []


async def test_a_source_that_takes_its_time_is_no_stall_of_the_server(serve: Serve) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF" + bytes(1 << 17)
        # Time is what this is about: some stall times.
        await asyncio.sleep(0.5)
        yield bytes(1 << 17)

    timeouts = Timeouts(stall_seconds=0.15)
    async with client_at(await serve(processdocument=Script(RECEIPT)), timeouts=timeouts) as ks:
        assert (await ks.uploads.document(Stream(pieces, "a.pdf"))).batch_id == "b-1"


async def test_a_refresh_goes_with_the_token_that_it_renews(serve: Serve) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seen: list[str] = []

    async def refresh(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        await request.read()
        return web.json_response({"access_token": "g.h.i"})

    async with (
        client_at(
            await serve(getaccesstokenfromrefreshtoken=refresh, getbatchdocuments=Script(BATCH)),
            clock=Clock(now=lambda: now),
        ) as ks,
        asyncio.timeout(5),
    ):
        await ks.auth.login()
        now += timedelta(hours=1)
        await ks.results.in_batch("b")
    assert seen == ["Bearer a.b.c"]


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down"),
        ServerError("not now", status=503),
        ConnectError("nobody there"),
        ClientClosed("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_where_a_login_would_go_the_same_way_there_is_none(error: KlearStackError) -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.refresh_error = error
    with pytest.raises(type(error)):
        await service.keeper.token()
    assert service.logins == 1


async def test_both_tokens_are_secrets() -> None:
    service = Service()
    await service.keeper.token()
    assert service.keeper.secrets() == ("login-1", "refresh")


async def test_logging_in_again_is_as_whoever_is_logged_in() -> None:
    service = Service()

    async def login_of_another() -> Tokens:
        return service.tokens("another", None)

    await service.keeper.log_in(login_of_another)
    await service.keeper.log_in_again()
    assert (await service.keeper.token(), service.logins) == ("another", 0)
    assert service.keeper.user_changes == 1


async def test_who_asks_for_a_token_while_somebody_logs_in_waits_for_that_login() -> None:
    service = Service()
    service.gate.clear()
    login = asyncio.create_task(service.keeper.log_in())
    call = asyncio.create_task(service.keeper.token())
    await until(lambda: service.keeper._flight is not None)
    service.gate.set()
    await login
    assert await call == "login-1"
    assert service.logins == 1


async def test_tokens_that_could_not_be_saved_in_time_are_kept() -> None:
    service, saving = Service(), asyncio.Event()

    async def load() -> None: ...

    async def save(_tokens: Tokens) -> None:
        saving.set()
        await asyncio.Event().wait()

    keeper = TokenKeeper(
        login=service.login,
        refresh=service.refresh,
        clock=Clock(now=lambda: service.now),
        store=TokenStore(load, save),
    )
    call: asyncio.Task[Any] = asyncio.create_task(keeper.token())
    await saving.wait()
    await keeper.close()
    with pytest.raises(ClientClosed):
        await call
    async with asyncio.timeout(5):
        assert await keeper.token() == "login-1"
    assert service.logins == 1


async def test_who_is_cancelled_while_the_client_closes_is_cancelled() -> None:
    service = Service()
    service.gate.clear()
    call = asyncio.create_task(service.keeper.token())
    await until(lambda: service.keeper._flight is not None)
    flight = service.keeper._flight
    assert flight is not None
    await asyncio.sleep(0)
    flight.add_done_callback(lambda _: call.cancel())
    await service.keeper.close()
    with pytest.raises(asyncio.CancelledError):
        await call
