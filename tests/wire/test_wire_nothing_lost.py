"""Every value that a server sends can be found again in what the decoders give."""

from __future__ import annotations

import gc
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import Batch, Document, DocumentList
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.results import (
    batch_decoder,
    decode_each,
    decode_list,
    document_decoder,
)


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may repeat."""


def written(value: Any) -> str:
    """Write JSON, with objects that repeat keys."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(k)}: {written(v)}" for k, v in value) + "}"
    if isinstance(value, dict):
        value = Pairs(value.items())
        return written(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


# What stands for it is found nowhere else; a number may come back as the equal float.
MARK = re.compile(r"<\d+>|\d{7}")


def marked(value: Any, numbers: Iterator[int]) -> Any:
    """Put a mark of its own in the place of each `*` and each 7, so that none hides another."""
    if isinstance(value, Pairs):
        return Pairs((marked(k, numbers), marked(inner, numbers)) for k, inner in value)
    if isinstance(value, list):
        return [marked(inner, numbers) for inner in value]
    if isinstance(value, str) and value == "*":
        return f"<{next(numbers)}>"
    if isinstance(value, int) and not isinstance(value, bool) and value == 7:
        return next(numbers)
    return value


def marks_in(value: Any) -> set[str]:
    return set(MARK.findall(written(value)))


def reply(value: Any) -> Reply:
    return Reply(200, {}, written(value).encode())


def kept(found: DocumentList | Batch) -> list[Any]:
    error = found.error if isinstance(found, Batch) else None
    documents = [document.to_dict() for document in found.documents]
    return [documents, dict(found.extra), found.release_version, error]


# `*` and 7 stand for values that occur once.
SCALARS = st.sampled_from(["*", "*", "*", 7, True, None, 0.5, "ä€", "", -1])
KEYS = st.sampled_from(
    [
        "Document_id",
        "document_id",
        "Is_Approved",
        "is_approved",
        "overall_confidence",
        "file_name",
        "status",
        "error",
        "extraction_status",
        "upload_time",
        "value",
        "confidence",
        "page_index",
        "coordinate",
        "Inv",
        "Inv",
        "Total",
        "AccountsData",
        "documents",
        "repeated",
        "repeated_",
        "answer",
        "rows",
        "extra",
        "fields",
        "release_version",
        "ocr_id",
        "*",
        "*",
        "*",
        "*",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs)
    ),
    max_leaves=8,
)
PLACES = st.sampled_from([Pairs([("page_index", 7)]), Pairs([("page", 7)]), Pairs(), None, "*"])
BOXES = st.sampled_from([[7, 7, 7, 7], [0, 0, 0, 0], [0.5, 7, 7, 7], [7, 7], ["*"], None])
ROWS = st.builds(
    lambda parts, length: list(parts)[:length],
    st.tuples(JSON, KEYS, st.sampled_from([0.9, 1, None, "*"]), PLACES, BOXES, SCALARS),
    st.sampled_from([0, 1, 2, 2, 2, 3, 4, 5, 5, 5, 6]),
)
FIELDS = st.builds(
    lambda parts, chosen: Pairs(p for p, c in zip(parts, chosen, strict=True) if c),
    st.tuples(
        st.tuples(st.just("value"), SCALARS),
        st.tuples(st.just("confidence"), st.sampled_from([0.9, 7, "*"])),
        st.tuples(st.just("page_index"), st.sampled_from([7, 0.5, True])),
        st.tuples(st.just("coordinate"), BOXES),
        st.tuples(KEYS, JSON),
    ),
    st.tuples(*[st.sampled_from([True, True, False])] * 5),
)
POSITIONAL = st.lists(ROWS | ROWS | ROWS | JSON, min_size=1, max_size=5)
KEYED = st.lists(st.tuples(KEYS, FIELDS | JSON), max_size=6).map(Pairs)
DOCUMENTS = st.lists(POSITIONAL | KEYED | JSON, max_size=4)
BESIDE = st.lists(
    st.tuples(
        st.sampled_from(["release_version", "status", "more", "documents", "repeated", "results"]),
        JSON,
    ),
    max_size=3,
)
ANSWERS = st.builds(
    lambda documents, beside, again: marked(
        Pairs([("result", documents), *beside, *again]), count(1_000_000)
    ),
    DOCUMENTS,
    BESIDE,
    st.lists(st.tuples(st.just("result"), DOCUMENTS | SCALARS), max_size=1),
)


@given(ANSWERS)
def test_nothing_of_a_list_is_lost(answer: Pairs) -> None:
    assert marks_in(answer) <= marks_in(kept(read(reply(answer), decode_list)))


@given(ANSWERS)
def test_nothing_of_a_batch_is_lost(answer: Pairs) -> None:
    answer = Pairs([("status", "processing"), *answer, ("error", "<7>")])
    assert marks_in(answer) <= marks_in(kept(read(reply(answer), batch_decoder("b", 1))))


@given(ANSWERS, st.booleans())
def test_one_after_the_other_gives_the_documents_of_the_list(answer: Pairs, alone: bool) -> None:
    sent = answer[0][1] if alone else answer
    listed = read(reply(sent), decode_list)
    left = list(listed)
    strange = []
    for document in read(reply(sent), decode_each):
        if left and document == left[0]:
            del left[0]
        else:
            strange.append(document.to_dict())
    assert left == []
    # Our own key has an underscore for each time that the service uses it.
    key = max((key for key in listed.extra if key.startswith("documents")), default="")
    assert len(strange) == (len(listed.extra[key]) if strange else 0)
    assert marks_in(listed.extra[key] if strange else []) <= marks_in(strange)


@given(
    POSITIONAL.map(lambda rows: [["d-1", "Document_id"], *rows]) | KEYED,
    st.sampled_from(["alone", "listed", "wrapped"]),
)
def test_nothing_of_a_single_document_is_lost(document: Any, wrapping: str) -> None:
    sent = marked(document, count(1_000_000))
    if isinstance(sent, Pairs):
        sent = Pairs([("Document_id", "d-1"), *sent])
    answer = {
        "alone": sent if isinstance(sent, Pairs) else [sent],
        "listed": [sent],
        "wrapped": Pairs([("result", [sent, "<1>"]), ("more", "<2>")]),
    }[wrapping]
    found = read(reply(answer), document_decoder("d-1"))
    assert marks_in(answer) <= marks_in(found.to_dict())


ROWS_SENT: list[Any] = [
    ["6a00000000000000000000aa", "Document_id"],
    [1, "Is_Approved"],
    [0.86, "overall_confidence"],
    ["1.500", "Full_Box_Equivalent", 0.9, {"page_index": 2}],
    ["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1045, 630, 1104, 645]],
    ["same", "Twice", 0.99, {"page_index": 1}, [1, 2, 3, 4]],
    ["same", "Twice", 0.99, {"page_index": 2}, [5.5, 6, 7, 8]],
    [None, "Empty", 0.0],
    [[{"line": [1, "a"]}], "Lines", 0.4],
]
OBJECT_SENT: dict[str, Any] = {
    "Document_id": "6a00000000000000000000bb",
    "is_approved": 0,
    "overall_confidence": 0.85,
    "Inv_Number": {"value": "1", "confidence": 0.99, "page_index": 1, "coordinate": [1, 2, 3, 4]},
    "Sub-Total": {"value": "80.40", "confidence": 0.91, "page_index": 1},
    "Odd": {"value": None, "confidence": "high", "new": [1]},
    "AccountsData": {"Supplier GL Account #": "1200021", "Supplier ID": 1001, "Lines": []},
}


def test_a_positional_document_can_be_written_again_as_it_was_sent() -> None:
    document = read(reply([ROWS_SENT]), decode_list)[0]
    rows: list[Any] = [[value, name] for name, value in document.metadata.items()]
    for field in document:
        row = [field.value, field.name, field.confidence]
        row += [] if field.page is None else [{"page_index": field.page}]
        rows.append(row if field.box is None else [*row, list(field.box)])
    sent = [[row[0], row[1].lower(), *row[2:]] if len(row) == 2 else row for row in ROWS_SENT]
    assert rows == sent
    assert not document.extra


def test_a_keyed_document_can_be_written_again_as_it_was_sent() -> None:
    document = read(reply([OBJECT_SENT]), decode_list)[0]
    again: dict[str, Any] = dict(document.metadata)
    for field in document:
        parts = {
            "value": field.value,
            "confidence": field.confidence,
            "page_index": field.page,
            "coordinate": None if field.box is None else list(field.box),
        }
        known = {key: value for key, value in parts.items() if value is not None or key == "value"}
        again[field.name] = known | document.extra.get(field.name, {})
    again["AccountsData"] = document.extra["AccountsData"]
    assert again == {
        ("document_id" if k == "Document_id" else k): v for k, v in OBJECT_SENT.items()
    }


REPEATING = """{"Document_id": "a", "Document_id": "b", "file_name": null, "file_name": "f.pdf",
 "Inv": {"value": 1, "value": 2, "new": 3, "new": 4}, "Inv": {"value": 5}, "X": 6, "X": 7,
 "Nest": {"deep": {"k": 8, "k": 9}}, "repeated": "mine"}"""


def test_keys_that_repeat_in_a_keyed_document_are_all_kept() -> None:
    body = f'{{"result": [{REPEATING}]}}'.encode()
    document = read(Reply(200, {}, body), decode_list)[0]
    assert (document.document_id, document.file_name) == ("a", "f.pdf")
    assert [field.value for field in document.all("Inv")] == [1, 5]
    assert document.extra == {
        "Document_id": "b",
        "Inv": {"new": 3, "repeated": [["value", 2], ["new", 4]]},
        "X": 6,
        "Nest": {"deep": {"k": 8, "repeated": [["k", 9]]}},
        "repeated": "mine",
        "repeated_": [["X", 7]],
    }


@pytest.mark.parametrize("extra", ['"a": NaN', '"a": "\\ud83d"', '"a": "x\ny"', '"a": 1e999'])
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_keys_that_repeat_are_kept_also_where_the_json_is_not_strict(
    before: str, extra: str
) -> None:
    body = f'{before}{{"result": [{REPEATING}], "result": [{{"B": {{"value": 1}}}}], {extra}}}'
    found = read(Reply(200, {}, body.encode()), decode_list)
    assert len(found) == 2
    assert [field.value for field in found[0].all("Inv")] == [1, 5]
    assert "a" in found.extra


def test_a_list_whose_key_repeats_is_read_as_one() -> None:
    rows = [["a", "Name", 0.5]]
    answer = Pairs([("result", [rows]), ("result", None), ("result", [OBJECT_SENT, "x"])])
    for found in (read(reply(answer), decode_list), read(reply(answer), batch_decoder("b", 2))):
        assert [len(document) for document in found.documents] == [1, 3]
        assert found.extra == {"result": None, "documents": ["x"]}
    assert [len(document) for document in read(reply(answer), decode_each)] == [1, 3, 0]


def test_what_was_sent_as_documents_is_not_replaced_by_strange_ones() -> None:
    found = read(reply(Pairs([("result", [OBJECT_SENT, 5]), ("documents", [1])])), decode_list)
    assert found.extra == {"documents": [1], "documents_": [5]}


@pytest.mark.parametrize("key", ["release_version", "error"])
def test_what_should_be_a_text_and_is_none_is_kept(key: str) -> None:
    batch = read(reply({"result": [OBJECT_SENT], key: {"a": [1]}}), batch_decoder("b", 1))
    assert batch.extra == {key: {"a": [1]}}


def calls_of(decode: Callable[[Reply], Any], body: bytes) -> Counter[str]:
    """Count the calls, of Python's functions and of C's, that decoding takes."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        counts[f"{event} {frame.f_code.co_name}"] += 1

    answer = Reply(200, {}, body)
    # The collector's callbacks would be counted, too.
    gc.disable()
    sys.setprofile(note)
    try:
        decode(answer)
    finally:
        sys.setprofile(None)
        gc.enable()
    return counts


def clean_rows(length: int) -> Any:
    return [["d-1", "Document_id"]] + [
        [f"{n}", f"Field {n}", 0.5, {"page_index": 1}, [n, 1, 2, 3]] for n in range(length)
    ]


def clean_object(length: int) -> Any:
    return {"Document_id": "d-1"} | {
        f"Field {n}": {"value": f"{n}", "confidence": 0.5, "coordinate": [n, 1, 2, 3]}
        for n in range(length)
    }


@pytest.mark.parametrize("document", [clean_rows, clean_object])
@pytest.mark.parametrize("wrap", [lambda d: {"result": [d, d]}, lambda d: [d, d]])
@pytest.mark.parametrize("decode", [decode_list, batch_decoder("b", 1), decode_each])
def test_decoding_a_list_does_no_python_work_per_row_or_key(
    decode: Callable[[Reply], Any], wrap: Callable[[Any], Any], document: Callable[[int], Any]
) -> None:
    few, many = (calls_of(decode, json.dumps(wrap(document(n))).encode()) for n in (10, 1000))
    assert few == many


@pytest.mark.parametrize("document", [clean_rows, clean_object])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: {"result": [d]}, lambda d: {"data": d}])
def test_decoding_a_document_does_no_python_work_per_row_or_key(
    wrap: Callable[[Any], Any], document: Callable[[int], Any]
) -> None:
    few, many = (
        calls_of(document_decoder("d-1"), json.dumps(wrap(document(n))).encode())
        for n in (10, 1000)
    )
    assert few == many


def test_each_document_of_a_list_costs_the_same_to_take_whatever_its_length() -> None:
    def take(answer: Reply) -> list[Document]:
        return list(decode_each(answer))

    for document in (clean_rows, clean_object):
        few, many = (calls_of(take, json.dumps([document(n)]).encode()) for n in (10, 1000))
        assert few == many
