from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from klearstack_async import Stream
from klearstack_async.wire.source import (
    BytesSource,
    FileSource,
    PathSource,
    is_repeatable,
    source_from,
)


async def pieces() -> AsyncIterator[bytes]:
    yield b"x"


def test_a_path_keeps_its_name_unless_another_is_given() -> None:
    assert source_from("a/b.pdf") == PathSource(Path("a/b.pdf"), "b.pdf")
    assert source_from(Path("b.pdf"), "c.pdf") == PathSource(Path("b.pdf"), "c.pdf")


@pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_bytes_need_a_name(data: bytes) -> None:
    assert source_from(data, "a.pdf") == BytesSource(b"x", "a.pdf")
    with pytest.raises(ValueError, match="filename="):
        source_from(data)


def test_an_open_file_brings_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        source = source_from(file)
        assert isinstance(source, FileSource)
        assert source.filename == "a.pdf"


def test_a_file_without_a_name_needs_one() -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(ValueError, match="filename="):
        source_from(file)
    assert source_from(io.BytesIO(b"x"), "a.pdf").filename == "a.pdf"


def test_every_kind_of_source_can_be_renamed_and_needs_a_name(tmp_path: Path) -> None:
    with io.BytesIO(b"x") as file:
        for source in (
            BytesSource(b"x", "a.pdf"),
            PathSource(tmp_path / "a.pdf", "a.pdf"),
            FileSource(file, "a.pdf"),
            Stream(pieces, "a.pdf"),
        ):
            assert source_from(source, "b.pdf").filename == "b.pdf"
            assert source_from(source) is source
    with pytest.raises(ValueError, match="has no name"):
        source_from(Stream(pieces, ""))


def test_a_stream_can_be_renamed() -> None:
    assert source_from(Stream(pieces, "a.pdf", 1), "b.pdf") == Stream(pieces, "b.pdf", 1)


def test_only_a_stream_that_says_so_cannot_be_sent_again() -> None:
    assert is_repeatable(Stream(pieces, "a.pdf"))
    assert is_repeatable(BytesSource(b"", "a.pdf"))
    assert not is_repeatable(Stream(pieces, "a.pdf", repeatable=False))


@pytest.mark.parametrize("value", [None, 5, ["a.pdf"], object()])
def test_what_is_no_source_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="a source is a path"):
        source_from(value)  # type: ignore[arg-type]


def test_what_reads_asynchronously_or_as_text_says_what_to_do(tmp_path: Path) -> None:
    class UploadFile:
        async def read(self) -> bytes:
            return b""

    with pytest.raises(TypeError, match="wrap it in a Stream"):
        source_from(UploadFile())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="open binary file"):
        source_from(io.StringIO("x"))  # type: ignore[arg-type]


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(ValueError, match="empty"):
        source_from("")


def test_a_file_that_cannot_seek_is_refused() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(ValueError, match="Stream"):
        source_from(Pipe(), "a.pdf")
