"""What a push says, in every encoding, and what tells it from others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from push_kit import ENCODINGS, KEYED, POSITIONAL, Request, fields, json_object, received, refused

from klearstack_async.document import Document

Encode = Callable[[Mapping[str, Any]], Request]
every_encoding = pytest.mark.parametrize("encode", ENCODINGS, ids=lambda e: e.__name__)


@every_encoding
@pytest.mark.parametrize("name", ["Document_id", "document_id"])
def test_a_push_is_read_in_every_encoding_and_casing(encode: Encode, name: str) -> None:
    values = fields(**{"Document_id": None, name: KEYED["Document_id"]})
    push = received(encode(values))
    assert (push.batch_id, push.document_id) == (values["batch_id"], values[name])
    assert (push.document_type, push.file_name) == ("Invoices", "Invoice 123456.pdf")
    assert push.company_name == "acme"
    assert push.document == Document(KEYED)
    assert push.document["Place"].value == KEYED["Place"]["value"]
    # The push says Invoices, its document Invoice: both are there.
    assert push.document.document_type == "Invoice"
    assert push.extra == {}


FORMS: dict[str, Any] = {
    "keyed": KEYED,
    "a list of one": [KEYED],
    "wrapped": {"result": [KEYED]},
    "wrapped with its version": {"release_version": "7.8.9", "result": [KEYED]},
}


@every_encoding
@pytest.mark.parametrize("form", FORMS)
def test_a_document_is_found_in_each_form_of_data_and_has_one_key(
    encode: Encode, form: str
) -> None:
    push = received(encode(fields(FORMS[form])))
    assert push.document.fields == Document(KEYED).fields
    assert push.key == received(json_object(fields(KEYED))).key


@every_encoding
@pytest.mark.parametrize("data", [POSITIONAL, [POSITIONAL], {"result": [POSITIONAL]}])
def test_the_positional_shape_is_read_too(encode: Encode, data: Any) -> None:
    push = received(encode(fields(data)))
    assert [field.name for field in push.document] == ["Inv_Total", "Sign_Exist_Flag"]
    assert push.document["Inv_Total"].box == (1045, 630, 1104, 645)
    assert push.key == received(json_object(fields(POSITIONAL))).key


def test_a_strange_row_costs_neither_its_document_nor_itself() -> None:
    push = received(json_object(fields([*POSITIONAL, ["odd"]])))
    assert push.document["Inv_Total"].value == "12345.0"
    assert push.document.extra["rows"] == [["odd"]]


def test_what_stands_beside_a_wrapped_document_is_kept() -> None:
    data = {"result": [KEYED, None], "release_version": "7.8.9", "approved_date": "Wed Apr 14 2021"}
    document = received(json_object(fields(data))).document
    assert document.metadata["approved_date"] == "Wed Apr 14 2021"
    assert document.extra["answer"] == {"release_version": "7.8.9", "documents": [None]}


def test_a_documents_own_list_called_result_is_no_wrapper() -> None:
    data = {"Inv_Total": {"value": "1"}, "result": [{"a": 1}]}
    document = received(json_object(fields(data))).document
    assert document["Inv_Total"].value == "1"
    assert document.extra == {"result": [{"a": 1}]}


@every_encoding
def test_names_that_repeat_in_a_document_are_all_there(encode: Encode) -> None:
    text = '{"Line": {"value": 1}, "Line": {"value": 2}}'
    headers, body = encode(fields("DATA"))
    in_json = text if encode is json_object else json.dumps(text)
    replacement = {
        "multipart": text.encode(),
        "multipart_files": text.encode(),
        "urlencoded": text.replace("+", "%2B").encode(),
    }.get(encode.__name__, in_json.encode())
    wanted = b'"DATA"' if "json" in encode.__name__ else b"DATA"
    document = received((headers, body.replace(wanted, replacement))).document
    assert [field.value for field in document.all("Line")] == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        {"status": "failed", "error": "It is locked."},
        {"extraction_status": "Failed", "error_message": "It is locked.", "file_name": "a.pdf"},
        [["failed", "extraction_status"], ["It is locked.", "error"]],
        {"result": [], "status": "failed", "error": "It is locked."},
        {"result": [{"file_name": "a.pdf"}], "status": "failed", "error": "It is locked."},
    ],
)
def test_a_document_that_could_not_be_read_says_why(data: Any) -> None:
    assert received(json_object(fields(data))).document.failure == "It is locked."


def test_other_fields_are_kept_as_sent() -> None:
    others = {"attempt": 2, "tags": ["a", {"b": None}], "big": 10**30, "note": "ü"}
    assert received(json_object(fields(**others))).extra == others


def test_what_a_push_leaves_out_is_taken_from_its_document() -> None:
    values = fields(Document_id=None, document_type=None, file_name=None, company_name=None)
    push = received(json_object(values))
    assert push.document_id == "6a00000000000000000000bb"
    assert (push.document_type, push.file_name) == ("Invoice", "Invoice 123456.pdf")
    assert push.company_name is None


def test_an_id_may_be_a_number_in_json() -> None:
    assert received(json_object(fields(batch_id=12345, Document_id=7))).key.startswith("12345/7/")


SAME: dict[str, Any] = {
    "another order": dict(reversed(KEYED.items())),
    "another casing": {"document_id": KEYED["Document_id"], "Is_Approved": 0}
    | {k: v for k, v in KEYED.items() if k not in {"Document_id", "is_approved"}},
    "another version of the service": {**KEYED, "release_version": "9"},
}


@every_encoding
@pytest.mark.parametrize("form", SAME)
def test_the_same_document_has_the_same_key(encode: Encode, form: str) -> None:
    assert received(encode(fields(SAME[form]))).key == received(json_object(fields())).key


def test_a_key_is_the_same_when_other_fields_and_credentials_change() -> None:
    again = fields(attempt=2, username="other", document_type="Receipts")
    assert received(json_object(again)).key == received(json_object(fields())).key


CHANGED: dict[str, dict[str, Any]] = {
    "approved": fields({**KEYED, "is_approved": 1}),
    "a value": fields({**KEYED, "Inv_Number": {**KEYED["Inv_Number"], "value": "123457"}}),
    "a confidence": fields({**KEYED, "Inv_Number": {**KEYED["Inv_Number"], "confidence": 0.98}}),
    "a new field": fields({**KEYED, "Due_Date": {"value": None}}),
    "accounts": fields({**KEYED, "AccountsData": {}}),
    "its status": fields({"result": [KEYED], "status": "failed"}),
    "batch": fields(batch_id="b"),
    "document": fields(Document_id="d"),
    "slash 1": fields(batch_id="a/b", Document_id="c"),
    "slash 2": fields(batch_id="a", Document_id="b/c"),
}


def test_whatever_changes_makes_another_key() -> None:
    keys = [received(json_object(values)).key for values in (fields(), *CHANGED.values())]
    assert len(set(keys)) == len(CHANGED) + 1


def test_a_key_fits_a_unique_column() -> None:
    key = received(json_object(fields(batch_id="a b\0ü/'", Document_id="d"))).key
    assert key.startswith("a%20b%00%C3%BC%2F%27/d/")
    assert len(key.rpartition("/")[2]) == 32


@pytest.mark.parametrize("name", ["batch_id", "Document_id"])
def test_a_key_fits_a_unique_column_however_long_its_ids(name: str) -> None:
    long = {"batch_id": "b" * 5000, "Document_id": "ü" * 5000}
    keys = [
        received(json_object(fields(**values))).key
        for values in (
            long,
            {**long, name: f"{long[name]}."},
            fields(),
            {**long, "data": '{"Total": {"value": "1"}}'},
        )
    ]
    assert len(set(keys)) == 4
    assert all(len(key) <= 255 and key.isascii() for key in keys)
    # What stands before the last slash is the document.
    assert len({key.rpartition("/")[0] for key in keys}) == 3


@every_encoding
@pytest.mark.parametrize(
    ("without", "named"),
    [
        ({"batch_id": None}, "batch_id missing"),
        ({"batch_id": ""}, "batch_id missing"),
        ({"data": None}, "data missing"),
        ({"data": ""}, "data missing"),
        ({"data": {"a": 1}, "Document_id": None}, "document_id missing"),
        (
            {"batch_id": None, "data": None, "Document_id": None},
            "batch_id and document_id and data missing",
        ),
    ],
)
def test_a_request_that_is_no_push_is_told_what_is_missing(
    encode: Encode, without: dict[str, Any], named: str
) -> None:
    assert named in str(refused(encode(fields(**without)), 422))


@every_encoding
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "no documents"),
        ({}, "no documents"),
        ({"result": []}, "no documents"),
        ({"result": ["what?", 5]}, "no documents"),
        ([KEYED, KEYED], "2 documents"),
        ({"result": [POSITIONAL, KEYED]}, "2 documents"),
    ],
)
def test_a_push_brings_exactly_one_document(encode: Encode, data: Any, said: str) -> None:
    assert said in str(refused(encode(fields(data)), 422))


@pytest.mark.parametrize("data", ["5", "null", '"text"', "true"])
def test_json_that_is_no_document_is_no_push(data: str) -> None:
    assert "no documents" in str(refused(json_object(fields(data)), 422))


@every_encoding
def test_two_ids_may_stand_there_and_must_agree(encode: Encode) -> None:
    assert received(encode(fields(document_id=fields()["Document_id"]))).document_id
    assert "differ" in str(refused(encode(fields(document_id="other")), 400))


@every_encoding
def test_a_document_that_does_not_say_what_it_is_has_it_from_the_fields_beside_it(
    encode: Encode,
) -> None:
    bare = {"Inv_Number": {"value": "7", "confidence": 0.9}}
    push = received(encode(fields(bare, Document_id="d-7")))
    assert push.document.document_id == push.document_id == "d-7"
    assert push.document.file_name == push.file_name == "Invoice 123456.pdf"
    assert push.document.document_type == "Invoices"
    assert push.document.extra == {}
    assert push.document["Inv_Number"].value == "7"
