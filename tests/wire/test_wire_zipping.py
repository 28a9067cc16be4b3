from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from unicodedata import category, normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from klearstack_async.wire.zipping import (
    archive_bytes,
    data_descriptor,
    directory_entry,
    end_records,
    local_header,
    member_names,
)

LIMIT = 0xFFFFFFFF

# Few letters, so that names meet; and such as fold, compose or are refused.
letters = st.sampled_from(
    "aA\xe4\ufb00\xdf\u1e9e\u017fsK\u212a\xc5\u212b\xe9\u0130i\u0131\u03c2\u0301\u0308\u0345"
    "/\\:.. ?\0\n\u202e\ud800(2)\u6587\U0001f600"
)
filenames = st.one_of(
    st.text(letters, max_size=8),
    st.text(letters, max_size=4).map(lambda stem: f"{stem}.pdf"),
    st.text(max_size=300),
    st.text(st.characters(codec="utf-8"), min_size=60, max_size=300).map(lambda s: f"{s}.jpeg"),
    st.sampled_from(
        ["", ".", "..", "/", "CON", "nul.pdf", "com¹.x.pdf", "a.pdf", "A.PDF", "ä.pdf"]
    ),
)


@given(st.lists(filenames, max_size=30))
@example(["a.pdf", "a.pdf", "a (2).pdf", "A.pdf"])
@example(["x" * 198 + ".pdf", "x" * 199 + ".pdf"])
@example(["\u0130.pdf", "i\u0307.pdf", "\u1fb4.pdf", "\u03b1\u0345\u0301.pdf"])
def test_names_are_safe_and_unlike_each_other(given_names: list[str]) -> None:
    names = member_names(given_names)
    assert len(names) == len(given_names)
    for fold in (
        lambda name: normalize("NFC", name.casefold()),
        lambda name: normalize("NFC", name).casefold(),
        lambda name: normalize("NFD", normalize("NFD", name).casefold()),
        str.lower,
    ):
        assert len({fold(name) for name in names}) == len(names)
    for name in names:
        assert_safe(name)


def assert_safe(name: str) -> None:
    assert 0 < len(name.encode()) <= 200
    assert name == normalize("NFC", name)
    assert name == name.strip()
    assert name == PurePosixPath(name).name == PureWindowsPath(name).name
    assert ".." not in name
    assert not name.startswith(".")
    assert not name.endswith(".")
    assert not re.search(r'[<>:"/\\|?*]', name)
    assert all(category(character) not in {"Cc", "Cs"} for character in name)
    device = name.partition(".")[0].strip().upper()
    assert not re.fullmatch("CON|PRN|AUX|NUL|(COM|LPT)[0-9¹²³]", device)


@given(st.lists(st.tuples(st.text(max_size=300), st.sampled_from([".pdf", ".PNG", ".jpeg"]))))
def test_the_suffix_that_names_the_kind_is_kept(given_names: list[tuple[str, str]]) -> None:
    names = member_names(stem + suffix for stem, suffix in given_names)
    for name, (_, suffix) in zip(names, given_names, strict=True):
        assert name.endswith(suffix)
        assert name != suffix


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("請求書.pdf", "請求書.pdf"),
        ("a/b/c.pdf", "c.pdf"),
        ("C:\\scans\\c.pdf", "c.pdf"),
        ("C:c.pdf", "C_c.pdf"),
        ("/etc/passwd", "passwd"),
        ("../../up.pdf", "up.pdf"),
        ("a..pdf", "a.pdf"),
        ("..", "document"),
        ("", "document"),
        (" . ", "document"),
        (".pdf", "_.pdf"),
        (".hidden.pdf", "_.hidden.pdf"),
        ("a.pdf. .", "a.pdf"),
        ("nul", "_nul"),
        ("Com1.pdf", "_Com1.pdf"),
        ("common.pdf", "common.pdf"),
        ("12:30?.pdf", "12_30_.pdf"),
        ("line\nbreak\x7f.pdf", "line_break_.pdf"),
        ("fdp\u202efdp.exe", "fdp_fdp.exe"),
        ("bad\udcff.pdf", "bad_.pdf"),
        ("a\u0308.pdf", "ä.pdf"),
    ],
)
def test_a_name_becomes_safe(filename: str, expected: str) -> None:
    assert member_names([filename]) == (expected,)


@pytest.mark.parametrize(
    ("filenames", "expected"),
    [
        (["a.pdf"] * 3, ["a.pdf", "a (2).pdf", "a (3).pdf"]),
        (["a.pdf", "A.PDF"], ["a.pdf", "A (2).PDF"]),
        (["\u00e4.pdf", "a\u0308.pdf"], ["ä.pdf", "ä (2).pdf"]),
        (["x/a.pdf", "y/a.pdf", "a.png"], ["a.pdf", "a (2).pdf", "a.png"]),
        (["a.pdf", "a.pdf", "a (2).pdf"], ["a.pdf", "a (3).pdf", "a (2).pdf"]),
        (["scan", "scan"], ["scan", "scan (2)"]),
        (["a.tar.gz", "a.tar.gz"], ["a.tar.gz", "a.tar (2).gz"]),
    ],
)
def test_a_second_of_a_name_gets_a_number(filenames: list[str], expected: list[str]) -> None:
    assert list(member_names(filenames)) == expected


def test_long_names_are_cut_between_letters_and_stay_apart() -> None:
    first, second, third = member_names(["文" * 100 + ".pdf"] * 2 + ["x" * 300])
    assert first == "文" * 65 + ".pdf"
    assert second == "文" * 64 + " (2).pdf"
    assert third == "x" * 200


def test_what_is_too_long_for_a_suffix_is_none() -> None:
    [name] = member_names(["Re. " + "what was said about it " * 20])
    assert name.startswith("Re. what was said")
    assert len(name) <= 200


def test_a_great_many_of_one_name_are_numbered_in_no_time() -> None:
    names = member_names(["a.pdf"] * 20_000)
    assert names[-1] == "a (20000).pdf"


Member = tuple[str, int, bool]
sizes = st.one_of(st.integers(1, 100), st.integers(LIMIT - 2, LIMIT + 2), st.integers(0, 1 << 45))
members = st.tuples(st.sampled_from(["a.pdf", "文.pdf", "x" * 200]), sizes, st.booleans())


def laid_out(archive: list[Member]) -> tuple[list[int], bytes, int]:
    """Give where the members start, the directory with the end records, and the whole length."""
    starts, offset, directory = [], 0, bytearray()
    for name, size, described in archive:
        starts.append(offset)
        directory += directory_entry(name, size, 7, offset, described=described)
        offset += len(local_header(name, size, None if described else 7)) + size
        offset += len(data_descriptor(size, 7)) if described else 0
    end = bytes(directory) + end_records(len(archive), offset, len(directory))
    return starts, end, offset + len(end)


@given(st.lists(members, max_size=6))
def test_the_length_is_known_beforehand(archive: list[Member]) -> None:
    assert archive_bytes(archive) == laid_out(archive)[-1]


@pytest.mark.parametrize("count", [65_534, 65_535, 65_536])
def test_the_length_is_known_beforehand_of_very_many(count: int) -> None:
    archive = [("a", 1, False)] * count
    _, end, total = laid_out(archive)
    assert archive_bytes(archive) == total
    # All ones mean "see the zip64 record", so that they can't be the number itself.
    assert (b"PK\x06\x06" in end) == (count >= 65_535)


@given(st.lists(members, min_size=1, max_size=6))
def test_the_directory_reads_as_it_was_written(archive: list[Member]) -> None:
    starts, end, total = laid_out(archive)
    with zipfile.ZipFile(Hollow(total, end)) as opened:
        infos = opened.infolist()
    assert [info.header_offset for info in infos] == starts
    for (name, size, described), info in zip(archive, infos, strict=True):
        assert info.orig_filename == name
        assert (info.file_size, info.compress_size, info.CRC) == (size, size, 7)
        assert bool(info.flag_bits & 8) == described
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert info.external_attr >> 16 == 0o100644


class Hollow(io.RawIOBase):
    """An archive of which only the end is there; the rest reads as zeros."""

    def __init__(self, size: int, tail: bytes) -> None:
        self.size, self.tail, self.place = size, tail, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = offset + (0, self.place, self.size)[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def read(self, count: int = -1) -> bytes:
        left = self.size - self.place
        count = left if count < 0 else min(count, left)
        start = self.place - (self.size - len(self.tail))
        self.place += count
        return bytes(max(0, min(count, -start))) + self.tail[max(0, start) : max(0, start + count)]


@pytest.mark.parametrize("size", [1, LIMIT - 1, LIMIT, LIMIT + 1])
def test_zip64_is_used_where_it_is_needed_and_only_there(size: int) -> None:
    large = size >= LIMIT
    head = local_header("a.pdf", size, 7)
    version, plain_size, extra_bytes = struct.unpack_from("<4xH12xL6xH", head)
    assert version == (45 if large else 20)
    assert plain_size == (LIMIT if large else size)
    assert extra_bytes == len(head) - 35
    assert head[35:] == (struct.pack("<HHQQ", 1, 16, size, size) if large else b"")
    assert len(data_descriptor(size, 7)) == (24 if large else 16)
    entry = directory_entry("a.pdf", 1, 7, size, described=False)
    assert entry[51:] == (struct.pack("<HHQ", 1, 8, size) if large else b"")
    assert end_records(1, size, 1).startswith(b"PK\x06\x06" if large else b"PK\x05\x06")


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.booleans())
def test_headers_and_bytes_make_a_zip(contents: list[bytes], described: bool) -> None:
    names = member_names(["ü.pdf"] * len(contents))
    data, directory = b"", b""
    for name, content in zip(names, contents, strict=True):
        crc = zlib.crc32(content)
        directory += directory_entry(name, len(content), crc, len(data), described=described)
        data += local_header(name, len(content), None if described else crc) + content
        data += data_descriptor(len(content), crc) if described else b""
    data += directory + end_records(len(contents), len(data), len(directory))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(names)
        assert [archive.read(name) for name in names] == contents
    parts = [(name, len(content), described) for name, content in zip(names, contents, strict=True)]
    assert archive_bytes(parts) == len(data)
