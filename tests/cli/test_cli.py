"""The command as a person starts it: a process of its own, its output and its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import pty
import re
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from conftest import Serve, serve_an_account_that_ends, until
from documents import invoice_pdf

from klearstack_async.sandbox import Sandbox
from klearstack_async.sandbox.faults.kinds import KINDS

COMMAND = (sys.executable, "-m", "klearstack_async")


@dataclass
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def invoices(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    return folder


def environment(**more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KLEARSTACK_")}
    return {**clean, **more}


def account(url: str, password: str = "demo-password") -> dict[str, str]:
    return {
        "KLEARSTACK_URL": url,
        "KLEARSTACK_COMPANY": "demo",
        "KLEARSTACK_USERNAME": "demo",
        "KLEARSTACK_PASSWORD": password,
    }


async def klearstack(*arguments: str | Path, folder: Path, **variables: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        cwd=folder,
        env=environment(**variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    ended = Ended(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in ended.out + ended.err
    return ended


async def test_the_demo_reads_its_invoices_and_names_the_broken_one(tmp_path: Path) -> None:
    ended = await klearstack("demo", folder=tmp_path)
    assert ended.code == 0, ended.err
    lines = (tmp_path / "klearstack-demo/results.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) >= 24
    failed = [record for record in records if record["state"] == "failed"]
    assert len(failed) == 1
    assert "damaged" in failed[0]["reason"]
    assert failed[0]["reason"] in ended.out
    with (tmp_path / "klearstack-demo/results.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["source"] for row in rows) == sorted(r["source"] for r in records)
    bare = [row for row in rows if row["source"].endswith("photo_receipt.jpg")]
    assert re.fullmatch("[0-9a-f]{24}", bare[0]["document_id"])
    totals = {row["source"]: row["Inv_Total"] for row in rows if row["state"] == "extracted"}
    assert sum(bool(total) for total in totals.values()) >= 24
    assert "klearstack-demo/results.jsonl" in ended.out
    assert "klearstack-demo/results.csv" in ended.out
    assert "\x1b" not in ended.out


async def test_the_demo_can_be_run_again(tmp_path: Path) -> None:
    (tmp_path / "klearstack-demo").mkdir()
    (tmp_path / "klearstack-demo/results.jsonl").write_text("old\n")
    assert (await klearstack("demo", folder=tmp_path)).code == 0
    assert "old\n" not in (tmp_path / "klearstack-demo/results.jsonl").read_text()


async def test_bulk_without_an_account_says_that_it_uses_a_sandbox(
    invoices: Path, tmp_path: Path
) -> None:
    ended = await klearstack("bulk", invoices, "--csv", "r.csv", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "no account: KLEARSTACK_URL is not set" in ended.out
    assert "3 sources: 3 extracted" in ended.out
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 3
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 4


async def test_bulk_uses_the_account_of_the_environment(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox(processing_seconds=0) as sandbox:
        ended = await klearstack("bulk", invoices, folder=tmp_path, **account(sandbox.url))
        assert ended.code == 0, ended.err
        assert len(await sandbox.documents()) == 3
        assert f"Service: {sandbox.url} as demo" in ended.out


async def test_some_failures_give_exit_code_1_and_are_named(invoices: Path, tmp_path: Path) -> None:
    (invoices / "notes.pdf").write_text("just text")
    (invoices / "gone.pdf").symlink_to("nowhere.pdf")
    ended = await klearstack("bulk", invoices, folder=tmp_path)
    assert ended.code == 1
    assert "3 extracted, 2 failed" in ended.out
    assert f"{invoices}/gone.pdf: No such file or directory\n" in ended.out
    assert re.search(r"notes\.pdf: .*notes\.pdf", ended.out)


async def test_a_folder_without_documents_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = await klearstack("bulk", "empty", folder=tmp_path)
    assert (ended.code, ended.err) == (2, "klearstack: no PDF, JPEG or PNG in empty\n")
    # A file without anything in it would only stand in the way of the next run.
    assert not (tmp_path / "results.jsonl").exists()


async def test_a_path_that_is_not_there_is_told_before_anything_is_sent(
    invoices: Path, tmp_path: Path
) -> None:
    ended = await klearstack("bulk", invoices, "missing.pdf", folder=tmp_path)
    assert (ended.code, ended.err) == (2, "klearstack: there is no missing.pdf\n")
    assert not (tmp_path / "results.jsonl").exists()


async def test_an_unset_variable_does_not_upload_the_current_folder(
    invoices: Path,
) -> None:
    ended = await klearstack("bulk", "", folder=invoices)
    assert ended.code == 2
    assert "a path is empty" in ended.err


async def test_results_that_exist_are_not_replaced_unasked(invoices: Path, tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    ended = await klearstack("bulk", invoices, folder=tmp_path)
    assert ended.code == 2
    assert "results.jsonl would be replaced" in ended.err
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"
    assert (await klearstack("bulk", invoices, "--overwrite", folder=tmp_path)).code == 0
    assert "precious" not in (tmp_path / "results.jsonl").read_text()


async def test_a_wrong_url_is_one_sentence(invoices: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = await klearstack("bulk", invoices, folder=tmp_path, **account(url))
    assert ended.code == 2
    assert ended.err.startswith(f"klearstack: auth.login: can't connect to {url}")
    assert ended.err.count("\n") == 1


async def test_a_url_that_is_none_is_one_sentence(invoices: Path, tmp_path: Path) -> None:
    ended = await klearstack("bulk", invoices, folder=tmp_path, **account("acme"))
    assert ended.code == 2
    assert "url must look like https://acme.klearstackapp.com" in ended.err


async def test_a_part_of_an_account_names_what_is_missing(invoices: Path, tmp_path: Path) -> None:
    ended = await klearstack("bulk", invoices, folder=tmp_path, KLEARSTACK_URL="https://a.example")
    assert ended.code == 2
    assert "KLEARSTACK_COMPANY, KLEARSTACK_USERNAME, KLEARSTACK_PASSWORD" in ended.err


async def test_a_wrong_password_is_one_sentence_without_it(invoices: Path, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        variables = account(sandbox.url, "MARKED-wrong")
        ended = await klearstack("bulk", invoices, folder=tmp_path, **variables)
    assert ended.code == 2
    assert "Incorrect username or password" in ended.err
    assert "MARKED" not in ended.out + ended.err


async def test_a_server_that_answers_html_is_one_sentence(
    serve: Serve, invoices: Path, tmp_path: Path
) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    url = await serve(get_access_token=page)
    ended = await klearstack("bulk", invoices, folder=tmp_path, **account(url))
    assert ended.code == 2
    assert "web page" in ended.err
    assert "<html>" not in ended.err


async def test_a_result_file_that_cannot_be_written_is_one_sentence(
    invoices: Path, tmp_path: Path
) -> None:
    ended = await klearstack("bulk", invoices, "--out", "no/such/r.jsonl", folder=tmp_path)
    assert ended.code == 2
    assert ended.err == "klearstack: no/such/r.jsonl: No such file or directory\n"


async def test_the_two_result_files_must_not_be_one(invoices: Path, tmp_path: Path) -> None:
    for other in ("a", "./a", str(tmp_path / "a")):
        ended = await klearstack("bulk", invoices, "--out", "a", "--csv", other, folder=tmp_path)
        assert ended.code == 2
        assert "same file" in ended.err


async def test_a_run_that_cannot_begin_costs_no_earlier_results(
    invoices: Path, tmp_path: Path
) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    (tmp_path / "empty").mkdir()
    async with Sandbox() as sandbox:
        variables = account(sandbox.url, "wrong")
        for folder in (invoices, "empty"):
            ended = await klearstack("bulk", folder, "--overwrite", folder=tmp_path, **variables)
            assert ended.code == 2
        assert (tmp_path / "results.jsonl").read_text() == "precious\n"
        ended = await klearstack("bulk", invoices, "--out", "new", folder=tmp_path, **variables)
        assert ended.code == 2
        assert not (tmp_path / "new").exists()


async def test_a_password_refused_on_the_way_is_one_sentence(
    serve: Serve, invoices: Path, tmp_path: Path
) -> None:
    url, _ = await serve_an_account_that_ends(serve)
    ended = await klearstack("bulk", invoices, folder=tmp_path, **account(url))
    assert ended.code == 2
    assert ended.err.startswith("klearstack: auth.login: HTTP 401: Incorrect")


async def test_a_full_disk_is_named_with_what_was_sent(invoices: Path, tmp_path: Path) -> None:
    ended = await klearstack("bulk", invoices, "--out", "/dev/full", folder=tmp_path)
    assert ended.code == 2
    assert re.search(r"/dev/full: No space left on device; \d documents sent", ended.err)


async def test_a_reader_that_goes_away_does_not_end_the_run(invoices: Path, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_shell(
        f"{' '.join(COMMAND)} bulk {invoices} | head -1",
        cwd=tmp_path,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (out.count(b"\n"), err) == (1, b"")
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 3


async def test_a_name_that_is_no_utf8_is_written_down(invoices: Path, tmp_path: Path) -> None:
    (invoices / "0.pdf").rename(invoices / os.fsdecode(b"caf\xe9.pdf"))
    ended = await klearstack("bulk", invoices, "--csv", "r.csv", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "caf\\\\udce9.pdf" in (tmp_path / "results.jsonl").read_text()
    assert "caf\\udce9.pdf" in (tmp_path / "r.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("stops", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
async def test_a_stopped_run_writes_down_what_was_sent(
    stops: tuple[signal.Signals, ...], invoices: Path, tmp_path: Path
) -> None:
    async with Sandbox(processing_seconds=60) as sandbox:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "bulk",
            invoices,
            cwd=tmp_path,
            env=environment(**account(sandbox.url)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await until(lambda: sandbox.requests["getbatchdocuments"] >= 3)
        said = await send_all(process, stops)
        out, err = await process.communicate()
        out = said + out
        stored = {document.batch_id for document in await sandbox.documents()}
    assert (process.returncode, err.replace(b"klearstack: stopped\n", b"")) == (130, b"")
    assert b"Stopped. 3 sources: 3 under way in" in out
    assert b"3 more were under way" in out
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["batch_id"] for record in records} == stored
    assert {record["state"] for record in records} == {"in_doubt"}


async def send_all(process: asyncio.subprocess.Process, stops: tuple[signal.Signals, ...]) -> bytes:
    """Send signals, each after the one before it was answered; gives what was said meanwhile."""
    said = b""
    assert process.stdout is not None
    for number, stop in enumerate(stops):
        while number and b"Ctrl-C again stops at once" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(stop)
    return said


async def test_a_sandbox_in_a_script_can_be_killed(tmp_path: Path) -> None:
    # A shell without a terminal starts what stands before & with Ctrl-C ignored.
    # The file is there before, since the shell may say the number before its child opens it.
    (tmp_path / "out").touch()
    script = f"{' '.join(COMMAND)} sandbox --port 0 > out & echo $!; wait"
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", script),
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert shell.stdout is not None
    process_id = int(await shell.stdout.readline())
    await until(lambda: "PASSWORD" in (tmp_path / "out").read_text())
    os.kill(process_id, signal.SIGTERM)
    await asyncio.wait_for(shell.communicate(), timeout=20)
    assert "stopped" in (tmp_path / "out").read_text()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_the_sandbox_says_how_to_use_it_and_cleans_up_when_it_is_stopped(
    stop: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "sandbox",
        "--port",
        "0",
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1", TMPDIR=str(tmp_path / "tmp")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = b""
    while b"PASSWORD" not in said:
        said += await process.stdout.readline()
    exported = dict(re.findall(r"export (KLEARSTACK_\w+)=(\S+)", said.decode()))
    assert exported == account(exported["KLEARSTACK_URL"])
    (tmp_path / "a.pdf").write_bytes(invoice_pdf())
    assert (await klearstack("bulk", "a.pdf", folder=tmp_path, **exported)).code == 0
    assert list((tmp_path / "tmp").iterdir()) != []
    process.send_signal(stop)
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"stopped" in out
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = await klearstack("sandbox", "--port", port, folder=tmp_path)
    assert ended.code == 2
    assert ended.err == f"klearstack: port {port} is taken; choose another with --port\n"


async def test_the_sandbox_makes_the_faults_of_its_command_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "sandbox", "--port", "0", "--seed", "7"),
        *("--fault", "status_after endpoint=auth status=599 times=1"),
        *("--fault", "garbage endpoint=get_access_token times=1"),
        *("--calls-per-second", "0.001", "--burst", "3"),
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = b""
    while b"PASSWORD" not in said:
        said += await process.stdout.readline()
    [url] = re.findall(r"export KLEARSTACK_URL=(\S+)", said.decode())
    seen = []
    async with aiohttp.ClientSession() as session:
        for _ in range(4):
            async with session.post(f"{url}/access/klearstack/get_access_token") as answer:
                seen.append((answer.status, answer.content_type))
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert seen == [
        (599, "application/json"),
        (200, "text/html"),
        (500, "text/plain"),
        (429, "application/json"),
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--fault", "reset_aftr"), "--fault: there is no fault 'reset_aftr'; did you mean"),
        (("--fault", "junk endpoint=upload"), "unknown endpoint, 'upload'; did you mean uploads?"),
        (("--burst", "3"), "burst is for calls_per_second"),
    ],
)
async def test_a_fault_that_cannot_be_read_is_one_sentence(
    arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    ended = await klearstack("sandbox", "--port", "0", *arguments, folder=tmp_path)
    assert ended.code == 2
    assert reason in ended.err
    assert ended.err.count("\n") == 1


async def test_the_sandboxs_help_names_every_kind_of_fault(tmp_path: Path) -> None:
    ended = await klearstack("sandbox", "--help", folder=tmp_path)
    assert [kind for kind in KINDS if kind not in re.split(r"[\s.,:]+", ended.out)] == []


async def test_hostile_file_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/[red]\x1b[2Jx.pdf").write_bytes(b"not a pdf")
    ended = await klearstack("bulk", "in", folder=tmp_path)
    assert ended.code == 1
    assert "\x1b" not in ended.out + ended.err
    assert "[red]" in ended.out


def test_a_terminal_sees_a_bar_that_reaches_its_end(invoices: Path, tmp_path: Path) -> None:
    shown = in_a_terminal(("bulk", str(invoices)), tmp_path)
    assert "3/3" in shown
    assert "3 sources: 3 extracted" in shown


def in_a_terminal(arguments: tuple[str, ...], folder: Path) -> str:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(sys.executable, [*COMMAND, *arguments], environment(TERM="xterm"))  # noqa: S606
    output = b"".join(_read_all(terminal))
    os.waitpid(child, 0)
    os.close(terminal)
    return output.decode()


def _read_all(terminal: int) -> Iterator[bytes]:
    # Linux ends a terminal whose other side is closed with an error, not with an end of file.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4096):
            yield piece


async def test_the_version_is_shown(tmp_path: Path) -> None:
    ended = await klearstack("--version", folder=tmp_path)
    assert re.fullmatch(r"klearstack-async \d+\.\d+\.\d+\n", ended.out)
