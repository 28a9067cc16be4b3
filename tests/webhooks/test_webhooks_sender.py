"""Who may push, and that nobody learns a secret from what is said to others."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

import pytest
from push_kit import (
    ACCOUNT,
    BEARER,
    ENCODINGS,
    PASSWORD,
    TOKEN,
    Request,
    fields,
    json_object,
    multipart,
    multipart_of,
    part,
    refused,
    urlencoded,
)

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks import parse_push

SENT = json_object(fields())


def parsed(request: Request, headers: Any = (), **options: Any) -> Any:
    return parse_push([*request[0].items(), *headers], request[1], **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"username": "hook"}, {"company_name": "acme"}, {"company_name": "acme", "username": "u"}],
)
def test_trusting_anybody_is_a_decision(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unverified=True"):
        parsed(SENT, **options)
    assert parsed(SENT, unverified=True)


@pytest.mark.parametrize("name", ["token", "password", "username", "company_name"])
def test_an_empty_secret_is_misuse(name: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        parsed(SENT, unverified=True, **{name: ""})


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN} "},
        {"AUTHORIZATION": f"BEARER {TOKEN}"},
        [("authorization", f"Bearer {TOKEN}")],
        [(b"Authorization", f"Bearer {TOKEN}".encode())],
        ((b"authorization", f"Bearer {TOKEN}".encode()) for _ in range(1)),
    ],
    ids=["usual", "lower", "upper", "pairs", "ASGI", "iterator"],
)
def test_the_right_token_is_found_in_any_kind_of_headers(headers: Any) -> None:
    pairs: Iterable[Any] = headers.items() if isinstance(headers, dict) else headers
    assert parsed(SENT, pairs, token=TOKEN).batch_id


def test_headers_may_be_a_mapping() -> None:
    assert parse_push(SENT[0] | BEARER, SENT[1], token=TOKEN).batch_id


def test_a_token_may_be_any_text() -> None:
    header = (b"Authorization", "Bearer tökén".encode())
    assert parsed(SENT, [header], token="tökén")


WRONG_TOKENS: dict[str, list[tuple[Any, Any]]] = {
    "none": [],
    "empty": [("Authorization", "")],
    "no token": [("Authorization", "Bearer ")],
    "another": [("Authorization", "Bearer other")],
    "its start": [("Authorization", f"Bearer {TOKEN[:-1]}")],
    "more": [("Authorization", f"Bearer {TOKEN}x")],
    "another scheme": [("Authorization", f"Basic {TOKEN}")],
    "no scheme": [("Authorization", TOKEN)],
    "another casing": [("Authorization", f"Bearer {TOKEN.upper()}")],
    "twice": [("Authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")],
    "right and wrong": [("Authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")],
    "no text": [(b"Authorization", b"Bearer \xff\x00")],
    "half a pair": [("Authorization", "Bearer \ud800")],
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
@pytest.mark.parametrize("body", [SENT[1], b"", b"\xff{"], ids=["push", "empty", "broken"])
def test_a_wrong_token_is_refused_alike_before_the_body_is_looked_at(
    name: str, body: bytes
) -> None:
    with pytest.raises(WebhookError) as caught:
        parsed((SENT[0], body), WRONG_TOKENS[name], token=TOKEN, **ACCOUNT)
    assert caught.value.status == 401
    assert caught.value.excerpt == ""
    assert "compare it with the one in KlearStack" in str(caught.value)


WRONG: tuple[Any, ...] = ("other", "", None, "ACME")


@pytest.mark.parametrize("encode", ENCODINGS, ids=lambda e: e.__name__)
@pytest.mark.parametrize("name", ACCOUNT)
@pytest.mark.parametrize("wrong", WRONG)
def test_each_wrong_credential_is_refused_alike(encode: Any, name: str, wrong: Any) -> None:
    error = refused(encode(fields(**{name: wrong})), 401, **ACCOUNT)
    all_wrong = refused(encode(fields(company_name="", username="", password="")), 401, **ACCOUNT)
    assert (str(error), error.excerpt) == (str(all_wrong), "")


def test_every_credential_is_compared_when_the_first_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []

    def compare(sent: bytes, right: bytes) -> bool:
        compared.append(right)
        return sent == right

    monkeypatch.setattr("hmac.compare_digest", compare)
    refused(json_object(fields(company_name="x")), 401, **ACCOUNT)
    assert compared == [value.encode() for value in ACCOUNT.values()]


def test_only_what_is_given_is_compared() -> None:
    values = fields(username="anybody", company_name="any")
    assert parsed(json_object(values), password=PASSWORD)
    assert parsed(json_object(fields(password=None)), BEARER.items(), token=TOKEN)


def test_what_is_given_is_checked_even_if_unverified() -> None:
    refused(json_object(fields(password="x")), 401, unverified=True)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_body_is_measured_before_anything_else(size: int) -> None:
    error = refused((SENT[0], b"x" * (size + 1)), 413, max_bytes=size, token=TOKEN)
    assert f"{size + 1} bytes, and {size} are allowed" in str(error)


def test_a_body_of_just_the_size_is_read() -> None:
    assert parsed(SENT, password=PASSWORD, max_bytes=len(SENT[1]))


OLD = "0ld-MARKED-pass"
JSON, FORM = {"Content-Type": "application/json"}, urlencoded({})[0]
FIRST = {"password": OLD, "username": "hook"}

# Requests that bring a password which nobody here knows, and are refused whoever asks.
BROKEN: dict[str, Request] = {
    "no data": json_object(fields(data=None)),
    "no data, old": json_object(FIRST),
    "no json": (JSON, json.dumps(fields()).encode()[:-3]),
    "no json, old": (JSON, json.dumps(FIRST).encode()[:-2]),
    "in utf-16": (JSON, json.dumps(FIRST).encode("utf-16")),
    "disguised": (JSON, f'{{"p\\u0061ssword": "{OLD}", "x" 1}}'.encode()),
    "a disguised form": (FORM, f"p%61ssword={OLD}&a&a".encode()),
    "json as a form": (FORM, json.dumps(fields()).encode()),
    "json as a form, old": (FORM, json.dumps(FIRST).encode()),
    "unknown type": ({"Content-Type": "text/plain"}, f"password={OLD}".encode()),
    "form": (FORM, f"password={quote_plus(PASSWORD)}&a=1&a=2".encode()),
    "form, old": (FORM, f"password={OLD}".encode()),
    "cut": (multipart(FIRST)[0], multipart(FIRST)[1][:-10]),
    "twice": multipart_of(part("password", OLD), part("password", PASSWORD)),
    "numbers": json_object(fields('{"a": ' + "9" * 5000 + ", NaN}", password=OLD)),
    "no utf-8": (JSON, b'{"password": "' + OLD.encode() + b'\xff", "x"'),
}
# Known secrets where nobody expects them.
ASTRAY: dict[str, Request] = {
    "a list": (JSON, json.dumps([PASSWORD, TOKEN]).encode()),
    "names": (FORM, f"{quote_plus(PASSWORD)}&{TOKEN}&{TOKEN}".encode()),
    "a type": ({"Content-Type": f"text/{TOKEN}"}, b""),
    "a boundary": ({"Content-Type": f"multipart/form-data; boundary={TOKEN}"}, TOKEN.encode()),
    "a charset": ({"Content-Type": f"application/json; charset={TOKEN}"}, b"{}"),
    "a key": (JSON, json.dumps({TOKEN: 1, PASSWORD: 2}).encode()),
    "an id": json_object(fields(document_id=TOKEN)),
    "data": json_object(fields(f"{{{PASSWORD}")),
}


def shown(error: WebhookError) -> str:
    trace = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {vars(error)} {error.args} {error.excerpt} {trace}".lower()


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(
    "options",
    [{"password": PASSWORD}, {"token": TOKEN}, {"token": TOKEN, **ACCOUNT}, {"unverified": True}],
    ids="+".join,
)
def test_no_password_that_was_sent_is_in_an_error(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(WebhookError) as caught:
        parsed(BROKEN[name], BEARER.items(), **options)
    assert "marked" not in shown(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ASTRAY)
@pytest.mark.parametrize("token", [TOKEN, TOKEN + "?"])
def test_no_known_secret_is_in_an_error(name: str, token: str) -> None:
    with pytest.raises(WebhookError) as caught:
        parsed(ASTRAY[name], BEARER.items(), token=token, password=PASSWORD)
    assert "marked" not in shown(caught.value)


def test_no_password_is_in_the_error_about_it() -> None:
    assert "marked" not in shown(refused(json_object(fields(password=OLD)), 401))


@pytest.mark.parametrize("encode", ENCODINGS, ids=lambda e: e.__name__)
def test_no_secret_is_in_a_push(encode: Any) -> None:
    values = fields(Password=PASSWORD, **{" USERNAME": PASSWORD})
    push = parsed(encode(values), BEARER.items(), token=TOKEN, password=PASSWORD)
    for name in type(push).__slots__:
        assert "MARKED" not in repr(getattr(push, name))
    assert "MARKED" not in repr(push) + str(push.document.to_dict())
    assert not hasattr(push, "__dict__")
    assert push.extra == {}


def test_an_excerpt_shows_what_came_up_to_the_secrets() -> None:
    kind = {"Content-Type": "application/json"}
    body = b'{"company_name": "acme", "batch_id": "b-1", "password": "x", "data": '
    error = refused((kind, body), 400)
    assert error.excerpt == '{"company_name": "acme", "batch_id": "b-1", "***'
