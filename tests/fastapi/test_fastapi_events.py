from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from conftest import client_of
from events_kit import Held, Place, Told, parsed, picture, place_of
from hypothesis import given
from hypothesis import strategies as st
from load_kit import environment_of, running

from klearstack_async import (
    AuthenticationError,
    BytesSource,
    KlearStack,
    Outcome,
    OutcomeState,
    Rejected,
    SourceChanged,
)
from klearstack_async.bulk.engine import BulkRun
from klearstack_async.fastapi import events as events_module
from klearstack_async.fastapi.event_data import NOTHING_YET, outcome_data, progress_data
from klearstack_async.fastapi.event_log import EventLog, event_bytes
from klearstack_async.fastapi.events import BulkEvents
from klearstack_async.sandbox import Sandbox

TEXTS = st.text() | st.sampled_from(["\n\ndata: x", "\r\rid: 9\r\n", "\x00", "  ", "\u0085"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@asynccontextmanager
async def driven(events: BulkEvents) -> AsyncIterator[Place]:
    """Drive a run in a task, and serve its events meanwhile."""
    async with place_of(events) as place:
        task = asyncio.create_task(events.drive())
        try:
            yield place
        finally:
            task.cancel()
            await asyncio.wait([task])


def sources(count: int) -> list[BytesSource]:
    return [BytesSource(picture(number), f"{number}.png") for number in range(1, count + 1)]


def names(told: list[Told], kind: str = "outcome") -> list[str]:
    return [event.data["source"] for event in told if event.name == kind]


async def test_a_browser_hears_of_each_outcome_and_of_the_end(ks: KlearStack) -> None:
    async with driven(BulkEvents(ks.bulk(sources(3)))) as place, place.listener() as browser:
        told = await browser.rest()
    assert sorted(names(told)) == ["1.png", "2.png", "3.png"]
    assert told[-1].name == "done"
    assert told[-1].data["counts"]["extracted"] == 3
    assert told[-1].data["is_complete"] is True


async def test_the_answer_is_one_that_nobody_on_the_way_holds_back(ks: KlearStack) -> None:
    async with driven(BulkEvents(ks.bulk(sources(1)))) as place, place.listener() as browser:
        headers = browser.answer.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert headers["Cache-Control"] == "no-cache"
        assert headers["X-Accel-Buffering"] == "no"


async def test_a_browser_is_answered_before_there_is_anything_to_tell(ks: KlearStack) -> None:
    async with (
        place_of(BulkEvents(ks.bulk(sources(1)))) as place,
        place.listener() as browser,
    ):
        assert await browser.block() == "retry: 2000\n\n"


async def test_progress_moves(ks: KlearStack) -> None:
    held = Held(3)
    async with driven(BulkEvents(ks.bulk(held))) as place, place.listener() as browser:
        finished = []
        for _ in range(2):
            held.let_go()
            await browser.until("outcome")
            finished.append((await browser.until("progress"))[-1].data["finished"])
        held.let_go()
        told = await browser.rest()
    assert finished == [1, 2]
    assert told[-1].name == "done"


async def test_the_last_progress_is_that_of_the_end_for_who_comes_late_too(ks: KlearStack) -> None:
    events = BulkEvents(ks.bulk(sources(3)))
    async with place_of(events) as place, place.listener() as browser:
        await browser.until("progress")
        await events.drive()
        heard = await browser.rest()
        async with place.listener() as late:
            heard_late = await late.rest()
    for told in (heard, heard_late):
        last = [event.data for event in told if event.name == "progress"][-1]
        assert (last["finished"], last["total"], last["waiting"]) == (3, 3, 0)
        assert told[-1].name == "done"


async def test_a_run_that_is_not_begun_says_so_and_ends_with_the_server(
    ks: KlearStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = False
    monkeypatch.setattr(events_module, "is_stopping", lambda: stopping)
    events = BulkEvents(ks.bulk(sources(1)))
    async with place_of(events) as place, place.listener() as browser:
        [told] = await browser.until("progress")
        assert (told.data["finished"], told.data["total"]) == (0, None)
        assert set(told.data) == set(progress_data(NOTHING_YET))
        stopping = True
        # Well before it would be told that the stream lives.
        async with asyncio.timeout(10):
            assert await browser.rest() == []


async def test_nothing_ticks_when_nobody_listens_any_more(ks: KlearStack) -> None:
    events = BulkEvents(ks.bulk(sources(1)))
    async with place_of(events) as place, place.listener() as browser:
        await browser.until("progress")
        assert events._ticking is not None
        events.close()
        await browser.rest()
    events._ticking.cancel()
    events._tick_on()
    assert events._ticking is None


async def test_all_browsers_hear_the_same(ks: KlearStack) -> None:
    held = Held(4)
    async with driven(BulkEvents(ks.bulk(held))) as place:

        async def listen() -> list[str]:
            async with place.listener() as browser:
                await browser.next()
                held.let_go()
                return names(await browser.rest())

        heard = await asyncio.gather(*(listen() for _ in range(4)))
    assert len(heard[0]) == 4
    assert heard == [heard[0]] * 4


async def test_a_browser_that_leaves_stops_nothing(ks: KlearStack) -> None:
    held = Held(2)
    async with driven(BulkEvents(ks.bulk(held))) as place:
        held.let_go()
        async with place.listener() as browser:
            await browser.until("outcome")
        held.let_go()
        async with place.listener() as browser:
            told = await browser.rest()
    assert names(told) == ["1.png", "2.png"]


async def test_a_browser_that_comes_back_goes_on_after_what_it_had(ks: KlearStack) -> None:
    held = Held(3)
    async with driven(BulkEvents(ks.bulk(held))) as place:
        held.let_go()
        async with place.listener() as browser:
            last = (await browser.until("outcome"))[-1].last_id
        held.let_go(2)
        async with place.listener(last) as browser:
            told = await browser.rest()
    assert sorted(names(told)) == ["2.png", "3.png"]


async def test_who_has_heard_everything_is_told_to_stop_asking(ks: KlearStack) -> None:
    async with driven(BulkEvents(ks.bulk(sources(1)))) as place:
        async with place.listener() as browser:
            last = (await browser.rest())[-1].last_id
        async with place.listener(last) as browser:
            assert browser.answer.status == 204
        async with place.listener() as browser:
            assert names(await browser.rest()) == ["1.png"]


@pytest.mark.parametrize("last", ["7", "another-1", "", "-", "é-2", "a-99999999999999999999999"])
async def test_the_id_of_another_stream_begins_anew(ks: KlearStack, last: str) -> None:
    events = BulkEvents(ks.bulk(sources(2)))
    await events.drive()
    async with place_of(events) as place, place.listener(last) as browser:
        assert len(names(await browser.rest())) == 2


async def test_a_browser_that_comes_too_late_is_told_how_much_it_missed(ks: KlearStack) -> None:
    events = BulkEvents(ks.bulk(sources(5)), keep=2)
    await events.drive()
    async with place_of(events) as place, place.listener() as browser:
        told = [event for event in await browser.rest() if event.name != "progress"]
    # The end counts as well.
    assert [event.name for event in told] == ["missed", "outcome", "done"]
    assert told[0].data == {"count": 4}


async def test_a_browser_that_takes_nothing_holds_up_nobody_and_is_not_waited_for(
    ks: KlearStack,
) -> None:
    """Nor does anything pile up for it: what it was not told by then is counted."""

    def tell(outcome: Outcome) -> dict[str, Any]:
        return {"much": "x" * 500_000}

    events = BulkEvents(ks.bulk(sources(40)), keep=4, tell=tell)
    async with place_of(events) as place, place.listener() as slow:
        assert await slow.block()
        report = await events.drive()
        told = await slow.rest()
    assert report.is_complete
    missed = sum(event.data["count"] for event in told if event.name == "missed")
    assert missed > 0
    assert missed + len(names(told)) == 40
    assert told[-1].name == "done"


async def test_what_is_silent_says_now_and_then_that_it_lives(
    ks: KlearStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "_KEEP_ALIVE_SECONDS", 0.05)
    async with (
        place_of(BulkEvents(ks.bulk(sources(1)))) as place,
        place.listener() as browser,
    ):
        assert [await browser.block() for _ in range(4)][2:] == [": still here\n\n"] * 2


async def test_an_account_that_is_refused_is_told_as_a_problem_without_a_secret(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.password = "wrong-MARKED-ü"
    async with client_of(sandbox) as ks:
        events = BulkEvents(ks.bulk(sources(1)))
        await events.drive()
        async with place_of(events) as place, place.listener() as browser:
            text = await browser.answer.text()
    [begun, told] = parsed(text.split("\n"))
    assert begun.name == "progress"
    assert (told.name, told.data["status"]) == ("failed", 502)
    assert isinstance(events.error, AuthenticationError)
    assert events.error.endpoint in caplog.text
    for said in (text, caplog.text):
        assert "MARKED" not in said
    assert sandbox.url not in text


async def test_what_is_no_document_fails_in_words_that_name_no_folder(
    ks: KlearStack, tmp_path: Path
) -> None:
    (tmp_path / "notes.pdf").write_text("no document")
    paths = [tmp_path / "notes.pdf", tmp_path / "away.pdf"]
    async with driven(BulkEvents(ks.bulk(paths))) as place, place.listener() as browser:
        text = await browser.answer.text()
    by_name = {e.data["source"]: e.data for e in parsed(text.split("\n")) if e.name == "outcome"}
    assert by_name["notes.pdf"]["problem"]["status"] == 422
    assert "no PDF, JPEG or PNG" in by_name["notes.pdf"]["problem"]["detail"]
    assert by_name["away.pdf"]["state"] == "failed"
    assert str(tmp_path) not in text


async def test_what_is_no_file_fails_in_words_that_name_no_folder(
    ks: KlearStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "se cret"
    secret.mkdir()
    os.mkfifo(secret / "pipe.pdf")
    os.mkfifo(secret / "other.pdf")
    monkeypatch.chdir(tmp_path)
    paths: list[Path | str] = [secret / "pipe.pdf", "se cret/other.pdf"]
    async with driven(BulkEvents(ks.bulk(paths))) as place, place.listener() as browser:
        text = await browser.answer.text()
    details = [e.data["problem"]["detail"] for e in parsed(text.split("\n")) if e.name == "outcome"]
    assert sorted(details) == ["other.pdf is not a regular file", "pipe.pdf is not a regular file"]
    assert "cret" not in text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/srv/acme/in/a.pdf is a pipe", "a.pdf is a pipe"),
        ("in/a.pdf is a pipe", "a.pdf is a pipe"),
        ("/srv/acme/in is gone", "its folder is gone"),
        ("a.pdf is no PDF: it begins with b'\\x00/'", "a.pdf is no PDF: it begins with b'\\x00/'"),
    ],
)
def test_no_error_of_a_source_names_its_folder(said: str, told: str) -> None:
    outcome = Outcome("/srv/acme/in/a.pdf", OutcomeState.FAILED, error=ValueError(said))
    assert outcome_data(outcome)["problem"]["detail"] == told


def test_the_words_of_a_file_that_is_called_like_an_escape_stay_as_they_are() -> None:
    said = "x is no PDF, JPEG or PNG: it begins with b'\\x00'"
    outcome = Outcome("/srv/x", OutcomeState.FAILED, error=ValueError(said))
    assert outcome_data(outcome)["problem"]["detail"] == said


@pytest.mark.parametrize(
    "source", ["/srv/in/a.pdf", "C:\\in\\a.pdf", "in/a.pdf", "in\\a.pdf", "..\\a.pdf", "a.pdf"]
)
def test_a_source_is_told_without_its_folders_whosever_they_are(source: str) -> None:
    outcome = Outcome(source, OutcomeState.EXTRACTED)
    assert outcome_data(outcome)["source"] == "a.pdf"


def test_what_the_service_said_of_its_trouble_is_left_out() -> None:
    trouble = "the service is away; trying again (ConnectError: https://secret.example)"
    told = progress_data(dataclasses.replace(NOTHING_YET, trouble=trouble))
    assert told["trouble"] == "the service is away; trying again"


async def test_a_duplicate_is_told_with_a_note_that_names_no_folder(
    ks: KlearStack, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture(1))
    async with driven(BulkEvents(ks.bulk(tmp_path))) as place, place.listener() as browser:
        text = await browser.answer.text()
    notes = [e.data["note"] for e in parsed(text.split("\n")) if e.name == "outcome"]
    assert sorted(map(bool, notes)) == [False, True]
    assert str(tmp_path) not in text


async def test_a_name_that_is_no_utf_8_is_told_all_the_same(ks: KlearStack) -> None:
    run = ks.bulk([BytesSource(picture(1), "caf\udce9.png"), BytesSource(b"", "\udce9.pdf")])
    async with driven(BulkEvents(run)) as place, place.listener() as browser:
        told = await browser.rest()
    assert sorted(names(told)) == ["\\udce9.pdf", "caf\\udce9.png"]


def test_an_error_that_names_such_a_name_is_told_all_the_same() -> None:
    error = SourceChanged("caf\udce9.pdf changed", endpoint="uploads.document")
    told = outcome_data(Outcome("caf\udce9.pdf", OutcomeState.FAILED, error=error))
    assert told["problem"]["detail"] == "caf\\udce9.pdf changed"
    assert error.args == ("caf\udce9.pdf changed",)


async def test_a_run_that_is_cancelled_is_told_as_failed_and_ends_as_cancelled(
    ks: KlearStack,
) -> None:
    events = BulkEvents(ks.bulk(Held(1)))
    async with place_of(events) as place:
        task = asyncio.create_task(events.drive())
        async with place.listener() as browser:
            await browser.until("progress")
            task.cancel()
            told = await browser.rest()
        await asyncio.wait([task])
    assert task.cancelled()
    assert [event.name for event in told if event.name != "progress"] == ["failed"]
    assert told[-1].data["status"] == 503


async def test_what_a_source_raises_is_told_in_general_and_logged_in_full(
    ks: KlearStack, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> AsyncIterator[BytesSource]:
        yield BytesSource(picture(1), "1.png")
        raise OSError(5, "the disk is gone", "/srv/private")

    events = BulkEvents(ks.bulk(broken()))
    report = await events.drive()
    async with place_of(events) as place, place.listener() as browser:
        text = await browser.answer.text()
    assert parsed(text.split("\n"))[-1].data["title"] == "Internal error"
    assert "private" not in text
    assert "the disk is gone" in caplog.text
    assert not report.is_complete


class _Odd(Rejected):
    def __init__(self) -> None:
        """Leave out what our errors have."""


async def test_an_error_that_can_not_be_told_is_told_in_general(
    ks: KlearStack, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(outcome: Outcome) -> None:
        raise _Odd

    events = BulkEvents(ks.bulk(sources(1)))
    report = await events.drive(refuse)
    async with place_of(events) as place, place.listener() as browser:
        told = await browser.rest()
    assert told[-1].data["title"] == "Internal error"
    assert isinstance(events.error, _Odd)
    assert not report.is_complete
    assert "_Odd can't be put as a problem" in caplog.text


async def test_what_tell_raises_is_logged_and_costs_nothing_else(
    ks: KlearStack, caplog: pytest.LogCaptureFixture
) -> None:
    def tell(outcome: Outcome) -> dict[str, Any]:
        if outcome.source == "1.png":
            raise KeyError(outcome.source)
        return {"no JSON": object()}

    events = BulkEvents(ks.bulk(sources(2)), tell=tell)
    async with driven(events) as place, place.listener() as browser:
        assert sorted(names(await browser.rest())) == ["1.png", "2.png"]
    assert caplog.text.count("the run goes on") == 2


async def test_who_drives_has_each_outcome_before_any_browser(ks: KlearStack) -> None:
    had: list[str] = []

    async def note(outcome: Outcome) -> None:
        await asyncio.sleep(0)
        had.append(outcome.source)

    def tell(outcome: Outcome) -> dict[str, Any]:
        return {"was_had": outcome.source in had}

    events = BulkEvents(ks.bulk(sources(3)), tell=tell)
    await events.drive(note)
    async with place_of(events) as place, place.listener() as browser:
        told = await browser.rest()
    assert [e.data["was_had"] for e in told if e.name == "outcome"] == [True] * 3


async def test_a_run_is_driven_once(ks: KlearStack) -> None:
    events = BulkEvents(ks.bulk(sources(1)))
    await events.drive()
    with pytest.raises(RuntimeError, match="driven already"):
        await events.drive()


def test_a_log_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keep must be 1 or more"):
        BulkEvents(_no_run(), keep=0)


def _no_run() -> BulkRun:
    client = KlearStack("https://a.example", company_name="a", username="a", password="a")
    return client.bulk([])


async def test_streams_end_when_they_are_closed_and_the_run_goes_on(ks: KlearStack) -> None:
    held = Held(1)
    events = BulkEvents(ks.bulk(held))
    async with place_of(events) as place:
        driving = asyncio.create_task(events.drive())
        async with place.listener() as browser:
            await browser.until("progress")
            events.close()
            await browser.rest()
        held.let_go()
        assert (await driving).is_complete


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_server_that_is_told_to_stop_is_not_held_up_by_an_open_stream(
    sandbox: Sandbox, loop: str
) -> None:
    environment = environment_of(sandbox)
    async with (
        running(environment, loop=loop, workers=1, app="events_service:app") as service,
        aiohttp.ClientSession() as session,
        session.get(f"{service.url}/events") as answer,
    ):
        place = Place(f"{service.url}/events", session)
        async with place.listener() as browser:
            await browser.until("progress")
            async with asyncio.timeout(10):
                await service.stop()
        assert answer.status == 200
    assert "Traceback" not in "".join(service.log)
    assert "Finished server process" in "".join(service.log)


@given(name=st.sampled_from(["outcome", "done"]), data=st.dictionaries(TEXTS, VALUES))
def test_whatever_the_data_it_is_one_event_with_these_data(name: str, data: dict[str, Any]) -> None:
    text = event_bytes(name, data, "a-1").decode()
    # A browser takes any of these for an end of line.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert parsed(lines) == [Told(name, json.loads(json.dumps(data)), "a-1")]


@given(
    keep=st.integers(1, 5),
    keep_bytes=st.integers(1, 400),
    steps=st.lists(st.integers(0, 6), max_size=12),
)
def test_a_reader_has_each_event_once_or_is_told_of_it_as_missed(
    keep: int, keep_bytes: int, steps: list[int]
) -> None:
    log = EventLog(keep=keep, keep_bytes=keep_bytes)
    place, accounted = 0, []
    for added in [*steps, 1]:
        for _ in range(added):
            log.add("outcome", {"number": log.count + 1})
        while True:
            found, place = log.after(place)
            if not found:
                break
            for event in parsed(b"".join(found).decode().split("\n")):
                if event.name == "missed":
                    accounted += [0] * event.data["count"]
                else:
                    accounted.append(event.data["number"])
    assert len(accounted) == log.count
    assert all(number in (0, index) for index, number in enumerate(accounted, 1))
    assert accounted[-1] == log.count


def test_an_id_of_any_length_is_a_place_in_the_log() -> None:
    log = EventLog(keep=2, keep_bytes=1000)
    log.add("outcome", {})
    [event] = parsed(log.after(0)[0][0].decode().split("\n"))
    mark = event.last_id.partition("-")[0]
    # Python itself turns no more than 4,300 digits into a number.
    assert log.place_of(f"{mark}-{'9' * 5000}") == 1
    assert log.place_of(f"{mark}-0") == 0


def test_the_log_holds_no_more_than_its_bytes() -> None:
    log = EventLog(keep=1000, keep_bytes=1000)
    for number in range(50):
        log.add("outcome", {"number": number, "text": "x" * 100})
    missed, *kept = log.after(0)[0]
    assert 500 < sum(map(len, kept)) <= 1000
    assert parsed(missed.decode().split("\n"))[0].data == {"count": 50 - len(kept)}
