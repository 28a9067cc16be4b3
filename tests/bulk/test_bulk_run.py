"""The bulk run against the sandbox, through `ks.bulk`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from conftest import Serve, client_at, client_of, until
from documents import invoice_pdf

from klearstack_async import (
    AuthenticationError,
    BatchFailed,
    BatchNotReady,
    KlearStack,
    Outcome,
    OutcomeState,
    OutcomeUnknown,
)
from klearstack_async.bulk.sources import BulkSources
from klearstack_async.sandbox import Sandbox
from klearstack_async.wire.source import BytesSource, SourceLike

INVOICE = BytesSource(invoice_pdf(), "a.pdf")


async def run(ks: KlearStack, sources: BulkSources, **options: object) -> dict[str, Outcome]:
    """Run to the end and give the outcomes by name; the sums must agree with them."""
    async with ks.bulk(sources, **options) as going:  # type: ignore[arg-type]
        outcomes = [outcome async for outcome in going]
    assert going.report.finished == going.report.started == len(outcomes)
    for state in OutcomeState:
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
    assert failed["missing.pdf"] == (
        FileNotFoundError,
        f"No such file or directory: {folder / 'missing.pdf'}",
    )
    assert failed["<NoneType>"][0] is TypeError


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
    async def fail() -> None:
        async with ks.bulk(folder) as going:
            async for _ in going:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


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
