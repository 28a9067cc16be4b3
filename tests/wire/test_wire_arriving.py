"""Decoding while an answer arrives gives what decoding all of it gives, however it is cut."""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klearstack_async import Document
from klearstack_async.collector import collector_paused
from klearstack_async.errors import BrokenAnswer, ResponseError
from klearstack_async.wire.arriving import Arriving
from klearstack_async.wire.boundaries import ItemEnds
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.request import Gathering
from klearstack_async.wire.results import (
    batch_decoder,
    batch_gatherer,
    decode_each,
    decode_list,
    gather_each,
    gather_list,
)

Decode = Callable[[Reply], Any]
KINDS: Mapping[str, tuple[Decode, Callable[[], Gathering[Any]]]] = {
    "list": (decode_list, gather_list),
    "batch": (batch_decoder("b-1", 2), batch_gatherer("b-1", 2)),
    "each": (lambda reply: list(decode_each(reply)), gather_each),
}
PIECES = (1, 7, 64 * 1024)
EMPTY = Reply(200, {"content-type": "application/json"}, b"", endpoint="some.call")


def whole(kind: str, body: bytes) -> Any:
    reply = Reply(EMPTY.status, EMPTY.headers, body, endpoint=EMPTY.endpoint)
    try:
        return read(reply, KINDS[kind][0])
    except ResponseError as error:
        return error


def streamed(kind: str, body: bytes, piece_bytes: int) -> Any:
    gathering = KINDS[kind][1]()
    handed_on: list[Document] = []
    try:
        for start in range(0, len(body), piece_bytes):
            handed_on += gathering.feed(body[start : start + piece_bytes])
        last = gathering.end(EMPTY)
    except ResponseError as error:
        return error
    return handed_on + last if kind == "each" else last


def assert_same(body: bytes, *pieces_bytes: int) -> None:
    for kind in KINDS:
        expected = whole(kind, body)
        for piece_bytes in pieces_bytes:
            found = streamed(kind, body, piece_bytes)
            assert type(found) is type(expected), (kind, piece_bytes, found, expected)
            if isinstance(expected, ResponseError):
                # Where there is more than one mistake, another may be the first to be found.
                assert str(found).partition(" (")[0] == str(expected).partition(" (")[0]
                assert found.excerpt == expected.excerpt
            else:
                assert found == expected, (kind, piece_bytes)


HOSTILE = ']],[[ ]], [[ },{"Document_id" }, {"Document_id" \\ \\" " [ ] { } , é \u2028'
ROWS: list[Any] = [
    ["6a01", "Document_id"],
    ["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1045, 630, 1104, 645.5]],
    [HOSTILE, "Hostile", 0.5, {"page_index": 1}],
]
CLEAN = [ROWS[0], ROWS[1]]
KEYED: dict[str, Any] = {
    "Document_id": "6a02",
    "Inv_Total": {"value": "1.50", "confidence": 0.9, "coordinate": [1, 2, 3, 4]},
    "Lines": [{"Document_id": HOSTILE}, {"Document_id": 1}, [[["a"]], [["b"]]]],
}
STRANGE_ROWS: list[Any] = [*CLEAN, "no row", ["odd", "Confidence", "high"], [1], {}]
DEEP = "[" * 1500 + "]" * 1500
WAYS: Mapping[str, dict[str, Any]] = {
    "spaced": {},
    "compact": {"separators": (",", ":")},
    "pretty": {"indent": 2},
    "not ascii": {"ensure_ascii": False},
}
LISTS: Mapping[str, list[Any]] = {
    "positional": [CLEAN, ROWS, CLEAN, ROWS, CLEAN],
    "keyed": [KEYED, {}, KEYED, {"A": {"value": HOSTILE}}, KEYED],
    "both": [ROWS, KEYED, ROWS, KEYED],
    "empty ones": [[], [], ROWS, [], {}],
    "strange ones": [CLEAN, 5, "a", None, ROWS, [], [5], [[5]], "]],[[", KEYED],
    "strange rows": [STRANGE_ROWS, CLEAN, STRANGE_ROWS, KEYED],
    "strange first": [5, CLEAN, KEYED],
    "only strange": [5, "a"],
    "one document": CLEAN,
    "one row": CLEAN[0],
    "values that are lists": [[[["a", [1]], "Name", 0.5], [[["b"]], "Name"]], CLEAN],
    "none": [],
}
AROUND = (
    "LIST",
    ' \n{"result":LIST}',
    '\ufeff{"release_version": "7 [", "success": true, "n": null, "result" : LIST, "status": "x"}',
    '{"result": LIST, "status": "completed", "more": [[["a", "b"]], [["c", "d"]]]}',
    '{"result": LIST, "result": LIST, "x": 1, "x": 2}',
    '{"result": null, "result": LIST, "results": LIST}',
    '{"data": LIST}',
    '{"meta": {"a": 1}, "result": LIST}',
    '{"result": LIST} and more text',
    '{"result": LIST, "result": [[["a", "b"]]]} {"result": []}',
    'text before {"result": LIST}',
    '{"result": LIST, "error": "[x]", "NaN": NaN}',
    '{"result": LIST, "deep": DEEP}',
    '{"result": LIST]',
    '{"result": LIST,}',
    '{"result": LIST "a": 1}',
    "LIST text",
    "[LIST]",
)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("way", ["spaced", "pretty"])
@pytest.mark.parametrize("name", LISTS)
def test_what_arrives_is_what_was_sent(name: str, way: str, around: str) -> None:
    text = json.dumps(LISTS[name], **WAYS[way])
    body = around.replace("LIST", text).replace("DEEP", DEEP).encode()
    # Byte by byte is slow for what is long, and once is enough for that.
    assert_same(body, *(PIECES[1:] if way == "pretty" and "DEEP" in around else PIECES))


@pytest.mark.parametrize("name", ["positional", "keyed", "both", "strange rows", "empty ones"])
@pytest.mark.parametrize("way", WAYS)
def test_many_documents_arrive_as_they_were_sent(way: str, name: str) -> None:
    times = 200_000 // len(json.dumps(LISTS[name], **WAYS[way]))
    body = json.dumps({"result": LISTS[name] * times, "status": "x"}, **WAYS[way]).encode()
    assert_same(body, 999, 64 * 1024)


@pytest.mark.parametrize("name", ["positional", "keyed", "both", "strange rows", "strange ones"])
def test_a_very_large_answer_is_read_like_a_small_one(name: str) -> None:
    small = {"result": LISTS[name], "status": "x"}
    times = 1_000_000 // len(json.dumps(small))
    large = small | {"result": LISTS[name] * times}
    for kind in ("list", "batch"):
        one, many = (whole(kind, json.dumps(answer).encode()) for answer in (small, large))
        assert many.documents == one.documents * times
        strange = one.extra.get("documents", [])
        assert many.extra == one.extra | ({"documents": strange * times} if strange else {})


NOT_STRICT = (
    '[["a", "N", NaN]]',
    '[["half \\ud83d", "T", 0.5]]',
    '[["a\nb", "T", 0.5]]',
    '[[1e999, "H", 1e999]]',
    '{"A": {"value": NaN, "confidence": Infinity}}',
    '{"A": "\\ud83d", "A": 1}',
    "NaN",
    f'[[{DEEP}, "D", 0.5], ["a", "N", 0.5]]',
    f'{{"A": {DEEP}}}',
)


@pytest.mark.parametrize("odd", NOT_STRICT)
@pytest.mark.parametrize("template", ["A, ODD, A", "ODD, A", "A, ODD", "ODD"])
def test_what_is_no_strict_json_but_common_arrives(template: str, odd: str) -> None:
    for many in (1, 100):
        text = template.replace("A", ", ".join([json.dumps(ROWS)] * many)).replace("ODD", odd)
        pieces = PIECES[1:] if many == 1 else (997, 64 * 1024)
        assert_same(f'{{"result": [{text}], "x": 1}}'.encode(), *pieces)


@pytest.mark.parametrize("name", ["positional", "keyed"])
def test_wrong_bytes_arrive_repaired(name: str) -> None:
    text = json.dumps({"result": LISTS[name] * 9, "x": "y"}).encode()
    assert_same(text.replace(b"12345", b"caf\xe9"), *PIECES)
    assert_same(text.replace(b"Inv", b"\xff"), *PIECES)
    assert_same(text.replace(b"y", b"\xff"), *PIECES)


@pytest.mark.parametrize("document", [[["a", "]],[["]], {"A": {"value": "}, {"}}])
def test_an_answer_that_is_cut_off_is_broken_wherever_it_ends(document: Any) -> None:
    body = json.dumps({"result": [document] * 3, "status": "completed"}).encode()
    for end in range(1, len(body)):
        assert isinstance(streamed("list", body[:end], 20), BrokenAnswer)
        assert_same(body[:end], 20)


@pytest.mark.parametrize("wrong", [b",", b"]", b"}", b"[", b"{", b'"', b":", b"x", b"\x01"])
def test_a_mistake_between_documents_breaks_the_answer(wrong: bytes) -> None:
    body = json.dumps({"result": [CLEAN, CLEAN, KEYED]}).encode()
    for place in (b"]], [[", b"]], {", b"}]}"):
        at = body.index(place) + 2
        for start in (at, at + 1):
            assert_same(body[:start] + wrong + body[start:], *PIECES)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "Batch id not found"},
        {"success": False, "message": "no", "result": []},
        {"result": [], "error": "x"},
        "Document ID not found",
        [],
        {},
        None,
        {"result": {"A": {"value": 1}}},
        {"result": "text"},
    ],
)
def test_a_refusal_is_one_also_when_it_arrives(answer: Any) -> None:
    assert_same(json.dumps(answer).encode(), *PIECES)
    assert_same(str(answer).encode(), *PIECES)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('[]{}",:\\ aé\n\u2028\U0001f600', max_size=12)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = st.text('[]{}",:\\ aé', min_size=1, max_size=6)
ROW = (
    st.tuples(SCALARS, NAMES)
    | st.tuples(SCALARS, NAMES, st.floats(0, 1))
    | st.tuples(JSON, NAMES, st.floats(0, 1), st.just({"page_index": 1}), st.just([1, 2, 3, 4]))
    | JSON
)
OBJECT = st.dictionaries(
    NAMES | st.just("Document_id"), JSON | st.fixed_dictionaries({"value": JSON}), max_size=4
)
DOCUMENTS = st.lists(st.lists(ROW, max_size=4) | OBJECT | JSON, max_size=6)


@given(
    DOCUMENTS,
    st.sampled_from(AROUND),
    st.sampled_from(list(WAYS)),
    st.integers(1, 300),
    st.floats(0, 1.5),
)
def test_any_documents_arrive_as_they_were_sent(
    documents: list[Any], around: str, way: str, piece_bytes: int, cut: float
) -> None:
    text = json.dumps(json.loads(json.dumps(documents)), **WAYS[way])
    body = around.replace("LIST", text).replace("DEEP", "[]").encode()
    assert_same(body[: int(cut * len(body)) + 1], piece_bytes)


@settings(max_examples=10)
@given(DOCUMENTS, st.sampled_from(list(WAYS)), st.integers(1000, 64 * 1024))
def test_any_large_answer_arrives_as_it_was_sent(
    documents: list[Any], way: str, piece_bytes: int
) -> None:
    text = json.dumps([CLEAN, *documents, KEYED], **WAYS[way])[1:-1]
    times = 2 * 64 * 1024 // len(text) + 2
    assert_same(f'{{"result": [{", ".join([text] * times)}]}}'.encode(), piece_bytes)


@pytest.mark.parametrize("document", [ROWS, KEYED])
def test_the_first_document_comes_as_soon_as_it_is_whole(document: Any) -> None:
    begin = '{"result": [' + json.dumps(document)
    arriving = Arriving()
    assert arriving.feed(begin.encode()) == []
    assert len(arriving.feed(b",")) == 1


def test_later_documents_come_while_others_are_on_their_way() -> None:
    body = json.dumps({"result": [CLEAN] * 5000}).encode()
    arriving = Arriving()
    given = 0
    for start in range(0, len(body), 8192):
        given += len(arriving.feed(body[start : start + 8192]))
        on_their_way = start + 8192 - given * (len(json.dumps(CLEAN)) + 2)
        assert on_their_way < 64 * 1024 + 8192
    rest = arriving.end()
    assert given + len(rest.documents) == 5000
    assert len(rest.frame) < 64 * 1024


def lines_run(work: Callable[[], None]) -> int:
    """Count the lines of Python that run: each token that is looked at takes some."""
    count = 0

    def note(_: FrameType, event: str, __: Any) -> Any:
        nonlocal count
        count += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("first", [[], [CLEAN]])
@pytest.mark.parametrize("shape", ["rows", "object", "lines"])
def test_one_long_document_costs_no_more_than_its_length(shape: str, first: list[Any]) -> None:
    def arrive(length: int) -> None:
        document: Any = {
            "rows": [["v", "N", 0.5]] * length,
            "object": {str(n): {"value": 1} for n in range(length)},
            # What looks like the boundary between documents, all the way.
            "lines": {"Document_id": "a", "L": [{"Document_id": 1}] * length},
        }[shape]
        body = json.dumps({"result": [*first, document]}).encode()
        arriving = Arriving()
        found: list[Document] = []
        for start in range(0, len(body), 1024):
            found += arriving.feed(body[start : start + 1024])
        assert len(found + arriving.end().documents) == len(first) + 1

    short, long = (lines_run(lambda n=n: arrive(n)) for n in (20_000, 80_000))  # type: ignore[misc]
    assert long < 6 * short


@pytest.mark.parametrize(
    "item",
    [
        json.dumps(ROWS),
        json.dumps(KEYED, indent=1),
        json.dumps("x" * 300 + HOSTILE * 9),
        "[" * 50 + json.dumps(HOSTILE) + "]" * 50,
        "12345",
    ],
)
def test_no_byte_is_looked_at_again(item: str) -> None:
    text, ends = bytearray(), ItemEnds()
    for at, byte in enumerate(f"[{item},".encode()):
        # What came before is overwritten, but for the last byte, which may be half of an escape.
        text[: at - 1] = b'"' * max(0, at - 1)
        text.append(byte)
        found = list(ends.all(text))
        assert found == ([len(item.encode()) + 1] if at > len(item.encode()) else [])


def test_a_kept_document_keeps_no_more_than_itself() -> None:
    body = json.dumps({"result": [KEYED] * 3}).encode()
    arriving = Arriving()
    documents = arriving.feed(body) + arriving.end().documents
    held = [thing for d in documents for thing in gc.get_referents(d) if isinstance(thing, bytes)]
    assert held == [json.dumps(KEYED).encode()] * 3


def test_the_collector_is_paused_only_while_somebody_is_inside() -> None:
    assert gc.isenabled()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with collector_paused:
            entered.set()
            leave.wait(5)

    other = threading.Thread(target=stay)
    with collector_paused:
        with collector_paused:
            assert not gc.isenabled()
        assert not gc.isenabled()
        other.start()
        assert entered.wait(5)
    assert not gc.isenabled()
    leave.set()
    other.join()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused:
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
