"""The commands and their options; what they do is in `running.py`, how it looks in `display.py`."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from klearstack_async._version import __version__
from klearstack_async.bulk.options import WORKERS
from klearstack_async.bulk.outcome import OutcomeState
from klearstack_async.cli.display import console_for, outcome_table, printable
from klearstack_async.cli.endpoints import show_endpoints
from klearstack_async.cli.running import TABLE_ROWS, Ran, run_bulk
from klearstack_async.cli.sandbox_server import sandbox
from klearstack_async.cli.service import client_for
from klearstack_async.cli.stopping import run as run_to_end
from klearstack_async.configuration import read_configuration
from klearstack_async.endpoints.catalogue import with_overrides
from klearstack_async.limits import Rate
from klearstack_async.settings import DocumentType

__all__ = ["app"]

app = typer.Typer(
    name="klearstack",
    help="Read invoices and other documents with KlearStack (an unofficial client).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

SOME_FAILED = 1


def _path(text: str) -> Path:
    # An unset shell variable would mean the current folder, and upload all of it.
    if not text:
        raise typer.BadParameter("a path is empty")
    return Path(text)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"klearstack-async {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _show: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Read invoices and other documents with KlearStack (an unofficial client)."""


@app.command()
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
    ran = Ran()
    jsonl, csv_file = folder / "results.jsonl", folder / "results.csv"

    async def run() -> None:
        async with client_for(console, sandbox=True) as client:
            await run_bulk(
                client, [invoices], console, ran, jsonl=jsonl, csv_file=csv_file, options={}
            )

    _run_or_say_how_far(run(), console, ran, jsonl)
    _summary(console, ran, jsonl, csv_file)


@app.command()
def bulk(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files and folders of PDFs, JPEGs and PNGs.", parser=_path),
    ],
    *,
    out: Annotated[Path, typer.Option(help="One line of JSON for each file.")] = Path(
        "results.jsonl"
    ),
    csv: Annotated[Path | None, typer.Option(help="Also one row of CSV for each file.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace result files that exist.")] = False,
    document_type: Annotated[
        str, typer.Option(help="What the documents are, such as Invoices or Receipts.")
    ] = DocumentType.INVOICES,
    workers: Annotated[int, typer.Option(min=1, help="How many uploads at a time.")] = WORKERS,
    rate: Annotated[
        float | None,
        typer.Option(
            help="How many calls per second at most; as many as the service takes if not set."
        ),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use a sandbox even if an account is set.")
    ] = False,
) -> None:
    """Upload files and folders, and write down what was read.

    The account comes from KLEARSTACK_URL, KLEARSTACK_COMPANY, KLEARSTACK_USERNAME and
    KLEARSTACK_PASSWORD. Without them, a sandbox on this machine reads the documents.

    Exit code: 0 if everything was extracted, 1 if some documents were not, 2 if the run could
    not be made, 130 if it was stopped.
    """
    console = console_for()
    files = [path for path in (out, csv) if path is not None]
    _check_inputs(paths)
    _check_outputs(files, overwrite=overwrite)
    ran = Ran()

    async def run() -> None:
        async with client_for(console, sandbox=sandbox, rate=Rate(rate)) as client:
            await run_bulk(
                client,
                paths,
                console,
                ran,
                jsonl=out,
                csv_file=csv,
                options={"document_type": document_type, "workers": workers},
            )

    _run_or_say_how_far(run(), console, ran, out)
    _summary(console, ran, out, csv)
    if ran.report.counts[OutcomeState.EXTRACTED] < ran.report.finished:
        raise typer.Exit(SOME_FAILED)


app.command()(sandbox)


@app.command()
def endpoints() -> None:
    """List the API's endpoints: where they are, how surely they are known, what a retry does.

    What KLEARSTACK_ENDPOINTS or the file of KLEARSTACK_CONFIG says otherwise is shown as set.
    """
    show_endpoints(console_for(), with_overrides(read_configuration().endpoints).values())


def _run_or_say_how_far(
    work: Coroutine[Any, Any, None], console: Console, ran: Ran, out: Path
) -> None:
    try:
        run_to_end(work)
    except KeyboardInterrupt:
        console.print(f"Stopped. {ran.report}", markup=False)
        if ran.under_way:
            console.print(
                f"{ran.under_way} more were under way and stand in {out}, too. "
                "What was sent and not read yet is in_doubt: sending it again may store it twice.",
                markup=False,
            )
        raise
    except OSError as error:
        # The one that failed was an outcome, too.
        left = f"; {ran.unwritten + 1} documents sent are not in it" if ran.report.started else ""
        where = f"{error.filename}: " if error.filename else ""
        raise OSError(f"{where}{error.strerror or error}{left}") from None


def _check_inputs(paths: list[Path]) -> None:
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ValueError(f"there is no {', no '.join(missing)}")


def _check_outputs(files: list[Path], *, overwrite: bool) -> None:
    if len({file.resolve() for file in files}) < len(files):
        raise ValueError("--out and --csv are the same file; give them two names")
    existing = [str(path) for path in files if path.is_file()]
    if existing and not overwrite:
        raise ValueError(
            f"{' and '.join(existing)} would be replaced; choose another name, or pass --overwrite"
        )


def _summary(console: Console, ran: Ran, *files: Path | None) -> None:
    everything = ran.report.finished <= TABLE_ROWS
    rows = sorted(ran.rows if everything else ran.failures, key=lambda outcome: outcome.source)
    if rows:
        console.print()
        console.print(outcome_table(rows, console.width))
    console.print()
    for outcome in rows:
        if outcome.reason:
            sentence = printable(f"{outcome.source}: {outcome.reason}")
            console.print(sentence, markup=False, soft_wrap=True)
    console.print(f"{ran.report}", markup=False)
    for file in files:
        if file is not None:
            console.print(f"Results: {file}", markup=False, soft_wrap=True)
