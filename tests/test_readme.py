"""What the README shows is run as it stands there, and what it lists is there."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from conftest import client_of
from documents import invoice_pdf
from PIL import Image

from klearstack_async import DocumentOptions, OutcomeState
from klearstack_async.sandbox import Sandbox

README = (Path(__file__).parent.parent / "README.md").read_text()


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


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


async def test_the_box_that_the_readme_draws_lies_on_the_words(tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(invoice_pdf())
    async with Sandbox(processing_seconds=0) as sandbox, client_of(sandbox) as ks:
        upload = await ks.uploads.document(path)
        field = (await ks.results.wait(upload.batch_id, expected=1)).documents[0]["Inv_Total"]
    program = next(block for block in python_blocks() if "ImageDraw" in block)
    given = f"from klearstack_async import Box, Field\nfield = {field!r}\n"
    await run_program(given + program, tmp_path)
    assert field.box is not None
    with Image.open(tmp_path / "box.png") as image:
        inside = image.convert("L").crop(tuple(round(edge) for edge in field.box))  # type: ignore[arg-type]
        x1, y1, x2, y2 = inside.point(lambda value: 255 * (value < 128)).getbbox() or (0, 0, 0, 0)
    # The words fill the box that was drawn around them, but for a margin of some pixels.
    assert x2 - x1 > 0.8 * inside.width
    assert y2 - y1 > 0.5 * inside.height


async def test_the_curl_commands_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    script = next(
        block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "curl" in block
    )
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
    # Nothing skips a source yet.
    assert shown == set(OutcomeState) - {OutcomeState.SKIPPED}


def test_every_upload_option_is_in_the_table() -> None:
    table = README.partition("| keyword | values |")[2].partition("\n\n")[0]
    first_column = "".join(line.split("|")[1] for line in table.splitlines() if line)
    assert set(re.findall(r"`(\w+)`", first_column)) == set(DocumentOptions.__annotations__)
