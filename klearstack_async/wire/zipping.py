"""The names and the headers of a zip whose members are stored as they are. No I/O.

What stands around the members' bytes depends on names, sizes and places only, so the length of
the whole is known before the first byte is read. A field of a header that can't hold its value
holds all ones instead, and a zip64 record holds the value; all ones can't stand for itself, so
that it needs the record, too. Nothing else gets one: some readers refuse what they needn't.

Source: PKWARE's APPNOTE 6.3.10; "4.3.7" and the like name its sections.
"""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Iterable
from unicodedata import normalize

__all__ = [
    "archive_bytes",
    "caseless",
    "data_descriptor",
    "directory_entry",
    "end_records",
    "fitted_name",
    "local_header",
    "member_names",
    "name_parts",
]

_LONGEST_NAME_BYTES = 200
# Longer than any suffix that names a kind; what is longer is a sentence with a dot in it.
_LONGEST_SUFFIX_BYTES = 32
_NAMELESS = "document"

_SEPARATORS = re.compile(r"[/\\]")
# What Windows refuses; control characters, those that turn the direction of writing (they make
# "exe.pdf" of "fdp.exe"), and the halves of characters in a name that is no valid text.
_REFUSED = re.compile(
    r'[<>:"|?*\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]',
)
# Legal in a name, but many a reader takes the sight of it for a climb out of the folder.
_DOTS = re.compile(r"\.{2,}")
# What a name doesn't end with; all at once, or a space behind a dot would leave the next time.
_ENDS = "." + "".join(filter(str.isspace, map(chr, range(0x3001))))
# Names of devices on Windows, with any suffix. It takes the raised digits for digits, too.
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
    | {f"{device}{digit}" for device in ("COM", "LPT") for digit in "0123456789¹²³"}
)

_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR_64 = struct.Struct("<4sL2Q")
# A zip64 extra field's own head, and each value in it (4.5.3).
_EXTRA_BYTES, _VALUE_BYTES = 4, 8

_ONES_16, _ONES_32 = 0xFFFF, 0xFFFFFFFF
_PLAIN_VERSION, _ZIP64_VERSION = 20, 45
_MADE_ON_UNIX = 3 << 8
_STORED = 0
_DESCRIBED, _UTF_8 = 1 << 3, 1 << 11
# The first instant that a zip can tell: the same documents give the same bytes at any time.
_TIME, _DATE = 0, 1 << 5 | 1
_ATTRIBUTES = (stat.S_IFREG | 0o644) << 16


def member_names(filenames: Iterable[str]) -> tuple[str, ...]:
    """Give each file a name that is safe in a zip, and unlike any other in it.

    Folders are left out; characters that some system refuses become `_`. What would be hidden, or
    a device on Windows, gets a `_` in front, since readers pass such members over. A name that
    was given already, also one that differs in case or in how its accents are written, gets
    ` (2)`, ` (3)` and so on before its suffix; a file that is called so itself keeps its name.

    Returns:
        The names in the order of the files: never empty, at most 200 bytes of UTF-8, in NFC.
    """
    safe = [_safe(filename) for filename in filenames]
    keys = [caseless(name) for name in safe]
    taken, seen, numbers = set(keys), set[str](), dict[str, int]()
    names = []
    for name, key in zip(safe, keys, strict=True):
        if key not in seen:
            seen.add(key)
            names.append(name)
            continue
        stem, suffix = name_parts(name)
        number = numbers.get(key, 1)
        # Its own key is taken, so that the first candidate is number 2.
        candidate = name
        while caseless(candidate) in taken:
            number += 1
            candidate = fitted_name(stem, f" ({number}){suffix}")
        numbers[key] = number
        taken.add(caseless(candidate))
        names.append(candidate)
    return tuple(names)


def _safe(filename: str) -> str:
    parts = _SEPARATORS.split(normalize("NFC", filename))
    last = next((part for part in reversed(parts) if part.strip(_ENDS)), "")
    # Windows drops dots and spaces at the end, which would make two names one.
    name = _DOTS.sub(".", _REFUSED.sub("_", last)).lstrip().rstrip(_ENDS)
    if not name:
        return _NAMELESS
    if name[0] == "." or name.partition(".")[0].rstrip().upper() in _DEVICES:
        name = f"_{name}"
    stem, suffix = name_parts(name)
    return fitted_name(stem, suffix)


def name_parts(name: str) -> tuple[str, str]:
    """Split a safe name into its stem and its suffix with the dot; the suffix may be empty."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) >= _LONGEST_SUFFIX_BYTES:
        return name, ""
    return stem, dot + suffix


def fitted_name(stem: str, tail: str) -> str:
    """Cut a stem, so that it makes with its tail a name of at most 200 bytes of UTF-8."""
    room, encoded = _LONGEST_NAME_BYTES - len(tail.encode()), stem.encode()
    if len(encoded) > room:
        stem = encoded[:room].decode(errors="ignore").rstrip(_ENDS)
    return stem + tail


def caseless(name: str) -> str:
    """Give what two names share if some file system takes them for one."""
    # Unicode's canonical caseless matching (3.13, D145): folding looks at single letters, so that
    # accents have to be apart from them before, and in their order after.
    return normalize("NFD", normalize("NFD", name).casefold())


def archive_bytes(members: Iterable[tuple[str, int, bool]]) -> int:
    """Say how long an archive will be.

    Args:
        members: Of each its name, its size in bytes, and whether a data descriptor follows it.

    Returns:
        The size in bytes, exactly.
    """
    count = offset = directory = 0
    for name, size, described in members:
        name_bytes = len(name.encode())
        directory += _ENTRY.size + name_bytes + _extra_bytes(_zip64_values(size, offset))
        offset += _LOCAL.size + name_bytes + _extra_bytes(_zip64_values(size, 0)) + size
        if described:
            offset += (_DESCRIPTOR_64 if size >= _ONES_32 else _DESCRIPTOR).size
        count += 1
    return offset + directory + len(end_records(count, offset, directory))


def local_header(name: str, size_bytes: int | None, crc: int | None) -> bytes:
    """Encode what stands before a member's bytes (4.3.7).

    Args:
        name: One of `member_names`.
        size_bytes: How long the member is, or None if nobody knows before its end.
        crc: Its CRC-32, or None if a data descriptor will follow the member with it. By the
            letter of 4.4.4 the size were 0 then, too; but given, it lets readers that can't seek
            find the member's end.
    """
    encoded, size = name.encode(), size_bytes or 0
    extra = _zip64_extra(_zip64_values(size, 0))
    return b"".join(
        (
            _LOCAL.pack(
                b"PK\x03\x04",
                _ZIP64_VERSION if extra else _PLAIN_VERSION,
                _UTF_8 | (_DESCRIBED if crc is None else 0),
                _STORED,
                _TIME,
                _DATE,
                crc or 0,
                min(size, _ONES_32),
                min(size, _ONES_32),
                len(encoded),
                len(extra),
            ),
            encoded,
            extra,
        )
    )


def data_descriptor(size_bytes: int, crc: int) -> bytes:
    """Encode what follows a member whose local header came without its CRC (4.3.9)."""
    layout = _DESCRIPTOR_64 if size_bytes >= _ONES_32 else _DESCRIPTOR
    return layout.pack(b"PK\x07\x08", crc, size_bytes, size_bytes)


def directory_entry(name: str, size_bytes: int, crc: int, offset: int, *, described: bool) -> bytes:
    """Encode a member's entry in the central directory (4.3.12).

    Args:
        name: The member's name, as in its local header.
        size_bytes: Its length.
        crc: Its CRC-32.
        offset: Where its local header starts, in bytes from the archive's start.
        described: Whether a data descriptor follows it.
    """
    encoded = name.encode()
    extra = _zip64_extra(_zip64_values(size_bytes, offset))
    version = _ZIP64_VERSION if extra else _PLAIN_VERSION
    fixed = _ENTRY.pack(
        b"PK\x01\x02",
        _MADE_ON_UNIX | version,
        version,
        _UTF_8 | (_DESCRIBED if described else 0),
        _STORED,
        _TIME,
        _DATE,
        crc,
        min(size_bytes, _ONES_32),
        min(size_bytes, _ONES_32),
        len(encoded),
        len(extra),
        0,  # of a comment
        0,  # the disk's number
        0,  # not known to be text
        _ATTRIBUTES,
        min(offset, _ONES_32),
    )
    return fixed + encoded + extra


def end_records(count: int, directory_offset: int, directory_bytes: int) -> bytes:
    """Encode what stands at an archive's end (4.3.14 to 4.3.16).

    Args:
        count: How many members there are.
        directory_offset: Where the central directory starts, in bytes from the archive's start.
        directory_bytes: The length of all its entries.
    """
    members = min(count, _ONES_16)
    end = _END.pack(
        b"PK\x05\x06",
        0,
        0,
        members,
        members,
        min(directory_bytes, _ONES_32),
        min(directory_offset, _ONES_32),
        0,
    )
    if count < _ONES_16 and max(directory_offset, directory_bytes) < _ONES_32:
        return end
    # Its size is told without its mark and without this number itself.
    large = _END_64.pack(
        b"PK\x06\x06",
        _END_64.size - 12,
        _MADE_ON_UNIX | _ZIP64_VERSION,
        _ZIP64_VERSION,
        0,
        0,
        count,
        count,
        directory_bytes,
        directory_offset,
    )
    locator = _LOCATOR_64.pack(b"PK\x06\x07", 0, directory_offset + directory_bytes, 1)
    return large + locator + end


def _zip64_values(size_bytes: int, offset: int) -> tuple[int, ...]:
    """Give those values that the plain fields can't hold, in the order of 4.5.3."""
    # Stored members have one size for both fields of it.
    sizes = (size_bytes, size_bytes) if size_bytes >= _ONES_32 else ()
    return (*sizes, offset) if offset >= _ONES_32 else sizes


def _zip64_extra(values: tuple[int, ...]) -> bytes:
    if not values:
        return b""
    return struct.pack(f"<2H{len(values)}Q", 1, _VALUE_BYTES * len(values), *values)


def _extra_bytes(values: tuple[int, ...]) -> int:
    return _EXTRA_BYTES + _VALUE_BYTES * len(values) if values else 0
