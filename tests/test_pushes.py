"""Pushes that are handed to a client: to those of its waits and runs that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, until

from klearstack_async import BatchFailed, BatchNotReady, BatchState, Document, KlearStack, Polling
from klearstack_async.pushes import Pushes
from klearstack_async.wire.results import document_from

PENDING = {"result": [], "extraction_status": "processing"}


def document_of(number: int | str, **more: object) -> Document:
    row = {"document_id": f"d-{number}", "file_name": f"{number}.pdf", **more}
    document = document_from(msgspec.json.encode(row))
    assert document is not None
    return document


@dataclass(frozen=True)
class Push:
    batch_id: str
    document: Document
    file_name: str | None = None


class Service:
    """Answers each look with what a test says, and counts them."""

    def __init__(self) -> None:
        self.looks = 0
        self.answer: Mapping[str, object] = PENDING
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def look(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.looks += 1
        await self.may_answer.wait()
        return web.json_response(self.answer)


# So long that a test which needs a second look fails.
SLOW = Polling(first_seconds=1000, longest_seconds=1000)


async def test_a_wait_ends_with_the_push_of_its_last_document(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b", expected=2))
        await until(lambda: service.looks == 1)
        assert ks.feed(Push("b", document_of(1)))
        # Twice is one document; and what is another batch's is not this one's.
        assert ks.feed(Push("b", document_of(1)))
        assert not ks.feed(Push("c", document_of(2)))
        assert not waiting.done()
        assert ks.feed(Push("b", document_of(2)))
        batch = await waiting
    assert batch.state is BatchState.COMPLETE
    assert [document.document_id for document in batch.documents] == ["d-1", "d-2"]
    assert service.looks == 1


async def test_the_document_that_was_pushed_last_counts(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b", expected=2))
        await until(lambda: service.looks == 1)
        ks.feed(Push("b", document_of(1, Inv_Total={"value": "1.00"})))
        ks.feed(Push("b", document_of(1, Inv_Total={"value": "2.00"})))
        ks.feed(Push("b", document_of(2)))
        batch = await waiting
    assert batch.documents[0]["Inv_Total"].value == "2.00"


async def test_a_push_ends_a_wait_whose_look_is_not_answered(serve: Serve) -> None:
    service = Service()
    service.may_answer.clear()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b", expected=1))
        await until(lambda: service.looks == 1)
        ks.feed(Push("b", document_of(1)))
        assert len((await waiting).documents) == 1
        service.may_answer.set()


async def test_a_push_that_came_before_the_wait_ends_it_without_a_look(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        assert not ks.feed(Push("b", document_of(1)))
        assert len((await ks.results.wait("b", expected=1)).documents) == 1
        assert service.looks == 0
        # It was for that wait: the document may have been corrected since.
        service.answer = {"result": [], "extraction_status": "failed"}
        with pytest.raises(BatchFailed):
            await ks.results.wait("b", expected=1)


async def test_without_a_number_a_push_lets_the_wait_look_at_once(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b"))
        await until(lambda: service.looks == 1)
        service.answer = {
            "result": [{"document_id": "d-9"}],
            "extraction_status": "completed",
        }
        ks.feed(Push("b", document_of(9)))
        assert [d.document_id for d in (await waiting).documents] == ["d-9"]
    assert service.looks == 2


async def test_a_push_during_a_look_is_not_missed_by_the_pause_after_it(serve: Serve) -> None:
    service = Service()
    service.may_answer.clear()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b"))
        await until(lambda: service.looks == 1)
        ks.feed(Push("b", document_of(1)))
        # This look was asked before; the next one sees what the push told of.
        service.may_answer.set()
        await until(lambda: service.looks == 2)
        waiting.cancel()


async def test_all_who_wait_for_a_batch_are_told(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        variant = ks.with_options(deadline_seconds=60)
        waits = [
            asyncio.create_task(one.results.wait("b", expected=1)) for one in (ks, ks, variant)
        ]
        await until(lambda: service.looks == 3)
        ks.feed(Push("b", document_of(1)))
        batches = await asyncio.gather(*waits)
    assert [len(batch.documents) for batch in batches] == [1, 1, 1]


async def test_a_wait_for_what_could_not_be_read_fails_by_the_push(serve: Serve) -> None:
    service = Service()
    failed = document_of(1, status="failed", error="Unreadable.")
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b", expected=1))
        await until(lambda: service.looks == 1)
        ks.feed(Push("b", failed))
        with pytest.raises(BatchFailed, match=r"Unreadable\.") as caught:
            await waiting
    assert caught.value.batch is not None
    assert caught.value.batch.documents == (failed,)


async def test_where_pushes_are_announced_a_wait_begins_without_a_look(serve: Serve) -> None:
    service = Service()
    polling = replace(SLOW, pushed=True)
    async with client_at(await serve(getbatchdocuments=service.look), polling=polling) as ks:
        waiting = asyncio.create_task(ks.results.wait("b", expected=1))
        await asyncio.sleep(0)
        assert ks.feed(Push("b", document_of(1)))
        await waiting
    assert service.looks == 0


async def test_an_announced_push_that_gets_lost_is_made_up_for_by_a_look(serve: Serve) -> None:
    service = Service()
    service.answer = {"result": [{"document_id": "d-9"}], "extraction_status": "completed"}
    polling = Polling(first_seconds=0.01, longest_seconds=0.01, pushed=True)
    async with client_at(await serve(getbatchdocuments=service.look), polling=polling) as ks:
        assert len((await ks.results.wait("b", expected=1)).documents) == 1


async def test_a_wait_that_runs_out_listens_no_more(serve: Serve) -> None:
    service = Service()
    quick = Polling(first_seconds=0.01, longest_seconds=0.01)
    async with client_at(await serve(getbatchdocuments=service.look), polling=quick) as ks:
        with pytest.raises(BatchNotReady):
            await ks.results.wait("b", expected=1, timeout=0.05)
        assert not ks.feed(Push("b", document_of(1)))


def test_what_nobody_waits_for_is_kept_for_a_minute_and_no_more_than_a_thousand() -> None:
    now = 0.0
    pushes = Pushes(lambda: now)
    assert not pushes.feed(Push("old", document_of(1)))
    now = 59.0
    for number in range(999):
        pushes.feed(Push(f"b-{number}", document_of(number)))
    assert len(pushes.take_early("old")) == 1
    pushes.feed(Push("young", document_of(2)))
    pushes.feed(Push("one more", document_of(2)))
    assert pushes.take_early("b-0") == []
    assert len(pushes.take_early("b-1")) == 1
    now = 120.0
    assert pushes.take_early("young") == []


def test_of_what_nobody_waits_for_no_more_than_16_mib_are_kept() -> None:
    pushes = Pushes(lambda: 0.0)
    large = "x" * (5 << 20)
    for number in range(4):
        pushes.feed(Push(f"b-{number}", document_of(number, Note={"value": large})))
    kept = [number for number in range(4) if pushes.take_early(f"b-{number}")]
    assert kept == [1, 2, 3]
    pushes.feed(Push("too large", document_of(9, Note={"value": "x" * (17 << 20)})))
    assert pushes.take_early("too large") == []
    # What was taken out makes room.
    for number in range(3):
        pushes.feed(Push(f"b-{number}", document_of(number, Note={"value": large})))
    assert all(pushes.take_early(f"b-{number}") for number in range(3))


async def test_two_who_begin_to_wait_at_once_share_what_came_before(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        ks.feed(Push("b", document_of(1)))
        waits = [asyncio.create_task(ks.results.wait("b", expected=2)) for _ in range(2)]
        await until(lambda: service.looks == 2)
        waits[0].cancel()
        ks.feed(Push("b", document_of(2)))
        assert len((await waits[1]).documents) == 2


async def test_many_pushes_of_a_batch_of_unknown_size_cause_few_looks(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        waiting = asyncio.create_task(ks.results.wait("b"))
        await until(lambda: service.looks == 1)
        for number in range(50):
            ks.feed(Push("b", document_of(number)))
            await asyncio.sleep(0)
        service.answer = {"result": [{"document_id": "d-1"}], "extraction_status": "completed"}
        await waiting
    assert service.looks == 2


async def test_an_announced_push_that_gets_lost_is_looked_for_within_any_timeout(
    serve: Serve,
) -> None:
    service = Service()
    service.answer = {"result": [{"document_id": "d-9"}], "extraction_status": "completed"}
    polling = replace(SLOW, pushed=True)
    async with client_at(await serve(getbatchdocuments=service.look), polling=polling) as ks:
        assert len((await ks.results.wait("b", expected=1, timeout=0.5)).documents) == 1


async def test_a_wait_that_runs_out_holds_what_was_pushed(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        ks.feed(Push("b", document_of(1)))
        with pytest.raises(BatchNotReady, match="1 documents ready") as caught:
            await ks.results.wait("b", expected=2, timeout=0.1)
    assert caught.value.batch is not None
    assert [d.document_id for d in caught.value.batch.documents] == ["d-1"]


@pytest.mark.parametrize("pushed", [False, True])
async def test_a_wait_of_a_client_that_is_not_open_is_refused(pushed: bool) -> None:
    ks = client_at("http://127.0.0.1:9", polling=Polling(pushed=pushed))
    with pytest.raises(RuntimeError, match="open"):
        await ks.results.wait("b", expected=1)


@pytest.mark.parametrize("expected", [0, -1])
async def test_a_wait_for_nothing_is_refused(expected: int) -> None:
    ks = client_at("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="expected is 1 or more"):
        await ks.results.wait("b", expected=expected)


async def test_a_client_that_was_closed_keeps_no_push(serve: Serve) -> None:
    service = Service()
    async with client_at(await serve(getbatchdocuments=service.look), polling=SLOW) as ks:
        ks.feed(Push("b", document_of(1)))
    assert ks._pushes.take_early("b") == []


@pytest.mark.parametrize("nonsense", [None, "b", Push("b", None), Push(7, document_of(1))])  # type: ignore[arg-type]
def test_what_is_no_push_is_refused(nonsense: Push) -> None:
    ks = KlearStack("http://127.0.0.1:9", company_name="a", username="b", password=PASSWORD)
    with pytest.raises(TypeError, match="a push has a batch_id"):
        ks.feed(nonsense)
