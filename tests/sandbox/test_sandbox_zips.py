from __future__ import annotations

import hashlib
import io
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_kit import image, listed, pdf, running, zip_of

from klearstack_async.sandbox.unzip import ArchiveError, ZipLimits, unpack

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
GOOD = ("good.pdf", pdf())


def patched(data: bytes, record: bytes, offset: int, layout: str, value: int) -> bytes:
    """Overwrite a number in the last record of a kind."""
    patch = bytearray(data)
    struct.pack_into(layout, patch, patch.rindex(record) + offset, value)
    return bytes(patch)


def special(name: str, kind: int) -> bytes:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return zip_of(GOOD, (info, b"/etc/passwd"))


def encrypted() -> bytes:
    data = zip_of(GOOD, ("secret.pdf", pdf()))
    return patched(patched(data, LOCAL, 6, "<H", 1), CENTRAL, 8, "<H", 1)


def with_odd_method() -> bytes:
    data = zip_of(GOOD, ("odd.pdf", pdf()))
    return patched(patched(data, LOCAL, 8, "<H", 77), CENTRAL, 10, "<H", 77)


def with_bad_crc() -> bytes:
    return patched(zip_of(GOOD, ("hurt.pdf", pdf())), CENTRAL, 16, "<L", 1)


def claiming(size: int) -> bytes:
    data = zip_of(GOOD, ("liar.pdf", pdf() * 3), deflated=True)
    return patched(data, CENTRAL, 24, "<L", size)


# A function that makes the archive, and the words its refusal must hold.
HOSTILE: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "not a zip": (lambda: b"%PDF-1.4 hello", ("not a zip",)),
    "a cut zip": (lambda: zip_of(GOOD)[:-30], ("not a zip",)),
    "no member": (zip_of, ("no documents",)),
    "only trimmings": (
        lambda: zip_of(("d/", b""), ("__MACOSX/._a.pdf", b"x"), (".DS_Store", b"x"), ("d/.x", b"")),
        ("no documents",),
    ),
    "a climbing name": (lambda: zip_of(GOOD, ("../up.pdf", pdf())), ("../up.pdf", "unsafe name")),
    "a climb inside": (lambda: zip_of(GOOD, ("a/../../up.pdf", b"")), ("up.pdf", "unsafe name")),
    "a climb by backslash": (lambda: zip_of(GOOD, ("..\\up.pdf", b"")), ("up.pdf", "unsafe name")),
    "a climbing folder": (lambda: zip_of(GOOD, ("../up/", b"")), ("../up/", "unsafe name")),
    "an absolute name": (lambda: zip_of(GOOD, ("/up.pdf", pdf())), ("/up.pdf", "unsafe name")),
    "a drive": (lambda: zip_of(GOOD, ("C:\\up.pdf", pdf())), ("up.pdf", "unsafe name")),
    "a symbolic link": (lambda: special("link.pdf", stat.S_IFLNK), ("link.pdf", "symbolic link")),
    "a hidden link": (lambda: special(".link", stat.S_IFLNK), (".link", "symbolic link")),
    "a device": (lambda: special("null.pdf", stat.S_IFCHR), ("null.pdf", "device")),
    "an encrypted member": (encrypted, ("secret.pdf", "encrypted")),
    "an odd compression": (with_odd_method, ("odd.pdf", "could not be read")),
    "a bad checksum": (with_bad_crc, ("hurt.pdf", "CRC")),
    "a size told too small": (lambda: claiming(10), ("liar.pdf", "could not be read")),
    "a size told too large": (lambda: claiming(1 << 30), ("liar.pdf", "not to the 1073741824")),
    "a zip in the zip": (
        lambda: zip_of(GOOD, ("in.ZIP", zip_of(GOOD))),
        ("in.ZIP", "zips in zips"),
    ),
    "a bomb": (
        lambda: zip_of(GOOD, ("bomb.pdf", b"%PDF-" + bytes(40 << 20)), deflated=True),
        ("bomb.pdf", "bomb"),
    ),
    "a vast directory": (
        lambda: patched(zip_of(GOOD), END, 12, "<L", 1 << 31),
        ("directory", str(1 << 31)),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_zip_is_a_400_and_nothing_is_stored(name: str, tmp_path: Path) -> None:
    make, words = HOSTILE[name]
    async with running(folder=tmp_path) as caller:
        answer = await caller.upload_zip(make())
        assert answer.status == 400
        for word in words:
            assert word in answer.json["error"]
        assert await caller.sandbox.documents() == []
        assert listed(tmp_path / "spool") == []


async def test_members_become_documents_in_their_order() -> None:
    async with running() as caller:
        await caller.upload_zip(
            zip_of(
                ("b.pdf", pdf("1")),
                ("folder/", b""),
                ("folder/請求 ü.png", image("png")),
                ("__MACOSX/b.pdf", b"x"),
                ("./a.jpg", image("jpeg")),
                (".hidden.pdf", pdf()),
                ("win\\dir\\c.pdf", pdf("2")),
                deflated=True,
            )
        )
        names = [document.file_name for document in await caller.sandbox.documents()]
        assert names == ["b.pdf", "folder/請求 ü.png", "a.jpg", "win/dir/c.pdf"]


async def test_a_member_of_another_type_fails_alone() -> None:
    async with running() as caller:
        await caller.upload_zip(
            zip_of(GOOD, ("notes.txt", b"text"), ("void.pdf", b""), ("x.docx", zip_of(GOOD)))
        )
        await caller.settled()
        good, *others = await caller.sandbox.documents()
        assert good.state == "completed"
        for document in others:
            assert document.state == "failed"
            assert document.reason is not None
            assert document.file_name in document.reason


async def test_members_of_the_same_name_are_all_kept() -> None:
    async with running() as caller:
        with pytest.warns(UserWarning, match="Duplicate name"):
            data = zip_of(("a.pdf", pdf("1")), ("a.pdf", pdf("2")))
        await caller.upload_zip(data)
        assert len(await caller.sandbox.documents()) == 2


@pytest.mark.parametrize("deflated", [True, False])
def test_what_comes_out_is_what_went_in(tmp_path: Path, *, deflated: bool) -> None:
    big = hashlib.sha256(b"seed").digest() * 100_000
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_of(("big.bin", big), ("void", b""), deflated=deflated))
    unpacked, void = unpack(archive, tmp_path / "out", ZipLimits())
    assert unpacked.path.read_bytes() == big
    assert unpacked.size_bytes == len(big)
    assert unpacked.sha256 == hashlib.sha256(big).hexdigest()
    assert (void.path.read_bytes(), void.size_bytes) == (b"", 0)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (ZipLimits(members=2), "3 members"),
        (ZipLimits(unpacked_bytes=25_000), "'c' makes"),
        (ZipLimits(ratio=50, ratio_free_bytes=0), "bomb"),
    ],
)
def test_each_limit_holds(limits: ZipLimits, word: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_of(*((name, bytes(10_000)) for name in "abc"), deflated=True))
    with pytest.raises(ArchiveError, match=word):
        unpack(archive, tmp_path / "out", limits)


def test_a_zip64_archive_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        with archive.open("a.pdf", "w", force_zip64=True) as member:
            member.write(pdf())
        archive.comment = b"a comment after the directory"
    path = tmp_path / "a.zip"
    path.write_bytes(buffer.getvalue())
    [unpacked] = unpack(path, tmp_path / "out", ZipLimits())
    assert unpacked.path.read_bytes().startswith(b"%PDF-")


SEED = zip_of(("a.pdf", b"%PDF-" + bytes(200)), ("b/c.png", image("png")), deflated=True)


@given(
    st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(SEED)),
)
def test_a_damaged_zip_gives_members_or_the_one_error(
    changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(SEED)
    for place, value in changes:
        data[place] = value
    for attempt in (bytes(data), bytes(data[:cut]), bytes(data[cut:])):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.zip")
            path.write_bytes(attempt)
            try:
                members = unpack(path, Path(folder, "out"), ZipLimits())
            except ArchiveError as error:
                assert str(error)
            else:
                inside = Path(folder, "out").resolve()
                assert all(member.path.resolve().parent == inside for member in members)
