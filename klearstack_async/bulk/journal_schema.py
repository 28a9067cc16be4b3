"""The tables of a journal, and who may use which file. SQL and the rules of the file only.

A journal is one SQLite database (while a run has it open: in WAL mode, with `-wal` and `-shm`
beside it), to be read with any SQLite tool. Times are unix seconds (`*_at`), states are texts:

    meta      what the journal is: `account`, `job` (the random part of remote names), `created_at`
    memo      what a command line keeps in it: by `name` a `value`
    runs      each time it was opened: `run`, `pid`, `started_at`, `ended_at` (NULL: under way, or
              killed)
    sources   one row per source, in the order in which they were found, never removed:
        number          the row; what remote names and other rows refer to
        key, occurrence what tells it from all others: the n-th source of that key in one run
        name, path      as the user sees it; the file, absolute, if it is one
        state           found, sending, sent, extracted, failed, in_doubt, skipped
        size_bytes, modified_ns, sha256     its content, as of `identified_run`
        twin            found only: the source with the same content for which it may be skipped
        remote_name, attempts, parcel       of the last upload that was begun, and how many were
        error, reason, seconds, documents   how it ended: class and text, how long, how many came
        found_at, ended_at
        met_run, times_met                  the last run that met it; how often (occurrence 1 only)
    parcels   what went up, or was to go up, as one batch: `parcel`, `begun_at`, `names` (JSON: the
              remote names of all that was in it), `sent_at`, `batch_id` (NULL: no receipt),
              `is_done` (the service's last word is known, and was taken), `is_in_doubt` (its
              upload has ended, and nobody knows how)
    sinks     by `sink` (a result file) how many bytes of it are valid: `position`

A text that is no Unicode (a file name of odd bytes) stands as a blob: UTF-8 with surrogates.
Nothing secret is ever written: no password, no token.
"""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Mapping

from klearstack_async.bulk.journal_queries import execute
from klearstack_async.errors import JournalError

__all__ = ["MAGIC", "VERSION", "check_account", "check_header", "create"]

VERSION = 1

# "KLSJ": how `file` and this library tell a journal from any other SQLite database.
APPLICATION_ID = 0x4B4C534A

MAGIC = b"SQLite format 3\x00"

# Each index costs a few microseconds per write, so there is one for each question and no more.
# The condition of the last stands word by word in its query: SQLite knows it by that.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE memo (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, pid INTEGER NOT NULL, started_at REAL NOT NULL, ended_at REAL
);
CREATE TABLE parcels (
    parcel INTEGER PRIMARY KEY, begun_at REAL NOT NULL, names TEXT NOT NULL,
    sent_at REAL, batch_id TEXT,
    is_done INTEGER NOT NULL DEFAULT 0, is_in_doubt INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE sinks (sink TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL, occurrence INTEGER NOT NULL,
    name TEXT NOT NULL, path TEXT,
    state TEXT NOT NULL DEFAULT 'found' CHECK (
        state IN ('found', 'sending', 'sent', 'extracted', 'failed', 'in_doubt', 'skipped')
    ),
    size_bytes INTEGER, modified_ns INTEGER, sha256 TEXT, identified_run INTEGER, twin INTEGER,
    remote_name TEXT, attempts INTEGER NOT NULL DEFAULT 0, parcel INTEGER REFERENCES parcels,
    error TEXT, reason TEXT, seconds REAL, documents INTEGER NOT NULL DEFAULT 0,
    found_at REAL NOT NULL, ended_at REAL,
    met_run INTEGER NOT NULL, times_met INTEGER NOT NULL,
    UNIQUE (key, occurrence)
);
CREATE INDEX sources_by_state ON sources (state);
CREATE INDEX sources_by_content ON sources (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX sources_by_parcel ON sources (parcel) WHERE parcel IS NOT NULL;
"""


def check_header(application_id: int, version: int, path: str) -> None:
    """Check that this library can use a database as a journal.

    Args:
        application_id: What SQLite's header says.
        version: The `user_version` there.
        path: The file, for the error.

    Raises:
        JournalError: It is no journal, or one that a newer version wrote.
    """
    if application_id != APPLICATION_ID:
        raise JournalError(
            f"{path} is an SQLite database, but no journal of a bulk run, and was left as it is; "
            "give the journal another name"
        )
    if version > VERSION:
        raise JournalError(
            f"{path} was written by a newer version of klearstack_async (schema {version}; this "
            f"one knows {VERSION}): upgrade with `pip install -U klearstack-async`"
        )


def create(
    database: sqlite3.Connection, account: str, memo: Mapping[str, str], created_at: float
) -> None:
    """Make the tables; in the caller's transaction, so that a journal is never half made.

    Args:
        database: An empty one.
        account: Whose documents these will be.
        memo: What the command line keeps in it.
        created_at: Unix seconds.
    """
    # executescript() would commit.
    for statement in _TABLES.split(";"):
        database.execute(statement)
    job = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    for name, value in (("account", account), ("job", job), ("created_at", repr(created_at))):
        execute(database, "INSERT INTO meta VALUES (?, ?)", name, value)
    for name, value in memo.items():
        execute(database, "INSERT INTO memo VALUES (?, ?)", name, value)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def check_account(kept: str, account: str, path: str) -> None:
    """Check that a journal belongs to the account that wants to use it.

    Raises:
        JournalError: It doesn't.
    """
    if kept != account:
        raise JournalError(
            f"{path} is the journal of another account: it was begun for {kept!r}, and this is "
            f"{account!r}; go on with that account, or give this job a journal of its own"
        )
