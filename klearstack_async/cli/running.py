"""A bulk run as the commands `bulk` and `demo` make it: sources in, files and a display out."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.outcome import Outcome, OutcomeState
from klearstack_async.bulk.sources import sources_from
from klearstack_async.cli.display import Display, display_on
from klearstack_async.cli.job import Job, check_that_there_is_something
from klearstack_async.cli.service import Place, client_for
from klearstack_async.cli.stopping import Stop
from klearstack_async.client import KlearStack
from klearstack_async.limits import Rate

__all__ = ["TABLE_ROWS", "Ran", "run_job"]

# A longer table helps nobody at a terminal; the files hold everything.
TABLE_ROWS = 60


@dataclass(slots=True)
class Ran:
    """What a run left behind for the summary; filled as the run goes on.

    Attributes:
        job: What was to be done; None as long as that isn't known.
        run: The run; None before it is entered.
        rows: The outcomes to show: all of them if they are few.
        failures: The last ones that weren't extracted.
    """

    job: Job | None = None
    run: BulkRun | None = None
    rows: list[Outcome] = field(default_factory=list)
    failures: deque[Outcome] = field(default_factory=lambda: deque(maxlen=TABLE_ROWS))

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome for the summary, if there is room for it."""
        if len(self.rows) <= TABLE_ROWS:
            self.rows.append(outcome)
        if outcome.state is not OutcomeState.EXTRACTED:
            self.failures.append(outcome)


async def run_job(
    job: Job, console: Console, ran: Ran, stop: Stop, *, sandbox: bool, rate: float | None = None
) -> None:
    """Upload what the job names, show how it goes, and have written what comes back.

    Args:
        job: What to do.
        console: Where to show it.
        ran: Filled as the run goes on, so that it holds what was reached when the run is stopped.
        stop: Told how the run is stopped without cutting anything off.
        sandbox: Use a sandbox even if an account is set.
        rate: How many calls per second at most.
    """
    ran.job = job
    place = _place(job, sandbox=sandbox)
    async with client_for(console, place, rate=Rate(rate)) as client:
        if not job.is_resumed:
            await check_that_there_is_something(job)
        with display_on(console) as display:
            options = job.options.copy()
            options["on_progress"] = display.progress
            options["out"] = job.sinks()
            options["journal"], options["memo"] = job.journal, _memo(job, client, place)
            await _show(client.bulk(job.paths, **options), job, display, ran, stop)


async def _show(run: BulkRun, job: Job, display: Display, ran: Ran, stop: Stop) -> None:
    async with run:
        ran.run = run
        with _stopped_gently(run, display, stop), _counting(run, job):
            async for outcome in run:
                display.outcome(outcome)
                ran.add(outcome)


@contextmanager
def _stopped_gently(run: BulkRun, display: Display, stop: Stop) -> Iterator[None]:
    """Have the first Ctrl-C finish what is under way."""

    def gently() -> None:
        run.stop()
        display.say(
            f"Stopping: nothing more is begun, and the {run.report.under_way:,} under way are "
            "finished first. Ctrl-C again stops at once"
        )

    stop.gently = gently
    try:
        yield
    finally:
        stop.gently = None


@contextmanager
def _counting(run: BulkRun, job: Job) -> Iterator[None]:
    """Count the sources meanwhile: a run pulls them only as it needs them."""

    async def count() -> None:
        number = 0
        async with aclosing(sources_from(job.paths, pattern=job.options.get("pattern"))) as sources:
            async for _ in sources:
                number += 1
        run.expect(number)

    counting = asyncio.create_task(count())
    try:
        yield
    finally:
        counting.cancel()


def _place(job: Job, *, sandbox: bool) -> Place:
    """Keep a journal's own sandbox beside it: what was sent there is to be found there again."""
    if job.journal is None:
        return Place(sandbox=sandbox)
    folder = job.journal.with_name(f"{job.journal.name}.sandbox")
    port = job.sandbox_port
    return Place(sandbox=sandbox or port is not None, folder=folder, port=port or 0)


def _memo(job: Job, client: KlearStack, place: Place) -> dict[str, str]:
    if not place.is_own:
        return dict(job.memo)
    port = int(client.account.url.rpartition(":")[2])
    return {**job.memo, "sandbox_port": json.dumps(port)}
