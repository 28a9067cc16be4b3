from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from klearstack_async import Document, KlearStackError, OutcomeState, Tokens, errors
from klearstack_async.bulk.outcome import BulkReport, Outcome


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


def test_what_a_field_brings_besides_is_kept() -> None:
    document = Document({"A": {"value": 1, "confidence": "high", "page_index": "x", "new": 2}})
    assert document["A"].confidence is None
    assert document.extra == {"A": {"confidence": "high", "page_index": "x", "new": 2}}


def test_documents_are_compared_by_what_they_say() -> None:
    assert Document({"A": {"value": 1}}) == Document({"A": {"value": 1}})
    assert Document({"A": {"value": 1}}) != Document({"A": {"value": 2}})
    assert Document({}) != "a document"


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_survives_pickling(name: str) -> None:
    kind: type[KlearStackError] = getattr(errors, name)
    error = kind("why", endpoint="uploads.document", status=500, attempt=2, excerpt="x")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "uploads.document: why"


def test_tokens_are_not_shown() -> None:
    assert "MARKED" not in repr(Tokens("MARKED", "MARKED", datetime.now(UTC)))


def test_a_report_sums_up() -> None:
    report = BulkReport()
    for state in (OutcomeState.EXTRACTED, OutcomeState.EXTRACTED, OutcomeState.IN_DOUBT):
        report.add(Outcome("a.pdf", state))
    assert str(report) == "3 sources: 2 extracted, 1 in_doubt in 0.0 s"
