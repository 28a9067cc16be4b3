"""A bulk run as the commands `bulk` and `demo` make it: sources in, files and a display out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from rich.console import Console

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.options import BulkOptions
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.sources import sources_from
from klearstack_async.cli.display import Display, display_on
from klearstack_async.cli.records import RecordFiles
from klearstack_async.client import KlearStack

__all__ = ["TABLE_ROWS", "Ran", "run_bulk"]

# A longer table helps nobody at a terminal; the files hold everything.
TABLE_ROWS = 60
_REFRESH_SECONDS = 0.1


@dataclass(slots=True)
class Ran:
    """What a run left behind for the summary.

    Attributes:
        report: The sums.
        rows: The outcomes to show: all of them if they are few.
        failures: The last ones that weren't extracted.
        under_way: How many were under way when the run was stopped, and are written down.
        unwritten: How many could not be written down.
    """

    report: BulkReport = field(default_factory=BulkReport)
    rows: list[Outcome] = field(default_factory=list)
    failures: deque[Outcome] = field(default_factory=lambda: deque(maxlen=TABLE_ROWS))
    under_way: int = 0
    unwritten: int = 0

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome for the summary, if there is room for it."""
        if len(self.rows) <= TABLE_ROWS:
            self.rows.append(outcome)
        if outcome.state is not OutcomeState.EXTRACTED:
            self.failures.append(outcome)


async def run_bulk(
    client: KlearStack,
    paths: Sequence[Path],
    console: Console,
    ran: Ran,
    *,
    jsonl: Path,
    csv_file: Path | None = None,
    options: BulkOptions,
) -> None:
    """Upload everything below the paths, show how it goes, and write what comes back.

    Args:
        client: The service.
        paths: Files and folders.
        console: Where to show it.
        ran: Filled as the run goes on, so that it holds what was reached when the run is stopped.
        jsonl: The file for one line of JSON per source.
        csv_file: The file for one row per source, or None.
        options: See `BulkOptions`.
    """
    if await _is_empty(paths):
        raise ValueError(f"no PDF, JPEG or PNG in {', '.join(map(str, paths))}")
    files = RecordFiles(jsonl, csv_file)
    try:
        # A wrong password must not cost earlier results.
        await client.auth.login()
        files.begin()
        await _run_and_write(client.bulk(paths, **options), paths, console, ran, files)
    finally:
        files.forget()


async def _run_and_write(
    run: BulkRun, paths: Sequence[Path], console: Console, ran: Ran, files: RecordFiles
) -> None:
    ran.report = run.report
    try:
        with display_on(console) as display:
            shower = asyncio.create_task(_keep_showing(display, ran, paths))
            try:
                async with run:
                    async for outcome in run:
                        files.write(outcome)
                        display.outcome(outcome)
                        ran.add(outcome)
            finally:
                shower.cancel()
            display.progress(run.report, run.report.finished)
    finally:
        # Only now that the run has stopped is it settled what was under way.
        for outcome in run.under_way():
            try:
                files.write(outcome)
                ran.under_way += 1
            except OSError:
                ran.unwritten += 1


async def _is_empty(paths: Sequence[Path]) -> bool:
    async with aclosing(sources_from(paths)) as sources:
        return await anext(sources, None) is None


async def _keep_showing(display: Display, ran: Ran, paths: Sequence[Path]) -> None:
    """Show how far the run is, at first without knowing how far it has to go."""
    total: int | None = None

    async def count() -> None:
        nonlocal total
        number = 0
        async with aclosing(sources_from(paths)) as sources:
            async for _ in sources:
                number += 1
        total = number

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        while True:
            display.progress(ran.report, total)
            await anyio.sleep(_REFRESH_SECONDS)
