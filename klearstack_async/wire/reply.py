"""Judging an answer: which error a status means, and the JSON in a body that may hold more.

Nothing here knows a single endpoint's answer; those are read in `results.py` and `receipts.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    BrokenAnswer,
    DecodeError,
    EndpointNotFound,
    PermissionDenied,
    RateLimited,
    Redirected,
    Rejected,
    ResponseError,
    ServerError,
)
from klearstack_async.keyed import mended
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.retry_after import retry_after_seconds
from klearstack_async.wire.verdict import verdict_of

__all__ = [
    "STATUS_ERRORS",
    "Reply",
    "decode_json",
    "error_class",
    "json_values",
    "judge",
    "read",
    "refusal",
    "reject_if_refused",
    "reject_web_page",
]

E = TypeVar("E", bound=ResponseError)
T = TypeVar("T")

EXCERPT_CHARACTERS = 500
MESSAGE_CHARACTERS = 1000
_MOST_TRIES = 1000
_BRACKET = re.compile(r"[\[{]")
# What begins like this is JSON, and broken further on; a bracket in a sentence goes on otherwise.
_BEGUN = re.compile(r"""\{\s*"(?:[^"\\]|\\.)*"?\s*(?::|$)|\[\s*(?:[\[{"]|$)|\{\s*$""")
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
    Redirected: "it redirects to {location}, which credentials don't follow; set url to that host",
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
        received_at: When it came, on this machine's clock.
        secrets: What must not get into a message, whatever the server wrote.
    """

    status: int
    # Whatever a server repeats may stand there, too.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    endpoint: str = ""
    attempt: int = 1
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def with_body(self, body: bytes) -> Reply:
        """Give the same answer with another body."""
        # Not `dataclasses.replace`, which takes three times as long, and is asked for each call.
        return Reply(
            self.status,
            self.headers,
            body,
            self.endpoint,
            self.attempt,
            self.received_at,
            self.secrets,
        )

    def excerpt(self) -> str:
        """Give the start of the body as one line of text, without secrets."""
        window_bytes = 4 * EXCERPT_CHARACTERS
        # Without its NULs, a text in UTF-16 reads like any other, and hides nothing.
        start = self.body[:window_bytes].replace(b"\0", b"").decode("utf-8", "replace")
        # The window may end in the middle of a secret, whose half nobody would recognise.
        cut = len(self.body) > window_bytes
        return one_line(cleaned(start, self.secrets, cut=cut), EXCERPT_CHARACTERS)


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
    said = _sentence(reply).removeprefix(f"{reply.status}: ") or "no reason given"
    hint = _HINTS.get(kind, "").format(location=reply.headers.get("location", "another address"))
    wait = retry_after_seconds(reply.headers, reply.received_at)
    if wait is not None:
        hint += f"{'; ' if hint else ''}it asks to wait {wait:g} s"
    error = refusal(kind, f"HTTP {reply.status}: {said}" + (f" ({hint})" if hint else ""), reply)
    error.retry_after = wait
    raise error


def refusal(kind: type[E], message: str, reply: Reply) -> E:
    """Make an error about an answer, with the secrets taken out of it.

    Where a body can't be read because it isn't whole, that is a `BrokenAnswer`.
    """
    made = BrokenAnswer if kind is DecodeError and _is_broken(reply) else kind
    return made(  # type: ignore[return-value]  # a BrokenAnswer is a DecodeError
        one_line(cleaned(message, reply.secrets), MESSAGE_CHARACTERS),
        endpoint=reply.endpoint,
        status=reply.status,
        attempt=reply.attempt,
        excerpt=reply.excerpt(),
    )


def read(reply: Reply, decode: Callable[[Reply], T]) -> T:
    """Decode an answer; whatever goes wrong with that is a documented error.

    Text that isn't UTF-8 is repaired and read again: one wrong byte in one name is no reason to
    lose a whole batch.
    """
    try:
        return decode(reply)
    except UnicodeDecodeError:
        body = reply.body.decode("utf-8", "replace").encode()
        again = reply.with_body(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        again, reason = None, str(error)
    # Out here, so that the first error isn't the context of the next: it holds the whole body.
    if again is not None:
        try:
            return decode(again)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            reason = str(error)
    raise refusal(DecodeError, f"can't read the answer ({reason})", reply)


def reject_if_refused(reply: Reply, answer: Mapping[str, Any]) -> None:
    """Raise `Rejected` if an object says that something is wrong, and nothing else of use."""
    said = answer.get("error")
    if said:
        raise refusal(Rejected, f"the service says: {said}", reply)


def decode_json(
    reply: Reply, decoder: msgspec.json.Decoder[T], fits: Callable[[T], bool] = bool
) -> T:
    """Decode the body strictly; if that fails, the first JSON value in it that fits.

    Some integrators report text before and after the JSON. That way round costs nothing as long
    as the body is clean.

    Args:
        reply: The answer.
        decoder: What it should be.
        fits: Tells an answer from other JSON that may stand around it.

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
    for candidate in json_values(reply.body.decode("utf-8", "replace")):
        try:
            value = decoder.decode(candidate)
        except (msgspec.DecodeError, RecursionError):
            continue
        if fits(value):
            return value
    raise _undecodable(reply, reason)


def reject_web_page(reply: Reply) -> None:
    """Raise `DecodeError` if the body is a page for people."""
    if _is_html(reply):
        raise refusal(
            DecodeError, "the answer is a web page, not KlearStack's API; check the url", reply
        )


def json_values(text: str) -> Iterator[bytes]:
    """Give the whole objects and arrays that stand in a text, one after the other.

    Python's reader takes what is wide-spread and no JSON (NaN, half of a surrogate pair); what
    has no value there is kept as its text. Nothing is searched inside of a value that is broken:
    in an answer that was cut off, a part must not be taken for the whole.
    """
    reader = json.JSONDecoder(parse_constant=str, parse_float=str, parse_int=str, strict=False)
    start = 0
    # Each failure costs a look at the whole text: a body of brackets must not take minutes.
    for _ in range(_MOST_TRIES):
        found = _BRACKET.search(text, start)
        if found is None:
            return
        try:
            _, start = reader.raw_decode(text, found.start())
        except json.JSONDecodeError as error:
            if _BEGUN.match(text, found.start()):
                return
            start = max(error.pos, found.end())
        except (ValueError, RecursionError):
            return
        else:
            # As it stands there, so that no key that repeats is lost.
            yield mended(text[found.start() : start].encode("utf-8", "replace"))


def _undecodable(reply: Reply, reason: str) -> ResponseError:
    reject_web_page(reply)
    said = _any_json(reply.body)
    said = said if isinstance(said, str) else reply.excerpt() if _is_sentence(reply) else None
    if said is not None and verdict_of(said) is False:
        # A bare string or a plain text where an object belongs: `Document ID not found`.
        return refusal(Rejected, f"the service says: {said}", reply)
    if said is not None:
        reason = "a sentence, where JSON belongs"
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
        return msgspec.json.decode(body.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_broken(reply: Reply) -> bool:
    """Whether the body is the rest of some JSON, rather than something else."""
    if _is_html(reply) or _is_sentence(reply):
        return False
    try:
        msgspec.json.decode(reply.body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return not _is_picture(reply)
    return False


def _is_picture(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").lower().startswith(("image/", "application/pdf"))


def _is_html(reply: Reply) -> bool:
    start = reply.body[:200].lstrip().lower()
    # Django sends every text as HTML unless it is told otherwise.
    says_so = "html" in reply.headers.get("content-type", "").lower() and start.startswith(b"<")
    return says_so or start.startswith((b"<!doctype html", b"<html"))


def _is_sentence(reply: Reply) -> bool:
    """Whether the body is a plain text of some words, such as `Document ID not found`."""
    return bool(re.fullmatch(r"[A-Za-z]+:? [^<>{}\[\]]{2,200}", reply.excerpt()))
