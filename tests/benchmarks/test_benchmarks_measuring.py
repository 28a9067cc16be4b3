"""What is measured is what was used."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks.case import Figures, Setting
from benchmarks.measuring import measured, measured_sync

MB = 1_000_000


def hold_the_loop() -> None:
    time.sleep(0.05)


async def test_a_loop_that_is_held_is_seen() -> None:
    async with measured() as measure:
        await asyncio.sleep(0)
        hold_the_loop()
        await asyncio.sleep(0)
    stall = measure.figures().stall_seconds
    assert stall is not None
    assert stall >= 0.05


async def test_a_loop_that_is_held_to_the_end_is_seen() -> None:
    async with measured() as measure:
        hold_the_loop()
    assert (measure.figures().stall_seconds or 0) >= 0.05


def test_there_is_no_stall_without_a_loop() -> None:
    with measured_sync() as measure:
        pass
    assert measure.figures().stall_seconds is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak can't be reset")
def test_a_peak_that_is_over_is_seen_and_an_earlier_one_is_not() -> None:
    before = bytearray(200 * MB)
    del before
    with measured_sync() as measure:
        block = bytearray(64 * MB)
        block[::4096] = b"x" * len(block[::4096])
        del block
    grown = measure.figures().grown_bytes
    assert grown is not None
    assert 60 * MB < grown < 150 * MB


def test_figures_and_settings_travel_as_json() -> None:
    figures = Figures(1.5, 0.5, None, 0.001, 7, {"share": 0.5})
    assert Figures.from_json(figures.to_json()) == figures
    setting = Setting({"calls": 5}, "/x", url="http://localhost:1", hostile=0.01)
    assert Setting.from_json(setting.to_json()) == setting


def test_seconds_are_per_item_and_a_rate_is_items_per_second() -> None:
    figures = Figures(2.0, 1.0, 0, None, items=10)
    assert figures.value("wall_seconds") == 0.2
    assert figures.value("cpu_seconds") == 0.1
    assert figures.value("per_second") == 5
    assert figures.value("stall_seconds") is None
