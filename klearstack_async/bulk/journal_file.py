"""One journal's file: found fit for use, locked, opened, closed. All of it blocks.

Everything in here runs in the one thread that the journal has to itself.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from klearstack_async.bulk.journal_connection import Base, Facts, Write
from klearstack_async.bulk.journal_errors import journal_error
from klearstack_async.bulk.journal_queries import execute, value
from klearstack_async.bulk.journal_schema import MAGIC, check_account, check_header, create
from klearstack_async.errors import JournalError
from klearstack_async.transport.lock import ProcessLock

__all__ = ["Opening", "existing_journal"]

# How long another program's lock is waited for: one that reads the journal holds none.
_BUSY_SECONDS = 10.0

TEMPORARY = "the run's temporary journal"


@dataclass(frozen=True, slots=True)
class Opening:
    """How to open a journal.

    Attributes:
        path: Where, or None for a temporary one that no other can see.
        account: Whose documents.
        now: The wall clock, in unix seconds.
        memo: What to keep in it if it is new.
    """

    path: Path | None
    account: str
    now: Callable[[], float]
    memo: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The journal, as an error calls it."""
        return TEMPORARY if self.path is None else str(self.path)

    def __call__(self) -> Base:
        """Open it.

        Raises:
            JournalError: It can't be used, in one of the ways that the table of errors names.
        """
        try:
            return self._temporary() if self.path is None else self._file(self.path)
        except sqlite3.Error as error:
            raise journal_error(error, self.name) from error
        except OSError as error:
            raise JournalError(f"{self.name} can't be used as a journal: {error}") from error

    def _temporary(self) -> Base:
        # SQLite's own temporary database: it is in memory up to the size of the cache, and beyond
        # that in a file that has no name.
        base = _connected("")
        try:
            base.execute("PRAGMA synchronous = OFF")
            base.execute("PRAGMA journal_mode = MEMORY")
            return self._begun(base)
        except BaseException:
            base.close()
            raise

    def _file(self, given: Path) -> Base:
        # Two names of one file must not be two locks.
        path = given.resolve()
        if not path.parent.is_dir():
            raise JournalError(f"there is no folder {path.parent} for the journal {path.name}")
        _check_file(path, self.name)
        lock = ProcessLock(path)
        if not lock.try_acquire():
            raise JournalError(_in_use(path, self.name))
        try:
            base = _connected(str(path))
        except BaseException:
            lock.release()
            raise
        # From here on, closing gives it back.
        base._lock = lock  # noqa: SLF001 - of this module
        try:
            # The tables come before the WAL: so a journal's own mark is in its file from the
            # first, and nobody has to look further to know what it is.
            self._begun(base)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            base.close()
            raise
        return base

    def _begun(self, base: Base) -> Base:
        base._now = self.now  # noqa: SLF001 - of this module
        write = Write(self._begin_run)
        base._carry_out([write])  # noqa: SLF001 - of this module
        base.facts = write.result
        base._run = base.facts.run  # noqa: SLF001 - of this module
        return base

    def _begin_run(self, database: sqlite3.Connection) -> Facts:
        if value(database, "SELECT count(*) FROM sqlite_master") == 0:
            create(database, self.account, self.memo, self.now())
        application_id = value(database, "PRAGMA application_id")
        check_header(application_id, value(database, "PRAGMA user_version"), self.name)
        kept = value(database, "SELECT value FROM meta WHERE name = 'account'")
        check_account(kept, self.account, self.name)
        run = execute(
            database,
            "INSERT INTO runs (pid, started_at) VALUES (?, ?)",
            *(os.getpid(), self.now()),
        ).lastrowid
        return Facts(
            job=value(database, "SELECT value FROM meta WHERE name = 'job'"),
            run=run or 0,
            is_resumed=bool(value(database, "SELECT EXISTS (SELECT 1 FROM sources)")),
            last_parcel=value(database, "SELECT coalesce(max(parcel), 0) FROM parcels"),
        )


def _connected(name: str) -> Base:
    # Transactions are begun by hand: the module's own rules differ between its versions.
    return sqlite3.connect(name, factory=Base, isolation_level=None, timeout=_BUSY_SECONDS)


def _check_file(path: Path, name: str) -> bool:
    """Check a file by its first bytes, before SQLite or a lock leaves a trace of itself.

    Returns:
        Whether it is a journal; an empty or a missing file can become one.

    Raises:
        JournalError: It is something else.
        OSError: It can't be read.
    """
    if path.is_dir():
        raise JournalError(f"{name} is a folder; the journal is a file")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return False
    if not header:
        return False
    if not header.startswith(MAGIC) or len(header) < 100:
        raise JournalError(
            f"{name} is no journal: it is no SQLite database, and was left as it is; give the "
            "journal another name"
        )
    # https://www.sqlite.org/fileformat.html, section 1.3
    check_header(int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big"), name)
    return True


def existing_journal(given: Path) -> Path:
    """Give the path of a journal that is there, with no link left in it.

    Raises:
        JournalError: There is nothing, or something else.
    """
    path = given.resolve()
    try:
        if _check_file(path, str(given)):
            return path
    except OSError as error:
        raise JournalError(f"{given} can't be read as a journal: {error}") from error
    raise JournalError(f"there is no journal {given}")


def _in_use(path: Path, name: str) -> str:
    pid = None
    # Best effort: the holder may have got no further than the lock.
    with suppress(sqlite3.Error, OSError, JournalError):
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            pid = value(database, "SELECT pid FROM runs ORDER BY run DESC LIMIT 1")
        finally:
            database.close()
    holder = "another process" if pid is None else f"process {pid}"
    if pid == os.getpid():
        holder = f"another run of this very process ({pid})"
    return (
        f"{name} is in use by {holder}, and one at a time may go on with a job; meanwhile "
        f"`klearstack journal {name}` shows how far it is"
    )
