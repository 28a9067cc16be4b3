"""A large upload costs the client no memory, measured in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

CLIENT = """
import asyncio, json, re, sys
from pathlib import Path
from klearstack_async import KlearStack

def peak_bytes():
    # Not getrusage: its maximum is inherited from the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

async def main():
    async with KlearStack.from_env() as ks:
        # The first call brings in what any call needs: it is not the upload's cost.
        await ks.uploads.document(b"%PDF-1.7", filename="small.pdf")
        before = peak_bytes()
        upload = await ks.uploads.document(sys.argv[1])
        print(json.dumps([peak_bytes() - before, upload.batch_id]))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "size_bytes", [256 << 20, pytest.param(2 << 30, marks=pytest.mark.slow)], ids=["256MB", "2GB"]
)
async def test_a_large_upload_costs_less_than_32_mb(size_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(size_bytes)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "klearstack_async", "sandbox", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)},
    )
    assert server.stdout is not None
    said = b""
    while b"PASSWORD" not in said:
        said += await server.stdout.readline()
    account = dict(re.findall(r"export (\w+)=(\S+)", said.decode()))
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT, str(path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **account},
    )
    out, _ = await client.communicate()
    server.send_signal(signal.SIGINT)
    await server.communicate()
    assert client.returncode == 0
    raised_bytes, batch_id = json.loads(out)
    print(f"{size_bytes >> 20} MB uploaded: peak memory rose by {raised_bytes / 2**20:.1f} MB")  # noqa: T201 - the figure, with -s
    assert batch_id
    assert raised_bytes < 32 << 20
