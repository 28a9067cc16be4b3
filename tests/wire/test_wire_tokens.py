from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import DecodeError, Rejected, Tokens
from klearstack_async.wire.reply import Reply
from klearstack_async.wire.tokens import FALLBACK_LIFE, decode_tokens, expiry_of, renewed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def token(**claims: object) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


def test_the_end_is_read_from_the_token() -> None:
    assert expiry_of(token(exp=1_800_000_000), NOW) == datetime.fromtimestamp(1_800_000_000, UTC)


def test_a_server_whose_clock_is_wrong_only_tells_the_length_of_life() -> None:
    assert expiry_of(token(exp=1_000_900, iat=1_000_000), NOW) == NOW + timedelta(seconds=900)


@pytest.mark.parametrize("text", ["", "a.b.c", "no jwt", "a.e30.c", token(exp="soon"), "a.\xfc.c"])
def test_a_token_that_tells_nothing_lives_for_the_documented_time(text: str) -> None:
    assert expiry_of(text, NOW) == NOW + FALLBACK_LIFE


@given(st.text() | st.builds("a.{}.c".format, st.text()))
def test_no_token_breaks_the_reading(text: str) -> None:
    assert expiry_of(text, NOW).tzinfo is UTC


def test_a_refresh_keeps_the_old_refresh_token_unless_it_brings_one() -> None:
    old = Tokens("a1", "r1", NOW)
    assert renewed(old, Tokens("a2", None, NOW)).refresh_token == "r1"
    assert renewed(old, Tokens("a2", "r2", NOW)).refresh_token == "r2"


@pytest.mark.parametrize("body", [b"{}", b'{"access_token": ""}', b'{"access_token": null}'])
def test_a_login_without_a_token_is_an_error(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_tokens(Reply(200, {}, body), NOW)


def test_a_login_that_says_no_with_a_200_is_a_rejection() -> None:
    with pytest.raises(Rejected, match="Incorrect"):
        decode_tokens(Reply(200, {}, b'{"error": "Incorrect username or password."}'), NOW)


def test_a_token_that_could_not_stand_in_a_header_is_refused() -> None:
    with pytest.raises(DecodeError, match="header"):
        decode_tokens(Reply(200, {}, b'{"access_token": "a\\nb"}'), NOW)
