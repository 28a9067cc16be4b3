"""Uploads of files from the disk: what the four upload cases share.

Every contender sends the same files with the same fields, as many at once as the others, from a
fixed number of workers, so that only the sending is compared. The files were just written, so they
are read from the system's cache.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.case import Figures, Setting
from benchmarks.measuring import measured, measured_sync
from benchmarks.peers import UPLOAD, check_counts, klearstack, url_of

__all__ = [
    "BEARER",
    "check",
    "curl",
    "form_data",
    "httpx_client",
    "ours",
    "paths_of",
    "prepare",
    "requests_threads",
]

BEARER = {"Authorization": "Bearer a.b.c"}
_ENDPOINT = "processdocument"
_KEY = "OCR_ref_no"
_BLOCK_BYTES = 1 << 20


async def ours(setting: Setting) -> Figures:
    """`ks.uploads.document(path)`."""
    async with klearstack(setting, setting["at_once"]) as ks:
        await ks.auth.login()

        async def upload(path: Path) -> str:
            return (await ks.uploads.document(path)).batch_id

        return await _uploads(setting, upload)


async def form_data(setting: Setting) -> Figures:
    """As aiohttp's documentation shows it: a FormData with an open file."""
    import aiohttp

    url = url_of(setting, _ENDPOINT)
    connector = aiohttp.TCPConnector(limit=setting["at_once"], ssl=_trust(setting) or True)
    async with aiohttp.ClientSession(connector=connector, headers=BEARER) as session:
        # A first call opens the connection, as our login does.
        await (await session.post(url_of(setting, "getuserid"))).read()

        async def upload(path: Path) -> str:
            data = aiohttp.FormData(UPLOAD)
            with path.open("rb") as file:
                data.add_field("file", file, filename=path.name, content_type="application/pdf")
                async with session.post(url, data=data) as resp:
                    return _id_in(await resp.json())

        return await _uploads(setting, upload)


async def httpx_client(setting: Setting) -> Figures:
    """As httpx's documentation shows it: `files=` with an open file."""
    import httpx

    url = url_of(setting, _ENDPOINT)
    limits = httpx.Limits(max_connections=setting["at_once"])
    async with httpx.AsyncClient(limits=limits, headers=BEARER, timeout=60) as client:
        await client.post(url_of(setting, "getuserid"))

        async def upload(path: Path) -> str:
            with path.open("rb") as file:
                files = {"file": (path.name, file, "application/pdf")}
                resp = await client.post(url, data=UPLOAD, files=files)
            return _id_in(resp.json())

        return await _uploads(setting, upload, setting.amounts.get("files_httpx"))


def requests_threads(setting: Setting) -> Figures:
    """As many threads as are to upload at once, each with a session of requests."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import requests

    url, local = url_of(setting, _ENDPOINT), threading.local()

    together = threading.Barrier(setting["at_once"])

    def begin(_: int) -> None:
        local.session = requests.Session()
        local.session.headers.update(BEARER)
        local.session.post(url_of(setting, "getuserid"))
        # No thread begins twice.
        together.wait()

    def upload(path: Path) -> str:
        with path.open("rb") as file:
            files = {"file": (path.name, file, "application/pdf")}
            resp = local.session.post(url, data=UPLOAD, files=files)
        return _id_in(resp.json())

    paths = paths_of(setting)
    with ThreadPoolExecutor(setting["at_once"]) as pool:
        # Connections are open, as the others' are.
        list(pool.map(begin, range(setting["at_once"])))
        with measured_sync() as measure:
            ids = list(pool.map(upload, paths))
    assert all(ids)
    return measure.figures(items=len(paths))


def curl(setting: Setting) -> Figures:
    """`curl -F`, one file; its start and its connecting are not counted, as ours aren't."""
    from resource import RUSAGE_CHILDREN, getrusage

    [path] = paths_of(setting)
    command = ["curl", "--silent", "--show-error", "--output", os.devnull]
    command += ["--write-out", '{"total": %{time_total}, "before": %{time_pretransfer}}']
    command += ["--cacert", setting.ca_file] if setting.ca_file else []
    for name, value in UPLOAD.items():
        command += ["--form", f"{name}={value}"]
    command += ["--form", f"file=@{path};type=application/pdf", url_of(setting, _ENDPOINT)]
    before = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True)
    after, times = getrusage(RUSAGE_CHILDREN), json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(times["total"] - times["before"], cpu, None, None)


def prepare(setting: Setting) -> None:
    """Write the files, and wait until they are on the disk, so that nothing writes later."""
    block = Random(6).randbytes(min(_BLOCK_BYTES, setting["bytes"]))
    for path in paths_of(setting):
        with path.open("wb") as file:
            for start in range(0, setting["bytes"], len(block)):
                file.write(block[: setting["bytes"] - start])
            file.flush()
    os.sync()


def check(setting: Setting, figures: Figures) -> None:
    """Raise if the server didn't see each file to its last byte."""
    check_counts(setting, _ENDPOINT, figures.items, figures.items * setting["bytes"])


def paths_of(setting: Setting) -> list[Path]:
    """Name the files that are to be sent."""
    return [setting.path / f"invoice-{number:04}.pdf" for number in range(setting["files"])]


async def _uploads(
    setting: Setting, upload: Callable[[Path], Awaitable[str]], files: int | None = None
) -> Figures:
    paths = paths_of(setting)[:files]

    async def work(shared: Iterator[Path]) -> None:
        for path in shared:
            assert await upload(path)

    shared = iter(paths)
    async with measured() as measure:
        await asyncio.gather(*[work(shared) for _ in range(setting["at_once"])])
    return measure.figures(items=len(paths))


def _id_in(answer: Any) -> str:
    return str(answer[_KEY])


def _trust(setting: Setting) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=setting.ca_file) if setting.ca_file else None
