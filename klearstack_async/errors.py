"""Every exception that the library raises on purpose, and nothing else.

    KlearStackError
    ├── TransportError          no usable answer arrived
    │   ├── ConnectError        no connection; the request was never sent
    │   │   └── TlsError        the server's certificate, or its TLS, is not what it should be
    │   ├── StallTimeout        no byte moved for the time allowed
    │   ├── DeadlineExceeded    the call took longer than its deadline; also a TimeoutError
    │   ├── ConnectionDropped   the connection ended in the middle
    │   └── ClientClosed        the client was closed while the call was under way
    ├── ResponseError           an answer arrived that refuses, or can't be read
    │   ├── BadRequest          400 and every other 4xx without a class of its own
    │   ├── AuthenticationError 401, also after one renewal of the token
    │   ├── PermissionDenied    403
    │   ├── EndpointNotFound    404 or 405: the path is not there
    │   ├── RateLimited         429; `retry_after` in seconds, if the server said it
    │   ├── ServerError         5xx
    │   ├── Redirected          3xx; credentials never follow a redirect
    │   ├── Rejected            a 200 whose text says no
    │   │   └── BatchFailed     the service could not read a batch
    │   └── DecodeError         the body is not what the endpoint answers
    │       └── BrokenAnswer    it isn't even whole: cut off, or garbled on the way
    ├── OutcomeUnknown          a write that may have been carried out
    ├── SourceChanged           a file that changed while it was sent
    ├── BatchNotReady           a wait that ran out; also a TimeoutError
    ├── JournalError            the journal of a bulk run can't be used
    └── WebhookError            a push that can't be accepted; `status` is what to answer

Misuse raises the built-ins (`TypeError`, `ValueError`), and the disk's own `OSError` passes as it
is. No text in here ever holds a password or a token: what a server said is cleaned before it
becomes part of a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klearstack_async.models import Batch

__all__ = [
    "AuthenticationError",
    "BadRequest",
    "BatchFailed",
    "BatchNotReady",
    "BrokenAnswer",
    "ClientClosed",
    "ConnectError",
    "ConnectionDropped",
    "DeadlineExceeded",
    "DecodeError",
    "EndpointNotFound",
    "JournalError",
    "KlearStackError",
    "OutcomeUnknown",
    "PermissionDenied",
    "RateLimited",
    "Redirected",
    "Rejected",
    "ResponseError",
    "ServerError",
    "SourceChanged",
    "StallTimeout",
    "TlsError",
    "TransportError",
    "WebhookError",
]


class KlearStackError(Exception):
    """The root of all errors of this library.

    Attributes:
        endpoint: The call in the library's own name, such as `uploads.document`; empty if none.
        status: The HTTP status, or None if no answer arrived.
        attempt: Which attempt of the call this was; counts from 1.
        excerpt: The start of the answer's body as text, without secrets; empty if there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        endpoint: str = "",
        status: int | None = None,
        attempt: int = 1,
        excerpt: str = "",
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.status = status
        self.attempt = attempt
        self.excerpt = excerpt

    def __str__(self) -> str:
        message = str(self.args[0])
        if self.attempt > 1:
            message += f" (attempt {self.attempt})"
        return f"{self.endpoint}: {message}" if self.endpoint else message


class TransportError(KlearStackError):
    """No usable answer arrived."""


class ConnectError(TransportError):
    """No connection could be made, so the request was never sent."""


class TlsError(ConnectError):
    """The server's certificate is not trusted, or no TLS could be agreed on; nothing was sent."""


class StallTimeout(TransportError):
    """No byte moved for the time that `Timeouts` allows."""


class DeadlineExceeded(TransportError, TimeoutError):
    """The call took longer than `Timeouts(deadline_seconds=)` allows; it wasn't carried out."""


class ConnectionDropped(TransportError):
    """The connection ended before the answer was complete."""


class ClientClosed(TransportError):
    """The client was closed while the call was under way; it wasn't carried out."""


class ResponseError(KlearStackError):
    """An answer arrived that refuses the call, or that can't be read.

    Attributes:
        retry_after: Seconds to wait before the next call, or None if the service didn't say.
    """

    retry_after: float | None = None


class BadRequest(ResponseError):
    """The service says that the request is wrong (400 and other 4xx)."""


class AuthenticationError(ResponseError):
    """The service doesn't accept the credentials (401), also with a new token."""


class PermissionDenied(ResponseError):
    """The account may not do this (403)."""


class EndpointNotFound(ResponseError):
    """The service has nothing at this path (404, 405)."""


class RateLimited(ResponseError):
    """The service asks for fewer calls (429); `retry_after` says for how long, if it does."""


class ServerError(ResponseError):
    """The service failed (5xx). Some missing parameters are reported in this way, too."""


class Redirected(ResponseError):
    """The service answered with a redirect (3xx), which is never followed with credentials."""


class Rejected(ResponseError):
    """The service answered 200, but what it says is no."""


class BatchFailed(Rejected):
    """The service could not read the batch.

    Attributes:
        batch: What it answered.
    """

    batch: Batch | None = None


class DecodeError(ResponseError):
    """The body is not what this endpoint is known to answer; `excerpt` shows its start."""


class BrokenAnswer(DecodeError):
    """The body isn't whole: it was cut off, or garbled on the way. Asking again may help."""


class OutcomeUnknown(KlearStackError):
    """A write was sent, and no answer tells whether it was carried out.

    The failure itself is `__cause__`. Sending again may store the document twice.
    """


class SourceChanged(KlearStackError):
    """A file changed while it was sent. Nothing was stored; send it again."""


class BatchNotReady(KlearStackError, TimeoutError):
    """The batch was not done when the wait ran out.

    Attributes:
        batch: What the last look found, or None if no look was answered in time.
    """

    batch: Batch | None = None


class JournalError(KlearStackError):
    """The journal of a bulk run can't be used: it is another account's, in use, or no journal."""


class WebhookError(KlearStackError):
    """A request to the customer's endpoint that is no push, or not from whom it should be.

    Attributes:
        status: The HTTP status to answer it with: 400 malformed, 401 wrong or missing token or
            credentials, 413 too large, 415 an unknown content type, 422 not a push.
    """

    status: int

    def __init__(
        self,
        message: str,
        *,
        endpoint: str = "",
        status: int = 400,
        attempt: int = 1,
        excerpt: str = "",
    ) -> None:
        super().__init__(
            message, endpoint=endpoint, status=status, attempt=attempt, excerpt=excerpt
        )
