"""Reading tokens: out of the answers that bring them, and when they end."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from klearstack_async.errors import DecodeError
from klearstack_async.models import Tokens
from klearstack_async.wire.reply import Reply, decode_json, refusal, reject_if_refused

__all__ = ["decode_tokens", "expiry_of", "renewed"]

# The documented life of an access token, for one whose own `exp` can't be read.
FALLBACK_LIFE = timedelta(minutes=15)


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str | None = None
    refresh_token: str | None = None
    error: Any = None


_ANSWER = msgspec.json.Decoder(_TokenAnswer)


class _Claims(msgspec.Struct, frozen=True):
    exp: float
    iat: float | None = None


def decode_tokens(reply: Reply, now: datetime) -> Tokens:
    """Read the tokens of a login or a refresh."""
    answer = decode_json(reply, _ANSWER, lambda found: bool(found.access_token))
    token = answer.access_token
    if not token:
        reject_if_refused(reply, {"error": answer.error})
        raise refusal(DecodeError, "the answer brings no access token", reply)
    if not (token.isascii() and token.isprintable()):
        raise refusal(DecodeError, "the answer's access token can't stand in a header", reply)
    return Tokens(token, answer.refresh_token or None, expiry_of(token, now))


def renewed(old: Tokens, new: Tokens) -> Tokens:
    """Keep the old refresh token where a refresh brought no new one, as is documented."""
    return Tokens(new.access_token, new.refresh_token or old.refresh_token, new.expires_at)


def expiry_of(token: str, now: datetime) -> datetime:
    """Read when a JWT that has just come ends. It isn't verified: only its server could do that.

    Where the token says when it was made, only its length of life is taken from it: the server's
    clock and this machine's need not agree.

    Returns:
        An aware instant on this machine's clock; the documented 15 minutes from now, if the token
        states nothing that can be read.
    """
    parts = token.split(".")
    payload = parts[1] + "=" * (-len(parts[1]) % 4) if len(parts) == 3 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload), type=_Claims)
        if claims.iat is not None:
            end = now + timedelta(seconds=claims.exp - claims.iat)
        else:
            end = datetime.fromtimestamp(claims.exp, UTC)
    except (binascii.Error, msgspec.DecodeError, ValueError, OverflowError, OSError):
        return now + FALLBACK_LIFE
    # What has just come and has ended already says nothing, but that some clock is wrong.
    return end if end > now else now + FALLBACK_LIFE
