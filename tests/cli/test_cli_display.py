"""What a run shows, in a pipe and in terminals; the numbers are made up."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from klearstack_async import Outcome, OutcomeState
from klearstack_async.bulk.progress import Progress
from klearstack_async.cli.display import FIRST_LINES, MOST_PROBLEMS, QUIET_SECONDS, display_on
from klearstack_async.cli.going_on import resume_command, ways_on
from klearstack_async.cli.progress_text import amount, counted, duration, progress_line, rate
from klearstack_async.errors import Rejected

DAMAGED = Rejected("the file is damaged")


def progress(
    extracted: int = 0,
    *,
    failed: int = 0,
    total: int | None = 100_000,
    seconds: float = 1.0,
    trouble: str | None = None,
) -> Progress:
    return Progress(
        counts={OutcomeState.EXTRACTED: extracted, OutcomeState.FAILED: failed},
        earlier=0,
        found=extracted + 1_000,
        total=total,
        sending=8,
        waiting=992,
        sent_bytes=1_234_567_890,
        seconds=seconds,
        per_second=48.74,
        eta_seconds=None if total is None else 303.2,
        trouble=trouble,
    )


def outcome(number: int, state: OutcomeState = OutcomeState.EXTRACTED) -> Outcome:
    error = DAMAGED if state is OutcomeState.FAILED else None
    return Outcome(f"in/{number}.pdf", state, error=error)


def in_a_pipe() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=160, highlight=False), out


def test_a_pipe_of_a_long_run_gets_the_first_lines_then_only_what_went_wrong() -> None:
    console, out = in_a_pipe()
    with display_on(console) as display:
        for number in range(1_000):
            display.outcome(outcome(number))
        display.outcome(outcome(1_000, OutcomeState.FAILED))
        display.outcome(outcome(1_001, OutcomeState.SKIPPED))
    lines = out.getvalue().splitlines()
    assert [line.split()[1] for line in lines[:FIRST_LINES]] == [
        f"in/{number}.pdf" for number in range(FIRST_LINES)
    ]
    assert lines[FIRST_LINES:] == ["failed     in/1000.pdf  the file is damaged"]


def test_however_much_goes_wrong_the_output_is_bounded_and_says_so_once() -> None:
    console, out = in_a_pipe()
    with display_on(console) as display:
        for number in range(5_000):
            display.outcome(outcome(number, OutcomeState.FAILED))
    lines = out.getvalue().splitlines()
    assert len(lines) == FIRST_LINES + MOST_PROBLEMS + 1
    assert lines[-1] == "Further ones that were not extracted are only counted here"


def test_a_pipe_is_told_how_far_a_long_run_is_every_five_seconds() -> None:
    console, out = in_a_pipe()
    with display_on(console) as display:
        for tenth in range(1, 201):
            display.progress(progress(1_000 + tenth, seconds=tenth / 10))
    assert len(out.getvalue().splitlines()) == 20 / QUIET_SECONDS
    assert "\x1b" not in out.getvalue()


def test_a_pipe_that_gets_lines_anyway_is_not_told_how_far_a_short_run_is() -> None:
    console, out = in_a_pipe()
    with display_on(console) as display:
        for second in range(1, 31):
            display.outcome(outcome(second))
            display.progress(progress(second, seconds=second))
    assert len(out.getvalue().splitlines()) == 30


def test_a_pipe_that_gets_no_lines_is_told_that_the_run_is_alive() -> None:
    console, out = in_a_pipe()
    with display_on(console) as display:
        for second in range(1, 31):
            display.progress(progress(0, seconds=second))
    assert len(out.getvalue().splitlines()) == 30 / QUIET_SECONDS


def test_one_line_says_all_of_it() -> None:
    assert progress_line(progress(44_010, failed=60, trouble="the service is away")) == (
        "44,070 of 100,000 done: 44,010 extracted, 60 failed; 8 sending, 992 waiting for results, "
        "48.7/s, 1.2 GB sent; about 0:05:03 left; the service is away"
    )


def test_as_long_as_nobody_knows_the_total_it_says_how_many_were_found() -> None:
    line = progress_line(progress(10, total=None))
    assert line.startswith("10 of 1,010 found so far done: 10 extracted;")
    assert "left" not in line


def in_a_terminal(width: int, shown: Progress) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False)
    with console.capture() as captured, display_on(console) as display:
        display.progress(shown)
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", captured.get())
    return [line.rstrip() for line in text.split("\r")[-1].splitlines()]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("total", [100_000, None])
def test_no_terminal_is_too_narrow_for_the_bar(width: int, total: int | None) -> None:
    shown = progress(45_010, failed=60, total=total, trouble="the service is away; " * 9)
    lines = in_a_terminal(width, shown)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 5


def test_a_terminal_shows_states_speed_size_and_what_is_wrong() -> None:
    text = "\n".join(in_a_terminal(80, progress(45_010, failed=60, trouble="the service is away")))
    for part in (
        *("45,070/100,000", "45%", "0:00:01, about 0:05:03 left", "45,010 extracted, 60 failed"),
        *("8 sending, 992 waiting for results, 48.7/s, 1.2 GB sent", "the service is away"),
    ):
        assert part in text


def test_a_terminal_names_only_what_went_wrong() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=True)
    with console.capture() as captured, display_on(console) as display:
        display.outcome(outcome(1))
        display.outcome(outcome(2, OutcomeState.FAILED))
    assert "in/1.pdf" not in captured.get()
    assert "in/2.pdf" in captured.get()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00"),
        (59.6, "0:01:00"),
        (3_725, "1:02:05"),
        (86_399, "23:59:59"),
        (86_400, "1.0 days"),
        (-1, "0:00:00"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_500_000_000_000, "1.5 TB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_an_amount_never_shows_a_thousand_of_a_unit(size_bytes: int, text: str) -> None:
    assert amount(size_bytes) == text


def test_a_slow_run_is_measured_in_minutes() -> None:
    assert (rate(12.34), rate(1.0), rate(0.05)) == ("12.3/s", "1.0/s", "3.0/min")


def test_states_without_sources_are_not_listed() -> None:
    assert counted({"extracted": 0, "in_doubt": 2}) == "2 in doubt"
    assert counted({}) == "none yet"


def test_the_command_that_goes_on_can_be_pasted_into_a_shell() -> None:
    assert resume_command(Path("my job's.db"), "--retry-failed") == (
        """klearstack bulk --journal 'my job'"'"'s.db' --retry-failed"""
    )


@pytest.mark.parametrize(
    ("failed", "in_doubt", "is_complete", "says"),
    [
        (0, 0, True, []),
        (0, 0, False, ["Go on: klearstack bulk --journal j"]),
        (0, 0, None, ["Look for further sources: klearstack bulk --journal j"]),
        (3, 0, True, ["Try the failed ones again: klearstack bulk --journal j --retry-failed"]),
        (
            *(0, 1, True),
            [
                "See which are in doubt: klearstack journal j --state in_doubt",
                (
                    "Send those again, which may store them twice: "
                    "klearstack bulk --journal j --in-doubt resend"
                ),
            ],
        ),
    ],
)
def test_each_thing_that_is_left_has_its_command(
    failed: int, in_doubt: int, is_complete: bool | None, says: list[str]
) -> None:
    ways = ways_on(Path("j"), failed=failed, in_doubt=in_doubt, is_complete=is_complete)
    assert ways == says
