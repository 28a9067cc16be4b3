"""How long, how much processor, how much memory, and how long the loop was held.

The stall is measured by a chain of the loop's own timers, one each millisecond: 1 % of a core
while the loop is busy, 4 % while it idles, the same for each contender, and without a thread that
would fight for the interpreter's lock. The longest gap between two beats counts, so the figure is
at most a millisecond too high.

Peak memory is the kernel's mark (`VmHWM`), which is reset before the work where that is allowed;
elsewhere it is the growth of `ru_maxrss`, which misses what the set-up had used before.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.case import Figures

__all__ = ["Measure", "measured", "measured_sync"]

_BEAT_SECONDS = 0.001
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Measure:
    """Counts from `start` to `stop`; `figures` gives what came out."""

    def __init__(self) -> None:
        self._wall = self._cpu = 0.0
        self._memory = 0
        self._stall: float | None = None

    def start(self) -> None:
        gc.collect()
        self._memory = _memory_now()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def stop(self, stall: float | None = None) -> None:
        self._wall = time.perf_counter() - self._wall
        self._cpu = time.process_time() - self._cpu
        self._memory = max(0, _memory_peak() - self._memory)
        self._stall = stall

    def figures(self, items: int = 1, **extra: float) -> Figures:
        """Give the figures, once the block was left.

        Args:
            items: How many items were done.
            **extra: The case's own figures.
        """
        return Figures(self._wall, self._cpu, self._memory, self._stall, items, extra)


@asynccontextmanager
async def measured() -> AsyncIterator[Measure]:
    """Measure a block in the running loop."""
    measure, pulse = Measure(), _Pulse()
    await asyncio.sleep(0.01)
    measure.start()
    pulse.start()
    try:
        yield measure
    finally:
        measure.stop(pulse.stop())


@contextmanager
def measured_sync() -> Iterator[Measure]:
    """Measure a block without a loop."""
    measure = Measure()
    measure.start()
    try:
        yield measure
    finally:
        measure.stop()


class _Pulse:
    """Beats in the loop, and notes the longest gap."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = self._longest = 0.0
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._last = time.perf_counter()
        self._next = self._loop.call_later(_BEAT_SECONDS, self._beat)

    def stop(self) -> float:
        if self._next is not None:
            self._next.cancel()
        # The work's last step may have held the loop up to its end.
        return max(self._longest, time.perf_counter() - self._last)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._next = self._loop.call_later(_BEAT_SECONDS, self._beat)


def _memory_now() -> int:
    """Reset the peak, if that is allowed, and give what it starts from."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return _largest_ever()
    return _status("VmRSS")


def _memory_peak() -> int:
    return _status("VmHWM") if _CLEAR.exists() and _STATUS.exists() else _largest_ever()


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _largest_ever() -> int:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
