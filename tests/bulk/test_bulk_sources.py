from __future__ import annotations

import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from klearstack_async.bulk.patterns import folder_pattern
from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.bulk.walking import walk
from klearstack_async.wire.source import PathSource, SourceLike


async def names_of(given: BulkSources, pattern: str | None = None) -> list[str]:
    async with aclosing(sources_from(given, pattern=pattern)) as sources:
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


async def test_a_long_list_is_taken_in_its_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.pdf" for number in range(600)]
    for path in paths[::3]:
        path.write_bytes(b"x")
    assert await names_of(paths) == [path.name for path in paths]
    assert await names_of((*paths,)) == [path.name for path in paths]


async def test_what_is_added_to_a_list_meanwhile_is_taken_too(tmp_path: Path) -> None:
    paths: list[SourceLike] = [tmp_path / "0.pdf", tmp_path / "1.pdf"]
    names = []
    async with aclosing(sources_from(paths)) as sources:
        async for source in sources:
            assert isinstance(source, PathSource)
            names.append(source.filename)
            if len(paths) < 5:
                paths.append(tmp_path / f"{len(paths)}.pdf")
    assert names == ["0.pdf", "1.pdf", "2.pdf", "3.pdf", "4.pdf"]


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


async def test_a_pattern_says_what_to_take_from_folders(folder: Path) -> None:
    assert await names_of(folder, pattern="*.p?f") == ["a.pdf", "b.PDF"]
    assert await names_of(folder, pattern="*.txt") == ["e.txt"]
    assert await names_of(folder, pattern="sub/*") == ["c.jpeg"]
    assert await names_of(folder, pattern="SUB/**/*.png") == ["d.png"]
    assert await names_of(folder, pattern="*.docx") == []


async def test_a_pattern_is_not_for_what_is_given_itself(folder: Path) -> None:
    given = [folder / "e.txt", folder / "sub"]
    assert await names_of(given, pattern="*.png") == ["e.txt", "d.png"]


async def test_what_is_no_pattern_is_an_error_and_no_empty_run(folder: Path) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        await names_of(folder, pattern="/*.pdf")


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.pdf", ["a.pdf", "b.PDF"]),
        ("**/*.p*", ["a.pdf", "b.PDF", "d.png"]),
        ("*/c.*", ["c.jpeg"]),
        # A name follows a link, ** doesn't.
        ("loop/*.txt", ["e.txt"]),
        ("l*p/?.txt", ["e.txt"]),
        ("[d-f].txt", ["e.txt"]),
        # The folder as if it had been given.
        ("s*", ["c.jpeg", "d.png"]),
        ("s*/", ["c.jpeg", "d.png"]),
        ("*", ["a.pdf", "b.PDF", "e.txt", "a.pdf", "b.PDF", "c.jpeg", "d.png", "c.jpeg", "d.png"]),
        ("sub/**", ["c.jpeg", "d.png"]),
    ],
)
async def test_a_glob_gives_what_it_matches_in_the_order_of_names(
    glob: str, expected: list[str], folder: Path
) -> None:
    assert await names_of(f"{folder}/{glob}") == expected
    assert await names_of([folder / glob]) == expected


async def test_a_globs_sources_can_be_opened_by_their_paths(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "sub")
    for glob, expected in (("*.jpeg", "c.jpeg"), ("../*.txt", "../e.txt")):
        async with aclosing(sources_from(glob)) as sources:
            assert [source async for source in sources] == [
                PathSource(Path(expected), Path(expected).name)
            ]


async def test_a_glob_and_a_pattern_can_meet(folder: Path) -> None:
    assert await names_of(f"{folder}/s*", pattern="*.png") == ["d.png"]
    assert await names_of(f"{folder}/*.txt", pattern="*.png") == ["e.txt"]


@pytest.mark.parametrize("glob", ["*.docx", "none/*.pdf", "**/none/*.pdf"])
async def test_a_glob_that_matches_nothing_is_told(glob: str, folder: Path) -> None:
    text = f"{folder}/{glob}"
    async with aclosing(sources_from([text, folder / "a.pdf"])) as sources:
        refused, taken = [source async for source in sources]
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, FileNotFoundError)
    assert isinstance(taken, PathSource)
    if glob != "none/*.pdf":
        assert refused.name == refused.error.filename == text
        assert "No file matches this pattern" in str(refused.error)


async def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder: Path) -> None:
    for name in ("what?.pdf", "sub*.pdf", "[12].pdf"):
        (folder / name).write_bytes(b"x")
        assert await names_of(folder / name) == [name]
    (folder / "gone*.pdf").symlink_to("nowhere.pdf")
    assert await names_of(folder / "gone*.pdf") == ["gone*.pdf"]


async def test_a_missing_file_with_a_number_in_brackets_finds_no_other(folder: Path) -> None:
    (folder / "invoice1.pdf").write_bytes(b"x")
    [missing] = [source async for source in sources_from(folder / "invoice[1].pdf")]
    assert missing == PathSource(folder / "invoice[1].pdf", "invoice[1].pdf")


async def test_a_path_source_is_meant_as_it_stands(folder: Path) -> None:
    assert await names_of(PathSource(folder / "*.pdf", "x.pdf")) == ["x.pdf"]


async def test_a_linked_document_is_taken_and_a_linked_pipe_is_not(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "c.pdf").symlink_to("e.txt")
    (folder / "d.pdf").symlink_to("pipe")
    (folder / "f.pdf").symlink_to("nowhere")
    assert await names_of(folder) == ["a.pdf", "b.PDF", "c.pdf", "f.pdf", "c.jpeg", "d.png"]


async def test_a_folder_called_like_a_document_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").mkdir()
    (tmp_path / "a.pdf" / "b.pdf").touch()
    (tmp_path / "a.pdf" / "c.txt").touch()
    assert await names_of(tmp_path) == ["b.pdf"]
    assert await names_of(tmp_path, pattern="*.pdf") == ["b.pdf"]
    assert await names_of(f"{tmp_path}/*.pdf") == ["b.pdf"]


def large_folder(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number * 7919 % count:05}.pdf").touch()


async def test_a_large_folder_is_given_in_order(tmp_path: Path) -> None:
    large_folder(tmp_path, 10_000)
    names = []
    async with aclosing(sources_from(tmp_path)) as sources:
        async for source in sources:
            assert isinstance(source, PathSource)
            names.append(source.filename)
    assert names == [f"{number:05}.pdf" for number in range(10_000)]


def test_walking_a_large_folder_holds_its_names_and_little_else(tmp_path: Path) -> None:
    # Not in a loop, where the suite's own thread takes memory, too.
    count = 10_000
    large_folder(tmp_path, count)
    wanted = folder_pattern("*.pdf")
    tracemalloc.start()
    try:
        found = sum(isinstance(step, Path) for step in walk(tmp_path, wanted))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == count
    # A name of nine letters takes 58 bytes, twice 8 more in lists; an entry would take 240.
    assert peak_bytes < 130 * count


async def test_a_walk_that_finds_nothing_can_be_cancelled(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number}").mkdir()
    with anyio.CancelScope() as scope:
        async with aclosing(sources_from(tmp_path)) as sources:
            scope.cancel()
            await anext(sources, None)
    assert scope.cancelled_caught
