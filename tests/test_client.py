"""The client against the sandbox, over sockets, through the public names only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of
from documents import invoice_pdf, picture_png

from klearstack_async import (
    AuthenticationError,
    BadRequest,
    BatchFailed,
    BatchNotReady,
    BatchState,
    DecodeError,
    EndpointNotFound,
    KlearStack,
    OutcomeUnknown,
    Rejected,
    RetryPolicy,
    Stream,
)
from klearstack_async.sandbox import Sandbox


async def test_an_invoice_becomes_typed_fields(ks: KlearStack, tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(invoice_pdf())
    upload = await ks.uploads.document(path)
    batch = await ks.results.wait(upload.batch_id, expected=1)
    document = batch.documents[0]
    assert batch.state is BatchState.COMPLETE
    assert document.file_name == "invoice.pdf"
    assert document["Inv_Number"].value == "INV-1"
    assert str(document["Inv_Total"].as_decimal()) == "119.00"
    assert document["Inv_Date"].as_date().isoformat() == "2025-07-26"
    total = document["Inv_Total"]
    assert total.page == 1
    assert total.confidence is not None
    assert 0 < total.confidence <= 1
    assert total.box is not None
    assert total.box.x1 < total.box.x2
    assert total.box.y1 < total.box.y2


@pytest.mark.parametrize("shape", ["positional", "keyed"])
@pytest.mark.parametrize("key", ["extraction_status", "status", "extractionStatus", None])
async def test_a_batch_is_seen_to_be_done_in_each_shape(shape: str, key: str | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    async with (
        Sandbox(
            processing_seconds=60,
            batch_shape=shape,  # type: ignore[arg-type]
            status_key=key,  # type: ignore[arg-type]
            _now=lambda: now,
        ) as sandbox,
        client_of(sandbox) as ks,
    ):
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        early = await ks.results.in_batch(upload.batch_id, expected=1)
        assert early.state is BatchState.PENDING
        now += timedelta(seconds=61)
        batch = await ks.results.wait(upload.batch_id, expected=1)
        assert batch.documents[0]["Inv_Number"].value == "INV-1"


async def test_a_zip_becomes_one_batch_of_all_its_documents(ks: KlearStack) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("one.pdf", invoice_pdf("A-1"))
        archive.writestr("zwei ü.pdf", invoice_pdf("A-2"))
        archive.writestr("three.png", picture_png())
    upload = await ks.uploads.archive(data.getvalue(), filename="all.zip")
    batch = await ks.results.wait(upload.batch_id, expected=3)
    found = {d.file_name: d.get("Inv_Number") and d["Inv_Number"].value for d in batch.documents}
    assert found == {"one.pdf": "A-1", "zwei ü.pdf": "A-2", "three.png": None}
    assert upload.set_reference_number


async def test_an_upload_streams_through_without_a_known_length(
    ks: KlearStack, sandbox: Sandbox
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        data = invoice_pdf()
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    await ks.uploads.document(Stream(pieces, "streamed.pdf"))
    stored = (await sandbox.documents())[0]
    assert (stored.file_name, stored.size_bytes) == ("streamed.pdf", len(invoice_pdf()))


async def test_a_large_file_arrives_with_its_length(
    ks: KlearStack, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(invoice_pdf() + b"\n" * (5 << 20))
    await ks.uploads.document(path)
    assert (await sandbox.documents())[0].size_bytes == path.stat().st_size


async def test_the_options_reach_the_service(ks: KlearStack) -> None:
    made = await ks.uploads.document(
        invoice_pdf(), filename="a.pdf", set_name="July", create_new_set=True
    )
    assert made.set_reference_number
    added = await ks.uploads.document(
        invoice_pdf(),
        filename="b.pdf",
        set_reference_number=made.set_reference_number,
        additional_params={"account_number": "1"},
        priority=True,
        processing="Speed",
    )
    assert added.set_reference_number == made.set_reference_number


async def test_an_option_that_is_none_is_told_and_nothing_is_sent(
    ks: KlearStack, sandbox: Sandbox
) -> None:
    with pytest.raises(TypeError, match="did you mean 'processing'"):
        await ks.uploads.document(b"%PDF", filename="a.pdf", procesing="Speed")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no option 'user_id'"):
        await ks.uploads.archive(b"PK", filename="a.zip", user_id="7")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'workers'"):
        ks.bulk([], worker=3)  # type: ignore[call-arg]
    assert sandbox.requests["processdocument"] == sandbox.requests["uploadbatch"] == 0


async def test_a_batch_that_is_done_and_empty_is_a_failure(serve: Serve) -> None:
    async def empty(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"result": [], "status": "completed"})

    async with client_at(await serve(getbatchdocuments=empty)) as ks:
        with pytest.raises(BatchFailed, match="gives no document"):
            await ks.results.wait("b", expected=1)
        with pytest.raises(ValueError, match="timeout"):
            await ks.results.wait("b", timeout=0)


async def test_tokens_are_got_once_for_many_calls(ks: KlearStack, sandbox: Sandbox) -> None:
    for _ in range(3):
        await ks.uploads.document(invoice_pdf(), filename="a.pdf")
    assert sandbox.requests["get_access_token"] == 1


async def test_login_and_refresh_bring_new_tokens(ks: KlearStack, sandbox: Sandbox) -> None:
    first = await ks.auth.login()
    second = await ks.auth.refresh()
    assert first.access_token != second.access_token
    assert first.refresh_token == second.refresh_token
    assert sandbox.requests["getaccesstokenfromrefreshtoken"] == 1
    assert first.access_token not in repr(first)
    assert str(first.refresh_token) not in repr(first)


async def test_a_token_that_ended_early_is_renewed_and_the_call_repeated(serve: Serve) -> None:
    bodies: list[bytes] = []

    async def once_refused(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        if len(bodies) == 1:
            return web.json_response({"error": "Token expired."}, status=401)
        return web.json_response({"OCR_ref_no": "b-1"})

    async def refresh(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"access_token": "new.b.c"})

    url = await serve(processdocument=once_refused, getaccesstokenfromrefreshtoken=refresh)
    async with client_at(url) as ks:
        assert (await ks.uploads.document(invoice_pdf(), filename="a.pdf")).batch_id == "b-1"
    assert [invoice_pdf() in body for body in bodies] == [True, True]


async def test_a_second_401_is_the_end(serve: Serve) -> None:
    calls: list[str] = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        calls.append(request.path)
        return web.json_response({"error": "Incorrect username or password."}, status=401)

    async with client_at(await serve(getbatchdocuments=refuse)) as ks:
        with pytest.raises(AuthenticationError, match="Incorrect") as caught:
            await ks.results.in_batch("b")
    assert len(calls) == 2
    assert caught.value.attempt == 2


async def test_a_stream_that_can_be_read_once_is_sent_once(serve: Serve) -> None:
    calls: list[str] = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        calls.append(request.path)
        return web.json_response({"error": "Token expired."}, status=401)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF"

    async with client_at(await serve(processdocument=refuse)) as ks:
        first = await ks.auth.login()
        with pytest.raises(AuthenticationError):
            await ks.uploads.document(Stream(pieces, "a.pdf", repeatable=False))
        # The next call must not meet with the token that was refused.
        assert ks._tokens._tokens is not first
    assert len(calls) == 1


async def test_a_wrong_password_is_told_and_not_shown(sandbox: Sandbox) -> None:
    ks = KlearStack(sandbox.url, company_name="demo", username="demo", password="MARKED-wrong")
    async with ks:
        with pytest.raises(AuthenticationError, match="Incorrect username or password") as caught:
            await ks.uploads.document(invoice_pdf(), filename="a.pdf")
    assert "check company_name, username and password" in str(caught.value)
    assert "MARKED" not in f"{caught.value!r} {caught.value.excerpt}"


async def test_a_password_that_the_server_repeats_is_not_shown(serve: Serve) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        return web.json_response({"error": f"wrong: {form['password']!s}"}, status=400)

    async with client_at(await serve(getbatchdocuments=echo)) as ks:
        with pytest.raises(BadRequest, match=r"wrong: \*\*\*") as caught:
            await ks.results.in_batch("b")
    assert PASSWORD not in f"{caught.value!r} {caught.value.excerpt}"


@pytest.mark.parametrize("status", [200, 404, 502])
async def test_a_server_that_answers_html_is_named_as_such(serve: Serve, status: int) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, text="<html>Hello</html>", content_type="text/html")

    async with client_at(await serve(get_access_token=page)) as ks:
        expected = {200: DecodeError, 404: EndpointNotFound}.get(status, Exception)
        with pytest.raises(expected, match="web page"):
            await ks.results.in_batch("b")


async def test_an_unknown_batch_is_a_rejection(ks: KlearStack) -> None:
    with pytest.raises(Rejected, match="not found"):
        await ks.results.in_batch("nope")


async def test_a_text_file_called_pdf_is_refused_with_its_name(ks: KlearStack) -> None:
    with pytest.raises(BadRequest, match=r"notes\.pdf"):
        await ks.uploads.document(b"just text", filename="notes.pdf")


@pytest.mark.parametrize(
    ("member", "content", "said"),
    [
        ("../evil.pdf", b"%PDF-1.7", r"\.\./evil\.pdf"),
        ("/etc/evil.pdf", b"%PDF-1.7", r"/etc/evil\.pdf"),
        ("bomb.pdf", b"\0" * (64 << 20), r"bomb\.pdf"),
    ],
)
async def test_a_hostile_zip_is_refused_with_the_members_name(
    ks: KlearStack, sandbox: Sandbox, member: str, content: bytes, said: str
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.pdf", invoice_pdf())
        archive.writestr(member, content)
    with pytest.raises(BadRequest, match=said):
        await ks.uploads.archive(data.getvalue(), filename="all.zip")
    assert await sandbox.documents() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [(invoice_pdf(owner_password="locked"), "password"), (b"%PDF-1.7 broken", "damaged")],
)
async def test_a_document_that_cannot_be_read_says_why(
    ks: KlearStack, data: bytes, said: str
) -> None:
    upload = await ks.uploads.document(data, filename="a.pdf")
    with pytest.raises(BatchFailed, match=said) as caught:
        await ks.results.wait(upload.batch_id, expected=1)
    assert caught.value.batch is not None
    assert caught.value.batch.documents[0].file_name == "a.pdf"


async def test_a_reason_that_repeats_the_password_is_not_shown(serve: Serve) -> None:
    async def failed(request: web.Request) -> web.StreamResponse:
        await request.read()
        rows = [["failed", "extraction_status"], [f"wrong: {PASSWORD}", "error"]]
        return web.json_response({"result": [rows], "status": "failed"})

    async with client_at(await serve(getbatchdocuments=failed)) as ks:
        with pytest.raises(BatchFailed, match=r"wrong: \*\*\*") as caught:
            await ks.results.wait("b", expected=1)
    assert PASSWORD not in str(caught.value)


async def test_a_wait_that_runs_out_holds_what_there_is() -> None:
    async with Sandbox(processing_seconds=60) as sandbox, client_of(sandbox) as ks:
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        with pytest.raises(BatchNotReady, match=upload.batch_id) as caught:
            await ks.results.wait(upload.batch_id, expected=1, timeout=1)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.batch is not None
        assert caught.value.batch.state is BatchState.PENDING


async def test_a_wait_without_a_number_or_a_state_says_what_is_missing() -> None:
    async with (
        Sandbox(processing_seconds=0, status_key=None) as sandbox,
        client_of(sandbox) as ks,
    ):
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        await ks.results.wait(upload.batch_id, expected=1)
        with pytest.raises(BatchNotReady, match="expected="):
            await ks.results.wait(upload.batch_id, timeout=0.2)


@pytest.mark.parametrize(
    ("status", "unknown"), [(500, True), (501, True), (502, True), (503, False)]
)
async def test_an_upload_that_may_have_been_stored_is_no_plain_failure(
    serve: Serve, status: int, unknown: bool
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "Something went wrong."}, status=status)

    once = RetryPolicy(attempts=1)
    async with client_at(await serve(processdocument=fail), retry=once) as ks:
        with pytest.raises(Exception, match="Something went wrong") as caught:
            await ks.uploads.document(b"%PDF", filename="a.pdf")
    assert isinstance(caught.value, OutcomeUnknown) is unknown
