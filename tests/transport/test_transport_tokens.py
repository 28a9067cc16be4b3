"""The token keeper alone, with a clock that the test steps by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from conftest import until

from klearstack_async import (
    AuthenticationError,
    ClientClosed,
    ConnectError,
    ConnectionDropped,
    DeadlineExceeded,
    DecodeError,
    KlearStackError,
    RateLimited,
    ServerError,
    StallTimeout,
    Tokens,
    TokenStore,
)
from klearstack_async.transport import token_keeper
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.token_keeper import TokenKeeper


class Service:
    """Gives numbered tokens of 900 s, and counts what it is asked."""

    def __init__(self, store: Store | None = None) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.logins = self.refreshes = 0
        self.refresh_error: Exception | None = None
        # Cleared: the first login and all refreshes wait.
        self.gate = asyncio.Event()
        self.gate.set()
        self.keeper = TokenKeeper(
            login=self.login,
            refresh=self.refresh,
            clock=Clock(now=lambda: self.now),
            store=None if store is None else TokenStore(store.load, store.save),
        )

    async def login(self) -> Tokens:
        await asyncio.sleep(0)
        if not self.logins:
            await self.gate.wait()
        self.logins += 1
        return self.tokens(f"login-{self.logins}", "refresh")

    async def refresh(self, _old: Tokens) -> Tokens:
        await asyncio.sleep(0)
        await self.gate.wait()
        self.refreshes += 1
        if self.refresh_error is not None:
            raise self.refresh_error
        return self.tokens(f"refresh-{self.refreshes}", None)

    def tokens(self, access: str, refresh: str | None) -> Tokens:
        return Tokens(access, refresh, self.now + timedelta(seconds=900))


async def test_fifty_first_calls_log_in_once() -> None:
    service = Service()
    got: list[str] = []

    async def call() -> None:
        got.append(await service.keeper.token())

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(call)
    assert got == ["login-1"] * 50
    assert service.logins == 1


async def test_in_the_advisory_window_one_renews_and_the_others_use_the_old_token() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=599)
    assert await service.keeper.token() == "login-1"
    assert service.refreshes == 0
    service.now += timedelta(seconds=2)
    service.gate.clear()
    assert [await service.keeper.token() for _ in range(5)] == ["login-1"] * 5
    service.gate.set()
    await until(lambda: service.keeper._flight is None)
    assert [await service.keeper.token() for _ in range(3)] == ["refresh-1"] * 3
    assert (service.logins, service.refreshes) == (1, 1)


async def test_in_the_mandatory_window_all_wait_for_the_one_refresh() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=899)
    got: list[str] = []

    async def call() -> None:
        got.append(await service.keeper.token())

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(call)
    assert got == ["refresh-1"] * 20
    assert (service.logins, service.refreshes) == (1, 1)


async def test_the_renewal_that_began_in_time_is_the_one_that_all_wait_for() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=700)
    service.gate.clear()
    assert await service.keeper.token() == "login-1"
    service.now += timedelta(seconds=195)
    waiting = asyncio.create_task(service.keeper.token())
    await asyncio.sleep(0)
    service.gate.set()
    assert await waiting == "refresh-1"
    assert service.refreshes == 1


async def test_a_renewal_that_fails_in_the_advisory_window_costs_nobody_a_call() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=700)
    service.refresh_error = ConnectError("down")
    assert await service.keeper.token() == "login-1"
    await until(lambda: service.keeper._flight is None)
    # Not at every call anew, but again after a while.
    assert [await service.keeper.token() for _ in range(5)] == ["login-1"] * 5
    assert service.refreshes == 1
    service.now += timedelta(seconds=16)
    service.refresh_error = None
    assert await service.keeper.token() == "login-1"
    await until(lambda: service.keeper._flight is None)
    assert await service.keeper.token() == "refresh-2"


async def test_a_token_that_has_some_seconds_left_is_used_where_none_can_be_got() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=895)
    service.refresh_error = ConnectError("down")
    assert await service.keeper.token() == "login-1"
    service.now += timedelta(seconds=6)
    with pytest.raises(ConnectError):
        await service.keeper.token()


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("revoked"),
        ServerError("down"),
        DecodeError("garbage"),
        StallTimeout("slow"),
        ConnectionDropped("cut"),
        DeadlineExceeded("late"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refresh_that_fails_in_any_way_falls_back_to_one_login(
    error: KlearStackError,
) -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.refresh_error = error
    assert await service.keeper.token() == "login-2"
    assert (service.logins, service.refreshes) == (2, 1)


async def test_a_service_that_asks_for_fewer_calls_gets_no_login_instead() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.refresh_error = RateLimited("slow down")
    with pytest.raises(RateLimited):
        await service.keeper.token()
    assert service.logins == 1


async def test_a_refresh_that_hangs_ends_in_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_keeper, "_REFRESH_SECONDS", 0.01)
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.gate.clear()
    assert await service.keeper.token() == "login-2"


async def test_each_task_that_waited_gets_an_error_of_its_own() -> None:
    service = Service()
    cause = OSError("why")

    async def refuse() -> Tokens:
        await asyncio.sleep(0)
        raise AuthenticationError("wrong", endpoint="auth.login", status=401) from cause

    keeper = TokenKeeper(login=refuse, refresh=service.refresh, clock=Clock())
    found = await asyncio.gather(*(keeper.token() for _ in range(3)), return_exceptions=True)
    assert len({id(error) for error in found}) == 3
    for error in found:
        assert isinstance(error, AuthenticationError)
        assert (error.endpoint, error.status, error.__cause__) == ("auth.login", 401, cause)


async def test_a_caller_that_is_cancelled_takes_the_renewal_of_others_not_with_it() -> None:
    service = Service()
    service.gate.clear()
    first = asyncio.create_task(service.keeper.token())
    await until(lambda: service.keeper._flight is not None)
    second = asyncio.create_task(service.keeper.token())
    first.cancel()
    await asyncio.wait([first])
    service.gate.set()
    assert await second == "login-1"
    assert first.cancelled()
    assert service.logins == 1


async def test_closing_ends_a_renewal_with_a_clear_error() -> None:
    service = Service()
    service.gate.clear()
    waiting = asyncio.create_task(service.keeper.token())
    await until(lambda: service.keeper._flight is not None)
    await service.keeper.close()
    with pytest.raises(ClientClosed):
        await waiting
    service.gate.set()
    assert await service.keeper.token() == "login-1"


class Store:
    """A token store that can be made to fail, and counts."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens
        self.saved: list[str] = []
        self.fails = False

    async def load(self) -> Tokens | None:
        if self.fails:
            raise OSError("MARKED-secret")
        return self.tokens

    async def save(self, tokens: Tokens) -> None:
        if self.fails:
            raise OSError("MARKED-secret")
        self.tokens = tokens
        self.saved.append(tokens.access_token)


async def test_tokens_of_another_process_are_used_instead_of_a_login() -> None:
    store = Store()
    one, two = Service(store), Service(store)
    assert await one.keeper.token() == "login-1"
    assert await two.keeper.token() == "login-1"
    assert (one.logins, two.logins, store.saved) == (1, 0, ["login-1"])
    for service in (one, two):
        service.now += timedelta(seconds=899)
    assert await one.keeper.token() == "refresh-1"
    assert await two.keeper.token() == "refresh-1"
    assert (one.refreshes, two.refreshes, store.saved) == (1, 0, ["login-1", "refresh-1"])


async def test_stored_tokens_that_have_ended_are_refreshed() -> None:
    service = Service()
    service = Service(Store(Tokens("old", "refresh", service.now - timedelta(seconds=1))))
    assert await service.keeper.token() == "refresh-1"
    assert service.logins == 0


async def test_a_stored_token_that_was_refused_is_not_taken_again() -> None:
    service = Service()
    store = Store(service.tokens("bad", "refresh"))
    service = Service(store)
    assert await service.keeper.token() == "bad"
    assert (await service.keeper.renew(stale="bad")).access_token == "refresh-1"
    assert store.saved == ["refresh-1"]


async def test_a_store_that_fails_costs_a_login_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    store.fails = True
    service = Service(store)
    assert await service.keeper.token() == "login-1"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "MARKED" not in caplog.text


IN_AN_HOUR = datetime(2026, 1, 1, 1, tzinfo=UTC)
GARBAGE: dict[str, Any] = {
    "a text": "MARKED",
    "a dictionary": {"access_token": "MARKED"},
    "no access token": Tokens("", "r", IN_AN_HOUR),
    "an access token of two lines": Tokens("MARKED\r\nX-Evil: 1", "r", IN_AN_HOUR),
    "an access token that is no ASCII": Tokens("MARKED\xfc", "r", IN_AN_HOUR),
    "an access token that is bytes": Tokens(b"MARKED", "r", IN_AN_HOUR),  # type: ignore[arg-type]
    "a refresh token that is bytes": Tokens("a", b"MARKED", IN_AN_HOUR),  # type: ignore[arg-type]
    "an end without a time zone": Tokens("MARKED", "r", IN_AN_HOUR.replace(tzinfo=None)),
    "an end that is a text": Tokens("MARKED", "r", "2026-01-01"),  # type: ignore[arg-type]
    "an end that is a number": Tokens("MARKED", "r", 1767229200),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_in_a_store_costs_a_login_and_a_warning_and_is_written_over(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(GARBAGE[what])
    service = Service(store)
    assert await service.keeper.token() == "login-1"
    assert (service.logins, service.refreshes, store.saved) == (1, 0, ["login-1"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "MARKED" not in caplog.text


async def test_garbage_in_a_store_is_no_reason_to_log_in_where_a_refresh_does() -> None:
    store = Store()
    service = Service(store)
    await service.keeper.token()
    store.tokens = GARBAGE["a text"]
    service.now += timedelta(seconds=899)
    assert await service.keeper.token() == "refresh-1"
    assert (service.logins, store.saved) == (1, ["login-1", "refresh-1"])


@pytest.mark.parametrize("what", ["load", "save"])
async def test_a_store_that_hangs_holds_nobody_up_for_long(
    what: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_keeper, "_STORE_SECONDS", 0.01)
    store = Store()

    async def hang(*_args: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(store, what, hang)
    service = Service(store)
    async with asyncio.timeout(10):
        assert await service.keeper.token() == "login-1"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{what}() raised TimeoutError" in caplog.text


async def test_a_refresh_that_gives_the_old_token_again_ends_in_a_login() -> None:
    service = Service()
    await service.keeper.token()

    async def refresh(old: Tokens) -> Tokens:
        service.refreshes += 1
        return service.tokens(old.access_token, "another")

    service.keeper._refresh = refresh
    service.now += timedelta(seconds=899)
    assert await service.keeper.token() == "login-2"
    assert (service.logins, service.refreshes) == (2, 1)


async def test_another_users_tokens_are_not_put_into_the_store() -> None:
    store = Store()
    service = Service(store)

    async def login_of_another() -> Tokens:
        return service.tokens("another's", None)

    await service.keeper.log_in(login_of_another)
    assert store.saved == []
    service.now += timedelta(seconds=900)
    store.tokens = service.tokens("our own", "refresh")
    assert await service.keeper.token() == "another's"


async def test_an_unreachable_service_is_told_and_no_reason_to_log_in() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.refresh_error = ConnectError("down")
    with pytest.raises(ConnectError):
        await service.keeper.token()
    assert service.logins == 1


async def test_many_calls_that_found_the_same_token_stale_renew_it_once() -> None:
    service = Service()
    stale = await service.keeper.token()

    async def renew() -> None:
        assert (await service.keeper.renew(stale=stale)).access_token == "refresh-1"

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(renew)
    assert service.refreshes == 1


async def test_tasks_that_waited_for_a_login_that_failed_do_not_try_again() -> None:
    service = Service()
    failed: list[Exception] = []

    async def refuse() -> Tokens:
        await asyncio.sleep(0)
        service.logins += 1
        raise AuthenticationError("wrong")

    keeper = TokenKeeper(login=refuse, refresh=service.refresh, clock=Clock())

    async def call() -> None:
        try:
            await keeper.token()
        except AuthenticationError as error:
            failed.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(call)
    assert (len(failed), service.logins) == (50, 1)
    with pytest.raises(AuthenticationError):
        await keeper.token()
    assert service.logins == 2


def test_a_keeper_belongs_to_no_event_loop() -> None:
    service = Service()

    async def call_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(service.keeper.refresh)

    for _ in range(2):
        asyncio.run(call_at_once())
    assert (service.logins, service.refreshes) == (1, 5)


async def test_the_refresh_token_outlives_refreshes_that_bring_none() -> None:
    service = Service()
    await service.keeper.log_in()
    assert (await service.keeper.refresh()).refresh_token == "refresh"
    assert (await service.keeper.refresh()).access_token == "refresh-2"
