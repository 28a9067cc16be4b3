"""The push router in processes of its own: stopped, killed, and several with one store."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from conftest import until
from push_router_kit import TOKEN, Sender, fields, sender_to

HERE = Path(__file__).parent
NUMBERS = [f"document-{number}" for number in range(10)]


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@asynccontextmanager
async def service(
    folder: Path, *options: str, run: str = "after", lease_seconds: float = 60
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Sender]]:
    """Start it; what it wrote is in `log` afterwards."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
    environment = {
        **os.environ,
        "PUSH_FOLDER": str(folder),
        "PUSH_RUN": run,
        "PUSH_TOKEN": TOKEN,
        "PUSH_LEASE_SECONDS": str(lease_seconds),
    }
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", "--factory", "push_service:app"),
            *("--app-dir", str(HERE), "--port", str(port), *options),
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        async with sender_to(f"http://127.0.0.1:{port}") as sender:
            await _until_it_answers(sender)
            yield process, sender
    finally:
        # Else a handler may wait for it for ever.
        (folder / "go").touch()
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_it_answers(sender: Sender) -> None:
    for _ in range(3000):
        try:
            await sender.ask("GET")
        except OSError:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail("it did not start in a minute")


@pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
async def test_handlers_after_the_answer_are_finished_by_a_clean_end(
    tmp_path: Path, loop: str
) -> None:
    async with service(tmp_path, "--loop", loop) as (process, sender):
        assert await sender.push_all(*map(fields, range(10))) == [200] * 10
        await until(lambda: len(lines(tmp_path / "begun")) == 10)
        process.terminate()
        await until(lambda: b"Waiting for background tasks" in (tmp_path / "log").read_bytes())
        assert lines(tmp_path / "ended") == []
        (tmp_path / "go").touch()
        # uvicorn ends as the signal says once everything has ended.
        assert await process.wait() in {0, -signal.SIGTERM}
    assert sorted(lines(tmp_path / "ended")) == NUMBERS
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("run", ["before", pytest.param("after", marks=pytest.mark.slow)])
async def test_two_workers_with_one_store_handle_each_document_once(
    tmp_path: Path, run: str
) -> None:
    (tmp_path / "go").touch()
    pushes = [fields(number % 10) for number in range(100)]
    async with service(tmp_path, "--workers", "2", run=run) as (_, sender):
        statuses = Counter(await sender.push_all(*pushes))
        assert set(statuses) <= {200, 503}
        await until(lambda: len(lines(tmp_path / "ended")) == 10)
        if run == "before":
            assert await sender.push_all(*pushes) == [200] * 100
    assert sorted(lines(tmp_path / "ended")) == NUMBERS
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_what_a_killed_process_had_claimed_is_handled_once_the_store_lets_go_of_it(
    tmp_path: Path,
) -> None:
    async with service(tmp_path) as (process, sender):
        assert (await sender.push())[0] == 200
        await until(lambda: len(lines(tmp_path / "begun")) == 1)
        process.kill()
        await process.wait()
    (tmp_path / "go").touch()
    (tmp_path / "log").unlink()
    async with service(tmp_path, run="before", lease_seconds=0) as (_, sender):
        assert (await sender.push())[1]["status"] == "accepted"
    assert lines(tmp_path / "ended") == ["document-1"]
