"""A bundle of 512 files of 1 MiB: a zip that is built while it is sent.

Measured: one call, from the files' paths to the receipt; the files are in the system's cache, and
their members are stored, not compressed.

Not measured: larger files, which ours reads twice (once for the checksum, before it sends); one of
1 MiB is the largest that is read once. Nor a network, a disk that is slow, what compressing would
cost (nobody does it here), and what the service does with the zip: the server counts its bytes and
throws them away. That they are a zip is proved on a small bundle, which is made in the same way
after the clock was stopped, and not on what was sent.

zipstream-ng knows its zip's length beforehand (`sized=True`), so all send a Content-Length. aiohttp
has no way to tell a part's length but a payload of one's own, which is a few lines here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.measuring import measured
from benchmarks.peers import UPLOAD, check_counts, klearstack, url_of
from benchmarks.uploading import BEARER, paths_of, prepare

__all__ = ["CASE"]

_ENDPOINT = "uploadbatch"
_KEY = "Function successfully executed!"
_PROVED = 3


async def _ours(setting: Setting) -> Figures:
    """`ks.uploads.bundle(paths)`."""
    async with klearstack(setting, 1) as ks:
        await ks.auth.login()
        async with measured() as measure:
            receipt = await ks.uploads.bundle(paths_of(setting))
    assert len(receipt.file_names) == setting["files"]
    await _prove_ours(paths_of(setting)[:_PROVED])
    return measure.figures()


async def _prove_ours(paths: Sequence[Path]) -> None:
    from klearstack_async.transport.archive import zipped
    from klearstack_async.wire.source import source_from

    archive = await zipped([source_from(path) for path in paths])
    _prove(b"".join([bytes(piece) async for piece in archive.stream.open()]), paths)


def _prove(archive: bytes, paths: Sequence[Path]) -> None:
    with ZipFile(BytesIO(archive)) as found:
        assert found.namelist() == [path.name for path in paths]
        assert all(found.read(path.name) == path.read_bytes() for path in paths)


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

    class Sized(aiohttp.AsyncIterablePayload):
        def __init__(self, value: AsyncIterator[bytes], length: int) -> None:
            super().__init__(value, content_type="application/zip")
            self._size = length

    async with aiohttp.ClientSession(headers=BEARER) as session:
        await (await session.post(url_of(setting, "getuserid"))).read()
        async with measured() as measure:
            stream = _zip_of(paths_of(setting))
            data = aiohttp.FormData(UPLOAD)
            data.add_field("file", Sized(chunks(stream), len(stream)), filename="documents.zip")
            async with session.post(url_of(setting, _ENDPOINT), data=data) as resp:
                assert resp.request_info.headers["Content-Length"]
                assert (await resp.json())[_KEY]
    paths = paths_of(setting)[:_PROVED]
    _prove(b"".join(_zip_of(paths)), paths)
    return measure.figures()


def _zip_of(paths: Sequence[Path]) -> Any:
    from zipstream import ZipStream  # type: ignore[import-untyped, import-not-found, unused-ignore]

    stream = ZipStream(sized=True)
    for path in paths:
        stream.add_path(str(path))
    return stream


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
