from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.wire.source import PathSource, SourceLike


async def names_of(given: BulkSources) -> list[str]:
    async with aclosing(sources_from(given)) as sources:
        return [s.name if isinstance(s, Refused) else s.filename async for s in sources]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.PDF", "a.pdf", "sub/c.jpeg", "sub/deep/d.png", "e.txt", ".hidden.pdf"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


async def test_a_folder_gives_its_documents_with_those_of_its_subfolders(folder: Path) -> None:
    assert await names_of(folder) == ["a.pdf", "b.PDF", "c.jpeg", "d.png"]
    assert await names_of(str(folder)) == ["a.pdf", "b.PDF", "c.jpeg", "d.png"]


async def test_a_file_is_taken_whatever_its_name(folder: Path) -> None:
    assert await names_of(folder / "e.txt") == ["e.txt"]


async def test_files_and_folders_can_be_mixed(folder: Path) -> None:
    assert await names_of([folder / "sub", folder / "a.pdf", "missing.pdf"]) == [
        "c.jpeg",
        "d.png",
        "a.pdf",
        "missing.pdf",
    ]


async def test_an_async_iterable_is_taken_too(folder: Path) -> None:
    async def give() -> AsyncIterator[SourceLike]:
        yield folder / "a.pdf"
        yield folder / "sub"

    assert await names_of(give()) == ["a.pdf", "c.jpeg", "d.png"]


async def test_sources_are_pulled_one_by_one() -> None:
    pulled = 0

    def give() -> Iterator[SourceLike]:
        nonlocal pulled
        while True:
            pulled += 1
            yield f"{pulled}.pdf"

    async with aclosing(sources_from(give())) as sources:
        for _ in range(3):
            await anext(sources)
        assert pulled == 3


async def test_what_is_no_source_is_refused_and_harms_no_other() -> None:
    given: list[object] = [None, b"no name", "a.pdf"]
    async with aclosing(sources_from(given)) as sources:  # type: ignore[arg-type]
        found = [source async for source in sources]
    assert [type(source) for source in found] == [Refused, Refused, PathSource]


async def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}.pdf").touch()
    (tmp_path / "z").mkdir()
    async with aclosing(sources_from(tmp_path)) as sources:
        await anext(sources)
        # The walk is not there yet; even root can't read a folder that is gone.
        (tmp_path / "z").rmdir()
        found = [source async for source in sources]
    assert len(found) == 300
    assert isinstance(found[-1], Refused)
    assert found[-1].name == str(tmp_path / "z")
    assert isinstance(found[-1].error, FileNotFoundError)


async def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    top = os.open(tmp_path, os.O_RDONLY)
    descriptor = top
    for _ in range(1200):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    (tmp_path / "d/z.pdf").touch()
    try:
        assert (await names_of(tmp_path))[-1] == "z.pdf"
    finally:
        # pytest's own clean-up walks with Python's stack.
        await anyio.run_process(["rm", "-rf", str(tmp_path / "d")])


async def test_a_link_to_itself_harms_no_other(folder: Path) -> None:
    (folder / "loop.pdf").symlink_to("loop.pdf")
    assert await names_of(folder) == ["a.pdf", "b.PDF", str(folder / "loop.pdf"), "c.jpeg", "d.png"]


async def test_a_pipe_in_a_folder_is_no_document(folder: Path) -> None:
    os.mkfifo(folder / "pipe.pdf")
    assert await names_of(folder) == ["a.pdf", "b.PDF", "c.jpeg", "d.png"]
