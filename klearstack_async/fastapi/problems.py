"""What our errors mean to who asked the service: RFC 9457 problem details, by one table.

A browser hears of what it did wrong in the error's own words. Of what went wrong behind the service
it hears a general sentence: what KlearStack said, and where it stands, belongs into the log.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from fastapi import Request, Response, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketState

from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    BatchFailed,
    BatchNotReady,
    BrokenAnswer,
    ClientClosed,
    ConnectError,
    ConnectionDropped,
    DeadlineExceeded,
    DecodeError,
    EndpointNotFound,
    JournalError,
    KlearStackError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Redirected,
    Rejected,
    ResponseError,
    ServerError,
    SourceChanged,
    StallTimeout,
    TlsError,
    TransportError,
    WebhookError,
)
from klearstack_async.fastapi.refusals import REFUSALS, RequestRefused
from klearstack_async.values import writable

__all__ = ["PROBLEMS", "VERDICTS", "Verdict", "problem_response"]

_LOG = logging.getLogger("klearstack_async")


class Verdict(NamedTuple):
    """How an error is answered.

    Attributes:
        status: The HTTP status.
        title: What kind of problem it is.
        detail: What the asker is told; None for the error's own words.
    """

    status: int
    title: str
    detail: str | None = None


_AWAY = "The document service can't be reached at the moment. Try again later."
_SLOW = "The document service doesn't answer in time. Try again later."
_BUSY = "The document service takes no more calls at the moment. Try again later."
_ACCOUNT = "The document service doesn't let this service in. Its operator has to see to that."
_ODD = "The document service gave an answer that this service can't use."
_OWN = "Something went wrong here. Its operator finds it in the log."
_DOUBT = (
    "The document service got this, and didn't say whether it was carried out. "
    "Look whether it was before you send it again: it may be done twice."
)

# The nearest row along the error's ancestors decides.
VERDICTS: Mapping[type[KlearStackError], Verdict] = {
    KlearStackError: Verdict(500, "Internal error", _OWN),
    TransportError: Verdict(502, "Document service away", _AWAY),
    ConnectError: Verdict(502, "Document service away", _AWAY),
    TlsError: Verdict(502, "Document service not to be trusted", _AWAY),
    StallTimeout: Verdict(504, "Document service too slow", _SLOW),
    DeadlineExceeded: Verdict(504, "Document service too slow", _SLOW),
    ConnectionDropped: Verdict(502, "Document service away", _AWAY),
    ClientClosed: Verdict(503, "Shutting down", "This service is shutting down. Try again."),
    ResponseError: Verdict(502, "Document service not understood", _ODD),
    BadRequest: Verdict(422, "Refused"),
    # Our own account is not the asker's: a 401 would have a browser ask its user for a password.
    AuthenticationError: Verdict(502, "Document service refuses this service", _ACCOUNT),
    PermissionDenied: Verdict(502, "Document service refuses this service", _ACCOUNT),
    EndpointNotFound: Verdict(502, "Document service not understood", _ODD),
    RateLimited: Verdict(503, "Document service busy", _BUSY),
    ServerError: Verdict(502, "Document service failed", _AWAY),
    Redirected: Verdict(502, "Document service not understood", _ODD),
    Rejected: Verdict(422, "Refused"),
    BatchFailed: Verdict(422, "Documents not readable"),
    DecodeError: Verdict(502, "Document service not understood", _ODD),
    BrokenAnswer: Verdict(502, "Document service not understood", _ODD),
    OutcomeUnknown: Verdict(502, "Outcome unknown", _DOUBT),
    SourceChanged: Verdict(409, "Document changed"),
    BatchNotReady: Verdict(504, "Not ready yet", "The documents are not ready yet. Ask later."),
    JournalError: Verdict(500, "Internal error", _OWN),
    # Its own status goes first.
    WebhookError: Verdict(400, "Push refused"),
}

# What a status says more clearly than its class: a 4xx that is about the document stays what it is,
# one that is about our account or our line is not the asker's fault.
_BY_STATUS: Mapping[tuple[type[KlearStackError], int], Verdict] = {
    (BadRequest, 402): Verdict(502, "Document service refuses this service", _ACCOUNT),
    (BadRequest, 404): Verdict(404, "Not found"),
    (BadRequest, 407): Verdict(502, "Document service away", _AWAY),
    (BadRequest, 408): Verdict(504, "Document service too slow", _SLOW),
    (BadRequest, 409): Verdict(409, "Refused"),
    (BadRequest, 410): Verdict(410, "Gone"),
    (BadRequest, 413): Verdict(413, "Too large"),
    (BadRequest, 415): Verdict(415, "Not this kind of document"),
    (ServerError, 503): Verdict(503, "Document service busy", _BUSY),
    (ServerError, 504): Verdict(504, "Document service too slow", _SLOW),
}

# How a web socket ends in place of an answer: try again later, internal error, not as it should be.
_CLOSE_CODES: Mapping[int, int] = {503: 1013, 5: 1011, 4: 1008}
# Where KlearStack's own words begin. Its status need not be the one that is answered.
_STATUS = re.compile(r"^HTTP \d{3}: ")
_MEDIA_TYPE = "application/problem+json"


def problem_response(error: KlearStackError | RequestRefused) -> Response:
    """Answer an error as `application/problem+json`.

    If it isn't the asker's fault (5xx), the error itself goes into the log `klearstack_async`, at
    WARNING.

    Args:
        error: What happened.

    Returns:
        The answer: `type` (a URN that stays the same for this kind of error), `title`, `status`,
        `detail`, and `endpoint` if it was a call. Where `repeatable` is false, the call may have
        been carried out: don't just make it again. `Retry-After` is there if it is known.
    """
    kind, verdict = _judged(error)
    members: dict[str, object] = {
        "type": f"urn:klearstack-async:{kind}",
        "title": verdict.title,
        "status": verdict.status,
        "detail": writable(verdict.detail or _STATUS.sub("", str(error.args[0]))),
    }
    if isinstance(error, KlearStackError):
        members |= {"endpoint": error.endpoint} if error.endpoint else {}
        members |= {"repeatable": False} if isinstance(error, OutcomeUnknown) else {}
    if verdict.status >= 500:
        # As text: a log record that is kept would keep the request by the error's traceback.
        _LOG.warning("answered %d: %s: %s", verdict.status, type(error).__name__, str(error))
    return JSONResponse(members, verdict.status, _headers(error, verdict), _MEDIA_TYPE)


def _judged(error: KlearStackError | RequestRefused) -> tuple[str, Verdict]:
    """Give the name of an error's kind, and how it is answered."""
    if isinstance(error, RequestRefused):
        refusal = REFUSALS[error.reason]
        return error.reason, Verdict(refusal.status, refusal.title, error.detail)
    kind = next(cls for cls in type(error).__mro__ if cls in VERDICTS)
    verdict = _BY_STATUS.get((kind, error.status or 0), VERDICTS[kind])
    if isinstance(error, WebhookError):
        verdict = verdict._replace(status=error.status)
    return re.sub("(?<!^)(?=[A-Z])", "-", kind.__name__).lower(), verdict


def _headers(error: KlearStackError | RequestRefused, verdict: Verdict) -> dict[str, str]:
    headers = {}
    if isinstance(error, ResponseError) and error.retry_after is not None:
        # What waits for less is early.
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if verdict.status == 401:
        # HTTP wants to be told what would do; a push has a token.
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def _answer(connection: Request | WebSocket, error: Any) -> Any:
    """Answer an error that an endpoint let pass: give what to send, or end a web socket with it."""
    response = problem_response(error)
    if not isinstance(connection, WebSocket):
        return response
    is_new = connection.application_state is WebSocketState.CONNECTING
    if is_new and "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    elif connection.application_state in {WebSocketState.CONNECTING, WebSocketState.CONNECTED}:
        status = response.status_code
        code = _CLOSE_CODES.get(status, _CLOSE_CODES[status // 100])
        await connection.close(code, _judged(error)[1].title)
    return None


PROBLEMS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    KlearStackError: _answer,
    RequestRefused: _answer,
}
