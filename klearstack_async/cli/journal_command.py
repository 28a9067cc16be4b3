"""The command that shows how far the job of a journal is; also while a run goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from klearstack_async.bulk.journal import Summary, summary_of
from klearstack_async.bulk.journal_entries import Entry
from klearstack_async.bulk.states import FINAL_STATES, SourceState
from klearstack_async.cli.console import console_for, printable
from klearstack_async.cli.going_on import ways_on
from klearstack_async.cli.progress_text import amount, rate
from klearstack_async.cli.stopping import run

__all__ = ["journal", "show_journal"]

# Those that somebody should look at.
_BAD = (SourceState.FAILED, SourceState.IN_DOUBT)
_STYLES: Mapping[SourceState, str] = {
    SourceState.EXTRACTED: "green",
    SourceState.FAILED: "red",
    SourceState.IN_DOUBT: "yellow",
    SourceState.SKIPPED: "dim",
}


def journal(
    path: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="What `klearstack bulk --journal` wrote.")
    ],
    *,
    state: Annotated[
        SourceState | None, typer.Option(help="List the sources in this state.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="How many sources to list of a state; 0 lists all.")
    ] = 20,
) -> None:
    """Show how far a bulk run is, what has failed or is in doubt, and how to go on.

    It only reads, and may do so while the run goes on.

    Exit code: 0, or 2 if it is no journal.
    """
    run(show_journal(console_for(), path, state=state, limit=limit))


async def show_journal(
    console: Console, path: Path, *, state: SourceState | None = None, limit: int = 20
) -> None:
    """Show a journal.

    Args:
        console: Where to.
        path: The file.
        state: List the sources in this state, and nothing else; None shows the sums, and lists
            those that failed or are in doubt.
        limit: How many of a state to list; 0 lists all.

    Raises:
        JournalError: It is no journal.
    """
    summary = await summary_of(path)
    if state is not None:
        await _list(console, summary, state, limit)
        return
    _show_sums(console, summary)
    for bad in _BAD:
        if summary.counts[bad]:
            console.print()
            await _list(console, summary, bad, limit)
    has_open = any(n for state, n in summary.counts.items() if state not in FINAL_STATES)
    # A run that was stopped may not have found all of its sources.
    is_complete = False if has_open else None
    failed, in_doubt = (summary.counts[bad] for bad in _BAD)
    ways = ways_on(
        path,
        failed=failed,
        in_doubt=in_doubt,
        is_complete=is_complete,
        has_paths="paths" in summary.memo,
    )
    if ways and not _is_at_it(summary):
        console.print()
        for way in ways:
            _say(console, way)


def _show_sums(console: Console, summary: Summary) -> None:
    sources = sum(summary.counts.values())
    _say(console, f"Account: {printable(summary.account)}")
    _say(console, f"Begun {_time(summary.created_at)}. {_life(summary)}")
    _say(console, f"{sources:,} {'source' if sources == 1 else 'sources'}:")
    for state, count in summary.counts.items():
        if count:
            console.print(Text(f"  {state.value:<10}{count:>10,}", style=_STYLES.get(state, "")))
    _say(
        console,
        f"{summary.documents:,} documents read; {amount(summary.size_bytes)} in all sources"
        f"{_speed(summary)}",
    )


def _life(summary: Summary) -> str:
    last = _time(summary.last_active_at)
    runs = "1 run" if summary.runs == 1 else f"{summary.runs} runs"
    if summary.pid is None:
        return f"{runs}, the last of which ended {last}"
    if _is_at_it(summary):
        return f"{runs}; process {summary.pid} is at it, and noted something last {last}"
    return f"{runs}, the last of which was killed; it noted something last {last}"


def _is_at_it(summary: Summary) -> bool:
    """Say whether a run goes on, as far as that can be told without taking the journal's lock."""
    if summary.pid is None:
        return False
    if os.name != "posix":
        # There, asking a process by a signal ends it.
        return True
    try:
        os.kill(summary.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _speed(summary: Summary) -> str:
    seconds = (summary.last_active_at - summary.started_at).total_seconds()
    if not summary.ended_in_last_run or seconds <= 0:
        return ""
    return f"; {rate(summary.ended_in_last_run / seconds)} in the last run"


async def _list(console: Console, summary: Summary, state: SourceState, limit: int) -> None:
    shown = 0
    # It is a generator, and left half-way where there are more than wanted.
    found = summary.entries(state)
    async with aclosing(found) as entries:
        async for entry in entries:
            if limit and shown == limit:
                break
            console.print(_line(entry), soft_wrap=True)
            shown += 1
    total = summary.counts[state]
    if shown < total:
        _say(console, f"({shown:,} of {total:,} {state.value}; --limit 0 lists all)")
    elif not total:
        _say(console, f"none is {state.value}")


def _line(entry: Entry) -> Text:
    line = Text(f"{entry.state.value:<10}", style=_STYLES.get(entry.state, ""))
    reason = f"  {printable(entry.reason)}" if entry.reason else ""
    return line.append(f" {printable(entry.name)}{reason}", style="default")


def _time(instant: datetime) -> str:
    return f"{instant.astimezone():%Y-%m-%d %H:%M:%S}"


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
