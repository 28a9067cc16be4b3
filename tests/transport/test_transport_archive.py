from __future__ import annotations

import asyncio
import errno
import io
import os
import shutil
import struct
import subprocess
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import cast

import anyio
import pytest
from aiohttp import web
from conftest import Serve, client_at, until
from documents import invoice_pdf, picture_png
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import KlearStack, OutcomeUnknown, SourceChanged, Stream
from klearstack_async.transport.ahead import THREADS_NAME
from klearstack_async.transport.archive import Zipped, zipped
from klearstack_async.transport.files import PIECE_BYTES
from klearstack_async.wire.source import BytesSource, FileSource, PathSource, Source

LARGE = os.urandom(2 * PIECE_BYTES + 17)
LIMIT = 0xFFFFFFFF


def stream_of(
    *pieces: bytes, name: str = "s.pdf", size_bytes: int | None = None, repeatable: bool = True
) -> Stream:
    async def give() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Stream(give, name, size_bytes, repeatable)


def on_disk(folder: Path, name: str, data: bytes) -> PathSource:
    path = folder / name
    path.write_bytes(data)
    return PathSource(path, name)


def pieces_of(made: Zipped) -> AsyncGenerator[bytes]:
    return cast("AsyncGenerator[bytes]", made.stream.open())


async def all_of(made: Zipped) -> bytes:
    async with aclosing(pieces_of(made)) as pieces:
        data = b"".join([bytes(piece) async for piece in pieces])
    assert made.stream.size_bytes in {None, len(data)}
    return data


async def read_back(made: Zipped) -> list[bytes]:
    """Read the members by way of the directory at the archive's end."""
    data = await all_of(made)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(made.names)
        return [archive.read(name) for name in made.names]


def read_forward(data: bytes) -> list[tuple[str, bytes]]:
    """Read a zip as a reader does that can't seek, and knows no data descriptors."""
    found, place = [], 0
    while data.startswith(b"PK\x03\x04", place):
        flags, crc, size, name_bytes, extra_bytes = struct.unpack_from("<6xH6xL4xL2H", data, place)
        assert flags == 1 << 11
        name_at = place + 30
        start = name_at + name_bytes + extra_bytes
        place = start + size
        assert zlib.crc32(data[start:place]) == crc
        found.append((data[name_at : name_at + name_bytes].decode(), data[start:place]))
    assert data.startswith(b"PK\x01\x02", place)
    return found


def mixed(folder: Path) -> tuple[list[Source], list[bytes]]:
    """Make small and large sources of every kind that doesn't need a descriptor."""
    file = io.BytesIO(b"skipped" + LARGE)
    file.seek(7)
    sources: list[Source] = [
        on_disk(folder, "small.pdf", b"1"),
        BytesSource(b"2" * 100, "small.pdf"),
        on_disk(folder, "large.pdf", LARGE),
        FileSource(io.BytesIO(b"3"), "file.png"),
        FileSource(file, "large file.png"),
        BytesSource(LARGE, "../Ünï/large.PDF"),
        stream_of(b"4", b"", b"44", size_bytes=3),
        on_disk(folder, "piece.pdf", LARGE[:PIECE_BYTES]),
        on_disk(folder, "piece and one.pdf", LARGE[: PIECE_BYTES + 1]),
        FileSource(io.BytesIO(LARGE[:PIECE_BYTES] * 2), "two pieces.pdf"),
    ]
    return sources, [
        *(b"1", b"2" * 100, LARGE, b"3", LARGE, LARGE, b"444"),
        *(LARGE[:PIECE_BYTES], LARGE[: PIECE_BYTES + 1], LARGE[:PIECE_BYTES] * 2),
    ]


async def test_every_kind_of_source_is_read_back(tmp_path: Path) -> None:
    sources, contents = mixed(tmp_path)
    made = await zipped(sources)
    assert made.names[:6] == (
        *("small.pdf", "small (2).pdf", "large.pdf"),
        *("file.png", "large file.png", "large (2).PDF"),
    )
    assert made.stream.filename == "documents.zip"
    assert made.stream.repeatable
    assert await read_back(made) == contents


async def test_a_reader_that_only_goes_forward_can_read_it(tmp_path: Path) -> None:
    sources, contents = mixed(tmp_path)
    made = await zipped(sources)
    assert read_forward(await all_of(made)) == list(zip(made.names, contents, strict=True))


async def test_opened_again_it_gives_the_same_bytes(tmp_path: Path) -> None:
    made = await zipped(mixed(tmp_path)[0])
    assert await all_of(made) == await all_of(made)


async def test_it_can_be_opened_many_times_at_once(tmp_path: Path) -> None:
    made = await zipped(mixed(tmp_path)[0])
    read: list[bytes] = []

    async def read_all() -> None:
        read.append(await all_of(made))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(read_all)
    assert len(set(read)) == 1


@pytest.mark.parametrize("program", [("unzip", "-t"), ("7z", "t"), ("7zz", "t"), ("bsdtar", "-tf")])
@pytest.mark.parametrize("described", [False, True])
async def test_other_programs_read_it(
    program: tuple[str, str], described: bool, tmp_path: Path
) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    sources = mixed(tmp_path)[0]
    if described:
        sources += [stream_of(LARGE), stream_of(LARGE, size_bytes=len(LARGE)), stream_of(b"end")]
    path = tmp_path / "all.zip"
    path.write_bytes(await all_of(await zipped(sources)))
    check_by(program, path)


def check_by(program: tuple[str, str], path: Path) -> None:
    done = subprocess.run(  # noqa: PLW1510 - the output says more than the code
        [*program, path], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize("kind", ["small.pdf", "large.pdf"])
async def test_a_stream_of_unknown_size_has_no_length(kind: str) -> None:
    data = b"tiny" if kind == "small.pdf" else LARGE
    made = await zipped([stream_of(data[:2], data[2:], name=kind), BytesSource(b"x", "x.pdf")])
    assert made.stream.size_bytes is None
    assert await read_back(made) == [data, b"x"]
    with zipfile.ZipFile(io.BytesIO(await all_of(made))) as archive:
        # What ends within a piece can be told in its header after all.
        assert bool(archive.infolist()[0].flag_bits & 8) == (data is LARGE)


async def test_a_long_stream_of_known_size_is_measured_and_described() -> None:
    made = await zipped([stream_of(LARGE[:9], LARGE[9:], size_bytes=len(LARGE))])
    assert made.stream.size_bytes is not None
    assert await read_back(made) == [LARGE]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([1, 2, 1000, PIECE_BYTES - 1, PIECE_BYTES]), max_size=3),
            st.sampled_from(["bytes", "file", "stream", "unknown"]),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=40, deadline=None)
async def test_any_mixture_is_read_back(members: list[tuple[list[int], str]]) -> None:
    sources: list[Source] = []
    contents = []
    for sizes, kind in members:
        parts = [b"x", *(LARGE[:size] for size in sizes)]
        data = b"".join(parts)
        contents.append(data)
        made: dict[str, Source] = {
            "bytes": BytesSource(data, "a.pdf"),
            "file": FileSource(io.BytesIO(data), "a.pdf"),
            "stream": stream_of(*parts, name="a.pdf", size_bytes=len(data)),
            "unknown": stream_of(*parts, name="a.pdf"),
        }
        sources.append(made[kind])
    assert await read_back(await zipped(sources)) == contents


async def test_it_can_be_sent_again_only_if_all_its_members_can(tmp_path: Path) -> None:
    once = stream_of(b"x", size_bytes=1, repeatable=False)
    assert not (await zipped([*mixed(tmp_path)[0], once])).stream.repeatable


async def test_without_sources_there_is_no_zip() -> None:
    with pytest.raises(ValueError, match="no sources"):
        await zipped([])


@pytest.mark.parametrize("kind", ["path", "bytes", "file", "stream", "file at its end"])
async def test_an_empty_source_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    ended = io.BytesIO(b"x")
    ended.seek(5)
    empty: dict[str, Source] = {
        "path": on_disk(tmp_path, "void.pdf", b""),
        "bytes": BytesSource(b"", "void.pdf"),
        "file": FileSource(io.BytesIO(), "void.pdf"),
        "stream": stream_of(name="void.pdf", size_bytes=0),
        "file at its end": FileSource(ended, "void.pdf"),
    }
    with pytest.raises(ValueError, match=r"void\.pdf is empty"):
        await zipped([BytesSource(b"x", "x.pdf"), empty[kind]])


async def test_a_stream_that_gives_nothing_is_refused_by_name() -> None:
    made = await zipped([stream_of(b"", name="void.pdf")])
    with pytest.raises(ValueError, match=r"void\.pdf is empty"):
        await all_of(made)


async def test_what_is_no_readable_file_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(FileNotFoundError, match=r"none\.pdf"):
        await zipped([PathSource(tmp_path / "none.pdf", "none.pdf")])
    with pytest.raises(IsADirectoryError):
        await zipped([PathSource(tmp_path, "folder")])
    with pytest.raises(ValueError, match="not a regular file"):
        await zipped([PathSource(tmp_path / "pipe.pdf", "pipe.pdf")])


def _replace(path: Path, data: bytes) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


CHANGES: dict[str, Callable[[Path, bytes], object]] = {
    "shorter": lambda path, data: os.truncate(path, len(data) - 1),
    "longer": lambda path, data: os.truncate(path, len(data) + 1),
    "replaced": _replace,
    "touched": lambda path, _: os.utime(path, ns=(1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
async def test_a_file_that_changes_before_it_is_sent_is_noticed(
    change: str, data: bytes, tmp_path: Path
) -> None:
    source = on_disk(tmp_path, "a.pdf", data)
    made = await zipped([BytesSource(b"x", "x.pdf"), source])
    CHANGES[change](source.path, data)
    # Nor is it sent by another attempt.
    for _ in range(2):
        with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
            await all_of(made)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changes_while_it_is_sent_is_noticed(change: str, tmp_path: Path) -> None:
    data = LARGE * 2
    source = on_disk(tmp_path, "a.pdf", data)
    async with aclosing(pieces_of(await zipped([source]))) as pieces:
        assert (await anext(pieces)).startswith(b"PK\x03\x04")
        await anext(pieces)
        CHANGES[change](source.path, data)
        # The second piece may have been read before.
        with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
            [_ async for _ in pieces]


@pytest.mark.parametrize("size", [5, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES])
@pytest.mark.parametrize("change", ["shorter", "longer"])
async def test_an_open_file_of_another_length_is_noticed(change: str, size: int) -> None:
    file = io.BytesIO(LARGE[:size])
    made = await zipped([FileSource(file, "a.pdf")])
    if change == "shorter":
        file.truncate(size - 1)
    else:
        file.seek(0, io.SEEK_END)
        file.write(b"x")
    with pytest.raises(SourceChanged, match=rf"a\.pdf became {change}"):
        await all_of(made)


async def test_an_open_file_of_other_bytes_is_noticed_before_its_end_is_sent() -> None:
    file = io.BytesIO(LARGE)
    made = await zipped([FileSource(file, "a.pdf")])
    file.getbuffer()[5] ^= 1
    async with aclosing(pieces_of(made)) as pieces:
        # The header and all but the last piece.
        given = [len(await anext(pieces)) for _ in range(3)]
        assert given[1:] == [PIECE_BYTES, PIECE_BYTES]
        with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
            await anext(pieces)


async def test_an_open_file_stays_where_it_stands() -> None:
    file = io.BytesIO(LARGE)
    file.seek(5)
    assert await read_back(await zipped([FileSource(file, "a.pdf")] * 2)) == [LARGE[5:]] * 2
    assert file.tell() == 5


@pytest.mark.parametrize(("size_bytes", "said"), [(3, "more than its 3"), (9, "4 of 9")])
async def test_a_stream_that_breaks_its_word_is_noticed(size_bytes: int, said: str) -> None:
    made = await zipped([stream_of(b"ab", b"cd", size_bytes=size_bytes)])
    with pytest.raises(SourceChanged, match=said):
        await all_of(made)


async def test_a_giver_may_write_over_what_it_gave() -> None:
    async def give() -> AsyncIterator[bytes]:
        piece = bytearray(2)
        for number in range(5):
            piece[:] = bytes([number] * 2)
            yield piece  # type: ignore[misc]  # bytes-like is taken

    [read] = await read_back(await zipped([Stream(give, "a.pdf")]))
    assert read == bytes([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])


async def test_small_members_share_pieces_and_no_piece_is_much_larger_than_one(
    tmp_path: Path,
) -> None:
    sources: list[Source] = [on_disk(tmp_path, f"{n}.pdf", bytes(300)) for n in range(600)]
    sources += [BytesSource(bytes(PIECE_BYTES // 3), "third.pdf")] * 7
    sources += [on_disk(tmp_path, "large.pdf", LARGE), stream_of(LARGE, size_bytes=len(LARGE))]
    made = await zipped(sources)
    sizes = [len(piece) async for piece in made.stream.open()]
    # Three of small files, and one of each third with the header of the next, which is too large
    # to be copied; headers, pieces and tails of the large ones.
    assert len(sizes) < 30
    assert max(sizes) <= len(LARGE)
    assert sorted(sizes)[-2] < PIECE_BYTES + (64 << 10)
    assert await read_back(made)


async def test_no_zip64_where_it_is_not_needed(tmp_path: Path) -> None:
    data = await all_of(await zipped(mixed(tmp_path)[0]))
    assert b"PK\x06\x06" not in data[-10_000:]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.extract_version for info in archive.infolist()} == {20}
        assert not any(info.extra for info in archive.infolist())


async def test_more_members_than_a_plain_zip_can_count(tmp_path: Path) -> None:
    made = await zipped([BytesSource(b"%d" % n, "a.pdf") for n in range(65_600)])
    data = await all_of(made)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == list(made.names)
        for number in (0, 1, 255, 256, 65_535, 65_599):
            assert archive.read(made.names[number]) == b"%d" % number
    assert b"PK\x06\x06" in data[-200:]
    path = tmp_path / "all.zip"
    path.write_bytes(data)
    if shutil.which("unzip"):
        check_by(("unzip", "-tqq"), path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "known", "unknown"])
async def test_a_member_beyond_4_gib(kind: str, tmp_path: Path) -> None:
    size = LIMIT + 10
    if kind == "path":
        path = tmp_path / "vast.pdf"
        path.touch()
        os.truncate(path, size)
        vast: Source = PathSource(path, "vast.pdf")
    else:
        zeros = [bytes(16 << 20)] * (size >> 24)
        pieces = (*zeros, bytes(size & 0xFFFFFF))
        vast = stream_of(*pieces, name="vast.pdf", size_bytes=size if kind == "known" else None)
    made = await zipped([vast, BytesSource(b"behind", "behind.pdf")])
    archive_path = tmp_path / "all.zip"
    length = await write_sparsely(made, archive_path)
    assert made.stream.size_bytes == (None if kind == "unknown" else length)
    with zipfile.ZipFile(archive_path) as archive:
        assert archive.testzip() is None
        assert [info.file_size for info in archive.infolist()] == [size, 6]
        assert archive.read("behind.pdf") == b"behind"
    if shutil.which("unzip"):
        check_by(("unzip", "-tqq"), archive_path)


async def write_sparsely(made: Zipped, path: Path) -> int:
    """Write an archive with holes where it is empty, and say how long it is."""
    with path.open("wb") as file:
        async with aclosing(pieces_of(made)) as pieces:
            async for piece in pieces:
                if piece == bytes(len(piece)):
                    file.seek(len(piece), os.SEEK_CUR)
                else:
                    file.write(piece)
        return file.tell()


async def test_a_large_zip_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.touch()
    os.truncate(path, 128 << 20)
    small = on_disk(tmp_path, "small.pdf", bytes(1 << 16))
    sources = [PathSource(path, "large.pdf"), *[small] * 500]
    tracemalloc.start()
    try:
        made = await zipped(sources)
        async with aclosing(pieces_of(made)) as pieces:
            async for _ in pieces:
                pass
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A piece that is given, one that is made, and the parts of which it is made.
    assert peak_bytes < 5 * PIECE_BYTES


async def test_only_the_file_that_is_read_ahead_is_open(tmp_path: Path) -> None:
    before = open_files()
    made = await zipped(mixed(tmp_path)[0])
    assert open_files() == before
    async with aclosing(pieces_of(made)) as pieces:
        async for _ in pieces:
            assert len(open_files()) <= len(before) + 1
    assert open_files() == before


def other_threads() -> int:
    """Count the threads but those that stay for the next upload."""
    return sum(not one.name.startswith(THREADS_NAME) for one in threading.enumerate())


def open_files() -> list[str]:
    """Give the open files' paths; what the loop itself has open has none."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue  # the folder's own
        if target.is_file():
            found.append(str(target))
    return sorted(found)


@pytest.mark.parametrize("during", ["sizing", "sending"])
async def test_cancelled_at_any_wait_it_leaves_nothing(during: str, tmp_path: Path) -> None:
    under_way: set[int] = set()

    async def give() -> AsyncIterator[bytes]:
        number = len(under_way)
        under_way.add(number)
        try:
            for start in range(0, len(LARGE), PIECE_BYTES):
                await asyncio.sleep(0)
                yield LARGE[start : start + PIECE_BYTES]
        finally:
            under_way.remove(number)

    sources = [*mixed(tmp_path)[0], Stream(give, "s.pdf"), Stream(give, "t.pdf", len(LARGE))]
    made = await zipped(sources)
    files, threads = open_files(), other_threads()
    clock = asyncio.get_running_loop().time
    started = clock()
    await (zipped(sources) if during == "sizing" else all_of(made))
    whole_seconds, steps = clock() - started, 60
    for step in range(steps):
        with anyio.move_on_after(whole_seconds * step / steps):
            await (zipped(sources) if during == "sizing" else all_of(made))
        assert not under_way
        assert open_files() == files
    assert other_threads() <= threads + 1
    assert len(await read_back(made)) == len(sources)


class Slow(io.BytesIO):
    """A file whose reading waits until it is let go."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads, self.go = 0, threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        assert self.go.wait(10)
        return super().read(size)


async def test_a_slow_disk_does_not_hold_the_loop_and_ends_with_its_step() -> None:
    file = Slow(LARGE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(zipped, [FileSource(file, "a.pdf")])
        # That this goes on while a read hangs is the point.
        await until(lambda: file.reads == 1)
        tasks.cancel_scope.cancel()
        file.go.set()
    # The step of 16 MiB that was under way went on to the file's end, and no further one began.
    assert file.reads == 3


async def test_an_unreadable_disk_is_its_own_error() -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    for data in (b"small", LARGE):
        with pytest.raises(OSError, match="Input/output"):
            await all_of(await zipped([FileSource(Broken(data), "a.pdf")]))


async def test_the_sandbox_reads_it_and_gives_the_members_names_back(
    ks: KlearStack, tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    sources: list[Source] = [
        on_disk(tmp_path, "rechnung ü.pdf", invoice_pdf("A-1")),
        on_disk(tmp_path / "x", "rechnung ü.pdf", invoice_pdf("A-2")),
        BytesSource(invoice_pdf("A-3"), "../.pdf"),
        FileSource(io.BytesIO(invoice_pdf("A-4") + b"\n%" * PIECE_BYTES), "large.pdf"),
        stream_of(picture_png(), name="picture.png", size_bytes=len(picture_png())),
    ]
    made = await zipped(sources)
    upload = await ks.uploads.archive(made.stream)
    batch = await ks.results.wait(upload.batch_id, expected=len(sources))
    found = {document.file_name: document for document in batch.documents}
    assert set(found) == set(made.names)
    numbers = [found[name]["Inv_Number"].value for name in made.names[:4]]
    assert numbers == ["A-1", "A-2", "A-3", "A-4"]


@pytest.mark.parametrize("data", [invoice_pdf(), invoice_pdf() + b"\n%" * PIECE_BYTES])
async def test_the_sandbox_reads_what_comes_without_a_length(ks: KlearStack, data: bytes) -> None:
    made = await zipped([stream_of(data), BytesSource(invoice_pdf("B-2"), "s.pdf")])
    upload = await ks.uploads.archive(made.stream)
    batch = await ks.results.wait(upload.batch_id, expected=2)
    found = {document.file_name: document["Inv_Number"].value for document in batch.documents}
    assert found == {"s.pdf": "INV-1", "s (2).pdf": "B-2"}


async def test_a_member_that_changes_is_no_lost_connection(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.touch()
    os.truncate(path, 64 << 20)

    async def shorten(request: web.Request) -> web.StreamResponse:
        await request.content.readany()
        os.truncate(path, 10)
        await request.read()
        return web.Response()

    made = await zipped([BytesSource(b"x", "x.pdf"), PathSource(path, "a.pdf")])
    async with client_at(await serve(uploadbatch=shorten)) as ks:
        with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
            await ks.uploads.archive(made.stream)


async def test_a_refused_attempt_is_followed_by_one_of_the_same_bytes(
    serve: Serve, tmp_path: Path
) -> None:
    bodies: list[bytes] = []

    async def refuse_once(request: web.Request) -> web.StreamResponse:
        bodies.append((await request.read()).partition(b"PK\x03\x04")[2].rpartition(b"\r\n--")[0])
        if len(bodies) == 1:
            return web.json_response({"error": "Token expired."}, status=401)
        return web.json_response({"OCR_ref_no": "b-1"})

    made = await zipped(mixed(tmp_path)[0])
    async with client_at(await serve(uploadbatch=refuse_once)) as ks:
        assert (await ks.uploads.archive(made.stream)).batch_id == "b-1"
    first, second = bodies
    assert first.rpartition(b"\r\n--")[0] == second.rpartition(b"\r\n--")[0]


async def test_a_zip_that_went_out_without_an_answer_is_in_doubt(serve: Serve) -> None:
    async def vanish(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    made = await zipped([BytesSource(LARGE, "a.pdf")])
    async with client_at(await serve(uploadbatch=vanish)) as ks:
        with pytest.raises(OutcomeUnknown):
            await ks.uploads.archive(made.stream)
