"""A bulk run that is killed again and again, while its service fails: nothing is lost or doubled.

Whether the kill comes at a bad moment is left to a seed: it comes when the service has seen so many
requests, so that a slow machine kills at the same places as a fast one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents import invoice_pdf

from klearstack_async.sandbox import Fault, Sandbox

# How an upload can end that was stored, or wasn't, or nobody knows; and what disturbs reads.
FAULTS = [
    Fault(kind, probability=0.01)
    for kind in (
        *("status_before", "status_after", "reset_before", "reset_after", "reset_answer"),
        *("truncated", "unavailable", "token_refused", "odd_status", "stall_after"),
    )
]


@dataclass
class Job:
    """A folder of documents, and where a run of them writes."""

    folder: Path
    documents: int
    sandbox: Sandbox
    bundle: int | None

    @property
    def journal(self) -> Path:
        return self.folder / "job.db"

    @property
    def out(self) -> Path:
        return self.folder / "results.jsonl"

    async def start(self, **options: object) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "KLEARSTACK_URL": self.sandbox.url,
            "KLEARSTACK_COMPANY": self.sandbox.company_name,
            "KLEARSTACK_USERNAME": self.sandbox.username,
            "KLEARSTACK_PASSWORD": self.sandbox.password,
        }
        arguments = [self.folder / "in", self.journal, self.out]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            Path(__file__).with_name("killed_run.py"),
            *map(str, arguments),
            json.dumps({"bundle": self.bundle, **options}),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run_to_its_end(self, **options: object) -> None:
        process = await self.start(**options)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def run_and_kill(self, after_requests: int) -> bool:
        """Kill a run after so many requests; False if it came to its end before."""
        until = self.sandbox.requests.total() + after_requests
        process = await self.start()
        while process.returncode is None and self.sandbox.requests.total() < until:  # noqa: ASYNC110 - the sandbox tells nobody
            await asyncio.sleep(0.001)
        if process.returncode is None:
            process.kill()
        _, said = await process.communicate()
        assert process.returncode in {0, -9}, said.decode()
        return process.returncode == -9

    def states(self) -> Counter[str]:
        with closing(sqlite3.connect(self.journal)) as journal:
            return Counter(state for (state,) in journal.execute("SELECT state FROM sources"))

    def sources(self, state: str) -> set[str]:
        with closing(sqlite3.connect(self.journal)) as journal:
            rows = journal.execute("SELECT name FROM sources WHERE state = ?", (state,))
            return {Path(name).name for (name,) in rows}

    def lines(self, state: str) -> list[str]:
        records = map(json.loads, self.out.read_text().splitlines())
        return [Path(record["source"]).name for record in records if record["state"] == state]

    async def stored(self) -> Counter[str]:
        """Give how often each document is at the service, by its name in the folder."""
        documents = await self.sandbox.documents()
        return Counter(f"{document.file_name.partition('-')[0]}.pdf" for document in documents)


async def kill_again_and_again(job: Job, *, kills: int, seed: int) -> None:
    for number in range(job.documents):
        (job.folder / "in" / f"{number:05}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    chance = random.Random(seed)  # noqa: S311 - to be the same each time
    calls = job.documents * 2 // (job.bundle or 1)
    killed = 0
    while killed < kills and await job.run_and_kill(chance.randrange(2 * calls // kills + 1)):
        killed += 1
    # What is stored may take a moment to be listed, and then it is no doubt any more.
    await job.run_to_its_end()
    await check(job, resent=set())

    in_doubt = job.sources("in_doubt")
    print(f"killed {killed} times; {job.states()}")  # noqa: T201 - the figures, with -s
    job.sandbox.faults = []
    await job.run_to_its_end(in_doubt="resend", retry_failed=True)
    await check(job, resent=in_doubt)
    assert job.states() == {"extracted": job.documents}
    assert killed > kills // 2


async def check(job: Job, *, resent: set[str]) -> None:
    """Every source has one end, is written down once, and is at the service once."""
    states = job.states()
    assert states.total() == job.documents
    assert states.keys() <= {"extracted", "failed", "in_doubt"}
    lines = job.lines("extracted")
    assert len(lines) == len(set(lines))
    assert set(lines) == job.sources("extracted")
    stored = await job.stored()
    assert {name for name, count in stored.items() if count > 1} <= resent
    assert stored.keys() >= job.sources("extracted")


async def killed_job(
    folder: Path, *, documents: int, bundle: int | None, kills: int, seed: int
) -> None:
    (folder / "in").mkdir()
    async with Sandbox(processing_seconds=0.1, faults=FAULTS, seed=seed) as sandbox:
        job = Job(folder, documents, sandbox, bundle)
        await kill_again_and_again(job, kills=kills, seed=seed)


@pytest.mark.parametrize("bundle", [None, 7])
async def test_a_killed_run_goes_on_where_it_was(bundle: int | None, tmp_path: Path) -> None:
    await killed_job(tmp_path, documents=40, bundle=bundle, kills=3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bundle", [None, 50])
async def test_two_thousand_documents_and_twenty_kills(
    bundle: int | None, seed: int, tmp_path: Path
) -> None:
    await killed_job(tmp_path, documents=2000, bundle=bundle, kills=20, seed=seed)
