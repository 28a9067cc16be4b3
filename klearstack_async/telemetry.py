"""Calls as OpenTelemetry spans: one span per call, its attempts as the span's events.

What lives here is the only part of the library that knows of OpenTelemetry, and `import
klearstack_async` doesn't import it. Nothing here may see more of a call than its address, its
`Attempt`s and its end: there is nothing else that a trace could give away.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import ContextVar
from urllib.parse import urlsplit

from klearstack_async._version import __version__
from klearstack_async.attempts import Attempt
from klearstack_async.errors import KlearStackError

try:
    from opentelemetry.context import attach, detach
    from opentelemetry.trace import (
        Span,
        SpanKind,
        StatusCode,
        TracerProvider,
        get_tracer,
        set_span_in_context,
    )
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "opentelemetry":
        raise
    raise ImportError(
        "tracing needs an extra: pip install 'klearstack-async[otel]' "
        "(in a checkout: pip install '.[otel]')"
    ) from missing

__all__ = ["CallSpan", "Tracing"]

_PORTS = {"http": 80, "https": 443}

# Who closes a coroutine that was never finished (the garbage collector, a loop that ends) may do it
# in another context than it ran in. OpenTelemetry's token would be no good there, and `detach` logs
# that as an error with a stack trace; this variable's token tells beforehand, and quietly.
_IN_CALL: ContextVar[bool] = ContextVar("klearstack_async.telemetry.in_call")


class Tracing:
    """Makes a span of every call: `KlearStack(..., tracing=Tracing())`.

    A span is named `klearstack uploads.document`, is of kind CLIENT, and is the current one while
    its call runs: what a `Stream` does meanwhile is nested in it, and so is a login that the call
    had to make first.

    Its attributes are named by OpenTelemetry's semantic conventions: `server.address`,
    `server.port`, `url.scheme`, `url.path`, `http.request.method`, and at the end
    `http.response.status_code` (the last attempt's), `http.request.resend_count` (if there was
    more than one attempt) and `error.type`. There are two more, `klearstack.endpoint` and, on a
    call that was cancelled, `klearstack.cancelled`.

    Each attempt is an event `attempt` with `number`, `status`, `seconds`, `sent_bytes`,
    `received_bytes`, `error.type` and `pause_seconds`; what is not known is left out.

    No body, header, token or query gets into a span, and of errors that aren't the library's own
    only the class: nobody knows what their texts hold.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """Choose where the spans go.

        Args:
            tracer_provider: What makes the spans; if left out, the global one, which may also be
                set later. Without any, spans cost next to nothing and go nowhere.
        """
        self._tracer = get_tracer("klearstack_async", __version__, tracer_provider)

    def begin(self, endpoint: str, url: str, /, *, method: str = "POST") -> CallSpan:
        """Start a call's span, and make it the current one.

        Args:
            endpoint: The call in the library's own name, such as `uploads.document`.
            url: Where it goes. Only its scheme, host, port and path are looked at.
            method: The HTTP method.
        """
        # Samplers decide by what is known at the start, so that's where all of it has to be.
        span = self._tracer.start_span(
            f"klearstack {endpoint}",
            kind=SpanKind.CLIENT,
            attributes={
                "klearstack.endpoint": endpoint,
                "http.request.method": method,
                **_attributes_of_url(url),
            },
        )
        return CallSpan(span)


class CallSpan:
    """The span of one call that is under way."""

    def __init__(self, span: Span) -> None:
        """Make a span the current one until its `end`."""
        self._span = span
        self._last: Attempt | None = None
        self._in_call = _IN_CALL.set(True)
        self._attached = attach(set_span_in_context(span))

    def attempt(self, attempt: Attempt, /) -> None:
        """Add an attempt that has ended."""
        self._last = attempt
        self._span.add_event("attempt", _attributes_of_attempt(attempt))

    def end(self, error: BaseException | None, /) -> None:
        """End the span, and make the one before it the current one again.

        Args:
            error: What the call ended in; None if it went well.
        """
        self._leave()
        if self._last is not None:
            self._span.set_attributes(_attributes_of_last(self._last))
        if isinstance(error, CancelledError | GeneratorExit):
            # Nobody waits for it any more: that's neither a success nor an error.
            self._span.set_attribute("klearstack.cancelled", value=True)
        elif error is not None:
            name = type(error).__name__
            self._span.set_attribute("error.type", name)
            ours = isinstance(error, KlearStackError)
            self._span.set_status(StatusCode.ERROR, str(error) if ours else name)
        self._span.end()

    def _leave(self) -> None:
        try:
            _IN_CALL.reset(self._in_call)
        except ValueError:
            return  # In this context the span never was the current one.
        detach(self._attached)


def _attributes_of_url(url: str) -> dict[str, str | int]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        # The call itself says what is wrong with its address.
        return {}
    found = {
        "server.address": parts.hostname,
        "server.port": port,
        "url.scheme": parts.scheme,
        "url.path": parts.path,
    }
    return {name: value for name, value in found.items() if value}


def _attributes_of_attempt(attempt: Attempt) -> dict[str, str | int | float]:
    found = {
        "number": attempt.number,
        "status": attempt.status,
        "seconds": attempt.seconds,
        "sent_bytes": attempt.sent_bytes,
        "received_bytes": attempt.received_bytes,
        "error.type": None if attempt.error is None else type(attempt.error).__name__,
        "pause_seconds": attempt.pause_seconds,
    }
    return {name: value for name, value in found.items() if value is not None}


def _attributes_of_last(attempt: Attempt) -> dict[str, int]:
    found = {}
    if attempt.status is not None:
        found["http.response.status_code"] = attempt.status
    if attempt.number > 1:
        # The conventions want it only where something was sent again.
        found["http.request.resend_count"] = attempt.number - 1
    return found
