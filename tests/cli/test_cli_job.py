"""What a bulk run is to do: what was typed, and what its journal remembers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from klearstack_async.bulk.journal import Journal
from klearstack_async.bulk.options import WORKERS
from klearstack_async.cli.arguments import BulkArguments, Duplicates, InDoubt
from klearstack_async.cli.job import Job, check_that_there_is_something, job_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.pdf").write_bytes(b"%PDF-")
    return tmp_path


async def begun(path: Path, memo: dict[str, str], *, sources: int = 1) -> None:
    async with Journal.open(path, account="url demo demo", memo=memo) as journal:
        for number in range(sources):
            await journal.meet(f"{number}", f"{number}.pdf", None)


async def begun_with(arguments: BulkArguments) -> Job:
    """Make the journal that a run with these arguments would make."""
    job = await job_of(arguments)
    assert job.journal is not None
    await begun(job.journal, dict(job.memo))
    return job


async def test_without_a_journal_what_is_left_out_has_its_default(here: Path) -> None:
    job = await job_of(BulkArguments(paths=["in"]))
    assert (job.paths, job.out, job.csv) == (("in",), Path("results.jsonl"), None)
    assert job.options == {
        "document_type": "Invoices",
        "workers": WORKERS,
        "retry_failed": False,
        "in_doubt": "report",
    }
    assert not job.is_resumed


async def test_a_journal_alone_goes_on_with_all_that_the_job_was_begun_with(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun_with(
        BulkArguments(
            paths=["in", "in/*.pdf"],
            journal=Path("job.db"),
            out=Path("r.jsonl"),
            csv=Path("r.csv"),
            document_type="Receipts",
            pattern="*.pdf",
            bundle=20,
            bundle_bytes=1_000,
            duplicates=Duplicates.SEND,
            workers=3,
        )
    )
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    job = await job_of(BulkArguments(journal=here / "job.db", in_doubt=InDoubt.RESEND))
    assert job.is_resumed
    assert job.paths == (str(here / "in"), str(here / "in/*.pdf"))
    assert job.files == [here / "r.jsonl", here / "r.csv"]
    assert job.options == {
        "document_type": "Receipts",
        "pattern": "*.pdf",
        "bundle": 20,
        "bundle_bytes": 1_000,
        "duplicates": "send",
        # These are of one run.
        "workers": WORKERS,
        "retry_failed": False,
        "in_doubt": "resend",
    }


async def test_the_same_command_again_goes_on(here: Path) -> None:
    same = BulkArguments(
        paths=["in"], journal=Path("job.db"), out=Path("r.jsonl"), document_type="Receipts"
    )
    first = await begun_with(same)
    (here / "r.jsonl").write_text("so far\n")
    again = await job_of(same)
    assert again.is_resumed
    assert (again.paths, again.files, again.options) == (first.paths, first.files, first.options)


async def test_a_source_keeps_its_name_in_a_run_that_goes_on(here: Path) -> None:
    await begun_with(BulkArguments(paths=["in", str(here)], journal=Path("job.db")))
    job = await job_of(BulkArguments(journal=Path("job.db")))
    assert job.paths == ("in", str(here))


async def test_other_paths_and_bundles_may_be_said_later(here: Path) -> None:
    await begun_with(BulkArguments(paths=["in"], journal=Path("job.db"), bundle=20))
    job = await job_of(BulkArguments(paths=["in/a.pdf"], journal=Path("job.db"), bundle=5))
    assert job.paths == ("in/a.pdf",)
    assert job.options.get("bundle") == 5


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"out": Path("other")}, "was begun with --out .*results.jsonl; leave --out out"),
        ({"csv": Path("r.csv")}, "was begun without --csv; leave --csv out"),
        ({"document_type": "Receipts"}, "was begun with --document-type Invoices; leave"),
        ({"overwrite": True}, "job.db was begun already, and --overwrite would lose the results"),
    ],
)
async def test_what_would_tear_the_results_apart_is_refused(
    changed: dict[str, object], says: str, here: Path
) -> None:
    await begun_with(BulkArguments(paths=["in"], journal=Path("job.db")))
    with pytest.raises(ValueError, match=says):
        await job_of(BulkArguments(journal=Path("job.db"), **changed))  # type: ignore[arg-type]


async def test_a_journal_without_sources_has_nothing_to_lose(here: Path) -> None:
    (here / "old.jsonl").write_text("old\n")
    await begun(here / "job.db", {}, sources=0)
    job = await job_of(
        BulkArguments(paths=["in"], journal=Path("job.db"), out=Path("old.jsonl"), overwrite=True)
    )
    assert not job.is_resumed
    assert all(sink.overwrite for sink in job.sinks())


async def test_a_file_that_is_still_empty_is_a_new_journal(here: Path) -> None:
    (here / "job.db").touch()
    assert not (await job_of(BulkArguments(paths=["in"], journal=Path("job.db")))).is_resumed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (BulkArguments(), "name the files or folders to upload$"),
        (BulkArguments(journal=Path("new.db")), "new.db doesn't remember any yet"),
    ],
)
async def test_somebody_has_to_name_the_paths(
    arguments: BulkArguments, says: str, here: Path
) -> None:
    with pytest.raises(ValueError, match=says):
        await job_of(arguments)


async def test_a_journal_made_in_code_remembers_no_paths_and_takes_any_files(here: Path) -> None:
    await begun(here / "job.db", {})
    with pytest.raises(ValueError, match="doesn't remember any yet"):
        await job_of(BulkArguments(journal=Path("job.db")))
    job = await job_of(BulkArguments(paths=["in"], journal=Path("job.db"), out=Path("x")))
    assert (job.is_resumed, job.out) == (True, Path("x"))


async def test_a_path_that_has_gone_since_is_told_with_what_to_do(here: Path) -> None:
    await begun_with(BulkArguments(paths=["in"], journal=Path("job.db")))
    with pytest.raises(ValueError, match=r"there is no gone\.pdf; leave the paths out to go on"):
        await job_of(BulkArguments(paths=["gone.pdf"], journal=Path("job.db")))


async def test_a_pattern_is_remembered_whatever_the_folder_is_called(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "x[ab]y").mkdir()
    (here / "x[ab]y/1.pdf").write_bytes(b"%PDF-")
    monkeypatch.chdir(here / "x[ab]y")
    await begun_with(BulkArguments(paths=["*.pdf"], journal=Path("job.db")))
    monkeypatch.chdir(here)
    await check_that_there_is_something(await job_of(BulkArguments(journal=Path("x[ab]y/job.db"))))


@pytest.mark.parametrize(
    ("path", "pattern", "says"),
    [
        ("empty", None, "^no PDF, JPEG or PNG in empty$"),
        ("in", "*.png", r"^nothing that fits '\*.png' in in$"),
        ("in/*.png", None, r"in/\*\.png"),
    ],
)
async def test_where_there_is_nothing_to_upload_nothing_is_begun(
    path: str, pattern: str | None, says: str, here: Path
) -> None:
    (here / "empty").mkdir()
    job = await job_of(BulkArguments(paths=[path], pattern=pattern))
    with pytest.raises(ValueError, match=says):
        await check_that_there_is_something(job)


async def test_a_path_that_is_no_utf8_is_remembered(here: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.pdf")
    (here / odd).write_bytes(b"%PDF-")
    await begun_with(BulkArguments(paths=[odd], journal=Path("job.db")))
    job = await job_of(BulkArguments(journal=Path("job.db")))
    assert job.paths == (odd,)
