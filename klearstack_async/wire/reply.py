"""Judging an answer: which error a status means, and the JSON in a body that may hold more.

Nothing here knows a single endpoint's answer; those are read in `results.py` and `receipts.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

import msgspec

from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    DecodeError,
    EndpointNotFound,
    PermissionDenied,
    RateLimited,
    Redirected,
    Rejected,
    ResponseError,
    ServerError,
)

__all__ = ["STATUS_ERRORS", "Reply", "decode_json", "error_class", "judge", "refusal"]

E = TypeVar("E", bound=ResponseError)
T = TypeVar("T")

EXCERPT_CHARACTERS = 500
_HIDDEN = "***"
# A token in an answer is a secret before anyone has read it: a JWT, or what a token's key holds.
_TOKENS = re.compile(
    r"""eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=_token["'])\s*:\s*["'][^"']*|(?<=Bearer )\S+"""
)

STATUS_ERRORS: Mapping[int, type[ResponseError]] = {
    400: BadRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: EndpointNotFound,
    405: EndpointNotFound,
    429: RateLimited,
}
_CLASS_ERRORS: Mapping[int, type[ResponseError]] = {3: Redirected, 4: BadRequest, 5: ServerError}

_HINTS: Mapping[type[ResponseError], str] = {
    AuthenticationError: "check company_name, username and password",
    PermissionDenied: "this account's role may not do this",
    EndpointNotFound: "check the url: only the host belongs there",
    Redirected: "set url to the address that it redirects to; credentials follow no redirect",
    RateLimited: "send fewer calls at a time",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came, and what is needed to speak about it.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        body: All of it.
        endpoint: The call that it answers.
        attempt: Which attempt of that call, from 1.
        secrets: What must not get into a message, whatever the server wrote.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    endpoint: str = ""
    attempt: int = 1
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def excerpt(self) -> str:
        """Give the start of the body as one line of text, without secrets."""
        # Cut after the secrets are out: a cut through a secret would leave half of it.
        start = self.body[: 8 * EXCERPT_CHARACTERS].decode("utf-8", "replace")
        return " ".join(self.clean(start).split())[:EXCERPT_CHARACTERS]

    def clean(self, text: str) -> str:
        """Take every secret out of a text, also where it was escaped."""
        for secret in self.secrets:
            for form in (
                secret,
                json.dumps(secret)[1:-1],
                quote(secret, safe=""),
                quote_plus(secret),
            ):
                text = text.replace(form, _HIDDEN)
        return _TOKENS.sub(_HIDDEN, text)


def error_class(status: int) -> type[ResponseError] | None:
    """Say which error a status means; None if it is a success."""
    if 200 <= status < 300:
        return None
    return STATUS_ERRORS.get(status) or _CLASS_ERRORS.get(status // 100, ResponseError)


def judge(reply: Reply) -> None:
    """Raise the error that the status means; a 2xx passes."""
    kind = error_class(reply.status)
    if kind is None:
        return
    said = _sentence(reply) or "no reason given"
    hint = _HINTS.get(kind)
    message = f"HTTP {reply.status}: {said}" + (f" ({hint})" if hint else "")
    raise refusal(kind, message, reply)


def refusal(kind: type[E], message: str, reply: Reply) -> E:
    """Make an error about an answer, with the secrets taken out of it."""
    return kind(
        reply.clean(message),
        endpoint=reply.endpoint,
        status=reply.status,
        attempt=reply.attempt,
        excerpt=reply.excerpt(),
    )


def decode_json(reply: Reply, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode the body strictly; if that fails, the first whole JSON value in it.

    Some integrators report text before and after the JSON. That way round costs nothing as long
    as the body is clean.

    Raises:
        Rejected: The body is a plain sentence: the service says no with a 200.
        DecodeError: There is no JSON of this kind in it.
    """
    try:
        return decoder.decode(reply.body)
    except msgspec.ValidationError as error:
        raise _undecodable(reply, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        reason = str(error)
    inner = _first_json(reply.body.decode("utf-8", "replace"))
    if inner is None:
        raise _undecodable(reply, reason)
    try:
        return decoder.decode(inner)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _undecodable(reply, str(error)) from None


def _undecodable(reply: Reply, reason: str) -> ResponseError:
    if _is_html(reply):
        return refusal(
            DecodeError, "the answer is a web page, not KlearStack's API; check the url", reply
        )
    if isinstance(_any_json(reply.body), str) or _is_sentence(reply):
        # A bare string or a plain text where an object belongs: `Document ID not found`.
        return refusal(Rejected, f"the service says: {reply.excerpt()}", reply)
    return refusal(
        DecodeError,
        f"can't read the answer ({reason}); it starts: {reply.excerpt()[:100]!r}",
        reply,
    )


def _sentence(reply: Reply) -> str:
    """Find what a refusal says: the `error` of an object, or the body itself."""
    if _is_html(reply):
        return "the answer is a web page, not KlearStack's API"
    said = _any_json(reply.body)
    if isinstance(said, dict):
        said = next((said[key] for key in ("error", "message", "detail") if said.get(key)), None)
    return said if isinstance(said, str) else reply.excerpt()


def _any_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_html(reply: Reply) -> bool:
    if "html" in reply.headers.get("content-type", "").lower():
        return True
    return reply.body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _is_sentence(reply: Reply) -> bool:
    """Whether the body is a plain text of some words, such as `Document ID not found`."""
    return bool(re.fullmatch(r"[A-Za-z]+ [^<>{}\[\]]{2,200}", reply.excerpt()))


def _first_json(text: str) -> bytes | None:
    """Find the first whole, non-empty object or array in a text, and make strict JSON of it.

    Python's reader takes what is wide-spread and no JSON (NaN, half of a surrogate pair); what
    has no value there is kept as its text. The search is bounded: a body that only looks like
    JSON must not cost its length squared.
    """
    reader = json.JSONDecoder(parse_constant=str, parse_float=_finite)
    for match, _ in zip(re.finditer(r"[\[{]", text), range(16), strict=False):
        try:
            value, _end = reader.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if value:
            return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return None


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
