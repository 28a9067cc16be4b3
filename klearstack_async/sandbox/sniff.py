"""What a file is, by its first bytes. File names and declared types are not believed."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["pdf", "jpeg", "png"]

HEAD_BYTES = 1024
"""How many leading bytes `kind_of` wants: so far in may a PDF's header stand."""

ACCEPTED = "a PDF, a JPEG nor a PNG"
"""For error sentences, after "neither"."""

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def kind_of(head: bytes) -> Kind | None:
    """Tell a document's kind; None if it is nothing the service takes."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if is_zip(head):
        return None  # a zip of PDFs has a PDF's header near its start, too
    return "pdf" if b"%PDF-" in head[:HEAD_BYTES] else None


def is_zip(head: bytes) -> bool:
    """Tell whether bytes begin as a zip archive does."""
    return head.startswith(_ZIP_MAGIC)
