"""What is said at the end of a bulk run, however it ends. The user always reads how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.outcome import OutcomeState
from klearstack_async.cli.console import printable
from klearstack_async.cli.going_on import resume_command, ways_on
from klearstack_async.cli.job import Job
from klearstack_async.cli.running import TABLE_ROWS, Ran
from klearstack_async.cli.table import outcome_table

__all__ = ["EXTRACTED", "SOME_FAILED", "show_end", "told_how_to_go_on"]

EXTRACTED = 0
SOME_FAILED = 1
_TO_LOOK_AT = (OutcomeState.FAILED, OutcomeState.IN_DOUBT)
_FINE = (OutcomeState.EXTRACTED, OutcomeState.SKIPPED)


def show_end(console: Console, ran: Ran) -> int:
    """Show what a run that came to its end has brought, and give the command's exit code.

    Raises:
        KeyboardInterrupt: It came to its end because somebody stopped it.
    """
    if ran.job is None or ran.run is None:
        raise AssertionError("only a run that was made has come to its end")
    job, report = ran.job, ran.run.report
    _show_rows(console, ran)
    _say(console, f"{report}")
    for file in job.files:
        _say(console, f"Results: {file}")
    if not report.is_complete:
        _say(console, "Stopped before the end; what was under way has been finished.")
        _say_how(console, job, ran.run)
        raise KeyboardInterrupt
    if job.journal is not None:
        failed, in_doubt = (report.counts[state] for state in _TO_LOOK_AT)
        for way in ways_on(job.journal, failed=failed, in_doubt=in_doubt, is_complete=True):
            _say(console, way)
    is_fine = sum(report.counts[state] for state in _FINE) == report.finished
    return EXTRACTED if is_fine and not report.unmatched else SOME_FAILED


@contextmanager
def told_how_to_go_on(console: Console, ran: Ran) -> Iterator[None]:
    """Say how far a run is that doesn't come to its end, and how to go on, before the error.

    Raises:
        OSError: A result file can't be written; the message says what is missing in it.
    """
    try:
        yield
    except KeyboardInterrupt:
        if ran.job is not None and ran.run is not None:
            _say(console, f"Stopped. {ran.run.report}")
            _say_what_was_under_way(console, ran.job, ran.run)
            _say_how(console, ran.job, ran.run)
        raise
    except OSError as error:
        if ran.job is None or ran.run is None:
            raise
        raise OSError(_what_is_missing(error, ran.job, ran.run)) from None
    except Exception:
        if ran.job is not None and ran.run is not None:
            _say(console, f"Broken off. {ran.run.report}")
            _say_how(console, ran.job, ran.run)
        raise


def _show_rows(console: Console, ran: Ran) -> None:
    everything = len(ran.rows) <= TABLE_ROWS
    rows = sorted(ran.rows if everything else ran.failures, key=lambda outcome: outcome.source)
    if rows:
        console.print()
        console.print(outcome_table(rows, console.width))
    console.print()
    for outcome in rows:
        if outcome.reason:
            _say(console, printable(f"{outcome.source}: {outcome.reason}"))


def _say_what_was_under_way(console: Console, job: Job, run: BulkRun) -> None:
    under_way = len(run.under_way())
    if not under_way:
        return
    if job.journal is not None:
        _say(console, f"{under_way} more were under way; the journal knows how far they are.")
        return
    _say(
        console,
        f"{under_way} more were under way and stand in {job.out}, too. What was sent and not read "
        "yet is in_doubt: sending it again may store it twice.",
    )


def _say_how(console: Console, job: Job, run: BulkRun) -> None:
    if job.journal is not None:
        _say(console, f"Go on: {resume_command(job.journal)}")
    elif run.report.sources:
        _say(
            console,
            f"{job.out} says what is done. (With --journal FILE, the next run could go on here.)",
        )


def _what_is_missing(error: OSError, job: Job, run: BulkRun) -> str:
    where = f"{error.filename}: " if error.filename else ""
    what = f"{where}{error.strerror or error}"
    if job.journal is not None:
        return f"{what}; nothing is lost. Once there is room, go on: {resume_command(job.journal)}"
    left = [outcome for outcome in run.under_way() if outcome.batch_id or outcome.error is None]
    missing = run.unwritten + len(left)
    return f"{what}; {missing} documents sent are not in it" if run.report.sources else what


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
