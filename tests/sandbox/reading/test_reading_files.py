"""Files: whatever bytes are on the disk, the answer is a reading or one documented error."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from fpdf import FPDF
from fpdf.enums import EncryptionMethod
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from klearstack_async.sandbox.reading import (
    Reading,
    UnreadableDocument,
    page_image,
    pdf,
    read_document,
)


def invoice(*, password: str | None = None, pages: int = 1) -> bytes:
    document = FPDF()
    document.set_font("Helvetica", size=11)
    for number in range(pages):
        document.add_page()
        document.text(20, 30, f"Invoice number: INV-{number + 1:03d}")
    if password:
        document.set_encryption(
            owner_password="owner", user_password=password, encryption_method=EncryptionMethod.RC4
        )
    return bytes(document.output())


def outcome(path: Path) -> Reading | str:
    """Read and draw a file; anything but a reading or the documented error fails the test."""
    try:
        reading = read_document(path)
        page_image(path, 1)
    except UnreadableDocument as error:
        return error.reason
    return reading


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "neither"),
        (b"PK\x03\x04 a zip", "neither"),
        (b"%PDF-1.7\nnot really", "damaged"),
        (b"\x89PNG\r\n\x1a\nbroken", "damaged"),
        (b"\xff\xd8\xff\xe0broken", "damaged"),
    ],
)
def test_what_is_no_document_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    found = outcome(written(tmp_path, content))
    assert isinstance(found, str)
    assert reason in found
    assert found.endswith(".")


def test_a_password_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, invoice(password="secret"))
    assert outcome(path) == "The PDF is protected by a password."


def test_a_pdf_without_pages_is_named(tmp_path: Path) -> None:
    document = pdfium.PdfDocument.new()
    document.save(tmp_path / "none.pdf")
    document.close()
    assert outcome(tmp_path / "none.pdf") in {
        "The PDF has no pages.",
        "The file is damaged and cannot be opened as a PDF.",
    }


def test_a_file_beyond_the_limit_is_named_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MAX_FILE_BYTES", 100)
    assert outcome(written(tmp_path, invoice())) == "The file is larger than 512 MB."


def test_a_bomb_of_an_image_is_named(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    assert outcome(written(tmp_path, bomb + chunk(b"IEND", b""))) == (
        "The image has too many pixels."
    )


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_document(tmp_path / "nowhere.pdf")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK", "RGBA", "P"])
def test_an_image_gives_a_reading_without_fields(kind: str, mode: str, tmp_path: Path) -> None:
    if kind == "JPEG" and mode in {"RGBA", "P"}:
        pytest.skip("JPEG has no such pictures")
    if kind == "PNG" and mode == "CMYK":
        pytest.skip("PNG has no such pictures")
    path = tmp_path / "image"
    Image.new(mode, (80, 50)).save(path, kind)
    assert outcome(path) == Reading((), (), 1, 0.0)


def test_a_pdf_without_text_gives_a_reading_without_fields(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    Image.new("RGB", (300, 400), "white").save(path, "PDF")
    assert outcome(path) == Reading((), (), 1, 0.0)


def test_pages_beyond_the_limit_are_counted_but_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES_READ", 2)
    reading = read_document(written(tmp_path, invoice(pages=5)))
    assert reading.page_count == 5
    assert [f.value for f in reading.fields if f.name == "Inv_Number"] == ["INV-001"]


WHOLE = invoice()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(WHOLE)))
def test_a_truncated_pdf_is_read_or_named(cut: int, tmp_path: Path) -> None:
    assert outcome(written(tmp_path, WHOLE[:cut]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(WHOLE) - 8), patch=st.binary(min_size=1, max_size=8))
def test_a_pdf_with_wrong_bytes_is_read_or_named(place: int, patch: bytes, tmp_path: Path) -> None:
    assert outcome(written(tmp_path, WHOLE[:place] + patch + WHOLE[place + len(patch) :]))


HEADS = st.sampled_from([b"", b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=HEADS, body=st.binary(max_size=300))
def test_any_bytes_are_read_or_named(head: bytes, body: bytes, tmp_path: Path) -> None:
    assert outcome(written(tmp_path, head + body))


@pytest.mark.parametrize(
    "text",
    ["1" * 1000, "12 " * 400, "Invoice Total Date No. " * 50, "Foo GmbH, " * 100, "1,11" * 250],
    ids=["digits", "groups", "labels", "names", "commas"],
)
def test_a_page_made_to_keep_the_reader_busy_is_read_in_seconds(text: str, tmp_path: Path) -> None:
    document = FPDF(unit="pt", format=(3000, 3000))
    document.add_page()
    document.set_font("Helvetica", size=4)
    for row in range(10):
        document.text(5, 10 + 5 * row, text)
    path = written(tmp_path, bytes(document.output()))
    started = time.perf_counter()
    read_document(path)
    assert time.perf_counter() - started < 10


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, invoice())
    found: list[Reading | str] = []
    threads = [threading.Thread(target=lambda: found.append(outcome(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(f == found[0] for f in found)
