"""One process at a time: a lock that the system gives back when its holder dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["ProcessLock"]


class ProcessLock:
    """A lock on a path, held through a file of its own beside it: `<path>.lock`.

    The file is left there when the lock is given back: who removes it may remove the one that
    another process has just locked. All methods block, though never for long.
    """

    __slots__ = ("_lock",)

    def __init__(self, path: Path) -> None:
        """Prepare the lock; nothing is touched yet.

        Args:
            path: What is to be used by one process only, with no link left in it.
        """
        # Whichever thread took it, any may give it back.
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0, thread_local=False)

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; say whether it was free.

        Raises:
            OSError: The lock's file can't be made.
        """
        try:
            self._lock.acquire()
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens where it isn't held."""
        self._lock.release(force=True)
