"""What the tests of the example share: its command in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from klearstack_async.configuration import CONFIG_FILE
from klearstack_async.settings import ENVIRONMENT

COMMAND = (sys.executable, "-m", "klearstack_async.examples.invoices")


@dataclass
class Command:
    """The running command."""

    process: subprocess.Popen[str]
    url: str

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; give the exit code, and what was said until then."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, said


def environment(account: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of a process, with this account or with none."""
    theirs = {*ENVIRONMENT.values(), CONFIG_FILE}
    return {name: value for name, value in os.environ.items() if name not in theirs} | {
        **(account or {})
    }


@contextmanager
def example(account: Mapping[str, str] | None = None) -> Iterator[Command]:
    """Run the command on a free port."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(account),
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, line
            yield Command(process, found[0])
        finally:
            process.kill()
