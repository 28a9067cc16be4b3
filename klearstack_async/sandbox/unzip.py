"""Unpacking an uploaded zip that nobody vouches for.

Nothing in its headers is believed: limits are checked on what really comes out. Knows files and
folders, but neither requests nor the database.
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from klearstack_async.sandbox.sniff import is_zip
from klearstack_async.sandbox.spool import STEP_BYTES, SpooledFile, SpooledWriter

# What zipfile and the decompressors below it raise on bytes that are not what they claim to be.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_END_RECORD = b"PK\x05\x06"
_END_LOCATOR_64 = b"PK\x06\x07"
# The end records, and the longest comment that may follow them.
_TAIL_BYTES = (1 << 16) + 98
# A directory entry's fixed part, and a generous share for its name and extra fields.
_ENTRY_BYTES = 46 + 1024


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """How much an archive may become.

    `ratio` is unpacked to packed size; it counts only beyond `ratio_free_bytes`, since small
    archives of blank pages shrink more than any bomb needs to.
    """

    members: int = 10_000
    unpacked_bytes: int = 8 << 30
    ratio: int = 200
    ratio_free_bytes: int = 32 << 20


class ArchiveError(Exception):
    """The archive is refused as a whole; the text names the member and the reason."""


def unpack(archive: Path, folder: Path, limits: ZipLimits) -> list[SpooledFile]:
    """Unpack the documents of an archive into a folder made for it. Blocking.

    Directories, ``__MACOSX`` and dotfiles are passed over. `file_name` of what comes back is the
    member's whole name; the path has nothing to do with it.

    Raises:
        ArchiveError: Not a zip, hostile, damaged, or without any file.
    """
    folder.mkdir()
    with reading_archive("The zip file"):
        check_directory_size(archive, limits)
        opened = zipfile.ZipFile(archive)
    with opened:
        members = [info for info in opened.infolist() if _is_wanted(info)]
        if not members:
            raise ArchiveError("The zip file has no documents inside.")
        if len(members) > limits.members:
            raise ArchiveError(
                f"The zip file has {len(members)} members; the limit is {limits.members}."
            )
        budget = _Budget(limits, archive.stat().st_size)
        return [
            _unpack_member(opened, info, folder / str(number), budget)
            for number, info in enumerate(members)
        ]


class _Budget:
    """Count what comes out of one archive, and stop a bomb while it goes off."""

    def __init__(self, limits: ZipLimits, archive_bytes: int) -> None:
        self._limits = limits
        self._archive_bytes = max(archive_bytes, 1)
        self._unpacked_bytes = 0

    def spend(self, count: int, name: str) -> None:
        self._unpacked_bytes += count
        if self._unpacked_bytes > self._limits.unpacked_bytes:
            raise ArchiveError(
                f"The member '{name}' makes the zip file unpack to more than the"
                f" {self._limits.unpacked_bytes} bytes allowed."
            )
        free = self._unpacked_bytes <= self._limits.ratio_free_bytes
        if not free and self._unpacked_bytes > self._limits.ratio * self._archive_bytes:
            raise ArchiveError(
                f"The member '{name}' unpacks to more than {self._limits.ratio} times the zip"
                " file's size: this looks like a zip bomb."
            )


def _unpack_member(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, budget: _Budget
) -> SpooledFile:
    name = _safe_name(info)
    writer = SpooledWriter(path, name)
    for data in _member_data(opened, info, name):
        budget.spend(len(data), name)
        writer.write([data])
    if writer.size_bytes != info.file_size:
        raise ArchiveError(
            f"The member '{name}' unpacks to {writer.size_bytes} bytes, not to the"
            f" {info.file_size} that the zip file's directory says."
        )
    if not writer.size_bytes:
        writer.write([])
    unpacked = writer.finish()
    if name.lower().endswith(".zip") and is_zip(unpacked.head):
        raise ArchiveError(f"The member '{name}' is itself a zip file: zips in zips are not taken.")
    return unpacked


def _member_data(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    with reading_archive(f"The member '{name}'"):
        member = opened.open(info)
    with member:
        while True:
            # Only reading stands in here: a full disk while writing is not the archive's fault.
            with reading_archive(f"The member '{name}'"):
                data = member.read(STEP_BYTES)
            if not data:
                return
            yield data


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    """Tell documents from what archivers add; refuse what can't be harmless.

    Raises:
        ArchiveError: An unsafe name, a link or device, or an encrypted member.
    """
    name = _safe_name(info)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"The member '{name}' is a symbolic link or device, not a file.")
    if info.is_dir():
        return False
    if info.flag_bits & 0x1:
        raise ArchiveError(f"The member '{name}' is encrypted.")
    parts = PurePosixPath(name).parts
    return not any(part == "__MACOSX" or part.startswith(".") for part in parts)


def _safe_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as a relative path with forward slashes.

    Raises:
        ArchiveError: It is absolute, or climbs out of its folder.
    """
    # zipfile has cut the name at a NUL already; the original says whether there was one.
    name = info.filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    has_drive = len(name) > 1 and name[1] == ":" and name[0].isalpha()
    if "\0" in info.orig_filename or name.startswith("/") or has_drive or ".." in parts:
        raise ArchiveError(f"The member '{info.filename}' has an unsafe name.")
    # A name flagged as UTF-8 that isn't fails before; anything else must be storable text.
    return "/".join(parts).encode("utf-8", errors="replace").decode()


def check_directory_size(archive: Path, limits: ZipLimits) -> None:
    """Refuse a directory that could not be of the members allowed, before it is loaded.

    zipfile makes an object of each entry, and reads as much as the end record says; so that
    number, true or not, bounds the memory it takes.
    """
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        claimed = _directory_bytes(file.read())
    if claimed > limits.members * _ENTRY_BYTES:
        raise ArchiveError(
            f"The zip file's directory has {claimed} bytes: far more than {limits.members}"
            " members need."
        )


def _directory_bytes(tail: bytes) -> int:
    """Read the directory's size from the end records; 0 if there are none (zipfile complains)."""
    end = tail.rfind(_END_RECORD)
    if end < 0 or len(tail) < end + 16:
        return 0
    # The large form of the record and its locator stand right before the small one.
    locator, large = end - 20, end - 76
    if large >= 0 and tail.startswith(_END_LOCATOR_64, locator):
        return int(struct.unpack_from("<Q", tail, large + 40)[0])
    return int(struct.unpack_from("<L", tail, end + 12)[0])


@contextmanager
def reading_archive(subject: str) -> Iterator[None]:
    """Turn what zipfile raises on damaged input into a sentence."""
    try:
        yield
    except _BROKEN as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise ArchiveError(f"{subject} could not be read: {reason}.") from error
