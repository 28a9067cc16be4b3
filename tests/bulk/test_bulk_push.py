"""Pushes that arrive while a run waits: each ends the wait for its document at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from bulk_kit import Store, files, names_in, states
from conftest import Serve, client_at, until

from klearstack_async import Document, KlearStack, Outcome
from klearstack_async.bulk.engine import BulkRun
from klearstack_async.wire.results import document_from


def document_of(row: dict[str, object]) -> Document:
    document = document_from(msgspec.json.encode(row))
    assert document is not None
    return document


TEN = [f"{number}.pdf" for number in range(10)]


@dataclass(frozen=True)
class Push:
    batch_id: str
    document: Document
    file_name: str | None = None


def pushed(store: Store, name: str, *, is_named: bool = True) -> Push:
    [batch_id] = [batch_id for batch_id, names in store.batches.items() if name in names]
    document = document_of({**store.document(name), **({} if is_named else {"file_name": None})})
    return Push(batch_id, document, None if is_named else name)


async def all_of(going: BulkRun) -> list[Outcome]:
    return [outcome async for outcome in going]


@pytest.mark.parametrize("bundle", [None, 4])
@pytest.mark.parametrize("is_named", [True, False])
async def test_a_push_ends_the_wait_without_another_look(
    bundle: int | None, is_named: bool, serve: Serve, tmp_path: Path
) -> None:
    store = Store(ready=lambda _: False)
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", *TEN), bundle=bundle) as going,
    ):
        await until(lambda: going.report.uploaded == 10)
        assert all(going.feed(pushed(store, n, is_named=is_named)) for n in store.stored)
        assert going.progress.waiting == 0
        outcomes = await all_of(going)
        # Twice is as good as once.
        assert not going.feed(pushed(store, store.stored[0]))
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert going.report.finished == going.report.sources == 10
    assert all(o.document and o.document["Inv_Number"].value in store.stored for o in outcomes)


async def test_a_part_of_a_bundle_may_be_pushed_and_the_rest_be_looked_at(
    serve: Serve, tmp_path: Path
) -> None:
    is_ready = False
    store = Store(ready=lambda _: is_ready)
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", *TEN), bundle=10) as going,
    ):
        await until(lambda: going.report.uploaded == 10)
        for name in store.stored[:3]:
            assert going.feed(pushed(store, name))
            assert going.feed(pushed(store, name))
        assert going.progress.waiting == 7
        is_ready = True
        outcomes = await all_of(going)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(outcomes) == 10


@pytest.mark.parametrize("bundle", [None, 5])
async def test_a_push_before_the_receipt_is_kept_for_it(
    bundle: int | None, serve: Serve, tmp_path: Path
) -> None:
    store = Store(ready=lambda _: False)
    runs: list[BulkRun] = []

    def push_first(number: int, names: list[str]) -> None:
        assert not any(runs[0].feed(pushed(store, name)) for name in names)

    store.after = push_first
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(files(tmp_path / "in", *TEN), bundle=bundle)
        runs.append(going)
        async with going:
            outcomes = await all_of(going)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert store.looks == []


async def test_a_push_of_a_strange_batch_or_document_harms_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    is_ready = False
    store = Store(ready=lambda _: is_ready)
    stranger = document_of({"document_id": "1", "file_name": "stranger.pdf"})
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", *TEN), bundle=10) as going,
    ):
        await until(lambda: going.report.uploaded == 10)
        assert not going.feed(Push("another batch", stranger))
        # It is nobody's, which is told once.
        assert going.feed(Push("b-1", stranger))
        assert going.feed(Push("b-1", stranger))
        for number in range(3000):
            going.feed(Push(f"unknown {number}", stranger))
        is_ready = True
        outcomes = await all_of(going)
    assert states(outcomes) == {**dict.fromkeys(TEN, "extracted"), "stranger.pdf": "unmatched"}
    assert len(outcomes) == 11
    assert going.report.unmatched == 1


async def test_a_pushed_failure_is_one(serve: Serve, tmp_path: Path) -> None:
    store = Store(ready=lambda _: False)
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", "a.pdf")) as going,
    ):
        await until(lambda: going.report.uploaded == 1)
        failed = document_of(
            {**store.document(store.stored[0]), "status": "failed", "error": "Unreadable."}
        )
        going.feed(Push("b-1", failed))
        [outcome] = await all_of(going)
    assert failed.failure
    assert outcome.state == "failed"


def test_a_run_that_was_not_entered_knows_no_push() -> None:
    going = KlearStack("http://127.0.0.1:9", company_name="a", username="b", password="c").bulk([])
    assert not going.feed(Push("b", document_of({"document_id": "1"})))


async def test_a_run_ends_by_pushes_also_while_a_look_hangs_and_others_are_due(
    serve: Serve, tmp_path: Path
) -> None:
    hanging = asyncio.Event()
    looks: list[str] = []

    async def look(request: web.Request) -> web.StreamResponse:
        looks.append(request.path)
        await hanging.wait()
        return web.json_response({})

    store = Store()
    url = await serve(processdocument=store._upload, getbatchdocuments=look)
    source = files(tmp_path / "in", *TEN)
    # One at a time: the others stand in line.
    async with client_at(url) as ks, ks.bulk(source, workers=1) as going:
        await until(lambda: going.report.uploaded == 10 and len(looks) > 0)
        for name in store.stored:
            going.feed(pushed(store, name))
        outcomes = await all_of(going)
        hanging.set()
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(looks) == 1


async def test_under_one_batch_id_each_source_gets_its_own_document(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store(ready=lambda _: False)
    runs: list[BulkRun] = []

    async def upload(request: web.Request) -> web.StreamResponse:
        [name] = await names_in(request)
        store.batches.setdefault("b-1", []).append(name)
        if len(store.stored) == 2:
            # Before its receipt, while the other one is waited for.
            assert not runs[0].feed(pushed(store, name))
        return web.json_response({"OCR_ref_no": "b-1"})

    async with client_at(await serve(processdocument=upload, getbatchdocuments=store._look)) as ks:
        going = ks.bulk(files(tmp_path / "in", "a.pdf", "b.pdf"), workers=1)
        runs.append(going)
        async with going:
            await until(lambda: going.report.uploaded == 2)
            first = store.stored[0]
            assert going.feed(pushed(store, first))
            going.feed(pushed(store, first))
            outcomes = await all_of(going)
    for outcome in outcomes:
        assert outcome.document is not None
        assert str(outcome.document.file_name).startswith(Path(outcome.source).stem + "-")
    assert states(outcomes) == {"a.pdf": "extracted", "b.pdf": "extracted"}


async def test_a_source_whose_twin_by_batch_id_has_ended_does_not_take_its_document(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store(ready=lambda _: False)
    may_upload = asyncio.Event()

    async def upload(request: web.Request) -> web.StreamResponse:
        [name] = await names_in(request)
        if store.stored:
            await may_upload.wait()
        store.batches.setdefault("b-1", []).append(name)
        return web.json_response({"OCR_ref_no": "b-1"})

    async with (
        client_at(await serve(processdocument=upload, getbatchdocuments=store._look)) as ks,
        ks.bulk(files(tmp_path / "in", "a.pdf", "b.pdf"), workers=1) as going,
    ):
        await until(lambda: going.report.uploaded == 1)
        assert going.feed(pushed(store, store.stored[0]))
        may_upload.set()
        await until(lambda: going.report.uploaded == 2)
        # The same push comes again, as pushes do.
        going.feed(pushed(store, store.stored[0]))
        assert going.feed(pushed(store, store.stored[1]))
        outcomes = await all_of(going)
    assert [o.document and o.document.file_name for o in outcomes] == store.stored
