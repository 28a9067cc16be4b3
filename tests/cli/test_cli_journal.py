"""`klearstack bulk --journal` and `klearstack journal`, stopped, killed, and gone on with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import until
from documents import invoice_pdf
from test_cli import COMMAND, account, environment, klearstack, send_all

from klearstack_async.sandbox import Sandbox


@pytest.fixture
def invoices(tmp_path: Path) -> Path:
    """Twelve, one of which is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(11):
        (folder / f"{number:02}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    (folder / "99.pdf").write_text("no invoice")
    return folder


@contextlib.asynccontextmanager
async def started(
    *arguments: str | Path, folder: Path, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the command, and see that it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        cwd=folder,
        env=environment(**variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def records(path: Path) -> list[dict[str, object]]:
    # Every line is whole, whenever the run was stopped.
    return [json.loads(line) for line in path.read_text().splitlines()]


def sources_in(path: Path) -> Counter[str]:
    return Counter(Path(str(record["source"])).name for record in records(path))


async def test_a_journal_is_gone_on_with_by_its_name_alone(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox(processing_seconds=0) as sandbox:
        variables = account(sandbox.url)
        first = await klearstack(
            *("bulk", "in", "--journal", "job.db", "--out", "r.jsonl", "--csv", "r.csv"),
            folder=tmp_path,
            **variables,
        )
        assert first.code == 1
        (invoices / "11.pdf").write_bytes(invoice_pdf("N-11"))
        (tmp_path / "elsewhere").mkdir()
        again = await klearstack(
            *("bulk", "--journal", "../job.db"), folder=tmp_path / "elsewhere", **variables
        )
        assert again.code == 1
        assert "13 sources (12 of them earlier): 12 extracted, 1 failed" in again.out
        assert len(await sandbox.documents()) == 12
    assert set(sources_in(tmp_path / "r.jsonl").values()) == {1}
    assert len(sources_in(tmp_path / "r.jsonl")) == 13
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 14


async def test_retry_failed_sends_what_was_put_right(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox(processing_seconds=0) as sandbox:
        variables = account(sandbox.url)
        first = await klearstack("bulk", "in", "--journal", "j", folder=tmp_path, **variables)
        assert first.code == 1
        assert "Try the failed ones again: klearstack bulk --journal j --retry-failed" in first.out
        (invoices / "99.pdf").write_bytes(invoice_pdf("N-99"))
        retry = ("bulk", "--journal", "j", "--retry-failed")
        again = await klearstack(*retry, folder=tmp_path, **variables)
        assert (again.code, again.err) == (0, "")
        assert "12 sources (11 of them earlier): 12 extracted" in again.out


async def test_ctrl_c_once_finishes_what_is_under_way_and_says_how_to_go_on(
    invoices: Path, tmp_path: Path
) -> None:
    # So slow that only a part is begun, and is not ready when it is stopped.
    arguments = ("bulk", "in", "--journal", "job.db", "--workers", "1", "--rate", "4")
    async with Sandbox(processing_seconds=1) as sandbox:
        variables = account(sandbox.url)
        async with started(*arguments, folder=tmp_path, **variables) as process:
            await until(lambda: sandbox.requests["processdocument"] >= 2)
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")
        assert b"Ctrl-C again stops at once" in out
        assert b"Go on: klearstack bulk --journal job.db\n" in out
        done = records(tmp_path / "results.jsonl")
        assert 0 < len(done) < 12
        assert {record["state"] for record in done} == {"extracted"}
        assert len(done) == len(await sandbox.documents())
        rest = await klearstack("bulk", "--journal", "job.db", folder=tmp_path, **variables)
        assert "12 sources" in rest.out
        assert len(await sandbox.documents()) == 11
    assert set(sources_in(tmp_path / "results.jsonl").values()) == {1}
    assert len(sources_in(tmp_path / "results.jsonl")) == 12


@pytest.mark.parametrize(
    "stops", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGKILL,)], ids=str
)
async def test_a_run_that_is_stopped_or_killed_loses_and_repeats_no_line(
    stops: tuple[signal.Signals, ...], invoices: Path, tmp_path: Path
) -> None:
    async with Sandbox(processing_seconds=0.5) as sandbox:
        variables = account(sandbox.url)
        command = ("bulk", "in", "--journal", "job.db", "--csv", "r.csv")
        async with started(*command, folder=tmp_path, **variables) as process:
            await until(lambda: sandbox.requests["processdocument"] >= 4)
            said = await send_all(process, stops)
            out, err = await process.communicate()
        assert err == b""
        if stops != (signal.SIGKILL,):
            assert process.returncode == 130
            assert re.search(rb"Stopped\. \d+ sources?: .*\d+ under way", said + out)
            assert b"Go on: klearstack bulk --journal job.db\n" in out
        again = await klearstack(*command, folder=tmp_path, **variables)
        assert again.code == 1, again.err
        # Those in doubt are looked for with an endpoint that is assumed, which is said in a line.
        assert re.fullmatch(r"(klearstack: results\.between is assumed, .*\n)?", again.err)
        stored = len(await sandbox.documents())
    # What was being sent, and isn't found at the service, is sent again only if somebody says so.
    states = Counter(record["state"] for record in records(tmp_path / "results.jsonl"))
    assert states["extracted"] == stored
    assert states["extracted"] + states["in_doubt"] == 11
    assert set(sources_in(tmp_path / "results.jsonl").values()) == {1}
    assert len(sources_in(tmp_path / "results.jsonl")) == 12
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 13


async def test_a_journal_can_be_read_while_a_run_has_it_and_by_no_other_run(
    invoices: Path, tmp_path: Path
) -> None:
    async with Sandbox(processing_seconds=60) as sandbox:
        variables = account(sandbox.url)
        command = ("bulk", "in", "--journal", "job.db")
        async with started(*command, folder=tmp_path, **variables) as process:
            await until(lambda: sandbox.requests["getbatchdocuments"] >= 1)
            other = await klearstack(*command, folder=tmp_path, **variables)
            shown = await klearstack("journal", "job.db", folder=tmp_path)
            assert process.returncode is None
    assert other.code == 2
    assert other.err.startswith(f"klearstack: job.db is in use by process {process.pid}, ")
    assert "`klearstack journal job.db`" in other.err
    assert shown.code == 0
    assert f"process {process.pid} is at it" in shown.out
    assert "Go on" not in shown.out


async def test_the_journal_shows_sums_reasons_and_how_to_go_on(
    invoices: Path, tmp_path: Path
) -> None:
    (invoices / "98.pdf").write_text("no invoice either")
    async with Sandbox(processing_seconds=0) as sandbox:
        variables = account(sandbox.url)
        url = sandbox.url
        await klearstack("bulk", "in", "--journal", "job.db", folder=tmp_path, **variables)
    shown = await klearstack("journal", "job.db", "--limit", "1", folder=tmp_path)
    assert (shown.code, shown.err) == (0, "")
    for says in (
        *(f"Account: {url} demo demo\n", "1 run, the last of which ended 20"),
        *("13 sources:\n", "  extracted         11\n", "  failed             2\n"),
        *("11 documents read; ", "failed     in/98.pdf  98.pdf is no PDF"),
        *("(1 of 2 failed; --limit 0 lists all)", "klearstack bulk --journal job.db --retry-f"),
    ):
        assert says in shown.out
    listed = await klearstack("journal", "job.db", "--state", "extracted", folder=tmp_path)
    assert listed.out.splitlines() == [f"extracted  in/{number:02}.pdf" for number in range(11)]
    none = await klearstack("journal", "job.db", "--state", "in_doubt", folder=tmp_path)
    assert none.out == "none is in_doubt\n"


async def test_a_full_disk_loses_nothing_with_a_journal_and_says_how_to_go_on(
    invoices: Path, tmp_path: Path
) -> None:
    command = ("bulk", "in", "--journal", "job.db", "--out", "/dev/full")
    async with Sandbox(processing_seconds=0) as sandbox:
        ended = await klearstack(*command, folder=tmp_path, **account(sandbox.url))
    assert ended.code == 2
    assert ended.err == (
        "klearstack: /dev/full: No space left on device; nothing is lost. Once there is room, "
        "go on: klearstack bulk --journal job.db\n"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no journal job.db"),
        (b"no database at all", "job.db is no journal"),
    ],
)
async def test_what_is_no_journal_is_one_sentence(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "job.db").write_bytes(content)
    ended = await klearstack("journal", "job.db", folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"klearstack: {says}")
    assert ended.err.count("\n") == 1


async def test_a_journal_of_another_account_is_one_sentence(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox(processing_seconds=0) as one, Sandbox(processing_seconds=0) as other:
        command = ("bulk", "in", "--journal", "job.db")
        await klearstack(*command, folder=tmp_path, **account(one.url))
        ended = await klearstack(*command, folder=tmp_path, **account(other.url))
        assert ended.code == 2
        assert "job.db is the journal of another account" in ended.err
        assert one.url in ended.err
        assert other.url in ended.err


async def test_without_an_account_a_journal_keeps_a_sandbox_of_its_own(
    invoices: Path, tmp_path: Path
) -> None:
    first = await klearstack("bulk", "in", "--journal", "job.db", folder=tmp_path)
    assert "it keeps its state in job.db.sandbox" in first.out
    (invoices / "11.pdf").write_bytes(invoice_pdf("N-11"))
    again = await klearstack("bulk", "--journal", "job.db", folder=tmp_path)
    assert "13 sources (12 of them earlier): 12 extracted, 1 failed" in again.out


async def test_a_first_try_that_failed_is_not_remembered(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox(processing_seconds=0) as sandbox:
        variables = account(sandbox.url)
        command = ("bulk", "in", "--journal", "job.db", "--out")
        wrong = await klearstack(*command, "no/such/r.jsonl", folder=tmp_path, **variables)
        assert wrong.code == 2
        assert (await klearstack(*command, "r.jsonl", folder=tmp_path, **variables)).code == 1
        again = await klearstack("bulk", "--journal", "job.db", folder=tmp_path, **variables)
        assert again.out.endswith("--retry-failed\n"), again.err
    assert len(sources_in(tmp_path / "r.jsonl")) == 12


async def test_the_bulk_command_explains_its_exit_codes(tmp_path: Path) -> None:
    text = " ".join((await klearstack("bulk", "--help", folder=tmp_path)).out.split())
    for part in ("0 if everything was extracted", "1 if some", "2 if the run", "130 if somebody"):
        assert part in text
