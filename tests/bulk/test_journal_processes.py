"""A journal and its processes: one is killed, another wants it, a third reads along."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio.to_thread
import pytest

from klearstack_async.bulk.journal import Journal, summary_of
from klearstack_async.bulk.states import SourceState
from klearstack_async.errors import JournalError

ACCOUNT = "https://demo.example demo ap"
SCRIPT = Path(__file__).with_name("journal_process.py")
STEPS = ("found", "identified", "sending", "sent", "extracted")

Acknowledged = dict[int, int]


@contextmanager
def process(path: Path, what: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(path), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def killed_after(lines: int, path: Path, what: str, acknowledged: Acknowledged) -> int:
    """Start a process, kill it after so many lines, and note all it said before it died."""
    said = 0
    with process(path, what) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said += 1
            if said == lines:
                child.kill()
            number, step = json.loads(line)
            if number:
                acknowledged[number] = STEPS.index(step)
    return said


def step_of(row: sqlite3.Row) -> int:
    if row["state"] == "found":
        return int(row["sha256"] is not None)
    return STEPS.index(row["state"])


def check(path: Path, acknowledged: Acknowledged) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        rows = {row["number"]: row for row in database.execute("SELECT * FROM sources")}
        lost = [
            (number, STEPS[step])
            for number, step in acknowledged.items()
            if number not in rows or step_of(rows[number]) < step
        ]
        assert lost == []
        # What belongs together came together: the try, its parcel, its receipt, its position.
        for row in rows.values():
            assert (step_of(row) >= 2) == (row["attempts"] == 1) == (row["parcel"] is not None)
        receipts = database.execute(
            "SELECT count(*) FROM sources JOIN parcels USING (parcel)"
            " WHERE (batch_id = 'batch-' || key) <> (state IN ('sent', 'extracted'))"
        )
        assert receipts.fetchone()[0] == 0
        position = database.execute("SELECT max(position) FROM sinks").fetchone()[0]
        ended = [number for number, row in rows.items() if row["state"] == "extracted"]
        assert position in (ended or [None])


@pytest.mark.parametrize("seed", [1])
def test_a_process_killed_at_any_moment_loses_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    path, chance = tmp_path / "job.db", random.Random(seed)  # noqa: S311
    acknowledged: Acknowledged = {}
    # The first line comes before the journal is opened: it is killed while it does that, too.
    moments = [1, 2, *(chance.randint(1, 500) for _ in range(8))]
    for number, lines in enumerate(moments):
        assert killed_after(lines, path, f"{seed}-{number}", acknowledged) >= lines
        # Every other time the next process is the first to open what the killed one left.
        if number % 2 and acknowledged:
            check(path, acknowledged)
    assert len(acknowledged) > 100
    anyio.run(_goes_on, path, acknowledged)


async def _goes_on(path: Path, acknowledged: Acknowledged) -> None:
    async with Journal.open(path, account=ACCOUNT) as journal:
        counts = await journal.counts()
        assert sum(counts.values()) >= len(acknowledged)
        doubtful = await journal.doubtful()
        assert len(doubtful) == counts[SourceState.SENDING]
        parcels = await journal.open_parcels()
        assert len(parcels) == counts[SourceState.SENT]
        for entry in doubtful:
            await journal.not_sent(entry.parcel or 0)
        assert await journal.doubtful() == []
    assert sorted(each.name for each in path.parent.iterdir()) == ["job.db", "job.db.lock"]


async def _open(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    for _ in range(2):
        await anyio.to_thread.run_sync(child.stdout.readline)


async def test_a_journal_that_another_process_has_open_is_refused_and_says_who_has_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT, memo={"a": "b"}) as journal:
        await journal.meet("k", "k", None)
    with process(path, "hold") as child:
        await _open(child)
        with pytest.raises(JournalError, match=rf"in use by process {child.pid}\b") as refused:
            async with Journal.open(path, account=ACCOUNT):
                pytest.fail("two have it open")
        assert f"klearstack journal {path}" in str(refused.value)
        summary = await summary_of(path)
        assert summary.pid == child.pid
        assert summary.counts[SourceState.FOUND] == 1
        assert child.stdin is not None
        child.stdin.close()
        assert await anyio.to_thread.run_sync(child.wait) == 0
    assert (await summary_of(path)).pid is None
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert journal.is_resumed


async def test_a_journal_can_be_read_after_its_process_was_killed_and_then_opened(
    tmp_path: Path,
) -> None:
    path = tmp_path / "job.db"
    with process(path, "hold") as child:
        await _open(child)
        pid = child.pid
    assert (await summary_of(path)).pid == pid
    async with Journal.open(path, account=ACCOUNT):
        pass
    summary = await summary_of(path)
    assert (summary.pid, summary.runs) == (None, 2)


async def test_one_process_cannot_open_a_journal_twice_by_whatever_name(tmp_path: Path) -> None:
    path, link = tmp_path / "job.db", tmp_path / "link.db"
    link.symlink_to(path)
    async with Journal.open(path, account=ACCOUNT) as journal:
        for name in (path, link):
            with pytest.raises(JournalError, match="another run of this very process"):
                async with Journal.open(name, account=ACCOUNT):
                    pytest.fail("it is open twice")
        await journal.meet("k", "k", None)
    async with Journal.open(link, account=ACCOUNT) as journal:
        assert journal.is_resumed
