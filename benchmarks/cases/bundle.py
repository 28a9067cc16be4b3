"""A bundle of 512 files of 1 MiB: a zip that is built while it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.measuring import measured
from benchmarks.peers import UPLOAD, check_counts, klearstack, url_of
from benchmarks.uploading import BEARER, paths_of, prepare

__all__ = ["CASE"]

_ENDPOINT = "uploadbatch"
_KEY = "Function successfully executed!"


async def _ours(setting: Setting) -> Figures:
    """`ks.uploads.bundle(paths)`."""
    async with klearstack(setting, 1) as ks:
        await ks.auth.login()
        async with measured() as measure:
            receipt = await ks.uploads.bundle(paths_of(setting))
    assert len(receipt.file_names) == setting["files"]
    return measure.figures()


async def _ours_without_isal(setting: Setting) -> Figures:
    """The same where isal isn't installed."""
    import sys

    sys.modules.update({"isal": None, "isal.isal_zlib": None})  # type: ignore[dict-item]
    return await _ours(setting)


async def _in_the_loop(setting: Setting) -> Figures:
    """zipstream-ng's chunks handed to aiohttp as they come; they are made in the loop."""

    async def chunks(stream: Any) -> AsyncIterator[bytes]:
        for chunk in stream:
            yield chunk

    return await _zipstream(setting, chunks)


async def _in_a_thread(setting: Setting) -> Figures:
    """Each of zipstream-ng's chunks made in a thread, so that the loop isn't held."""

    async def chunks(stream: Any) -> AsyncIterator[bytes]:
        iterator = iter(stream)
        while (chunk := await asyncio.to_thread(next, iterator, None)) is not None:
            yield chunk

    return await _zipstream(setting, chunks)


async def _zipstream(setting: Setting, chunks: Callable[[Any], AsyncIterator[bytes]]) -> Figures:
    import aiohttp
    from zipstream import ZipStream  # type: ignore[import-untyped, import-not-found, unused-ignore]

    async with aiohttp.ClientSession(headers=BEARER) as session:
        await (await session.post(url_of(setting, "getuserid"))).read()
        async with measured() as measure:
            stream = ZipStream()
            for path in paths_of(setting):
                stream.add_path(str(path))
            data = aiohttp.FormData(UPLOAD)
            data.add_field(
                "file", chunks(stream), filename="documents.zip", content_type="application/zip"
            )
            async with session.post(url_of(setting, _ENDPOINT), data=data) as resp:
                assert (await resp.json())[_KEY]
    return measure.figures()


def _check(setting: Setting, figures: Figures) -> None:
    check_counts(setting, _ENDPOINT, figures.items, setting["files"] * setting["bytes"])


CASE = Case(
    name="bundle",
    title="bundle of 512 x 1 MiB built and sent",
    contenders={
        "klearstack_async, isal": _ours,
        "klearstack_async, zlib": _ours_without_isal,
        "zipstream-ng in the loop": _in_the_loop,
        "zipstream-ng in a thread": _in_a_thread,
    },
    goals=(
        Goal("zipstream-ng in the loop", 1.4),
        Goal("zipstream-ng in a thread", 2.5),
        Goal("zipstream-ng in the loop", 1.1, of="klearstack_async, zlib"),
        Goal("zipstream-ng in a thread", 1.9, of="klearstack_async, zlib"),
    ),
    server="plain",
    prepare=prepare,
    check=_check,
    needs={
        "klearstack_async, isal": ("isal",),
        "zipstream-ng in the loop": ("zipstream",),
        "zipstream-ng in a thread": ("zipstream",),
    },
    quick={"files": 16, "bytes": 1 << 20},
    full={"files": 512, "bytes": 1 << 20},
)
