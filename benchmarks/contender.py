"""One run of one contender, in a process of its own: `python -m benchmarks.contender --help`."""

from __future__ import annotations

import argparse
import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any, cast

from benchmarks.case import Case, Figures, Setting
from benchmarks.cases import case_named

__all__ = ["main", "run"]


def main(arguments: list[str] | None = None) -> None:
    """Run it, and print its figures as one line of JSON, the last one."""
    parser = argparse.ArgumentParser(prog="benchmarks.contender", description=__doc__)
    parser.add_argument("case")
    parser.add_argument("contender")
    parser.add_argument("--setting", required=True, help="a Setting as JSON")
    given = parser.parse_args(arguments)
    print(run(case_named(given.case), given.contender, Setting.from_json(given.setting)).to_json())


def run(case: Case, contender: str, setting: Setting) -> Figures:
    """Run it here, and check that it did all of it."""
    function = case.contenders[contender]
    if inspect.iscoroutinefunction(function):
        # asyncio's own loop, also where a contender's library would bring another.
        figures = asyncio.run(cast("Coroutine[Any, Any, Figures]", function(setting)))
    else:
        figures = cast("Figures", function(setting))
    if case.check is not None:
        case.check(setting, figures)
    return figures


if __name__ == "__main__":
    main()
