"""The result files of a bulk run: what is appended, cut back, and left alone."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import until

from klearstack_async import JournalError
from klearstack_async.transport.appending import AppendingFile

LINE = b'{"source": "a.pdf"}\n'


async def test_each_append_is_in_the_file_when_it_returns(tmp_path: Path) -> None:
    file = AppendingFile(tmp_path / "r.jsonl")
    assert await file.open(None) == 0
    assert await file.append(LINE) == len(LINE)
    assert (tmp_path / "r.jsonl").read_bytes() == LINE
    assert await file.append(LINE) == file.position == 2 * len(LINE)
    assert (tmp_path / "r.jsonl").read_bytes() == LINE * 2
    await file.close()
    await file.close()


async def test_a_file_with_something_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"precious\n")
    file = AppendingFile(tmp_path / "r.jsonl")
    with pytest.raises(FileExistsError, match=r"r\.jsonl has something in it; choose another name"):
        await file.open(None)
    assert (tmp_path / "r.jsonl").read_bytes() == b"precious\n"


async def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()
    file = AppendingFile(tmp_path / "r.jsonl")
    assert await file.open(None) == 0
    await file.forget()
    assert (tmp_path / "r.jsonl").exists()


async def test_what_is_overwritten_stays_until_there_is_something_new(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"precious\n")
    file = AppendingFile(tmp_path / "r.jsonl", overwrite=True)
    assert await file.open(None) == 0
    assert (tmp_path / "r.jsonl").read_bytes() == b"precious\n"
    assert await file.append(LINE) == len(LINE)
    assert (tmp_path / "r.jsonl").read_bytes() == LINE
    await file.close()


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_file_is_cut_back_to_its_position_and_goes_on_there(
    overwrite: bool, tmp_path: Path
) -> None:
    (tmp_path / "r.jsonl").write_bytes(LINE * 2 + LINE[:7])
    file = AppendingFile(tmp_path / "r.jsonl", overwrite=overwrite)
    assert await file.open(len(LINE)) == len(LINE)
    assert (tmp_path / "r.jsonl").read_bytes() == LINE
    assert await file.append(b"x\n") == len(LINE) + 2
    assert (tmp_path / "r.jsonl").read_bytes() == LINE + b"x\n"
    await file.close()


@pytest.mark.parametrize("has", [None, b"", LINE])
async def test_a_file_that_has_lost_lines_is_refused_with_what_to_do(
    has: bytes | None, tmp_path: Path
) -> None:
    if has is not None:
        (tmp_path / "r.jsonl").write_bytes(has)
    file = AppendingFile(tmp_path / "r.jsonl")
    with pytest.raises(JournalError, match=r"lines are missing. Put the file back .* or begin"):
        await file.open(1_000)
    assert (tmp_path / "r.jsonl").exists() is (has is not None)


async def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no/r.jsonl"
    with pytest.raises(FileNotFoundError) as caught:
        await AppendingFile(path).open(None)
    assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError) as folder:
        await AppendingFile(tmp_path).open(None)
    assert folder.value.filename == str(tmp_path)


async def test_only_a_file_that_was_made_here_and_never_written_is_removed(tmp_path: Path) -> None:
    made = AppendingFile(tmp_path / "made")
    await made.open(None)
    assert (tmp_path / "made").exists()
    await made.forget()
    assert not (tmp_path / "made").exists()
    written = AppendingFile(tmp_path / "written")
    await written.open(None)
    await written.append(LINE)
    await written.forget()
    assert (tmp_path / "written").read_bytes() == LINE


async def test_a_link_that_led_nowhere_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    file = AppendingFile(tmp_path / "link")
    await file.open(None)
    await file.forget()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
async def test_a_full_device_is_named() -> None:
    file = AppendingFile(Path("/dev/full"))
    assert await file.open(None) == 0
    with pytest.raises(OSError, match="No space left") as caught:
        await file.append(LINE)
    assert caught.value.filename == "/dev/full"
    await file.forget()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@contextmanager
def at_most_100_bytes() -> Iterator[None]:
    """Let no file grow further: as on a full disk, of what is too long only a part is written.

    No fixture, because the limit would hold for what pytest itself writes, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_what_does_not_fit_is_taken_back_so_that_no_line_is_cut(tmp_path: Path) -> None:
    file = AppendingFile(tmp_path / "r.jsonl")
    await file.open(None)
    await file.append(LINE)
    with at_most_100_bytes(), pytest.raises(OSError, match="too large") as caught:
        await file.append(b"y" * 200)
    assert caught.value.filename == str(tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == LINE
    assert await file.append(LINE) == 2 * len(LINE)
    await file.close()
    assert (tmp_path / "r.jsonl").read_bytes() == LINE * 2


async def test_a_pipe_is_written_and_goes_on_at_any_position(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    file = AppendingFile(tmp_path / "pipe")
    assert await file.open(7) == 7
    assert await file.append(LINE) == 7 + len(LINE)
    assert os.read(reader, 100) == LINE
    await file.forget()
    assert (tmp_path / "pipe").exists()
    os.close(reader)


async def test_a_pipe_that_nobody_reads_is_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device") as caught:
        await asyncio.wait_for(AppendingFile(tmp_path / "pipe").open(None), timeout=10)
    assert caught.value.filename == str(tmp_path / "pipe")


async def test_a_cancelled_append_is_written_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    file = AppendingFile(tmp_path / "pipe")
    await file.open(None)
    # More than a pipe takes at once: the write waits for the reader, however often it is cancelled.
    data = os.urandom(1 << 20)
    appending = asyncio.create_task(file.append(data))
    read = bytearray(await first_bytes(reader))
    for _ in range(3):
        appending.cancel()
        await asyncio.sleep(0)
    assert not appending.done()

    def has_all() -> bool:
        read.extend(bytes_there(reader))
        return len(read) == len(data)

    await until(has_all)
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert bytes(read) == data
    assert file.position == len(data)
    await file.close()
    os.close(reader)


async def first_bytes(reader: int) -> bytes:
    read = b""

    def is_there() -> bool:
        nonlocal read
        read += bytes_there(reader)
        return bool(read)

    await until(is_there)
    return read


def bytes_there(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except BlockingIOError:
        return b""


async def test_an_append_needs_an_open_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="open the file first"):
        await AppendingFile(tmp_path / "a").append(LINE)
