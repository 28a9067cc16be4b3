"""What is answered to a push: the one table of it, and when the connection ends with the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from klearstack_async.errors import WebhookError
from klearstack_async.fastapi.problems import problem_response
from klearstack_async.fastapi.push_body import TIMES_READ_PAST

__all__ = ["FAILURES", "closing", "refused", "refused_with", "taken"]

_LOG = logging.getLogger("klearstack_async")

# What isn't the sender's fault: the kind of problem, and its title.
FAILURES: Mapping[int, tuple[str, str]] = {
    HTTPStatus.INTERNAL_SERVER_ERROR: ("push-failed", "Push not handled"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("push-not-now", "Push can't be taken now"),
}
_AGAIN_SECONDS = 5


def taken(status: Literal["accepted", "duplicate"]) -> Response:
    """Answer a push that was taken."""
    return JSONResponse({"status": status})


def refused_with(status: int, message: str) -> WebhookError:
    """Make the error for a push that can't be taken."""
    return WebhookError(message, endpoint="push", status=status)


def refused(error: WebhookError, request: Request, max_bytes: int) -> Response:
    """Answer a push that was not taken, and log it.

    Args:
        error: Why.
        request: What came.
        max_bytes: The largest body to accept.
    """
    if error.status in FAILURES:
        response = _failure(error)
    else:
        _LOG.warning("a push was refused with %d: %s", error.status, str(error))
        response = problem_response(error)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(_AGAIN_SECONDS)
    is_slow = error.status == HTTPStatus.REQUEST_TIMEOUT
    response.headers.update(closing(request, max_bytes, is_slow=is_slow))
    return response


def closing(request: Request, max_bytes: int, *, is_slow: bool = False) -> dict[str, str]:
    """Give the header that ends the connection, if what is left of the body may go on for ever.

    What was not read is read past by the server else, which leaves the sender time for the answer.
    Who has sent all of its body in chunks only has to connect again.
    """
    if not str(request.scope.get("http_version", "")).startswith("1"):
        return {}
    length = request.headers.get("content-length", "0")
    is_long = not length.isdecimal() or int(length) > TIMES_READ_PAST * max_bytes
    is_endless = "transfer-encoding" in request.headers
    return {"Connection": "close"} if is_slow or is_long or is_endless else {}


def _failure(error: WebhookError) -> Response:
    kind, title = FAILURES[error.status]
    _LOG.warning("a push was answered with %d: %s", error.status, str(error))
    problem = {
        "type": f"urn:klearstack-async:{kind}",
        "title": title,
        "status": error.status,
        "detail": str(error.args[0]),
        "endpoint": error.endpoint,
    }
    return JSONResponse(problem, error.status, media_type="application/problem+json")
