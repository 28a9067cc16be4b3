"""What the README shows is run as it stands there, and what it lists is there."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import Handler, Serve, client_at, client_of, until
from documents import invoice_pdf
from PIL import Image

from klearstack_async import DocumentOptions, OutcomeState
from klearstack_async.sandbox import PushTarget, Sandbox

README = (Path(__file__).parent.parent / "README.md").read_text()


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def shell_blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


async def run_program(program: str, folder: Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def account_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "KLEARSTACK_URL": sandbox.url,
        "KLEARSTACK_COMPANY": sandbox.company_name,
        "KLEARSTACK_USERNAME": sandbox.username,
        "KLEARSTACK_PASSWORD": sandbox.password,
    }


async def test_the_first_program_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    (tmp_path / "invoices").mkdir()
    (tmp_path / "invoices/a.pdf").write_bytes(invoice_pdf("A-1"))
    async with Sandbox(processing_seconds=0) as sandbox:
        out = await run_program(python_blocks()[0], tmp_path, **account_of(sandbox))
    assert "119.00" in out
    assert "Box(" in out
    assert "1 source: 1 extracted" in out


async def test_the_program_with_a_sandbox_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    program = next(block for block in python_blocks() if "Sandbox(" in block)
    out = await run_program(program, tmp_path)
    assert "state=<BatchState.COMPLETE" in out


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("deadline_seconds=10", "0"),
        ("SessionPool(", "RateFigures(per_second=None"),
        ("on_attempt=count", ""),
        ("Tracing(", "klearstack uploads.document"),
    ],
)
async def test_the_program_runs_as_it_stands(part: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    program = next(block for block in python_blocks() if part in block)
    async with Sandbox(processing_seconds=0) as sandbox:
        out = await run_program(program, tmp_path, **account_of(sandbox))
    assert said in out


async def test_the_box_that_the_readme_draws_lies_on_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = next(block for block in python_blocks() if "ImageDraw" in block)
    body = "".join(f"    {line}\n" for line in block.splitlines())
    names: dict[str, Any] = {}
    exec(f"async def draw(ks, document, field):\n{body}", names)  # noqa: S102 - our own README
    monkeypatch.chdir(tmp_path)
    async with Sandbox(processing_seconds=0) as sandbox, client_of(sandbox) as ks:
        upload = await ks.uploads.document(invoice_pdf(), filename="invoice.pdf")
        document = (await ks.results.wait(upload.batch_id, expected=1)).documents[0]
        field = document["Inv_Total"]
        await names["draw"](ks, document, field)
    assert field.box is not None
    with Image.open(tmp_path / "box.png") as image:
        inside = image.convert("L").crop(tuple(round(edge) for edge in field.box))  # type: ignore[arg-type]
        x1, y1, x2, y2 = inside.point(lambda value: 255 * (value < 128)).getbbox() or (0, 0, 0, 0)
    # The words fill the box that was drawn around them, but for a margin of some pixels.
    assert x2 - x1 > 0.8 * inside.width
    assert y2 - y1 > 0.5 * inside.height


async def test_the_program_that_corrects_and_approves_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    program = next(block for block in python_blocks() if "documents.approve" in block)
    async with Sandbox(processing_seconds=0) as sandbox:
        # As it warns of the endpoints that are assumed.
        out = await run_program(program, tmp_path, **account_of(sandbox))
    assert "Document is already approved" in out
    assert "invoice.pdf 2022-10-02" in out
    assert "SetStatus(" in out
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


async def test_the_receiver_of_pushes_takes_what_the_sandbox_pushes() -> None:
    block = next(block for block in python_blocks() if "parse_push" in block)
    names: dict[str, Any] = {}
    exec(block.replace('"..."', '"from-klearstack"'), names)  # noqa: S102 - our own README
    statuses: list[int] = []

    async def receive(request: web.Request) -> web.StreamResponse:
        answer: web.Response = await names["receive"](request)
        statuses.append(answer.status)
        return answer

    async with push_receiver(receive) as url, Sandbox(processing_seconds=0) as sandbox:
        for token in ("wrong", "from-klearstack"):
            target = PushTarget(
                url=url, token=token, company_name="me", username="me", password="from-klearstack"
            )
            await sandbox.register_push(target)
            async with client_of(sandbox) as ks:
                await ks.uploads.document(invoice_pdf(token), filename="invoice.pdf")
                expected = len(statuses) + 1
                await until(lambda: len(statuses) == expected)  # noqa: B023 - awaited at once
    assert statuses == [401, 200]


@asynccontextmanager
async def push_receiver(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/push", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/push"
    finally:
        await runner.cleanup()


async def test_the_readmes_own_request_gives_what_its_decoder_makes(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        form = dict(await request.post())
        assert form == {"company_name": "demo", "kind": "a"}
        return web.json_response({"result": [1, 2, 3]})

    names: dict[str, Any] = {}
    exec(next(block for block in python_blocks() if "SOMETHING" in block), names)  # noqa: S102 - our own README
    async with client_at(await serve(getsomething=answer)) as ks:
        assert await names["number_of_things"](ks) == 3


def test_the_readmes_programs_are_right_for_mypy(tmp_path: Path) -> None:
    programs = [
        block
        for block in python_blocks()
        if "asyncio.run(" in block
        or "async def receive" in block
        # Nobody annotates tests.
        or ("klearstack_async.fastapi" in block and "def test_" not in block)
    ]
    paths = []
    for number, program in enumerate(programs):
        paths.append(tmp_path / f"program_{number}.py")
        paths[-1].write_text(program)
    assert len(paths) >= 12
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *paths],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def test_the_service_that_the_readme_shows_passes_on_what_curl_sends(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    program = next(block for block in python_blocks() if "form_through(request" in block)
    (tmp_path / "service.py").write_text(program)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = next(block for block in shell_blocks() if "curl -T" in block)
    async with Sandbox(processing_seconds=0) as sandbox:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", "service:app", "--port", str(port)),
            cwd=tmp_path,
            env={**os.environ, **account_of(sandbox)},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert server.stderr is not None
            while b"running on" not in (line := await server.stderr.readline()):
                assert line, "it did not start"
            said = await run_shell(script.replace(":8000", f":{port}"), tmp_path)
            stored = await sandbox.documents()
        finally:
            server.terminate()
            await server.communicate()
    assert said.count('"') == 4, said
    assert [document.file_name for document in stored] == ["invoice.pdf"] * 2
    assert all(document.batch_id in said for document in stored)


async def test_the_curl_commands_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    script = next(block for block in shell_blocks() if "get_access_token" in block)
    async with Sandbox(processing_seconds=0) as sandbox:
        script = script.replace("http://127.0.0.1:8642", sandbox.url)
        upload, fetch = script.split("curl -H")[1:]
        first = await run_shell(script.split("curl -H")[0] + "curl -H" + upload, tmp_path)
        batch_id = re.findall(r'"OCR_ref_no": ?"([^"]+)"', first)[0]
        fetch = fetch.replace("<batch id>", batch_id)
        for _ in range(100):
            answer = await run_shell(script.split("curl -H")[0] + "curl -H" + fetch, tmp_path)
            if "INV-1" in answer:
                return
    raise AssertionError(answer)


async def run_shell(script: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", script),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def test_every_block_of_python_is_python() -> None:
    for block in python_blocks():
        body = "".join(f"    {line}\n" for line in block.splitlines())
        compile(f"async def example():\n{body}    pass\n", "README.md", "exec")


def test_the_states_of_the_table_are_those_that_a_run_gives() -> None:
    table = README.partition("| state | meaning |")[2].partition("\n\n")[0]
    shown = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert shown == set(OutcomeState)


def test_every_upload_option_is_in_the_table() -> None:
    table = README.partition("| keyword | values |")[2].partition("\n\n")[0]
    first_column = "".join(line.split("|")[1] for line in table.splitlines() if line)
    assert set(re.findall(r"`(\w+)`", first_column)) == set(DocumentOptions.__annotations__)
