"""What a journal keeps of each source, and how a later run finds it again."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from klearstack_async.bulk.journal import Ended, Entry, Journal
from klearstack_async.bulk.states import FINAL_STATES, SourceState

ACCOUNT = "https://demo.example demo ap"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    async with Journal.open(path, account=ACCOUNT) as opened:
        yield opened


async def found(journal: Journal, *names: str) -> list[Entry]:
    return [await journal.meet(f"/in/{name}", name, f"/in/{name}") for name in names]


async def sending(journal: Journal, *names: str) -> tuple[int, list[Entry]]:
    entries = await found(journal, *names)
    return await journal.begin_sending(
        [(each.number, f"r-{each.name}") for each in entries]
    ), entries


async def sent(journal: Journal, *names: str) -> tuple[int, list[Entry]]:
    parcel, entries = await sending(journal, *names)
    await journal.sent(parcel, f"batch-{parcel}", 1000.0 + parcel)
    return parcel, entries


async def ended(journal: Journal, state: SourceState, *names: str) -> list[Entry]:
    _, entries = await sent(journal, *names)
    await journal.end([Ended(each.number, state) for each in entries], {})
    return entries


async def again(journal: Journal, path: Path, entry: Entry) -> Entry:
    """Give what the journal has of a source by now."""
    return await anyio.to_thread.run_sync(_row, path, entry.number)


def _row(path: Path, number: int) -> Entry:
    with sqlite3.connect(path) as database:
        row = database.execute(
            "SELECT key, name, path, state, size_bytes, modified_ns, sha256, remote_name,"
            " attempts, sources.parcel, batch_id, reason FROM sources LEFT JOIN parcels"
            " ON parcels.parcel = sources.parcel WHERE number = ?",
            (number,),
        ).fetchone()
    database.close()
    key, name, path_of, state, *rest = row
    return Entry(number, key, name, path_of, SourceState(state), *rest)


def names_of(entries: Sequence[Entry]) -> list[str]:
    return [entry.name for entry in entries]


async def test_a_source_goes_from_found_over_sending_and_sent_to_its_end(
    journal: Journal, path: Path
) -> None:
    [entry] = await found(journal, "a.pdf")
    assert entry == Entry(1, "/in/a.pdf", "a.pdf", "/in/a.pdf", SourceState.FOUND, is_new=True)
    await journal.identify(1, size_bytes=10, modified_ns=20, sha256="ab")
    parcel = await journal.begin_sending([(1, "a-1.pdf")])
    entry = await again(journal, path, entry)
    assert (entry.state, entry.remote_name, entry.attempts) == ("sending", "a-1.pdf", 1)
    assert (entry.size_bytes, entry.modified_ns, entry.sha256) == (10, 20, "ab")
    assert (entry.parcel, entry.batch_id) == (parcel, None)
    await journal.sent(parcel, "batch", 5.0)
    entry = await again(journal, path, entry)
    assert (entry.state, entry.batch_id) == ("sent", "batch")
    await journal.end([Ended(1, SourceState.FAILED, "Rejected", "no", 1.5, 0)], {})
    entry = await again(journal, path, entry)
    assert (entry.state, entry.reason) == ("failed", "no")


async def test_what_was_not_sent_for_certain_is_found_again_and_its_try_is_counted(
    journal: Journal, path: Path
) -> None:
    parcel, [entry] = await sending(journal, "a.pdf")
    await journal.not_sent(parcel)
    entry = await again(journal, path, entry)
    assert (entry.state, entry.attempts) == ("found", 1)
    await journal.begin_sending([(entry.number, "a-1-2.pdf")])
    entry = await again(journal, path, entry)
    assert (entry.state, entry.attempts, entry.remote_name) == ("sending", 2, "a-1-2.pdf")


@pytest.mark.parametrize("reached", ["sending", "sent", *sorted(FINAL_STATES)])
async def test_only_what_is_found_can_be_sent(journal: Journal, path: Path, reached: str) -> None:
    if reached == "sending":
        _, [entry] = await sending(journal, "a.pdf")
    elif reached == "sent":
        _, [entry] = await sent(journal, "a.pdf")
    else:
        [entry] = await ended(journal, SourceState(reached), "a.pdf")
    before = await again(journal, path, entry)
    with pytest.raises(ValueError, match="not to be sent"):
        await journal.begin_sending([(entry.number, "other.pdf")])
    assert await again(journal, path, entry) == before


async def test_a_parcel_in_which_one_source_may_not_be_sent_is_not_begun_at_all(
    journal: Journal, path: Path
) -> None:
    _, [one] = await sending(journal, "a.pdf")
    [other] = await found(journal, "b.pdf")
    with pytest.raises(ValueError, match="source 1 is not to be sent"):
        await journal.begin_sending([(other.number, "b"), (one.number, "a")])
    assert (await again(journal, path, other)).state == "found"


@pytest.mark.parametrize("late", ["sent", "not_sent"])
async def test_news_of_an_upload_come_too_late_for_a_source_that_has_ended(
    journal: Journal, path: Path, late: str
) -> None:
    parcel, [entry] = await sending(journal, "a.pdf")
    await journal.end([Ended(entry.number, SourceState.IN_DOUBT)], {})
    await (journal.not_sent(parcel) if late == "not_sent" else journal.sent(parcel, "b", 1.0))
    assert (await again(journal, path, entry)).state == "in_doubt"


@pytest.mark.parametrize("state", sorted(set(SourceState) - FINAL_STATES))
async def test_no_source_ends_in_a_state_that_is_not_final(
    journal: Journal, state: SourceState
) -> None:
    [entry] = await found(journal, "a.pdf")
    with pytest.raises(ValueError, match="no source ends as"):
        await journal.end([Ended(entry.number, state)], {})
    with pytest.raises(ValueError, match="no final state"):
        await journal.reopen([SourceState.FAILED, state])


async def test_the_position_of_a_result_file_is_written_with_the_ends_that_stand_in_it(
    journal: Journal, path: Path
) -> None:
    entries = await found(journal, "a.pdf", "b.pdf")
    assert await journal.position("/out.jsonl") is None
    for entry, position in zip(entries, (100, 250), strict=True):
        await journal.end(
            [Ended(entry.number, SourceState.EXTRACTED)], {"/out.jsonl": position, "/out.csv": 7}
        )
    assert await journal.position("/out.jsonl") == 250
    assert await journal.position("/out.csv") == 7
    counts = await journal.counts()
    assert counts[SourceState.EXTRACTED] == 2
    assert set(counts) == set(SourceState)


async def test_a_later_run_knows_the_sources_of_the_earlier_ones(path: Path) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        assert not first.is_resumed
        entries = await found(first, "a.pdf", "b.pdf")
    async with Journal.open(path, account=ACCOUNT) as second:
        assert second.is_resumed
        assert second.job == first.job
        met = await found(second, "a.pdf", "b.pdf", "c.pdf")
        assert met[:2] == [replace(entry, is_new=False) for entry in entries]
        assert met[2] == Entry(3, "/in/c.pdf", "c.pdf", "/in/c.pdf", SourceState.FOUND, is_new=True)


async def test_the_job_is_eight_letters_and_digits_that_no_other_journal_has(
    tmp_path: Path,
) -> None:
    jobs = set()
    for number in range(5):
        async with Journal.open(tmp_path / f"{number}.db", account=ACCOUNT) as journal:
            jobs.add(journal.job)
    assert len(jobs) == 5
    assert all(
        len(job) == 8 and set(job) <= set("abcdefghijklmnopqrstuvwxyz234567") for job in jobs
    )


async def test_a_key_met_again_in_one_run_is_another_source_and_the_same_one_in_the_next(
    path: Path,
) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        entries = await found(first, "a.pdf", "a.pdf", "a.pdf")
        assert [entry.key for entry in entries] == ["/in/a.pdf", "/in/a.pdf#2", "/in/a.pdf#3"]
        assert len({entry.number for entry in entries}) == 3
        entries = [replace(entry, is_new=False) for entry in entries]
    async with Journal.open(path, account=ACCOUNT) as second:
        assert await found(second, "a.pdf", "a.pdf", "a.pdf") == entries
        [fourth] = await found(second, "a.pdf")
        assert (fourth.number, fourth.key) == (4, "/in/a.pdf#4")
    async with Journal.open(path, account=ACCOUNT) as third:
        assert await found(third, "a.pdf", "a.pdf") == entries[:2]


async def test_a_file_whose_name_looks_like_a_second_occurrence_is_a_source_of_its_own(
    path: Path,
) -> None:
    for _ in range(2):
        async with Journal.open(path, account=ACCOUNT) as journal:
            entries = await found(journal, "a.pdf#2", "a.pdf", "a.pdf", "a.pdf#2")
            assert [entry.number for entry in entries] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "name", ["ä ß 日本 🧾.pdf", "a\udcff.pdf", "\ud800", "nul\0.pdf", "", "'--"]
)
async def test_a_name_of_any_characters_comes_back_as_it_was(path: Path, name: str) -> None:
    for _ in range(2):
        async with Journal.open(path, account=name, memo={name: name}) as journal:
            [entry] = await found(journal, name)
            assert (entry.number, entry.name, entry.path) == (1, name, f"/in/{name}")
            assert await journal.get(name) == name
            if entry.state == SourceState.FOUND:
                await journal.begin_sending([(1, name)])
                await journal.end([Ended(1, SourceState.IN_DOUBT, name, name)], {name: 5})
            assert await journal.position(name) == 5
            assert (await journal.doubtful_numbered([1]))[1].reason == name


async def test_of_twins_identified_at_once_one_gets_the_other_and_that_one_nothing(
    journal: Journal,
) -> None:
    entries = await found(journal, *(f"{number}.pdf" for number in range(8)))
    twins: dict[int, Entry | None] = {}

    async def identify(number: int) -> None:
        twins[number] = await journal.identify(
            number, size_bytes=1, modified_ns=None, sha256="same"
        )

    async with anyio.create_task_group() as tasks:
        for entry in entries:
            tasks.start_soon(identify, entry.number)
    [first] = [number for number, twin in twins.items() if twin is None]
    assert {twin.number for twin in twins.values() if twin is not None} == {first}


@pytest.mark.parametrize(
    ("state", "is_twin"),
    [
        (SourceState.EXTRACTED, True),
        (SourceState.IN_DOUBT, True),
        (SourceState.FAILED, False),
        (SourceState.SKIPPED, False),
    ],
)
async def test_what_failed_or_was_skipped_is_nobodys_twin(
    journal: Journal, state: SourceState, is_twin: bool
) -> None:
    one, other = await found(journal, "a.pdf", "b.pdf")
    await journal.identify(one.number, size_bytes=1, modified_ns=1, sha256="same")
    await journal.end([Ended(one.number, state)], {})
    twin = await journal.identify(other.number, size_bytes=1, modified_ns=1, sha256="same")
    assert (twin is not None) is is_twin
    assert twin is None or twin.state == state


async def test_two_twins_of_an_earlier_run_never_wait_for_each_other(path: Path) -> None:
    async def identified(journal: Journal, name: str) -> Entry | None:
        [entry] = await found(journal, name)
        return await journal.identify(entry.number, size_bytes=1, modified_ns=1, sha256="same")

    async with Journal.open(path, account=ACCOUNT) as first:
        await found(first, "a.pdf")
        assert await identified(first, "b.pdf") is None
    async with Journal.open(path, account=ACCOUNT) as second:
        # The one of the earlier run may be gone by now.
        assert await identified(second, "a.pdf") is None
        twin = await identified(second, "b.pdf")
        assert twin is not None
        assert twin.name == "a.pdf"
        assert await second.identify(1, size_bytes=1, modified_ns=1, sha256="same") is None


async def test_a_twin_that_was_sent_all_the_same_counts_as_any_other(journal: Journal) -> None:
    one, other, third = await found(journal, "a.pdf", "b.pdf", "c.pdf")
    content = {"size_bytes": 1, "modified_ns": None}
    for entry in (one, other):
        await journal.identify(entry.number, sha256="same", **content)  # type: ignore[arg-type]
    await journal.begin_sending([(other.number, "b")])
    await journal.end([Ended(one.number, SourceState.FAILED)], {})
    twin = await journal.identify(third.number, sha256="same", **content)  # type: ignore[arg-type]
    assert twin is not None
    assert twin.name == "b.pdf"


async def test_a_later_run_gets_the_parcels_whose_results_were_not_all_taken(path: Path) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        await ended(first, SourceState.EXTRACTED, "done.pdf")
        _, bundle = await sent(first, "a.pdf", "b.pdf", "c.pdf")
        await sending(first, "cut off.pdf")
        last, _ = await sent(first, "d.pdf")
        await first.end([Ended(bundle[1].number, SourceState.EXTRACTED)], {})
        # Its results were seen, but nobody took them.
        await first.end((), {}, done=[last])
        assert await first.open_parcels() == []
    async with Journal.open(path, account=ACCOUNT) as second:
        await sent(second, "own.pdf")
        parcels = await second.open_parcels()
        bundle_and_single = [["a.pdf", "c.pdf"], ["d.pdf"]]
        assert [names_of(each.entries) for each in parcels] == bundle_and_single
        assert [len(each.names) for each in parcels] == [3, 1]
        assert [(each.batch_id, each.sent_at) for each in parcels] == [
            ("batch-2", 1002.0),
            ("batch-4", 1004.0),
        ]
        pages = [await second.open_parcels(after=after, limit=1) for after in (0, 2, 4)]
        assert [[each.parcel for each in page] for page in pages] == [[2], [4], []]


async def test_doubtful_is_what_was_cut_off_in_earlier_runs_and_what_ended_in_doubt(
    path: Path,
) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        await sending(first, "cut off.pdf", "too.pdf")
        await ended(first, SourceState.IN_DOUBT, "doubt.pdf")
        assert names_of(await first.doubtful()) == ["doubt.pdf"]
    async with Journal.open(path, account=ACCOUNT) as second:
        await sending(second, "under way.pdf")
        await ended(second, SourceState.IN_DOUBT, "new doubt.pdf")
        await ended(second, SourceState.EXTRACTED, "fine.pdf")
        old = ["cut off.pdf", "too.pdf", "doubt.pdf"]
        assert names_of(await second.doubtful()) == [*old, "new doubt.pdf"]
        assert names_of(await second.doubtful(after=1, limit=2)) == ["too.pdf", "doubt.pdf"]
        numbered = await second.doubtful_numbered(range(100))
        assert names_of([*numbered.values()]) == [*old, "new doubt.pdf"]
        assert all(number == entry.number for number, entry in numbered.items())
        assert names_of([*(await second.doubtful_numbered([2, 99])).values()]) == ["too.pdf"]


async def test_an_upload_that_ended_nobody_knows_how_is_doubtful_in_this_run_already(
    journal: Journal, path: Path
) -> None:
    parcel, entries = await sending(journal, "a.pdf", "b.pdf")
    await sending(journal, "under way.pdf")
    await journal.doubt(parcel, "the connection was lost")
    assert names_of(await journal.doubtful()) == ["a.pdf", "b.pdf"]
    assert [*await journal.doubtful_numbered([2, 3])] == [2]
    entry = await again(journal, path, entries[0])
    assert (entry.state, entry.reason) == ("sending", "the connection was lost")


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
async def test_a_source_that_is_reset_can_be_sent_whatever_became_of_it(
    journal: Journal, path: Path, state: SourceState
) -> None:
    _, [entry, other] = await sent(journal, "a.pdf", "b.pdf")
    await journal.end([Ended(each.number, state, "E", "why") for each in (entry, other)], {})
    await journal.reset(entry.number)
    entry = await again(journal, path, entry)
    assert (entry.state, entry.reason) == ("found", None)
    assert (await again(journal, path, other)).state == state
    await journal.begin_sending([(entry.number, "again.pdf")])


async def test_an_entry_says_whether_it_was_noted_just_now_and_when_its_upload_began(
    path: Path,
) -> None:
    async with Journal.open(path, account=ACCOUNT, now=lambda: 5.0) as journal:
        [entry] = await found(journal, "a.pdf")
        assert (entry.is_new, entry.begun_at) == (True, None)
        await journal.begin_sending([(entry.number, "r")])
    async with Journal.open(path, account=ACCOUNT) as journal:
        [entry] = await found(journal, "a.pdf")
        assert (entry.is_new, entry.begun_at) == (False, 5.0)


async def test_any_number_of_sources_can_be_looked_up_at_once(path: Path) -> None:
    names = [f"{number}.pdf" for number in range(1201)]
    async with Journal.open(path, account=ACCOUNT) as first:
        await sending(first, *names)
    async with Journal.open(path, account=ACCOUNT) as second:
        numbered = await second.doubtful_numbered(range(1, 1202))
        assert [entry.name for entry in numbered.values()] == names
        assert await second.doubtful_numbered([]) == {}


async def test_left_over_are_files_that_were_found_and_are_not_met_again(path: Path) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        await found(first, "a.pdf", "b.pdf", "c.pdf", "d.pdf")
        await first.meet("bytes", "from memory", None)
        await ended(first, SourceState.EXTRACTED, "e.pdf")
        assert await first.left_over() == []
    async with Journal.open(path, account=ACCOUNT) as second:
        await found(second, "b.pdf", "new.pdf")
        assert names_of(await second.left_over()) == ["a.pdf", "c.pdf", "d.pdf"]
        assert names_of(await second.left_over(after=1, limit=1)) == ["c.pdf"]


async def test_reopened_is_sent_again_or_asked_for_again_where_there_is_a_receipt(
    path: Path,
) -> None:
    async with Journal.open(path, account=ACCOUNT) as first:
        refused, [unsent] = await sending(first, "refused.pdf")
        await first.not_sent(refused)
        await first.end([Ended(unsent.number, SourceState.FAILED, "BadRequest", "no")], {})
        last_word, [unread] = await sent(first, "unread.pdf")
        await first.end(
            [Ended(unread.number, SourceState.FAILED, "BatchFailed", "no")], {}, done=[last_word]
        )
        [late] = await ended(first, SourceState.FAILED, "late.pdf")
        [fine] = await ended(first, SourceState.EXTRACTED, "fine.pdf")
        _, [cut] = await sending(first, "cut.pdf")
        await first.end([Ended(cut.number, SourceState.IN_DOUBT)], {})
    async with Journal.open(path, account=ACCOUNT) as second:
        assert await second.reopen([SourceState.FAILED]) == 3
        assert await second.reopen([SourceState.FAILED]) == 0
        states = [
            ((await again(second, path, each)).state.value) for each in (unsent, unread, late)
        ]
        assert states == ["found", "found", "sent"]
        assert (await again(second, path, unsent)).reason is None
        assert [names_of(each.entries) for each in await second.open_parcels()] == [["late.pdf"]]
        assert await second.reopen({SourceState.IN_DOUBT, SourceState.SKIPPED}) == 1
        assert (await again(second, path, cut)).state == "found"
        assert (await again(second, path, fine)).state == "extracted"
        await second.begin_sending([(unsent.number, "again.pdf")])


async def test_a_memo_is_stored_when_the_journal_is_new_and_can_be_changed_later(
    path: Path,
) -> None:
    async with Journal.open(path, account=ACCOUNT, memo={"paths": "[1]", "bundle": "50"}):
        pass
    async with Journal.open(path, account=ACCOUNT, memo={"paths": "[2]", "more": "x"}) as journal:
        assert await journal.get("paths") == "[1]"
        assert await journal.get("more") is None
        await journal.set("paths", "[3]")
        assert await journal.get("paths") == "[3]"
        assert await journal.get("bundle") == "50"


async def test_a_temporary_journal_leaves_nothing_and_shares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with (
        Journal.open(None, account=ACCOUNT, memo={"a": "b"}) as one,
        Journal.open(None, account=ACCOUNT) as other,
    ):
        await ended(one, SourceState.EXTRACTED, "a.pdf")
        [entry] = await found(other, "a.pdf")
        assert entry.state == "found"
        assert (await one.counts())[SourceState.EXTRACTED] == 1
        assert await one.get("a") == "b"
        assert one.job != other.job
    assert list(tmp_path.iterdir()) == []


async def test_no_question_but_the_counts_looks_at_every_source(path: Path) -> None:
    statements: list[str] = []
    async with Journal.open(path, account=ACCOUNT) as first:
        await sending(first, "cut.pdf")
    async with Journal.open(path, account=ACCOUNT) as journal:
        await journal._writer.do(lambda base: base.set_trace_callback(statements.append))
        await journal.doubt(1, "why")
        await journal.reset(1)
        await ended(journal, SourceState.FAILED, "a.pdf", "a.pdf")
        await journal.identify(2, size_bytes=1, modified_ns=None, sha256="x")
        await journal.not_sent(1)
        await journal.end((), {}, done=[1])
        await journal.open_parcels()
        await journal.doubtful()
        await journal.doubtful_numbered([1, 2])
        await journal.left_over()
        await journal.reopen([SourceState.FAILED])
        await journal._writer.do(lambda base: base.set_trace_callback(None))
        plans = {
            statement: await journal._writer.do(partial(_plan_of, sql=statement))
            for statement in statements
            if statement.split()[0] in {"SELECT", "UPDATE"}
        }
    assert len(plans) > 12
    steps = [(step, sql) for sql, plan in plans.items() for step in plan]
    assert [step for step in steps if step[0].startswith("SCAN") or "TEMP B-TREE" in step[0]] == []


def _plan_of(base: sqlite3.Connection, sql: str) -> list[str]:
    return [row[3] for row in base.execute(f"EXPLAIN QUERY PLAN {sql}")]


@pytest.mark.slow
async def test_the_memory_of_a_journal_does_not_grow_with_its_sources(path: Path) -> None:
    async def send(journal: Journal, first: int, last: int) -> None:
        for number in range(first, last):
            [entry] = await ended(journal, SourceState.EXTRACTED, f"{'x' * 200}-{number}.pdf")
            await journal.identify(entry.number, size_bytes=1, modified_ns=1, sha256=f"{number}")

    for where in (path, None):
        async with Journal.open(where, account=ACCOUNT) as journal:
            await send(journal, 0, 5_000)
            before = _resident_megabytes()
            await send(journal, 5_000, 50_000)
            assert _resident_megabytes() - before < 10


def _resident_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
