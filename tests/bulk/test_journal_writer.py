"""Many tasks write to one journal: together, whole, and whatever becomes of who asked."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from klearstack_async.bulk.journal import Ended, Journal
from klearstack_async.bulk.states import SourceState
from klearstack_async.errors import JournalError

ACCOUNT = "https://demo.example demo ap"
# More turns of the loop than any write takes from its call to its answer.
STEPS = range(12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    async with Journal.open(path, account=ACCOUNT) as opened:
        yield opened


def column(path: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute(sql)]


async def cancelled_after(steps: int, task: asyncio.Task[object]) -> bool:
    """Cancel a task after so many turns of the loop, and say whether it was still waiting."""
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


@pytest.fixture
async def commits(journal: Journal) -> AsyncIterator[list[str]]:
    """Give the list of the journal's commits, which grows."""
    found: list[str] = []

    def note(statement: str) -> None:
        if statement == "COMMIT":
            found.append(statement)

    await journal._writer.do(lambda base: base.set_trace_callback(note))
    yield found
    await journal._writer.do(lambda base: base.set_trace_callback(None))


async def test_what_many_tasks_ask_for_at_once_is_committed_together(
    journal: Journal, commits: list[str]
) -> None:
    before = len(commits)
    entries = await asyncio.gather(*(journal.meet(f"{n}", f"{n}", None) for n in range(100)))
    assert sorted(entry.number for entry in entries) == list(range(1, 101))
    assert len(commits) - before < 10


async def test_tasks_that_write_one_after_the_other_share_their_commits(
    journal: Journal, commits: list[str]
) -> None:
    before = len(commits)

    async def write(task: int) -> None:
        for number in range(50):
            await journal.meet(f"{task}-{number}", "name", None)

    await asyncio.gather(*(write(task) for task in range(8)))
    assert len(commits) - before < 400
    assert (await journal.counts())[SourceState.FOUND] == 400


async def test_a_write_that_is_wrong_harms_none_of_those_committed_with_it(
    journal: Journal,
) -> None:
    entry = await journal.meet("sent", "sent", None)
    await journal.begin_sending([(entry.number, "r")])
    results = await asyncio.gather(
        journal.meet("a", "a", None),
        journal.begin_sending([(entry.number, "r")]),
        journal.meet("b", "b", None),
        journal.begin_sending([(99, "nobody")]),
        journal.set("name", "value"),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in results] == [
        "Entry",
        "ValueError",
        "Entry",
        "ValueError",
        "NoneType",
    ]
    assert await journal.get("name") == "value"
    assert (await journal.counts())[SourceState.FOUND] == 2
    # Nothing is left of the two parcels that were not begun.
    other = await journal.meet("c", "c", None)
    assert await journal.begin_sending([(other.number, "r")]) == 2


async def test_a_full_disk_is_an_error_and_the_run_can_go_on_once_there_is_room(
    journal: Journal, path: Path
) -> None:
    await journal.meet("before", "before", None)
    await journal._writer.do(lambda base: base.execute("PRAGMA max_page_count = 1").fetchall())
    text = "x" * 20_000
    with pytest.raises(JournalError, match="no room left") as full:
        await journal.meet("big", text, None)
    assert str(path) in str(full.value)
    assert "the run can go on" in str(full.value)
    assert isinstance(full.value.__cause__, sqlite3.OperationalError)
    many = await asyncio.gather(
        *(journal.meet(f"{n}", text, None) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(each, JournalError) for each in many)
    assert (await journal.counts())[SourceState.FOUND] == 1
    await journal._writer.do(lambda base: base.execute("PRAGMA max_page_count = 100000").fetchall())
    assert (await journal.meet("big", text, None)).number == 2
    assert (await journal.counts())[SourceState.FOUND] == 2


async def test_a_journal_on_a_full_disk_closes_and_opens_again(path: Path) -> None:
    async with Journal.open(path, account=ACCOUNT) as journal:
        await journal.meet("a", "a", None)
        await journal._writer.do(lambda base: base.execute("PRAGMA max_page_count = 1").fetchall())
        with pytest.raises(JournalError, match="no room left"):
            await journal.set("big", "x" * 100_000)
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert (await journal.counts())[SourceState.FOUND] == 1


async def test_another_program_that_holds_the_file_locked_is_waited_for_and_then_named(
    journal: Journal, path: Path
) -> None:
    await journal._writer.do(lambda base: base.execute("PRAGMA busy_timeout = 1").fetchall())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another program keeps it locked"):
            await journal.meet("a", "a", None)
    assert (await journal.meet("a", "a", None)).number == 1


@pytest.mark.parametrize("steps", STEPS)
async def test_who_is_cancelled_before_an_upload_begins_has_not_begun_it(
    path: Path, steps: int
) -> None:
    async with Journal.open(path, account=ACCOUNT) as journal:
        entry = await journal.meet("a", "a", None)
        beginning = asyncio.create_task(journal.begin_sending([(entry.number, "r")]))
        was_cancelled = await cancelled_after(steps, beginning)
        state = SourceState.FOUND if was_cancelled else SourceState.SENDING
        assert (await journal.counts())[state] == 1
        assert (await journal.meet("b", "b", None)).number == 2
    assert column(path, "SELECT state FROM sources ORDER BY number") == [state, "found"]


async def test_who_is_cancelled_in_the_turn_in_which_the_parcel_is_ready_has_not_begun_it(
    journal: Journal,
) -> None:
    entry = await journal.meet("a", "a", None)

    async def cancel() -> None:
        # Of one commit, who asked first is told first.
        await journal.set("name", "value")
        beginning.cancel()

    cancelling = asyncio.create_task(cancel())
    beginning = asyncio.create_task(journal.begin_sending([(entry.number, "r")]))
    await asyncio.wait({cancelling, beginning})
    assert beginning.cancelled()
    assert (await journal.counts())[SourceState.FOUND] == 1


@pytest.mark.parametrize("steps", STEPS)
async def test_a_write_whose_caller_is_cancelled_is_carried_out_whole_or_not_at_all(
    path: Path, steps: int
) -> None:
    numbers = range(1, 51)
    async with Journal.open(path, account=ACCOUNT) as journal:
        for number in numbers:
            await journal.meet(f"{number}", "name", None)
        ended = [Ended(number, SourceState.EXTRACTED) for number in numbers]
        await cancelled_after(steps, asyncio.create_task(journal.end(ended, {"out": 7})))
    states = set(column(path, "SELECT state FROM sources ORDER BY number"))
    # Cancelled before its first turn, the call never took place.
    assert states == ({"extracted"} if steps else {"found"})
    assert column(path, "SELECT position FROM sinks") == ([7] if steps else [])


async def test_a_crowd_of_which_some_are_cancelled_leaves_the_writer_as_it_was(
    journal: Journal,
) -> None:
    tasks = [asyncio.create_task(journal.meet(f"{n}", "name", None)) for n in range(60)]
    for turn in range(20):
        await asyncio.sleep(0)
        tasks[turn * 3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    met = [each for each in results if not isinstance(each, BaseException)]
    assert len({entry.number for entry in met}) == len(met) >= 40
    assert (await journal.meet("last", "last", None)).is_new


def cancel_every_other_task() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "TestRunner" not in repr(task.get_coro()):
            task.cancel()


@pytest.mark.parametrize("steps", STEPS)
async def test_what_was_asked_for_is_written_though_every_task_is_cancelled(
    path: Path, steps: int
) -> None:
    async with Journal.open(path, account=ACCOUNT) as journal:
        asked = [asyncio.create_task(journal.meet(f"{n}", "name", None)) for n in range(3)]
        await asyncio.sleep(0)
        for _ in range(steps):
            await asyncio.sleep(0)
        cancel_every_other_task()
        await asyncio.wait(asked)
    assert column(path, "SELECT key FROM sources") == ["0", "1", "2"]
    assert column(path, "SELECT times_met FROM sources") == [1, 1, 1]


async def test_what_is_being_written_when_every_task_is_cancelled_is_written_once(
    path: Path,
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def hold(_base: sqlite3.Connection) -> None:
        begun.set()
        may_end.wait()

    async with Journal.open(path, account=ACCOUNT) as journal:
        held = asyncio.create_task(journal._writer.do(hold))
        met = asyncio.create_task(journal.meet("a", "a", None))
        await asyncio.to_thread(begun.wait)
        late = asyncio.create_task(journal.meet("b", "b", None))
        await asyncio.sleep(0)
        cancel_every_other_task()
        await asyncio.wait({held, met, late})
        may_end.set()
        assert (await journal.meet("c", "c", None)).number == 3
    assert column(path, "SELECT key FROM sources") == ["a", "b", "c"]
    assert column(path, "SELECT times_met FROM sources") == [1, 1, 1]


@pytest.mark.parametrize("steps", STEPS)
async def test_who_is_cancelled_while_a_journal_opens_leaves_it_free(
    path: Path, steps: int
) -> None:
    async def use() -> None:
        async with Journal.open(path, account=ACCOUNT):
            await asyncio.Event().wait()

    assert await cancelled_after(steps, asyncio.create_task(use()))
    async with Journal.open(path, account=ACCOUNT) as journal:
        await journal.meet("a", "a", None)


@pytest.mark.parametrize("steps", STEPS)
async def test_who_is_cancelled_while_a_journal_closes_has_closed_it(
    path: Path, steps: int
) -> None:
    opened = asyncio.Event()
    leave = asyncio.Event()

    async def use() -> None:
        async with Journal.open(path, account=ACCOUNT) as journal:
            asyncio.create_task(journal.set("last", "word"))  # noqa: RUF006
            opened.set()
            await leave.wait()

    using = asyncio.create_task(use())
    await opened.wait()
    leave.set()
    await cancelled_after(steps, using)
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert await journal.get("last") == "word"
    assert sorted(each.name for each in path.parent.iterdir()) == ["job.db", "job.db.lock"]


async def test_a_cancelled_scope_closes_the_journal_like_any_other_end(path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with Journal.open(path, account=ACCOUNT) as journal:
            await journal.meet("a", "a", None)
            scope.cancel()
            await journal.meet("b", "b", None)
    assert scope.cancelled_caught
    async with Journal.open(path, account=ACCOUNT) as journal:
        assert journal.is_resumed


async def test_the_error_of_the_block_passes_as_it_is(path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Journal.open(path, account=ACCOUNT):
            raise KeyError("mine")


async def test_a_closed_journal_says_so(path: Path) -> None:
    async with Journal.open(path, account=ACCOUNT) as journal:
        pass
    with pytest.raises(JournalError, match="was closed"):
        await journal.meet("a", "a", None)


async def test_only_the_beginning_of_an_upload_waits_for_the_disk(journal: Journal) -> None:
    statements: list[str] = []
    entry = await journal.meet("a", "a", None)
    await journal._writer.do(lambda base: base.set_trace_callback(statements.append))
    parcel = await journal.begin_sending([(entry.number, "r")])
    await journal.sent(parcel, "batch", 1.0)
    await journal.end([Ended(entry.number, SourceState.EXTRACTED)], {})
    await journal._writer.do(lambda base: base.set_trace_callback(None))
    pragmas = [each for each in statements if each.startswith("PRAGMA")]
    assert pragmas == ["PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"]
