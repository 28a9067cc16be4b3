from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from conftest import until

from klearstack_async import SourceChanged
from klearstack_async.transport.files import PIECE_BYTES
from klearstack_async.transport.fingerprint import Fingerprint, fingerprint, stamp_of
from klearstack_async.wire.source import BytesSource, FileSource, PathSource

LARGE = os.urandom(2 * PIECE_BYTES + 17)
PIECES_PER_STEP = 16
VAST_PIECES = 41
VAST_BYTES = 40 * PIECE_BYTES + 5


def on_disk(folder: Path, data: bytes) -> PathSource:
    path = folder / "a.pdf"
    path.write_bytes(data)
    return PathSource(path, "a.pdf")


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, PIECE_BYTES, PIECE_BYTES + 1, len(LARGE)])
async def test_every_kind_of_source_gives_its_fingerprint(size: int, tmp_path: Path) -> None:
    data = LARGE[:size]
    path = on_disk(tmp_path, data)
    expected = Fingerprint(
        size_bytes=size,
        sha256=hashlib.sha256(data).hexdigest(),
        modified_ns=None,
        head=data[:1024],
        whole=data if size <= PIECE_BYTES else None,
    )
    assert await fingerprint(BytesSource(data, "a.pdf")) == expected
    assert await fingerprint(FileSource(io.BytesIO(data), "a.pdf")) == expected
    found = await fingerprint(path)
    assert found.modified_ns == path.path.stat().st_mtime_ns
    assert (found.size_bytes, found.modified_ns) == await stamp_of(path.path)
    assert Fingerprint(found.size_bytes, found.sha256, None, found.head, found.whole) == expected


async def test_what_takes_several_steps_is_hashed_whole(tmp_path: Path) -> None:
    source = on_disk(tmp_path, b"%PDF-")
    os.truncate(source.path, VAST_BYTES)
    found = await fingerprint(source)
    assert found.sha256 == hashlib.sha256(b"%PDF-".ljust(VAST_BYTES, b"\0")).hexdigest()
    assert found.size_bytes == VAST_BYTES
    assert found.head == b"%PDF-".ljust(1024, b"\0")
    assert found.whole is None


async def test_an_open_file_is_read_from_where_it_stands_and_stays_there() -> None:
    for data in (LARGE, LARGE[:2000]):
        file = io.BytesIO(data)
        file.seek(5)
        found = await fingerprint(FileSource(file, "a.pdf"))
        assert found.sha256 == hashlib.sha256(data[5:]).hexdigest()
        assert found.head == data[5:1029]
        assert file.tell() == 5


class Hesitant(io.BytesIO):
    """A file that gives less than it is asked for, as raw files may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size is not None and size >= 0 else 100_000, 100_000))


async def test_a_file_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    found = await fingerprint(FileSource(Hesitant(LARGE), "a.pdf"))
    assert found.sha256 == hashlib.sha256(LARGE).hexdigest()


@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
async def test_an_empty_source_is_refused(kind: str, tmp_path: Path) -> None:
    source = {
        "path": on_disk(tmp_path, b""),
        "bytes": BytesSource(b"", "a.pdf"),
        "file": FileSource(io.BytesIO(), "a.pdf"),
    }[kind]
    with pytest.raises(ValueError, match=r"a\.pdf is empty"):
        await fingerprint(source)  # type: ignore[arg-type]


async def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(FileNotFoundError):
        await fingerprint(PathSource(tmp_path / "none.pdf", "none.pdf"))
    with pytest.raises(IsADirectoryError):
        await fingerprint(PathSource(tmp_path, "folder"))
    with pytest.raises(ValueError, match="not a regular file"):
        await fingerprint(PathSource(tmp_path / "pipe.pdf", "pipe.pdf"))


class Changing(io.BytesIO):
    """A file that changes once it was read up to some place."""

    def __init__(self, data: bytes, *, to_bytes: int) -> None:
        super().__init__(data)
        self.to_bytes, self.was_read = to_bytes, False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if data and not self.was_read:
            self.was_read = True
            place = self.tell()
            self.truncate(min(self.to_bytes, len(self.getvalue())))
            self.seek(0, io.SEEK_END)
            self.write(bytes(self.to_bytes - len(self.getvalue())))
            self.seek(place)
        return data


@pytest.mark.parametrize("change", [-1, 1])
async def test_an_open_file_of_another_length_than_before_is_noticed(change: int) -> None:
    how = "longer" if change > 0 else "shorter"
    file = Changing(LARGE, to_bytes=len(LARGE) + change)
    with pytest.raises(SourceChanged, match=rf"a\.pdf became {how}"):
        await fingerprint(FileSource(file, "a.pdf"))


class Watched(type(Path())):  # type: ignore[misc]  # of the system's own kind
    """A path that calls back just before it is opened, each time with a number from 1."""

    before_opening: Callable[[int], object]
    times_opened = 0

    def open(self, *args: Any, **options: Any) -> Any:
        self.times_opened += 1
        self.before_opening(self.times_opened)
        return super().open(*args, **options)


def watched(source: PathSource, before_opening: Callable[[int], object]) -> PathSource:
    path = Watched(source.path)
    path.before_opening = before_opening
    return PathSource(path, source.filename)


def _replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.touch()
    os.truncate(other, VAST_BYTES)
    other.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "shorter": lambda path: os.truncate(path, VAST_BYTES - 1),
    "longer": lambda path: os.truncate(path, VAST_BYTES + 1),
    "replaced": _replace,
    "touched": lambda path: os.utime(path, ns=(1, 1)),
}
# Once for its size, once for each piece, once for what may be behind its end.
OPENED_TIMES = 1 + VAST_PIECES + 1


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("at", [2, 10, OPENED_TIMES])
async def test_a_file_that_changes_while_it_is_read_is_noticed(
    change: str, at: int, tmp_path: Path
) -> None:
    source = on_disk(tmp_path, b"x")
    os.truncate(source.path, VAST_BYTES)

    def change_it(times: int) -> None:
        if times == at:
            CHANGES[change](source.path)

    with pytest.raises(SourceChanged, match=r"a\.pdf changed"):
        await fingerprint(watched(source, change_it))


async def test_a_file_is_opened_for_its_pieces_and_read_once(tmp_path: Path) -> None:
    opened: list[int] = []
    source = on_disk(tmp_path, bytes(VAST_BYTES))
    await fingerprint(watched(source, opened.append))
    assert len(opened) == OPENED_TIMES


@pytest.mark.parametrize("cancelled_at", [1, 2, 3, 20, OPENED_TIMES])
async def test_cancelled_at_any_step_it_ends_and_leaves_no_file(
    cancelled_at: int, tmp_path: Path
) -> None:
    before = open_files(tmp_path)
    reached, last = asyncio.Event(), 0
    loop = asyncio.get_running_loop()

    def note(times: int) -> None:
        nonlocal last
        last = times
        if times == cancelled_at:
            loop.call_soon_threadsafe(reached.set)
            # The loop comes before the step ends.
            cancelled.wait(10)

    cancelled = threading.Event()
    source = watched(on_disk(tmp_path, bytes(VAST_BYTES)), note)
    task = asyncio.create_task(fingerprint(source))
    await reached.wait()
    task.cancel()
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    # What a thread has begun, it ends by itself: at most one step.
    await until(lambda: open_files(tmp_path) == before)
    assert last - cancelled_at <= PIECES_PER_STEP


async def test_a_file_that_hangs_does_not_hold_up_another(tmp_path: Path) -> None:
    goes_on = threading.Event()
    hanging = watched(on_disk(tmp_path, b"slow"), lambda _: goes_on.wait(10))
    slow = asyncio.create_task(fingerprint(hanging))
    assert (await fingerprint(BytesSource(b"quick", "b.pdf"))).whole == b"quick"
    goes_on.set()
    assert (await slow).whole == b"slow"


async def test_no_file_is_open_between_the_steps(tmp_path: Path) -> None:
    before = open_files(tmp_path)
    source = on_disk(tmp_path, bytes(VAST_BYTES))
    done = False

    async def look() -> None:
        while not done:
            # In the loop, so that it is between two steps, or within one with one file open.
            assert len(open_files(tmp_path)) <= len(before) + 1
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await fingerprint(source)
    done = True
    await looking
    assert open_files(tmp_path) == before


def open_files(folder: Path) -> list[str]:
    """Give the paths of the open files of a folder: others are the business of other tests."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue  # the folder's own
        if target.is_relative_to(folder):
            found.append(str(target))
    return sorted(found)


async def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    source = on_disk(tmp_path, b"x")
    os.truncate(source.path, 128 << 20)
    tracemalloc.start()
    try:
        await fingerprint(source)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 3 * PIECE_BYTES


async def test_one_open_file_is_hashed_by_several_at_once() -> None:
    file = io.BytesIO(LARGE)
    found: list[str] = []

    async def hash_it() -> None:
        found.append((await fingerprint(FileSource(file, "a.pdf"))).sha256)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(hash_it)
    assert found == [hashlib.sha256(LARGE).hexdigest()] * 8


async def test_a_fingerprint_shows_no_content() -> None:
    found = await fingerprint(BytesSource(b"%PDF- confidential", "a.pdf"))
    assert "confidential" not in repr(found)


async def test_a_stamp_is_none_where_nothing_is(tmp_path: Path) -> None:
    path = on_disk(tmp_path, b"abc").path
    os.utime(path, ns=(7, 123_456_789))
    assert await stamp_of(path) == (3, 123_456_789)
    assert await stamp_of(tmp_path / "none.pdf") is None
    # A file where a folder should be.
    assert await stamp_of(path / "b.pdf") is None


async def test_a_stamp_that_cannot_be_taken_is_the_disks_own_error(tmp_path: Path) -> None:
    (tmp_path / "loop.pdf").symlink_to("loop.pdf")
    with pytest.raises(OSError, match="symbolic links"):
        await stamp_of(tmp_path / "loop.pdf")
