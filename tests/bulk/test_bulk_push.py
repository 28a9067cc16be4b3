"""Pushes that arrive while a run waits: each ends the wait for its document at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from bulk_kit import Store, files, states
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


async def test_a_push_before_the_receipt_is_kept_for_it(serve: Serve, tmp_path: Path) -> None:
    store = Store(ready=lambda _: False)
    runs: list[BulkRun] = []

    def push_first(number: int, names: list[str]) -> None:
        assert not runs[0].feed(pushed(store, names[0]))

    store.after = push_first
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(files(tmp_path / "in", *TEN))
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
        assert going.feed(Push("b-1", stranger))
        for number in range(3000):
            going.feed(Push(f"unknown {number}", stranger))
        is_ready = True
        outcomes = await all_of(going)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")


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
