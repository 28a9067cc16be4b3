"""Which file can be a journal, whose it is, and what is said of one that can't be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from klearstack_async.bulk.journal import Ended, Journal, summary_of
from klearstack_async.bulk.journal_errors import journal_error
from klearstack_async.bulk.journal_schema import VERSION
from klearstack_async.bulk.states import SourceState
from klearstack_async.errors import JournalError

ACCOUNT = "https://demo.example demo ap"


async def refusal_of(path: Path, account: str = ACCOUNT) -> str:
    with pytest.raises(JournalError) as refused:
        async with Journal.open(path, account=account):
            pytest.fail("it was opened")
    return str(refused.value)


def make_database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def make_text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 50, encoding="utf-8")


def make_short_text(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00 and nothing more")


def make_other_database(path: Path) -> None:
    make_database(path, "CREATE TABLE songs (name TEXT)")


def make_wal_database(path: Path) -> None:
    make_database(path, "PRAGMA journal_mode = WAL", "CREATE TABLE songs (name TEXT)")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_text, "is no journal: it is no SQLite database"),
        (make_short_text, "is no journal: it is no SQLite database"),
        (make_other_database, "but no journal of a bulk run"),
        (make_wal_database, "but no journal of a bulk run"),
        (Path.mkdir, "is a folder"),
    ],
)
async def test_what_is_no_journal_is_refused_and_left_as_it_was(
    tmp_path: Path, make: object, says: str
) -> None:
    path = tmp_path / "mine"
    assert callable(make)
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    refusal = await refusal_of(path)
    assert says in refusal
    assert str(path) in refusal
    with pytest.raises(JournalError, match=says):
        await summary_of(path)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


async def test_a_journal_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "there is no folder" in await refusal_of(tmp_path / "missing" / "job.db")
    with pytest.raises(JournalError, match="there is no journal"):
        await summary_of(tmp_path / "missing" / "job.db")


async def test_a_journal_of_another_account_is_refused_and_both_are_named(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT):
        pass
    refusal = await refusal_of(path, "https://demo.example demo other")
    assert "'https://demo.example demo ap'" in refusal
    assert "'https://demo.example demo other'" in refusal
    assert "a journal of its own" in refusal
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert not journal.is_resumed
    # The one that was refused was no run.
    assert (await summary_of(path)).runs == 2


async def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT):
        pass
    make_database(path, f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    assert "written by a newer version" in await refusal_of(path)
    with pytest.raises(JournalError, match="pip install -U klearstack-async"):
        await summary_of(path)
    assert path.read_bytes() == before


async def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT):
        pass
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    assert "damaged" in await refusal_of(path)
    with pytest.raises(JournalError, match="damaged"):
        await summary_of(path)


async def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    path.touch()
    with pytest.raises(JournalError, match="there is no journal"):
        await summary_of(path)
    async with Journal.open(str(path), account=ACCOUNT) as journal:
        assert not journal.is_resumed
    assert (await summary_of(path)).account == ACCOUNT


@pytest.fixture
def folder_of_another_user() -> Iterator[Path]:
    """Give a folder that can be read, and in which nothing can be written."""
    # Not pytest's own: nobody else can even look into that one.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    user = os.geteuid()
    yield folder
    os.seteuid(user)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def become_another_user(folder: Path) -> None:
    # The superuser may write anywhere.
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0o555)


async def test_a_journal_that_cannot_be_written_is_refused_and_can_be_read(
    folder_of_another_user: Path,
) -> None:
    path = folder_of_another_user / "job.db"
    async with Journal.open(path, account=ACCOUNT) as journal:
        await journal.meet("k", "k", None)
    path.chmod(0o444)
    become_another_user(folder_of_another_user)
    assert str(path) in await refusal_of(path)
    assert "can't be used" in await refusal_of(folder_of_another_user / "new.db")
    assert (await summary_of(path)).counts[SourceState.FOUND] == 1


async def test_a_summary_says_what_the_journal_holds(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    times = iter(range(1_000, 100_000))
    memo = {"paths": '["/in"]', "bundle": "50"}
    async with Journal.open(path, account=ACCOUNT, memo=memo, now=lambda: next(times)) as journal:
        for name in ("a", "b", "c", "d"):
            entry = await journal.meet(name, name, None)
            await journal.identify(entry.number, size_bytes=10, modified_ns=1, sha256=name)
        parcel = await journal.begin_sending([(number, f"r{number}") for number in (1, 2, 3)])
        await journal.sent(parcel, "batch", next(times))
        await journal.end([Ended(1, SourceState.EXTRACTED, documents=3)], {})
        await journal.end([Ended(2, SourceState.FAILED, "Rejected", "no such type")], {})
        # While the run is going on.
        summary = await summary_of(path)
        assert summary.pid == os.getpid()
        assert summary.job == journal.job
    assert (summary.path, summary.account, summary.memo) == (path, ACCOUNT, memo)
    assert (summary.documents, summary.size_bytes, summary.ended_in_last_run) == (3, 40, 2)
    assert {state: count for state, count in summary.counts.items() if count} == {
        SourceState.FOUND: 1,
        SourceState.SENT: 1,
        SourceState.EXTRACTED: 1,
        SourceState.FAILED: 1,
    }
    assert summary.created_at == datetime.fromtimestamp(1_000, UTC)
    assert summary.created_at < summary.started_at < summary.last_active_at
    [failed] = [entry async for entry in summary.entries(SourceState.FAILED)]
    assert (failed.name, failed.reason, failed.batch_id) == ("b", "no such type", "batch")
    async with Journal.open(path, account=ACCOUNT):
        pass
    again = await summary_of(path)
    assert (again.runs, again.ended_in_last_run, again.pid) == (2, 0, None)


async def test_a_summary_gives_every_entry_of_a_state_however_many_there_are(
    tmp_path: Path,
) -> None:
    path = tmp_path / "job.db"
    numbers = range(1, 1_202)
    async with Journal.open(path, account=ACCOUNT) as journal:
        for number in numbers:
            await journal.meet(f"{number}", f"{number}", None)
        await journal.end([Ended(number, SourceState.IN_DOUBT) for number in numbers], {})
    summary = await summary_of(path)
    given = [entry.number async for entry in summary.entries(SourceState.IN_DOUBT)]
    assert given == list(numbers)


async def test_a_reader_that_stays_does_not_keep_a_run_from_writing_or_closing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT) as journal:
        await journal.meet("a", "a", None)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(reader):
        async with Journal.open(path, account=ACCOUNT) as journal:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM sources").fetchone() == (1,)
            await journal.meet("b", "b", None)
        assert reader.execute("SELECT count(*) FROM sources").fetchone() == (1,)
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert (await journal.counts())[SourceState.FOUND] == 2


async def test_no_password_or_token_has_a_place_in_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "job.db"
    async with Journal.open(path, account=ACCOUNT):
        pass
    with closing(sqlite3.connect(path)) as database:
        columns = {
            column
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for _, column, *_ in database.execute(f"PRAGMA table_info({table})")
        }
        kept = dict(database.execute("SELECT name, value FROM meta"))
    assert set(kept) == {"account", "job", "created_at"}
    assert not [name for name in columns if "token" in name or "password" in name]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (sqlite3.SQLITE_FULL, "no room left"),
        (sqlite3.SQLITE_IOERR, "read or written"),
        (sqlite3.SQLITE_IOERR_FSYNC, "read or written"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "can't be written"),
        (sqlite3.SQLITE_CANTOPEN, "can't be opened"),
        (sqlite3.SQLITE_PERM, "can't be opened"),
        (sqlite3.SQLITE_AUTH, "can't be opened"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another program keeps it locked"),
        (sqlite3.SQLITE_LOCKED, "another program keeps it locked"),
        (sqlite3.SQLITE_NOTADB, "no SQLite database"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_MISMATCH, "job.db: what SQLite says"),
        (None, "job.db: what SQLite says"),
    ],
)
def test_whatever_sqlite_says_names_the_file_and_what_it_means(code: int | None, says: str) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    if code is not None:
        error.sqlite_errorcode = code
    said = str(journal_error(error, "job.db"))
    assert says in said
    assert "job.db: " in said
    assert "what SQLite says" in said
