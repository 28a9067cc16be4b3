from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from klearstack_async import Box, Document, Field, KlearStackError, OutcomeState, Tokens, errors
from klearstack_async.bulk.outcome import BulkReport, Outcome
from klearstack_async.field import Corners, Place, Row


def test_a_documents_repr_is_short() -> None:
    document = Document({"Document_id": "6a", "file_name": "a.pdf", "A": {"value": "x" * 9999}})
    assert repr(document) == "<Document 6a a.pdf: 1 fields>"


def test_a_document_without_fields_is_a_document() -> None:
    document = Document({"file_name": "photo.jpg"})
    assert document
    assert len(document) == 0


def test_metadata_that_is_not_what_it_should_be_is_none_and_kept() -> None:
    document = Document({"is_approved": "maybe", "overall_confidence": "high", "upload_time": 5})
    assert document.is_approved is None
    assert document.overall_confidence is None
    assert document.upload_time is None
    assert document.metadata == {
        "is_approved": "maybe",
        "overall_confidence": "high",
        "upload_time": 5,
    }


def test_a_field_may_have_the_name_of_metadata() -> None:
    document = Document({"status": {"value": "paid", "confidence": 0.5}, "error": "x"})
    assert document["status"].value == "paid"
    assert document.failure is None


@pytest.mark.parametrize(
    "source",
    [
        (Row("paid", "status", 0.5),),
        {"status": {"value": "paid", "confidence": 0.5}},
        b'{"status": {"value": "paid", "confidence": 0.5}}',
    ],
)
def test_a_field_with_the_name_of_metadata_is_a_field_in_every_way(
    source: tuple[Row, ...] | dict[str, object] | bytes,
) -> None:
    field = Field("status", "paid", 0.5)
    # Each asks a document that has read nothing yet.
    assert Document(source).metadata == {}
    assert Document(source).fields == (field,)
    assert Document(source)["status"] == field
    assert Document(source).to_dict() == {"fields": [field.to_dict()], "extra": {}}


def test_what_a_field_brings_besides_is_kept() -> None:
    document = Document({"A": {"value": 1, "confidence": "high", "page_index": "x", "new": 2}})
    assert document["A"].confidence is None
    assert document.extra == {"A": {"confidence": "high", "page_index": "x", "new": 2}}


def test_documents_are_compared_by_what_they_say() -> None:
    assert Document({"A": {"value": 1}}) == Document({"A": {"value": 1}})
    assert Document({"A": {"value": 1}}) != Document({"A": {"value": 2}})
    assert Document({}) != "a document"


ROWS = (
    Row("paid", "status"),
    Row("later", "status", 0.5),
    Row("1.50", "Total", 0.9, Place(2), Corners(1, 2, 3, 4.5)),
    Row("1.60", "Total", 0.8, Place(1), Corners(0, 0, 0, 0)),
    Row("6a", "Document_id"),
    Row("x", "Bare"),
)
OBJECT = b"""{"status": "paid", "status": {"value": "later", "confidence": 0.5},
    "Total": {"value": "1.50", "confidence": 0.9, "page_index": 2, "coordinate": [1, 2, 3, 4.5]},
    "Total": {"value": "1.60", "confidence": 0.8, "page_index": 1, "coordinate": [0, 0, 0, 0]},
    "Document_id": "6a", "Bare": {"value": "x"}}"""


@pytest.mark.parametrize("source", [ROWS, OBJECT])
@pytest.mark.parametrize("read_all_first", [False, True])
def test_what_is_asked_for_by_name_is_what_stands_among_all(
    source: tuple[Row, ...] | bytes, read_all_first: bool
) -> None:
    document = Document(source)
    if read_all_first:
        assert len(document) == 4
    assert (document.document_id, document.metadata["status"]) == ("6a", "paid")
    for name in ("status", "Total", "Bare"):
        assert document[name] == document.all(name)[0]
        assert name in document
    assert document["Total"].box == Box(1, 2, 3, 4.5)
    assert document.all("Total")[1].box is None
    assert document.get("Document_id") is None
    assert "Document_id" not in document
    assert 5 not in document
    assert document == Document(source)


def test_a_null_is_replaced_by_a_later_value_and_never_replaces_one() -> None:
    document = Document(
        {"Document_id": None, "document_id": "6a", "file_name": "a", "FILE_NAME": None}
    )
    assert (document.document_id, document.file_name) == ("6a", "a")
    assert document.extra == {"FILE_NAME": None}


def test_a_record_has_the_metadata_and_each_value_by_its_name() -> None:
    source = b"""{
        "Document_id": "6a", "status": "ok", "status": "later", "status": {"value": "paid"},
        "Total": {"value": "1.50"}, "Line": {"value": "a"}, "Line": {"value": ["b"]}, "More": [1]
    }"""
    assert Document(source).to_record() == {
        "document_id": "6a",
        "status": "ok",
        "Total": "1.50",
        "Line": ["a", ["b"]],
        "field.status": "paid",
    }


def test_what_an_answer_says_beside_a_document_is_added_and_contradicts_nothing() -> None:
    document = Document({"Document_id": "6a", "file_name": None, "answer": "mine"})
    beside = {"document_id": "6b", "file_name": "a.pdf", "status": "failed", "new": [1]}
    whole = document.with_answer(beside)
    assert (whole.document_id, whole.file_name) == ("6a", "a.pdf")
    assert whole.failure == "the service gives no reason"
    assert whole.extra == {"answer": "mine", "answer_": {"document_id": "6b", "new": [1]}}
    assert document.extra == {"answer": "mine"}
    assert document.with_answer({}) == document


def test_a_source_that_is_no_object_is_kept_as_its_text() -> None:
    for source in (b'{"a": 1,}', b"\xff", b"[1]"):
        document = Document(source)
        assert document.extra == {"document": source.decode("utf-8", "replace")}
        assert document.fields == ()


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_survives_pickling(name: str) -> None:
    kind: type[KlearStackError] = getattr(errors, name)
    error = kind("why", endpoint="uploads.document", status=500, attempt=2, excerpt="x")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "uploads.document: why (attempt 2)"


def test_tokens_are_not_shown() -> None:
    assert "MARKED" not in repr(Tokens("MARKED", "MARKED", datetime.now(UTC)))


def test_a_report_sums_up() -> None:
    report = BulkReport(sources=3)
    for state in (OutcomeState.EXTRACTED, OutcomeState.EXTRACTED, OutcomeState.IN_DOUBT):
        report.add(Outcome("a.pdf", state))
    assert str(report) == "3 sources: 2 extracted, 1 in_doubt in 0.0 s"
