from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.errors import DecodeError, Rejected
from klearstack_async.models import (
    BatchState,
    Datasource,
    DatasourceRow,
    DocumentSet,
    SetDocument,
    SetStatus,
)
from klearstack_async.wire.listings import (
    decode_datasource_rows,
    decode_datasources,
    decode_set_status,
    decode_sets,
    decode_user_id,
)
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.results import RESULT_KEYS

OWN_KEYS: dict[Callable[[Reply], Any], tuple[str, ...]] = {
    decode_datasources: ("datasources", "data_sources"),
    decode_datasource_rows: ("rows",),
    decode_sets: ("set_reference_numbers", "references", "sets"),
    decode_set_status: ("documents",),
}


def decoded(answer: Any, decode: Callable[[Reply], Any]) -> Any:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return read(Reply(200, {}, body), decode)


def items(found: Any) -> tuple[Any, ...]:
    return found.documents if isinstance(found, SetStatus) else tuple(found)


@pytest.mark.parametrize("decode", OWN_KEYS)
def test_a_list_is_found_in_every_wrapping(decode: Callable[[Reply], Any]) -> None:
    sent = [{"name": "a", "file_name": "b"}, {"id": 5}]
    expected = decoded(sent, decode)
    assert len(items(expected)) == 2
    for key in (*RESULT_KEYS, *OWN_KEYS[decode], "unheard_of"):
        assert items(decoded({key: sent, "release_version": "7"}, decode)) == items(expected)
    for key in OWN_KEYS[decode]:
        assert items(decoded({"data": {key: sent}, "success": True}, decode)) == items(expected)
    assert items(decoded({"data": sent[0]}, decode)) == items(expected)[:1]


@pytest.mark.parametrize("decode", OWN_KEYS)
@pytest.mark.parametrize(
    "answer", [[], {}, {"result": []}, {"data": None}, {"success": True}, {"release_version": "7"}]
)
def test_an_empty_list_is_empty(answer: Any, decode: Callable[[Reply], Any]) -> None:
    assert items(decoded(answer, decode)) == ()


@pytest.mark.parametrize(
    "decode", [decode_datasources, decode_datasource_rows, decode_sets, decode_user_id]
)
@pytest.mark.parametrize(
    "answer",
    [
        {"something": "else"},
        {"result": "text"},
        {"a": [1], "b": [2]},
        b"",
        b"null",
        b"Hello you",
        b'{"result": [{"name": "a"}',
        b"<html></html>",
    ],
)
def test_what_is_no_list_is_an_error(answer: Any, decode: Callable[[Reply], Any]) -> None:
    with pytest.raises(DecodeError):
        decoded(answer, decode)


@pytest.mark.parametrize("decode", [*OWN_KEYS, decode_user_id])
@pytest.mark.parametrize(
    "answer", [{"error": "x", "trace": ["y"]}, {"errors": ["y"]}, b"Datasource not found", False]
)
def test_a_no_is_a_rejection(answer: Any, decode: Callable[[Reply], Any]) -> None:
    with pytest.raises(Rejected):
        decoded(answer, decode)


def test_a_datasource_has_its_name_its_columns_and_the_rest() -> None:
    fields = [{"name": "A", "datatype": "string"}, "B", {"label": "C"}, 5]
    answer = [
        {"datasource_name": "Vendors", "fields": fields, "DataSourceStatus": True},
        {"DataSourceName": "Items", "name": "other", "columns": ["X"]},
        "Plain",
        5,
        {"name": {"odd": 1}},
        ["odd"],
        None,
    ]
    assert decoded(answer, decode_datasources) == (
        Datasource("Vendors", ("A", "B"), {"fields": fields, "DataSourceStatus": True}),
        Datasource("Items", ("X",), {"name": "other", "columns": ["X"]}),
        Datasource("Plain"),
        Datasource("5"),
        Datasource("", (), {"name": {"odd": 1}}),
        Datasource("", (), {"datasource_name": ["odd"]}),
        Datasource("", (), {"datasource_name": None}),
    )


def test_a_row_has_its_id_and_its_values() -> None:
    answer = [{"id": 5, "A": "x"}, {"_id": "5a", "id": None}, {"A": 1}, ["x", "y"], "z", {"id": {}}]
    assert decoded({"rows": answer}, decode_datasource_rows) == (
        DatasourceRow("5", {"A": "x"}),
        DatasourceRow("5a", {"id": None}),
        DatasourceRow(None, {"A": 1}),
        DatasourceRow(None, {"0": "x", "1": "y"}),
        DatasourceRow(None, {"0": "z"}),
        DatasourceRow(None, {"id": {}}),
    )


def test_a_set_has_its_reference_its_name_and_the_rest() -> None:
    answer = [
        {"set_reference_number": 12345, "set_name": "S", "x": 1},
        "123",
        124,
        {"reference": True},
    ]
    assert decoded(answer, decode_sets) == (
        DocumentSet("12345", "S", {"x": 1}),
        DocumentSet("123"),
        DocumentSet("124"),
        DocumentSet("", None, {"reference": True}),
    )


def test_a_sets_status_has_its_documents_and_the_rest() -> None:
    answer = {
        "documents": [
            {"file_name": "a.pdf", "Document_id": "d", "batch_id": "b", "status": "Completed"},
            {"document_id": 5, "state": "failed"},
            {"status": {"odd": 1}},
            "b.pdf",
        ],
        "total": 4,
    }
    assert decoded(answer, decode_set_status) == SetStatus(
        (
            SetDocument("a.pdf", "d", "b", BatchState.COMPLETE, {"status": "Completed"}),
            SetDocument(None, "5", None, BatchState.FAILED, {"state": "failed"}),
            SetDocument(extra={"status": {"odd": 1}}),
            SetDocument("b.pdf"),
        ),
        {"total": 4},
    )


def test_a_sets_status_without_a_list_keeps_what_was_said() -> None:
    assert decoded({"uploaded": 5}, decode_set_status) == SetStatus((), {"uploaded": 5})
    nested = {"data": {"documents": ["a"], "x": 1}, "y": 2}
    assert decoded(nested, decode_set_status).extra == {"data": {"x": 1}, "y": 2}


@pytest.mark.parametrize(
    ("answer", "user_id"),
    [
        ({"user_id": "u-1"}, "u-1"),
        ({"userid": 5}, "5"),
        ({"id": 5, "user_id": None}, "5"),
        ("u-1", "u-1"),
        (5, "5"),
        (0, "0"),
        (b"u-1\n", "u-1"),
        (b'\xef\xbb\xbf{"user_id": 5}', "5"),
        ({"user_id": "admin"}, "admin"),
    ],
)
def test_a_user_id_is_found(answer: Any, user_id: str) -> None:
    assert decoded(answer, decode_user_id) == user_id


@pytest.mark.parametrize(
    "answer", [b"Forbidden", b"Unauthorized", b'"User not found"', b"NOT_FOUND"]
)
def test_a_word_of_refusal_is_no_user_id(answer: bytes) -> None:
    with pytest.raises(Rejected):
        decoded(answer, decode_user_id)


@pytest.mark.parametrize(
    "answer", [{}, {"user_id": ""}, {"user_id": [5]}, [5, 6], True, b"Hello you"]
)
def test_what_is_no_user_id_is_an_error(answer: Any) -> None:
    with pytest.raises(DecodeError):
        decoded(answer, decode_user_id)


LEAVES = st.integers(1_000_000, 9_999_999) | st.integers(1_000_000, 9_999_999).map(str)
ITEMS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "datasource_name",
                    "fields",
                    "columns",
                    "id",
                    "_id",
                    "row_id",
                    "set_name",
                    "reference",
                    "file_name",
                    "document_id",
                    "Document_id",
                    "batch_id",
                    "status",
                    "state",
                    "set_reference_number",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.lists(ITEMS, max_size=4), st.sampled_from(list(OWN_KEYS)))
def test_nothing_of_an_item_is_lost(sent: list[Any], decode: Callable[[Reply], Any]) -> None:
    found = decoded(sent, decode)
    leaves = set(re.findall(r"\d{7}", json.dumps(sent)))
    assert leaves <= set(re.findall(r"\d{7}", repr(found)))
    assert len(items(found)) == len(sent)


def test_keys_that_repeat_in_an_item_are_kept() -> None:
    assert decoded(b'[{"id": 1, "A": 2, "A": 3}]', decode_datasource_rows) == (
        DatasourceRow("1", {"A": 2, "repeated": [["A", 3]]}),
    )


def test_a_column_called_id_is_not_the_rows_id_where_it_has_another() -> None:
    reply = Reply(200, {}, b'{"result": [{"_id": "6a", "id": "7", "NAME": "x"}]}')
    (row,) = decode_datasource_rows(reply)
    assert (row.row_id, row.values) == ("6a", {"id": "7", "NAME": "x"})
