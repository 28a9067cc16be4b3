"""What may be repeated, and when: the tables."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import (
    AuthenticationError,
    BadRequest,
    BrokenAnswer,
    ClientClosed,
    ConnectError,
    ConnectionDropped,
    DeadlineExceeded,
    DecodeError,
    EndpointNotFound,
    KlearStackError,
    PermissionDenied,
    RateLimited,
    Redirected,
    Rejected,
    Replay,
    Reply,
    ResponseError,
    RetryPolicy,
    ServerError,
    StallTimeout,
    TlsError,
    TransportError,
    errors,
)
from klearstack_async.endpoints.results import batch_documents
from klearstack_async.wire.listings import decode_user_id
from klearstack_async.wire.reply import judge, read
from klearstack_async.wire.retry import (
    FATES,
    back_off_seconds,
    fate_of,
    is_refusal,
    may_be_repeated,
)
from klearstack_async.wire.retry_after import retry_after_seconds

# error, status: may a read be repeated, a write that was sent in part, one that was sent whole
REPEATED = [
    (ConnectError, None, True, True, True),
    (TlsError, None, False, False, False),
    (ConnectionDropped, None, True, True, False),
    (StallTimeout, None, True, True, False),
    (TransportError, None, True, True, False),
    (DeadlineExceeded, None, False, False, False),
    (ClientClosed, None, False, False, False),
    (BadRequest, 400, False, False, False),
    (AuthenticationError, 401, False, False, False),
    (PermissionDenied, 403, False, False, False),
    (EndpointNotFound, 404, False, False, False),
    (RateLimited, 429, True, True, True),
    (ServerError, 500, True, True, False),
    (ServerError, 501, True, True, False),
    (ServerError, 502, True, True, False),
    (ServerError, 503, True, True, True),
    (Redirected, 302, False, False, False),
    (Redirected, 303, False, False, False),
    (ResponseError, 600, False, False, False),
    (ResponseError, 101, False, False, False),
    (BadRequest, 408, True, True, False),
    (Rejected, 200, False, False, False),
    (errors.BatchFailed, 200, False, False, False),
    (DecodeError, 200, False, False, False),
    (BrokenAnswer, 200, True, True, False),
    (errors.OutcomeUnknown, 502, False, False, False),
    (errors.SourceChanged, None, False, False, False),
    (errors.BatchNotReady, None, False, False, False),
    (errors.JournalError, None, False, False, False),
    (errors.WebhookError, 400, False, False, False),
]
# The same, for a call that ended in it: may it have been carried out all the same?
IN_DOUBT = {
    (ConnectionDropped, None),
    (StallTimeout, None),
    (TransportError, None),
    (DeadlineExceeded, None),
    (ClientClosed, None),
    (ServerError, 500),
    (ServerError, 501),
    (ServerError, 502),
    (Redirected, 303),
    (ResponseError, 600),
    (ResponseError, 101),
    (BadRequest, 408),
    (DecodeError, 200),
    (BrokenAnswer, 200),
}


@pytest.mark.parametrize(("kind", "status", "read", "in_part", "whole"), REPEATED)
def test_what_may_be_repeated(
    kind: type[KlearStackError], status: int | None, read: bool, in_part: bool, whole: bool
) -> None:
    error = kind("why")
    error.status = status
    assert may_be_repeated(error, Replay.SAFE, sent_whole=True) is read
    assert may_be_repeated(error, Replay.UNSAFE, sent_whole=False) is in_part
    assert may_be_repeated(error, Replay.UNSAFE, sent_whole=True) is whole
    assert fate_of(error).may_have_happened is ((kind, status) in IN_DOUBT)


def test_the_table_knows_every_error() -> None:
    everything = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, KlearStackError)
    }
    assert {kind for kind, *_ in REPEATED} == everything - {KlearStackError}
    assert set(FATES) <= everything


def test_only_429_and_503_ask_for_fewer_calls() -> None:
    asking = set()
    for kind, status, *_ in REPEATED:
        error = kind("")
        error.status = status
        asking |= {status} if is_refusal(error) else set()
    assert asking == {429, 503}


@given(
    failures=st.integers(1, 100_000),
    first=st.floats(0, 5),
    longest=st.floats(5, 100),
    chance=st.floats(0, 1),
)
def test_a_pause_is_drawn_from_all_of_its_range(
    failures: int, first: float, longest: float, chance: float
) -> None:
    policy = RetryPolicy(first_seconds=first, longest_seconds=longest)
    error = ServerError("down")
    bound = back_off_seconds(error, failures, policy, 1.0)
    assert bound == min(longest, first * 2.0 ** min(failures - 1, 64))
    assert back_off_seconds(error, failures, policy, 0.0) == 0.0
    assert back_off_seconds(error, failures, policy, chance) == pytest.approx(chance * bound)


@pytest.mark.parametrize(("asked", "waits"), [(0.001, 0.001), (7.5, 7.5), (9e8, 120.0)])
def test_the_server_says_how_long_up_to_a_bound(asked: float, waits: float) -> None:
    error = RateLimited("slow down", status=429)
    error.retry_after = asked
    assert back_off_seconds(error, 1, RetryPolicy(), 0.5) == waits


def test_a_server_that_says_0_gets_the_usual_pause() -> None:
    error = RateLimited("slow down", status=429)
    error.retry_after = 0.0
    assert back_off_seconds(error, 1, RetryPolicy(), 0.5) == 0.25


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        (" 1.5 ", 1.5),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
        ("Thu Jan  1 12:00:30 2026", 30.0),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 14:00:30 +0200", 30.0),
        ("", None),
        ("-1", None),
        ("1e9", None),
        ("soon", None),
        ("NaN", None),
        ("٣", None),
        ("99999999999999", None),
        ("Thu, 01 Jan 2026 25:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": text}, NOW) == seconds


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    headers = {
        "date": "Fri, 02 Jan 2026 00:00:00 GMT",
        "retry-after": "Fri, 02 Jan 2026 00:00:05 GMT",
    }
    assert retry_after_seconds(headers, NOW) == 5.0
    assert retry_after_seconds({**headers, "date": "nonsense"}, NOW) == 12 * 3600 + 5


@given(st.text(), st.text())
def test_any_header_is_read_or_left_alone(text: str, date: str) -> None:
    found = retry_after_seconds({"retry-after": text, "date": date}, NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerError)])
def test_the_wait_is_in_the_error_and_in_its_text(status: int, kind: type[ResponseError]) -> None:
    reply = Reply(status, {"retry-after": "7"}, b"busy", received_at=NOW)
    with pytest.raises(kind, match="asks to wait 7 s") as caught:
        judge(reply)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    "body", [b'{"result": [{"Document_id": "a', b"", b'{"result": [1, 2', b"\x00\xff\x13 garbled"]
)
def test_a_body_that_is_not_whole_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        read(Reply(200, {}, body), batch_documents("b").decode)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>Sorry</html>", b"Thank you for calling"])
def test_a_body_that_is_only_strange_is_not_asked_for_again(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        read(Reply(200, {}, body), decode_user_id)
    assert not isinstance(caught.value, BrokenAnswer)
