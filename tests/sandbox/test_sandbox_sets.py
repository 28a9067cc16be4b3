"""Sets' states and names (endpoints 30 and 31), and the field mapping (32)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import Answer, Caller, Clock, pdf, running, zip_of

MAPPING = "/klearstack/updatemappingdataapi"


async def ask(caller: Caller, endpoint: str, **fields: Any) -> Answer:
    return await caller.call(endpoint, caller.account | fields)


async def test_the_state_of_every_document_of_a_set_is_told() -> None:
    clock = Clock()
    async with running(_now=clock, processing_seconds=60) as caller:
        made = await caller.upload_zip(
            zip_of(("good.pdf", pdf()), ("bad.txt", b"text")), create_new_set="True", set_name="s"
        )
        number = made.json["set_reference_number"]
        clock.advance(60)
        await caller.settled()
        await caller.upload(pdf(), "late.pdf", set_reference_number=number)
        await caller.upload(pdf(), "other.pdf")
        answer = await ask(caller, "getsetuploadstatus", set_reference_number=number)
        assert answer.status == 200
        assert set(answer.json) == {"result", "set_reference_number", "release_version"}
        good, bad, late = answer.json["result"]
        stored = await caller.sandbox.documents()
        assert good == {
            "file_name": "good.pdf",
            "Document_id": stored[0].document_id,
            "batch_id": stored[0].batch_id,
            "status": "completed",
        }
        assert (bad["file_name"], bad["status"]) == ("bad.txt", "failed")
        assert "bad.txt" in bad["error"]
        assert (late["file_name"], late["status"]) == ("late.pdf", "processing")


async def test_the_sets_are_listed_with_name_and_count(tmp_path: Path) -> None:
    expected = [
        {"set_reference_number": "10001", "set_name": "May", "document_count": 3},
        {"set_reference_number": "10002", "set_name": None, "document_count": 1},
    ]
    async with running(folder=tmp_path) as caller:
        empty = await ask(caller, "getsetreferencenumbers")
        assert empty.json == {"result": [], "release_version": "7.8.9"}
        await caller.upload(pdf(), create_new_set="True", set_name="May")
        two = zip_of(("a.pdf", pdf()), ("b.pdf", pdf()))
        await caller.upload_zip(two, set_reference_number="10001")
        await caller.upload_zip(zip_of(("a.pdf", pdf())))
        await caller.upload(pdf())
        assert (await ask(caller, "getsetreferencenumbers")).json["result"] == expected
    async with running(folder=tmp_path) as caller:
        assert (await ask(caller, "getsetreferencenumbers")).json["result"] == expected


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
@pytest.mark.parametrize("endpoint", ["getsetuploadstatus", "getsetreferencenumbers"])
async def test_every_encoding_works(endpoint: str, encoding: str) -> None:
    async with running() as caller:
        await caller.upload(pdf(), create_new_set="True", set_name="s")
        fields = caller.account | {"set_reference_number": "10001"}
        answer = await caller.call(endpoint, fields, encoding=encoding)
        assert len(answer.json["result"]) == 1


async def test_a_set_number_may_be_a_number_of_a_json_body() -> None:
    async with running() as caller:
        await caller.upload(pdf(), create_new_set="True", set_name="s")
        fields = caller.account | {"set_reference_number": 10001}
        answer = await caller.call("getsetuploadstatus", fields, encoding="json")
        assert len(answer.json["result"]) == 1


@pytest.mark.parametrize("name", ["company_name", "username", "password", "set_reference_number"])
async def test_the_state_asks_for_its_fields(name: str) -> None:
    async with running() as caller:
        fields = caller.account | {"set_reference_number": "1"} | {name: " "}
        answer = await caller.call("getsetuploadstatus", fields)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("reference", ["99999", "x", "-10001", "9" * 40, "9" * 5000])
async def test_an_unknown_set_has_no_state(reference: str) -> None:
    async with running() as caller:
        answer = await ask(caller, "getsetuploadstatus", set_reference_number=reference)
        assert answer.status == 400
        assert "no set" in answer.json["error"]


@pytest.mark.parametrize("endpoint", ["getsetuploadstatus", "getsetreferencenumbers"])
async def test_who_asks_is_checked(endpoint: str) -> None:
    async with running() as caller:
        assert (await caller.call(endpoint, caller.account, bearer="")).status == 401
        answer = await ask(caller, endpoint, password="wrong")
        assert (answer.status, answer.json) == (401, {"error": "Incorrect username or password."})


# --- 32 ------------------------------------------------------------------------------------------


def settings(label: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "required": True, "visibility": True, **more}


def data_of(document_type: str, **fields: Any) -> list[Any]:
    return [{"documentTypeDetails": {document_type: {"fields": fields}}}]


async def map_fields(caller: Caller, data: Any, /, **fields: Any) -> Answer:
    text = data if isinstance(data, str) else json.dumps(data)
    asked = {"company_name": "demo", "username": "demo", "collection_name": "Invoices"}
    return await caller.call(MAPPING, {**asked, "data": text, **fields})


async def test_a_mapping_is_merged_by_field_and_the_last_one_wins(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        answer = await map_fields(caller, data_of("invoices", a=settings("A"), b=settings("B")))
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert answer.text == "Request Submitted Successfully"
        later = data_of("invoices", b={"label": "B2", "required": False}, c=settings("C", more=1))
        await map_fields(caller, [*later, *data_of("receipts", a=settings("R"))])
        await map_fields(caller, data_of("invoices", a=settings("X")), collection_name="Receipts")
    async with running(folder=tmp_path) as caller:
        assert await caller.sandbox.field_mapping("Invoices") == {
            "invoices": {
                "a": settings("A"),
                "b": {"label": "B2", "required": False},
                "c": settings("C"),
            },
            "receipts": {"a": settings("R")},
        }
        mapped = await caller.sandbox.field_mapping("Receipts")
        assert mapped == {"invoices": {"a": settings("X")}}
        assert await caller.sandbox.field_mapping("Nothing") == {}


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_a_mapping_comes_in_every_encoding(encoding: str) -> None:
    async with running() as caller:
        fields = {
            "company_name": "demo",
            "username": "demo",
            "collection_name": "Invoices",
            "data": json.dumps(data_of("invoices", a=settings("ü"))),
        }
        assert (await caller.call(MAPPING, fields, encoding=encoding)).status == 200
        mapped = await caller.sandbox.field_mapping("Invoices")
        assert mapped == {"invoices": {"a": settings("ü")}}


async def test_the_mapping_is_not_below_access() -> None:
    async with running() as caller:
        assert (await caller.call("updatemappingdataapi", {})).status == 404


@pytest.mark.parametrize("name", ["company_name", "username", "collection_name", "data"])
async def test_the_mapping_asks_for_its_fields(name: str) -> None:
    async with running() as caller:
        answer = await map_fields(caller, data_of("invoices"), **{name: " "})
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("name", ["company_name", "username"])
async def test_the_mapping_wants_the_right_company_and_user(name: str) -> None:
    async with running() as caller:
        answer = await map_fields(caller, data_of("invoices"), **{name: "wrong"})
        assert answer.status == 401
        assert answer.json == {"error": "Incorrect username or company name."}
        assert (await caller.call(MAPPING, caller.account, bearer="")).status == 401


@pytest.mark.parametrize(
    "data",
    [
        "x",
        "{}",
        "[]",
        "[1]",
        "[{}]",
        "NaN",
        "[" * 200_000,
        '[{"documentTypeDetails": []}]',
        '[{"documentTypeDetails": {"invoices": 1}}]',
        '[{"documentTypeDetails": {"invoices": {}}}]',
        '[{"documentTypeDetails": {"invoices": {"fields": []}}}]',
        '[{"documentTypeDetails": {"invoices": {"fields": {"a": "b"}}}}]',
        data_of("invoices", a=settings("A", required="true")),
        data_of("invoices", a=settings("A", visibility=1)),
        [*data_of("invoices", a=settings("A")), *data_of("invoices", a={"label": 7})],
    ],
    ids=lambda data: str(data)[:60],
)
async def test_a_mapping_of_another_form_is_a_400_and_changes_nothing(data: Any) -> None:
    async with running() as caller:
        answer = await map_fields(caller, data)
        assert answer.status == 400
        assert answer.json["error"]
        assert await caller.sandbox.field_mapping("Invoices") == {}


async def test_odd_names_are_kept() -> None:
    async with running() as caller:
        data = data_of("in\0v", **{"\ud800": settings("\ud800")})
        assert (await map_fields(caller, data)).status == 200
        mapped = await caller.sandbox.field_mapping("Invoices")
        assert list(mapped["in\0v"]) == ["?"]
