"""The table, the picture and the file say what was reached, also where it falls short."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.case import Case, Figures, Goal, Limit, Setting
from benchmarks.machine import machine, sentence
from benchmarks.picture import picture
from benchmarks.reporting import report
from benchmarks.running import Result
from benchmarks.table import hostile_table, table


def nothing(setting: Setting) -> Figures:
    raise AssertionError(setting)


def run(wall: float, items: int = 10) -> Figures:
    return Figures(wall, wall, 3_000_000, 0.004, items)


@pytest.fixture
def result() -> Result:
    case = Case(
        name="calls",
        title="calls <50 & at a time>",
        contenders=dict.fromkeys(("ours", "fast", "slow", "absent", "broken"), nothing),
        goals=(Goal("fast", 1.5), Goal("slow", 12), Goal("absent", 2)),
        limits=(Limit("worst stall", "stall_seconds", 0.01, unit="s"),),
        quick={"calls": 10},
        full={},
        may_fall=0.10,
    )
    return Result(
        case,
        figures={"ours": [run(1), run(1)], "fast": [run(1), run(1.2)], "slow": [run(4, 2)] * 2},
        left_out={"absent": "absent isn't installed"},
        failed={"broken": "OSError: no | route"},
    )


def line_of(text: str, who: str) -> str:
    [line] = [line for line in text.splitlines() if f"| {who} |" in line]
    return line


def test_what_falls_short_is_said(result: Result) -> None:
    assert "falls short" in line_of(table([result]), "fast")
    assert "1.10x (1.00x-1.20x) | ≥ 1.5x" in line_of(table([result]), "fast")


def test_what_is_reached_is_said(result: Result) -> None:
    assert "20.0x (20.0x-20.0x) | ≥ 12x | yes" in line_of(table([result]), "slow")
    assert "4.0 ms (4.0 ms-4.0 ms) | ≤ 10.0 ms | yes" in line_of(table([result]), "*worst stall*")


def test_a_time_that_is_extrapolated_is_marked(result: Result) -> None:
    assert "| ~20.00 s |" in line_of(table([result]), "slow")
    assert "~" not in line_of(table([result]), "fast")
    assert "extrapolated" in table([result])


def test_a_contender_that_was_not_run_has_its_reason(result: Result) -> None:
    assert "left out: absent isn't installed" in line_of(table([result]), "absent")
    assert "**failed**: OSError: no / route" in line_of(table([result]), "broken")


def test_every_line_has_all_cells(result: Result) -> None:
    lines = [line for line in table([result]).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {10}


def test_a_fall_under_hostile_documents_is_judged(result: Result) -> None:
    result.figures = {"clean": [run(1)], "hostile": [run(1.25)]}
    assert "20% (20% to 20%) | 10% | **falls short**" in hostile_table([result])
    result.figures = {"clean": [run(1)], "hostile": [run(1.05)]}
    assert "| yes |" in hostile_table([result])


def test_the_picture_is_well_formed(result: Result) -> None:
    drawn = picture([result], "today, a machine & <more>")
    found = ET.fromstring(drawn)  # noqa: S314 - our own
    kinds = [element.get("class") for element in found.iter()]
    assert kinds.count("met") == 1
    assert kinds.count("short") == 1
    assert kinds.count("goal") == 2
    assert "calls <50 & at a time>" in [element.text for element in found.iter()]


def test_a_race_without_goals_has_its_ratios_and_its_bars(result: Result) -> None:
    open_one = Result(replace(result.case, goals=()), result.figures)
    assert "| 20.0x (20.0x-20.0x) |  |  |" in line_of(table([open_one]), "slow")
    found = ET.fromstring(picture([open_one], ""))  # noqa: S314 - our own
    kinds = [element.get("class") for element in found.iter()]
    assert kinds.count("open") == 2
    assert "goal" not in kinds


def test_one_that_does_more_is_compared_with_ours_that_does_as_much(result: Result) -> None:
    figures = result.figures | {"ours, more": [run(2)] * 2}
    contenders = dict.fromkeys(("ours", "slow", "ours, more"), nothing)
    case = replace(result.case, contenders=contenders, goals=(), beside={"slow": "ours, more"})
    text = table([Result(case, figures)])
    assert "10.0x (10.0x-10.0x)" in line_of(text, "*ours, more, beside slow*")
    assert "x" not in line_of(text, "slow")


def test_quick_runs_do_not_look_official(result: Result, tmp_path: Path) -> None:
    text = report([result], runs=1, hostile=False, quick=True, into=tmp_path)
    assert "Quick run, not comparable" in text
    assert not any(words in text for words in ("≥", "≤", "yes", "falls short"))
    found = json.loads((tmp_path / "latest.json").read_text())
    [case] = found["cases"]
    assert (found["quick"], case["amounts"]) == (True, {"calls": 10})
    assert {verdict["met"] for verdict in case["verdicts"]} == {None}
    drawn = (tmp_path / "ratios.svg").read_text()
    assert "Quick run, not comparable" in drawn
    assert 'class="goal"' not in drawn


def test_quick_runs_with_hostile_documents_have_no_goals(result: Result) -> None:
    result.figures = {"clean": [run(1)], "hostile": [run(1.25)]}
    assert "20% (20% to 20%) |  |  |" in hostile_table([result], is_quick=True)


def test_a_core_of_its_own_is_claimed_only_if_there_was_one() -> None:
    assert "core of its own" in sentence("today", 5, machine(), pinned=True)
    assert "core of its own" not in sentence("today", 5, machine(), pinned=False)


def test_a_picture_of_nothing_is_one(result: Result) -> None:
    result.figures = {}
    ET.fromstring(picture([result], ""))  # noqa: S314 - our own


def test_reports_are_written_where_they_are_wanted(result: Result, tmp_path: Path) -> None:
    text = report([result], runs=2, hostile=False, into=tmp_path / "results")
    written = {path.name: path.read_text() for path in (tmp_path / "results").iterdir()}
    assert sorted(written) == ["latest.json", "latest.md", "ratios.svg"]
    assert written["latest.md"] == text
    [case] = json.loads(written["latest.json"])["cases"]
    assert [verdict["met"] for verdict in case["verdicts"]] == [False, True, True]
    assert len(case["figures"]["ours"]) == 2


def test_reports_name_no_path(result: Result, tmp_path: Path) -> None:
    report([result], runs=2, hostile=False, into=tmp_path)
    for path in tmp_path.iterdir():
        assert str(Path.cwd()) not in path.read_text()


def test_where_time_is_given_it_is_not_compared(result: Result) -> None:
    goal = Goal("fast", 0.6, kind="at_most", figure="cpu_seconds")
    limited = Result(replace(result.case, goals=(goal,), is_race=False), result.figures)
    assert "x" not in line_of(table([limited]), "slow")
    assert "≤ 0.6x" in line_of(table([limited]), "*CPU, beside fast*")
    assert "~" not in table([limited])
