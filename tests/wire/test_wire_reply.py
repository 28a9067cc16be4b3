from __future__ import annotations

import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import errors
from klearstack_async.errors import KlearStackError
from klearstack_async.wire.receipts import decode_upload
from klearstack_async.wire.reply import Reply, decode_json, error_class, judge, read

ANYTHING = msgspec.json.Decoder(dict[str, object])


def reply(body: bytes, status: int = 200, content_type: str = "application/json") -> Reply:
    return Reply(status, {"content-type": content_type}, body, endpoint="some.call")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.Redirected),
        (400, errors.BadRequest),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDenied),
        (404, errors.EndpointNotFound),
        (405, errors.EndpointNotFound),
        (413, errors.BadRequest),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (501, errors.ServerError),
        (503, errors.ServerError),
        (100, errors.ResponseError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[KlearStackError]) -> None:
    with pytest.raises(kind) as caught:
        judge(reply(b'{"error": "No."}', status))
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert "No." in str(caught.value)


@given(st.integers(200, 299))
def test_a_success_passes(status: int) -> None:
    assert error_class(status) is None
    judge(reply(b"", status))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "Please provide username."}', "Please provide username."),
        (b'{"detail": "Gone"}', "Gone"),
        (b'"Server Error"', "Server Error"),
        (b"Forbidden: Client Error", "Forbidden: Client Error"),
        (b"", "no reason given"),
        (b"<html><h1>502 Bad Gateway</h1></html>", "web page"),
        (b"\xff\xfe", "\ufffd"),
    ],
)
def test_a_refusal_says_what_the_service_says(body: bytes, said: str) -> None:
    with pytest.raises(errors.ServerError, match=said):
        judge(reply(body, 500))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}',
        b'  {"a": 1}  ',
        b'\xef\xbb\xbf{"a": 1}',
        b'<!-- x -->{"a": 1}<!-- y -->',
        b'junk [not json] {"a": 1} tail {"b": 2}',
    ],
)
def test_json_is_found_in_whatever_stands_around_it(body: bytes) -> None:
    assert decode_json(reply(body), ANYTHING) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'"Batch ID not found"', errors.Rejected),
        (b"Document ID not found", errors.Rejected),
        (b"<!DOCTYPE html><html></html>", errors.DecodeError),
        (b"", errors.DecodeError),
        (b"null", errors.DecodeError),
        (b"[1, 2]", errors.DecodeError),
        (b'{"a": ', errors.DecodeError),
        (b"[" * 100_000, errors.DecodeError),
    ],
)
def test_what_is_no_answer_gives_a_documented_error(
    body: bytes, kind: type[KlearStackError]
) -> None:
    with pytest.raises(kind):
        decode_json(reply(body), ANYTHING)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_byte_that_is_no_utf8_makes_no_other_error(status: int) -> None:
    answer = reply(b'{"error": "acc\xe8s refus\xe9"}', status)

    def judge_and_read() -> None:
        judge(answer)
        read(answer, decode_upload)

    with pytest.raises(errors.ResponseError, match="refus"):
        judge_and_read()


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_documented_error(body: bytes) -> None:
    try:
        assert isinstance(read(reply(body), lambda r: decode_json(r, ANYTHING)), dict)
    except KlearStackError as error:
        assert len(str(error)) < 1000


WAYS_TO_WRITE: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "php": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "url": lambda s: quote(s, safe=""),
    "url, lower": lambda s: quote(s, safe="").lower(),
    "form": quote_plus,
    "html": html.escape,
    "python": lambda s: repr(s)[1:-1],
    "python, ascii": lambda s: ascii(s)[1:-1],
}


@given(
    # No part of what a server says by itself, or of the mark that hides it.
    secret=st.text(st.sampled_from("ABCÄΩ /+&=%\"'"), min_size=4, max_size=40).filter(
        lambda text: text.strip() == text
    ),
    way=st.sampled_from(sorted(WAYS_TO_WRITE)),
)
def test_a_secret_that_the_server_repeats_is_in_no_error(secret: str, way: str) -> None:
    written = WAYS_TO_WRITE[way](secret)
    body = f"{{'error': wrong: <{written}>".encode()
    with pytest.raises(errors.BadRequest) as caught:
        judge(Reply(400, {}, body, secrets=(secret,)))
    shown = f"{caught.value} {caught.value.excerpt}"
    assert f"<{written}>" not in shown
    assert shown.count("<***>") == 2


@pytest.mark.parametrize("spaces", range(3950, 4010))
def test_half_a_secret_is_in_no_error(spaces: int) -> None:
    secret = "MARKED-0123456789-MARKED"
    body = b" " * spaces + secret.encode() + b" " * 5000
    with pytest.raises(errors.BadRequest) as caught:
        judge(Reply(400, {}, body, secrets=(secret,)))
    assert "MARK" not in f"{caught.value} {caught.value.excerpt}"


def test_a_message_is_bounded_and_cannot_steer_a_terminal() -> None:
    said = "\x1b]0;pwned\x07\x1b[31m" + "x" * 5_000_000
    with pytest.raises(errors.BadRequest) as caught:
        judge(reply(json.dumps({"error": said}).encode(), 400))
    assert len(str(caught.value)) < 1100
    assert "\x1b" not in str(caught.value) + caught.value.excerpt


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "MARKED", "refresh": ',
        b"{'refresh_token': 'MARKED'",
        b'{"said": "{\\"access_token\\": \\"MARKED\\"}"',
        b"access_token=MARKED&x=1 {",
        b'{"accessToken":"MARKED"',
        b"Bearer MARKED is bad",
        b'["eyJhbGciOiJIUzI1NiJ9.eyJNQVJLRUQiOjF9.MARKED"]',
    ],
)
def test_a_token_in_a_broken_answer_is_in_no_error(body: bytes) -> None:
    with pytest.raises(errors.ResponseError) as caught:
        decode_json(reply(body), ANYTHING)
    assert "MARKED" not in f"{caught.value} {caught.value!r} {caught.value.excerpt}"


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("1.5", 1.5), ("", None), ("soon", None), ("-1", None)]
)
def test_a_429_tells_how_long_to_wait(header: str, seconds: float | None) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        judge(Reply(429, {"retry-after": header}, b""))
    assert caught.value.retry_after == seconds


def test_a_redirect_tells_where_to() -> None:
    with pytest.raises(errors.Redirected, match=r"https://new\.example/x"):
        judge(Reply(302, {"location": "https://new.example/x"}, b""))


@pytest.mark.parametrize(
    "key", ["OCR_ref_no", "Function successfully executed!", "OCR_ext_no", "batch_id"]
)
def test_the_batch_id_is_found_under_each_key(key: str) -> None:
    body = {key: "b-1", "release_version": "7.8.9", "set_reference_number": 12345, "new": [1]}
    upload = decode_upload(reply(json.dumps(body).encode()))
    assert (upload.batch_id, upload.set_reference_number) == ("b-1", "12345")
    assert (upload.release_version, dict(upload.extra)) == ("7.8.9", {"new": [1]})


def test_a_blank_batch_id_is_none_and_a_later_one_counts() -> None:
    body = b'{"OCR_ref_no": "", "OCR_ext_no": true, "batch_id": "B"}'
    assert decode_upload(reply(body)).batch_id == "B"


def test_a_receipt_that_is_a_complaint_is_a_rejection() -> None:
    with pytest.raises(errors.Rejected, match="Incorrect"):
        decode_upload(reply(b'{"error": "Incorrect username or password."}'))


@pytest.mark.parametrize("body", [b"{}", b'{"batch_id": null}', b'{"batch_id": " "}'])
def test_a_receipt_without_a_batch_id_is_an_error(body: bytes) -> None:
    with pytest.raises(errors.DecodeError, match="no batch id"):
        decode_upload(reply(body))
