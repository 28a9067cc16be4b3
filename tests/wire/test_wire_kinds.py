from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
from documents import invoice_pdf, picture_png
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from klearstack_async.wire.kinds import check_kind, kind_of


def zip_of(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return held.getvalue()


def tar_of(data: bytes, kind: int) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=kind) as archive:
        info = tarfile.TarInfo("a.pdf")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def picture(kind: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(held, kind)
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (invoice_pdf(), "pdf"),
        (picture_png(), "png"),
        (picture("JPEG"), "jpeg"),
        (b"%PDF-1.7", "pdf"),
        (b"\xef\xbb\xbf%PDF-1.4\n", "pdf"),
        (b"\x1b%-12345X@PJL JOB\r\n%PDF-1.4\n", "pdf"),
        (b"<br />\n<b>Warning</b>: something\n%PDF-1.4\n", "pdf"),
        (bytes(1019) + b"%PDF-1.4", "pdf"),
        (bytes(1020) + b"%PDF-1.4", None),
        (b"\xff\xd8\xff\xe1" + b"%PDF-", "jpeg"),
        (b"\x89PNG\n", None),
        (b"", None),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(data: bytes, kind: str | None) -> None:
    assert kind_of(data) == kind


@pytest.mark.parametrize(
    "data",
    [
        zip_of(a__pdf=invoice_pdf()),
        tar_of(invoice_pdf(), tarfile.USTAR_FORMAT),
        tar_of(invoice_pdf(), tarfile.GNU_FORMAT),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + invoice_pdf(),
    ],
    ids=["zip", "tar", "old tar", "message"],
)
def test_what_a_pdf_is_packed_in_is_no_pdf(data: bytes) -> None:
    assert b"%PDF-" in data[:1024]
    assert kind_of(data) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zip_of(a__pdf=invoice_pdf()), r"a zip: send it with ks\.uploads\.archive"),
        (zip_of(), "a zip"),
        (zip_of(**{"[Content_Types]__xml": b"x", "word/document__xml": b"x"}), "office file: save"),
        (zip_of(mimetype=b"application/vnd.oasis.opendocument.text"), "office file"),
        (tar_of(b"x", tarfile.USTAR_FORMAT), "a packed file: unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Outlook message"),
        (rb"{\rtf1\ansi", "RTF"),
        (picture("TIFF"), "a TIFF: convert it"),
        (picture("GIF"), "a GIF"),
        (picture("BMP"), "a BMP"),
        (picture("WEBP"), "a WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\n <!DOCTYPE html><title>Sign in</title>", "a web page, perhaps an error page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Invoice/>', "XML"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"JVBERi0xLjcKJeLjz9", "a document in base64: decode it"),
        (b"data:application/pdf;base64,JVBERi0", "base64"),
        (b"Received: from mail.example.com", "an e-mail: send what is attached"),
        (b"From clerk@example.com Mon Jan  5", "an e-mail"),
        (b"\x1f\x8b\x08\0", "a packed file"),
        (bytes(3000), "nothing but zeros"),
        ("Rechnung für März, 文".encode(), "text: print it"),
        (("x" * 1023 + "ü").encode()[:1024], "text"),
        ("\ufeffRechnung".encode("utf-16-le"), "text"),
        (b"\x01\x02\x03 strange beyond", r"it begins with b'\\x01\\x02\\x03 stra'"),
        (b"\xfe\xed" * 600, "it begins with"),
    ],
)
def test_what_is_not_taken_is_called_by_its_name(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^notes\.pdf is no PDF, JPEG or PNG.*{said}"):
        check_kind(data, "notes.pdf")


@pytest.mark.parametrize("data", [invoice_pdf(), picture_png(), picture("JPEG")])
def test_what_is_taken_passes_under_any_name(data: bytes) -> None:
    check_kind(data, "notes.txt")


def test_nothing_is_called_empty() -> None:
    with pytest.raises(ValueError, match=r"^a\.pdf is empty$"):
        check_kind(b"", "a.pdf")


@given(st.binary(max_size=1100) | st.text(max_size=300).map(str.encode))
@example(b"\xff\xfe\x3d\xd8")
@example(b"\xff\xfea")
def test_whatever_the_bytes_they_pass_or_are_refused_briefly(data: bytes) -> None:
    try:
        check_kind(data, "a.pdf")
    except ValueError as error:
        assert kind_of(data) is None
        assert len(str(error)) < 200
        assert str(error).isprintable()
    else:
        assert kind_of(data) is not None
