"""What a bulk run looks like: a bar for people, a line per document where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.cli.records import shown_field

__all__ = ["console_for", "outcome_table", "printable", "progress"]

_PLAIN_WIDTH = 160
# A picture may come back without any; that is no failure, but it should not look like a bug.
NO_FIELDS = "(no fields)"
_STYLES = {
    OutcomeState.EXTRACTED: "green",
    OutcomeState.FAILED: "red",
    OutcomeState.IN_DOUBT: "yellow",
    OutcomeState.SKIPPED: "dim",
}

Show = Callable[[Outcome, BulkReport, int | None], None]


def console_for(*, stderr: bool = False) -> Console:
    """Make a console; without a terminal it is wide enough to cut nothing."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH)
    return console


def printable(text: str) -> str:
    """Take what could steer a terminal out of a text that came from a file or a document."""
    return "".join(c if c.isprintable() else "�" for c in text)


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """Give the function that shows an outcome, for this console."""
    if not console.is_terminal:
        yield lambda outcome, _report, _total: console.print(_line(outcome), soft_wrap=True)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("Reading", total=None)

        def show(outcome: Outcome, report: BulkReport, total: int | None) -> None:
            bar.update(task, completed=report.finished, total=total)
            if outcome.state is not OutcomeState.EXTRACTED:
                bar.console.print(_line(outcome))

        yield show


def outcome_table(outcomes: list[Outcome]) -> Table:
    """Lay outcomes out as a table: file, state, number, date, total, confidence."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("state")
    table.add_column("invoice number", overflow="fold")
    table.add_column("date", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("confidence", justify="right")
    for outcome in outcomes:
        confidence = outcome.document.overall_confidence if outcome.document else None
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
