from __future__ import annotations

import asyncio
import gc
import io
import os
import tempfile
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import SourceChanged, Stream
from klearstack_async.transport.files import PIECE_BYTES, content_of, pieces_of_stream
from klearstack_async.wire.source import SourceLike, source_from

LARGE = os.urandom(2 * PIECE_BYTES + 17)


async def all_of(source: SourceLike, name: str = "a.pdf") -> bytes:
    content = await content_of(source_from(source, name))
    data = b"".join([bytes(piece) async for piece in content.pieces()])
    assert content.size_bytes in {None, len(data)}
    assert content.whole is None or content.whole == data
    return data


async def rest_of(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([bytes(piece) async for piece in pieces])


def stream_of(*pieces: bytes, size_bytes: int | None = None) -> Stream:
    async def give() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Stream(give, "a.pdf", size_bytes)


@pytest.mark.parametrize("data", [b"x", LARGE[:PIECE_BYTES], LARGE[: PIECE_BYTES + 1], LARGE])
async def test_every_kind_of_source_gives_its_bytes(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    assert await all_of(path) == data
    assert await all_of(data) == data
    assert await all_of(io.BytesIO(data)) == data
    assert await all_of(stream_of(data[:1], b"", data[1:], size_bytes=len(data))) == data
    assert await all_of(stream_of(data)) == data
    with path.open("rb") as file:
        assert await all_of(file) == data


async def test_an_open_file_is_sent_from_where_it_stands_and_stays_there() -> None:
    file = io.BytesIO(LARGE)
    file.seek(5)
    assert await all_of(file) == LARGE[5:]
    assert await all_of(file) == LARGE[5:]
    assert file.tell() == 5


async def test_one_open_file_can_be_read_by_several_uploads_at_once() -> None:
    file = io.BytesIO(LARGE)
    read: list[bytes] = []

    async def read_all() -> None:
        read.append(await all_of(file))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(read_all)
    assert read == [LARGE] * 8


async def test_a_stream_that_gives_no_bytes_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"a\.pdf gave str"):
        await all_of(stream_of("text"))  # type: ignore[arg-type]


class Hesitant(io.BytesIO):
    """A file that gives less than it is asked for, as raw files may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size is not None and size >= 0 else 10, 10))


async def test_a_file_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    data = bytes(range(256)) * 4
    assert await all_of(Hesitant(data)) == data


async def test_a_file_that_hangs_does_not_hold_up_another() -> None:
    reading, goes_on = threading.Event(), threading.Event()

    class Hanging(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reading.set()
            goes_on.wait(10)
            return super().read(size)

    slow = asyncio.create_task(all_of(Hanging(b"slow")))
    await asyncio.to_thread(reading.wait, 10)
    assert await all_of(io.BytesIO(b"quick")) == b"quick"
    goes_on.set()
    assert await slow == b"slow"


async def test_a_spooled_upload_can_be_sent() -> None:
    with tempfile.SpooledTemporaryFile(max_size=10) as file:
        file.write(b"%PDF more than ten bytes")
        file.seek(0)
        assert await all_of(file) == b"%PDF more than ten bytes"  # type: ignore[arg-type]


async def test_a_large_file_is_given_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(LARGE)
    content = await content_of(source_from(path))
    assert content.whole is None
    sizes = [len(piece) async for piece in content.pieces()]
    assert sizes == [PIECE_BYTES, PIECE_BYTES, 17]


@pytest.mark.parametrize("make", ["path", "bytes", "file"])
async def test_an_empty_source_is_refused(make: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.touch()
    source: SourceLike = {"path": path, "bytes": b"", "file": io.BytesIO()}[make]  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"a\.pdf is empty"):
        await all_of(source)


async def test_a_missing_file_is_the_disks_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await all_of(tmp_path / "a.pdf")
    with pytest.raises(IsADirectoryError):
        await all_of(tmp_path)


async def test_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pdf")
    for path in (tmp_path / "a.pdf", Path("/dev/zero")):
        with pytest.raises(ValueError, match="not a regular file"):
            await all_of(path)


@pytest.mark.parametrize("change", ["shorter", "longer", "replaced"])
async def test_a_file_that_changes_on_the_way_is_noticed(change: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(LARGE)
    pieces = (await content_of(source_from(path))).pieces()
    await anext(pieces)
    if change == "replaced":
        other = tmp_path / "b.pdf"
        other.write_bytes(LARGE)
        other.replace(path)
    else:
        with path.open("r+b") as file:
            file.truncate(len(LARGE) + (1 if change == "longer" else -1))
    # The second piece may have been read before.
    with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
        await rest_of(pieces)


async def test_an_open_file_that_becomes_shorter_is_noticed() -> None:
    file = io.BytesIO(LARGE)
    pieces = (await content_of(source_from(file, "a.pdf"))).pieces()
    await anext(pieces)
    file.truncate(10)
    with pytest.raises(SourceChanged, match="shorter"):
        await rest_of(pieces)


@pytest.mark.parametrize(("size_bytes", "said"), [(3, "more than its 3"), (9, "4 of 9")])
async def test_a_stream_that_breaks_its_word_is_noticed(size_bytes: int, said: str) -> None:
    with pytest.raises(SourceChanged, match=said):
        await all_of(stream_of(b"ab", b"cd", size_bytes=size_bytes))


@given(st.lists(st.binary(max_size=5), max_size=5))
@settings(max_examples=25)
async def test_a_stream_arrives_whole_whatever_its_pieces(pieces: list[bytes]) -> None:
    assert await all_of(stream_of(*pieces)) == b"".join(pieces)


async def pieces_one() -> AsyncIterator[bytes]:
    yield b"ab"
    yield b"cd"


async def test_a_stream_that_gives_itself_again_is_refused_and_not_sent_without_its_start() -> None:
    given = pieces_one()
    stream = Stream(lambda: given, "a.pdf")
    pieces = pieces_of_stream(stream)
    assert await anext(pieces) == b"ab"
    await pieces.aclose()
    with pytest.raises(ValueError, match=r"a\.pdf can't be opened a second time.*repeatable=False"):
        await all_of(stream)


async def test_two_sources_that_give_one_stream_are_noticed() -> None:
    given = pieces_one()
    assert await all_of(Stream(lambda: given, "a.pdf")) == b"abcd"
    with pytest.raises(ValueError, match=r"b\.pdf can't be opened a second time"):
        await all_of(Stream(lambda: given, "b.pdf"), "b.pdf")


class Anew:
    """What gives an iterator of its own to each who asks."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return pieces_one()


async def test_what_begins_anew_each_time_may_be_opened_again() -> None:
    anew = Anew()
    for stream in (Stream(pieces_one, "a.pdf"), Stream(lambda: anew, "a.pdf")):
        assert await all_of(stream) == await all_of(stream) == b"abcd"


class Unreferred:
    """An iterator that can't be referred to weakly: whether it was begun can't be known."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = [b"ab"]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


async def test_an_iterator_that_cannot_be_referred_to_weakly_can_be_sent() -> None:
    assert await all_of(Stream(Unreferred, "a.pdf")) == b"ab"


async def test_streams_that_were_sent_are_not_kept() -> None:
    kept: list[weakref.ref[AsyncIterator[bytes]]] = []

    def give() -> AsyncIterator[bytes]:
        given = pieces_one()
        kept.append(weakref.ref(given))
        return given

    await all_of(Stream(give, "a.pdf"))
    gc.collect()
    assert [one() for one in kept] == [None]
