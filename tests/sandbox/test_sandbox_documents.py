"""One document: its details, updates, reviews, and what QuickBooks said (endpoints 14 to 17)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import Answer, Caller, Clock, image, its_document, pdf, running, visiting

from klearstack_async.sandbox import Sandbox, StoredDocument

NOT_FOUND = {"error": "Document ID not found"}
BOX = [10, 20, 30, 40]


def asked(document: StoredDocument, **fields: Any) -> dict[str, Any]:
    return {
        "company_name": "demo",
        "collection_name": document.document_type,
        "id": document.document_id,
        **fields,
    }


async def details(caller: Caller, document: StoredDocument) -> Any:
    return (await caller.call("getdocument", asked(document))).json


async def update(caller: Caller, document: StoredDocument, data: Any, **fields: Any) -> Answer:
    text = data if isinstance(data, str) else json.dumps(data)
    return await caller.call("update_document", asked(document, data=text, **fields))


async def review(caller: Caller, document: StoredDocument, decision: str) -> Answer:
    fields = asked(document, approve_reject=decision, comment="seen")
    return await caller.call("approve_reject_doc", fields)


def change(value: Any, box: Any = BOX) -> Mapping[str, Any]:
    return {"_value": value, "_coordinates": box}


# --- 14 ------------------------------------------------------------------------------------------


async def test_a_document_is_told_with_its_fields_its_ocr_id_and_its_state() -> None:
    async with running() as caller:
        document = await caller.stored(pdf("INV-7"), "may.pdf", create_new_set="True", set_name="s")
        answer = await details(caller, document)
        assert answer["Document_id"] == document.document_id
        assert re.fullmatch("[0-9a-f]{24}", answer["ocr_id"])
        assert answer["ocr_id"] != document.document_id
        assert answer["Inv_Number"]["value"] == "INV-7"
        assert answer["file_name"] == "may.pdf"
        assert answer["batch_id"] == document.batch_id
        assert answer["set_reference_number"] == str(document.set_number)
        assert answer["extraction_status"] == "completed"
        assert (answer["is_approved"], answer["is_rejected"], answer["is_saved"]) == (0, 0, 0)
        assert answer["release_version"] == "7.8.9"


async def test_a_document_is_told_of_while_it_is_processed() -> None:
    async with running(_now=Clock(), processing_seconds=60) as caller:
        await caller.upload(pdf())
        [document] = await caller.sandbox.documents()
        answer = await details(caller, document)
        assert answer["extraction_status"] == "processing"
        assert not {"Inv_Number", "finished_time"} & set(answer)


async def test_a_failed_document_says_why() -> None:
    async with running() as caller:
        answer = await details(caller, await caller.stored(b"%PDF-1.4 broken"))
        assert answer["extraction_status"] == "failed"
        assert answer["error"]


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_every_encoding_works(encoding: str) -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        answer = await caller.call("getdocument", asked(document), encoding=encoding)
        assert answer.json["Document_id"] == document.document_id
        data = json.dumps({"doc_number_value": change("B-2")})
        answer = await caller.call("update_document", asked(document, data=data), encoding=encoding)
        assert (answer.status, answer.json["success"]) == (200, "Document updated successfully")
        assert (await details(caller, document))["Inv_Number"]["value"] == "B-2"


async def test_data_may_be_an_object_of_a_json_body() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        fields = asked(document, data={"doc_number_value": change("B-2")})
        assert (await caller.call("update_document", fields, encoding="json")).status == 200
        assert (await details(caller, document))["Inv_Number"]["value"] == "B-2"


REQUIRED = {
    "getdocument": ("company_name", "collection_name", "id"),
    "update_document": ("company_name", "collection_name", "id", "data"),
    "approve_reject_doc": (
        *("company_name", "collection_name", "id"),
        *("approve_reject", "comment"),
    ),
}
MORE = {"data": "{}", "approve_reject": "approve", "comment": "c"}
CASES = [(endpoint, name) for endpoint, names in REQUIRED.items() for name in names]


@pytest.mark.parametrize("how", ["missing", "blank", "misspelt"])
@pytest.mark.parametrize(("endpoint", "name"), CASES)
async def test_a_required_field_is_asked_for(
    endpoint: str, name: str, how: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = asked(await its_document(caller), **MORE)
        value = fields.pop(name)
        fields |= {"missing": {}, "blank": {name: " "}, "misspelt": {f"{name}s": value}}[how]
        answer = await caller.call(endpoint, fields)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("endpoint", REQUIRED)
async def test_the_company_must_be_right(endpoint: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = asked(await its_document(caller), **MORE, company_name="other")
        answer = await caller.call(endpoint, fields)
        assert (answer.status, answer.json) == (401, {"error": "Incorrect company name."})


@pytest.mark.parametrize("endpoint", [*REQUIRED, "updateqbestatus"])
@pytest.mark.parametrize("bearer", ["", "nonsense"])
async def test_a_bearer_token_is_needed(
    endpoint: str, bearer: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        assert (await caller.call(endpoint, caller.account, bearer=bearer)).status == 401


@pytest.mark.parametrize("document_id", ["0" * 24, "9" * 5000, "-1", "a\0b", "\ud800", "' OR 1--"])
@pytest.mark.parametrize("endpoint", REQUIRED)
async def test_an_unknown_id_is_a_400_that_says_so(
    endpoint: str, document_id: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        document = await its_document(caller)
        fields = asked(document, **MORE) | {
            "id": document_id,
            "data": '{"a": {"_value": 1, "_coordinates": [0, 0, 0, 0]}}',
        }
        answer = await caller.call(endpoint, fields, encoding="json")
        assert (answer.status, answer.json) == (400, NOT_FOUND)


@pytest.mark.parametrize(
    ("collection", "status"),
    [("Invoices", 200), ("Invoice", 200), ("Receipts", 400), ("invoices", 400)],
)
async def test_the_collection_must_be_the_documents_own(
    collection: str, status: int, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = asked(await its_document(caller)) | {"collection_name": collection}
        answer = await caller.call("getdocument", fields)
        assert answer.status == status
        assert status == 200 or answer.json == NOT_FOUND


# --- 15 ------------------------------------------------------------------------------------------


async def test_an_update_is_seen_in_every_later_answer() -> None:
    async with running() as caller:
        document = await caller.stored(pdf("A-1"))
        data = {"doc_number_value": change("B-2"), "doc_date_value": change("02-Oct-2022")}
        assert (await update(caller, document, data)).json == {
            "success": "Document updated successfully",
            "release_version": "7.8.9",
        }
        number = {"value": "B-2", "confidence": 1.0, "page_index": 1, "coordinate": BOX}
        assert (await details(caller, document))["Inv_Number"] == number
        for endpoint, fields in (
            ("getbatchdocuments", {"batch_id": document.batch_id, "document_type": "Invoices"}),
            ("getuserdocuments", {}),
        ):
            [rows] = (await caller.call(endpoint, caller.account | fields)).json["result"]
            found = [row for row in rows if row[1] in {"Inv_Number", "Inv_Date"}]
            assert found == [
                ["B-2", "Inv_Number", 1.0, {"page_index": 1}, BOX],
                ["02-Oct-2022", "Inv_Date", 1.0, {"page_index": 1}, BOX],
            ]


async def test_no_place_keeps_the_place_there_was() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        before = (await details(caller, document))["Inv_Number"]["coordinate"]
        nowhere = [0, 0, 0, 0]
        await update(caller, document, {"doc_number_value": change("B", nowhere)})
        assert (await details(caller, document))["Inv_Number"]["coordinate"] == before
        await update(caller, document, {"doc_number_value": change("C", BOX), "x": change("1")})
        await update(
            caller, document, {"doc_number_value": change("D", nowhere), "x": change("2", nowhere)}
        )
        answer = await details(caller, document)
        assert answer["Inv_Number"] | {"page_index": 1} == answer["Inv_Number"]
        assert (answer["Inv_Number"]["value"], answer["Inv_Number"]["coordinate"]) == ("D", BOX)
        assert (answer["x"]["value"], answer["x"]["coordinate"]) == ("2", BOX)


async def test_a_name_without_a_pair_is_kept_as_it_is() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        data = {"Inv_Total": change("9.00"), "Cost Centre #": change("K1", [0, 0, 0, 0])}
        await update(caller, document, data)
        answer = await details(caller, document)
        assert answer["Inv_Total"]["value"] == "9.00"
        assert answer["Cost Centre #"] == {
            "value": "K1",
            "confidence": 1.0,
            "page_index": 1,
            "coordinate": [0, 0, 0, 0],
        }


async def test_documents_of_equal_bytes_are_updated_apart() -> None:
    async with running() as caller:
        data = pdf("A-1")
        one, two = await caller.stored(data), await caller.stored(data)
        await update(caller, one, {"doc_number_value": change("B-2")})
        assert (await details(caller, one))["Inv_Number"]["value"] == "B-2"
        assert (await details(caller, two))["Inv_Number"]["value"] == "A-1"
        saved = [document.is_saved for document in await caller.sandbox.documents()]
        assert saved == [True, False]


async def test_an_image_gets_its_fields_from_updates() -> None:
    async with running() as caller:
        document = await caller.stored(image("png"), "scan.png")
        await update(caller, document, {"total_value": change("5.00")})
        assert (await details(caller, document))["Inv_Total"]["value"] == "5.00"


async def test_updates_at_once_are_all_kept() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        await asyncio.gather(
            *(update(caller, document, {f"f{n}": change(str(n))}) for n in range(30))
        )
        answer = await details(caller, document)
        assert [answer[f"f{n}"]["value"] for n in range(30)] == [str(n) for n in range(30)]


@pytest.mark.parametrize("value", ["", "ü\0", "\ud800", 12, 1.5, 10**400, True, None])
async def test_any_plain_value_is_taken(value: Any) -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        assert (await update(caller, document, {"x": change(value)})).status == 200
        shown = "?" if value == "\ud800" else value
        assert (await details(caller, document))["x"]["value"] == shown


DEEP = "[" * 200_000
BAD_DATA = [
    "x",
    "[]",
    "{}",
    "null",
    '"text"',
    '{"a": 1}',
    '{"a": {}}',
    '{"a": {"_value": "x"}}',
    '{"a": {"_coordinates": [0, 0, 0, 0]}}',
    '{"a": {"value": "x", "_coordinates": [0, 0, 0, 0]}}',
    '{" ": {"_value": "x", "_coordinates": [0, 0, 0, 0]}}',
    '{"a": {"_value": ["x"], "_coordinates": [0, 0, 0, 0]}}',
    '{"a": {"_value": NaN, "_coordinates": [0, 0, 0, 0]}}',
    '{"a": {"_value": 1e999, "_coordinates": [0, 0, 0, 0]}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0]}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0, "0"]}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0, true]}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0, Infinity]}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0, 1e999]}}',
    '{"a": {"_value": "x", "_coordinates": "[0, 0, 0, 0]"}}',
    '{"a": {"_value": "x", "_coordinates": [0, 0, 0, 1' + "0" * 400 + "]}}",
    '{"a": {"_value": 1' + "0" * 5000 + ', "_coordinates": [0, 0, 0, 0]}}',
    DEEP,
    '{"a": ' * 100_000,
]


@pytest.mark.parametrize("data", BAD_DATA, ids=lambda data: data[:50])
async def test_data_of_another_form_is_a_400_and_changes_nothing(
    data: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        document = await its_document(caller)
        answer = await update(caller, document, data)
        assert answer.status == 400
        assert 0 < len(answer.json["error"]) < 300
        assert await its_document(caller) == document
        assert not document.is_saved


@pytest.mark.parametrize("depth", [100, 900, 990, 2000, 100_000])
async def test_a_deep_json_body_is_a_400(depth: int, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        body = b'{"company_name": "demo", "data": ' + b"[" * depth + b"]" * depth + b"}"
        headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
        url = f"{caller.sandbox.url}/access/klearstack/update_document"
        async with caller.session.post(url, data=body, headers=headers) as response:
            assert response.status == 400


async def test_a_document_in_processing_is_neither_updated_nor_reviewed() -> None:
    async with running(_now=Clock(), processing_seconds=60) as caller:
        await caller.upload(pdf())
        [document] = await caller.sandbox.documents()
        for answer in (
            await update(caller, document, {"x": change("1")}),
            await review(caller, document, "approve"),
        ):
            assert answer.status == 400
            assert answer.json == {"error": "Document is still being processed"}


# --- 17 ------------------------------------------------------------------------------------------


async def test_a_review_is_taken_once_and_can_be_turned_round() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        for decision, word in (("approve", "approved"), ("reject", "rejected")) * 2:
            answer = await review(caller, document, decision)
            assert answer.status == 200
            assert answer.json == {
                "success": "Document updated successfully",
                "release_version": "7.8.9",
            }
            answer = await review(caller, document, decision)
            assert answer.status == 400
            assert answer.json == {"error": f"Document is already {word}"}
            told = await details(caller, document)
            assert told["is_approved"] == int(word == "approved")
            assert told["is_rejected"] == int(word == "rejected")
            assert ("approved_date" in told) == (word == "approved")
        [stored] = await caller.sandbox.documents()
        assert (stored.is_approved, stored.is_rejected) == (False, True)
        assert stored.review_comment == "seen"


@pytest.mark.parametrize("decision", ["Approve", "approved", "x" * 10_000, "\0"])
async def test_another_decision_is_a_400(decision: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await review(caller, await its_document(caller), decision)
        assert answer.status == 400
        assert "approve or reject" in answer.json["error"]
        assert len(answer.json["error"]) < 300


async def test_an_approval_is_seen_in_both_shapes() -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        await review(caller, document, "approve")
        [rows] = (await caller.call("getuserdocuments", caller.account)).json["result"]
        assert [row[0] for row in rows if row[1] == "Is_Approved"] == [1, 1]
        assert (await details(caller, document))["is_approved"] == 1


# --- 16 ------------------------------------------------------------------------------------------


def qbe(document_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "document_id": document_id,
        "QBE_status": "failed",
        "error_message": "",
        "QBE_timestamp": "14/04/2021 12:32:49",
        **fields,
    }


async def tell_qbe(caller: Caller, response: Any, **fields: str) -> Answer:
    text = response if isinstance(response, str) else json.dumps(response)
    fields = fields or {"document_type": "Invoices"}
    return await caller.call("updateqbestatus", caller.account | {"QBE_response": text} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"document_type": "Invoices"},
        {"collection_name": "Invoice"},
        {"document_type": "Invoice", "collection_name": "Invoices"},
    ],
)
async def test_a_qbe_status_is_kept(fields: dict[str, str]) -> None:
    async with running() as caller:
        document = await caller.stored(pdf())
        answer = await tell_qbe(caller, qbe(document.document_id), **fields)
        assert answer.status == 200
        assert answer.text == '"QBE status updated successfully"'
        assert (await details(caller, document))["QBE_status"] == "failed"
        await tell_qbe(caller, qbe(document.document_id, QBE_status="successful"), **fields)
        [stored] = await caller.sandbox.documents()
        assert stored.qbe_status == "successful"


@pytest.mark.parametrize("document_id", ["0" * 24, "9" * 5000, "\0", "\ud800"])
async def test_an_unknown_document_is_a_200_with_a_bare_text(
    document_id: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        await its_document(caller)
        answer = await tell_qbe(caller, qbe(document_id))
        assert answer.status == 200
        assert answer.text == '"Document ID not found"'


async def test_a_document_of_another_type_is_not_found(shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        document = await its_document(caller)
        answer = await tell_qbe(caller, qbe(document.document_id), document_type="Receipts")
        assert (answer.status, answer.json) == (200, "Document ID not found")


@pytest.mark.parametrize("name", ["company_name", "username", "password", "QBE_response"])
async def test_qbe_asks_for_its_fields(name: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await tell_qbe(caller, qbe("x"), document_type="Invoices", **{name: ""})
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


async def test_qbe_asks_for_a_document_type(shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await tell_qbe(caller, qbe("x"), document_type="", collection_name=" ")
        assert (answer.status, answer.json) == (400, {"error": "Please provide document_type."})


@pytest.mark.parametrize("name", ["document_id", "QBE_status", "error_message", "QBE_timestamp"])
async def test_every_part_of_the_qbe_response_is_needed(name: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        response = qbe((await its_document(caller)).document_id)
        del response[name]
        answer = await tell_qbe(caller, response)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize(
    "response",
    [
        "x",
        "[]",
        "NaN",
        DEEP,
        qbe("x") | {"document_id": 7},
        qbe("x", error_message={"a": 1}),
        qbe("x", QBE_status="Successful"),
        qbe("x", QBE_timestamp="2021-04-14 12:32:49"),
        qbe("x", QBE_timestamp="31/02/2021 12:32:49"),
        qbe("x", QBE_timestamp="14/04/2021 25:32:49"),
    ],
    ids=lambda response: str(response)[:60],
)
async def test_a_qbe_response_of_another_form_is_a_400(
    response: Any, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await tell_qbe(caller, response)
        assert answer.status == 400
        assert answer.json["error"]


# --- restart -------------------------------------------------------------------------------------


async def test_what_was_done_to_a_document_survives_a_restart(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        document = await caller.stored(pdf("A-1"))
        await update(caller, document, {"doc_number_value": change("B-2")})
        await review(caller, document, "approve")
        await tell_qbe(caller, qbe(document.document_id))
        before = await details(caller, document)
    async with running(folder=tmp_path) as caller:
        assert await details(caller, document) == before
        assert before["Inv_Number"]["value"] == "B-2"
        assert (await review(caller, document, "approve")).status == 400
