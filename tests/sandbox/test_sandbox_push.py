from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sandbox_kit import Answer, Caller, Clock, listed, pdf, running, until, zip_of

from klearstack_async.sandbox import Push, PushTarget, Sandbox, push, push_records
from klearstack_async.sandbox.push_retry import ids_in

TOKEN = "push-token-never-shown"
PASSWORD = "push/pass ü never shown"
SUBMITTED = "Request Submitted Successfully"
MAPPING = '[{"documentTypeDetails": {"invoices": {"fields": {"doc_number_value": {}}}}}]'
BROKEN = b"%PDF-1.4 but not really"

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """A customer's endpoint: keeps what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.fields: list[dict[str, str]] = []
        self.requests: list[web.Request] = []
        self.port = 0
        self.under_way = 0
        self.most_at_once = 0
        self.answer: Behaviour = self.accept
        self._release = asyncio.Event()

    async def accept(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    async def fail(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "no"}, status=500)

    async def hang(self, _: web.Request) -> web.StreamResponse:
        await self._release.wait()
        return web.Response()

    async def reset(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def redirect(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{self.port}/elsewhere")

    def target(self, **changes: Any) -> PushTarget:
        target = PushTarget(
            url=f"http://127.0.0.1:{self.port}/push?a=b",
            token=TOKEN,
            company_name="customer",
            username="robot",
            password=PASSWORD,
        )
        return replace(target, **changes)

    @property
    def names(self) -> list[str]:
        return sorted(fields["file_name"] for fields in self.fields)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            if request.content_type == "application/json":
                self.fields.append(await request.json())
            else:
                form = await request.post()
                self.fields.append({name: str(value) for name, value in form.items()})
            self.requests.append(request)
            return await self.answer(request)
        finally:
            self.under_way -= 1

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            self._release.set()
            await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with receiver.listening():
        yield receiver


async def upload(caller: Caller, *names: str) -> str:
    """Upload documents in one batch, wait until they are done, and give the batch's id."""
    answer = await caller.upload_zip(zip_of(*((name, pdf(name)) for name in names)))
    await caller.settled()
    batch_id: str = answer.json["Function successfully executed!"]
    return batch_id


async def pushes(caller: Caller) -> list[Push]:
    await caller.sandbox.settle_pushes()
    return await caller.sandbox.pushes()


async def retry(
    caller: Caller, data: Any = MAPPING, path: str = "/klearstack/retry_push_api", **changes: str
) -> Answer:
    fields = {
        "company_name": "demo",
        "username": "demo",
        "collection_name": "Invoices",
        "data": data if isinstance(data, str) else json.dumps(data),
        **changes,
    }
    return await caller.call(path, fields)


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("multipart", "multipart/form-data"),
        ("urlencoded", "application/x-www-form-urlencoded"),
        ("json", "application/json"),
    ],
)
@pytest.mark.parametrize("id_key", ["Document_id", "document_id"])
async def test_a_finished_document_is_pushed_in_the_documented_form(
    receiver: Receiver, encoding: str, content_type: str, id_key: str
) -> None:
    target = receiver.target(encoding=encoding, id_key=id_key)
    async with running(push=target, batch_shape="keyed") as caller:
        answer = await caller.upload(pdf("INV-7"), "Rechnung ü.pdf")
        await caller.settled()
        [told] = await pushes(caller)
        [document] = await caller.sandbox.documents()
        [result] = (await caller.results(answer.json["OCR_ref_no"])).json["result"]
    [request], [fields] = receiver.requests, receiver.fields
    assert request.method == "POST"
    assert request.path_qs == "/push?a=b"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.content_type == content_type
    data = json.loads(fields.pop("data"))
    assert data == result
    assert data["Inv_Number"]["value"] == "INV-7"
    assert fields == {
        "company_name": "customer",
        "username": "robot",
        "password": PASSWORD,
        "document_type": "Invoices",
        "batch_id": document.batch_id,
        id_key: document.document_id,
        "file_name": "Rechnung ü.pdf",
    }
    assert told == Push(
        document_id=document.document_id,
        batch_id=document.batch_id,
        file_name="Rechnung ü.pdf",
        attempts=1,
        status=200,
        error=None,
        delivered=True,
    )


async def test_failed_documents_are_pushed_too(receiver: Receiver) -> None:
    async with running(push=receiver.target()) as caller:
        await caller.upload_zip(
            zip_of(("good.pdf", pdf()), ("bad.pdf", BROKEN), ("text.txt", b"no document"))
        )
        await caller.settled()
        assert len(await pushes(caller)) == 3
    told = {
        fields["file_name"]: json.loads(fields["data"]).get("extraction_status")
        for fields in receiver.fields
    }
    assert told == {"good.pdf": None, "bad.pdf": "failed", "text.txt": "failed"}


async def test_nothing_is_pushed_before_the_documents_time_has_come(receiver: Receiver) -> None:
    clock = Clock()
    async with running(push=receiver.target(), _now=clock, processing_seconds=60) as caller:
        await caller.upload(pdf())
        await caller.upload(pdf(), "b.pdf")
        for _ in range(2):
            clock.advance(29)
            assert await pushes(caller) == []
        clock.advance(2)
        await caller.settled()
        assert [told.delivered for told in await pushes(caller)] == [True, True]
        clock.advance(1000)
        assert [told.attempts for told in await pushes(caller)] == [1, 1]
    assert receiver.names == ["a.pdf", "b.pdf"]


async def test_it_is_pushed_on_time_by_itself(receiver: Receiver) -> None:
    async with running(push=receiver.target(), processing_seconds=0.2) as caller:
        await caller.upload(pdf())
        await until(lambda: len(receiver.fields) == 1)
        assert [document.state for document in await caller.sandbox.documents()] == ["completed"]


async def test_waiting_is_not_polling(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    looked = []
    real = push_records.begin_due

    def count(*args: Any) -> Any:
        looked.append(args)
        return real(*args)

    monkeypatch.setattr(push_records, "begin_due", count)
    async with running(push=receiver.target(), processing_seconds=60) as caller:
        await caller.upload(pdf())
        await caller.sandbox.settle_pushes()
        await asyncio.sleep(0.5)
        assert len(looked) < 8


async def test_two_hundred_at_once_arrive_once_each_and_no_more_than_eight_at_a_time(
    receiver: Receiver,
) -> None:
    full = asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        if receiver.under_way == 8:
            full.set()
        await full.wait()
        return web.Response()

    receiver.answer = answer
    async with running(push=receiver.target()) as caller:
        names = [f"{number:03}.pdf" for number in range(200)]
        await caller.upload_zip(zip_of(*((name, pdf()) for name in names)))
        await caller.settled()
        assert all(told.attempts == 1 and told.delivered for told in await pushes(caller))
    assert receiver.names == names
    assert receiver.most_at_once == 8
    # Connections are kept open from one push to the next.
    assert len({request.transport for request in receiver.requests}) <= 8


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ("fail", 500, "The endpoint answered with status 500."),
        ("redirect", 307, "The endpoint answered with status 307."),
        ("reset", None, "The connection was lost before an answer came."),
        ("hang", None, "No answer came in time."),
    ],
)
async def test_a_push_that_fails_is_told_and_not_repeated(
    receiver: Receiver, answer: str, status: int | None, error: str
) -> None:
    receiver.answer = getattr(receiver, answer)
    timeout_seconds = 0.3 if answer == "hang" else 30
    async with running(push=receiver.target(timeout_seconds=timeout_seconds)) as caller:
        await upload(caller, "a.pdf")
        for _ in range(2):
            [told] = await pushes(caller)
            assert (told.attempts, told.status, told.error) == (1, status, error)
            assert not told.delivered
    assert len(receiver.fields) == 1


async def test_nobody_there_is_a_failure_like_any_other() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        receiver = Receiver()
        receiver.port = port
        async with running(push=receiver.target()) as caller:
            await upload(caller, "a.pdf")
            [told] = await pushes(caller)
            assert told.error == "No connection could be made to the endpoint."


async def test_an_answer_that_is_not_http_is_a_failure() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"--\r\n")
        writer.write(b"nonsense\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    receiver = Receiver()
    receiver.port = server.sockets[0].getsockname()[1]
    async with server, running(push=receiver.target()) as caller:
        await upload(caller, "a.pdf")
        [told] = await pushes(caller)
        assert told.error == "What the endpoint answered is not HTTP."


async def test_an_endless_answer_is_not_waited_for(receiver: Receiver) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await receiver.hang(request)
        return response

    receiver.answer = answer
    async with running(push=receiver.target()) as caller:
        await upload(caller, "a.pdf")
        [told] = await pushes(caller)
        assert told.delivered


async def test_a_hanging_endpoint_holds_up_nothing_but_the_pushes(receiver: Receiver) -> None:
    receiver.answer = receiver.hang
    async with running(push=receiver.target()) as caller:
        batch_id = await upload(caller, *(f"{number}.pdf" for number in range(20)))
        await until(lambda: receiver.under_way == 8)
        assert len((await caller.results(batch_id)).json["result"]) == 20
        assert (await caller.upload(pdf())).status == 200
        assert (await retry(caller)).text == SUBMITTED
        unended = await caller.sandbox.pushes()
        assert [(told.status, told.error) for told in unended] == [(None, None)] * 8


async def test_a_stop_in_mid_push_leaks_nothing_and_counts_as_the_one_attempt(
    receiver: Receiver, tmp_path: Path
) -> None:
    tasks = asyncio.all_tasks()
    receiver.answer = receiver.hang
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        await upload(caller, *(f"{number:02}.pdf" for number in range(20)))
        await until(lambda: receiver.under_way == 8)
    assert not [task for task in asyncio.all_tasks() - tasks if task.get_name().startswith("sand")]
    gc.collect()  # an unclosed session or socket would warn now
    receiver.answer = receiver.accept
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        ended = await pushes(caller)
    assert [told.attempts for told in ended] == [1] * 20
    assert [told.delivered for told in ended] == [False] * 8 + [True] * 12
    assert {told.error for told in ended[:8]} == {"The sandbox stopped before an answer came."}
    assert receiver.names == [f"{number:02}.pdf" for number in range(20)]


async def test_a_kill_in_mid_push_is_told_by_the_next_run(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        await upload(caller, "a.pdf")
        await pushes(caller)
    with sqlite3.connect(tmp_path / "sandbox.db") as connection:
        connection.execute("UPDATE pushes SET is_running = 1, is_delivered = 0, status = NULL")
    connection.close()
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        [told] = await pushes(caller)
        assert told.error == "The sandbox stopped before an answer came."
        assert (told.attempts, told.delivered) == (1, False)


async def test_a_restart_pushes_what_was_left_and_nothing_twice(
    receiver: Receiver, tmp_path: Path
) -> None:
    clock = Clock()
    options = {"folder": tmp_path, "_now": clock, "processing_seconds": 60}
    async with running(push=receiver.target(), **options) as caller:
        await caller.upload(pdf("1"), "early.pdf")
        clock.advance(60)
        await caller.settled()
        await pushes(caller)
        await caller.upload(pdf("2"), "late.pdf")
    clock.advance(60)
    for _ in range(2):
        async with running(push=receiver.target(), **options) as caller:
            await caller.settled()
            assert [told.attempts for told in await pushes(caller)] == [1, 1]
    assert receiver.names == ["early.pdf", "late.pdf"]


async def test_what_was_finished_without_an_endpoint_is_pushed_only_when_asked(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with running(folder=tmp_path) as caller:
        await upload(caller, "old.pdf")
        assert await pushes(caller) == []
    async with running(folder=tmp_path, push=receiver.target()) as caller:
        assert await pushes(caller) == []
        await upload(caller, "new.pdf")
        assert [told.file_name for told in await pushes(caller)] == ["new.pdf"]
        assert (await retry(caller)).text == SUBMITTED
        assert [told.attempts for told in await pushes(caller)] == [1, 1]
    assert receiver.names == ["new.pdf", "old.pdf"]


async def test_an_endpoint_can_be_registered_replaced_and_taken_away(receiver: Receiver) -> None:
    other = Receiver()
    async with other.listening(), running() as caller:
        await upload(caller, "1.pdf")
        await caller.sandbox.register_push(receiver.target())
        await upload(caller, "2.pdf")
        await pushes(caller)
        await caller.sandbox.register_push(other.target())
        await upload(caller, "3.pdf")
        await pushes(caller)
        await caller.sandbox.register_push(None)
        await upload(caller, "4.pdf")
        await pushes(caller)
        await caller.sandbox.register_push(receiver.target())
        await upload(caller, "5.pdf")
        await pushes(caller)
    assert receiver.names == ["2.pdf", "5.pdf"]
    assert other.names == ["3.pdf"]


async def test_a_retry_sends_all_that_was_not_delivered(receiver: Receiver) -> None:
    receiver.answer = receiver.fail
    async with running(push=receiver.target()) as caller:
        await upload(caller, "a.pdf", "b.pdf")
        await pushes(caller)
        receiver.answer = receiver.accept
        await upload(caller, "c.pdf")
        await pushes(caller)
        receiver.fields.clear()
        answer = await retry(caller)
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert answer.text == SUBMITTED
        after = await pushes(caller)
        assert receiver.names == ["a.pdf", "b.pdf"]
        assert [told.attempts for told in after] == [2, 2, 1]
        assert [(told.status, told.error, told.delivered) for told in after] == [
            (200, None, True)
        ] * 3
        await retry(caller)
        assert await pushes(caller) == after


async def test_a_retry_of_what_is_named_sends_exactly_that(receiver: Receiver) -> None:
    receiver.answer = receiver.fail
    async with running(push=receiver.target()) as caller:
        first = await upload(caller, "a.pdf", "b.pdf")
        await pushes(caller)
        receiver.answer = receiver.accept
        await upload(caller, "c.pdf")
        await upload(caller, "d.pdf")
        ids = {told.file_name: told.document_id for told in await pushes(caller)}
        for data, names in (
            ([ids["c.pdf"]], ["c.pdf"]),
            ({"a": [{"deep": f"{ids['a.pdf']}, {ids['d.pdf'].upper()}"}]}, ["a.pdf", "d.pdf"]),
            ({first: None}, ["a.pdf", "b.pdf"]),
            ([first, ids["a.pdf"]], ["a.pdf", "b.pdf"]),
            (["0" * 24], []),
        ):
            receiver.fields.clear()
            assert (await retry(caller, data)).text == SUBMITTED
            await pushes(caller)
            assert receiver.names == names


async def test_a_later_failure_does_not_undo_a_delivery(receiver: Receiver) -> None:
    async with running(push=receiver.target()) as caller:
        await upload(caller, "a.pdf")
        [told] = await pushes(caller)
        receiver.answer = receiver.fail
        await retry(caller, told.document_id.join('""'))
        [told] = await pushes(caller)
        assert (told.attempts, told.status, told.delivered) == (2, 500, True)


async def test_a_retry_during_a_push_comes_after_it(receiver: Receiver) -> None:
    receiver.answer = receiver.hang
    async with running(push=receiver.target()) as caller:
        batch_id = await upload(caller, "a.pdf")
        await until(lambda: receiver.under_way == 1)
        await retry(caller, [batch_id])
        assert receiver.under_way == 1
        receiver.answer = receiver.accept
        receiver._release.set()
        [told] = await pushes(caller)
        assert told.attempts == 2
    assert receiver.most_at_once == 1


async def test_a_retry_does_not_bring_forward_what_is_not_finished(receiver: Receiver) -> None:
    clock = Clock()
    async with running(push=receiver.target(), _now=clock, processing_seconds=60) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        for data in ("[]", f'["{batch_id}"]'):
            await retry(caller, data)
            assert await pushes(caller) == []
        clock.advance(60)
        await caller.settled()
        assert [told.attempts for told in await pushes(caller)] == [1]


async def test_a_retry_sends_the_document_as_it_is_now(receiver: Receiver) -> None:
    async with running(push=receiver.target()) as caller:
        document = await caller.stored(pdf())
        await pushes(caller)
        fields = {"company_name": "demo", "collection_name": "Invoices", "id": document.document_id}
        await caller.call(
            "approve_reject_doc", {**fields, "approve_reject": "approve", "comment": "fine"}
        )
        await retry(caller, [document.document_id])
        await pushes(caller)
    assert [json.loads(each["data"])["is_approved"] for each in receiver.fields] == [0, 1]


async def test_a_retry_without_an_endpoint_is_accepted_and_sends_nothing() -> None:
    async with running() as caller:
        await upload(caller, "a.pdf")
        assert (await retry(caller)).text == SUBMITTED
        assert await pushes(caller) == []


@pytest.mark.parametrize("root", ["", "/access"])
async def test_both_paths_of_the_page_lead_to_the_retry(receiver: Receiver, root: str) -> None:
    path = f"{root}/klearstack/retry_push_api"
    async with running(push=receiver.target()) as caller:
        batch_id = await upload(caller, "a.pdf")
        await pushes(caller)
        assert (await retry(caller, [batch_id], path)).text == SUBMITTED
        await pushes(caller)
        assert len(receiver.fields) == 2
        assert caller.sandbox.requests["retry_push_api"] == 1


@pytest.mark.parametrize("name", ["company_name", "username", "collection_name", "data"])
async def test_a_missing_field_of_a_retry_is_a_400_that_names_it(name: str) -> None:
    async with running() as caller:
        answer = await retry(caller, **{name: ""})
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("text", ["{", "NaN", "{'a': 1}", "[" * 50_000])
async def test_the_data_of_a_retry_must_be_strict_json(text: str) -> None:
    async with running() as caller:
        answer = await retry(caller, text)
        assert (answer.status, answer.json) == (400, {"error": "data must be valid JSON."})


async def test_a_retry_needs_a_token_and_the_right_user() -> None:
    async with running() as caller:
        answer = await retry(caller, username="somebody")
        assert answer.status == 401
        caller.token = ""
        assert (await retry(caller)).status == 401


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", 0),
        (MAPPING, 0),
        ('"' + "a" * 24 + '"', 1),
        ('"' + "a" * 25 + '"', 0),
        ('"' + "a" * 64 + '"', 0),
        ('"' + "g" * 24 + '"', 0),
        ('["00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000"]', 1),
        ('"00000000-0000-4000-8000-0000000000000"', 0),
        ('{"' + "a" * 24 + '": "' + "b" * 24 + ";" + "c" * 24 + '"}', 3),
    ],
)
def test_ids_are_found_anywhere_and_only_whole(text: str, found: int) -> None:
    assert len(ids_in(text)) == found


async def test_no_secret_of_the_endpoint_is_shown_logged_or_stored(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = receiver.fail
    sandbox = None
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        sandbox = caller.sandbox
        await upload(caller, "a.pdf")
        [told] = await pushes(caller)
        receiver.answer = receiver.reset
        await retry(caller)
        await pushes(caller)
        shown = f"{receiver.target()!r} {sandbox!r} {vars(sandbox)!r} {told!r} {caplog.text}"
    assert "was not pushed" in caplog.text
    for secret in (TOKEN, PASSWORD):
        assert secret not in shown
        for path in listed(tmp_path):
            assert path.is_dir() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "127.0.0.1:80/push"}, "url"),
        ({"url": "ftp://127.0.0.1/push"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://host:99999/"}, "url"),
        ({"url": f"http://robot:{TOKEN}@host/"}, "url"),
        ({"token": ""}, "token"),
        ({"token": f"{TOKEN}\r\nX: y"}, "token"),
        ({"encoding": "xml"}, "encoding"),
        ({"id_key": "id"}, "id_key"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_target_that_can_not_be_is_a_value_error(change: dict[str, Any], word: str) -> None:
    receiver = Receiver()
    receiver.port = 80
    with pytest.raises(ValueError, match=f"^{word} must be") as refused:
        replace(receiver.target(), **change)
    assert TOKEN not in str(refused.value)


async def test_the_worker_outlives_an_error_of_the_database(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(push, "_PAUSE_AFTER_ERROR_SECONDS", 0.01)
    async with running(push=receiver.target()) as caller:
        with monkeypatch.context() as patch:
            patch.setattr(push_records, "begin_due", fail)
            await upload(caller, "a.pdf")
            await until(lambda: "disk full" in caplog.text)
        assert [each.delivered for each in await pushes(caller)] == [True]


async def test_a_stop_between_taking_and_sending_gives_the_document_back(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = push_records.begin_due

    def begin(*args: Any) -> Any:
        taken = real(*args)
        if taken[0]:
            begun.set()
            assert go_on.wait(10)
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(push_records, "begin_due", begin)
        async with running(push=receiver.target(), folder=tmp_path) as caller:
            await caller.upload(pdf())
            await until(begun.is_set)
            asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert receiver.fields == []
    async with running(push=receiver.target(), folder=tmp_path) as caller:
        assert [(each.attempts, each.delivered) for each in await pushes(caller)] == [(1, True)]
    assert len(receiver.fields) == 1


async def test_a_sandbox_that_is_not_running_takes_no_endpoint(receiver: Receiver) -> None:
    sandbox = Sandbox()
    for call in (sandbox.pushes(), sandbox.settle_pushes(), sandbox.register_push(None)):
        with pytest.raises(RuntimeError, match="not running"):
            await call
