"""Measure this library beside its peers: `python -m benchmarks [names] [--quick] [--runs 5]`.

Without names, all cases run. A full run of all of them writes its table, its figures and a picture
into `benchmarks/results/`; others write where `--into` says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.case import Case
from benchmarks.cases import case_named, names
from benchmarks.reporting import report
from benchmarks.running import Result, can_pin, run_case, run_hostile

__all__ = ["main"]

_RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the table, and give the process's exit code."""
    given = _parser().parse_args(arguments)
    asked = [name.replace("_", "-") for name in given.names]
    unknown = sorted(set(asked) - set(names()))
    if unknown:
        print(
            f"no such case: {', '.join(unknown)}; there are {', '.join(names())}", file=sys.stderr
        )
        return 2
    runs = given.runs or (1 if given.quick else 5)
    cases = [case_named(name) for name in asked or names()]
    if given.hostile:
        without = [case.name for case in cases if case.may_fall is None]
        if asked and without:
            print(f"no documents are in {', '.join(without)}: left out", file=sys.stderr)
        cases = [case for case in cases if case.may_fall is not None]
        if not cases:
            return 2
    results = [_run(case, given, runs) for case in cases]
    is_official = not given.names and not given.quick
    into = given.into or (_RESULTS if is_official else None)
    pinned = not given.unpinned and can_pin()
    print(
        report(
            results, runs=runs, hostile=given.hostile, quick=given.quick, pinned=pinned, into=into
        )
    )
    return 1 if any(result.failed for result in results) else 0


def _run(case: Case, given: argparse.Namespace, runs: int) -> Result:
    began = time.monotonic()
    print(f"{case.name} ...", end=" ", file=sys.stderr, flush=True)
    run = run_hostile if given.hostile else run_case
    result = run(case, quick=given.quick, runs=runs, pinned=not given.unpinned)
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
    for contender, words in result.failed.items():
        print(f"  {contender} failed: {words}", file=sys.stderr)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="cases; all of them if left out")
    parser.add_argument("--quick", action="store_true", help="see that it runs, in seconds")
    parser.add_argument("--runs", type=_number, help="of each contender; 5, or 1 with --quick")
    parser.add_argument(
        "--hostile", action="store_true", help="ours only: with clean and with hostile documents"
    )
    parser.add_argument(
        "--unpinned", action="store_true", help="leave it to the system who runs on which core"
    )
    parser.add_argument("--into", type=Path, help="a directory to write the results into")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"1 or more, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
