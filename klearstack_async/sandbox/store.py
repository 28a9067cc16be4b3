"""The SQLite database: opening it, its tables, and the one thread that speaks to it.

What is asked of it lives in `records.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from klearstack_async.sandbox.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS sets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT
);

CREATE TABLE IF NOT EXISTS batches (
    batch_id TEXT PRIMARY KEY,
    set_number INTEGER REFERENCES sets,
    options TEXT NOT NULL
) WITHOUT ROWID;

-- What was read from a file, once for all documents with the same bytes.
CREATE TABLE IF NOT EXISTS contents (
    number INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    read_at REAL,
    reading TEXT,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS contents_unread ON contents (number) WHERE read_at IS NULL;

-- A document is done when its time has come and its content was read: nothing is written then.
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL UNIQUE,
    batch_id TEXT NOT NULL REFERENCES batches,
    file_name TEXT NOT NULL,
    document_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT REFERENCES contents (sha256),
    reason TEXT,
    uploaded_at REAL NOT NULL,
    ready_at REAL NOT NULL,
    is_approved INTEGER NOT NULL DEFAULT 0,
    is_saved INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS documents_batch ON documents (batch_id);
"""

_FIRST_SET_NUMBER = 10001


class Store:
    """One connection in one thread: a function given to `run` is one transaction."""

    def __init__(self, path: Path, *, temporary: bool) -> None:
        self._path = path
        # A temporary database needs to survive nothing, so it never waits for the disk.
        self._pragmas = (
            ("journal_mode = MEMORY", "synchronous = OFF")
            if temporary
            else ("journal_mode = WAL", "synchronous = NORMAL")
        )
        self._threads = Threads("store")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the database, and make its tables where they are missing."""
        await self._threads.run(self._open)

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function with the connection, in the thread; roll back if it raises."""

        def transaction() -> T:
            connection = self._opened()
            with connection:
                return function(connection, *args, **kwargs)

        return await self._threads.run(transaction)

    async def close(self) -> None:
        """Close the database and end the thread."""
        try:
            await self._threads.run(self._close)
        finally:
            await self._threads.close()

    def _open(self) -> None:
        connection = sqlite3.connect(self._path)
        connection.row_factory = sqlite3.Row
        self._connection = connection
        for pragma in self._pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_SCHEMA)
        connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'sets', ?"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'sets')",
            (_FIRST_SET_NUMBER - 1,),
        )
        connection.commit()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the sandbox's database is not open")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
