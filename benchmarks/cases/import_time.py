"""`from klearstack_async import KlearStack`, beside `import aiohttp`, which it can't do without.

Measured: whole processes, `python -c "..."`, one after the other, from start to end: the
interpreter's own start is in all of them, and that of `python -c pass` is shown beside. Modules are
compiled before the clock starts.

`import klearstack_async` alone is shown, too, but is nobody's program: names are imported when they
are first used. What only some programs use, such as the journal of bulk runs, comes with its first
use and isn't measured here.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.measuring import measured_sync

__all__ = ["CASE"]


def _running(code: str) -> Callable[[Setting], Figures]:
    """Make a contender that runs a program some times over."""

    def run_it(setting: Setting) -> Figures:
        command = [sys.executable, "-c", code]
        subprocess.run(command, check=True)
        before = _seconds_of_children()
        with measured_sync() as measure:
            for _ in range(setting["processes"]):
                subprocess.run(command, check=True)
        figures = measure.figures(setting["processes"])
        cpu = _seconds_of_children() - before
        # The memory is the children's, and they are gone.
        return replace(figures, cpu_seconds=cpu, grown_bytes=None)

    return run_it


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CASE = Case(
    name="import-time",
    title="import time of `klearstack_async`",
    contenders={
        "klearstack_async": _running("from klearstack_async import KlearStack"),
        "aiohttp": _running("import aiohttp"),
        "klearstack_async, no name of it": _running("import klearstack_async"),
        "python -c pass": _running("pass"),
    },
    goals=(Goal("aiohttp", 1.25, kind="at_most"),),
    is_race=False,
    quick={"processes": 2},
    full={"processes": 8},
)
