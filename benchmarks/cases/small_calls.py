"""6-field calls, 50 at a time, each answered by a document of 6 KB that is decoded and read.

A batch's results are asked for, which is the call that waiting for documents is made of.

The server answers with a Content-Length and uncompressed, so what an answer in chunks or in gzip
would cost isn't measured; nor is a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.documents import documents
from benchmarks.measuring import measured
from benchmarks.peers import LOOK, check_counts, klearstack, url_of

__all__ = ["CASE"]

_AT_ONCE = 50
_ENDPOINT = "getbatchdocuments"
_BEARER = {"Authorization": "Bearer a.b.c"}
_FORM = LOOK | {"approve_flag": "true"}


async def _ours(setting: Setting) -> Figures:
    async with klearstack(setting, _AT_ONCE) as ks:

        async def call() -> str | None:
            batch = await ks.results.in_batch(_FORM["batch_id"], approved=True)
            return batch.documents[0].document_id

        return await _calls(setting, call)


async def _form_data(setting: Setting) -> Figures:
    """As aiohttp's documentation shows it: a FormData, and `resp.json()`."""
    import aiohttp

    url = url_of(setting, _ENDPOINT)
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, headers=_BEARER) as session:

        async def call() -> Any:
            form = aiohttp.FormData(default_to_multipart=True)
            for name, value in _FORM.items():
                form.add_field(name, value)
            async with session.post(url, data=form) as resp:
                return _id_in(await resp.json())

        return await _calls(setting, call)


async def _joined(setting: Setting) -> Figures:
    """The least that can be done with aiohttp: a body joined by hand, and msgspec."""
    import aiohttp
    import msgspec

    url, boundary = url_of(setting, _ENDPOINT), "0123456789abcdef0123456789abcdef"
    headers = _BEARER | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def call() -> Any:
            parts = [
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in _FORM.items()
            ]
            body = f"{''.join(parts)}--{boundary}--\r\n".encode()
            async with session.post(url, data=body) as resp:
                return _id_in(msgspec.json.decode(await resp.read()))

        return await _calls(setting, call)


async def _httpx(setting: Setting) -> Figures:
    """As httpx's documentation shows it; `files` with no file name is its way to multipart."""
    import httpx

    url = url_of(setting, _ENDPOINT)
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
    async with httpx.AsyncClient(limits=limits, headers=_BEARER) as client:

        async def call() -> Any:
            fields = {name: (None, value) for name, value in _FORM.items()}
            resp = await client.post(url, files=fields)
            return _id_in(resp.json())

        return await _calls(setting, call, setting["calls_httpx"])


async def _calls(
    setting: Setting, call: Callable[[], Awaitable[Any]], calls: int | None = None
) -> Figures:
    """Make the calls by fixed workers, for each contender alike: the calls are what is compared."""
    count = setting["calls"] if calls is None else calls

    async def work(numbers: Any) -> None:
        for _ in numbers:
            if not str(await call()).startswith("6a0000"):
                raise AssertionError("not a document that the server sent")

    # Connections are open, and we are logged in.
    await asyncio.gather(*[call() for _ in range(_AT_ONCE)])
    shared = iter(range(count))
    async with measured() as measure:
        await asyncio.gather(*[work(shared) for _ in range(_AT_ONCE)])
    return measure.figures(items=count)


def _id_in(answer: Any) -> Any:
    """Read the document's id as a program that knows the shape would."""
    return next(row[0] for row in answer["result"][0] if row[1] == "Document_id")


def _prepare(setting: Setting) -> None:
    # A hundred answers, so that one in a hundred can be hostile.
    for number, document in enumerate(
        islice(documents("positional", hostile=setting.hostile), 100)
    ):
        answer = b'{"result": [' + document + b'], "release_version": "7.8.9"}'
        (setting.path / f"answer-{number:02}.json").write_bytes(answer)


def _check(setting: Setting, figures: Figures) -> None:
    check_counts(setting, _ENDPOINT, figures.items + _AT_ONCE, figures.items * 400)


CASE = Case(
    name="small-calls",
    title="6-field calls, 50 at a time, with a 6 KB document decoded",
    contenders={
        "klearstack_async": _ours,
        "aiohttp, FormData": _form_data,
        "httpx": _httpx,
        "aiohttp, joined body": _joined,
    },
    goals=(
        Goal("aiohttp, FormData", 2.5),
        Goal("httpx", 12),
        Goal("aiohttp, joined body", 0.9),
    ),
    server="plain",
    prepare=_prepare,
    check=_check,
    needs={"httpx": ("httpx",)},
    quick={"calls": 100, "calls_httpx": 20},
    full={"calls": 5_000, "calls_httpx": 500},
    may_fall=0.10,
)
