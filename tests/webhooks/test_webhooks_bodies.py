"""Bodies that are at the edge of what is well-formed, and beyond."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from push_kit import (
    BOUNDARY,
    ENCODINGS,
    KEYED,
    fields,
    json_object,
    multipart,
    multipart_of,
    part,
    received,
    refused,
    texts,
    urlencoded,
)

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks.form import _unquoted
from klearstack_async.webhooks.json_object import json_members, read_json

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("encode", ENCODINGS, ids=lambda e: e.__name__)
def test_a_body_that_was_cut_off_is_never_a_part_of_a_push(encode: Any) -> None:
    # In a form, the last value of an urlencoded body may lose its end unnoticed; here it is data.
    headers, body = encode(fields())
    for end in range(len(body.rstrip()) - 1):
        refused((headers, body[:end]), None, **ANY)


ANY: dict[str, Any] = {"password": None, "unverified": True}


@pytest.mark.parametrize("encode", ENCODINGS[:3], ids=lambda e: e.__name__)
@pytest.mark.parametrize("name", ["password", "data", "batch_id", "note"])
def test_a_field_that_is_there_twice_is_malformed(encode: Any, name: str) -> None:
    headers, body = encode(fields(note="a"))
    _, again = encode({name: fields(note="a")[name]})
    twice = body + b"&" + again if encode is urlencoded else again[: -len(BOUNDARY) - 6] + body
    assert "twice" in str(refused((headers, twice), 400))


@pytest.mark.parametrize("spoilt", [b"", b', "x": NaN'], ids=["strict", "mended"])
@pytest.mark.parametrize("name", ["password", "p\\u0061ssword", "data", "note"])
def test_a_key_that_is_there_twice_is_malformed(name: str, spoilt: bytes) -> None:
    body = json.dumps(fields(note="a")).encode()[:-1]
    body += b', "' + name.encode() + b'": "x"' + spoilt + b"}"
    assert "twice" in str(refused((JSON, body), 400))


@pytest.mark.parametrize("encode", ENCODINGS, ids=lambda e: e.__name__)
def test_the_number_of_fields_is_bounded(encode: Any) -> None:
    assert len(received(encode(fields(**{f"f{i}": "1" for i in range(100)}))).extra) == 100
    many = encode(fields(**{f"f{i}": "1" for i in range(5000)}))
    assert "more than 200 fields" in str(refused(many, 400))


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("application/xml", 415),
        ("multipart/mixed; boundary=x", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary=""', 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/form-data; boundary=other", 400),
        ("application/json; charset=utf-16", 415),
        ("application/x-www-form-urlencoded; charset=punycode", 415),
    ],
)
def test_a_content_type_that_says_too_little_is_refused(
    content_type: str | None, status: int
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    refused((headers, multipart(fields())[1]), status)


def test_two_content_types_are_malformed() -> None:
    headers, body = json_object(fields())
    refused(({**headers, "content-type": "text/plain"}, body), 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary={}",
        "multipart/form-data;boundary={}",
        'Multipart/Form-Data; charset=utf-8; BOUNDARY="{}"',
        'multipart/form-data; boundary = "{}" ; x=y',
    ],
)
def test_a_boundary_is_read_with_and_without_quotes(content_type: str) -> None:
    _, body = multipart(fields())
    boundary = "simple" if '"' not in content_type else BOUNDARY
    body = body.replace(BOUNDARY.encode(), boundary.encode())
    assert received(({"Content-Type": content_type.format(boundary)}, body)).batch_id


def test_a_boundary_may_hold_an_escaped_quote() -> None:
    _, body = multipart(fields())
    headers = {"Content-Type": r'multipart/form-data; boundary="a\"b\\c"'}
    assert received((headers, body.replace(BOUNDARY.encode(), rb'a"b\c'))).batch_id


TRICKY = [
    "",
    "\r\n",
    "\r\n\r\n--\r\n",
    "--" + BOUNDARY,
    f"\r\n--{BOUNDARY[:-1]}",
    f"\r\n--{BOUNDARY}x\r\n",
    f"\r\n--{BOUNDARY}--x",
    f"\r\n--{BOUNDARY}-\r\n",
    "\n--" + BOUNDARY + "\n",
    "\r",
    "a\r\nb\nc\rd\0",
]


@pytest.mark.parametrize("value", TRICKY)
def test_a_value_is_what_stands_between_two_boundaries_and_nothing_else(value: str) -> None:
    assert received(multipart(fields(note=value, after="x"))).extra == {"note": value, "after": "x"}


def test_text_after_a_multipart_body_and_spaces_after_boundaries_are_allowed() -> None:
    headers, body = multipart(fields())
    line = f"--{BOUNDARY}\r\n".encode()
    padded = body.replace(line, line[:-2] + b" \t\r\n") + b"\r\nepilogue"
    assert received((headers, padded)).key == received((headers, body)).key
    assert received((headers, body.rstrip())).key == received((headers, body)).key


@pytest.mark.parametrize(
    "broken",
    [
        f"--{BOUNDARY}\r\n\r\nvalue\r\n",
        f"--{BOUNDARY}\r\nno header\r\n\r\nvalue\r\n",
        f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nvalue\r\n",
        f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n",
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name=""\r\n\r\nvalue\r\n',
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\nvalue\r\n',
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n',
        f"--{BOUNDARY}\r\nX: {'x' * 17000}\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n",
        f"--{BOUNDARY}\r\nX: 1\r\nx: 2\r\n\r\nvalue\r\n",
        f"--{BOUNDARY}\n",
        f"--{BOUNDARY}--\r\n",
        "preamble\r\n",
    ],
)
def test_a_broken_part_is_malformed(broken: str) -> None:
    refused(multipart_of(broken.encode(), *(part(k, v) for k, v in texts(fields()).items())), 400)


def test_a_parts_headers_may_be_folded_and_in_any_casing() -> None:
    head = f'--{BOUNDARY}\r\ncontent-disposition: FORM-DATA;\r\n\tNAME="note"\r\n\r\nx\r\n'
    parts = (part(name, value) for name, value in texts(fields()).items())
    assert received(multipart_of(head.encode(), *parts)).extra == {"note": "x"}


@pytest.mark.parametrize(
    ("header", "sent", "text"),
    [
        ("", "Köln".encode(), "Köln"),
        ("Content-Type: text/plain; charset=UTF-8\r\n", "Köln".encode(), "Köln"),
        ('Content-Type: text/plain; charset="iso-8859-1"\r\n', b"K\xf6ln", "Köln"),
        ("Content-Type: text/plain; charset=windows-1252\r\n", b"5 \x80", "5 €"),
        ("Content-Type: text/plain; charset=us-ascii\r\n", b"Koeln", "Koeln"),
        ("Content-Transfer-Encoding: 8bit\r\n", "Köln".encode(), "Köln"),
        ("", b"K\xf6ln", b"K\xf6ln"),
    ],
)
def test_a_part_is_read_by_its_charset(header: str, sent: bytes, text: str | bytes) -> None:
    parts = [part(name, value) for name, value in texts(fields()).items()]
    assert received(multipart_of(part("note", sent, headers=header), *parts)).extra["note"] == text


@pytest.mark.parametrize(
    "header",
    [
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Type: text/plain; charset=utf-7\r\n",
    ],
)
def test_an_encoding_that_forms_do_not_use_is_refused(header: str) -> None:
    parts = [part(name, value) for name, value in texts(fields()).items()]
    refused(multipart_of(part("note", "x", headers=header), *parts), 415)


MENDED = [
    (b'{"A": {"value": NaN}}', "NaN"),
    (b'{"A": {"value": "half \\ud83d"}}', "half ?"),
    (b'{"A": {"value": "caf\xe9"}}', "caf\ufffd"),
    (b'{"A": {"value": "two\nlines"}}', "two\nlines"),
    (b'{"A": {"value": 1e999}}', "1e999"),
    (b'[["v", "B"], [NaN, "A", 0.5]]', "NaN"),
    (b'\xef\xbb\xbf{"A": {"value": "x"}}', "x"),
    (b'{"A": {"value": 1}, "B": -Infinity, "A": {"value": 2}}', 1),
]


@pytest.mark.parametrize(("data", "value"), MENDED)
@pytest.mark.parametrize("where", ["form", "json"])
def test_what_is_no_strict_json_but_common_is_read_all_the_same(
    data: bytes, value: Any, where: str
) -> None:
    if where == "form":
        parts = [part(name, text) for name, text in texts(fields(None)).items()]
        push = received(multipart_of(part("data", data), *parts))
    else:
        rest = json.dumps(fields(None)).encode()[1:]
        push = received((JSON, b'{"data": ' + data.removeprefix(b"\xef\xbb\xbf") + b", " + rest))
    assert push.document["A"].value == value


def test_keys_that_repeat_survive_the_mending() -> None:
    data = b'{"A": {"value": 1}, "B": {"value": NaN}, "A": {"value": 2}}'
    found = read_json(data, json_members)
    assert [(name, json.loads(bytes(raw))["value"]) for name, raw in found] == [
        ("A", 1),
        ("B", "NaN"),
        ("A", 2),
    ]


@pytest.mark.parametrize(
    "data", ["{", '{"a": 1', "{'a': 1}", "Warning {}", "{} {}", '{"a": 1,}', "[" * 9]
)
def test_data_that_is_no_json_is_malformed(data: str) -> None:
    for encode in ENCODINGS:
        assert "can't read the JSON" in str(refused(encode(fields(data)), 400))


DEEP = ["[" * 200_000, "[" * 200_000 + "]" * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000]


@pytest.mark.parametrize("text", DEEP, ids=["open", "lists", "objects"])
def test_json_that_is_nested_deeply_is_malformed(text: str) -> None:
    for encode in ENCODINGS:
        refused(encode(fields(text)), 400)
    refused((JSON, b'{"data": ' + text.encode()), 400)


@pytest.mark.parametrize("depth", range(50, 1000, 50))
def test_no_depth_of_nesting_lets_another_error_out(depth: int) -> None:
    nested = '{"A": ' * depth + '{"value": 1}' + "}" * depth
    try:
        received(multipart(fields(nested))).document.to_dict()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be ours
        assert type(error).__name__ == "WebhookError"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null"])
def test_json_that_is_no_object_is_no_push(body: bytes) -> None:
    refused((JSON, body), 422)


@given(
    st.binary(max_size=60)
    | st.text("%+&=aF0\n\r", max_size=30).map(str.encode)
    | st.binary().map(quote_plus).map(str.encode)
)
def test_percent_encoding_is_undone_as_urllib_does_it(value: bytes) -> None:
    try:
        found = _unquoted(value)
    except WebhookError:
        assert re.search(rb"%(?![0-9A-Fa-f]{2})", value)
    else:
        assert found == unquote_to_bytes(value.replace(b"+", b" "))


# Made when they are needed: together they are some hundred MB.
HOSTILE: dict[str, Callable[[], Any]] = {
    "line ends": lambda: multipart(fields("\r\n" * (8 << 20))),
    "almost boundaries": lambda: multipart(fields(f"\r\n--{BOUNDARY}-" * 400_000)),
    "escapes": lambda: (FORM, b"data=" + b"%22" * (5 << 20)),
    "equal signs": lambda: (FORM, b"data=" + b"=" * (16 << 20)),
    "percent signs": lambda: (FORM, b"data=" + b"%" * (16 << 20)),
    "ampersands": lambda: (FORM, b"&" * (16 << 20)),
    "many names": lambda: (FORM, b"a&" * (8 << 20)),
    "many keys": lambda: (JSON, b"{" + b'"a":1,' * (2 << 20) + b'"a":1}'),
    "brackets": lambda: (JSON, b"[" * (16 << 20)),
    "a text without end": lambda: (JSON, b'{"' + b"a" * (16 << 20)),
    "backslashes": lambda: (JSON, b'{"' + b"\\\\" * (8 << 20)),
    "large and no JSON": lambda: (JSON, b'{"a": [' + b"[]," * (5 << 20) + b"NaN]}"),
    "one header": lambda: (
        {"Content-Type": 'multipart/form-data; boundary="' + '\\"' * 30_000},
        b"x",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_take_time_in_proportion(name: str) -> None:
    body = HOSTILE[name]()
    begin = time.process_time()
    refused(body, None, **ANY)
    # Seconds of work, of which there are at most three; quadratic time would take many minutes.
    assert time.process_time() - begin < 60


def test_a_push_of_some_megabytes_is_read_in_every_encoding() -> None:
    data = {f"Line {i}": {"value": f"ü{i}\r\n" * 50, "confidence": 0.5} for i in range(4_000)}
    keys = {received(encode(fields({**KEYED, **data}))).key for encode in ENCODINGS}
    assert len(keys) == 1
