"""A uvicorn of its own processes, what they take of memory, and many browsers at once."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from klearstack_async.sandbox import Sandbox

HERE = Path(__file__).parent
SAMPLE_SECONDS = 0.02
MIB = 1 << 20


@dataclass
class Service:
    """A uvicorn that runs."""

    process: asyncio.subprocess.Process
    url: str
    log: list[str]
    workers: list[int]
    reading: asyncio.Task[None] = field(repr=False)

    def resident_bytes(self) -> int:
        """Say how much memory all its workers take."""
        return sum(map(_resident_bytes, self.workers))

    async def stop(self) -> int:
        """Send SIGTERM, as a container's end does; give the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 60)
        await self.reading
        return code


def environment_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "KLEARSTACK_URL": sandbox.url,
        "KLEARSTACK_COMPANY": sandbox.company_name,
        "KLEARSTACK_USERNAME": sandbox.username,
        "KLEARSTACK_PASSWORD": sandbox.password,
    }


@asynccontextmanager
async def running(
    environment: Mapping[str, str], *, loop: str, workers: int, app: str = "load_service:app"
) -> AsyncIterator[Service]:
    """Start uvicorn, and wait until its workers have started."""
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", str(HERE), "--loop", loop]
    command += ["--port", "0", "--workers", str(workers), "--no-access-log"]
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    assert process.stderr is not None
    log: list[str] = []
    port, started = "", 0
    try:
        async with asyncio.timeout(60):
            while not port or started < workers:
                line = (await process.stderr.readline()).decode()
                assert line, "".join(log)
                log.append(line)
                started += "Application startup complete" in line
                if found := re.search(r"running on http://[\d.]+:(\d+)", line):
                    port = found[1]
        pids = [int(found[1]) for line in log if (found := re.search(r"process \[(\d+)\]", line))]
        # The parent of several is in the log as well, and does nothing.
        pids = [pid for pid in pids if workers == 1 or pid != process.pid]
        reading = asyncio.create_task(_read(process.stderr, log))
        yield Service(process, f"http://127.0.0.1:{port}", log, sorted(set(pids)), reading)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _read(stderr: asyncio.StreamReader, log: list[str]) -> None:
    async for line in stderr:
        log.append(line.decode())  # noqa: PERF401 - others look at it meanwhile


def _resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


class Memory:
    """The most that a service took, above what it takes when idle."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.idle_bytes = self.peak_bytes = service.resident_bytes()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _sample(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self._service.resident_bytes())
            await asyncio.sleep(SAMPLE_SECONDS)

    @property
    def grown_bytes(self) -> int:
        return self.peak_bytes - self.idle_bytes


async def send(browser: aiohttp.ClientSession, url: str, way: str, name: str, data: bytes) -> str:
    """Send a document one way or the other; give the batch's id."""
    if way != "body":
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name, content_type="image/png")
        form.add_field("note", "after the file")
        request = browser.post(f"{url}/{way}", data=form)
    else:
        request = browser.put(f"{url}/body/{name}", data=data)
    async with request as answer:
        text = await answer.text()
        assert answer.status == 200, text
        return text
