from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import Batch, BatchState, Box, DecodeError, KlearStackError, Rejected
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.results import STATE_WORDS, batch_decoder, batch_state

POSITIONAL: list[Any] = [
    ["6a00000000000000000000aa", "Document_id"],
    [1, "Is_Approved"],
    [1, "Is_Approved"],
    [0.86, "overall_confidence"],
    ["1.500", "Full_Box_Equivalent", 0.90, {"page_index": 2}],
    ["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1045, 630, 1104, 645]],
    ["Redacted", "Sign_Exist_Flag", 0.99, {"page_index": 1}, [0, 0, 0, 0]],
    ["Redacted", "Sign_Exist_Flag", 0.99, {"page_index": 2}, [0, 0, 0, 0]],
    ["26-Jul-2025", "Inv_Date", 0.47, {"page_index": 1}, [900, 100, 990, 120]],
]
KEYED: dict[str, Any] = {
    "Document_id": "6a00000000000000000000bb",
    "is_approved": 0,
    "file_name": "Invoice 123456.pdf",
    "overall_confidence": 0.85,
    "document_type": "Invoice",
    "upload_time": "2023-10-11T18:28:40.322",
    "finished_time": "2023-10-11T18:30:21.875",
    "approved_date": "Wed Apr 14 2021",
    "Inv_Number": {
        "value": "123456",
        "confidence": 0.99,
        "page_index": 1,
        "coordinate": [1297, 70, 1408, 98],
    },
    "Due_Date": {"value": "16-Sep-2023", "confidence": 0.87, "page_index": 1},
    "AccountsData": {"Supplier GL Account #": "1200021", "Supplier ID": 1001},
}


def decoded(answer: Any, expected: int | None = 1) -> Batch:
    return decoded_bytes(json.dumps(answer).encode(), expected)


def decoded_bytes(body: bytes, expected: int | None = 1) -> Batch:
    return read(Reply(200, {}, body), batch_decoder("b-1", expected))


def test_the_positional_shape_becomes_a_document() -> None:
    document = decoded({"result": [POSITIONAL]}).documents[0]
    assert document.document_id == "6a00000000000000000000aa"
    assert document.is_approved is True
    assert document.overall_confidence == 0.86
    assert [field.name for field in document] == [row[1] for row in POSITIONAL[4:]]
    total = document["Inv_Total"]
    assert (total.value, total.confidence, total.page) == ("12345.0", 0.98, 1)
    assert total.box == Box(1045, 630, 1104, 645)
    assert total.as_decimal() == Decimal("12345.0")
    assert document["Inv_Date"].as_date() == date(2025, 7, 26)
    assert not document.extra


def test_four_zeros_and_no_box_both_mean_no_position() -> None:
    document = decoded({"result": [POSITIONAL]}).documents[0]
    assert document["Sign_Exist_Flag"].box is None
    assert document["Full_Box_Equivalent"].box is None


def test_repeated_names_are_all_there() -> None:
    document = decoded({"result": [POSITIONAL]}).documents[0]
    assert [field.page for field in document.all("Sign_Exist_Flag")] == [1, 2]
    assert document["Sign_Exist_Flag"].page == 1


def test_the_keyed_shape_becomes_a_document() -> None:
    document = decoded({"result": [KEYED]}).documents[0]
    assert document.document_id == "6a00000000000000000000bb"
    assert document.is_approved is False
    assert document.file_name == "Invoice 123456.pdf"
    assert document.document_type == "Invoice"
    assert document.upload_time == datetime.fromisoformat("2023-10-11T18:28:40.322")
    assert document.finished_time == datetime.fromisoformat("2023-10-11T18:30:21.875")
    assert document.approved_date == date(2021, 4, 14)
    assert [field.name for field in document] == ["Inv_Number", "Due_Date"]
    assert document["Inv_Number"].box == Box(1297, 70, 1408, 98)
    assert document.extra == {"AccountsData": KEYED["AccountsData"]}


def test_a_missing_field_names_those_that_are_there() -> None:
    document = decoded({"result": [KEYED]}).documents[0]
    with pytest.raises(KeyError, match="Inv_Number, Due_Date"):
        document["Inv_Total"]
    assert document.get("Inv_Total") is None
    assert "Inv_Total" not in document
    assert "Due_Date" in document


@pytest.mark.parametrize("key", ["result", "results", "data", "extracted_data"])
def test_documents_are_found_under_each_key(key: str) -> None:
    assert len(decoded({key: [POSITIONAL, KEYED]}, 2).documents) == 2


@pytest.mark.parametrize("answer", [{}, {"result": []}, {"result": None}, []])
def test_no_documents_mean_pending(answer: Any) -> None:
    batch = decoded(answer)
    assert (batch.state, batch.documents) == (BatchState.PENDING, ())


@pytest.mark.parametrize("key", ["extraction_status", "status", "extractionStatus"])
@pytest.mark.parametrize(("word", "state"), STATE_WORDS.items())
def test_an_explicit_state_decides(key: str, word: str, state: BatchState) -> None:
    # A batch of one document that is there would be complete by its number alone.
    found = decoded({"result": [KEYED], key: word.upper()}).state
    assert found is (BatchState.PARTIAL if state is BatchState.PENDING else state)


@pytest.mark.parametrize(
    ("explicit", "found", "expected", "state"),
    [
        (None, 0, 2, BatchState.PENDING),
        (None, 1, 2, BatchState.PARTIAL),
        (None, 2, 2, BatchState.COMPLETE),
        (None, 3, 2, BatchState.COMPLETE),
        (None, 2, None, BatchState.PARTIAL),
        (BatchState.PENDING, 2, 2, BatchState.PARTIAL),
        (BatchState.PENDING, 0, 2, BatchState.PENDING),
        (BatchState.COMPLETE, 0, 2, BatchState.COMPLETE),
        (BatchState.FAILED, 1, 2, BatchState.FAILED),
    ],
)
def test_the_state_follows_what_is_stated_and_then_what_is_there(
    explicit: BatchState | None, found: int, expected: int | None, state: BatchState
) -> None:
    assert batch_state(explicit, found, expected) is state


def test_an_unknown_state_word_is_no_state() -> None:
    assert decoded({"result": [KEYED], "status": "success"}).state is BatchState.COMPLETE


def test_a_strange_row_costs_neither_its_document_nor_itself() -> None:
    strange: list[Any] = [
        ["six", "Parts", 0.9, {"page_index": 1}, [1, 2, 3, 4], "more"],
        ["odd", "Confidence", "high"],
        "no row at all",
        {"a": 1},
        [1],
        [],
    ]
    document = decoded({"result": [POSITIONAL + strange]}).documents[0]
    assert document["Inv_Total"].value == "12345.0"
    assert document["Parts"].value == "six"
    assert document["Confidence"].value == "odd"
    assert document.extra["rows"] == strange


def test_a_strange_document_costs_neither_the_batch_nor_itself() -> None:
    batch = decoded({"result": [POSITIONAL, "what?", 5, None, KEYED]}, 2)
    assert [d.document_id for d in batch.documents] == [
        "6a00000000000000000000aa",
        "6a00000000000000000000bb",
    ]
    assert batch.extra["documents"] == ["what?", 5, None]


def test_a_failed_document_says_why() -> None:
    rows = [["failed", "extraction_status"], ["It is locked.", "error"]]
    assert decoded({"result": [rows]}).documents[0].failure == "It is locked."
    assert decoded({"result": [POSITIONAL]}).documents[0].failure is None


def test_a_repeated_flag_that_disagrees_is_kept() -> None:
    document = decoded({"result": [[[1, "Is_Approved"], [0, "Is_Approved"]]]}).documents[0]
    assert document.is_approved is True
    assert document.extra == {"rows": [[0, "Is_Approved"]]}


def test_what_surrounds_the_documents_is_kept() -> None:
    batch = decoded({"result": [KEYED], "release_version": "7.8.9", "new": {"a": 1}, "error": "E"})
    assert (batch.release_version, batch.error) == ("7.8.9", "E")
    assert batch.extra == {"new": {"a": 1}}


def test_both_shapes_with_the_same_content_are_equal_after_to_dict() -> None:
    document = decoded({"result": [POSITIONAL]}).documents[0]
    again = decoded({"result": [POSITIONAL]}).documents[0]
    assert document == again
    assert document.to_dict() == again.to_dict()
    assert json.loads(json.dumps(document.to_dict())) == document.to_dict()


def test_what_is_no_strict_json_but_common_is_read_all_the_same() -> None:
    body = (
        b'{"result": [[["a", "Name", NaN], ["half \\ud83d", "Text", 0.5], [1e999, "Huge", 0.5]]]}'
    )
    document = decoded_bytes(body).documents[0]
    assert [(f.name, f.value) for f in document] == [
        ("Name", "a"),
        ("Text", "half ?"),
        ("Huge", "1e999"),
    ]


def test_a_byte_that_is_no_utf8_costs_no_batch() -> None:
    body = b'{"result": [[["5", "Inv_Total", 0.9], ["caf\xe9", "Place", 0.5]], {"b\xe9": 1}]}'
    batch = decoded_bytes(body, 2)
    assert batch.documents[0]["Inv_Total"].value == "5"
    assert batch.documents[0]["Place"].value == "caf\ufffd"
    assert batch.documents[1].extra == {"b\ufffd": 1}


@pytest.mark.parametrize("document", [POSITIONAL, KEYED])
def test_a_part_of_a_cut_answer_is_never_taken_for_the_whole(document: Any) -> None:
    body = json.dumps({"result": [document, document], "status": "completed"}).encode()
    for end in range(len(body)):
        with pytest.raises(DecodeError):
            decoded_bytes(body[:end])


@pytest.mark.parametrize(
    "body",
    [
        b'{"result": [{"Document_id": "1", "Lines": [{"status": "ok", "data": []}]},]}',
        b'{"extraction_status": "completed", "result": [{"a": 1} {"status": "ok", "data": []}]}',
        b"Fatal error: foo([]) failed",
        b"{'error': 'Batch not found', 'result': []}",
    ],
)
def test_a_part_of_a_broken_answer_is_no_answer(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decoded_bytes(body)


def test_a_line_break_that_nobody_escaped_costs_nothing() -> None:
    body = b'{"result": [{"Address": {"value": "12 Street\nTown"}}]}'
    assert decoded_bytes(body).documents[0]["Address"].value == "12 Street\nTown"


@pytest.mark.parametrize(
    "before",
    [b"[1] warning ", b'{"log": "x"}', b"Warning {at line [5}: ", b"Notice: [] is empty\n"],
)
def test_other_json_before_the_answer_is_not_the_answer(before: bytes) -> None:
    body = before + json.dumps({"result": [POSITIONAL]}).encode()
    assert decoded_bytes(body).documents[0]["Inv_Total"].value == "12345.0"


def test_a_list_whose_key_repeats_is_read_as_one_also_where_text_follows() -> None:
    rows = [json.dumps([[f"{n}", "Name", 0.5]]) for n in range(2)]
    body = f'{{"result": [{rows[0]}], "result": [{rows[1]}]}} and more'.encode()
    assert [d["Name"].value for d in decoded_bytes(body).documents] == ["0", "1"]


def test_a_byte_that_is_no_utf8_costs_its_row_nothing_beside_a_strange_row() -> None:
    body = b'{"result": [[5, ["1", "caf\xe9", 0.5, {"page_index": 2}, [1, 2, 3, 4]]]]}'
    document = decoded_bytes(body).documents[0]
    assert (document["caf\ufffd"].page, document["caf\ufffd"].box) == (2, Box(1, 2, 3, 4))
    assert document.extra == {"rows": [5]}


def test_an_object_that_only_says_that_something_is_wrong_is_a_rejection() -> None:
    with pytest.raises(Rejected, match="Batch id not found"):
        decoded({"error": "Batch id not found"})


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=12)
ROWS = (
    st.tuples(SCALARS, NAMES)
    | st.tuples(SCALARS, NAMES, st.floats(0, 1))
    | st.tuples(
        SCALARS, NAMES, st.floats(0, 1), st.fixed_dictionaries({"page_index": st.integers(1, 9)})
    )
    | JSON
)


def values_in(thing: Any) -> list[str]:
    """Give every scalar of a JSON value, as text."""
    if isinstance(thing, dict):
        return [v for item in thing.values() for v in values_in(item)]
    if isinstance(thing, list | tuple):
        return [v for item in thing for v in values_in(item)]
    return [repr(thing)]


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_no_value_of_any_rows_is_lost(rows: list[Any]) -> None:
    sent = json.loads(json.dumps(rows))
    batch = decoded({"result": [sent]})
    kept = values_in([d.to_dict() for d in batch.documents]) + values_in(batch.extra)
    assert set(
        values_in([row[0] if isinstance(row, list) and row else row for row in sent])
    ) <= set(kept)


@given(st.dictionaries(NAMES, JSON, max_size=8))
def test_no_value_of_any_object_is_lost(document: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(document))
    kept = values_in([d.to_dict() for d in decoded({"result": [sent]}).documents])
    assert set(values_in(sent)) <= set(kept)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_answer_gives_a_batch_or_a_documented_error(body: bytes) -> None:
    try:
        batch = decoded_bytes(body)
    except KlearStackError:
        return
    for document in batch.documents:
        document.to_dict()
