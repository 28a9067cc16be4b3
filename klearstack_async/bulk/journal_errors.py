"""What SQLite says, in words that help. A table, and the functions that read it."""

from __future__ import annotations

import sqlite3

from klearstack_async.errors import JournalError

__all__ = ["journal_error"]

_AGAIN = "nothing that was acknowledged is lost, and the run can go on once"

# By SQLite's primary result code: https://www.sqlite.org/rescode.html
_MEANINGS = {
    sqlite3.SQLITE_FULL: f"there is no room left on the disk: {_AGAIN} there is some",
    sqlite3.SQLITE_IOERR: f"the disk doesn't let it be read or written: {_AGAIN} it does",
    sqlite3.SQLITE_READONLY: "it can't be written: look at the rights of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened: look at the rights of the file and its folder",
    sqlite3.SQLITE_PERM: "it can't be opened: look at the rights of the file and its folder",
    sqlite3.SQLITE_AUTH: "it can't be opened: look at the rights of the file and its folder",
    sqlite3.SQLITE_BUSY: f"another program keeps it locked: {_AGAIN} that one has let go of it",
    sqlite3.SQLITE_LOCKED: f"another program keeps it locked: {_AGAIN} that one has let go of it",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database, so it can't be a journal",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; `sqlite3 FILE .recover` may save what is in it",
}


def journal_error(error: sqlite3.Error, path: str) -> JournalError:
    """Make the error that the user sees of one of SQLite's.

    Args:
        error: What SQLite raised.
        path: Which file it is about.

    Returns:
        The error to raise, from the other.
    """
    code = getattr(error, "sqlite_errorcode", None)
    meaning = None if code is None else _MEANINGS.get(code & 0xFF)
    return JournalError(f"{path}: {meaning} ({error})" if meaning else f"{path}: {error}")
