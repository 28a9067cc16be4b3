"""A service that is away: the run waits for it, and fails no document because of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from bulk_kit import Port, Store, failing, files, run, states
from conftest import Serve, client_at

from klearstack_async import (
    BatchNotReady,
    ConnectError,
    EndpointNotFound,
    OutcomeState,
    RetryPolicy,
    ServerError,
)
from klearstack_async.bulk.outage import Outage
from klearstack_async.transport.clock import Clock

TEN = [f"{number}.pdf" for number in range(10)]
ONCE = RetryPolicy(attempts=1)


class Stepped:
    """A clock on which pauses take no time, beside what really passes.

    Something may happen at a pause.
    """

    def __init__(self) -> None:
        self.at = 0.0
        self.pauses: list[float] = []
        self.then: Callable[[], Awaitable[None]] | None = None
        self.clock = Clock(seconds=lambda: self.at + time.monotonic(), sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.pauses.append(seconds)
        if self.then is not None:
            await self.then()
        await asyncio.sleep(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files(tmp_path / "in", *TEN)


async def test_a_service_that_comes_back_gets_every_document(folder: Path) -> None:
    store, stepped = Store(), Stepped()
    async with Port(store) as port:

        async def come_back_after_a_while() -> None:
            if stepped.at > 300 and stepped.then is not None:
                stepped.then = None
                await port.come_back()

        stepped.then = come_back_after_a_while
        async with client_at(port.url, retry=ONCE, clock=stepped.clock) as ks:
            await ks.auth.login()
            await port.go_away()
            async with ks.bulk(folder, workers=3) as going:
                outcomes = [outcome async for outcome in going]
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(store.stored) == len(store.tried) == 10
    # One at a time, with growing pauses: fifty thousand documents make no more attempts than ten.
    assert len(stepped.pauses) < 20


async def test_a_service_that_stays_away_ends_the_run_and_nothing_has_failed(
    folder: Path, tmp_path: Path
) -> None:
    store, stepped, job = Store(), Stepped(), {"journal": tmp_path / "job.db"}
    async with Port(store) as port, client_at(port.url, retry=ONCE, clock=stepped.clock) as ks:
        await ks.auth.login()
        await port.go_away()
        async with ks.bulk(folder, outage_seconds=600, **job) as going:  # type: ignore[arg-type]
            with pytest.raises(ConnectError):
                await anext(going)
        assert 590 < stepped.at < 1200
        assert going.report.finished == 0
        assert {str(o.reason) for o in going.under_way()} == {"not sent: the run was stopped first"}
        await port.come_back()
        outcomes = await run(ks, folder, **job)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(store.stored) == 10


async def test_the_progress_says_that_the_service_is_away(folder: Path) -> None:
    store, stepped, told = Store(), Stepped(), list[str | None]()
    async with Port(store) as port:

        async def look_at_it() -> None:
            told.append(going.progress.trouble)

        async with client_at(port.url, retry=ONCE, clock=stepped.clock) as ks:
            await ks.auth.login()
            await port.go_away()
            async with ks.bulk(folder, outage_seconds=60) as going:
                assert going.progress.trouble is None
                stepped.then = look_at_it
                with pytest.raises(ConnectError):
                    await anext(going)
    assert told
    assert all("the service is away" in str(trouble) for trouble in told)


async def test_an_address_where_nobody_is_is_an_error_at_once(folder: Path) -> None:
    stepped = Stepped()

    async def nothing_there() -> None:
        async with client_at("http://127.0.0.1:9", retry=ONCE, clock=stepped.clock) as ks:
            await run(ks, folder)

    # Before anything was begun it is an error at once: it may be a mistake in the address.
    with pytest.raises(ConnectError):
        await nothing_there()
    assert stepped.pauses == []


async def test_an_endpoint_that_is_not_there_ends_the_run_at_once(
    serve: Serve, folder: Path
) -> None:
    async with client_at(await serve()) as ks:
        going = ks.bulk(folder, workers=1)
        async with going:
            with pytest.raises(EndpointNotFound, match="endpoints="):
                await anext(going)
    assert going.report.finished == 0


async def test_when_nobody_knows_what_becomes_of_uploads_few_are_risked(
    serve: Serve, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", *(f"{number}.pdf" for number in range(200)))
    store, stepped = Store(refuse=lambda *_: failing(502)), Stepped()
    url = await store.url(serve)
    async with client_at(url, retry=ONCE, clock=stepped.clock) as ks:
        going = ks.bulk(folder, workers=2, outage_seconds=600)
        async with going:
            with pytest.raises(ServerError):
                await anext(going)
    assert len(store.tried) < 30


async def test_a_look_that_fails_does_not_count_as_a_batch_that_is_late(
    serve: Serve, folder: Path
) -> None:
    store, began_at = Store(), time.monotonic()

    async def look(request: web.Request) -> web.StreamResponse:
        # Away for three times as long as a batch may take.
        return failing(502) if time.monotonic() < began_at + 0.6 else await store._look(request)

    url = await serve(processdocument=store._upload, getbatchdocuments=look)
    async with client_at(url, retry=ONCE) as ks:
        outcomes = await run(ks, folder / "1.pdf", wait_seconds=0.2)
    assert states(outcomes) == {"1.pdf": "extracted"}


async def test_a_batch_whose_results_are_refused_is_told_with_its_id(
    serve: Serve, folder: Path
) -> None:
    store = Store()

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return failing(403)

    url = await serve(processdocument=store._upload, getbatchdocuments=refuse)
    async with client_at(url) as ks:
        [outcome] = await run(ks, folder / "1.pdf")
    assert outcome.state is OutcomeState.FAILED
    assert outcome.batch_id == "b-1"
    assert "uploaded as batch b-1" in str(outcome.reason)
    assert not isinstance(outcome.error, BatchNotReady)


def test_an_outage_begins_with_a_failure_and_ends_with_a_success() -> None:
    outage = Outage(longest_seconds=100, most_doubts=3)
    assert not outage.is_on()
    outage.failed(ValueError("x"), 10)
    assert outage.is_on()
    assert not outage.is_over_limit(109)
    assert outage.is_over_limit(110)
    outage.passed()
    assert not outage.is_on()
    assert outage.error is None


def test_pauses_of_an_outage_grow_to_a_minute() -> None:
    outage = Outage(longest_seconds=3600, most_doubts=3)
    pauses = []
    for _ in range(10):
        outage.failed(ValueError("x"), 0)
        pauses.append(outage.pause_seconds(1.0))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert outage.pause_seconds(0.0) == 30


def test_only_doubts_in_a_row_are_an_outage() -> None:
    outage = Outage(longest_seconds=3600, most_doubts=3)
    for _ in range(5):
        outage.doubted(ValueError("x"), 0)
        outage.doubted(ValueError("x"), 0)
        assert not outage.is_on()
        outage.passed()
    for _ in range(3):
        outage.doubted(ValueError("x"), 0)
    assert outage.is_on()
