"""That pushes reach who waits for them, and save the calls that would have asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import client_of, until
from documents import invoice_pdf
from fastapi import FastAPI, Request
from push_router_kit import TOKEN, Handled, fields, pushing_to, served

from klearstack_async import KlearStack, Polling, SessionPool
from klearstack_async.fastapi import lifespan
from klearstack_async.fastapi.push import PushSender, push_router
from klearstack_async.sandbox import PushTarget, Sandbox

# What is pushed is looked at only in case that a push got lost.
PUSHED = Polling(first_seconds=20, longest_seconds=20, pushed=True)


def service(client: Any, *args: Any, **options: Any) -> FastAPI:
    app = FastAPI(lifespan=lifespan(client))
    app.include_router(push_router(*args, **{"token": TOKEN, **options}))
    return app


@asynccontextmanager
async def pushing_sandbox(
    handled: Handled, polling: Polling, processing_seconds: float
) -> AsyncIterator[tuple[Sandbox, KlearStack]]:
    """Give a sandbox that pushes to an application, and the application's client."""
    async with Sandbox(processing_seconds=processing_seconds) as sandbox:
        ks = client_of(sandbox, polling=polling)
        async with served(service(ks, handled)) as url:
            target = PushTarget(f"{url}/push", TOKEN, "acme", "hook", "secret")
            await sandbox.register_push(target)
            yield sandbox, ks
            await sandbox.settle_pushes()


@pytest.fixture
def handled() -> Handled:
    return Handled()


async def test_a_bulk_run_with_pushes_asks_less_than_once_for_ten_documents(
    handled: Handled, tmp_path: Path
) -> None:
    count = 60
    for number in range(count):
        (tmp_path / f"{number}.pdf").write_bytes(invoice_pdf(f"A-{number}"))
    async with (
        pushing_sandbox(handled, PUSHED, processing_seconds=0.3) as (sandbox, ks),
        ks.bulk(tmp_path) as run,
    ):
        states = [outcome.state async for outcome in run]
    assert states == ["extracted"] * count
    assert sandbox.requests["getbatchdocuments"] * 10 < count
    assert len(handled.pushes) == count


async def test_a_wait_ends_with_the_push(handled: Handled) -> None:
    async with pushing_sandbox(handled, PUSHED, processing_seconds=0.3) as (sandbox, ks):
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        async with asyncio.timeout(10):
            batch = await ks.results.wait(upload.batch_id, expected=1)
    assert batch.documents[0]["Inv_Number"].value == "INV-1"
    assert sandbox.requests["getbatchdocuments"] <= 1


async def test_a_wait_neednt_wait_for_a_handler(handled: Handled) -> None:
    handled.goes_on.clear()
    async with pushing_sandbox(handled, PUSHED, processing_seconds=0) as (_, ks):
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        async with asyncio.timeout(10):
            await ks.results.wait(upload.batch_id, expected=1)
        assert handled.ended == 0
        handled.goes_on.set()
    assert handled.ended == 1


async def test_a_push_of_a_batch_that_nobody_knows_is_handled(
    handled: Handled, sandbox: Sandbox
) -> None:
    async with pushing_to(service(client_of(sandbox), handled)) as sender:
        assert (await sender.push())[0] == 200
        await until(lambda: handled.ended == 1)


async def test_a_push_that_comes_again_reaches_who_waits_since(
    handled: Handled, sandbox: Sandbox
) -> None:
    ks = client_of(sandbox, polling=PUSHED)
    async with pushing_to(service(ks, handled)) as sender:
        await sender.push()
        async with asyncio.timeout(10):
            await ks.results.wait("batch-1", expected=1)
            waiting = asyncio.create_task(ks.results.wait("batch-1", expected=1))
            assert (await sender.push())[1]["status"] == "duplicate"
            assert (await waiting).documents[0]["Inv_Number"].value == "1"
    assert len(handled.pushes) == 1


class Pool(SessionPool):
    """Notes what it is fed."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: list[tuple[str, str | None]] = []

    def feed(self, push: Any, *, tenant: str | None = None) -> bool:
        self.fed.append((push.batch_id, tenant))
        return super().feed(push, tenant=tenant)


@pytest.mark.parametrize("tenant", ["acme", None])
async def test_a_tenants_push_is_shown_to_nobody_else(tenant: str | None) -> None:
    def sender_of(_request: Request) -> PushSender:
        return PushSender(token=TOKEN, tenant=tenant)

    pool = Pool()
    app = service(pool, token=None, sender_of=sender_of)
    async with pushing_to(app) as sender:
        assert (await sender.push())[0] == (200 if tenant else 503)
    # Who isn't named is fed nothing: else it would be everybody.
    assert pool.fed == ([("batch-1", "acme")] if tenant else [])


async def test_the_only_senders_push_is_shown_to_the_whole_pool() -> None:
    pool = Pool()
    async with pushing_to(service(pool)) as sender:
        assert (await sender.push())[0] == 200
    assert pool.fed == [("batch-1", None)]


async def test_a_client_that_fails_at_it_fails_no_push(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Pool):
        def feed(self, *_: Any, **__: Any) -> bool:
            raise ZeroDivisionError

    async with pushing_to(service(Broken(), handled)) as sender:
        assert await sender.push_all(fields(1), fields(2)) == [200] * 2
    assert "could not be handed" in caplog.text
    assert len(handled.pushes) == 2
