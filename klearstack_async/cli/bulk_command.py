"""The commands that make a bulk run: `bulk`, and `demo`, which brings its own invoices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from klearstack_async.cli.arguments import BulkArguments, taking
from klearstack_async.cli.console import console_for
from klearstack_async.cli.ending import show_end, told_how_to_go_on
from klearstack_async.cli.job import Job, job_of
from klearstack_async.cli.running import Ran, run_job
from klearstack_async.cli.stopping import Stop, run

__all__ = ["bulk", "demo"]


@taking(BulkArguments)
def bulk(arguments: BulkArguments) -> None:
    """Upload files and folders, and write down what was read.

    The account comes from KLEARSTACK_URL, KLEARSTACK_COMPANY, KLEARSTACK_USERNAME and
    KLEARSTACK_PASSWORD. Without them, a sandbox on this machine reads the documents.

    Ctrl-C finishes what is under way and begins nothing more; Ctrl-C again stops at once.

    Exit code: 0 if everything was extracted (or skipped, as its content was), 1 if some documents
    were not, 2 if the run could not be made or had to stop (the journal is in use, the service is
    gone, the disk is full), 130 if somebody stopped it.
    """

    async def work(console: Console, ran: Ran, stop: Stop) -> None:
        job = await job_of(arguments)
        await run_job(job, console, ran, stop, sandbox=arguments.sandbox, rate=arguments.rate)

    raise typer.Exit(_carried_out(work, console_for()))


def demo(
    folder: Annotated[Path, typer.Option(help="Where to put the invoices and the results.")] = Path(
        "klearstack-demo"
    ),
) -> None:
    """Make sample invoices and read them with a sandbox on this machine. Needs no account."""
    from klearstack_async.sandbox.samples import write_samples  # noqa: PLC0415 - an extra

    console = console_for()
    invoices = folder / "invoices"
    samples = write_samples(invoices)
    broken = sum(sample.kind == "broken" for sample in samples)
    pictures = sum(sample.kind == "picture" for sample in samples)
    console.print(
        f"Made {len(samples)} sample invoices in {invoices} "
        f"({broken} damaged on purpose, {pictures} pictures without text)",
        markup=False,
        soft_wrap=True,
    )
    job = Job(
        paths=(str(invoices),),
        out=folder / "results.jsonl",
        csv=folder / "results.csv",
        overwrite=True,
    )

    async def work(console: Console, ran: Ran, stop: Stop) -> None:
        await run_job(job, console, ran, stop, sandbox=True)

    # Its damaged sample is meant to fail.
    _carried_out(work, console)


def _carried_out(work: Callable[[Console, Ran, Stop], Awaitable[None]], console: Console) -> int:
    """Carry a run out and say how it ended; gives the exit code."""
    ran, stop = Ran(), Stop()

    async def until_its_end() -> None:
        await work(console, ran, stop)

    def show_cursor() -> None:
        # The display hides it.
        console.show_cursor(show=True)

    stop.in_despair = show_cursor
    with told_how_to_go_on(console, ran):
        run(until_its_end(), stop)
    return show_end(console, ran)
