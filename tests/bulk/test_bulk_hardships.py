"""What else can go wrong in a bulk run: each was found by somebody who tried to break it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from bulk_kit import Port, Store, failing, files, run, states
from conftest import Serve, client_at, until

from klearstack_async import (
    ConnectError,
    EndpointNotFound,
    JournalError,
    Outcome,
    OutcomeState,
    RetryPolicy,
    ServerError,
    Sink,
    Stream,
)
from klearstack_async.bulk import journal_rows
from klearstack_async.wire.source import BytesSource

TEN = [f"{number}.pdf" for number in range(10)]


async def test_two_uploads_that_get_the_same_batch_id_both_end(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store()

    async def upload(request: web.Request) -> web.StreamResponse:
        await store._upload(request)
        store.batches = {"b": store.stored}
        return web.json_response({"OCR_ref_no": "b"})

    url = await serve(processdocument=upload, getbatchdocuments=store._look)
    async with client_at(url) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf", "b.pdf"))
    own = [o for o in outcomes if o.state is not OutcomeState.UNMATCHED]
    assert states(own) == {"a.pdf": "extracted", "b.pdf": "extracted"}


async def test_a_late_document_of_a_bundle_never_gets_its_neighbours_result(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(), files(tmp_path / "in", "a.pdf", "b.pdf")
    is_done = False

    async def look(request: web.Request) -> web.StreamResponse:
        names = store.batches[str((await request.post())["batch_id"])]
        rows = [store.document(name) for name in names if not name.startswith("b-")]
        state = "done" if is_done or len(rows) == len(names) else "processing"
        return web.json_response({"result": rows, "status": state})

    url = await serve(
        processdocument=store._upload, uploadbatch=store._upload, getbatchdocuments=look
    )
    job = {"journal": tmp_path / "job.db", "bundle": 2, "wait_seconds": 0.1}
    async with client_at(url) as ks:
        assert states(await run(ks, folder, **job)) == {"a.pdf": "extracted", "b.pdf": "failed"}
        # So that what was bundled with the late one is in another parcel now.
        (folder / "a.pdf").write_bytes(b"%PDF-1.4 another a")
        assert states(await run(ks, folder, **job)) == {"a.pdf": "extracted"}
        is_done = True
        outcomes = await run(ks, folder, **job, retry_failed=True)
    assert states(outcomes) == {"b.pdf": "failed"}


@pytest.mark.parametrize("bundle", [1, 5])
async def test_a_source_is_not_skipped_for_one_that_is_never_sent(
    bundle: int, serve: Serve, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", "a.pdf", "c.pdf")
    for name in ("b.pdf", "d.pdf"):
        (folder / name).write_bytes((folder / "a.pdf").read_bytes())
    store = Store(refuse=lambda _, names: failing(400) if is_a(names) else None)

    def is_a(names: list[str]) -> bool:
        return any(name.startswith("a-") for name in names)

    async with client_at(await store.url(serve)) as ks:
        # One worker, so that they are read in this order.
        given = [folder / name for name in ("a.pdf", "b.pdf", "d.pdf", "c.pdf")]
        outcomes = await run(ks, given, bundle=bundle, workers=1)
    found = states(outcomes)
    assert found["a.pdf"] == "failed"
    assert sorted((found["b.pdf"], found["d.pdf"])) == ["extracted", "skipped"]


async def test_documents_in_memory_of_one_name_are_told_apart_by_their_content(
    serve: Serve, tmp_path: Path
) -> None:
    store, job = Store(), {"journal": tmp_path / "job.db"}
    one, two = (BytesSource(b"%PDF-1.4 " + body, "invoice.pdf") for body in (b"one", b"two"))
    async with client_at(await store.url(serve)) as ks:
        assert len(await run(ks, [one], **job)) == 1
        assert len(await run(ks, [one, two], **job)) == 1
        assert await run(ks, [two, one], **job) == []
    assert len(store.stored) == 2


async def test_a_clock_that_was_ahead_when_something_was_sent_harms_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(after=lambda *_: failing(500)), files(tmp_path / "in", "a.pdf")
    store.named = lambda _: None
    job = {"journal": tmp_path / "job.db"}
    async with client_at(await store.url(serve)) as ks:
        assert states(await run(ks, folder, **job)) == {"a.pdf": "in_doubt"}
        with closing(sqlite3.connect(tmp_path / "job.db")) as journal:
            journal.execute("UPDATE parcels SET begun_at = begun_at + 5 * 86400")
            journal.commit()
        store.named = lambda name: name
        assert states(await run(ks, folder, **job)) == {"a.pdf": "extracted"}


async def test_a_receipt_that_cannot_be_noted_is_a_doubt_and_no_failure(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder = Store(), files(tmp_path / "in", "a.pdf")
    job = {"journal": tmp_path / "job.db"}

    def disk_is_full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with client_at(await store.url(serve)) as ks:
        with monkeypatch.context() as patched:
            patched.setattr(journal_rows, "sent", disk_is_full)
            with pytest.raises(JournalError, match="full"):
                await run(ks, folder, **job)
        assert states(await run(ks, folder, **job)) == {"a.pdf": "extracted"}
    assert len(store.stored) == 1


async def test_several_tasks_may_iterate_one_run(serve: Serve, tmp_path: Path) -> None:
    names = [f"{number}.pdf" for number in range(200)]
    store, out, seen = Store(), tmp_path / "out.jsonl", list[str]()
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(files(tmp_path / "in", *names), journal=tmp_path / "job.db", out=out)

        async def eat() -> None:
            async for outcome in going:
                seen.append(outcome.source)
                await asyncio.sleep(0)

        async with going, asyncio.TaskGroup() as tasks:
            for _ in range(6):
                tasks.create_task(eat())
        assert len(seen) == len(set(seen)) == 200
        lines = [json.loads(line)["source"] for line in out.read_text().splitlines()]
        assert sorted(lines) == sorted(seen)
        assert await run(ks, tmp_path / "in", journal=tmp_path / "job.db") == []


async def test_who_stops_a_run_during_an_outage_need_not_wait_for_its_end(tmp_path: Path) -> None:
    store = Store()
    async with Port(store) as port, client_at(port.url, retry=RetryPolicy(attempts=1)) as ks:
        await ks.auth.login()
        await port.go_away()
        async with ks.bulk(files(tmp_path / "in", *TEN)) as going:
            await until(lambda: going.progress.trouble is not None)
            going.stop()
            async with asyncio.timeout(5):
                with pytest.raises(ConnectError):
                    await anext(going)
    assert going.report.finished == 0


async def test_a_run_that_was_stopped_before_it_began_begins_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store()
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(files(tmp_path / "in", *TEN))
        going.stop()
        async with going:
            assert [outcome async for outcome in going] == []
    assert store.tried == []
    assert not going.report.is_complete


async def test_a_run_that_is_stopped_while_its_sources_block_for_ever_ends(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(), files(tmp_path / "in", "a.pdf")

    async def sources() -> AsyncIterator[Path]:
        yield folder / "a.pdf"
        await asyncio.Event().wait()

    async with client_at(await store.url(serve)) as ks, ks.bulk(sources()) as going:
        first = await anext(going)
        going.stop()
        async with asyncio.timeout(5):
            assert [outcome async for outcome in going] == []
    assert first.state is OutcomeState.EXTRACTED


@pytest.mark.parametrize("trouble", ["deleted", "refused"])
async def test_a_stream_that_was_not_read_survives_its_neighbours_fault(
    trouble: str, serve: Serve, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", "a.pdf")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF-1.4 stream"

    async def sources() -> AsyncIterator[Path | Stream]:
        yield folder / "a.pdf"
        yield Stream(pieces, "s.pdf", size_bytes=15, repeatable=False)
        if trouble == "deleted":
            await until(lambda: going.report.sources == 2)
            (folder / "a.pdf").unlink()

    def refuse(_: int, names: list[str]) -> web.StreamResponse | None:
        return failing(400) if any(name.startswith("a-") for name in names) else None

    store = Store(refuse=refuse)
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(sources(), bundle=5, workers=1)
        async with going:
            outcomes = [outcome async for outcome in going]
    found = states(outcomes)
    assert found["a.pdf"] == "failed"
    # What was refused had been read.
    assert found["s.pdf"] == ("extracted" if trouble == "deleted" else "failed")


async def test_an_outcome_whose_line_cannot_be_made_was_not_taken(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder, out = Store(), files(tmp_path / "in", *TEN), tmp_path / "out.txt"
    is_broken = True

    def encode(outcome: Outcome) -> bytes:
        if is_broken and outcome.source.endswith("2.pdf"):
            raise ValueError("the user's own sink fails")
        return f"{Path(outcome.source).name}\n".encode()

    job = {"journal": tmp_path / "job.db", "out": Sink(out, encode)}
    async with client_at(await store.url(serve)) as ks:
        with pytest.raises(ValueError, match="own sink"):
            await run(ks, folder, **job)
        is_broken = False
        await run(ks, folder, **job)
    assert sorted(out.read_text().split()) == TEN


async def test_a_known_file_that_cannot_be_looked_at_any_more_harms_no_other(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder, job = Store(), files(tmp_path / "in", *TEN), {"journal": tmp_path / "job.db"}

    async def stale(_: Path) -> tuple[int, int] | None:
        raise PermissionError("Permission denied")

    async with client_at(await store.url(serve)) as ks:
        await run(ks, folder, **job)
        files(folder, "new.pdf")
        monkeypatch.setattr("klearstack_async.bulk.intake.stamp_of", stale)
        assert states(await run(ks, folder, **job)) == {"new.pdf": "extracted"}


async def test_a_path_that_leads_over_a_link_is_the_same_file_in_the_next_run(
    serve: Serve, tmp_path: Path
) -> None:
    real = files(tmp_path / "elsewhere", "x.pdf")
    (real / "deep").mkdir()
    files(tmp_path / "in", "x.pdf")
    (tmp_path / "in/x.pdf").write_bytes(b"%PDF-1.4 another file, at link/.. without the link")
    (tmp_path / "in/link").symlink_to(real / "deep")
    store, given = Store(refuse=lambda *_: failing(500)), tmp_path / "in/link/../x.pdf"
    job = {"journal": tmp_path / "job.db"}
    async with client_at(await store.url(serve)) as ks:
        assert [o.state for o in await run(ks, given, **job)] == ["in_doubt"]
        store.refuse = lambda *_: None
        [outcome] = await run(ks, [], **job, in_doubt="resend")
    assert outcome.size_bytes == (real / "x.pdf").stat().st_size


async def test_earlier_outcomes_are_counted_right_when_a_file_changes_in_mid_run(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(ready=lambda _: False), files(tmp_path / "in", "a.pdf")
    job = {"journal": tmp_path / "job.db"}
    async with client_at(await store.url(serve)) as ks:
        async with ks.bulk(folder, **job) as going:  # type: ignore[arg-type]
            await until(lambda: going.report.uploaded == 1)
        (folder / "a.pdf").write_bytes(b"%PDF-1.4 other content")
        os.utime(folder / "a.pdf", (1, 1))
        store.ready = lambda _: True

        async def after_its_first_end() -> AsyncIterator[Path]:
            await until(lambda: going.report.finished == 1)
            yield folder / "a.pdf"

        going = ks.bulk(after_its_first_end(), **job)  # type: ignore[arg-type]
        async with going:
            outcomes = [outcome async for outcome in going]
    assert [outcome.state for outcome in outcomes] == ["extracted", "extracted"]
    assert (going.report.sources, going.report.finished, going.report.earlier) == (1, 1, 0)


async def test_an_iterable_that_raises_cuts_off_nothing_that_is_under_way(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(), files(tmp_path / "in", *TEN)

    async def sources() -> AsyncIterator[Path]:
        for name in TEN[:6]:
            yield folder / name
        raise ConnectionError("the user's queue is gone")

    taken: list[Outcome] = []
    async with client_at(await store.url(serve)) as ks, ks.bulk(sources()) as going:
        with pytest.raises(ConnectionError, match="queue is gone"):
            taken.extend([outcome async for outcome in going])
    assert going.report.counts[OutcomeState.EXTRACTED] == going.report.sources == 6
    assert len(store.stored) == 6


async def test_what_is_no_push_is_refused_before_it_can_do_harm(
    serve: Serve, tmp_path: Path
) -> None:
    class NoPush:
        batch_id, document, file_name = "b-1", None, None

    store = Store()
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", *TEN)) as going,
    ):
        with pytest.raises(TypeError, match="a push has"):
            going.feed(NoPush())  # type: ignore[arg-type]
        outcomes = [outcome async for outcome in going]
    assert states(outcomes) == dict.fromkeys(TEN, "extracted")


async def test_a_run_whose_journal_failed_is_not_gone_on_with(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, out = Store(), tmp_path / "out.jsonl"
    job = {"journal": tmp_path / "job.db", "out": out}
    folder = files(tmp_path / "in", *TEN)

    def disk_is_full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with client_at(await store.url(serve)) as ks:
        async with ks.bulk(folder, **job) as going:  # type: ignore[arg-type]
            await anext(going)
            with monkeypatch.context() as patched:
                patched.setattr(journal_rows, "end", disk_is_full)
                with pytest.raises(JournalError, match="full"):
                    [outcome async for outcome in going]
            with pytest.raises(JournalError, match="full"):
                await anext(going)
        await run(ks, folder, **job)
    lines = [json.loads(line)["source"] for line in out.read_text().splitlines()]
    assert sorted(Path(source).name for source in lines) == TEN


async def test_a_document_that_is_listed_and_not_read_yet_stays_in_doubt(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store(after=lambda *_: failing(500))
    real = store.document
    store.document = lambda name: {**real(name), "status": "processing"}  # type: ignore[method-assign]
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf"))
    assert states(outcomes) == {"a.pdf": "in_doubt"}


async def test_a_look_that_is_refused_at_first_may_be_too_early(
    serve: Serve, tmp_path: Path
) -> None:
    store, looks = Store(), 0

    async def look(request: web.Request) -> web.StreamResponse:
        nonlocal looks
        looks += 1
        return failing(403) if looks < 4 else await store._look(request)

    url = await serve(processdocument=store._upload, getbatchdocuments=look)
    async with client_at(url) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf"))
    assert states(outcomes) == {"a.pdf": "extracted"}


async def test_results_at_another_path_end_the_run_before_everything_is_uploaded(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store()
    names = [f"{number}.pdf" for number in range(100)]
    async with (
        client_at(await serve(processdocument=store._upload)) as ks,
        ks.bulk(files(tmp_path / "in", *names), workers=1) as going,
    ):
        with pytest.raises(EndpointNotFound, match="endpoints="):
            await anext(going)
    assert len(store.stored) < 100


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 2.5},
        {"workers": float("inf")},
        {"wait_seconds": float("nan")},
        {"outage_seconds": -1},
        {"duplicates": "maybe"},
        {"in_doubt": "maybe"},
        {"pattern": "../x"},
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, object]) -> None:
    ks = client_at("http://127.0.0.1:9")
    with pytest.raises(ValueError, match=next(iter(options))):
        ks.bulk([], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("out", [5, [5]])
def test_what_is_no_result_file_is_refused(out: object) -> None:
    with pytest.raises(TypeError, match="out= is"):
        client_at("http://127.0.0.1:9").bulk([], out=out)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 10])
async def test_a_list_that_is_given_again_is_taken_up_once(
    count: int, serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(), files(tmp_path / "in", *TEN[:count])
    given, job = sorted(folder.iterdir()), {"journal": tmp_path / "job.db"}
    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(given, **job)  # type: ignore[arg-type]
        async with going:
            await until(lambda: going.report.sources > 0)
        outcomes = await run(ks, given, **job, in_doubt="resend")
    assert {outcome.state for outcome in outcomes} <= {OutcomeState.EXTRACTED}
    assert set(store.stored) >= {o.document.file_name for o in outcomes if o.document}


async def test_a_changed_file_whose_run_was_left_before_it_was_sent_is_sent_by_the_next(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder = Store(), files(tmp_path / "in", "a.pdf")
    job = {"journal": tmp_path / "job.db"}
    held = asyncio.Event()

    async def upload(request: web.Request) -> web.StreamResponse:
        if store.stored:
            await held.wait()
        return await store._upload(request)

    url = await serve(processdocument=upload, getbatchdocuments=store._look)
    async with client_at(url) as ks:
        await run(ks, folder, **job)
        (folder / "a.pdf").write_bytes(b"%PDF-1.4 another")
        async with ks.bulk(folder, **job) as going:  # type: ignore[arg-type]
            await until(lambda: going.progress.sending == 1)
        held.set()
        outcomes = await run(ks, folder, **job, in_doubt="resend")
    assert states(outcomes) == {"a.pdf": "extracted"}
    assert outcomes[0].document is not None
    assert outcomes[0].document.file_name == store.stored[-1]


@pytest.mark.parametrize("form", [str.upper, lambda name: f"inbox/{name}"])
async def test_a_doubt_is_found_under_another_form_of_its_name(
    form: Callable[[str], str], serve: Serve, tmp_path: Path
) -> None:
    store = Store(after=lambda *_: failing(500), named=form)
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "ä.pdf"))
    assert states(outcomes) == {"ä.pdf": "extracted"}


async def test_a_list_that_breaks_off_settles_no_doubt(serve: Serve, tmp_path: Path) -> None:
    store = Store(after=lambda *_: failing(500))
    asked = 0

    async def cut_off(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        await request.read()
        asked += 1
        # One part of what was read from it: more of it may stand where the answer ends.
        names = [*store.stored, *["another.pdf"] * 1000]
        listed = {"result": [[[name, "file_name"]] for name in names]}
        return web.Response(body=json.dumps(listed).encode()[:-4])

    url = await serve(processdocument=store._upload, getdaterangedocuments=cut_off)
    async with client_at(url) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf"))
    assert states(outcomes) == {"a.pdf": "in_doubt"}
    assert asked > 0


async def test_results_that_cannot_be_asked_for_end_the_run_and_fail_no_document(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store()

    async def away(request: web.Request) -> web.StreamResponse:
        await request.read()
        return failing(502)

    url = await serve(processdocument=store._upload, getbatchdocuments=away)
    job = {"journal": tmp_path / "job.db"}
    folder = files(tmp_path / "in", "a.pdf")
    async with (
        client_at(url) as ks,
        ks.bulk(folder, outage_seconds=0.2, **job) as going,  # type: ignore[arg-type]
    ):
        with pytest.raises(ServerError):
            await anext(going)
    assert going.report.finished == 0
    assert [o.batch_id for o in going.under_way()] == ["b-1"]


async def test_outcomes_are_not_told_to_be_in_a_file_that_never_got_them(
    serve: Serve, tmp_path: Path
) -> None:
    store, folder, job = Store(), files(tmp_path / "in", *TEN), {"journal": tmp_path / "job.db"}
    async with client_at(await store.url(serve)) as ks:
        await run(ks, folder, **job)
        with pytest.raises(JournalError, match=r"not in .*out\.jsonl"):
            await run(ks, folder, **job, out=tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


async def test_more_doubts_than_are_looked_up_at_a_time_are_all_settled(serve: Serve) -> None:
    # Were all in doubt, it would be an outage.
    store = Store(after=lambda number, _: failing(502) if number % 8 else None)
    given = [BytesSource(b"%%PDF-1.4 %d" % number, f"{number}.pdf") for number in range(600)]
    async with client_at(await store.url(serve)) as ks, asyncio.timeout(20):
        outcomes = await run(ks, given)
    assert {outcome.state.value for outcome in outcomes} == {"extracted"}
    assert len(outcomes) == len(store.tried) == 600
