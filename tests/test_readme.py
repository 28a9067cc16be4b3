"""What the README shows is run as it stands there, and what it lists is there."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from documents import invoice_pdf

from klearstack_async import OutcomeState
from klearstack_async.sandbox import Sandbox

README = (Path(__file__).parent.parent / "README.md").read_text()


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def test_the_first_program_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    (tmp_path / "invoices").mkdir()
    (tmp_path / "invoices/a.pdf").write_bytes(invoice_pdf("A-1"))
    async with Sandbox(processing_seconds=0) as sandbox:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            python_blocks()[0],
            cwd=tmp_path,
            env={
                "KLEARSTACK_URL": sandbox.url,
                "KLEARSTACK_COMPANY": sandbox.company_name,
                "KLEARSTACK_USERNAME": sandbox.username,
                "KLEARSTACK_PASSWORD": sandbox.password,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert "119.00" in out.decode()
    assert "Box(" in out.decode()
    assert "1 sources: 1 extracted" in out.decode()


def test_every_block_of_python_is_python() -> None:
    for block in python_blocks():
        body = "".join(f"    {line}\n" for line in block.splitlines())
        compile(f"async def example():\n{body}    pass\n", "README.md", "exec")


def test_the_states_of_the_table_are_those_that_a_run_gives() -> None:
    shown = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    # Nothing skips a source yet.
    assert shown == set(OutcomeState) - {OutcomeState.SKIPPED}
