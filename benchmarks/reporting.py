"""Writing what was measured: a table, a JSON file and a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.judging import judge
from benchmarks.machine import machine, sentence
from benchmarks.picture import picture
from benchmarks.running import Result
from benchmarks.table import hostile_table, table

__all__ = ["report"]

_QUICK = "Quick run, not comparable."


def report(
    results: Sequence[Result],
    *,
    runs: int,
    hostile: bool,
    quick: bool = False,
    pinned: bool = True,
    into: Path | None,
) -> str:
    """Give the table, and write all of it into a directory if there is one."""
    date, facts = datetime.now(UTC).date().isoformat(), machine()
    caption = sentence(date, runs, facts, pinned=pinned)
    if quick:
        caption = f"{_QUICK} The amounts are small, whatever the titles say. {caption}"
    text = f"{(hostile_table if hostile else table)(results, is_quick=quick)}\n{caption}\n"
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        name = "hostile" if hostile else "latest"
        found = {
            "date": date,
            "machine": facts,
            "runs": runs,
            "quick": quick,
            "pinned": pinned,
            "cases": [_as_json(result, hostile=hostile, quick=quick) for result in results],
        }
        (into / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (into / f"{name}.md").write_text(text, encoding="utf-8")
        if not hostile:
            where = f"{date}, {facts['cpu']}, {facts['cores']} cores, Python {facts['python']}"
            where = f"{_QUICK} {where}" if quick else where
            drawn = picture(results, where, is_quick=quick)
            (into / "ratios.svg").write_text(drawn, encoding="utf-8")
    return text


def _as_json(result: Result, *, hostile: bool, quick: bool) -> dict[str, Any]:
    verdicts = [] if hostile else judge(result.case, result.figures, is_quick=quick)
    return {
        "name": result.case.name,
        "title": result.case.title,
        "amounts": dict(result.case.quick if quick else result.case.full),
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "figures": {name: [asdict(run) for run in runs] for name, runs in result.figures.items()},
        "left_out": result.left_out,
        "failed": result.failed,
    }
