from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import Caller, Clock, image, pdf, running, until, zip_of

from klearstack_async.sandbox import processing
from klearstack_async.sandbox.reading import read_document

BROKEN = b"%PDF-1.4 but not really"


async def batch_of(caller: Caller, **members: bytes) -> str:
    data = zip_of(*((f"{name}.pdf", data) for name, data in members.items()))
    answer = await caller.upload_zip(data)
    batch_id: str = answer.json["Function successfully executed!"]
    return batch_id


def rows_named(document: list[list[Any]], name: str) -> list[list[Any]]:
    return [row for row in document if row[1] == name]


async def test_a_batch_is_pending_until_its_time_and_then_completed() -> None:
    clock = Clock()
    async with running(_now=clock, processing_seconds=5) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        for _ in range(3):
            pending = (await caller.results(batch_id)).json
            assert pending["result"] == []
            assert pending["extraction_status"] == "processing"
        clock.advance(5)
        await caller.settled()
        done = (await caller.results(batch_id)).json
        assert len(done["result"]) == 1
        assert done["extraction_status"] == "completed"
        assert done["release_version"] == "7.8.9"


async def test_a_positional_document_begins_with_its_metadata() -> None:
    clock = Clock()
    async with running(_now=clock, processing_seconds=101) as caller:
        batch_id = (await caller.upload(pdf(), "may.pdf")).json["OCR_ref_no"]
        clock.advance(101)
        await caller.settled()
        [document] = (await caller.results(batch_id)).json["result"]
        names = [row[1] for row in document[:8]]
        assert names == [
            *("Document_id", "Is_Approved", "Is_Approved", "overall_confidence"),
            *("file_name", "document_type", "upload_time", "finished_time"),
        ]
        values = [row[0] for row in document[:8]]
        assert re.fullmatch("[0-9a-f]{24}", values[0])
        assert values[1:3] == [0, 0]
        assert 0 <= values[3] <= 1
        assert values[4:6] == ["may.pdf", "Invoices"]
        assert values[6] == "2024-05-06T07:08:09.123"
        assert values[7] >= "2024-05-06T07:09:50.123"


async def test_positional_fields_have_confidence_page_and_box() -> None:
    async with running() as caller:
        batch_id = (await caller.upload(pdf("INV-77"))).json["OCR_ref_no"]
        await caller.settled()
        [document] = (await caller.results(batch_id)).json["result"]
        [number] = rows_named(document, "Inv_Number")
        assert number[0] == "INV-77"
        assert 0 < number[2] <= 1
        assert number[3] == {"page_index": 1}
        x1, y1, x2, y2 = number[4]
        assert 0 < x1 < x2
        assert 0 < y1 < y2


async def test_positional_line_items_repeat_their_names_in_order() -> None:
    async with running() as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        await caller.settled()
        [document] = (await caller.results(batch_id)).json["result"]
        descriptions = [row[0] for row in rows_named(document, "Item_Description")]
        assert descriptions == ["Widget", "Gadget"]


async def test_a_keyed_document_is_an_object() -> None:
    async with running(batch_shape="keyed") as caller:
        batch_id = (await caller.upload(pdf("INV-77"), "may.pdf")).json["OCR_ref_no"]
        await caller.settled()
        [document] = (await caller.results(batch_id)).json["result"]
        assert re.fullmatch("[0-9a-f]{24}", document["Document_id"])
        assert document["is_approved"] == 0
        assert document["file_name"] == "may.pdf"
        assert document["document_type"] == "Invoice"
        number = document["Inv_Number"]
        assert set(number) == {"value", "confidence", "page_index", "coordinate"}
        assert number["value"] == "INV-77"
        items = [item["Item_Description"]["value"] for item in document["line_items"]]
        assert items == ["Widget", "Gadget"]


@pytest.mark.parametrize("key", ["extraction_status", "status", "extractionStatus"])
async def test_the_status_key_can_be_chosen(key: str) -> None:
    async with running(status_key=key) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        await caller.settled()
        answer = (await caller.results(batch_id)).json
        assert answer[key] == "completed"
        assert set(answer) == {"result", key, "release_version"}


async def test_without_a_status_key_only_the_documents_tell() -> None:
    async with running(status_key=None) as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        await caller.settled()
        assert set((await caller.results(batch_id)).json) == {"result", "release_version"}


@pytest.mark.parametrize("shape", ["positional", "keyed"])
async def test_one_bad_document_harms_no_other(shape: str) -> None:
    async with running(batch_shape=shape) as caller:
        batch_id = await batch_of(caller, good=pdf(), bad=BROKEN, text=b"no document")
        await caller.settled()
        answer = (await caller.results(batch_id)).json
        assert answer["extraction_status"] == "completed"
        assert "error" not in answer
        told = {}
        for document in answer["result"]:
            rows = {row[1]: row[0] for row in document} if shape == "positional" else document
            told[rows["file_name"]] = (rows.get("extraction_status"), bool(rows.get("error")))
        assert told == {
            "good.pdf": (None, False),
            "bad.pdf": ("failed", True),
            "text.pdf": ("failed", True),
        }


async def test_a_batch_of_only_bad_documents_has_failed_and_says_why() -> None:
    async with running() as caller:
        batch_id = await batch_of(caller, bad=BROKEN, text=b"no document")
        await caller.settled()
        answer = (await caller.results(batch_id)).json
        assert answer["extraction_status"] == "failed"
        assert len(answer["result"]) == 2
        assert answer["error"]
        assert {document.state for document in await caller.sandbox.documents()} == {"failed"}


async def test_a_crash_of_the_reader_fails_one_document_and_not_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(_: object) -> None:
        raise ZeroDivisionError

    async with running() as caller:
        with monkeypatch.context() as patch:
            patch.setattr(processing, "read_document", crash)
            await caller.upload(pdf("1"))
            await caller.settled()
        await caller.upload(pdf("2"))
        await caller.settled()
        states = [document.state for document in await caller.sandbox.documents()]
        assert states == ["failed", "completed"]


async def test_a_batch_can_be_ready_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    real = read_document
    begun: list[Path] = []

    def read(path: Path) -> Any:
        begun.append(path)
        if len(begun) == 2:
            assert go_on.wait(10)
        return real(path)

    monkeypatch.setattr(processing, "read_document", read)
    async with running() as caller:
        batch_id = await batch_of(caller, a=pdf("1"), b=pdf("2"))
        await until(lambda: len(begun) == 2)
        part = (await caller.results(batch_id)).json
        go_on.set()
        await caller.settled()
        assert [rows_named(document, "file_name")[0][0] for document in part["result"]] == ["a.pdf"]
        assert part["extraction_status"] == "processing"
        assert len((await caller.results(batch_id)).json["result"]) == 2


async def test_an_unknown_batch_is_a_200_with_a_text() -> None:
    async with running() as caller:
        answer = await caller.results("00000000-0000-0000-0000-000000000000")
        assert answer.status == 200
        assert answer.json == "Batch ID not found"


@pytest.mark.parametrize(
    "name", ["company_name", "username", "password", "batch_id", "document_type"]
)
async def test_a_missing_field_is_a_400_that_names_it(name: str) -> None:
    async with running() as caller:
        answer = await caller.results("x", **{name: ""})
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("name", ["approve_flag", "save_flag"])
async def test_flags_filter_the_documents_but_not_the_state(name: str) -> None:
    async with running() as caller:
        batch_id = (await caller.upload(pdf())).json["OCR_ref_no"]
        await caller.settled()
        for value, count in (("true", 0), ("false", 1), ("", 1), ("False", 1)):
            answer = (await caller.results(batch_id, **{name: value})).json
            assert len(answer["result"]) == count
            assert answer["extraction_status"] == "completed"
        assert (await caller.results(batch_id, **{name: "maybe"})).status == 400


async def test_an_image_is_a_document_without_fields_or_failure() -> None:
    async with running() as caller:
        batch_id = (await caller.upload(image("png"), "scan.png")).json["OCR_ref_no"]
        await caller.settled()
        answer = (await caller.results(batch_id)).json
        assert answer["extraction_status"] == "completed"
        assert len(answer["result"][0]) == 8


async def test_a_large_batch_of_equal_documents_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = []
    real = read_document

    def count(path: Any) -> Any:
        read.append(path)
        return real(path)

    monkeypatch.setattr(processing, "read_document", count)
    async with running() as caller:
        data = pdf()
        batch_id = await batch_of(caller, **{f"d{number}": data for number in range(1000)})
        await caller.settled()
        assert len((await caller.results(batch_id)).json["result"]) == 1000
    assert len(read) == 1
