"""A bundle as other programs read it: the same names, and the same bytes of each member.

The small archive is read in every run, the one beyond 4 GiB by `pytest -m slow`. A program that
isn't installed is passed over, except where CI says in the environment that it has to be there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryFile
from typing import IO
from unicodedata import normalize

import anyio
import pytest

from klearstack_async.bulk.naming import name_key, remote_name
from klearstack_async.transport.archive import zipped
from klearstack_async.transport.files import PIECE_BYTES
from klearstack_async.wire.source import PathSource

MEMBERS = 1000
JOB = "7f3k2a9c"
LIMIT = 0xFFFFFFFF
# The sizes around which something is done in another way, and the largest, which fill the disk
# with nothing: one too large for a plain zip's field, behind which all starts too far in, too.
# (Not exactly as large as the field's mark for "too large": what stands behind such a member,
# Info-ZIP's unzip 6.0 takes for a bomb, since it keeps that length for the mark.)
SMALL_BYTES = (1, 2, 1000, 65_535, 65_536, 100_000, PIECE_BYTES - 1, PIECE_BYTES)
LARGE_BYTES = (PIECE_BYTES + 1, 3 * PIECE_BYTES + 17)
VAST_BYTES = (200 << 20, LIMIT + 10)

# A program's locale says how it writes names.
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}

NAMES = (
    "invoice.pdf",
    "INVOICE.PDF",
    "Invoice.pdf",
    normalize("NFC", "Rechnung März Öl.pdf"),
    normalize("NFD", "Rechnung März Öl.pdf"),
    normalize("NFC", "RECHNUNG MÄRZ ÖL.pdf"),
    "Straße.pdf",
    "STRASSE.pdf",
    "請求書・第二号.pdf",
    "发票 二〇二六年.jpeg",
    "فاتورة ضريبية.pdf",
    "חשבונית.png",
    "चालान.pdf",
    normalize("NFD", "청구서.pdf"),
    "🧾 receipt 👩🏽‍💻.png",
    "🇮🇳.jpg",
    "\U0001d518\U0001d52b\U0001d526.pdf",  # beyond the first 65,536 characters
    "Łódź, ěščřžýáíé.pdf",
    "-rf.pdf",
    "@list.pdf",
    "[draft] 100% *really* done?.pdf",
    'O\'Brien & "Sons" $HOME `x`.pdf',
    "back\\slash.pdf",
    "line\nbreak.pdf",
    "fdp\u202efdp.exe",
    "con.pdf",
    "scan",
    ".hidden.pdf",
    "two  spaces .pdf",
    "文" * 100 + ".pdf",
)


@dataclass(frozen=True)
class Member:
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Archive:
    path: Path
    members: tuple[Member, ...]


def sparse_file(path: Path, size_bytes: int, number: int) -> PathSource:
    """Make a file unlike all others, whose middle takes no room if it is large."""
    edge = Random(number).randbytes(min(size_bytes, 4096))  # noqa: S311 - the same each time
    with path.open("wb") as file:
        file.write(edge)
        if size_bytes > len(edge):
            file.seek(size_bytes - len(edge))
            file.write(edge)
            file.truncate(size_bytes)
    return PathSource(path, NAMES[number % len(NAMES)])


def size_of(number: int, vast: Sequence[int]) -> int:
    # Among the others, so that small ones follow.
    if number % 200 == 100 and number // 200 < len(vast):
        return vast[number // 200]
    if number % 50 == 7:
        return LARGE_BYTES[number // 50 % len(LARGE_BYTES)]
    if number % 10 == 3:
        return SMALL_BYTES[number // 10 % len(SMALL_BYTES)]
    return 1 + number * 37 % 5000


async def write_zip(sources: Sequence[PathSource], path: Path) -> tuple[str, ...]:
    """Write the archive as it is sent, with holes where it is empty."""
    made = await zipped(sources)
    nothing = bytes(PIECE_BYTES)
    with path.open("wb") as file:
        async for piece in made.stream.open():
            if piece == nothing:
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        assert file.tell() == made.stream.size_bytes
    return made.names


def read_member(file: IO[bytes], size_bytes: int) -> str:
    """Give the SHA-256 of the next so many bytes."""
    hashing, left = hashlib.sha256(), size_bytes
    while left and (piece := file.read(min(left, PIECE_BYTES))):
        hashing.update(piece)
        left -= len(piece)
    assert not left, f"{left} of {size_bytes} bytes are missing"
    return hashing.hexdigest()


def by_journal(filename: str, number: int) -> str:
    return remote_name(filename, JOB, number, 1)


def as_it_is(filename: str, number: int) -> str:
    return filename


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((by_journal, ()), id="small"),
        pytest.param((as_it_is, ()), id="names as they are"),
        pytest.param((by_journal, VAST_BYTES), id="beyond 4 GiB", marks=pytest.mark.slow),
    ],
)
def archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    renamed, vast = request.param
    folder = tmp_path_factory.mktemp("bundle")
    sources, contents = [], []
    for number in range(MEMBERS):
        size_bytes = size_of(number, vast)
        source = sparse_file(folder / f"{number}", size_bytes, number)
        sources.append(replace(source, filename=renamed(source.filename, number)))
        with source.path.open("rb") as file:
            contents.append((size_bytes, read_member(file, size_bytes)))
    names = anyio.run(write_zip, sources, folder / "bundle.zip")
    if renamed is by_journal:
        assert list(names) == [source.filename for source in sources]
    assert len({name_key(name) for name in names}) == MEMBERS
    members = (Member(name, *content) for name, content in zip(names, contents, strict=True))
    yield Archive(folder / "bundle.zip", tuple(members))
    shutil.rmtree(folder)


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed, and has to be in CI")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=600, check=False)
    said = done.stdout.decode(), done.stderr.decode()
    assert (done.returncode, said[1]) == (0, ""), said
    return said[0]


def read_from(*command: str | Path, read: Callable[[IO[bytes]], list[Member]]) -> list[Member]:
    """Read what a program writes; nothing may be left, nor may it complain."""
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=complaints
        ) as program,
    ):
        assert program.stdout is not None
        found = read(program.stdout)
        assert program.stdout.read(1) == b""
        program.wait()
        complaints.seek(0)
        assert (program.returncode, complaints.read()) == (0, b"")
    return found


def read_by_zipfile(archive: Archive) -> list[Member]:
    found = []
    with zipfile.ZipFile(archive.path) as opened:
        for info in opened.infolist():
            # Reading a member to its end checks its CRC.
            with opened.open(info) as file:
                sha256 = read_member(file, info.file_size)
                assert file.read(1) == b""
            found.append(Member(info.orig_filename, info.file_size, sha256))
    return found


def read_by_unzip(archive: Archive) -> list[Member]:
    program = needed("unzip")
    output_of(program, "-tqq", archive.path)
    names = output_of(program, "-Z1", archive.path).removesuffix("\n").split("\n")
    return read_from(
        program, "-p", archive.path, read=lambda file: one_by_one(file, names, archive)
    )


def read_by_7_zip(archive: Archive) -> list[Member]:
    program = next(filter(shutil.which, ("7z", "7zz", "7za")), "7z")
    program = needed(program)
    tested = output_of(program, "t", archive.path)
    assert "Everything is Ok" in tested
    assert "Warning" not in tested
    listed = output_of(program, "l", "-slt", "-ba", archive.path).splitlines()
    names = [line.removeprefix("Path = ") for line in listed if line.startswith("Path = ")]
    return read_from(
        *(program, "x", "-so", archive.path), read=lambda file: one_by_one(file, names, archive)
    )


def one_by_one(file: IO[bytes], names: Sequence[str], archive: Archive) -> list[Member]:
    """Take apart what a program writes of all members in a row."""
    sizes = [member.size_bytes for member in archive.members]
    return [
        Member(name, size, read_member(file, size)) for name, size in zip(names, sizes, strict=True)
    ]


def read_by_bsdtar(archive: Archive) -> list[Member]:
    # It makes a tar of the zip, in which each member stands with its name.
    return read_from(
        *(needed("bsdtar"), "-c", "-f", "-", "--format=pax", f"@{archive.path}"),
        read=members_of_tar,
    )


def members_of_tar(file: IO[bytes]) -> list[Member]:
    found = []
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for info in tar:
            content = tar.extractfile(info)
            assert content is not None
            found.append(Member(info.name, info.size, read_member(content, info.size)))
            # Or it would keep them all.
            tar.members = []  # type: ignore[attr-defined]  # its only way
    # Its end is filled up to a block.
    assert file.read().strip(b"\0") == b""
    return found


READERS = {
    "zipfile": read_by_zipfile,
    "unzip": read_by_unzip,
    "7-zip": read_by_7_zip,
    "bsdtar": read_by_bsdtar,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_bundle_of_a_thousand_is_read_back_equal(reader: str, archive: Archive) -> None:
    assert READERS[reader](archive) == list(archive.members)


def test_the_large_bundle_needs_zip64_in_every_place(archive: Archive) -> None:
    vast = any(member.size_bytes > LIMIT for member in archive.members)
    with zipfile.ZipFile(archive.path) as opened:
        infos = opened.infolist()
    assert (archive.path.stat().st_size > LIMIT) == vast
    assert any(info.header_offset > LIMIT for info in infos) == vast
    assert any(info.extract_version == 45 for info in infos) == vast
