"""Faults as a client meets them: on bare sockets where the connection matters."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox_kit import UPLOAD, Caller, Clock, listed, pdf, running, until, zip_of

from klearstack_async.sandbox import Fault
from klearstack_async.sandbox.faults import spoilt
from klearstack_async.sandbox.faults.kinds import KINDS
from klearstack_async.sandbox.in_flight import GRACE_SECONDS

SILENCE_SECONDS = 0.4


@dataclass
class Received:
    """What came over a connection, and how that ended: whole, closed, reset or silent."""

    data: bytes
    ending: str

    @property
    def status(self) -> int | None:
        return int(self.data.split()[1]) if self.data else None

    @property
    def headers(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def is_whole(self) -> bool:
        length = self.headers.get("content-length") if b"\r\n\r\n" in self.data else None
        return length is not None and len(self.body) >= int(length)


class Connection:
    """A bare connection to a sandbox."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def send_until_stuck(self, size: int) -> int:
        """Send zeros, and tell how many were taken before nothing went on."""
        sent, step = 0, bytes(1 << 16)
        while sent < size:
            try:
                sent += self.socket.send(step)
            except BlockingIOError:
                writable = asyncio.Event()
                loop = asyncio.get_running_loop()
                loop.add_writer(self.socket, writable.set)
                try:
                    await asyncio.wait_for(writable.wait(), 1.0)
                except TimeoutError:
                    return sent
                finally:
                    loop.remove_writer(self.socket)
        return sent

    async def receive(self, silence_seconds: float = SILENCE_SECONDS) -> Received:
        """Take an answer, or what comes of it."""
        received = Received(b"", "whole")
        while not received.is_whole:
            try:
                data = await self.next_bytes(silence_seconds)
            except ConnectionResetError:
                received.ending = "reset"
                break
            except TimeoutError:
                received.ending = "silent"
                break
            if not data:
                received.ending = "closed"
                break
            received.data += data
        return received

    async def next_bytes(self, patience_seconds: float = 10) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self.socket, 1 << 16), patience_seconds)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@asynccontextmanager
async def connected(caller: Caller) -> AsyncIterator[Connection]:
    address = caller.sandbox.url.removeprefix("http://").split(":")
    with socket.socket() as made:
        made.settimeout(0)
        await asyncio.get_running_loop().sock_connect(made, (address[0], int(address[1])))
        yield Connection(made)


def head(caller: Caller, endpoint: str, length: int, **headers: str) -> bytes:
    lines = {
        "Host": "x",
        "Authorization": f"Bearer {caller.token}",
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(length),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    said = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /access/klearstack/{endpoint} HTTP/1.1\r\n{said}\r\n".encode()


def body(fields: Mapping[str, str], file: bytes | None = None) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    parts = b"".join(part % (name.encode(), value.encode()) for name, value in fields.items())
    if file is not None:
        begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        parts += begin + file + b"\r\n"
    return parts + b"--x--\r\n"


def upload(caller: Caller, file: bytes | None = None, **headers: str) -> bytes:
    form = body({**caller.account, **UPLOAD}, pdf() if file is None else file)
    return head(caller, "processdocument", len(form), **headers) + form


async def stored(caller: Caller) -> int:
    return len(await caller.sandbox.documents())


# What an upload meets: the status, how the connection goes on, and whether the document is stored.
ON_UPLOAD: dict[str, tuple[int | None, str, bool]] = {
    "latency": (200, "whole", True),
    "processing": (200, "whole", True),
    "rate_limited": (429, "whole", False),
    "unavailable": (503, "whole", False),
    "status_before": (500, "whole", False),
    "status_after": (502, "whole", True),
    "reset_before": (None, "reset", False),
    "reset_after": (None, "reset", True),
    "reset_answer": (200, "reset", True),
    "stall_before": (None, "silent", False),
    "stall_after": (None, "silent", True),
    "stall_answer": (200, "silent", True),
    "truncated": (200, "whole", True),
    "junk": (200, "whole", True),
    "garbage": (200, "whole", True),
    "token_refused": (401, "whole", False),
    "short_token": (200, "whole", True),
    "refresh_refused": (200, "whole", True),
    "odd_status": (200, "whole", True),
    "hostile": (200, "whole", True),
    "close_after": (200, "whole", True),
    "redirect": (302, "whole", False),
}
NOT_ON_UPLOADS = {"short_token", "refresh_refused", "odd_status", "hostile"}


def test_every_kind_has_its_row() -> None:
    assert list(ON_UPLOAD) == list(KINDS)


@pytest.mark.parametrize("kind", ON_UPLOAD)
async def test_an_upload_meets_each_kind_as_promised(kind: str, no_task_is_left: None) -> None:
    status, ending, is_stored = ON_UPLOAD[kind]
    async with running(faults=[Fault(kind, endpoint="uploads")]) as caller:
        async with connected(caller) as connection:
            await connection.send(upload(caller))
            received = await connection.receive()
        assert (received.status, received.ending) == (status, ending)
        assert await stored(caller) == is_stored
        assert caller.sandbox.requests["processdocument"] == 1
        assert caller.sandbox.faults_made == ({} if kind in NOT_ON_UPLOADS else {kind: 1})
        # Nothing of it stays behind for the next call.
        caller.sandbox.faults = []
        assert (await caller.upload(pdf())).status == 200


# The connection


@pytest.mark.parametrize("kind", ["reset_before", "stall_before"])
async def test_a_large_upload_is_taken_about_half_way(kind: str, tmp_path: Path) -> None:
    size = 64 << 20
    async with running(folder=tmp_path, faults=[Fault(kind, endpoint="uploads")]) as caller:
        async with connected(caller) as connection:
            await connection.send(head(caller, "processdocument", size))
            if kind == "reset_before":
                with pytest.raises((ConnectionResetError, BrokenPipeError)):
                    await connection.send_until_stuck(size)
            else:
                sent = await connection.send_until_stuck(size)
                assert size // 2 <= sent < size * 3 // 4
                assert (await connection.receive()).ending == "silent"
                assert caller.sandbox._requests._tasks
                connection.reset()
                await until(lambda: not caller.sandbox._requests._tasks)
        assert await stored(caller) == 0
        assert listed(tmp_path / "spool") == []
        assert caller.sandbox.faults_made == {kind: 1}


async def test_a_stalled_upload_is_let_go_when_its_client_leaves_with_all_of_it_sent() -> None:
    async with running(faults=[Fault("stall_before", endpoint="uploads")]) as caller:
        async with connected(caller) as connection:
            await connection.send(upload(caller, bytes(300_000)))
            assert (await connection.receive()).ending == "silent"
        await until(lambda: not caller.sandbox._requests._tasks)


@pytest.mark.parametrize("kind", ["stall_after", "stall_answer"])
async def test_a_stalled_answer_is_let_go_when_its_client_leaves(kind: str) -> None:
    async with running(faults=[Fault(kind, endpoint="uploads")]) as caller:
        async with connected(caller) as connection:
            await connection.send(upload(caller))
            await connection.receive()
            assert caller.sandbox._requests._tasks
        await until(lambda: not caller.sandbox._requests._tasks)
        assert await stored(caller) == 1


@pytest.mark.parametrize("kind", ["stall_before", "stall_after", "stall_answer", "latency"])
async def test_a_stop_does_not_wait_for_what_is_held(kind: str, no_task_is_left: None) -> None:
    long = {"seconds": 3600} if kind == "latency" else {}
    fault = Fault(kind, endpoint="uploads", **long)
    async with running() as caller:
        caller.sandbox.faults = [fault]
        async with connected(caller) as connection:
            await connection.send(upload(caller, bytes(300_000)))
            await until(lambda: caller.sandbox.faults_made[kind] == 1)
            began = time.monotonic()
            await caller.sandbox.stop()
            assert time.monotonic() - began < GRACE_SECONDS + 2
            assert (await connection.receive()).ending in {"closed", "reset"}


async def test_a_stop_does_not_wait_for_half_an_answer_that_nobody_takes(
    no_task_is_left: None,
) -> None:
    async with running() as caller:
        await make_large_datasource(caller)
        caller.sandbox.faults = [Fault("stall_answer")]
        asked = body({"company_name": "demo", "datasource_name": "large"})
        async with connected(caller) as connection:
            await connection.send(head(caller, "getdatasourcedata", len(asked)) + asked)
            assert (await connection.next_bytes()).startswith(b"HTTP/1.1 200 OK")
            await caller.sandbox.stop()
            # A transport that was closed and not aborted would go on sending all of the half.
            received = await connection.receive(10)
            assert received.ending in {"closed", "reset"}
            assert len(received.data) < LARGE_BYTES // 2


LARGE_BYTES = 30 << 20


async def make_large_datasource(caller: Caller) -> None:
    cell = "x" * 1000
    described = {
        "DataSourceName": "large",
        "DataSourceType": "excel_or_csv",
        "DataSourceStatus": True,
        "fields": [{"name": name, "datatype": "string"} for name in "AB"],
    }
    data = aiohttp.FormData()
    data.add_field("company_name", "demo")
    data.add_field("datasource_name", "large")
    data.add_field("data", json.dumps(described))
    rows = f"{cell},{cell}\n" * (LARGE_BYTES // 2000)
    data.add_field("dataset", io.BytesIO(f"A,B\n{rows}".encode()), filename="large.csv")
    url = f"{caller.sandbox.url}/access/klearstack/insertdatasource"
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with caller.session.post(url, data=data, headers=headers) as response:
        assert response.status == 200, await response.text()


async def test_a_reset_answer_brings_the_head_and_half_of_the_body() -> None:
    async with (
        running(faults=[Fault("reset_answer", endpoint="uploads")]) as caller,
        connected(caller) as connection,
    ):
        await connection.send(upload(caller))
        received = await connection.receive()
    told = int(received.headers["content-length"])
    assert len(received.body) == told // 2
    assert received.body.startswith(b'{"OCR_ref_no": "')


async def test_a_connection_is_closed_after_a_promise_to_keep_it() -> None:
    async with (
        running(faults=[Fault("close_after", endpoint="uploads")]) as caller,
        connected(caller) as connection,
    ):
        await connection.send(upload(caller))
        received = await connection.receive()
        assert received.headers["connection"] == "keep-alive"
        assert json.loads(received.body)["OCR_ref_no"]
        assert await connection.next_bytes() == b""


# The answers


async def answers_to(kind: str, **parameters: Any) -> Received:
    async with (
        running(faults=[Fault(kind, endpoint="uploads", **parameters)]) as caller,
        connected(caller) as connection,
    ):
        await connection.send(upload(caller))
        return await connection.receive()


async def test_a_truncated_answer_ends_where_it_says() -> None:
    received = await answers_to("truncated")
    assert received.body.startswith(b'{"OCR_ref_no"')
    assert int(received.headers["content-length"]) == len(received.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(received.body)


async def test_junk_stands_before_and_after_the_json() -> None:
    received = await answers_to("junk")
    assert int(received.headers["content-length"]) == len(received.body)
    text = received.body.decode()
    begin, end = text.index("{"), text.rindex("}") + 1
    assert json.loads(text[begin:end])["OCR_ref_no"]
    assert text[:begin].strip()
    assert text[end:].strip()


async def test_garbage_is_a_web_page() -> None:
    received = await answers_to("garbage")
    assert received.headers["content-type"].startswith("text/html")
    assert b"<html>" in received.body


async def test_a_redirect_leads_to_another_origin() -> None:
    received = await answers_to("redirect")
    assert received.headers["location"] == "http://127.0.0.1:9/elsewhere"


@pytest.mark.parametrize(
    ("kind", "parameters", "sent"),
    [
        ("rate_limited", {}, "1"),
        ("rate_limited", {"retry_after": 0.5}, "0.5"),
        ("rate_limited", {"retry_after": "none"}, None),
        ("unavailable", {}, None),
        ("unavailable", {"retry_after": 7}, "7"),
        ("status_after", {"retry_after": 3, "status": 503}, "3"),
    ],
)
async def test_retry_after_is_sent_as_asked(
    kind: str, parameters: dict[str, Any], sent: str | None
) -> None:
    received = await answers_to(kind, **parameters)
    assert received.headers.get("retry-after") == sent


async def test_retry_after_may_be_a_date_which_is_never_early() -> None:
    clock = Clock()
    async with running(_now=clock) as caller:
        caller.sandbox.faults = [Fault("unavailable", retry_after="date:30")]
        async with connected(caller) as connection:
            await connection.send(upload(caller))
            date = parsedate_to_datetime((await connection.receive()).headers["retry-after"])
    assert timedelta(0) <= date - clock.instant - timedelta(seconds=30) < timedelta(seconds=1)


async def test_a_fault_that_finds_nothing_to_spoil_is_not_made() -> None:
    async with running(faults=[Fault("truncated", endpoint="getdocumentimage")]) as caller:
        document = await caller.stored(pdf())
        asked = {
            "company_name": caller.account["company_name"],
            "collection_name": "Invoices",
            "id": document.document_id,
        }
        answer = await caller.call("getdocumentimage", asked)
        assert answer.body.endswith(b"IEND\xaeB`\x82")
        assert caller.sandbox.faults_made["truncated"] == 0


# Tokens


async def test_a_good_token_is_refused_and_a_bad_one_gets_its_own_refusal() -> None:
    async with running(faults=[Fault("token_refused", endpoint="uploads")]) as caller:
        refused = await caller.upload(pdf())
        assert (refused.status, refused.json) == (401, {"error": "Token expired."})
        bad = await caller.call("processdocument", caller.account, bearer="a.b.c")
        assert bad.json == {"error": "The access token is not valid."}
        assert caller.sandbox.faults_made == {"token_refused": 1}


@pytest.mark.parametrize("is_refreshed", [False, True])
async def test_a_short_token_is_good_for_its_seconds(*, is_refreshed: bool) -> None:
    clock = Clock()
    async with running(_now=clock) as caller:
        caller.sandbox.faults = [Fault("short_token")]
        if is_refreshed:
            caller.sandbox.faults = []
            refresh_token = (await caller.log_in())["refresh_token"]
            caller.sandbox.faults = [Fault("short_token")]
            asked = {"company_name": "demo", "refresh_token": refresh_token}
            answer = await caller.call("getaccesstokenfromrefreshtoken", asked)
            caller.token = answer.json["access_token"]
        else:
            await caller.log_in()
        assert caller.sandbox.faults_made == {"short_token": 1}
        assert (await caller.upload(pdf())).status == 200
        clock.advance(2)
        assert (await caller.upload(pdf())).json == {"error": "The access token has expired."}


async def test_a_refresh_is_refused_as_if_revoked() -> None:
    async with running(faults=[Fault("refresh_refused")]) as caller:
        refresh_token = (await caller.log_in())["refresh_token"]
        asked = {"company_name": "demo", "refresh_token": refresh_token}
        answer = await caller.call("getaccesstokenfromrefreshtoken", asked)
        assert (answer.status, list(answer.json)) == (401, ["error"])
        assert (await caller.upload(pdf())).status == 200


# Results


async def test_documents_take_longer_to_be_read() -> None:
    clock = Clock()
    async with running(_now=clock, faults=[Fault("processing", seconds=5, times=1)]) as caller:
        batch_id = (await caller.upload(pdf("SLOW-1"))).json["OCR_ref_no"]
        # One is read after the other: once this is done, the one before was read.
        await caller.upload(pdf("QUICK-1"))

        async def quick_is_done() -> bool:
            slow, quick = await caller.sandbox.documents()
            assert slow.state == "processing"
            return quick.state == "completed"

        await until(quick_is_done)
        assert (await caller.results(batch_id)).json["extraction_status"] == "processing"
        clock.advance(5)
        assert (await caller.results(batch_id)).json["extraction_status"] == "completed"


async def test_a_batch_tells_its_state_in_other_words_and_truly() -> None:
    clock = Clock()
    async with running(_now=clock, processing_seconds=1) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        usual = {"extraction_status", "status", "extractionStatus"}

        async def states() -> set[str]:
            caller.sandbox.faults = [Fault("odd_status")]
            told = [(await caller.results(batch_id)).json for _ in range(30)]
            assert {tuple(usual & set(each)) for each in told} == {(key,) for key in usual}
            return {value.lower() for each in told for key, value in each.items() if key in usual}

        assert await states() <= {"processing", "in progress", "pending"}
        clock.advance(1)
        await caller.settled()
        assert await states() <= {"completed", "complete"}


@pytest.mark.parametrize("shape", ["positional", "keyed"])
async def test_texts_in_results_become_hostile(shape: str) -> None:
    async with running(batch_shape=shape) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        await caller.settled()
        right = (await caller.results(batch_id)).json["result"][0]
        caller.sandbox.faults = [Fault("hostile")]
        answer = await caller.results(batch_id)
        assert caller.sandbox.faults_made == {"hostile": 1}
    hostile = json.loads(answer.body.decode("utf-8", errors="strict"))["result"][0]
    if shape == "keyed":
        assert list(hostile) == list(right)
        assert hostile["Document_id"] == right["Document_id"]
        assert hostile["Inv_Number"]["value"] in spoilt.HOSTILE
    else:
        assert [row[1:] for row in hostile] == [row[1:] for row in right]
        assert hostile[:8] == right[:8]
        assert all(row[0] in spoilt.HOSTILE for row in hostile[8:])


# In force


async def test_a_seed_repeats_what_a_client_sees() -> None:
    async def seen(seed: int) -> list[int]:
        faults = [
            Fault("status_after", endpoint="getuserid", probability=0.4),
            Fault("unavailable", endpoint="getuserid", probability=0.4),
        ]
        async with running(faults=faults, seed=seed) as caller:
            return [(await caller.call("getuserid", caller.account)).status for _ in range(25)]

    first = await seen(3)
    assert set(first) == {200, 502, 503}
    assert await seen(3) == first
    assert await seen(4) != first


async def test_a_latency_adds_to_another_fault() -> None:
    faults = [Fault("latency", seconds=0.2), Fault("unavailable"), Fault("latency", seconds=0.1)]
    async with running() as caller:
        caller.sandbox.faults = faults
        began = time.monotonic()
        assert (await caller.upload(pdf())).status == 503
        assert time.monotonic() - began >= 0.3
        assert caller.sandbox.faults_made == {"latency": 2, "unavailable": 1}


async def test_faults_are_replaced_while_the_sandbox_runs() -> None:
    async with running() as caller:
        assert (await caller.upload(pdf())).status == 200
        caller.sandbox.faults = [Fault("unavailable", times=1)]
        assert [(await caller.upload(pdf())).status for _ in range(2)] == [503, 200]
        caller.sandbox.faults = [Fault("unavailable", times=1)]
        assert [(await caller.upload(pdf())).status for _ in range(2)] == [503, 200]
        assert caller.sandbox.faults == [Fault("unavailable", times=1)]
        assert caller.sandbox.faults_made == {"unavailable": 2}


# The header


async def test_a_header_asks_for_faults_of_one_request() -> None:
    async with running() as caller, connected(caller) as connection:
        asked = "latency seconds=0.01; status_after status=504"
        await connection.send(upload(caller, X_Sandbox_Fault=asked))
        assert (await connection.receive()).status == 504
        await connection.send(upload(caller))
        assert (await connection.receive()).status == 200
        assert await stored(caller) == 2
        assert caller.sandbox.faults_made == {"latency": 1, "status_after": 1}


@pytest.mark.parametrize("asked", ["junk endpoint=reads", "junk probability=0", "hostile"])
async def test_a_header_for_something_else_does_nothing(asked: str) -> None:
    async with running() as caller, connected(caller) as connection:
        await connection.send(upload(caller, X_Sandbox_Fault=asked))
        received = await connection.receive()
        assert (received.status, json.loads(received.body)["release_version"]) == (200, "7.8.9")
        assert caller.sandbox.faults_made == {}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("", "a fault begins with its kind"),
        ("reset_aftr", "did you mean reset_after?"),
        ("junk;", "a fault begins with its kind"),
        ("junk endpoint=upload", "did you mean uploads?"),
        ("junk probability=2", "from 0 to 1"),
    ],
)
async def test_a_header_that_cannot_be_read_is_a_400_with_the_reason(
    asked: str, reason: str
) -> None:
    async with running() as caller, connected(caller) as connection:
        await connection.send(upload(caller, X_Sandbox_Fault=asked))
        received = await connection.receive()
        assert received.status == 400
        assert reason in json.loads(received.body)["error"]
        assert await stored(caller) == 0


# The rate limit


async def test_calls_beyond_the_rate_are_refused_before_anything_is_done() -> None:
    clock = Clock()
    async with running(_now=clock, calls_per_second=2, burst=3) as caller:  # the login is one
        statuses = [(await caller.upload(pdf())).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = await caller.call("getuserid", caller.account)
        assert (refused.status, refused.json) == (429, {"error": "Too many requests."})
        assert caller.sandbox.refused == {"processdocument": 1, "getuserid": 1}
        assert caller.sandbox.requests["processdocument"] == 3
        clock.advance(0.5)
        assert (await caller.upload(pdf())).status == 200
        assert await stored(caller) == 3


@pytest.mark.parametrize(("settings", "told"), [({}, "1"), ({"retry_after_seconds": 2.5}, "2.5")])
async def test_a_refusal_says_when_to_come_back(settings: dict[str, Any], told: str) -> None:
    async with (
        running(_now=Clock(), calls_per_second=1, **settings) as caller,
        connected(caller) as connection,
    ):
        await connection.send(upload(caller))
        received = await connection.receive()
    assert (received.status, received.headers["retry-after"]) == (429, told)


async def test_a_zip_meets_faults_too() -> None:
    async with running(faults=[Fault("status_after", endpoint="uploadbatch")]) as caller:
        answer = await caller.upload_zip(zip_of(("a.pdf", pdf("A")), ("b.pdf", pdf("B"))))
        assert answer.status == 502
        assert await stored(caller) == 2
