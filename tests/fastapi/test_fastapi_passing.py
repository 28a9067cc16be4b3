"""What a browser sends is passed on as it is, or not at all: form files and bare bodies."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of, until
from fastapi import Request, UploadFile
from fastapi_kit import (
    PROBLEM,
    browser_at,
    document,
    hash_of,
    pieces_of,
    post_form,
    put,
    served,
    service,
    stored_contents,
    until_idle,
)

from klearstack_async import Timeouts
from klearstack_async.errors import BadRequest, SourceChanged
from klearstack_async.fastapi import (
    RequestRefused,
    body_through,
    problem_response,
    upload_through,
)
from klearstack_async.sandbox import Fault, Sandbox

MIB = 1 << 20


@pytest.fixture
async def sandbox(no_task_is_left: None, tmp_path: Path) -> AsyncIterator[Sandbox]:
    folder, password = tmp_path / "sandbox", PASSWORD
    async with Sandbox(processing_seconds=0, password=password, folder=folder) as running:
        yield running


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with served(service(client_of(sandbox))) as at:
        yield at


@pytest.fixture(autouse=True)
def the_log_has_no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    # The tests' own servers complain of uploads that end.
    records = [one for one in caplog.get_records("call") if one.name != "aiohttp.server"]
    assert [one.getMessage() for one in records if one.exc_info] == []


@pytest.mark.parametrize("size", [100, 70_000, 3 * MIB])
async def test_a_forms_file_arrives_as_it_was_sent(url: str, tmp_path: Path, size: int) -> None:
    sent = document(size)
    status, _, _ = await post_form(f"{url}/form", sent, "July (1) ü.png")
    assert status == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]


@pytest.mark.parametrize("size", [100, 70_000, 3 * MIB])
@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
async def test_a_body_arrives_as_it_was_sent(
    url: str, tmp_path: Path, size: int, known: bool
) -> None:
    sent = document(size)
    status, _, _ = await put(f"{url}/body/a.png", sent if known else pieces_of(sent))
    assert status == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]


async def test_a_forms_file_is_whole_though_the_endpoint_has_read_of_it(
    url: str, tmp_path: Path
) -> None:
    sent = document(MIB)
    assert (await post_form(f"{url}/form?first=8", sent))[0] == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]


async def test_a_forms_file_is_sent_again_where_that_does_no_harm(
    url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults = [Fault("rate_limited", endpoint="uploads", times=1)]
    sent = document(2 * MIB)
    assert (await post_form(f"{url}/form", sent))[0] == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]
    assert sandbox.requests["processdocument"] == 2


async def test_a_body_is_sent_once(url: str, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("rate_limited", endpoint="uploads", times=1)]
    status, kind, _ = await put(f"{url}/body/a.png", document())
    assert (status, kind) == (503, PROBLEM)
    assert sandbox.requests["processdocument"] == 1


async def test_one_file_may_be_sent_twice_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    sent = document(MIB)
    file = UploadFile(BytesIO(sent), filename="a.png")
    async with client_of(sandbox) as ks:
        await asyncio.gather(*(upload_through(file, ks) for _ in range(5)))
    assert stored_contents(tmp_path) == [hash_of(sent)]
    assert len(await sandbox.documents()) == 5


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\fakepath\\July.png", "July.png"),
        ("a\tb\u202ec.png", "abc.png"),
        ("Rechnung Nr. 5, Käfer.png", "Rechnung Nr. 5, Käfer.png"),
    ],
)
async def test_of_a_files_name_the_last_part_is_sent(
    sandbox: Sandbox, sent: str, expected: str
) -> None:
    async with client_of(sandbox) as ks:
        upload = await upload_through(UploadFile(BytesIO(document()), filename=sent), ks)
        assert upload.file_names == (expected,)
        upload = await body_through(request_of([document()]), ks, filename=sent)
        assert upload.file_names == (expected,)


@pytest.mark.parametrize("name", [None, "", "folder/", " \r\n"])
async def test_a_document_without_a_name_is_refused(sandbox: Sandbox, name: str | None) -> None:
    async with client_of(sandbox) as ks:
        with pytest.raises(RequestRefused, match="422"):
            await upload_through(UploadFile(BytesIO(b"%PDF"), filename=name), ks)


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_bytes": -1}, {"stall_seconds": 0}])
async def test_a_limit_that_lets_nothing_through_is_misuse(
    sandbox: Sandbox, limits: dict[str, Any]
) -> None:
    async with client_of(sandbox) as ks:
        with pytest.raises(ValueError, match="is more than 0"):
            await body_through(request_of([b"x"]), ks, filename="a.png", **limits)


# --- too large, empty, or no document ------------------------------------------------------------


async def test_an_empty_upload_is_refused_and_nothing_asked_of_klearstack(
    url: str, sandbox: Sandbox
) -> None:
    nothing = [
        await post_form(f"{url}/form", b""),
        await put(f"{url}/body/a.png", b""),
        await put(f"{url}/body/a.png", pieces_of(b"")),
    ]
    assert [(status, kind) for status, kind, _ in nothing] == [(422, PROBLEM)] * 3
    assert not sandbox.requests


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(sandbox: Sandbox) -> None:
    async with (
        served(service(client_of(sandbox), max_bytes=MIB)) as url,
        browser_at(url) as browser,
    ):
        await browser.begin(
            "PUT", "/body/a.png", content_length=str(MIB + 1), expect="100-continue"
        )
        status, text = await browser.answer()
    assert (status, "1048576 bytes at most" in text) == (413, True)
    assert not sandbox.requests


@pytest.mark.parametrize("way", ["form", "chunks"])
async def test_an_upload_that_turns_out_too_large_is_refused_and_not_stored(
    sandbox: Sandbox, way: str
) -> None:
    async with served(service(client_of(sandbox), max_bytes=MIB)) as url:
        if way == "form":
            answer = await post_form(f"{url}/form", document(MIB + 1))
        else:
            answer = await put(f"{url}/body/a.png", pieces_of(document(MIB + 1)))
    assert answer[:2] == (413, PROBLEM)
    assert await sandbox.documents() == []


async def test_an_upload_of_just_the_limit_goes_through(sandbox: Sandbox) -> None:
    async with served(service(client_of(sandbox), max_bytes=MIB)) as url:
        sent = document(MIB)
        answers = [
            await post_form(f"{url}/form", sent),
            await put(f"{url}/body/a.png", sent),
            await put(f"{url}/body/a.png", pieces_of(sent)),
        ]
    assert [status for status, _, _ in answers] == [200] * 3


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "gzip"}, {"Content-Type": "multipart/form-data; boundary=x"}],
    ids=["compressed", "form"],
)
async def test_a_body_that_is_no_bare_document_is_refused(
    url: str, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    status, kind, _ = await put(f"{url}/body/a.png", document(), headers)
    assert (status, kind) == (415, PROBLEM)
    assert not sandbox.requests


async def test_a_refusal_is_an_answer_also_without_problems(sandbox: Sandbox) -> None:
    async with served(service(client_of(sandbox), handlers={})) as url:
        status, kind, said = await put(f"{url}/body/a.png", b"")
    assert (status, kind) == (422, "application/json")
    assert said == {"detail": "There is nothing in it."}


def test_a_file_whose_name_is_no_utf_8_can_be_spoken_of() -> None:
    for error in (
        SourceChanged("caf\udce9 changed"),
        RequestRefused("no-file", "no caf\udce9"),
        BadRequest("HTTP 400: caf\udce9"),
    ):
        detail = json.loads(bytes(problem_response(error).body))["detail"]
        assert "caf\\udce9" in detail


async def test_klearstacks_own_limit_is_answered_while_the_browser_still_sends(
    no_task_is_left: None,
) -> None:
    async with (
        Sandbox(max_upload_bytes=MIB, password=PASSWORD) as small,
        served(service(client_of(small))) as url,
        browser_at(url) as browser,
    ):
        await browser.begin("PUT", "/body/a.png", content_length=str(64 * MIB))
        await browser.send(document(2 * MIB))
        status, text = await browser.answer()
        assert (status, "too-large" in text or "bad-request" in text) == (413, True)
        # What is left of it harms nobody: the connection is good for another.
        await browser.send(bytes(62 * MIB))
        await browser.begin("PUT", "/body/a.png", content_length="0")
        assert (await browser.answer())[0] == 422
        assert await small.documents() == []


# --- browsers that hang up, stall, or send another length ----------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
@pytest.mark.parametrize("handled", [True, False], ids=["problems", "plain"])
async def test_of_a_body_that_is_broken_off_nothing_is_stored(
    sandbox: Sandbox, known: bool, handled: bool
) -> None:
    app = service(client_of(sandbox), **({} if handled else {"handlers": {}}))
    async with served(app) as url, browser_at(url) as browser:
        await begin_half(browser, known=known)
        await until(lambda: sandbox.requests["processdocument"] == 1)
        browser.hang_up()
        await until_idle(app)
    assert await sandbox.documents() == []


async def test_a_body_that_is_broken_off_ends_the_upload_to_klearstack(serve: Serve) -> None:
    ended = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        try:
            await request.read()
        except (OSError, aiohttp.ClientError, asyncio.CancelledError):
            ended.set()
            raise
        return web.json_response({"OCR_ref_no": "b-1"})

    upstream = await serve(processdocument=take)
    async with served(service(client_at(upstream))) as url, browser_at(url) as browser:
        await begin_half(browser, known=False)
        browser.hang_up()
        await asyncio.wait_for(ended.wait(), 10)


async def test_of_a_form_that_is_broken_off_nothing_is_stored(sandbox: Sandbox) -> None:
    app = service(client_of(sandbox))
    async with served(app) as url, browser_at(url) as browser:
        kind = "multipart/form-data; boundary=x"
        await browser.begin(
            "POST", "/form", content_length="3000000", content_type=kind, expect="100-continue"
        )
        await browser.going_on()
        disposition = 'Content-Disposition: form-data; name="file"; filename="a.png"'
        await browser.send(f"--x\r\n{disposition}\r\n\r\n".encode() + document(2 * MIB))
        browser.hang_up()
        await until_idle(app)
    assert not sandbox.requests


async def test_a_browser_that_leaves_when_all_is_sent_stops_nothing(
    serve: Serve,
) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        arrived.set()
        await left.wait()
        return web.json_response({"OCR_ref_no": "b-1"})

    app = service(client_at(await serve(processdocument=take)))
    ids: list[str] = []

    @app.put("/noted")
    async def noted(request: Request) -> None:
        upload = await body_through(request, app.state.klearstack, filename="a.png")
        ids.append(upload.batch_id)

    async with served(app) as url, browser_at(url) as browser:
        sent = document(100_000)
        await browser.begin("PUT", "/noted", content_length=str(len(sent)))
        await browser.send(sent)
        await arrived.wait()
        browser.hang_up()
        left.set()
        await until(lambda: ids == ["b-1"])


@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
async def test_a_browser_that_stalls_is_told_so_and_nothing_is_stored(
    sandbox: Sandbox, known: bool
) -> None:
    async with (
        served(service(client_of(sandbox), stall_seconds=0.05)) as url,
        browser_at(url) as browser,
    ):
        await begin_half(browser, known=known)
        status, text = await browser.answer()
    assert (status, "stalled" in text) == (408, True)
    assert await sandbox.documents() == []


async def test_a_browser_that_sends_nothing_takes_no_place_of_the_client(sandbox: Sandbox) -> None:
    app = service(client_of(sandbox, concurrency=1))
    async with served(app) as url, browser_at(url) as silent:
        await silent.begin("PUT", "/body/a.png", content_length="9", expect="100-continue")
        await silent.going_on()
        assert (await put(f"{url}/body/a.png", document()))[0] == 200


async def test_a_slow_browser_is_not_taken_for_a_slow_klearstack(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    patience = 0.4
    client = client_of(sandbox, timeouts=Timeouts(stall_seconds=patience))
    async with served(service(client)) as url, browser_at(url) as browser:
        sent = document(MIB)
        await browser.begin("PUT", "/body/a.png", content_length=str(len(sent)))
        await browser.send(sent[: MIB // 2])
        await until(lambda: sandbox.requests["processdocument"] == 1)
        # Only time tells slow from quick; more of it would change nothing.
        await asyncio.sleep(2.5 * patience)
        await browser.send(sent[MIB // 2 :])
        status, _ = await browser.answer()
    assert status == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]


async def test_a_deadline_that_passes_while_the_browser_sends_is_the_browsers(
    sandbox: Sandbox,
) -> None:
    client = client_of(sandbox, timeouts=Timeouts(deadline_seconds=1))
    async with served(service(client)) as url, browser_at(url) as browser:
        await client.auth.login()
        await begin_half(browser, known=True)
        status, text = await browser.answer()
    assert (status, "stalled" in text) == (408, True)
    assert await sandbox.documents() == []


async def test_a_deadline_that_passes_while_klearstack_works_is_not_the_browsers(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = [Fault("stall_after", endpoint="uploads")]
    client = client_of(sandbox, timeouts=Timeouts(deadline_seconds=1))
    async with served(service(client)) as url:
        assert (await put(f"{url}/body/a.png", document()))[0] == 502


async def test_a_deadline_that_passes_while_klearstack_takes_nothing_is_not_the_browsers(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = [Fault("stall_before", endpoint="uploads")]
    client = client_of(sandbox, timeouts=Timeouts(deadline_seconds=1))
    async with served(service(client)) as url:
        # More than fits between here and there.
        assert (await put(f"{url}/body/a.png", document(32 * MIB)))[0] == 504


async def test_a_slow_klearstack_is_not_taken_for_a_slow_browser(sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("stall_after", endpoint="uploads")]
    client = client_of(sandbox, timeouts=Timeouts(stall_seconds=1))
    async with served(service(client, stall_seconds=0.5)) as url:
        status, kind, said = await put(f"{url}/body/a.png", document(100_000))
    assert (status, kind) == (502, PROBLEM)
    assert said["repeatable"] is False


@pytest.mark.parametrize(
    ("stated", "sent", "reason"),
    [
        (10, [b"12345"], "cut-short"),
        (10, [b"12345", b"6789012"], "too-long"),
        (10, [b"1234567890", b"1"], "too-long"),
        ("1e3", [b"12345"], "length"),
        ("-5", [b"12345"], "length"),
        ("²", [b"12345"], "length"),
        ("9" * 5000, [b"12345"], "length"),
    ],
)
async def test_a_body_of_another_length_than_stated_is_not_stored(
    sandbox: Sandbox, stated: object, sent: list[bytes], reason: str
) -> None:
    """No server lets that through, but an application may stand under anything."""
    async with client_of(sandbox) as ks:
        request = request_of(sent, {"content-length": str(stated)})
        with pytest.raises(RequestRefused) as refused:
            await body_through(request, ks, filename="a.png")
    assert refused.value.reason == reason
    assert await sandbox.documents() == []


async def test_a_length_beside_chunks_counts_for_nothing(sandbox: Sandbox) -> None:
    sent = document()
    headers = {"content-length": "5", "transfer-encoding": "chunked"}
    async with client_of(sandbox) as ks:
        await body_through(request_of([sent[:7], sent[7:]], headers), ks, filename="a.png")
    assert [stored.size_bytes for stored in await sandbox.documents()] == [len(sent)]


async def test_a_body_that_was_read_before_goes_through(sandbox: Sandbox) -> None:
    sent = document()
    request = request_of([sent[:7], sent[7:]])
    await request.body()
    async with client_of(sandbox) as ks:
        await body_through(request, ks, filename="a.png")
    assert [stored.size_bytes for stored in await sandbox.documents()] == [len(sent)]


async def test_a_middleware_may_stand_in_between(sandbox: Sandbox, tmp_path: Path) -> None:
    app = service(client_of(sandbox))

    @app.middleware("http")
    async def stand_by(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    async with served(app) as url, browser_at(url) as browser:
        sent = document(MIB)
        assert (await put(f"{url}/body/a.png", sent))[0] == 200
        await begin_half(browser, known=True)
        await until(lambda: sandbox.requests["processdocument"] == 2)
        browser.hang_up()
        await until_idle(app)
    assert stored_contents(tmp_path) == [hash_of(sent)]


# --- the end of the client, and of the request ----------------------------------------------------


async def test_a_client_that_is_closed_ends_the_upload(sandbox: Sandbox) -> None:
    ks = client_of(sandbox)
    async with served(service(ks)) as url, browser_at(url) as browser:
        await begin_half(browser, known=True)
        await until(lambda: sandbox.requests["processdocument"] == 1)
        await ks.close()
        status, text = await browser.answer()
    assert (status, "client-closed" in text) == (503, True)
    assert await sandbox.documents() == []


async def test_a_request_that_is_cancelled_ends_the_upload(serve: Serve) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            await request.read()
        finally:
            ended.set()
        return web.json_response({"OCR_ref_no": "b-1"})

    async with client_at(await serve(processdocument=take)) as ks:
        request = request_of([document()], {"content-length": "100000"}, ends=False)
        task = asyncio.create_task(body_through(request, ks, filename="a.png"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 10)


async def test_an_upload_whose_answer_is_lost_is_not_to_be_repeated(
    url: str, sandbox: Sandbox
) -> None:
    sandbox.faults = [Fault("reset_after", endpoint="uploads")]
    for answer in (
        await put(f"{url}/body/a.png", document()),
        await post_form(f"{url}/form", document()),
    ):
        assert (answer[0], answer[2]["repeatable"]) == (502, False)
    assert len(await sandbox.documents()) == 2


@pytest.mark.parametrize("opened", [True, False], ids=["while sent", "before"])
async def test_an_upload_that_fails_leaves_the_requests_body_closed(
    sandbox: Sandbox, opened: bool
) -> None:
    closed: list[bool] = []

    class Watched(Request):
        async def stream(self) -> AsyncGenerator[bytes]:
            try:
                yield b"some"
                yield b"more"
            finally:
                closed.append(True)

    request = Watched({"type": "http", "headers": [], "method": "PUT"})
    async with client_of(sandbox) as ks:
        if opened:
            with pytest.raises(RequestRefused):
                await body_through(request, ks, filename="a.png", max_bytes=5)
    if not opened:
        with pytest.raises(RuntimeError):
            await body_through(request, ks, filename="a.png")
    assert closed == [True]


# --- help -----------------------------------------------------------------------------------------


async def begin_half(browser: Any, *, known: bool) -> None:
    """Begin to send 1 MiB, and send a half of it."""
    length = {"content_length": str(MIB)} if known else {"transfer_encoding": "chunked"}
    await browser.begin("PUT", "/body/a.png", **length)
    await (browser.send if known else browser.chunk)(document(MIB // 2))


def request_of(
    pieces: list[bytes], headers: dict[str, str] | None = None, *, ends: bool = True
) -> Request:
    """Make a request as a server other than uvicorn may hand it over."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if ends:
        messages[-1]["more_body"] = False
    left = iter(messages)

    async def receive() -> Any:
        message = next(left, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "headers": raw, "method": "PUT"}, receive)
