"""Page pictures and the text in a box (endpoints 18 and 19)."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF
from PIL import Image
from sandbox_kit import Answer, Caller, Clock, image, its_document, pdf, running, visiting

from klearstack_async.sandbox import Sandbox, SandboxUser, StoredDocument, images, processing
from klearstack_async.sandbox.reading import page_image, read_document

A4_AT_200_DPI = (1654, 2339)


def pages(*texts: str) -> bytes:
    page = FPDF()
    page.set_font("Helvetica", size=11)
    for text in texts:
        page.add_page()
        page.cell(0, 8, text)
    return bytes(page.output())


def asked(document: StoredDocument, **fields: Any) -> dict[str, Any]:
    return {
        "company_name": "demo",
        "collection_name": document.document_type,
        "id": document.document_id,
        **fields,
    }


async def picture(caller: Caller, document: StoredDocument, **fields: Any) -> Answer:
    return await caller.call("getdocumentimage", asked(document, **fields))


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
        opened.load()
        return opened.size


async def text_in(caller: Caller, document: StoredDocument, box: Any, **fields: Any) -> Answer:
    coordinates = box if isinstance(box, str) else json.dumps(box)
    asked_for = {
        "company_name": "demo",
        "collection_name": document.document_type,
        "ocr_text_id": document.ocr_id,
        "coordinates": coordinates,
    }
    return await caller.call("gettext", asked_for | fields)


# --- 19 ------------------------------------------------------------------------------------------


async def test_a_page_is_a_png_of_the_size_that_boxes_are_measured_in() -> None:
    async with running() as caller:
        answer = await picture(caller, await caller.stored(pdf()))
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert abs(size_of(answer.body)[0] - A4_AT_200_DPI[0]) <= 1
        assert abs(size_of(answer.body)[1] - A4_AT_200_DPI[1]) <= 1


async def test_pages_count_from_one_and_one_is_the_default() -> None:
    async with running() as caller:
        document = await caller.stored(pages("first", "second"))
        default = await picture(caller, document)
        first = await picture(caller, document, page_index="1")
        second = await picture(caller, document, page_index=" 2 ")
        assert default.body == first.body
        assert second.content_type == "image/png"
        assert second.body != first.body


@pytest.mark.parametrize("kind", ["png", "jpeg"])
async def test_an_image_is_its_own_picture(kind: str) -> None:
    async with running() as caller:
        answer = await picture(caller, await caller.stored(image(kind), f"a.{kind}"))
        assert size_of(answer.body) == (60, 40)


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_a_picture_comes_in_every_encoding(encoding: str) -> None:
    async with running() as caller:
        fields = asked(await caller.stored(pages("a", "b")), page_index=2)
        if encoding != "json":
            fields["page_index"] = "2"
        answer = await caller.call("getdocumentimage", fields, encoding=encoding)
        assert answer.content_type == "image/png"


@pytest.mark.parametrize("page", ["0", "3", "-1", "-0", "999999999"])
async def test_a_page_that_is_not_there_is_a_400_that_counts_the_pages(page: str) -> None:
    async with running(image_answer="url") as by_url, running() as caller:
        for each in (by_url, caller):
            document = await each.stored(pages("a", "b"))
            answer = await picture(each, document, page_index=page)
            assert answer.status == 400
            assert answer.json["error"].endswith("the document has pages 1 to 2.")


@pytest.mark.parametrize("page", ["x", "1.0", "9" * 5000, "\u0661", "1\0", "\ud800", "true"])
async def test_a_page_that_is_no_number_is_a_400(page: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = asked(await its_document(caller), page_index=page)
        answer = await caller.call("getdocumentimage", fields, encoding="json")
        assert answer.status == 400
        assert answer.json["error"].startswith("page_index must be a whole number from 1;")
        assert len(answer.json["error"]) < 300


async def test_a_document_in_processing_has_a_picture_already() -> None:
    async with running(_now=Clock(), processing_seconds=60) as caller:
        await caller.upload(pdf())
        [document] = await caller.sandbox.documents()
        assert (await picture(caller, document)).content_type == "image/png"


@pytest.mark.parametrize("data", [b"%PDF-1.4 broken", b"\x89PNG\r\n\x1a\nbroken"])
async def test_a_broken_document_has_no_picture_and_says_why(data: bytes) -> None:
    async with running() as caller:
        document = await caller.stored(data)
        for answer in (
            await picture(caller, document),
            await text_in(caller, document, [0, 0, 1, 1]),
        ):
            assert answer.status == 400
            assert "damaged" in answer.json["error"]


@pytest.mark.parametrize("endpoint", ["getdocumentimage", "gettext"])
async def test_who_asks_for_a_page_is_checked(endpoint: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        assert (await caller.call(endpoint, {"company_name": "demo"}, bearer="")).status == 401
        answer = await caller.call(endpoint, {"company_name": "other"})
        assert (answer.status, answer.json) == (401, {"error": "Incorrect company name."})


@pytest.mark.parametrize("name", ["company_name", "collection_name", "id"])
async def test_a_picture_asks_for_its_fields(name: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = asked(await its_document(caller)) | {name: ""}
        answer = await caller.call("getdocumentimage", fields)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


async def test_an_unknown_document_has_no_picture() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        for fields in ({"id": "0" * 24}, {"collection_name": "Receipts"}):
            answer = await caller.call("getdocumentimage", asked(document) | fields)
            assert (answer.status, answer.json) == (400, {"error": "Document ID not found"})


async def test_base64_holds_the_same_picture() -> None:
    async with running(image_answer="base64") as caller:
        data = pdf()
        document = await caller.stored(data)
        answer = await picture(caller, document)
        assert set(answer.json) == {"image", "content_type", "release_version"}
        assert answer.json["content_type"] == "image/png"
        size_of(base64.b64decode(answer.json["image"], validate=True))


async def test_a_url_leads_to_the_picture_for_its_own_user_only() -> None:
    ann = SandboxUser("ann", "ann-password", "Approver")
    async with running(image_answer="url", users=[ann]) as caller:
        document = await caller.stored(pages("first", "second"))
        answer = await picture(caller, document, page_index="2")
        assert set(answer.json) == {"image_url", "release_version"}
        url = answer.json["image_url"]
        assert url.startswith(f"{caller.sandbox.url}/klearstack/documentimages/")

        async def get(address: str, token: str) -> tuple[int, bytes]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with caller.session.get(address, headers=headers) as response:
                return response.status, await response.read()

        status, body = await get(url, caller.token)
        assert status == 200
        size_of(body)
        first = (await picture(caller, document)).json["image_url"]
        assert (await get(first, caller.token))[1] != body
        assert (await get(url, ""))[0] == 401
        assert (await get(url, (await caller.as_user(ann)).token))[0] == 404
        for wrong in (url[:-1], url.replace("-2-", "-1-"), f"{url}%FF", f"{url}%ED%A0%80"):
            assert (await get(wrong, caller.token))[0] == 404
        assert caller.sandbox.requests["documentimages"] == 8


async def test_a_url_survives_a_restart(tmp_path: Path) -> None:
    async with running(image_answer="url", folder=tmp_path) as caller:
        url = (await picture(caller, await caller.stored(pdf()))).json["image_url"]
        old = caller.sandbox.url
    async with running(image_answer="url", folder=tmp_path) as caller:
        headers = {"Authorization": f"Bearer {caller.token}"}
        url = url.replace(old, caller.sandbox.url)
        async with caller.session.get(url, headers=headers) as response:
            assert response.content_type == "image/png"


async def test_an_image_answer_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="image_answer"):
        async with running(image_answer="jpeg"):
            pass


async def test_documents_are_opened_by_one_thread_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside: list[str] = []
    seen: set[str] = set()

    def alone(function: Any) -> Any:
        def wrapped(*args: Any) -> Any:
            assert not inside
            inside.append(threading.current_thread().name)
            seen.update(inside)
            try:
                return function(*args)
            finally:
                inside.clear()

        return wrapped

    monkeypatch.setattr(processing, "read_document", alone(read_document))
    monkeypatch.setattr(images, "page_image", alone(page_image))
    async with running() as caller:
        document = await caller.stored(pdf())
        answers = await asyncio.gather(
            *(picture(caller, document) for _ in range(4)),
            *(caller.upload(pdf(str(number))) for number in range(4)),
        )
        await caller.settled()
        assert {answer.status for answer in answers} == {200}
    assert len(seen) == 1


# --- 18 ------------------------------------------------------------------------------------------


async def boxes(caller: Caller, document: StoredDocument) -> dict[str, list[int]]:
    answer = await caller.call("getdocument", asked(document))
    return {
        name: field["coordinate"] for name, field in answer.json.items() if isinstance(field, dict)
    }


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_a_fields_box_holds_its_text(encoding: str) -> None:
    async with running() as caller:
        document = await caller.stored(pdf("INV-77"))
        box = (await boxes(caller, document))["Inv_Number"]
        fields = {
            "company_name": "demo",
            "collection_name": "Invoices",
            "ocr_text_id": document.ocr_id,
            "coordinates": box if encoding == "json" else json.dumps(box),
        }
        answer = await caller.call("gettext", fields, encoding=encoding)
        assert answer.status == 200
        assert answer.json == {"text": "INV-77", "release_version": "7.8.9"}


async def test_a_large_box_holds_its_lines_from_top_to_bottom() -> None:
    async with running() as caller:
        document = await caller.stored(pdf("INV-77"))
        lines = (await text_in(caller, document, [0, 0, 5000, 5000])).json["text"].splitlines()
        assert lines[:3] == [
            "Acme Ltd",
            "Invoice Number: INV-77",
            "Invoice Date: 26-Jul-2025",
        ]
        assert lines[-1] == "Total 120.00"


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 0], [9, 9, 1, 1], [-5, -5, -1, -1], [1e9, 1e9, 1e9, 1e9], [0.5, 0, 1, 1]]
)
async def test_a_box_without_words_holds_no_text(box: list[float], shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await text_in(caller, await its_document(caller), box)
        assert (answer.status, answer.json["text"]) == (200, "")


async def test_a_scan_has_no_text() -> None:
    async with running() as caller:
        document = await caller.stored(image("png"), "scan.png")
        answer = await text_in(caller, document, [0, 0, 5000, 5000])
        assert (answer.status, answer.json["text"]) == (200, "")


async def test_a_box_of_a_field_is_looked_up_on_the_fields_page() -> None:
    async with running() as caller:
        document = await caller.stored(pages("first", "Invoice Number: INV-2"))
        answer = await caller.call("getdocument", asked(document))
        number = answer.json["Inv_Number"]
        assert number["page_index"] == 2
        assert (await text_in(caller, document, number["coordinate"])).json["text"] == "INV-2"
        everything = await text_in(caller, document, [0, 0, 5000, 5000])
        assert everything.json["text"] == "first"


@pytest.mark.parametrize(
    "box",
    [
        *("x", "[]", "{}", "null", "[1, 2, 3]", "[1, 2, 3, 4, 5]", '["1", "2", "3", "4"]'),
        *("[1, 2, 3, null]", "[1, 2, 3, NaN]", "[1, 2, 3, -Infinity]", "[1, 2, 3, 1e999]"),
        *("[true, 2, 3, 4]", "[" * 200_000, "1,2,3,4", f"[1, 2, 3, {'9' * 4000}]"),
    ],
    ids=lambda box: box[:30],
)
async def test_coordinates_of_another_form_are_a_400(box: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await text_in(caller, await its_document(caller), box)
        assert answer.status == 400
        assert answer.json["error"].startswith("coordinates must be ")


@pytest.mark.parametrize("name", ["company_name", "collection_name", "ocr_text_id", "coordinates"])
async def test_a_text_asks_for_its_fields(name: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await text_in(caller, await its_document(caller), [1, 2, 3, 4], **{name: " "})
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


async def test_the_documents_own_id_is_no_ocr_id() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        for fields in (
            {"ocr_text_id": document.document_id},
            {"ocr_text_id": "9" * 5000},
            {"collection_name": "Receipts"},
        ):
            answer = await text_in(caller, document, [1, 2, 3, 4], **fields)
            assert (answer.status, answer.json) == (400, {"error": "Document ID not found"})
