"""A limiter at 20,000 per second, with 10,000 tasks waiting for it all the time.

Measured: some seconds after the first burst is over and the line is full. Each task waits for its
turn, notes the time, and stands in line again. What counts:

- the share of the rate that was reached: turns per second by the rate;
- the fullest 100 ms, wherever they begin, by what the rate allows for in 100 ms: a service that
  counts in such windows refuses what is above;
- processor time per turn, the tasks' own work included, which is the same for all.

Not measured: how fairly turns are given, and what a limit costs that is never reached. Times are
those at which tasks go on, not those at which they were let go: what the loop adds is in them, and
so is what another program on the machine takes away.

aiolimiter as its documentation shows it: so many per second. Ours allows for bursts of 10 ms if
nothing is said; the second aiolimiter is told the same.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable

from benchmarks.case import Case, Figures, Goal, Limit, Setting
from benchmarks.measuring import measured

__all__ = ["CASE"]

_WINDOW_SECONDS = 0.1
_BEFORE_SECONDS = 1.0
# What begins the measuring collects garbage; what that held up is let go in a burst.
_SETTLED_SECONDS = 0.25


async def _ours(setting: Setting) -> Figures:
    from klearstack_async import Rate
    from klearstack_async.transport.limiter import Limiter

    return await _turns(setting, Limiter(Rate(per_second=setting["per_second"])).wait)


async def _aiolimiter(setting: Setting) -> Figures:
    from aiolimiter import AsyncLimiter

    return await _turns(setting, AsyncLimiter(setting["per_second"], 1).acquire)


async def _aiolimiter_small(setting: Setting) -> Figures:
    from aiolimiter import AsyncLimiter

    return await _turns(setting, AsyncLimiter(setting["per_second"] / 100, 0.01).acquire)


async def _turns(setting: Setting, wait: Callable[[], Awaitable[None]]) -> Figures:
    stamps = array("d")

    async def stand_in_line() -> None:
        while True:
            await wait()
            stamps.append(time.perf_counter())

    tasks = [asyncio.create_task(stand_in_line()) for _ in range(setting["waiting"])]
    await asyncio.sleep(_BEFORE_SECONDS)
    async with measured() as measure:
        began = len(stamps)
        await asyncio.sleep(_SETTLED_SECONDS)
        settled = len(stamps)
        await asyncio.sleep(setting["seconds"])
        ended = len(stamps)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    steady, per_second = stamps[settled:ended], setting["per_second"]
    seconds = steady[-1] - steady[0]
    return measure.figures(
        ended - began,
        share_of_rate=(len(steady) - 1) / seconds / per_second,
        fullest_window=_fullest(steady) / (per_second * _WINDOW_SECONDS),
    )


def _fullest(stamps: array[float]) -> int:
    """Count the stamps in the fullest window."""
    fullest = first = 0
    for last, stamp in enumerate(stamps):
        while stamps[first] <= stamp - _WINDOW_SECONDS:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest


CASE = Case(
    name="limiter",
    title="limiter, 20,000/s, 10,000 waiting",
    contenders={
        "klearstack_async": _ours,
        "aiolimiter": _aiolimiter,
        "aiolimiter, bursts of 10 ms": _aiolimiter_small,
    },
    goals=(Goal("aiolimiter", 0.6, kind="at_most", figure="cpu_seconds"),),
    is_race=False,
    limits=(
        Limit("share of the rate", "share_of_rate", 0.99, kind="at_least"),
        Limit("fullest 100 ms", "fullest_window", 1.02),
    ),
    needs={"aiolimiter": ("aiolimiter",), "aiolimiter, bursts of 10 ms": ("aiolimiter",)},
    quick={"per_second": 20_000, "waiting": 1_000, "seconds": 0.5},
    full={"per_second": 20_000, "waiting": 10_000, "seconds": 3.0},
)
