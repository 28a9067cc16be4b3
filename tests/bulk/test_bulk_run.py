"""The bulk run against the sandbox, through `ks.bulk`."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from conftest import Handler, Serve, client_at, client_of, serve_an_account_that_ends, until
from documents import invoice_pdf

from klearstack_async import (
    AuthenticationError,
    BatchFailed,
    BatchNotReady,
    KlearStack,
    Outcome,
    OutcomeState,
    OutcomeUnknown,
    Stream,
)
from klearstack_async.bulk.sources import BulkSources
from klearstack_async.sandbox import Sandbox
from klearstack_async.wire.source import BytesSource, SourceLike

INVOICE = BytesSource(invoice_pdf(), "a.pdf")


async def run(ks: KlearStack, sources: BulkSources, **options: object) -> dict[str, Outcome]:
    """Run to the end and give the outcomes by name; the sums must agree with them."""
    async with ks.bulk(sources, **options) as going:  # type: ignore[arg-type]
        outcomes = [outcome async for outcome in going]
    assert going.report.finished == going.report.sources == len(outcomes)
    for state in going.report.counts:
        assert going.report.counts[state] == sum(o.state is state for o in outcomes)
    return {Path(outcome.source).name: outcome for outcome in outcomes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        (tmp_path / f"{number:02}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    return tmp_path


async def test_each_source_gets_its_own_fields(
    ks: KlearStack, folder: Path, sandbox: Sandbox
) -> None:
    outcomes = await run(ks, folder)
    numbers = {name: o.document and o.document["Inv_Number"].value for name, o in outcomes.items()}
    assert numbers == {f"{n:02}.pdf": f"N-{n}" for n in range(12)}
    assert len(await sandbox.documents()) == 12
    assert sandbox.requests["get_access_token"] == 1


async def test_one_bad_file_harms_no_other(ks: KlearStack, folder: Path) -> None:
    (folder / "empty.pdf").touch()
    (folder / "text.pdf").write_text("just text")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (folder / "locked.pdf").write_bytes(invoice_pdf(owner_password="x"))
    outcomes = await run(ks, [folder, folder / "missing.pdf", None])  # type: ignore[list-item]
    failed = {
        name: (type(o.error), o.reason) for name, o in outcomes.items() if o.state == "failed"
    }
    assert len(outcomes) - len(failed) == 12
    assert failed["empty.pdf"] == (ValueError, "empty.pdf is empty")
    assert "text.pdf" in str(failed["text.pdf"][1])
    assert failed["broken.pdf"][0] is BatchFailed
    assert "password" in str(failed["locked.pdf"][1])
    assert failed["missing.pdf"] == (FileNotFoundError, "No such file or directory")
    assert failed["<NoneType>"][0] is TypeError


async def test_a_source_that_raises_anything_harms_no_other(ks: KlearStack, folder: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"%PDF"
        raise LookupError("the upstream is gone")

    def no_iterable() -> list[bytes]:
        return [b"%PDF"]

    sources = [
        Stream(breaks, "breaks.pdf"),
        Stream(no_iterable, "list.pdf"),  # type: ignore[arg-type]
        io.StringIO("text"),
        "x" * 300 + ".pdf",
        "nul\0.pdf",
        "",
        folder / "00.pdf",
    ]
    outcomes = await run(ks, sources)  # type: ignore[arg-type]
    assert len(outcomes) == len(sources)
    assert [name for name, o in outcomes.items() if o.state == "extracted"] == ["00.pdf"]
    assert outcomes["breaks.pdf"].reason == "the upstream is gone"


async def test_a_generator_may_hold_scopes_open_around_its_sources(
    ks: KlearStack, folder: Path
) -> None:
    paths = sorted(folder.iterdir())

    async def sources() -> AsyncIterator[SourceLike]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
            for path in paths:
                yield path

    assert len(await run(ks, sources())) == 12


async def test_a_run_that_was_not_entered_says_so(ks: KlearStack, folder: Path) -> None:
    run_of_none = ks.bulk(folder)
    with pytest.raises(RuntimeError, match="async with"):
        await anext(run_of_none)
    async with run_of_none:
        pass
    with pytest.raises(RuntimeError, match="block was left"):
        await anext(run_of_none)
    with pytest.raises(RuntimeError, match="once"):
        await run_of_none.__aenter__()


async def test_a_password_that_stops_being_good_stops_the_run(serve: Serve, folder: Path) -> None:
    url, logins = await serve_an_account_that_ends(serve)
    outcomes: list[Outcome] = []
    async with client_at(url) as ks, ks.bulk(folder, workers=2) as going:
        with pytest.raises(AuthenticationError):
            outcomes.extend([outcome async for outcome in going])
    assert outcomes == []
    assert going.report.under_way == going.report.sources < 12
    # Nothing is wrong with the documents: with a journal, another run takes them up.
    assert {outcome.reason for outcome in going.under_way()} == {
        "not sent: the run was stopped first"
    }
    assert len(logins) < 12


def counted_uploads() -> tuple[list[str], Handler]:
    """Give a handler that takes every upload, and the list of the batches that it gave out."""
    batches: list[str] = []

    async def upload(request: web.Request) -> web.StreamResponse:
        await request.read()
        batches.append(f"b-{len(batches) + 1}")
        return web.json_response({"OCR_ref_no": batches[-1]})

    return batches, upload


async def test_a_401_for_one_batch_is_no_reason_to_stop(serve: Serve, folder: Path) -> None:
    _, upload = counted_uploads()

    async def look(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if form["batch_id"] == "b-3":
            return web.json_response({"error": "Not yours."}, status=401)
        return web.json_response({"result": [[["1", "Document_id"], ["5", "Inv_Total", 0.9]]]})

    url = await serve(processdocument=upload, getbatchdocuments=look)
    async with client_at(url) as ks:
        outcomes = await run(ks, folder)
    assert sorted(o.state for o in outcomes.values()) == ["extracted"] * 11 + ["failed"]


@pytest.mark.parametrize("turns", range(0, 400, 10))
async def test_whenever_a_run_is_cancelled_every_source_is_accounted_for_once(
    turns: int, serve: Serve, folder: Path
) -> None:
    uploads, upload = counted_uploads()

    async def look(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"result": [[["1", "Document_id"], ["5", "Inv_Total", 0.9]]]})

    taken: list[Outcome] = []
    async with client_at(await serve(processdocument=upload, getbatchdocuments=look)) as ks:
        going = ks.bulk(folder)

        async def take() -> None:
            async with going:
                async for outcome in going:
                    taken.append(outcome)  # noqa: PERF401 - what came before a cancel counts

        task = asyncio.create_task(take())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert going.report.finished == len(taken)
    names = [outcome.source for outcome in (*taken, *going.under_way())]
    assert len(names) == len(set(names))
    assert len(names) >= len(uploads)


async def test_what_was_under_way_when_a_run_was_left_is_known(folder: Path) -> None:
    async with Sandbox(processing_seconds=60) as sandbox, client_of(sandbox) as ks:
        async with ks.bulk(folder) as going:
            await until(lambda: going.report.uploaded == 12)
        left = going.under_way()
        stored = {document.batch_id for document in await sandbox.documents()}
    assert {outcome.batch_id for outcome in left} == stored
    assert {outcome.state for outcome in left} == {OutcomeState.IN_DOUBT}


async def test_a_folder_without_documents_ends_at_once(ks: KlearStack, tmp_path: Path) -> None:
    assert await run(ks, tmp_path) == {}


async def test_a_wrong_password_stops_the_run_before_anything_is_sent(
    sandbox: Sandbox, folder: Path
) -> None:
    ks = KlearStack(sandbox.url, company_name="demo", username="demo", password="wrong")
    async with ks:
        with pytest.raises(AuthenticationError):
            async with ks.bulk(folder):
                pytest.fail("the block must not be entered")
    assert sandbox.requests["processdocument"] == 0


async def test_sources_are_begun_no_faster_than_outcomes_are_taken(ks: KlearStack) -> None:
    pulled = 0

    def endless() -> Iterator[SourceLike]:
        nonlocal pulled
        while True:
            pulled += 1
            yield f"missing-{pulled}.pdf"

    async with ks.bulk(endless(), workers=2, outstanding=5) as going:
        for taken in range(1, 30):
            await anext(going)
            # Every worker may go as far as its slots allow before the next is taken.
            for _ in range(20):
                await asyncio.sleep(0)
            assert pulled <= taken + 5 + 1


async def test_leaving_the_block_early_stops_everything(ks: KlearStack, folder: Path) -> None:
    async with ks.bulk(folder, workers=2) as going:
        first = await anext(going)
        assert tasks_of_runs() != []
    assert first.state is OutcomeState.EXTRACTED
    assert tasks_of_runs() == []


def tasks_of_runs() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith("klearstack_async.bulk")]


async def test_cancelling_in_mid_run_leaves_nothing_behind(folder: Path) -> None:
    async with Sandbox(processing_seconds=60) as sandbox, client_of(sandbox) as ks:

        async def wait_for_ever() -> None:
            async with ks.bulk(folder) as going:
                async for _ in going:
                    pytest.fail("nothing can be ready yet")

        task = asyncio.create_task(wait_for_ever())
        await until(lambda: sandbox.requests["getbatchdocuments"] > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert tasks_of_runs() == []


async def test_an_error_of_the_users_own_comes_out_as_it_is(ks: KlearStack, folder: Path) -> None:
    async def fail(error: Exception) -> None:
        async with ks.bulk(folder) as going:
            async for _ in going:
                raise error from KeyError("inner")

    for error in (ZeroDivisionError(), ExceptionGroup("mine", [ValueError("x")])):
        with pytest.raises(type(error)) as caught:
            await fail(error)
        assert caught.value is error
        assert isinstance(error.__cause__, KeyError)


async def test_an_iterator_that_raises_stops_the_run_with_its_error(ks: KlearStack) -> None:
    def broken() -> Iterator[SourceLike]:
        yield "missing.pdf"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        await run(ks, broken())


async def test_a_batch_that_is_never_done_is_told_with_its_id(folder: Path) -> None:
    async with Sandbox(processing_seconds=60) as sandbox, client_of(sandbox) as ks:
        outcomes = await run(ks, folder / "00.pdf", wait_seconds=0.2)
    outcome = outcomes["00.pdf"]
    assert isinstance(outcome.error, BatchNotReady)
    assert str(outcome.batch_id) in str(outcome.reason)


async def test_a_look_that_fails_is_tried_again(serve: Serve) -> None:
    looks: list[str] = []

    async def upload(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"OCR_ref_no": "b-1"})

    async def flaky(request: web.Request) -> web.StreamResponse:
        await request.read()
        looks.append(request.path)
        if len(looks) < 3:
            return web.Response(status=502, text="Bad Gateway")
        return web.json_response({"result": [[["1", "Document_id"], ["5", "Inv_Total", 0.9]]]})

    url = await serve(processdocument=upload, getbatchdocuments=flaky)
    async with client_at(url) as ks:
        outcomes = await run(ks, [INVOICE])
    assert [o.state for o in outcomes.values()] == [OutcomeState.EXTRACTED]
    assert len(looks) == 3


async def test_an_upload_that_may_have_arrived_is_in_doubt(serve: Serve) -> None:
    async def stored_and_failed(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=502, text="Bad Gateway")

    async with client_at(await serve(processdocument=stored_and_failed)) as ks:
        outcomes = await run(ks, [INVOICE])
    outcome = outcomes["a.pdf"]
    assert outcome.state is OutcomeState.IN_DOUBT
    assert isinstance(outcome.error, OutcomeUnknown)


async def test_an_outcome_can_be_written_as_json(ks: KlearStack, folder: Path) -> None:
    outcome = (await run(ks, folder / "03.pdf"))["03.pdf"]
    record = outcome.to_dict()
    assert record["state"] == "extracted"
    assert record["documents"][0]["fields"][0]["name"] == "Inv_Number"


@pytest.mark.parametrize("option", ["workers", "outstanding"])
def test_numbers_below_one_are_refused(option: str) -> None:
    ks = client_at("http://127.0.0.1:9")
    with pytest.raises(ValueError, match=option):
        ks.bulk([], **{option: 0})  # type: ignore[arg-type]
