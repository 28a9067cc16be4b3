"""The connection of a journal, which lives in a thread of its own. All of it blocks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from klearstack_async.bulk.journal_queries import execute
from klearstack_async.transport.lock import ProcessLock

__all__ = ["Base", "Facts", "Group", "Write"]


@dataclass(slots=True, eq=False)
class Write:
    """One thing to do in the journal, and what came of it.

    Attributes:
        work: Does it; may be called again after what it did was rolled back.
        is_durable: Whether it has to survive a power cut once it was acknowledged.
        result: What it gave.
        error: What it raised; then nothing of it was kept.
    """

    work: Callable[[sqlite3.Connection], Any]
    is_durable: bool = False
    result: Any = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class Group:
    """Writes that are committed together.

    Attributes:
        writes: In the order in which they were asked for.
        is_over: Whether they were carried out; set in the journal's thread.
    """

    writes: list[Write]
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found when a journal was opened.

    Attributes:
        job: The random part of remote names.
        run: Which run this is, from 1.
        is_resumed: Whether earlier runs left sources.
        last_parcel: The last parcel of earlier runs; 0 if there was none.
    """

    job: str
    run: int
    is_resumed: bool
    last_parcel: int


class Base(sqlite3.Connection):
    """A connection whose `commit` carries out a group of writes in one transaction.

    That is the one way to do more than a single statement in one hop to the thread of aiosqlite
    (a hop costs 43 to 131 us, a write of a group 15 us).

    Attributes:
        group: What the next commit carries out.
        facts: What was found when the journal was opened.
    """

    group: Group | None = None
    facts: Facts
    _lock: ProcessLock | None = None
    _run: int = 0
    _now: Callable[[], float]
    _is_synced: bool = False

    def commit(self) -> None:
        """Carry the group out, unless that was done: whoever was interrupted may ask again."""
        if self.group is None or self.group.is_over:
            return
        writes = self.group.writes
        if len(writes) == 1 or not self._are_carried_out(writes):
            # One of them was wrong, or one too much for the disk; it harms no other.
            for write in writes:
                self._carry_out_alone(write)
        self.group.is_over = True

    def _are_carried_out(self, writes: list[Write]) -> bool:
        try:
            self._carry_out(writes)
        except Exception:  # noqa: BLE001 - whose it is, is found out one by one
            return False
        return True

    def _carry_out_alone(self, write: Write) -> None:
        try:
            self._carry_out([write])
        except Exception as error:  # noqa: BLE001 - given to who asked for it
            write.error = error

    def _carry_out(self, writes: list[Write]) -> None:
        self._sync_if(needed=any(write.is_durable for write in writes))
        self.execute("BEGIN IMMEDIATE")
        try:
            for write in writes:
                write.result = write.work(self)
            self.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled it back by itself.
            if self.in_transaction:
                with suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
            raise

    def _sync_if(self, *, needed: bool) -> None:
        if self._lock is not None and needed is not self._is_synced:
            self.execute(f"PRAGMA synchronous = {'FULL' if needed else 'NORMAL'}")
            self._is_synced = needed

    def close(self) -> None:
        """Note the end of the run, leave one plain file behind, close it, give the lock back."""
        try:
            if self._lock is not None:
                # None of it is needed: the next run copes with what a killed one left behind.
                with suppress(sqlite3.Error):
                    self._carry_out([Write(self._end_run)])
                with suppress(sqlite3.Error):
                    self.execute("PRAGMA journal_mode = DELETE")
            super().close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _end_run(self, database: sqlite3.Connection) -> None:
        execute(database, "UPDATE runs SET ended_at = ? WHERE run = ?", self._now(), self._run)
