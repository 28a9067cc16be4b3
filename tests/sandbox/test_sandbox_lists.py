"""Lists of documents by day, set, user, modification and approval (endpoints 9 to 13 and 29)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import Answer, Caller, Clock, its_document, pdf, running, visiting, zip_of

from klearstack_async.sandbox import Sandbox, SandboxUser, StoredDocument

DAY = {"from_date": "06/05/2024", "to_date": "06/05/2024"}
ANN = SandboxUser("ann", "ann-password", "Approver")


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2024, 5, day, hour, minute, second, tzinfo=UTC)


async def ask(caller: Caller, endpoint: str, **fields: Any) -> Answer:
    return await caller.call(endpoint, caller.account | fields)


def names(answer: Answer) -> list[str]:
    """Tell the file names in an answer of either shape."""
    found = []
    for document in answer.json["result"]:
        rows = document if isinstance(document, dict) else {row[1]: row[0] for row in document}
        found.append(rows["file_name"])
    return found


async def review(caller: Caller, document: StoredDocument, decision: str = "approve") -> None:
    fields = {
        "company_name": "demo",
        "collection_name": document.document_type,
        "id": document.document_id,
        "approve_reject": decision,
        "comment": "seen",
    }
    assert (await caller.call("approve_reject_doc", fields)).status == 200


async def save(caller: Caller, document: StoredDocument) -> None:
    fields = {
        "company_name": "demo",
        "collection_name": document.document_type,
        "id": document.document_id,
        "data": '{"x": {"_value": "1", "_coordinates": [0, 0, 0, 0]}}',
    }
    assert (await caller.call("update_document", fields)).status == 200


async def book(caller: Caller, document: StoredDocument, status: str) -> None:
    response = {
        "document_id": document.document_id,
        "QBE_status": status,
        "error_message": "",
        "QBE_timestamp": "14/04/2021 12:32:49",
    }
    answer = await ask(
        caller,
        "updateqbestatus",
        document_type=document.document_type,
        QBE_response=json.dumps(response),
    )
    assert answer.json == "QBE status updated successfully"


# --- what they all have in common ----------------------------------------------------------------

FIELDS = {
    "getdaterangedocuments": {**DAY, "document_type": "Invoices"},
    "getsetresults": {"set_reference_number": "10001", "document_type": "Invoices"},
    "getuserdocuments": {},
    "getmodifiedinvoices": {},
    "getapproveinvoices": DAY,
    "getsetdocuments": {"set_reference_number": "10001"},
}
CASES = [
    (endpoint, name)
    for endpoint, fields in FIELDS.items()
    for name in ("company_name", "username", "password", *fields)
]


@pytest.mark.parametrize("how", ["missing", "blank", "misspelt"])
@pytest.mark.parametrize(("endpoint", "name"), CASES)
async def test_a_required_field_is_asked_for(
    endpoint: str, name: str, how: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        fields: dict[str, Any] = {**caller.account, **FIELDS[endpoint]}
        value = fields.pop(name)
        fields |= {"missing": {}, "blank": {name: " "}, "misspelt": {f"{name}s": value}}[how]
        answer = await caller.call(endpoint, fields)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})


@pytest.mark.parametrize("name", ["company_name", "username", "password"])
@pytest.mark.parametrize("endpoint", FIELDS)
async def test_wrong_credentials_are_401(endpoint: str, name: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await ask(caller, endpoint, **{**FIELDS[endpoint], name: "wrong"})
        assert (answer.status, answer.json) == (401, {"error": "Incorrect username or password."})


@pytest.mark.parametrize("endpoint", FIELDS)
async def test_a_bearer_token_is_needed(endpoint: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await caller.call(endpoint, caller.account | FIELDS[endpoint], bearer="")
        assert answer.status == 401


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_every_encoding_works_for_each(encoding: str) -> None:
    async with running(_now=Clock()) as caller:
        document = await caller.stored(pdf(), "a.pdf", create_new_set="True", set_name="s")
        await review(caller, document)
        for endpoint, wanted in FIELDS.items():
            fields = caller.account | wanted | {"unknown": "ignored"}
            answer = await caller.call(endpoint, fields, encoding=encoding)
            assert answer.status == 200, endpoint
            assert set(answer.json) == {"result", "release_version"}, endpoint
            assert names(answer) == ["a.pdf"], endpoint


KEYED = {"getmodifiedinvoices", "getapproveinvoices"}


@pytest.mark.parametrize("endpoint", FIELDS)
async def test_each_answers_in_its_shape(endpoint: str) -> None:
    async with running(_now=Clock()) as caller:
        document = await caller.stored(pdf("N-1"), "a.pdf", create_new_set="True", set_name="s")
        await review(caller, document)
        [told] = (await ask(caller, endpoint, **FIELDS[endpoint])).json["result"]
        if endpoint in KEYED:
            assert told["Document_id"] == document.document_id
            assert told["Inv_Number"]["value"] == "N-1"
        else:
            assert told[0] == [document.document_id, "Document_id"]
            assert ["N-1", "Inv_Number"] in [row[:2] for row in told]


@pytest.mark.parametrize("endpoint", sorted(set(FIELDS) - KEYED))
async def test_what_is_processed_is_in_no_list_and_what_failed_is(endpoint: str) -> None:
    clock = Clock()
    async with running(_now=clock, processing_seconds=60) as caller:
        data = zip_of(("good.pdf", pdf()), ("bad.pdf", b"%PDF-1.4 broken"))
        await caller.upload_zip(data)
        assert (await ask(caller, endpoint, **FIELDS[endpoint])).json["result"] == []
        clock.advance(60)
        await caller.settled()
        answer = await ask(caller, endpoint, **FIELDS[endpoint])
        assert names(answer) == ["good.pdf", "bad.pdf"]
        assert ["failed", "extraction_status"] in answer.json["result"][1]


# --- 9 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("05/05/2024", "05/05/2024", []),
        ("06/05/2024", "06/05/2024", ["start.pdf", "end.pdf"]),
        ("06/05/2024", "07/05/2024", ["start.pdf", "end.pdf", "next.pdf"]),
        ("07/05/2024", "07/05/2024", ["next.pdf"]),
        ("01/01/0001", "31/12/9999", ["start.pdf", "end.pdf", "next.pdf"]),
    ],
)
async def test_both_days_are_included(first: str, last: str, expected: list[str]) -> None:
    clock = Clock()
    async with running(_now=clock, access_token_seconds=9e6) as caller:
        for name, instant in (
            ("start.pdf", at(6)),
            ("end.pdf", at(6, 23, 59, 59)),
            ("next.pdf", at(7)),
        ):
            clock.instant = instant
            await caller.log_in()
            await caller.stored(pdf(), name)
        fields = {"from_date": first, "to_date": last, "document_type": "Invoices"}
        assert names(await ask(caller, "getdaterangedocuments", **fields)) == expected


@pytest.mark.parametrize("document_type", ["Receipts", "Receipt"])
async def test_the_type_filters_in_singular_and_plural(document_type: str) -> None:
    async with running(_now=Clock()) as caller:
        await caller.stored(pdf(), "a.pdf")
        await caller.stored(pdf(), "b.pdf", document_type="Receipts")
        fields = {**DAY, "document_type": document_type}
        assert names(await ask(caller, "getdaterangedocuments", **fields)) == ["b.pdf"]


ODD_DATES = [
    *("2024-05-06", "6/5/2024", "05/31/2024", "31/02/2024", "00/00/0000", "06/05/24"),
    *("06.05.2024", "06/05/2024 10:00", "0\u0666/05/2024", "\0", "x" * 10_000, "06/05/-024"),
]


@pytest.mark.parametrize("date", ODD_DATES, ids=lambda date: date[:20])
@pytest.mark.parametrize("name", ["from_date", "to_date"])
@pytest.mark.parametrize("endpoint", ["getdaterangedocuments", "getapproveinvoices"])
async def test_a_date_of_another_form_is_a_400_that_says_the_form(
    endpoint: str, name: str, date: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = {**FIELDS[endpoint], name: date}
        answer = await ask(caller, endpoint, **fields)
        assert answer.status == 400
        assert answer.json["error"].startswith(f"{name} must be a date written DD/MM/YYYY;")
        assert len(answer.json["error"]) < 300


@pytest.mark.parametrize("endpoint", ["getdaterangedocuments", "getapproveinvoices"])
async def test_days_in_the_wrong_order_are_a_400(endpoint: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = {**FIELDS[endpoint], "from_date": "07/05/2024"}
        answer = await ask(caller, endpoint, **fields)
        assert answer.status == 400
        assert answer.json == {"error": "from_date must not be after to_date."}


# --- 10 and 29 -----------------------------------------------------------------------------------


async def test_a_set_gives_its_own_documents_of_the_type_or_all() -> None:
    async with running() as caller:
        made = await caller.upload(pdf(), "a.pdf", create_new_set="True", set_name="May")
        number = made.json["set_reference_number"]
        await caller.upload(pdf(), "b.pdf", set_reference_number=number, document_type="Receipts")
        await caller.upload(pdf(), "c.pdf", create_new_set="True", set_name="June")
        await caller.upload(pdf(), "d.pdf")
        await caller.settled()
        fields = {"set_reference_number": number, "document_type": "Invoices"}
        assert names(await ask(caller, "getsetresults", **fields)) == ["a.pdf"]
        answer = await ask(caller, "getsetdocuments", set_reference_number=f" {number} ")
        assert names(answer) == ["a.pdf", "b.pdf"]


@pytest.mark.parametrize(
    "reference", ["99999", "x", "-1", "9" * 40, "9" * 5000, "1\0", "\u0661\u0660"]
)
@pytest.mark.parametrize("endpoint", ["getsetresults", "getsetdocuments"])
async def test_an_unknown_set_is_a_400(
    endpoint: str, reference: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        await its_document(caller)
        fields = {"document_type": "Invoices", "set_reference_number": reference}
        answer = await ask(caller, endpoint, **fields)
        assert answer.status == 400
        assert answer.json["error"].startswith("There is no set with set_reference_number ")
        assert len(answer.json["error"]) < 300


# --- 11 ------------------------------------------------------------------------------------------


async def test_flags_choose_by_approval_and_by_saving() -> None:
    async with running() as caller:
        a, b, c = [await caller.stored(pdf(), f"{name}.pdf") for name in "abc"]
        await review(caller, a)
        await save(caller, b)
        await review(caller, c)
        await review(caller, c, "reject")
        for flags, expected in (
            ({}, ["a.pdf", "b.pdf", "c.pdf"]),
            ({"approve_flag": "true"}, ["a.pdf"]),
            ({"approve_flag": "False"}, ["b.pdf", "c.pdf"]),
            ({"save_flag": "true"}, ["b.pdf"]),
            ({"approve_flag": "false", "save_flag": "false"}, ["c.pdf"]),
            ({"approve_flag": "true", "save_flag": "true"}, []),
        ):
            assert names(await ask(caller, "getuserdocuments", **flags)) == expected
        batch = {"batch_id": a.batch_id, "document_type": "Invoices"}
        for value, expected in (("true", ["a.pdf"]), ("false", [])):
            answer = await ask(caller, "getbatchdocuments", **batch, approve_flag=value)
            assert names(answer) == expected
        assert (await ask(caller, "getuserdocuments", approve_flag="maybe")).status == 400


async def test_a_thousand_documents_come_in_one_answer() -> None:
    async with running() as caller:
        data = pdf()
        await caller.upload_zip(zip_of(*((f"{n}.pdf", data) for n in range(1000))))
        await caller.settled()
        answer = await ask(caller, "getuserdocuments")
        assert names(answer) == [f"{n}.pdf" for n in range(1000)]


# --- 12 ------------------------------------------------------------------------------------------


async def test_a_modification_is_pulled_once() -> None:
    async with running() as caller:
        a, b, c, d = [await caller.stored(pdf(), f"{name}.pdf") for name in "abcd"]
        assert names(await ask(caller, "getmodifiedinvoices")) == []
        await review(caller, a)
        await review(caller, b, "reject")
        await save(caller, c)
        await book(caller, d, "failed")
        pulled = names(await ask(caller, "getmodifiedinvoices"))
        assert pulled == ["a.pdf", "b.pdf", "c.pdf", "d.pdf"]
        assert names(await ask(caller, "getmodifiedinvoices")) == []
        await save(caller, b)
        assert names(await ask(caller, "getmodifiedinvoices")) == ["b.pdf"]


async def test_each_user_pulls_for_itself() -> None:
    async with running(users=[ANN]) as caller:
        ann = await caller.as_user(ANN)
        await save(caller, await caller.stored(pdf(), "a.pdf"))
        for user in (caller, ann):
            assert names(await ask(user, "getmodifiedinvoices")) == ["a.pdf"]
            assert names(await ask(user, "getmodifiedinvoices")) == []


async def test_a_pull_of_one_type_leaves_the_others_for_later() -> None:
    async with running() as caller:
        await save(caller, await caller.stored(pdf(), "r.pdf", document_type="Receipts"))
        await save(caller, await caller.stored(pdf(), "i.pdf"))
        for document_type, expected in (
            ("Invoices", ["i.pdf"]),
            ("Invoice", []),
            ("", ["r.pdf"]),
            ("Receipts", []),
        ):
            answer = await ask(caller, "getmodifiedinvoices", document_type=document_type)
            assert names(answer) == expected


async def test_pulls_at_once_get_a_modification_only_once() -> None:
    async with running() as caller:
        await save(caller, await caller.stored(pdf(), "a.pdf"))
        answers = await asyncio.gather(*(ask(caller, "getmodifiedinvoices") for _ in range(10)))
        assert sum(len(names(answer)) for answer in answers) == 1


async def test_a_refused_pull_loses_nothing() -> None:
    async with running() as caller:
        await save(caller, await caller.stored(pdf(), "a.pdf"))
        assert (await ask(caller, "getmodifiedinvoices", password="wrong")).status == 401
        assert names(await ask(caller, "getmodifiedinvoices")) == ["a.pdf"]


async def test_the_pulls_survive_a_restart(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        a, b = [await caller.stored(pdf(), f"{name}.pdf") for name in "ab"]
        await save(caller, a)
        await ask(caller, "getmodifiedinvoices")
        await save(caller, b)
    async with running(folder=tmp_path) as caller:
        assert names(await ask(caller, "getmodifiedinvoices")) == ["b.pdf"]
        await save(caller, a)
        assert names(await ask(caller, "getmodifiedinvoices")) == ["a.pdf"]


# --- 13 ------------------------------------------------------------------------------------------


async def test_an_approved_document_has_its_date_and_its_accounts() -> None:
    clock = Clock()
    async with running(_now=clock) as caller:
        document = await caller.stored(pdf("N-1"), "a.pdf")
        await review(caller, document)
        [told] = (await ask(caller, "getapproveinvoices", **DAY)).json["result"]
        assert told["is_approved"] == 1
        assert told["approved_date"] == "Mon May 06 2024"
        accounts = told["AccountsData"]
        assert set(accounts) == {
            *("Supplier GL Account #", "Supplier ID", "Supplier name", "CGST", "SGST", "IGST"),
            *("PurchaseAc", "SplitFlag", "LineItemAccounts", "SplitAccounts"),
            "individualQuickBookAc",
        }
        assert accounts["Supplier name"] == told["Supplier_Name"]["value"] == "Acme Ltd"
        assert isinstance(accounts["Supplier GL Account #"], str)
        assert isinstance(accounts["Supplier ID"], int)
        assert accounts["SplitFlag"] == "false"
        assert accounts["LineItemAccounts"] == ["Purchases,Widget,20.00", "Purchases,Gadget,100.00"]
        assert accounts["SplitAccounts"] == ["Purchases,Acme Ltd,120.00"]


async def test_accounts_are_built_from_any_value_that_was_written() -> None:
    async with running(_now=Clock()) as caller:
        document = await caller.stored(pdf(), "a.pdf")
        data = {
            "currency_value": "INR",
            "tax_value": 2469.0,
            "total_value": "1234567.5",
            "supplier_name_value": None,
            "Sub-Total": "1e999999999",
        }
        changes = {
            name: {"_value": value, "_coordinates": [0, 0, 0, 0]} for name, value in data.items()
        }
        fields = {
            "company_name": "demo",
            "collection_name": "Invoices",
            "id": document.document_id,
            "data": json.dumps(changes),
        }
        assert (await caller.call("update_document", fields)).status == 200
        await review(caller, document)
        [told] = (await ask(caller, "getapproveinvoices", **DAY)).json["result"]
        accounts = told["AccountsData"]
        assert [accounts[name] for name in ("CGST", "SGST", "IGST")] == [
            "1234.50",
            "1234.50",
            "0.00",
        ]
        assert accounts["SplitAccounts"] == ["Purchases,,1,234,567.50"]
        assert (accounts["Supplier name"], accounts["Supplier ID"]) == ("", 0)


async def test_only_what_is_approved_in_these_days_is_listed() -> None:
    clock = Clock()
    async with running(_now=clock, access_token_seconds=9e6) as caller:
        a, b, c, _ = [await caller.stored(pdf(), f"{name}.pdf") for name in "abcd"]
        clock.instant = at(7, 23, 59, 59)
        await review(caller, a)
        clock.instant = at(8)
        await review(caller, b)
        await review(caller, c)
        await review(caller, c, "reject")
        for first, last, expected in (
            ("06/05/2024", "06/05/2024", []),
            ("07/05/2024", "07/05/2024", ["a.pdf"]),
            ("07/05/2024", "08/05/2024", ["a.pdf", "b.pdf"]),
            ("08/05/2024", "09/05/2024", ["b.pdf"]),
        ):
            answer = await ask(caller, "getapproveinvoices", from_date=first, to_date=last)
            assert names(answer) == expected


async def test_the_approved_are_filtered_by_type_user_and_qbe_status() -> None:
    async with running(_now=Clock(), users=[ANN]) as caller:
        ann = await caller.as_user(ANN)
        a = await caller.stored(pdf(), "a.pdf")
        b = await caller.stored(pdf(), "b.pdf", document_type="Receipts")
        c = await caller.stored(pdf(), "c.pdf")
        await review(caller, a)
        await review(ann, b)
        await review(ann, c)
        await book(caller, a, "successful")
        await book(caller, c, "failed")
        ann_id = (await ask(ann, "getuserid")).json["user_id"]
        for fields, expected in (
            ({"document_type": "Receipts"}, ["b.pdf"]),
            ({"user_list": "ann"}, ["b.pdf", "c.pdf"]),
            ({"user_list": str(ann_id)}, ["b.pdf", "c.pdf"]),
            ({"user_list": " nobody, demo ,"}, ["a.pdf"]),
            ({"user_list": "demo,ann"}, ["a.pdf", "b.pdf", "c.pdf"]),
            ({"user_list": ","}, []),
            ({"user_list": ",".join(map(str, range(1002, 100_000)))}, ["b.pdf", "c.pdf"]),
            ({"user_list": "a\0b"}, []),
            ({"QBE_status": "successful"}, ["a.pdf"]),
            ({"QBE_status": "failed", "user_list": "ann"}, ["c.pdf"]),
            (
                {"QBE_status": "", "user_list": " ", "document_type": ""},
                ["a.pdf", "b.pdf", "c.pdf"],
            ),
        ):
            assert names(await ask(caller, "getapproveinvoices", **DAY, **fields)) == expected
        assert (await ask(caller, "getapproveinvoices", **DAY, QBE_status="x")).status == 400
