"""Pausing Python's cyclic garbage collector while a text is decoded in one go.

Decoding makes thousands of objects and no cycles, and each few hundred of them would make the
collector look through what was made before: measured, most of the time.
"""

from __future__ import annotations

import gc
import threading
from types import TracebackType

__all__ = ["collector_paused"]


class _Pause:
    """A block in which the collector doesn't run; for synchronous work of some milliseconds.

    Blocks may lie within each other, and several threads may be in one: the last to leave switches
    the collector on again, if it was on when the first came.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


collector_paused = _Pause()
