"""The token keeper alone, with a clock that the test steps by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from klearstack_async import AuthenticationError, ConnectError, Tokens
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.token_keeper import TokenKeeper


class Service:
    """Gives numbered tokens of 900 s, and counts what it is asked."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.logins = self.refreshes = 0
        self.refresh_error: Exception | None = None
        self.keeper = TokenKeeper(
            login=self.login, refresh=self.refresh, clock=Clock(now=lambda: self.now)
        )

    async def login(self) -> Tokens:
        await asyncio.sleep(0)
        self.logins += 1
        return self.tokens(f"login-{self.logins}", "refresh")

    async def refresh(self, _old: Tokens) -> Tokens:
        await asyncio.sleep(0)
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


async def test_a_token_is_renewed_before_it_ends_and_only_once() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=839)
    assert await service.keeper.token() == "login-1"
    service.now += timedelta(seconds=2)
    assert [await service.keeper.token() for _ in range(3)] == ["refresh-1"] * 3
    assert (service.logins, service.refreshes) == (1, 1)


async def test_a_refused_refresh_falls_back_to_one_login() -> None:
    service = Service()
    await service.keeper.token()
    service.now += timedelta(seconds=900)
    service.refresh_error = AuthenticationError("revoked")
    assert await service.keeper.token() == "login-2"
    assert (service.logins, service.refreshes) == (2, 1)


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


async def test_a_leader_that_is_cancelled_leaves_the_work_to_the_next() -> None:
    service = Service()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.keeper.token)
        await asyncio.sleep(0)
        tasks.cancel_scope.cancel()
    assert await service.keeper.token() == "login-1"


async def test_the_refresh_token_outlives_refreshes_that_bring_none() -> None:
    service = Service()
    await service.keeper.log_in()
    assert (await service.keeper.refresh()).refresh_token == "refresh"
    assert (await service.keeper.refresh()).access_token == "refresh-2"
