"""How far a bulk run is, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from klearstack_async.bulk.progress import Progress

__all__ = ["amount", "counted", "duration", "flow", "progress_line", "rate"]

S = TypeVar("S", bound=str)

_UNITS = ("kB", "MB", "GB", "TB")
_A_DAY_SECONDS = 86_400


def progress_line(progress: Progress) -> str:
    """Say all of it in one line, for a log."""
    parts = [f"{_extent(progress)} done: {counted(progress.counts)}", flow(progress)]
    if progress.eta_seconds is not None:
        parts.append(f"about {duration(progress.eta_seconds)} left")
    if progress.trouble:
        parts.append(progress.trouble)
    return "; ".join(parts)


def counted(counts: Mapping[S, int]) -> str:
    """Give the numbers that aren't 0, such as `44,010 extracted, 60 failed, 2 in doubt`."""
    shown = (f"{n:,} {state.replace('_', ' ')}" for state, n in counts.items() if n)
    return ", ".join(shown) or "none yet"


def flow(progress: Progress) -> str:
    """Say what is under way, and how fast it goes."""
    parts = [f"{progress.sending:,} sending", f"{progress.waiting:,} waiting for results"]
    if progress.per_second is not None:
        parts.append(rate(progress.per_second))
    parts.append(f"{amount(progress.sent_bytes)} sent")
    return ", ".join(parts)


def rate(per_second: float) -> str:
    """Say how many sources end in a second, or in a minute where that is less than one."""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/min"


def duration(seconds: float) -> str:
    """Give a time as `0:04:12`, or as days where it takes days."""
    whole = max(0, round(seconds))
    if whole >= _A_DAY_SECONDS:
        return f"{whole / _A_DAY_SECONDS:.1f} days"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def amount(size_bytes: int) -> str:
    """Give a size as people read it, such as `1.2 GB` (of 1,000 MB)."""
    size, unit = float(size_bytes), "bytes"
    for larger in _UNITS:
        if size < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{size_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _extent(progress: Progress) -> str:
    if progress.total is None:
        return f"{progress.finished:,} of {progress.found:,} found so far"
    return f"{progress.finished:,} of {progress.total:,}"
