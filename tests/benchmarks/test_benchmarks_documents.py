"""What the benchmarks are made of: documents, invoices, and a service that takes its time."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, get_args
from zipfile import ZipFile

import pypdfium2
import pytest

from benchmarks.case import Setting
from benchmarks.documents import Shape, document, documents, number_in, write_answer
from benchmarks.invoices import invoice_pdf
from benchmarks.reading import Reading
from benchmarks.service import Service
from klearstack_async.wire.reply import Reply
from klearstack_async.wire.results import decode_list

SHAPES: tuple[Shape, ...] = get_args(Shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hostile", [0.0, 0.01])
def test_every_document_of_an_answer_can_be_read(
    shape: Shape, hostile: float, tmp_path: Path
) -> None:
    path, reading = tmp_path / "answer.json", Reading()
    count = write_answer(path, size_bytes=1_000_000, shape=shape, hostile=hostile)
    for each in decode_list(Reply(200, {}, path.read_bytes())):
        reading.read(each)
    reading.check(count)
    assert count == number_in(1_000_000, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_about_as_long_as_was_asked_for(shape: Shape, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    write_answer(path, size_bytes=1_000_000, shape=shape)
    assert 990_000 < path.stat().st_size < 1_010_000


def test_json_is_read_as_our_documents_are() -> None:
    reading = Reading()
    for number in range(1, 11):
        reading.read_rows(json.loads(document(number)))
    reading.check(10)
    reading = Reading()
    for number in range(1, 11):
        reading.read_object(json.loads(document(number, "keyed")))
    reading.check(10)


def test_a_document_that_is_left_out_or_read_twice_is_noticed() -> None:
    few, twice = Reading(), Reading()
    for number in (1, 2):
        few.read_rows(json.loads(document(number)))
    for number in (1, 2, 2):
        twice.read_rows(json.loads(document(number)))
    for reading in (few, twice):
        with pytest.raises(AssertionError):
            reading.check(3)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_document_in_a_hundred_is_hostile(shape: Shape) -> None:
    clean, mixed = documents(shape), documents(shape, hostile=0.01)
    pairs = zip(islice(clean, 500), islice(mixed, 500), strict=True)
    assert [number for number, (a, b) in enumerate(pairs, 1) if a != b] == [*range(100, 501, 100)]


def test_an_invoice_is_a_pdf_of_its_own_content() -> None:
    texts = []
    for number in (1, 2):
        data = invoice_pdf(number, 30_000)
        assert 28_000 < len(data) <= 30_000
        with pypdfium2.PdfDocument(data) as pdf:
            assert len(set(pdf[0].render().to_pil().convert("L").tobytes())) > 100
            texts.append(pdf[0].get_textpage().get_text_bounded())
    assert ["INV-000001" in texts[0], "INV-000002" in texts[1]] == [True, True]


class Clock:
    """Is moved by hand."""

    seconds = 100.0


@pytest.fixture
def service() -> Service:
    amounts = {"latency_seconds": 0.03, "processing_seconds": 1.0}
    return Service(Setting(amounts, "/nowhere"), lambda: Clock.seconds)


def asked(service: Service, endpoint: str, field: str, data: bytes, filename: str = "") -> Any:
    """Send a form with one field or file, and give the answer."""
    more = f'; filename="{filename}"\r\nContent-Type: x/y' if filename else ""
    head = f'--B\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'
    body = head.encode() + data + b"\r\n--B--\r\n"
    request = f"POST /access/klearstack/{endpoint} HTTP/1.1\r\n\r\n".encode()
    return json.loads(service.answer(request, body).partition(b"\r\n\r\n")[2])


def test_a_document_is_ready_after_its_time(service: Service, monkeypatch: Any) -> None:
    pdf = invoice_pdf(1, 5_000)
    batch_id = asked(service, "processdocument", "file", pdf, "a.pdf")["OCR_ref_no"]
    batch_id = batch_id.encode()
    early = asked(service, "getbatchdocuments", "batch_id", batch_id)
    assert early == {"status": "processing", "result": []}
    monkeypatch.setattr(Clock, "seconds", 101.0)
    answer = asked(service, "getbatchdocuments", "batch_id", batch_id)
    assert (answer["status"], len(answer["result"])) == ("completed", 1)
    assert ["a.pdf", "file_name"] in answer["result"][0]


def test_an_archive_gives_a_document_for_each_member(service: Service, monkeypatch: Any) -> None:
    with ZipFile(data := BytesIO(), "w") as archive:
        archive.writestr("a.pdf", b"%PDF-1")
        archive.writestr("b.pdf", b"%PDF-2")
    [batch_id] = asked(service, "uploadbatch", "file", data.getvalue(), "all.zip").values()
    monkeypatch.setattr(Clock, "seconds", 101.0)
    found = asked(service, "getbatchdocuments", "batch_id", batch_id.encode())["result"]
    names = [row[0] for rows in found for row in rows if row[1] == "file_name"]
    assert names == ["a.pdf", "b.pdf"]


def test_an_upload_without_a_document_is_refused(service: Service) -> None:
    with pytest.raises(ValueError, match="without a document"):
        asked(service, "processdocument", "file", b"no pdf", "a.pdf")
