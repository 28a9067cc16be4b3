"""What a bulk run costs: looks per batch, delay, memory, open files.

`pytest -m slow -s` prints the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from documents import invoice_pdf, picture_png

from klearstack_async import Attempt, KlearStack

MEMORY_LIMIT_BYTES = 30 << 20


@asynccontextmanager
async def sandbox_process(*options: str) -> AsyncIterator[dict[str, str]]:
    """Start a sandbox in a process of its own, and give the account in it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "klearstack_async", "sandbox", "--port", "0", *options),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    account: dict[str, str] = {}
    while len(account) < 4:
        line = (await process.stdout.readline()).decode()
        assert line, "the sandbox has ended"
        if line.strip().startswith("export "):
            name, _, value = line.strip().removeprefix("export ").partition("=")
            account[name] = value.strip("'\"")
    try:
        yield account
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.slow
async def test_few_looks_are_made_and_results_come_soon(tmp_path: Path) -> None:
    """300 batches at once, each of which takes two seconds."""
    looks = 0

    def count(attempt: Attempt) -> None:
        nonlocal looks
        looks += attempt.endpoint == "results.in_batch"

    for number in range(300):
        (tmp_path / f"{number}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    delays, most = [], 0
    async with (
        sandbox_process("--processing-seconds", "2") as account,
        KlearStack.from_env(account, on_attempt=count) as ks,
        ks.bulk(tmp_path, workers=16) as going,
    ):
        async for outcome in going:
            assert outcome.document is not None
            ready_at = outcome.document.finished_time
            assert ready_at is not None
            now = datetime.now(UTC).replace(tzinfo=None)
            delays.append((now - ready_at).total_seconds())
            most = max(most, going.progress.waiting)
    median = statistics.median(delays)
    late = statistics.quantiles(delays, n=20)[-1]
    print(  # noqa: T201 - the figures
        f"\n{looks / 300:.2f} looks per batch with {most} outstanding at most; from ready to "
        f"delivered {median:.2f} s (median), {late:.2f} s (95th percentile)"
    )
    assert looks / 300 < 3
    assert median < 0.5


MEMORY = """
import asyncio, json, resource, sys
from klearstack_async import KlearStack

async def main():
    folder, journal, out = sys.argv[1:]
    async with KlearStack.from_env() as ks:
        async with ks.bulk(folder, journal=journal, out=out, bundle=50) as run:
            async for outcome in run:
                assert outcome.state == "extracted", outcome
    assert run.report.is_complete
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(json.dumps({"peak": peak, "done": run.report.finished, "seconds": run.report.seconds}))

asyncio.run(main())
"""
FEW_FILES = MEMORY.replace(
    "async def", "resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))\nasync def", 1
)


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_documents(tmp_path: Path) -> None:
    """A hundred thousand small documents, each with its results, against a thousand."""
    picture = picture_png()
    peaks = {}
    for count in (1_000, 100_000):
        folder = tmp_path / str(count)
        for number in range(count):
            inner = folder / f"{number // 1000}"
            inner.mkdir(parents=True, exist_ok=True)
            # Behind its end, so that each is another document, and none takes long to read.
            (inner / f"{number}.png").write_bytes(picture + str(number).encode())
        async with sandbox_process("--processing-seconds", "0") as account:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", MEMORY, folder),
                *(tmp_path / f"{count}.db", tmp_path / f"{count}.jsonl"),
                env={**os.environ, **account},
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await process.communicate()
        assert process.returncode == 0
        told = json.loads(said)
        assert told["done"] == count
        with (tmp_path / f"{count}.jsonl").open() as lines:
            assert sum(1 for _ in lines) == count
        peaks[count] = told["peak"]
        print(f"\n{count} documents: {told['peak'] >> 20} MiB, {told['seconds']:.0f} s")  # noqa: T201
    assert peaks[100_000] - peaks[1_000] < MEMORY_LIMIT_BYTES


async def test_three_thousand_files_need_few_open_at_a_time(tmp_path: Path) -> None:
    picture = picture_png()
    for number in range(3000):
        (tmp_path / f"{number}.png").write_bytes(picture + str(number).encode())
    async with sandbox_process("--processing-seconds", "0") as account:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-c",
                FEW_FILES,
                tmp_path,
                tmp_path / "job.db",
                tmp_path / "out.jsonl",
            ),
            env={**os.environ, **account},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(said)["done"] == 3000
