"""Many uploads at once through a real uvicorn, with the sandbox behind it, and its end meanwhile.

`pytest -m slow -s tests/fastapi/test_fastapi_load.py` takes all of it, in a minute or two: uvloop
and asyncio, one worker and two, forms that are received whole, forms that are passed on and bodies,
200 uploads of 5 MB each; and prints the figures. `-k passed-form` takes one way only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from conftest import until
from documents import picture_png
from fastapi_kit import browser_at, document, hash_of, stored_contents
from load_kit import MIB, Memory, Service, environment_of, running, send

from klearstack_async.sandbox import Sandbox

# The browsers here are to send as fast as they can.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

MOST_GROWN_BYTES = 150_000_000
# By itself, uvicorn ends by the signal that it was sent, after all is done; with workers, with 0.
CLEAN = {0, -signal.SIGTERM}
BROKEN = ("Traceback", "ERROR", "Exception")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(processing_seconds=0, folder=tmp_path / "sandbox") as behind:
        yield behind


def assert_clean(service: Service, code: int) -> None:
    assert [line for line in service.log if any(word in line for word in BROKEN)] == []
    assert code in CLEAN


async def send_many(service: Service, way: str, number: int, size_bytes: int) -> list[str]:
    """Send so many different documents at once; give their hashes."""
    same = os.urandom(size_bytes)
    hashes: list[str] = []

    async def send_one(one: int) -> None:
        data = b"".join((picture_png(), f"{way} {one}".encode(), same))
        hashes.append(hash_of(data))
        await send(browser, service.url, way, f"{one}.png", data)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as browser:
        await asyncio.gather(*map(send_one, range(number)))
    return hashes


async def test_many_uploads_at_once_arrive_and_take_little_memory(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with running(environment_of(sandbox), loop="asyncio", workers=1) as service:
        async with Memory(service) as memory:
            sent = await send_many(service, "form", 20, 5 * MIB)
            sent += await send_many(service, "body", 20, 5 * MIB)
            sent += await send_many(service, "passed-form", 20, 5 * MIB)
        assert stored_contents(tmp_path) == sorted(sent)
        # Those that are sent at once have 100 MiB.
        assert memory.grown_bytes < 70 * MIB
        assert_clean(service, await service.stop())


@pytest.mark.slow
@pytest.mark.parametrize("way", ["form", "passed-form", "body"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_200_uploads_of_5_mb_at_once_arrive_and_take_little_memory(
    sandbox: Sandbox, tmp_path: Path, loop: str, workers: int, way: str
) -> None:
    async with running(environment_of(sandbox), loop=loop, workers=workers) as service:
        began_at = time.monotonic()
        async with Memory(service) as memory:
            sent = await send_many(service, way, 200, 5 * MIB)
        took = time.monotonic() - began_at
        print(  # noqa: T201 - for `-s`
            f"\n{loop}, {workers} worker(s), {way}: {took:.1f} s, "
            f"{memory.idle_bytes / 1e6:.0f} MB idle, +{memory.grown_bytes / 1e6:.0f} MB"
        )
        assert stored_contents(tmp_path) == sorted(sent)
        assert memory.grown_bytes < MOST_GROWN_BYTES
        assert_clean(service, await service.stop())


async def end_in_the_middle(sandbox: Sandbox, folder: Path, loop: str, workers: int) -> None:
    """Send halves, tell the service to end, send the rest."""
    size, ways = 2 * MIB, ["body", "form", "passed-form"] * 4
    async with running(environment_of(sandbox), loop=loop, workers=workers) as service:
        async with AsyncExitStack() as stack:
            browsers = [await stack.enter_async_context(browser_at(service.url)) for _ in ways]
            sent = [document(size) for _ in ways]
            for browser, way, data in zip(browsers, ways, sent, strict=True):
                if way == "body":
                    start, path, kind = b"", "/body/a.png", "image/png"
                else:
                    start, path, kind = FORM_HEAD, f"/{way}", "multipart/form-data; boundary=x"
                length = len(start) + len(data) + len(FORM_TAIL) * (way != "body")
                method = "PUT" if way == "body" else "POST"
                await browser.begin(
                    method,
                    path,
                    content_length=str(length),
                    content_type=kind,
                    expect="100-continue",
                )
                await browser.going_on()
                await browser.send(start + data[: size // 2])
            # A form that is received whole asks nothing of KlearStack as yet.
            passed = [way for way in ways if way != "form"]
            await until(lambda: sandbox.requests["processdocument"] == len(passed))
            service.process.send_signal(signal.SIGTERM)
            await until(lambda: sum("Shutting down" in line for line in service.log) == workers)
            for browser, way, data in zip(browsers, ways, sent, strict=True):
                await browser.send(data[size // 2 :] + FORM_TAIL * (way != "body"))
            assert [(await browser.answer())[0] for browser in browsers] == [200] * len(ways)
        assert_clean(service, await service.ended())
    assert stored_contents(folder) == sorted(map(hash_of, sent))


FORM_HEAD = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n"
)
FORM_TAIL = b"\r\n--x--\r\n"


async def test_uploads_that_are_under_way_end_well_when_the_service_is_stopped(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    await end_in_the_middle(sandbox, tmp_path, "asyncio", 1)


@pytest.mark.slow
@pytest.mark.parametrize(("loop", "workers"), [("uvloop", 1), ("uvloop", 2), ("asyncio", 2)])
async def test_uploads_end_well_under_other_loops_and_several_workers(
    sandbox: Sandbox, tmp_path: Path, loop: str, workers: int
) -> None:
    await end_in_the_middle(sandbox, tmp_path, loop, workers)
