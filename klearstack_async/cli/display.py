"""What a bulk run looks like: a bar for people, a line per document where there is no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

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


_HEADINGS = ("file", "state", "invoice number", "date", "total", "confidence")
_RIGHT: dict[str, Any] = {"justify": "right"}
_COLUMNS: tuple[dict[str, Any], ...] = ({"overflow": "ellipsis"}, {}, {}, {}, _RIGHT, _RIGHT)
_LEAST_NAME = 10
_GAP = 2


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


def outcome_table(outcomes: list[Outcome], width: int) -> Table:
    """Lay outcomes out as a table: file, state, number, date, total, confidence.

    Args:
        outcomes: One row for each.
        width: The console's, in characters. Where it is narrow, the file's name gives way: the
            result files have it in full.
    """
    rows = [_row(outcome) for outcome in outcomes]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    left_for_names = width - sum(widths[1:]) - _GAP * (len(widths) - 1)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, settings in zip(_HEADINGS, _COLUMNS, strict=True):
        table.add_column(heading, no_wrap=True, **settings)
    table.columns[0].max_width = max(_LEAST_NAME, left_for_names)
    for outcome, row in zip(outcomes, rows, strict=True):
        cells = [Text(cell) for cell in row]
        cells[1].stylize(_STYLES[outcome.state])
        table.add_row(*cells)
    return table


def _row(outcome: Outcome) -> tuple[str, ...]:
    document = outcome.document
    bare = document is not None and not document.fields
    confidence = None if document is None else document.overall_confidence
    return (
        printable(_short(outcome.source)),
        outcome.state.value,
        NO_FIELDS if bare else _text(outcome, "Inv_Number"),
        _text(outcome, "Inv_Date"),
        _total(outcome),
        "" if confidence is None or bare else f"{confidence:.2f}",
    )


def _line(outcome: Outcome) -> Text:
    read = (_text(outcome, "Inv_Number"), _text(outcome, "Inv_Date"), _total(outcome))
    says = outcome.reason or " ".join(filter(None, read)) or NO_FIELDS
    state = Text(f"{outcome.state.value:<10}", style=_STYLES[outcome.state])
    return state.append(f" {printable(outcome.source)}  {printable(says)}", style="default")


def _text(outcome: Outcome, name: str) -> str:
    return printable(str(shown_field(outcome, name)))


def _total(outcome: Outcome) -> str:
    return f"{_text(outcome, 'Inv_Total')} {_text(outcome, 'Currency')}".strip()


def _short(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
