"""Whatever a server sends, a decoder gives a value that can be used, or a documented error."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from klearstack_async import Document, Field
from klearstack_async.errors import DecodeError, Rejected
from klearstack_async.wire.confirmation import answer_in, confirmation_decoder, decode_box_text
from klearstack_async.wire.images import decode_image, decode_image_file
from klearstack_async.wire.listings import (
    decode_datasource_rows,
    decode_datasources,
    decode_set_status,
    decode_sets,
    decode_user_id,
)
from klearstack_async.wire.receipts import decode_upload
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.results import (
    batch_decoder,
    decode_each,
    decode_list,
    document_decoder,
)
from klearstack_async.wire.tokens import decode_tokens

Decode = Callable[[Reply], Any]

DECODERS: Mapping[str, Decode] = {
    "batch": batch_decoder("b-1", 1),
    "list": decode_list,
    "each": decode_each,
    "document": document_decoder("d-1"),
    "documented": confirmation_decoder(documented=True),
    "undocumented": confirmation_decoder(documented=False),
    "box": decode_box_text,
    "anything": answer_in,
    "datasources": decode_datasources,
    "rows": decode_datasource_rows,
    "sets": decode_sets,
    "set status": decode_set_status,
    "user id": decode_user_id,
    "image": decode_image,
    "image file": decode_image_file,
    "upload": decode_upload,
    "tokens": lambda reply: decode_tokens(reply, datetime(2026, 1, 1, tzinfo=UTC)),
}
CONTENT_TYPES = ("application/json", "text/html", "text/plain; charset=x", "image/png", "a/b;;", "")
PROPERTIES = [name for name, value in vars(Document).items() if isinstance(value, property)]


def use(value: Any) -> None:
    """Do with a value everything that a user might do."""
    repr(value)
    assert value == value  # noqa: PLR0124 - comparing looks into all of it
    if isinstance(value, Document):
        use_document(value)
    elif isinstance(value, Iterator | list | tuple):
        # Of thousands of equal documents, some are enough.
        for inner in list(value)[:500]:
            use(inner)
    elif isinstance(value, Mapping):
        # Not with `json`: that one would write half of a surrogate pair, too.
        msgspec.json.encode(value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            use(getattr(value, field.name))


def use_document(document: Document) -> None:
    for name in PROPERTIES:
        repr(getattr(document, name))
    for whole in (document.to_dict(), document.to_record(), dict(document.extra)):
        assert json.loads(json.dumps(whole)) is not None
        msgspec.json.encode(whole)
    # Each of these looks through all fields.
    for field in document.fields[:50]:
        assert document.all(field.name)
        assert document[field.name] == document.get(field.name)
        use_field(field)


def use_field(field: Field) -> None:
    repr(field)
    for convert in (field.as_decimal, field.as_date):
        try:
            convert()
        except ValueError:
            # The documented way to say that it is none.
            continue


def attack(body: bytes, decode: Decode, content_type: str = "application/json") -> Any:
    """Give the value, or None for a documented error."""
    reply = Reply(200, {"content-type": content_type}, body, endpoint="some.call")
    try:
        value = read(reply, decode)
    except (DecodeError, Rejected) as error:
        assert len(str(error)) < 1100
        assert len(error.excerpt) <= 500
        return None
    use(value)
    return value


def nested(levels: int, inner: str = "1", opening: str = "[", closing: str = "]") -> str:
    return opening * levels + inner + closing * levels


ROW = '["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1, 2, 3, 4]]'
KEYED = '{"Document_id": "d-1", "Inv": {"value": "1", "confidence": 0.9, "page_index": 1}}'
LEVELS = (40, 60, 800, 990, 1_000, 3_000)
DEEP = [
    template.replace("DEEP", deep)
    for template in (
        "DEEP",
        '{"result": DEEP}',
        '{"result": [[[DEEP, "Name", 0.5]]]}',
        '{"result": [{"A": {"value": DEEP}, "Document_id": "d-1"}]}',
        '{"success": true, "message": "x", "result": [], "more": DEEP}',
    )
    for levels in LEVELS
    for deep in (nested(levels), nested(levels, "1", '{"a":', "}"), "[" * levels)
] + ["[" * 100_000, '{"success": ' + nested(100_000) + "}"]
NUMBERS = [
    "1e999",
    "-1e999",
    "NaN",
    "-Infinity",
    "9" * 30,
    "9" * 4_200,
    "9" * 10_000,
    "-0.0",
    "1e-400",
]
STRINGS = [
    '"\\ud83d"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"\x00"',
    '"a\nb"',
    '"\x7f\\u202e"',
    '"\ud800"',
]
PLACES = [
    '{{"result": [[[{0}, "Name", {0}, {{"page_index": {0}}}, [{0}, 1, 1, 1]]]]}}',
    '{{"result": [[[{0}, "Document_id"], [{0}, "upload_time"], [{0}, "error"]]]}}',
    '{{"result": [{{"A": {{"value": {0}, "confidence": {0}, "coordinate": [{0}]}}}}]}}',
    '{{"result": [{{"A": {{"value": {0}, "page_index": {0}, "coordinate": {0}}}}}]}}',
    '{{"result": [{{"Document_id": {0}, "is_approved": {0}, "overall_confidence": {0}}}]}}',
    '{{"result": [{{"status": "failed", "error": {0}, "finished_time": {0}, "ocr_id": {0}}}]}}',
    '{{"result": {0}, "error": {0}, "release_version": {0}, "status": {0}}}',
    '{{"success": {0}, "message": {0}, "errors": {0}, "text": {0}, "user_id": {0}}}',
    '[{{"id": {0}, "name": {0}, "fields": [{0}], "set_reference_number": {0}, "file_name": {0}}}]',
    '{{"access_token": {0}, "refresh_token": {0}, "OCR_ref_no": {0}, "image": {0}}}',
    "{0}",
]
WRONG = [
    "null",
    "true",
    "{}",
    "[]",
    "5",
    '"x"',
    '[{"a": 1}]',
    '{"value": {"value": 1}}',
    "[null, null]",
]
REPEATED = [
    '{"result": [' + KEYED + '], "result": [[' + ROW + ']], "status": "x", "status": {}}',
    '{"result": [{"A": {"value": 1, "value": [1]}, "A": {"value": 2}, "A": 3, "A": 3}]}',
    '{"success": true, "success": false, "error": "", "error": null}',
    '{"result": [[["a", "N", 0.5, {"page_index": 1, "page_index": 2}]]]}',
]
WHOLE = '{"result": [' + KEYED + "], " + '"status": "completed"}'
AROUND = [
    "",
    " ",
    "\n\t ",
    "\x00",
    "null",
    '""',
    "{}",
    "[]",
    "[[]]",
    "[{}]",
    "-",
    '"',
    "{",
    "[",
    "<",
    "\\",
    WHOLE + WHOLE,
    WHOLE + "\x00",
    "junk " + WHOLE + " junk",
    "\ufeff" + WHOLE,
    WHOLE[:-9],
    WHOLE[:40],
    "<html>" + WHOLE,
    "<!DOCTYPE html><title>Sign in</title>",
    "<?xml version='1.0'?><a>success</a>",
    "{'result': []}",
    "callback(" + WHOLE + ");",
    '{"result": "' + WHOLE.replace('"', '\\"') + '"}',
    "Request Submitted Successfully",
    '"Document ID not found"',
    "data:image/png;base64,iVBORw0K",
    "http://[",
    "http://host:99999999/x",
    "/" + "9" * 100,
    "[" + "{" * 500,
    "[x" * 5_000,
    '{"a' * 5_000,
]
LARGE = [
    "[" + ",".join(["1"] * 30_000) + "]",
    '{"result": [' + ",".join(["{}"] * 30_000) + "]}",
    '{"result": [[' + ",".join([ROW] * 5_000) + "]]}",
    '{"result": [{' + ",".join(f'"k{n}": {n}' for n in range(5_000)) + "}]}",
    '{"data": "' + "A" * 3_000_000 + '"}',
    "A" * 3_000_000,
]
BODIES: Mapping[str, list[str]] = {
    "deep": DEEP,
    "numbers": [place.format(number) for place in PLACES for number in NUMBERS],
    "strings": [place.format(string) for place in PLACES for string in STRINGS],
    "wrong types": [place.format(wrong) for place in PLACES for wrong in WRONG],
    "repeated keys": REPEATED,
    "junk": AROUND,
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_strange_body_gives_a_value_or_a_documented_error(decoder: str, kind: str) -> None:
    for body in BODIES[kind]:
        attack(body.encode("utf-8", "surrogatepass"), DECODERS[decoder])


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_no_content_type_makes_another_error(decoder: str, content_type: str) -> None:
    for body in (*AROUND[:-2], *WRONG):
        attack(body.encode(), DECODERS[decoder], content_type)


@pytest.mark.parametrize("decoder", ["list", "each", "rows", "documented", "image"])
def test_a_large_body_is_read_like_any_other(decoder: str) -> None:
    for body in LARGE:
        attack(body.encode(), DECODERS[decoder])


@pytest.mark.parametrize("levels", [*LEVELS, 20_000])
@pytest.mark.parametrize("decoder", ["list", "each", "batch"])
def test_a_value_that_is_nested_too_deeply_costs_nothing_else(decoder: str, levels: int) -> None:
    deep = nested(levels)
    strange_row = f'[{deep}, "Deep", 0.5]'
    body = (
        f'{{"result": [[{ROW}, {strange_row}, {ROW}], {KEYED[:-1]}, "Deep": {deep}}}, [{ROW}]], '
        f'"more": {deep}, "release_version": "7.8.9"}}'
    )
    found = attack(body.encode(), DECODERS[decoder])
    documents = list(read(Reply(200, {}, body.encode()), decode_each))
    if decoder != "each":
        assert list(found) == documents if decoder == "list" else list(found.documents) == documents
        assert found.release_version == "7.8.9"
        assert (found.extra["more"] == deep) is (levels > 50)
    rows, keyed, last = documents
    assert [field.box is not None for field in rows.all("Inv_Total")] == [True, True]
    assert (keyed.document_id, keyed["Inv"].value) == ("d-1", "1")
    assert last["Inv_Total"].value == "12345.0"
    if levels > 50:
        # At more levels than msgspec looks into, the whole row is text.
        kept = [rows["Deep"].value] if "Deep" in rows else rows.extra["rows"]
        assert kept in ([deep], [strange_row])
        assert keyed.extra["Deep"] == deep


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_an_answer_that_is_deep_and_cut_off_is_an_error(opening: str) -> None:
    deep = opening * 5_000 + "1"
    for body in (f'{{"result": [[{ROW}], {deep}', f'{{"result": [[{ROW}]], "more": {deep}'):
        assert attack(body.encode(), decode_list) is None
        assert attack(body.encode(), decode_each) is None


def test_a_document_is_usable_far_down_in_a_program() -> None:
    body = f'{{"result": [[[{nested(800)}, "Name", 0.5]], {{"A": {{"value": {nested(800)}}}}}]}}'
    documents = read(Reply(200, {}, body.encode()), decode_list)

    def further_down(levels: int) -> None:
        use(documents) if levels == 0 else further_down(levels - 1)

    further_down(500)


MESSY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["failed", "true", "26-Jul-2025", "http://a/b", "not found", "success"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                [
                    "result",
                    "data",
                    "error",
                    "success",
                    "status",
                    "message",
                    "Document_id",
                    "is_approved",
                    "value",
                    "confidence",
                    "page_index",
                    "coordinate",
                    "documents",
                    "rows",
                    "id",
                    "name",
                    "fields",
                    "text",
                    "user_id",
                    "repeated",
                    "upload_time",
                    "release_version",
                    "overall_confidence",
                    "file_name",
                    "image",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(MESSY, st.sampled_from(["", "junk ", "\ufeff", "[1] "]), st.sampled_from(["", "}", " tail"]))
@example({"result": [{"status": "failed", "error": {}}]}, "", "")
def test_any_json_gives_a_value_or_a_documented_error(value: Any, before: str, after: str) -> None:
    # `json` writes NaN, Infinity and halves of surrogate pairs, as many servers do.
    body = (before + json.dumps(value) + after).encode()
    for decode in DECODERS.values():
        attack(body, decode)


@given(
    st.binary(max_size=200)
    | st.text("[]{}\":,'\\01eE-+.ntfu a\ud800\x00\n<", max_size=60).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.sampled_from(CONTENT_TYPES),
)
def test_any_bytes_give_a_value_or_a_documented_error(body: bytes, content_type: str) -> None:
    for decode in DECODERS.values():
        attack(body, decode, content_type)


@given(st.data())
def test_a_broken_answer_gives_a_value_or_a_documented_error(data: st.DataObject) -> None:
    body = bytearray(f'{{"result": [[{ROW}, ["a", "b"]], {KEYED}], "success": "yes"}}'.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
        body = body or bytearray(b" ")
    for decode in DECODERS.values():
        attack(bytes(body), decode)
