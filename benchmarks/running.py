"""Running the contenders of a case in turn, each run in a process of its own.

The server has the last core to itself; a contender, whoever it is and however many threads it has,
gets all the others (one, on a machine of two cores). So nobody takes time from the server that the
others don't, and what is compared is the work that a client does. `pinned=False` leaves it to the
system: on two cores, a client of several threads then gains what the server leaves of its core,
and loses some to the scheduler's moods.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.case import Case, Figures, Setting

__all__ = ["Result", "can_pin", "run_case", "run_hostile"]

_ROOT = Path(__file__).resolve().parent.parent
_TIMEOUT_SECONDS = 900


@dataclass
class Result:
    """What a case's runs gave.

    Attributes:
        case: Which case.
        figures: By contender, one for each run, in their order.
        left_out: By contender, why it was not run.
        failed: By contender, the last words of the run that failed; it wasn't run again.
    """

    case: Case
    figures: dict[str, list[Figures]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def is_cut(self) -> set[str]:
        """The contenders that did fewer items than ours, so that their time is extrapolated."""
        items = {name: runs[0].items for name, runs in self.figures.items() if runs}
        most = items.get(self.case.ours, 0)
        return {name for name, count in items.items() if self.case.is_race and count < most}


def run_case(case: Case, *, quick: bool, runs: int, pinned: bool = True) -> Result:
    """Run all contenders of a case in turn: A B C A B C ..."""
    result = Result(case, left_out=_lacking(case))
    contenders = [name for name in case.contenders if name not in result.left_out]
    if not contenders:
        return result
    with _staged(case, quick=quick, hostile=0.0, pinned=pinned) as setting:
        turns = {name: (name, setting) for name in contenders}
        _run_in_turn(result, turns, runs, pinned=pinned)
    return result


def run_hostile(
    case: Case, *, quick: bool, runs: int, share: float = 0.01, pinned: bool = True
) -> Result:
    """Run ours in turn with clean documents and with some hostile ones: `clean`, `hostile`."""
    result, ours = Result(case), case.ours
    with (
        _staged(case, quick=quick, hostile=0.0, pinned=pinned) as clean,
        _staged(case, quick=quick, hostile=share, pinned=pinned) as hostile,
    ):
        turns = {"clean": (ours, clean), "hostile": (ours, hostile)}
        _run_in_turn(result, turns, runs, pinned=pinned)
    return result


def _run_in_turn(
    result: Result, turns: Mapping[str, tuple[str, Setting]], runs: int, *, pinned: bool
) -> None:
    for _ in range(runs):
        for label, (contender, setting) in turns.items():
            if label in result.failed:
                continue
            try:
                figures = _run(result.case, contender, setting, pinned=pinned)
            except subprocess.SubprocessError as error:
                result.failed[label] = _last_words(error)
                result.figures.pop(label, None)
            else:
                result.figures.setdefault(label, []).append(figures)


def _run(case: Case, contender: str, setting: Setting, *, pinned: bool) -> Figures:
    command = [sys.executable, "-m", "benchmarks.contender", case.name, contender]
    command += ["--setting", setting.to_json()]
    with _on_cores(_contenders_cores() if pinned else None):
        done = subprocess.run(
            command, cwd=_ROOT, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    return Figures.from_json(done.stdout.splitlines()[-1])


def _last_words(error: subprocess.SubprocessError) -> str:
    said = getattr(error, "stderr", None) or str(error)
    lines = (said if isinstance(said, str) else said.decode(errors="replace")).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__


@contextmanager
def _staged(case: Case, *, quick: bool, hostile: float, pinned: bool) -> Iterator[Setting]:
    """Prepare the case's files and start its server; clear both away at the end."""
    directory = tempfile.mkdtemp(prefix="benchmark-")
    try:
        setting = Setting(case.quick if quick else case.full, directory, hostile=hostile)
        if case.prepare is not None:
            case.prepare(setting)
        with _serving(case, setting, pinned=pinned) as where:
            yield (
                setting
                if where is None
                else replace(setting, url=where["url"], ca_file=where.get("ca_file", ""))
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _serving(case: Case, setting: Setting, *, pinned: bool) -> Iterator[dict[str, str] | None]:
    if case.server is None:
        yield None
        return
    is_ours = case.server in {"plain", "tls"}
    command = [sys.executable, "-m", "benchmarks.server" if is_ours else case.server]
    command += [setting.to_json(), *(["--tls"] if case.server == "tls" else [])]
    with _on_cores(_servers_core() if pinned else None):
        server = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    # Leaving the block closes its standard input, at which it ends.
    with server:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            raise RuntimeError(f"the server of {case.name} didn't start")
        yield json.loads(line)


@contextmanager
def _on_cores(cores: set[int] | None) -> Iterator[None]:
    """Start processes on these cores: they inherit them."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _servers_core() -> set[int] | None:
    cores = _cores()
    return {cores[-1]} if len(cores) > 1 else None


def _contenders_cores() -> set[int] | None:
    cores = _cores()
    return set(cores[:-1]) if len(cores) > 1 else None


def can_pin() -> bool:
    """Whether the server can have a core of its own here: the system can, and there are two."""
    return _servers_core() is not None


def _lacking(case: Case) -> dict[str, str]:
    """Say which contenders can't run here, and why."""
    if case.server == "tls" and find_spec("trustme") is None:
        return dict.fromkeys(case.contenders, "trustme isn't installed")
    missing = {
        name: [need for need in needs if not _is_there(need)] for name, needs in case.needs.items()
    }
    return {
        name: f"{', '.join(need.lstrip('$') for need in needs)} isn't installed"
        for name, needs in missing.items()
        if needs
    }


def _is_there(need: str) -> bool:
    if need.startswith("$"):
        return shutil.which(need[1:]) is not None
    return find_spec(need) is not None
