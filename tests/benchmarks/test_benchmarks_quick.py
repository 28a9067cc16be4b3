"""Every case runs, every contender does its work; what it reaches is not looked at here."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.cases import ORDER, case_named, names
from benchmarks.running import Result, run_case, run_hostile

ROOT = Path(__file__).parents[2]


def test_the_table_has_all_its_rows() -> None:
    assert set(names()) >= set(ORDER)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """Run all cases, two at a time: most of it is starting processes, and nothing is compared."""

    def run(name: str) -> Result:
        return run_case(case_named(name), quick=True, runs=1, pinned=False)

    with ThreadPoolExecutor(2) as threads:
        return dict(zip(names(), threads.map(run, names()), strict=True))


@pytest.mark.parametrize("name", names())
def test_a_case_runs(name: str, results: dict[str, Result]) -> None:
    case, result = case_named(name), results[name]
    assert case.name == name
    assert result.failed == {}
    # A peer that isn't installed is left out, and said to be.
    assert result.figures.keys() | result.left_out.keys() == case.contenders.keys()
    assert case.ours in result.figures


def test_a_case_runs_with_hostile_documents() -> None:
    result = run_hostile(case_named("results-stream"), quick=True, runs=1, pinned=False)
    assert result.failed == {}
    assert result.figures.keys() == {"clean", "hostile"}


@pytest.mark.parametrize("name", names())
def test_goals_and_needs_are_of_contenders(name: str) -> None:
    case = case_named(name)
    named = {goal.against for goal in case.goals} | {goal.of for goal in case.goals} - {""}
    assert named | case.needs.keys() <= case.contenders.keys()


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_case_without_documents_has_nothing_hostile() -> None:
    done = run_program("--hostile", "limiter")
    assert done.returncode == 2
    assert "no documents are in limiter" in done.stderr


def test_a_case_may_be_called_as_its_module() -> None:
    done = run_program("--hostile", "fan_out")
    assert "no documents are in fan-out" in done.stderr


def test_less_than_one_run_is_refused() -> None:
    done = run_program("limiter", "--runs", "0")
    assert done.returncode == 2
    assert "--runs" in done.stderr


def test_a_name_that_is_none_is_told() -> None:
    done = run_program("no-such-case")
    assert done.returncode == 2
    assert "no-such-case" in done.stderr
    assert "small-calls" in done.stderr
