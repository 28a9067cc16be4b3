"""The SQLite database: opening it, and the one thread that speaks to it.

Its tables and what is asked of them live in the modules that `schema.py` names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from klearstack_async.sandbox.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

FORMAT = 2
"""Stands in the database file; a change of a table that is already there makes it one more."""


class Store:
    """One connection in one thread: a function given to `run` is one transaction."""

    def __init__(self, path: Path, schemas: tuple[str, ...], *, temporary: bool) -> None:
        self._path = path
        self._schemas = schemas
        # A temporary database needs to survive nothing, so it never waits for the disk.
        self._pragmas = (
            ("journal_mode = MEMORY", "synchronous = OFF")
            if temporary
            else ("journal_mode = WAL", "synchronous = NORMAL")
        )
        self._threads = Threads("store")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the database, and make its tables where they are missing.

        Raises:
            OSError: The file holds tables of another version of the sandbox.
        """
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
        _check_format(connection, self._path)
        for schema in self._schemas:
            connection.executescript(schema)
        connection.commit()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the sandbox's database is not open")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Mark an empty database as ours; refuse one whose tables are other than we think."""
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    [found] = connection.execute("PRAGMA user_version").fetchone()
    if tables and found != FORMAT:
        raise OSError(
            f"{path} was made by another version of the sandbox: give it another folder, or"
            " remove that file"
        )
    connection.execute(f"PRAGMA user_version = {FORMAT}")
