"""Outcomes as people read them: one line, or one row of a table."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from klearstack_async.bulk.outcome import Outcome, OutcomeState
from klearstack_async.cli.console import printable
from klearstack_async.cli.records import shown_field

__all__ = ["STYLES", "outcome_line", "outcome_table"]

# A picture may come back without any; that is no failure, but it should not look like a bug.
NO_FIELDS = "(no fields)"
STYLES = {
    OutcomeState.EXTRACTED: "green",
    OutcomeState.FAILED: "red",
    OutcomeState.IN_DOUBT: "yellow",
    OutcomeState.SKIPPED: "dim",
    OutcomeState.UNMATCHED: "magenta",
}

_HEADINGS = ("file", "state", "invoice number", "date", "total", "confidence")
_RIGHT: dict[str, Any] = {"justify": "right"}
_COLUMNS: tuple[dict[str, Any], ...] = ({"overflow": "ellipsis"}, {}, {}, {}, _RIGHT, _RIGHT)
_LEAST_NAME = 10
_GAP = 2


def outcome_line(outcome: Outcome) -> Text:
    """Give an outcome as one line: its state, its source, and what was read or why it wasn't."""
    read = (_text(outcome, "Inv_Number"), _text(outcome, "Inv_Date"), _total(outcome))
    says = outcome.reason or " ".join(filter(None, read)) or NO_FIELDS
    state = Text(f"{outcome.state.value:<10}", style=STYLES[outcome.state])
    return state.append(f" {printable(outcome.source)}  {printable(says)}", style="default")


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
        cells[1].stylize(STYLES[outcome.state])
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


def _text(outcome: Outcome, name: str) -> str:
    return printable(str(shown_field(outcome, name)))


def _total(outcome: Outcome) -> str:
    return f"{_text(outcome, 'Inv_Total')} {_text(outcome, 'Currency')}".strip()


def _short(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
