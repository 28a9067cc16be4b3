"""Attacks: whatever comes in, out comes a push or a `WebhookError`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from push_kit import BOUNDARY, ENCODINGS, KEYED, POSITIONAL, Request, fields, json_object, received

from klearstack_async.document import Document
from klearstack_async.errors import WebhookError
from klearstack_async.webhooks import parse_push

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({"value": VALUES}, optional={"confidence": st.floats(0, 1)})
NAMES = st.text(max_size=8) | st.sampled_from(["Document_id", "status", "error", "release_version"])
DOCUMENTS = st.dictionaries(NAMES, VALUES | FIELDS, min_size=1, max_size=6)
SENT = tuple(encode(fields(data)) for encode in ENCODINGS for data in (KEYED, POSITIONAL))
TYPES = st.sampled_from([headers for headers, _ in SENT]) | st.fixed_dictionaries(
    {"content-type": st.text() | st.text().map("multipart/form-data; boundary={}".format)}
)
PIECES = st.sampled_from(
    [
        *(b"\r\n", b"--", BOUNDARY.encode(), b'"', b"{", b"}", b"[", b"]", b"&", b"=", b"%", b"\0"),
        *(b"\\ud83d", b"\xff", b"\xed\xa0\x80", b"NaN", b"1e999", b"-0", b"9" * 5000, b"[" * 2000),
        *(b'"result":[', b'"data":', b"data=", b'name="data"\r\n\r\n', b"password", b":", b","),
    ]
)


def looked_at(request: Request, **options: Any) -> None:
    """Parse, and if it is a push, look at all of it."""
    headers, body = request
    try:
        push = parse_push(headers, body, **options)
    except WebhookError as error:
        assert error.status in {400, 401, 415, 422}
        assert len(str(error)) < 1100
        assert len(error.excerpt) <= 503
        assert error.__context__ is None
    else:
        assert push.key.isascii()
        assert push.batch_id
        assert push.document_id
        assert repr(push)
        json.dumps(push.document.to_dict())


@given(TYPES, st.binary(max_size=400) | st.lists(PIECES, max_size=12).map(b"".join))
def test_any_bytes_give_a_push_or_an_error(headers: dict[str, str], body: bytes) -> None:
    looked_at((headers, body), unverified=True)


@given(st.sampled_from(SENT), st.data())
def test_a_push_with_any_damage_gives_a_push_or_an_error(request_: Request, data: Any) -> None:
    headers, body = request_
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(begin, min(len(body), begin + 40)))
        body = body[:begin] + data.draw(PIECES | st.binary(max_size=5)) + body[end:]
    looked_at((headers, body), unverified=True)


@given(st.sampled_from(ENCODINGS), VALUES | DOCUMENTS | st.lists(VALUES) | st.text())
def test_any_data_gives_a_push_or_an_error(encode: Any, data: Any) -> None:
    looked_at(encode(json.loads(json.dumps(fields(data)))), unverified=True)


@given(
    st.lists(
        st.tuples(st.text() | st.binary(), st.text() | st.binary())
        | st.tuples(st.just(b"authorization"), st.text() | st.binary())
    )
)
def test_any_headers_give_a_push_or_an_error(headers: list[tuple[Any, Any]]) -> None:
    looked_at((headers, b"{}"), token="t")  # type: ignore[arg-type]


@given(DOCUMENTS)
def test_a_document_says_the_same_in_every_encoding(document: dict[str, Any]) -> None:
    pushes = [received(encode(fields(document))) for encode in ENCODINGS]
    assert len({push.key for push in pushes}) == 1
    assert all(push.document.to_dict() == pushes[0].document.to_dict() for push in pushes)


@given(DOCUMENTS, DOCUMENTS)
def test_two_documents_have_two_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    said = [Document({**d, "release_version": None}).to_dict() for d in (one, other)]
    assume(json.dumps(said[0], sort_keys=True) != json.dumps(said[1], sort_keys=True))
    orders = [sorted(map(json.dumps, s.pop("fields"))) for s in said]
    assume(orders[0] != orders[1] or said[0] != said[1])
    keys = {received(json_object(fields(d))).key for d in (one, other)}
    assert len(keys) == 2


@given(st.dictionaries(st.text(min_size=1), SCALARS, max_size=5))
def test_nothing_that_was_sent_besides_is_lost(others: dict[str, Any]) -> None:
    assume(not {name.strip().lower() for name in others} & {n.lower() for n in fields()})
    assert received(json_object(fields(**others))).extra == {
        name: value for name, value in others.items() if value is not None
    }
