"""A run that goes on where an earlier one stopped, by its journal."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from aiohttp import web
from bulk_kit import Store, failing, files, run, states
from conftest import Serve, client_at, client_of, until
from documents import invoice_pdf

from klearstack_async import JournalError, KlearStack, OutcomeState
from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.journal import Journal
from klearstack_async.bulk.states import SourceState
from klearstack_async.sandbox import Sandbox
from klearstack_async.wire.source import BytesSource, SourceLike

TEN = [f"{number}.pdf" for number in range(10)]


def lines(out: Path) -> list[tuple[str, str]]:
    # What nothing was written into isn't left behind.
    records = map(json.loads, out.read_text().splitlines() if out.exists() else ())
    return [(Path(record["source"]).name, record["state"]) for record in records]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files(tmp_path / "in", *TEN)


async def test_a_run_that_came_to_its_end_has_nothing_left_to_do(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store, out = Store(), tmp_path / "out.jsonl"
    async with client_at(await store.url(serve)) as ks:
        for again in range(3):
            async with ks.bulk(folder, journal=tmp_path / "job.db", out=out) as going:
                outcomes = [outcome async for outcome in going]
            assert len(outcomes) == (0 if again else 10)
            assert going.report.counts[OutcomeState.EXTRACTED] == going.report.sources == 10
            assert going.report.earlier == (10 if again else 0)
            assert going.report.is_complete
    assert len(store.stored) == len(set(lines(out))) == len(lines(out)) == 10


async def take(going: BulkRun, count: int, given: list[str]) -> None:
    """Take so many outcomes, then fail; no upload is cut off by that."""
    await until(lambda: going.report.uploaded == 10)
    for _ in range(count):
        given.append((await anext(going)).source)  # noqa: PERF401 - what came before counts
    raise ZeroDivisionError


@pytest.mark.parametrize("taken", range(11))
async def test_an_outcome_that_was_not_taken_comes_again(
    taken: int, serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store, out, given = Store(), tmp_path / "out.jsonl", list[str]()
    async with client_at(await store.url(serve)) as ks:
        with pytest.raises(ZeroDivisionError):
            async with ks.bulk(folder, journal=tmp_path / "job.db", out=out) as going:
                await take(going, taken, given)
        # The last one may have been used, or not: nobody asked for the next.
        assert len(lines(out)) == max(0, taken - 1)
        async with ks.bulk(folder, journal=tmp_path / "job.db", out=out) as going:
            again = [outcome.source async for outcome in going]
    assert len(again) == 10 - max(0, taken - 1)
    assert set(given[:-1]).isdisjoint(again)
    assert len(store.stored) == 10
    assert sorted(lines(out)) == [(name, "extracted") for name in TEN]


async def test_what_was_uploaded_is_waited_for_and_not_sent_again_even_if_its_file_is_gone(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store(ready=lambda _: False)
    async with client_at(await store.url(serve)) as ks:
        async with ks.bulk(folder, journal=tmp_path / "job.db", bundle=5) as going:
            await until(lambda: going.report.uploaded == 10)
        store.ready = lambda _: True
        for name in TEN:
            (folder / name).unlink()
        outcomes = await run(ks, folder, journal=tmp_path / "job.db")
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(store.tried) == 2


async def test_what_was_found_and_not_sent_is_sent_even_if_nobody_gives_it_again(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    held = asyncio.Event()

    class Held(Store):
        async def _upload(self, request: web.Request) -> web.StreamResponse:
            await held.wait()
            return await super()._upload(request)

    store = Held()
    async with client_at(await store.url(serve)) as ks:
        async with ks.bulk(folder, journal=tmp_path / "job.db", workers=2) as going:
            await until(lambda: going.report.sources >= 4)
        held.set()
        outcomes = await run(ks, [], journal=tmp_path / "job.db", in_doubt="resend")
    assert len(outcomes) >= 4
    assert {outcome.state for outcome in outcomes} == {OutcomeState.EXTRACTED}


async def test_a_file_that_has_changed_since_is_another_document(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store()
    async with client_at(await store.url(serve)) as ks:
        await run(ks, folder, journal=tmp_path / "job.db")
        (folder / "3.pdf").write_bytes(b"%PDF-1.4 another, and longer")
        # Touched only: the same.
        os.utime(folder / "4.pdf", (1, 1))
        async with ks.bulk(folder, journal=tmp_path / "job.db") as going:
            outcomes = [outcome async for outcome in going]
    assert states(outcomes) == {"3.pdf": "extracted", "4.pdf": "extracted"}
    assert going.report.finished == going.report.sources == 10


async def test_the_same_content_is_sent_once(serve: Serve, folder: Path, tmp_path: Path) -> None:
    store = Store()
    (folder / "copy of 3.pdf").write_bytes((folder / "3.pdf").read_bytes())
    sources: list[SourceLike] = [
        folder,
        BytesSource((folder / "5.pdf").read_bytes(), "bytes.pdf"),
        folder / "7.pdf",
    ]
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, sources, journal=tmp_path / "job.db")
        skipped = {Path(o.source).name: o for o in outcomes if o.state == "skipped"}
        assert len(store.stored) == 10
        assert len(skipped) == 3
        assert all(
            "the same content as" in str(o.reason) and o.error is None for o in skipped.values()
        )
        # Another run knows the content of the first.
        other = BytesSource((folder / "8.pdf").read_bytes(), "other.pdf")
        assert states(await run(ks, [other], journal=tmp_path / "job.db")) == {
            "other.pdf": "skipped"
        }
        assert states(await run(ks, [other, other], duplicates="send")) == {
            "other.pdf": "extracted"
        }
    assert len(store.stored) == 12


async def test_what_failed_is_tried_again_on_request_only(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    def refuse(number: int, names: list[str]) -> object:
        return failing(400) if names[0].startswith(("3-", "5-")) else None

    store, out = Store(refuse=refuse), tmp_path / "out.jsonl"  # type: ignore[arg-type]
    job = {"journal": tmp_path / "job.db", "out": out}
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, folder, **job)
        assert [name for name, s in states(outcomes).items() if s == "failed"].__len__() == 2
        store.refuse = lambda *_: None
        assert await run(ks, folder, **job) == []
        again = await run(ks, folder, **job, retry_failed=True)
    assert states(again) == {"3.pdf": "extracted", "5.pdf": "extracted"}
    assert {outcome.attempts for outcome in again} == {2}
    # The last line of a source is the one that counts.
    assert dict(lines(out)) == dict.fromkeys(TEN, "extracted")


async def test_a_batch_that_was_late_is_asked_for_again_and_not_sent_again(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store(ready=lambda batch_id: batch_id != "b-2")
    async with client_at(await store.url(serve)) as ks:
        job = {"journal": tmp_path / "job.db", "bundle": 5}
        outcomes = await run(ks, folder, **job, wait_seconds=0.2)
        late = [o for o in outcomes if o.state is OutcomeState.FAILED]
        assert len(late) == 5
        assert all(o.batch_id == "b-2" and "b-2" in str(o.reason) for o in late)
        store.ready = lambda _: True
        again = await run(ks, folder, **job, retry_failed=True)
    assert {o.state for o in again} == {OutcomeState.EXTRACTED}
    assert len(again) == 5
    assert len(store.tried) == 2


async def test_what_is_in_doubt_is_found_by_its_name(serve: Serve, folder: Path) -> None:
    store = Store(after=lambda number, _: failing(502) if number % 3 == 0 else None)
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, folder)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")
    assert len(store.stored) == 10
    assert store.lists == 1


@pytest.mark.parametrize("in_doubt", ["report", "resend"])
async def test_what_is_not_found_stays_in_doubt_or_is_sent_again_if_the_user_says_so(
    in_doubt: str, serve: Serve, folder: Path, tmp_path: Path
) -> None:
    # Refused with an answer that leaves it open; nothing is stored, but who knows?
    store = Store(refuse=lambda number, _: failing(502) if number == 4 else None)
    async with client_at(await store.url(serve)) as ks:
        job = {"journal": tmp_path / "job.db", "workers": 1}
        outcomes = await run(ks, folder, **job, in_doubt=in_doubt)
        [name] = [Path(o.source).name for o in outcomes if o.attempts == 2] or [
            Path(o.source).name for o in outcomes if o.state == "in_doubt"
        ]
        if in_doubt == "resend":
            assert {o.state for o in outcomes} == {OutcomeState.EXTRACTED}
        else:
            assert states(outcomes)[name] == "in_doubt"
            # Another run reports it no second time, but may send it.
            assert await run(ks, folder, **job) == []
            again = await run(ks, folder, **job, in_doubt="resend")
            assert states(again) == {name: "extracted"}
    assert len(store.stored) == 10


async def test_a_doubt_of_an_earlier_run_is_settled_once_the_service_lists_it(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store(after=lambda number, _: failing(502) if number == 4 else None)
    hidden = True
    real = store.document

    def document(name: str) -> dict[str, object]:
        return {"document_id": "?"} if hidden and name == store.tried[3][0] else real(name)

    store.document = document  # type: ignore[method-assign]
    async with client_at(await store.url(serve)) as ks:
        job = {"journal": tmp_path / "job.db", "workers": 1}
        first = await run(ks, folder, **job)
        hidden = False
        async with ks.bulk(folder, **job) as going:  # type: ignore[arg-type]
            second = [outcome async for outcome in going]
    assert [o.state for o in first].count(OutcomeState.IN_DOUBT) == 1
    assert [o.state for o in second] == [OutcomeState.EXTRACTED]
    assert going.report.counts == {"extracted": 10, "failed": 0, "in_doubt": 0, "skipped": 0}


async def test_a_service_without_that_list_is_asked_for_everything(
    serve: Serve, folder: Path
) -> None:
    store = Store(after=lambda number, _: failing(502) if number == 4 else None)
    handlers = {"getdaterangedocuments": None, "getuserdocuments": store._list}

    async def missing(request: web.Request) -> web.StreamResponse:
        await request.read()
        return failing(404)

    url = await serve(
        processdocument=store._upload,
        getbatchdocuments=store._look,
        **{**handlers, "getdaterangedocuments": missing},
    )
    async with client_at(url) as ks:
        outcomes = await run(ks, folder)
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")


async def test_a_journal_of_another_account_is_refused_before_anything_is_sent(
    folder: Path, tmp_path: Path
) -> None:
    async with Sandbox() as one, Sandbox() as other:
        async with client_of(one) as ks:
            await run(ks, [], journal=tmp_path / "job.db")
        async with client_of(other) as ks:
            with pytest.raises(JournalError, match="another account"):
                await run(ks, folder, journal=tmp_path / "job.db")
        assert other.requests["processdocument"] == 0


async def test_a_journal_in_use_is_refused(ks: KlearStack, folder: Path, tmp_path: Path) -> None:
    async with ks.bulk([], journal=tmp_path / "job.db"):
        with pytest.raises(JournalError, match="in use"):
            await run(ks, folder, journal=tmp_path / "job.db")


async def test_a_run_that_is_asked_to_stop_finishes_what_is_under_way(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store()
    async with client_at(await store.url(serve)) as ks:
        # No more than four at a time, so that not all are sent before the first one is taken.
        async with ks.bulk(folder, journal=tmp_path / "job.db", workers=2, outstanding=4) as going:
            first = await anext(going)
            going.stop()
            rest = [outcome async for outcome in going]
        assert {outcome.state for outcome in (first, *rest)} == {OutcomeState.EXTRACTED}
        assert 1 + len(rest) == len(store.stored) < 10
        assert going.report.under_way == 0
        assert not going.report.is_complete
        others = await run(ks, folder, journal=tmp_path / "job.db")
    assert len(others) + 1 + len(rest) == len(store.stored) == 10


async def test_without_a_journal_what_was_left_stands_in_the_results(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    async with Sandbox(processing_seconds=60) as sandbox, client_of(sandbox) as ks:
        for name in TEN:
            (folder / name).write_bytes(invoice_pdf(name))
        async with ks.bulk(folder, out=out) as going:
            await until(lambda: going.report.uploaded == 10)
    assert sorted(lines(out)) == [(name, "in_doubt") for name in TEN]


async def test_a_result_file_with_something_in_it_is_not_touched(
    ks: KlearStack, folder: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine\n")
    with pytest.raises(FileExistsError, match=r"out\.jsonl"):
        await run(ks, folder, out=out)
    assert out.read_text() == "mine\n"
    assert sandbox.requests["processdocument"] == 0


async def test_a_line_that_the_journal_does_not_know_is_cut_off(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store, out = Store(), tmp_path / "out.jsonl"
    async with client_at(await store.url(serve)) as ks:
        await run(ks, folder, journal=tmp_path / "job.db", out=out)
        whole = out.read_bytes()
        out.write_bytes(whole + b'{"source": "written, and killed before the comm')
        await run(ks, folder, journal=tmp_path / "job.db", out=out)
        assert out.read_bytes() == whole
        out.write_bytes(whole[:-10])
        with pytest.raises(JournalError, match="lines are missing"):
            await run(ks, folder, journal=tmp_path / "job.db", out=out)


async def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store()
    async with client_at(await store.url(serve)) as ks:
        with pytest.raises(OSError, match="No space left") as caught:
            await run(ks, folder, journal=tmp_path / "job.db", out="/dev/full")
        assert caught.value.filename == "/dev/full"
        outcomes = await run(ks, folder, journal=tmp_path / "job.db", out=tmp_path / "out.jsonl")
    assert len(store.stored) == len(outcomes) == 10


async def test_no_journal_holds_a_secret(tmp_path: Path, folder: Path) -> None:
    async with Sandbox(processing_seconds=0, password="marked-secret") as sandbox:
        async with client_of(sandbox) as ks:
            await run(ks, folder, journal=tmp_path / "job.db")
            token = (await ks.auth.login()).access_token
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("job.db*"))
    assert b"extracted" in kept or b"failed" in kept
    assert b"marked-secret" not in kept
    assert token.encode() not in kept


async def test_numbers_of_a_journal_add_up_after_any_end(
    serve: Serve, folder: Path, tmp_path: Path
) -> None:
    store = Store(after=lambda number, _: failing(502) if number == 4 else None)
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(folder, journal=tmp_path / "job.db") as going,
    ):
        await anext(going)
    async with Journal.open(
        tmp_path / "job.db", account=f"{ks.account.url} demo {ks.account.username}"
    ) as journal:
        counts = await journal.counts()
    assert counts[SourceState.EXTRACTED] == going.report.finished == 1
    assert sum(counts.values()) == going.report.sources
