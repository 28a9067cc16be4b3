"""100 MB of results in one answer, document by document, over plain HTTP.

Measured: the call (we are logged in), the transfer, the decoding, and the reading of each
document's id and of three named fields with value, confidence, page and box. `first document`
counts from the call's beginning, so the request, the server and the answer's first bytes are in it.

Not measured: what a program does with the documents; each is dropped once it was read. The shape
is the positional one, which is what the vendor documents for this call.

- aiohttp, resp.json(): as its documentation shows it, by the standard library.
- aiohttp, resp.json(loads=orjson.loads): the same with a faster decoder, which has to be installed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Figures, Goal, Limit, Setting
from benchmarks.documents import number_in, write_answer
from benchmarks.measuring import measured
from benchmarks.peers import ACCOUNT, klearstack, url_of
from benchmarks.reading import Reading

__all__ = ["CASE"]


async def _stream(setting: Setting) -> Figures:
    async with klearstack(setting, 1) as ks:
        await ks.auth.login()
        reading, first = Reading(), 0.0
        async with measured() as measure:
            began = time.perf_counter()
            async for document in ks.results.stream_of_user():
                first = first or time.perf_counter() - began
                reading.read(document)
    return _figures(setting, reading, measure.figures(reading.documents, first_seconds=first))


async def _whole(setting: Setting) -> Figures:
    async with klearstack(setting, 1) as ks:
        await ks.auth.login()
        reading = Reading()
        async with measured() as measure:
            began = time.perf_counter()
            found = await ks.results.of_user()
            first = time.perf_counter() - began
            for document in found:
                reading.read(document)
    return _figures(setting, reading, measure.figures(reading.documents, first_seconds=first))


async def _aiohttp(setting: Setting) -> Figures:
    return await _resp_json(setting, json.loads)


async def _aiohttp_orjson(setting: Setting) -> Figures:
    import orjson

    return await _resp_json(setting, orjson.loads)


async def _resp_json(setting: Setting, loads: Callable[[str], Any]) -> Figures:
    import aiohttp

    headers = {"Authorization": "Bearer a.b.c"}
    async with aiohttp.ClientSession(headers=headers) as session:
        reading = Reading()
        async with measured() as measure:
            began = time.perf_counter()
            form = aiohttp.FormData(ACCOUNT, default_to_multipart=True)
            async with session.post(url_of(setting, "getuserdocuments"), data=form) as resp:
                answer = await resp.json(loads=loads)
            first = time.perf_counter() - began
            for rows in answer["result"]:
                reading.read_rows(rows)
    return _figures(setting, reading, measure.figures(reading.documents, first_seconds=first))


def _figures(setting: Setting, reading: Reading, figures: Figures) -> Figures:
    reading.check(number_in(setting["bytes"]))
    return figures


def _prepare(setting: Setting) -> None:
    path = setting.path / "answer.json"
    write_answer(path, size_bytes=setting["bytes"], hostile=setting.hostile)


CASE = Case(
    name="results-stream",
    title="100 MB of results, document by document",
    contenders={
        "klearstack_async": _stream,
        "aiohttp, resp.json()": _aiohttp,
        "aiohttp, resp.json(loads=orjson.loads)": _aiohttp_orjson,
        "klearstack_async, as a list": _whole,
    },
    goals=(Goal("aiohttp, resp.json()", 6),),
    limits=(
        Limit("peak memory", "grown_bytes", 8e6, unit="B"),
        Limit("first document", "first_seconds", 0.010, unit="s"),
        Limit("worst stall", "stall_seconds", 0.010, unit="s"),
    ),
    server="plain",
    prepare=_prepare,
    needs={"aiohttp, resp.json(loads=orjson.loads)": ("orjson",)},
    quick={"bytes": 2_000_000},
    full={"bytes": 100_000_000},
    may_fall=0.30,
)
