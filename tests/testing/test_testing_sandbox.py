"""The sandbox in its thread: what a test may ask it, from where, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from conftest import Serve, until
from documents import invoice_pdf

from klearstack_async import ConnectionDropped, Rate, RateLimited, RetryPolicy
from klearstack_async.sandbox import Fault, PushTarget
from klearstack_async.testing import RunningSandbox, running_sandbox

THREADS = 8
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def log_in(sandbox: RunningSandbox) -> None:
    async def do() -> None:
        async with sandbox.client() as ks:
            await ks.auth.login()

    asyncio.run(do())


def test_it_serves_many_threads_and_loops_and_counts_them_all(running: RunningSandbox) -> None:
    threads = [threading.Thread(target=log_in, args=[running]) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running.requests == {"get_access_token": THREADS}


def test_counters_are_copies(running: RunningSandbox) -> None:
    before = running.requests
    log_in(running)
    assert before == {}


def test_several_run_at_once(running: RunningSandbox) -> None:
    with running_sandbox(company_name="other") as other:
        log_in(other)
        assert other.company_name == "other"
        assert (running.requests.total(), other.requests.total()) == (0, 1)


async def test_calls_beyond_the_limit_are_counted() -> None:
    with running_sandbox(calls_per_second=1, burst=2) as sandbox:
        async with sandbox.client(retry=ONCE, rate=Rate(100)) as ks:
            await ks.auth.user_id()
            with pytest.raises(RateLimited):
                await ks.auth.user_id()
        assert sandbox.refused == {"getuserid": 1}


async def test_a_mapping_that_was_set_is_told(running: RunningSandbox) -> None:
    field = {"label": "Number", "required": True, "visibility": True}
    settings = {"documentTypeDetails": {"invoices": {"fields": {"doc_number_value": field}}}}
    async with running.client() as ks:
        await ks.fields.update_mapping(settings)
    assert list(running.field_mapping("Invoices")["invoices"]) == ["doc_number_value"]


def test_a_fault_for_no_endpoint_changes_nothing(running: RunningSandbox) -> None:
    latency = Fault("latency", seconds=0)
    running.faults = [latency]
    with pytest.raises(ValueError, match="unknown endpoint"):
        running.faults = [Fault("junk", endpoint="nowhere")]
    assert running.faults == (latency,)


async def test_pushes_arrive_at_a_receiver_in_the_loop_of_the_test(
    running: RunningSandbox, serve: Serve
) -> None:
    received: list[str] = []

    async def receive(request: web.Request) -> web.StreamResponse:
        received.append(str((await request.post())["batch_id"]))
        return web.Response()

    url = await serve(push=receive)
    running.register_push(
        PushTarget(url=f"{url}/push", token="t", company_name="c", username="u", password="p")
    )
    async with running.client() as ks:
        upload = await ks.uploads.document(invoice_pdf(), filename="invoice.pdf")
        await ks.results.wait(upload, expected=1)
    with pytest.raises(RuntimeError, match=r"await asyncio\.to_thread"):
        running.settle_pushes()
    await asyncio.to_thread(running.settle_pushes)
    assert received == [upload.batch_id]
    assert [push.status for push in running.pushes()] == [200]


async def test_it_ends_while_a_call_hangs() -> None:
    with running_sandbox(faults=[Fault("stall_after", endpoint="reads")]) as sandbox:
        ks = await sandbox.client(retry=ONCE).__aenter__()
        call = asyncio.create_task(ks.results.of_user())
        await until(lambda: bool(sandbox.faults_made))
    with pytest.raises(ConnectionDropped):
        await call
    await ks.close()


def test_after_its_end_it_says_so(running: RunningSandbox) -> None:
    with running_sandbox() as ended:
        pass
    with pytest.raises(RuntimeError, match="has ended"):
        ended.documents()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(ended.url.rpartition(":")[2])))


def test_its_repr_holds_no_password(running: RunningSandbox) -> None:
    assert repr(running) == f"<RunningSandbox at {running.url}>"
    assert running.password not in repr(running)
