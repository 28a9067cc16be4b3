"""What a bulk run looks like: a bar for people, a line per document where there is no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.cli.records import shown_field

__all__ = ["Display", "console_for", "display_on", "outcome_table", "printable"]

_PLAIN_WIDTH = 160
# A picture may come back without any; that is no failure, but it should not look like a bug.
NO_FIELDS = "(no fields)"
_STYLES = {
    OutcomeState.EXTRACTED: "green",
    OutcomeState.FAILED: "red",
    OutcomeState.IN_DOUBT: "yellow",
    OutcomeState.SKIPPED: "dim",
}


class _Console(Console):
    """A console whose reader may go away (`| head -1`): the run and its files go on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def console_for() -> Console:
    """Make a console; without a terminal it is wide enough to cut nothing."""
    if sys.stdout.isatty():
        return _Console(highlight=False)
    return _Console(highlight=False, width=_PLAIN_WIDTH)


def printable(text: str) -> str:
    """Take what could steer a terminal out of a text that came from a file or a document."""
    return "".join(c if c.isprintable() else "�" for c in text)


class Display(Protocol):
    """What a run shows while it goes on."""

    def outcome(self, outcome: Outcome) -> None:
        """Show how a source ended."""

    def progress(self, report: BulkReport, total: int | None) -> None:
        """Show how far the run is; the total is None until it is known."""


class _Lines:
    """A line for each source, for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def outcome(self, outcome: Outcome) -> None:
        self._console.print(_line(outcome), soft_wrap=True)

    def progress(self, report: BulkReport, total: int | None) -> None:
        """Show nothing: the lines are the progress."""


class _Bar:
    """A bar, and a line for each source that needs a look, for people."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("uploading", total=None)

    def outcome(self, outcome: Outcome) -> None:
        if outcome.state is not OutcomeState.EXTRACTED:
            self._bar.console.print(_line(outcome))

    def progress(self, report: BulkReport, total: int | None) -> None:
        self._bar.update(
            self._task,
            completed=report.finished,
            total=total,
            description=f"{report.uploaded} uploaded, {report.finished} done",
        )


@contextmanager
def display_on(console: Console) -> Iterator[Display]:
    """Give the display that suits this console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        yield _Bar(bar)


def outcome_table(outcomes: list[Outcome]) -> Table:
    """Lay outcomes out as a table: file, state, number, date, total, confidence."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    # On a narrow terminal the file's name is what gives way: the files have it in full.
    table.add_column("file", overflow="ellipsis", no_wrap=True, ratio=1)
    table.add_column("state", no_wrap=True)
    table.add_column("invoice number", no_wrap=True)
    table.add_column("date", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("conf.", justify="right", no_wrap=True)
    for outcome in outcomes:
        document = outcome.document
        confidence = None if document is None else document.overall_confidence
        table.add_row(
            Text(printable(_short(outcome.source))),
            Text(outcome.state.value, style=_STYLES[outcome.state]),
            Text(NO_FIELDS) if _is_bare(outcome) else _cell(outcome, "Inv_Number"),
            _cell(outcome, "Inv_Date"),
            Text(_total(outcome)),
            Text("" if confidence is None else f"{confidence:.2f}"),
        )
    return table


def _line(outcome: Outcome) -> Text:
    read = (_text(outcome, "Inv_Number"), _text(outcome, "Inv_Date"), _total(outcome))
    says = outcome.reason or " ".join(filter(None, read)) or NO_FIELDS
    state = Text(f"{outcome.state.value:<10}", style=_STYLES[outcome.state])
    return state.append(f" {printable(outcome.source)}  {printable(says)}", style="default")


def _is_bare(outcome: Outcome) -> bool:
    return outcome.document is not None and not outcome.document.fields


def _cell(outcome: Outcome, name: str) -> Text:
    return Text(_text(outcome, name))


def _text(outcome: Outcome, name: str) -> str:
    return printable(str(shown_field(outcome, name)))


def _total(outcome: Outcome) -> str:
    return f"{_text(outcome, 'Inv_Total')} {_text(outcome, 'Currency')}".strip()


def _short(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
