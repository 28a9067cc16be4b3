"""Signals, sent for real to a process that runs a command."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# A command that says what happens to it; `{gently}` and `{cleaning_up}` are put in by each test.
PROGRAM = """
import asyncio, signal, sys, time
from klearstack_async.cli import stopping
from klearstack_async.cli.stopping import Stop, run

stopping.PATIENCE_SECONDS = 0.2
stop = Stop()
{set_up}

async def work():
    stop.gently = {gently}
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaning up", flush=True)
        {cleaning_up}

try:
    run(work(), stop)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


class Command:
    def __init__(
        self, gently: str = "None", cleaning_up: str = "pass", set_up: str = "pass"
    ) -> None:
        program = PROGRAM.format(gently=gently, cleaning_up=cleaning_up, set_up=set_up)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, list[str]]:
        out, err = self.process.communicate(timeout=20)
        assert err == ""
        return self.process.returncode, out.splitlines()


@pytest.fixture
def command() -> Iterator[type[Command]]:
    made: list[Command] = []

    class Watched(Command):
        def __init__(self, *given: str, **named: str) -> None:
            super().__init__(*given, **named)
            made.append(self)

    yield Watched
    for each in made:
        each.process.kill()
        each.process.communicate()


GENTLY = "lambda: print('finishing', flush=True)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_anything_to_finish_one_signal_stops_and_cleans_up(
    number: signal.Signals, command: type[Command]
) -> None:
    running = command()
    running.send(number)
    assert running.end() == (0, ["cleaning up", "stopped"])


def test_the_first_ctrl_c_finishes_and_the_second_stops(command: type[Command]) -> None:
    running = command(GENTLY)
    running.send(signal.SIGINT)
    assert running.line() == "finishing"
    assert running.process.poll() is None
    running.send(signal.SIGINT)
    assert running.end() == (0, ["cleaning up", "stopped"])


def test_kill_stops_at_once_also_while_something_is_finished(command: type[Command]) -> None:
    running = command(GENTLY)
    running.send(signal.SIGINT)
    assert running.line() == "finishing"
    running.send(signal.SIGTERM)
    assert running.end() == (0, ["cleaning up", "stopped"])


def test_impatience_does_not_cut_the_cleaning_up_short(command: type[Command]) -> None:
    running = command(cleaning_up="await asyncio.sleep(0.1)")
    running.send(signal.SIGINT)
    assert running.line() == "cleaning up"
    running.send(signal.SIGINT)
    assert running.end() == (0, ["stopped"])


def test_a_cleaning_up_that_hangs_is_ended_by_one_more_signal(command: type[Command]) -> None:
    running = command(
        set_up="stop.in_despair = lambda: print('in despair', flush=True)",
        cleaning_up="""
        while True:
            time.sleep(0) or await asyncio.sleep(0.01)
            print(flush=True)""",
    )
    running.send(signal.SIGINT)
    assert running.line() == "cleaning up"
    # Each line is a hundredth of a second, at least.
    for _ in range(60):
        running.line()
    running.send(signal.SIGINT)
    code, lines = running.end()
    assert code == 130
    assert lines[-1] == "in despair"


def test_what_a_shell_has_ignore_ctrl_c_goes_on_ignoring_it(command: type[Command]) -> None:
    running = command(GENTLY, set_up="signal.signal(signal.SIGINT, signal.SIG_IGN)")
    running.send(signal.SIGINT)
    running.send(signal.SIGTERM)
    assert running.end() == (0, ["cleaning up", "stopped"])


def test_a_command_that_ends_by_itself_ends_as_it_would(tmp_path: Path) -> None:
    program = """
from klearstack_async.cli.stopping import run

async def work():
    raise ValueError("its own")

try:
    run(work())
except ValueError as error:
    print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (ended.stdout, ended.stderr) == ("its own\n", "")
