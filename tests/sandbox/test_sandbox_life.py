from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from sandbox_kit import Caller, Clock, listed, pdf, running, until, zip_of

from klearstack_async.sandbox import Sandbox, processing
from klearstack_async.sandbox.reading import UnreadableDocument

HEAD = (
    "POST /access/klearstack/processdocument HTTP/1.1\r\nHost: x\r\n"
    "Authorization: Bearer {token}\r\n"
    "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99000000\r\n\r\n"
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-'
)


def open_files() -> set[str]:
    links = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            links.add(f"{path.name} {path.readlink()}")
        except FileNotFoundError:  # the listing's own
            continue
    return links


@pytest.fixture
def sandbox_threads() -> Callable[[], list[str]]:
    """Give a function that names the threads of this test's sandboxes: others may run, too."""
    before = set(threading.enumerate())

    def names() -> list[str]:
        new = set(threading.enumerate()) - before
        return [thread.name for thread in new if thread.name.startswith("sandbox")]

    return names


async def begin_upload(caller: Caller, folder: Path) -> asyncio.StreamWriter:
    """Send the first megabytes of an upload, and wait until they are on the server's disk."""
    port = int(caller.sandbox.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.format(token=caller.token).encode() + bytes(3 << 20))
    await writer.drain()
    await until(lambda: any(path.stat().st_size >= 2 << 20 for path in listed(folder / "spool")))
    return writer


async def test_a_stop_with_requests_in_flight_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox_threads: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await asyncio.get_running_loop().run_in_executor(None, int)  # the test's own thread and files
    files, tasks = open_files(), asyncio.all_tasks()
    async with running(processing_seconds=60) as caller:
        [folder] = listed(tmp_path)
        await caller.upload(pdf())
        writer = await begin_upload(caller, folder)
        assert sandbox_threads()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert listed(tmp_path) == []
    assert sandbox_threads() == []
    assert asyncio.all_tasks() == tasks
    assert open_files() == files


async def test_a_client_that_goes_away_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        writer = await begin_upload(caller, tmp_path)
        writer.transport.abort()
        await until(lambda: not listed(tmp_path / "spool"))
        assert await caller.sandbox.documents() == []
        assert (await caller.upload(pdf())).status == 200


async def test_a_stop_while_a_document_is_read_waits_for_the_reader(
    monkeypatch: pytest.MonkeyPatch, sandbox_threads: Callable[[], list[str]]
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def read(_: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        raise UnreadableDocument("late")

    monkeypatch.setattr(processing, "read_document", read)
    async with running() as caller:
        await caller.upload(pdf())
        await until(begun.is_set)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert sandbox_threads() == []


async def test_a_restart_with_the_same_folder_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    async with running(folder=tmp_path, _now=clock, processing_seconds=60) as caller:
        batch_id = (await caller.upload(pdf(), create_new_set="True", set_name="s")).json
        token, before = caller.token, await caller.sandbox.documents()
    clock.advance(60)
    async with (
        Sandbox(folder=tmp_path, _now=clock) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        caller = Caller(sandbox, session)
        caller.token = token
        await caller.settled()
        answer = await caller.results(batch_id["OCR_ref_no"])
        assert answer.json["extraction_status"] == "completed"
        [document] = await sandbox.documents()
        assert document.document_id == before[0].document_id
        number = batch_id["set_reference_number"]
        again = await caller.upload(pdf(), set_reference_number=number)
        assert again.json["set_reference_number"] == number


async def test_another_folder_refuses_the_tokens_of_the_first(tmp_path: Path) -> None:
    async with running(folder=tmp_path / "one") as caller:
        token = caller.token
    async with running(folder=tmp_path / "two") as caller:
        assert (await caller.call("getuserid", caller.account, bearer=token)).status == 401


async def test_documents_left_unread_by_a_stop_are_read_by_the_next_run(
    tmp_path: Path,
) -> None:
    async with running(folder=tmp_path) as caller:
        await caller.upload_zip(zip_of(*((f"{n}.pdf", pdf(str(n))) for n in range(5))))
        await caller.settled()
    with sqlite3.connect(tmp_path / "sandbox.db") as connection:
        connection.execute("UPDATE contents SET read_at = NULL, reading = NULL WHERE number > 2")
    connection.close()
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "left by a kill").touch()
    async with running(folder=tmp_path) as caller:
        await caller.settled()
        assert {document.state for document in await caller.sandbox.documents()} == {"completed"}
        assert listed(tmp_path / "spool") == []


async def test_a_taken_port_is_an_os_error_and_leaks_nothing(
    sandbox_threads: Callable[[], list[str]],
) -> None:
    async with running() as caller:
        threads = len(sandbox_threads())
        port = int(caller.sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            await Sandbox(port=port).start()
        assert len(sandbox_threads()) == threads


async def test_start_and_stop_work_without_a_block() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    with pytest.raises(RuntimeError, match="not running"):
        await sandbox.documents()
    await sandbox.start()
    assert sandbox.url.startswith("http://127.0.0.1:")
    await sandbox.stop()
    await sandbox.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url


async def test_many_uploads_at_once_are_all_stored() -> None:
    async with running() as caller:
        answers = await asyncio.gather(
            *(caller.upload(pdf(str(number)), f"{number}.pdf") for number in range(60))
        )
        assert {answer.status for answer in answers} == {200}
        stored = {document.batch_id for document in await caller.sandbox.documents()}
        assert stored == {answer.json["OCR_ref_no"] for answer in answers}


async def test_an_error_inside_is_the_documented_500(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as caller:
        assert caller.sandbox._service is not None

        async def fail(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(type(caller.sandbox._service.store), "run", fail)
        answer = await caller.upload(pdf())
        assert answer.status == 500
        assert answer.json == {"error": "Something went wrong. Please try again later."}
        monkeypatch.undo()
