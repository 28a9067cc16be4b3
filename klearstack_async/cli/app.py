"""The commands: which there are. What each does is in a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from klearstack_async._version import __version__
from klearstack_async.cli.bulk_command import bulk, demo
from klearstack_async.cli.console import console_for
from klearstack_async.cli.endpoints import show_endpoints
from klearstack_async.cli.journal_command import journal
from klearstack_async.cli.sandbox_server import sandbox
from klearstack_async.configuration import read_configuration
from klearstack_async.endpoints.catalogue import with_overrides

__all__ = ["app"]

app = typer.Typer(
    name="klearstack",
    help="Read invoices and other documents with KlearStack (an unofficial client).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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


app.command()(demo)
app.command()(bulk)
app.command()(journal)
app.command()(sandbox)


@app.command()
def endpoints() -> None:
    """List the API's endpoints: where they are, how surely they are known, what a retry does.

    What KLEARSTACK_ENDPOINTS or the file of KLEARSTACK_CONFIG says otherwise is shown as set.
    """
    show_endpoints(console_for(), with_overrides(read_configuration().endpoints).values())
