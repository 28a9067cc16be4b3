"""What a bulk run looks like: a bar for people, lines where there is no terminal.

Neither grows with the run: of 100,000 outcomes only the first are shown one by one, then those
that went wrong, and of these no more than somebody would read. The result files have them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from klearstack_async.bulk.outcome import Outcome, OutcomeState
from klearstack_async.bulk.progress import Progress
from klearstack_async.cli.progress_text import counted, duration, flow, progress_line
from klearstack_async.cli.table import outcome_line

__all__ = ["FIRST_LINES", "MOST_PROBLEMS", "QUIET_SECONDS", "Display", "display_on"]

FIRST_LINES = 200
MOST_PROBLEMS = 200
QUIET_SECONDS = 5.0
_ONLY_COUNTED = "Further ones that were not extracted are only counted here"
_FINE = {OutcomeState.EXTRACTED, OutcomeState.SKIPPED}


class Display(Protocol):
    """What a run shows while it goes on."""

    def outcome(self, outcome: Outcome) -> None:
        """Show how a source ended."""

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""

    def say(self, sentence: str) -> None:
        """Show a sentence."""


class _Shown:
    """The lines of a run, with their bounds."""

    def __init__(self, console: Console, first_lines: int) -> None:
        self._console = console
        self._lines_left = first_lines
        self._problems = 0

    def outcome(self, outcome: Outcome) -> bool:
        """Show an outcome if it is among the first, or went wrong; say whether it was shown."""
        is_problem = outcome.state not in _FINE
        if self._lines_left > 0:
            self._lines_left -= 1
        elif not is_problem:
            return False
        else:
            self._problems += 1
            if self._problems > MOST_PROBLEMS:
                if self._problems == MOST_PROBLEMS + 1:
                    self.say(_ONLY_COUNTED)
                return False
        # A terminal's lines are wrapped at words; what reads a pipe wants one line for each.
        self._console.print(outcome_line(outcome), soft_wrap=not self._console.is_terminal)
        return True

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self._console.print(sentence, markup=False, soft_wrap=not self._console.is_terminal)


class _Lines:
    """Lines, for pipes and files. It is never quiet for long."""

    def __init__(self, console: Console) -> None:
        self._shown = _Shown(console, FIRST_LINES)
        self._was_quiet = True
        self._next_at_seconds = QUIET_SECONDS

    def outcome(self, outcome: Outcome) -> None:
        if self._shown.outcome(outcome):
            self._was_quiet = False

    def progress(self, progress: Progress) -> None:
        if progress.seconds < self._next_at_seconds:
            return
        self._next_at_seconds = progress.seconds + QUIET_SECONDS
        if self._was_quiet or progress.finished > FIRST_LINES:
            self.say(progress_line(progress))
        self._was_quiet = True

    def say(self, sentence: str) -> None:
        self._shown.say(sentence)


class _Bar:
    """A bar and the sums, and a line for each source that needs a look, for people."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._shown = _Shown(live.console, 0)

    def outcome(self, outcome: Outcome) -> None:
        self._shown.outcome(outcome)

    def progress(self, progress: Progress) -> None:
        self._live.update(_panel(progress), refresh=True)

    def say(self, sentence: str) -> None:
        self._shown.say(sentence)


@contextmanager
def display_on(console: Console) -> Iterator[Display]:
    """Give the display that suits this console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    # Refreshed by what there is to show: a thread of its own would draw the same again.
    with Live(Text("starting"), console=console, auto_refresh=False) as live:
        yield _Bar(live)


def _panel(progress: Progress) -> RenderableType:
    lines: list[RenderableType] = [
        _bar(progress),
        _line(counted(progress.counts)),
        _line(flow(progress)),
    ]
    if progress.trouble:
        lines.append(_line(progress.trouble, style="yellow"))
    return Group(*lines)


def _bar(progress: Progress) -> Table:
    total, finished = progress.total, progress.finished
    grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    time = duration(progress.seconds)
    if progress.eta_seconds is not None:
        time += f", about {duration(progress.eta_seconds)} left"
    if total is None:
        # No moving bar: what is known is that it goes on, and the numbers say so.
        grid.add_row(f"{finished:,} of {progress.found:,} found so far", "", time)
    else:
        share = f"{100 * finished // total}%" if total else ""
        bar = ProgressBar(total=max(total, 1), completed=finished)
        grid.add_row(f"{finished:,}/{total:,}", bar, f"{share}  {time}")
    return grid


def _line(sentence: str, style: str = "") -> Text:
    return Text(sentence, style=style, no_wrap=True, overflow="ellipsis")
