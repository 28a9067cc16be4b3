from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.keyed import (
    gathered,
    members_of,
    mended,
    pairs_of,
    parts_of,
    take_text,
    unused_key,
    value_of,
    value_or_text,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SPACED = st.sampled_from([None, 0, 1, 3])


@given(JSON, SPACED, st.booleans())
def test_json_without_surprises_is_read_as_everybody_reads_it(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert value_of(body) == value_or_text(body) == value
    assert json.loads(mended(body)) == value


@given(st.lists(st.tuples(st.text(max_size=3), JSON), max_size=6), SPACED)
def test_an_object_gives_its_pairs_in_order(pairs: list[tuple[str, Any]], indent: int) -> None:
    members = (f"{json.dumps(k)} : {json.dumps(v, indent=indent)}" for k, v in pairs)
    body = ("{" + " , ".join(members) + "}").encode()
    assert pairs_of(body) == pairs
    assert [(key, value_of(bytes(raw))) for key, raw in members_of(body)] == pairs
    assert [(value_of(key), value_of(part)) for key, part in parts_of(body)] == pairs
    assert pairs_of(mended(body)) == pairs


KEYS = st.text(' ":\\\n\ta', max_size=3)
MEMBERS = st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=2), max_size=2)


@given(st.lists(st.tuples(KEYS, JSON | MEMBERS), max_size=4), st.sampled_from(["", " ", "\n"]))
def test_an_object_has_all_its_pairs_however_it_is_spaced_and_repeats(
    pairs: list[tuple[str, Any]], space: str
) -> None:
    # Within, a second time, so that keys repeat there, too.
    members = [f"{json.dumps(k)}{space}:{json.dumps(v)}" for k, v in pairs]
    inner = "{" + ",".join(members * 2) + "}"
    assert pairs_of(("{" + ",".join(members) + "}").encode()) == pairs
    assert pairs_of(f'{{"x": {inner}}}'.encode()) == [("x", gathered(pairs * 2))]


@given(st.lists(JSON, max_size=6), SPACED)
def test_a_list_is_cut_into_its_members(values: list[Any], indent: int | None) -> None:
    parts = parts_of(json.dumps(values, indent=indent).encode())
    assert [value_of(part) for _, part in parts] == values
    assert {key for key, _ in parts} <= {b""}


DEEP = b"[" * 5_000 + b"]" * 5_000


def test_only_what_is_nested_too_deeply_stays_text() -> None:
    text = DEEP.decode()
    assert value_of(b'{"a": 1, "b": ' + DEEP + b', "a": 2}') == {
        "a": 1,
        "b": text,
        "repeated": [["a", 2]],
    }
    assert value_of(b"[1, " + DEEP + b"]") == [1, text]
    assert pairs_of(b'{"b": ' + DEEP + b', "a": 1}') == [("b", text), ("a", 1)]
    assert [key for key, _ in members_of(b'{"b": ' + DEEP + b', "a": 1}')] == ["b", "a"]
    assert value_or_text(DEEP) == text


@pytest.mark.parametrize(("levels", "kept"), [(49, True), (50, True), (51, False), (900, False)])
def test_fifty_levels_are_kept(levels: int, kept: bool) -> None:
    body = b"[" * levels + b"]" * levels
    assert (value_or_text(body) == json.loads(body)) is kept
    assert isinstance(pairs_of(b'{"a": ' + body + b"}")[0][1], list) is kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[",
        b"]",
        b"{",
        b"}",
        b"[}",
        b"{]",
        b"1",
        b'"a"',
        b"null",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b'{"a":1:2}',
        b"{1:2}",
        b'["a":1]',
        b"[1]]",
        b"[1] 2",
        b"x[1]",
        b'["a]',
        b"[01]",
        b"[tru]",
        b'{"a" 1}',
        b"[[1]",
        b":",
        b",",
        b'{"a":1]',
        b"[1}",
        b'[1]"',
    ],
)
def test_broken_json_cannot_be_cut(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        parts_of(body)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a":1,}', b"[1]", b"5", b'{"a":1}x', DEEP, DEEP[:-1]]
)
def test_what_is_no_object_has_no_pairs(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever reader says it
        pairs_of(body)


def test_what_python_has_no_number_for_stays_text() -> None:
    body = b"[1e999, -1e999, NaN, -Infinity, 1e-999, 12345678901234567890123, " + b"9" * 5000 + b"]"
    expected = ["1e999", "-1e999", "NaN", "-Infinity", 0.0, 12345678901234567890123, "9" * 5000]
    assert value_of(body) == expected
    assert msgspec.json.decode(msgspec.json.encode(value_of(body))) == expected


def test_half_a_surrogate_pair_is_a_question_mark() -> None:
    found = value_of(b'{"a\\ud83d": ["\\udc00b", "\\ud83d\\ude00"], "a\\ud83e": 1}')
    assert found == {"a?": ["?b", "\U0001f600"], "repeated": [["a?", 1]]}
    assert json.loads(mended(b'"\\ud83d"')) == "?"


@pytest.mark.parametrize(
    "body", [b'"a\nb"', b'"a\x00b"', b'"\xff"', b'[NaN, "\\ud83d"]', b"[1e999]"]
)
def test_mended_json_is_strict(body: bytes) -> None:
    msgspec.json.decode(mended(body))


@given(st.binary(max_size=40))
def test_any_bytes_have_a_value_or_are_text(data: bytes) -> None:
    msgspec.json.encode(value_or_text(data))


def test_of_equal_keys_the_first_stays_and_none_is_lost() -> None:
    pairs = [("a", 1), ("a", 2), ("repeated", 3), ("repeated_", 4), ("a", 1)]
    assert gathered(pairs) == {
        "a": 1,
        "repeated": 3,
        "repeated_": 4,
        "repeated__": [["a", 2], ["a", 1]],
    }
    assert unused_key("b", {"a": 1}) == "b"


@pytest.mark.parametrize(
    ("found", "text", "left"),
    [
        ({"a": "x", "b": "y"}, "x", {"b": "y"}),
        ({"a": None, "b": 5}, "5", {"a": None}),
        ({"a": {}, "b": True}, None, {"a": {}, "b": True}),
        ({"b": 7.5}, "7.5", {}),
        ({}, None, {}),
    ],
)
def test_the_first_text_or_number_is_taken(
    found: dict[str, Any], text: str | None, left: dict[str, Any]
) -> None:
    assert take_text(found, "a", "b") == text
    assert found == left
