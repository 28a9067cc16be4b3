"""Reading a journal without taking it from the run that is writing it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio.to_thread

from klearstack_async.bulk import journal_queries as queries
from klearstack_async.bulk.journal_entries import Entry
from klearstack_async.bulk.journal_errors import journal_error
from klearstack_async.bulk.journal_file import existing_journal
from klearstack_async.bulk.states import SourceState

__all__ = ["Summary", "summary_of"]

T = TypeVar("T")

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Summary:
    """What a journal says at one moment.

    Attributes:
        path: Which journal.
        account: Whose documents.
        job: The random part of their remote names.
        memo: What the run stored when the journal was new.
        counts: How many sources are in each state, zeros included.
        documents: How many documents came of them.
        size_bytes: How much all sources hold whose content is known.
        created_at: When the journal was made.
        started_at: When the last run began.
        last_active_at: When something was last noted.
        ended_in_last_run: How many sources ended in it; for the rate.
        runs: How many runs there were.
        pid: The process of the last run if that has not closed the journal: it is still at it, or
            was killed. None if it has.
    """

    path: Path
    account: str
    job: str
    memo: Mapping[str, str]
    counts: Mapping[SourceState, int]
    documents: int
    size_bytes: int
    created_at: datetime
    started_at: datetime
    last_active_at: datetime
    ended_in_last_run: int
    runs: int
    pid: int | None
    _file: Path = field(repr=False)

    async def entries(self, state: SourceState) -> AsyncGenerator[Entry]:
        """Give the sources that are in a state, by number, a page at a time.

        Args:
            state: Which one, such as `SourceState.FAILED`.

        Yields:
            Each source, as it is when its page is read.

        Raises:
            JournalError: The file can't be read any more.
        """
        after = 0
        where = "state = ? AND number > ? ORDER BY number LIMIT ?"
        while page := await _read(
            self._file,
            partial(_entries, where=where, values=(state.value, after, _PAGE)),
        ):
            for entry in page:
                yield entry
            after = page[-1].number


async def summary_of(path: str | os.PathLike[str]) -> Summary:
    """Read a journal; also while a run is writing it, and after one was killed.

    Args:
        path: Which journal.

    Returns:
        What it says.

    Raises:
        JournalError: There is none, or it can't be read.
    """
    given = Path(path)
    return await _read(given, partial(_summary, given=given))


async def _read(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    return await anyio.to_thread.run_sync(_read_now, path, work)


def _read_now(given: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    uri = f"{existing_journal(given).as_uri()}?mode=ro"
    try:
        # A connection for each question, so that none keeps the run from tidying up its WAL.
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as database:
            database.execute("BEGIN")
            return work(database)
    except sqlite3.Error as error:
        raise journal_error(error, str(given)) from error


def _summary(database: sqlite3.Connection, given: Path) -> Summary:
    meta = dict(queries.execute(database, "SELECT name, value FROM meta").fetchall())
    run, pid, started_at, ended_at = queries.execute(
        database, "SELECT run, pid, started_at, ended_at FROM runs ORDER BY run DESC LIMIT 1"
    ).fetchone()
    documents, size_bytes, found_at, last_ended_at, ended = queries.execute(
        database,
        "SELECT total(documents), total(size_bytes), max(found_at), max(ended_at),"
        " count(*) FILTER (WHERE ended_at >= ?) FROM sources",
        started_at,
    ).fetchone()
    begun_at, sent_at = queries.execute(
        database, "SELECT max(begun_at), max(sent_at) FROM parcels"
    ).fetchone()
    active = (started_at, ended_at, found_at, last_ended_at, begun_at, sent_at)
    memo = queries.execute(database, "SELECT name, value FROM memo ORDER BY name")
    return Summary(
        path=given,
        account=queries.text_of(meta["account"]),
        job=meta["job"],
        memo={queries.text_of(name): queries.text_of(value) for name, value in memo},
        counts=queries.counts(database),
        documents=int(documents),
        size_bytes=int(size_bytes),
        created_at=_instant(float(meta["created_at"])),
        started_at=_instant(started_at),
        last_active_at=_instant(max(at for at in active if at is not None)),
        ended_in_last_run=ended,
        runs=run,
        pid=None if ended_at is not None else pid,
        _file=given,
    )


def _entries(database: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Entry]:
    return queries.entries(database, where, *values)


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
