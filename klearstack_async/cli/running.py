"""A bulk run as the commands `bulk` and `demo` make it: sources in, files and a display out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from rich.console import Console

from klearstack_async.bulk.engine import BulkOptions
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.sources import sources_from
from klearstack_async.cli.display import progress
from klearstack_async.cli.records import record_writer
from klearstack_async.client import KlearStack

__all__ = ["TABLE_ROWS", "Ran", "run_bulk"]

# A longer table helps nobody at a terminal; the files hold everything.
TABLE_ROWS = 60


@dataclass(slots=True)
class Ran:
    """What a run left behind for the summary.

    Attributes:
        report: The sums.
        rows: The outcomes to show: all of them if they are few.
        failures: The last ones that weren't extracted.
    """

    report: BulkReport = field(default_factory=BulkReport)
    rows: list[Outcome] = field(default_factory=list)
    failures: deque[Outcome] = field(default_factory=lambda: deque(maxlen=TABLE_ROWS))


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
    total: int | None = None

    async def count() -> None:
        nonlocal total
        number = 0
        async with aclosing(sources_from(paths)) as sources:
            async for _ in sources:
                number += 1
        total = number

    async with (
        client.bulk(paths, **options) as run,
        record_writer(jsonl, csv_file) as write,
        anyio.create_task_group() as tasks,
    ):
        ran.report = run.report
        tasks.start_soon(count)
        with progress(console) as show:
            async for outcome in run:
                await write(outcome)
                show(outcome, run.report, total)
                if len(ran.rows) <= TABLE_ROWS:
                    ran.rows.append(outcome)
                if outcome.state is not OutcomeState.EXTRACTED:
                    ran.failures.append(outcome)
