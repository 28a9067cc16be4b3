"""What a file is, told by its first bytes, and what to do with what the service doesn't take.

Names and declared types are not believed. Source of what is taken: the vendor's page of
processdocument ("one pdf/jpeg/png").
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["check_kind", "kind_of"]

Kind = Literal["pdf", "jpeg", "png"]

# So far from its start may a PDF's mark be (ISO 32000-1, annex H, note 13).
_HEAD_BYTES = 1024
_PDF_MARK = b"%PDF-"
_PICTURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)

# What holds files as they are, so that a PDF's mark near its start may be that of one in it.
_CONTAINERS = re.compile(
    rb"PK(?:\x03\x04|\x05\x06|\x07\x08)|Rar!\x1a\x07|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|.{257}ustar",
    re.DOTALL,
)

# Tried in this order against the first bytes. What it is, and what to do.
_STRANGERS: tuple[tuple[re.Pattern[bytes], str, str], ...] = tuple(
    (re.compile(begins_with, re.DOTALL | re.IGNORECASE), what, advice)
    for begins_with, what, advice in (
        (
            rb"PK\x03\x04.{26}.*(?:\[Content_Types\]|word/|xl/|ppt/|mimetypeapplication/vnd\.)",
            "a Word, Excel or other office file",
            "save it as a PDF",
        ),
        (
            rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
            "a zip",
            "send it with ks.uploads.archive(), or unpack it",
        ),
        (
            rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an old Word or Excel file, or an Outlook message",
            "save it, or what is attached to it, as a PDF",
        ),
        (rb"\{\\rtf", "a text in RTF", "save it as a PDF"),
        (rb"II[*+]\0|MM\0[*+]", "a TIFF", "convert it to a PDF or PNG"),
        (rb"GIF8[79]a", "a GIF", "convert it to a PNG"),
        (rb"BM.{4}\0\0\0\0", "a BMP", "convert it to a PNG"),
        (rb"RIFF.{4}WEBP", "a WebP picture", "convert it to a JPEG or PNG"),
        (
            rb"....ftyp(?:hei|hev|mif|msf|avi)",
            "a HEIC or AVIF picture, as phones take them",
            "convert it to a JPEG",
        ),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000", "convert it to a JPEG or PNG"),
        (
            rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)",
            "a web page, perhaps an error page that was saved in the document's place",
            "fetch the document again, or print the page into a PDF",
        ),
        (rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg)", "XML", "print what it shows into a PDF"),
        (rb"%!PS", "PostScript", "convert it to a PDF"),
        (
            rb"\s*(?:data:[a-z]+/[a-z]+;base64,|JVBERi0|/9j/4|iVBORw0KGgo)",
            "a document in base64",
            "decode it first",
        ),
        (
            rb"(?:(?:return-path|received|delivered-to|from|mime-version|x-[a-z-]+):|from) ",
            "an e-mail",
            "send what is attached to it",
        ),
        (
            rb"\x1f\x8b|BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|.{257}ustar",
            "a packed file",
            "unpack it",
        ),
        (
            rb"\0+\Z",
            "nothing but zeros, as after a copy or download that broke off",
            "fetch it again",
        ),
    )
)
_SHOWN_BYTES = 8


def kind_of(head: bytes) -> Kind | None:
    """Tell a document's kind by its first 1,024 bytes; None if the service doesn't take it.

    What stands before a PDF's mark is passed over, as PDF readers do.
    """
    for mark, kind in _PICTURES:
        if head.startswith(mark):
            return kind
    if _CONTAINERS.match(head):
        return None
    return "pdf" if _PDF_MARK in head[:_HEAD_BYTES] else None


def check_kind(head: bytes, name: str) -> None:
    """Refuse what the service doesn't take, before it is sent.

    Args:
        head: Its first 1,024 bytes, or all of it if it is shorter.
        name: What it is called, for the error.

    Raises:
        ValueError: It is empty, or no PDF, JPEG or PNG. Tells what it is, where that shows, and
            what to do.
    """
    if kind_of(head) is not None:
        return
    if not head:
        raise ValueError(f"{name} is empty")
    refusal = f"{name} is no PDF, JPEG or PNG"
    head = head[:_HEAD_BYTES]
    for begins_with, what, advice in _STRANGERS:
        if begins_with.match(head):
            raise ValueError(f"{refusal}, but {what}: {advice}")
    if _is_text(head):
        raise ValueError(f"{refusal}, but text: print it into a PDF")
    raise ValueError(f"{refusal}: it begins with {head[:_SHOWN_BYTES]!r}")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8")
    except UnicodeDecodeError as error:
        # The head may end within a character.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode(errors="replace")
    return all(character.isprintable() or character in "\r\n\t\f\ufeff" for character in text)
