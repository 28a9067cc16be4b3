"""What a trace tells of a call, and what it never does."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of
from documents import invoice_pdf
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from klearstack_async import (
    Attempt,
    AuthenticationError,
    ConnectionDropped,
    ServerError,
    Stream,
)
from klearstack_async.attempts import Observing
from klearstack_async.sandbox import Sandbox
from klearstack_async.telemetry import Tracing

ENDPOINT = "uploads.document"
URL = "https://acme.klearstackapp.com/access/klearstack/processdocument"


class Traces:
    """A tracer provider of a test's own, and what it was given."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(
            resource=Resource.get_empty(),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("the-user's-own")
        self.tracing = Tracing(self.provider)

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def only(self) -> ReadableSpan:
        [span] = self.ended
        return span

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.ended if span.name == name]


@pytest.fixture
def traces(caplog: pytest.LogCaptureFixture) -> Iterator[Traces]:
    """Give a place for spans, and fail a test that OpenTelemetry complains about."""
    traces = Traces()
    with caplog.at_level(logging.WARNING, "opentelemetry"):
        yield traces
    told = caplog.get_records("call")
    assert [record for record in told if record.name.startswith("opentelemetry")] == []
    assert trace.get_current_span() is trace.INVALID_SPAN, "a span was left the current one"


class Started(SpanProcessor):
    """Remembers what a span knew when it started, which is what a sampler decides by."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - OpenTelemetry's signature
        self.known = dict(span.attributes or {})


def an_attempt(
    number: int = 1,
    status: int | None = 200,
    error: BaseException | None = None,
    pause_seconds: float | None = None,
) -> Attempt:
    return Attempt(
        ENDPOINT,
        number,
        status,
        seconds=0.25,
        sent_bytes=2048,
        received_bytes=64,
        error=error,
        pause_seconds=pause_seconds,
    )


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def events_of(span: ReadableSpan) -> list[tuple[str, dict[str, object]]]:
    return [(event.name, dict(event.attributes or {})) for event in span.events]


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def id_of_parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


# Tracing alone


def test_a_call_that_went_well_is_one_span_with_its_attempt_as_an_event(traces: Traces) -> None:
    call = traces.tracing.begin(ENDPOINT, URL)
    call.attempt(an_attempt())
    call.end(None)

    span = traces.only
    assert (span.name, span.kind) == ("klearstack uploads.document", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert attributes_of(span) == {
        "klearstack.endpoint": "uploads.document",
        "http.request.method": "POST",
        "server.address": "acme.klearstackapp.com",
        "server.port": 443,
        "url.scheme": "https",
        "url.path": "/access/klearstack/processdocument",
        "http.response.status_code": 200,
    }
    known = {"number": 1, "status": 200, "seconds": 0.25}
    assert events_of(span) == [("attempt", {**known, "sent_bytes": 2048, "received_bytes": 64})]


def test_a_call_with_two_attempts_tells_both_and_the_last_status(traces: Traces) -> None:
    call = traces.tracing.begin(ENDPOINT, URL)
    call.attempt(an_attempt(1, 503, ServerError("busy"), pause_seconds=0.5))
    call.attempt(an_attempt(2, 200))
    call.end(None)

    found = attributes_of(traces.only)
    assert found["http.response.status_code"] == 200
    assert found["http.request.resend_count"] == 1
    assert "error.type" not in found
    first, second = (values for _, values in events_of(traces.only))
    assert (first["number"], first["status"]) == (1, 503)
    assert (first["error.type"], first["pause_seconds"]) == ("ServerError", 0.5)
    assert second.keys() == {"number", "status", "seconds", "sent_bytes", "received_bytes"}


def test_an_error_of_the_library_is_told_with_its_text(traces: Traces) -> None:
    error = ConnectionDropped("the connection ended", endpoint=ENDPOINT)
    call = traces.tracing.begin(ENDPOINT, URL)
    call.attempt(an_attempt(status=None, error=error))
    call.end(error)

    span = traces.only
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "uploads.document: the connection ended"
    assert attributes_of(span)["error.type"] == "ConnectionDropped"
    assert "http.response.status_code" not in attributes_of(span)
    assert [name for name, _ in events_of(span)] == ["attempt"]
    assert "status" not in events_of(span)[0][1]


@pytest.mark.parametrize("error", [OSError("s3cret"), RuntimeError("s3cret"), KeyboardInterrupt()])
def test_of_any_other_error_only_the_class_is_told(error: BaseException, traces: Traces) -> None:
    call = traces.tracing.begin(ENDPOINT, URL)
    call.attempt(an_attempt(error=error))
    call.end(error)

    span = traces.only
    name = type(error).__name__
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, name)
    assert attributes_of(span)["error.type"] == name
    assert "s3cret" not in span.to_json()


@pytest.mark.parametrize("error", [asyncio.CancelledError("s3cret"), GeneratorExit()])
def test_a_cancelled_call_is_no_error(error: BaseException, traces: Traces) -> None:
    call = traces.tracing.begin(ENDPOINT, URL)
    call.end(error)

    span = traces.only
    assert span.status.status_code is StatusCode.UNSET
    assert attributes_of(span)["klearstack.cancelled"] is True
    assert "error.type" not in attributes_of(span)
    assert "s3cret" not in span.to_json()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/a/b", ("127.0.0.1", 8080, "http", "/a/b")),
        ("http://localhost/a", ("localhost", 80, "http", "/a")),
        ("https://[::1]:8443/a", ("::1", 8443, "https", "/a")),
        ("https://me:s3cret@host/a?token=s3cret#s3cret", ("host", 443, "https", "/a")),
        ("https://host", ("host", 443, "https", None)),
        ("https://host:99999/a", (None, None, None, None)),
        ("https://[nonsense/a", (None, None, None, None)),
    ],
)
def test_of_an_address_only_four_parts_are_told(
    url: str, expected: tuple[object, ...], traces: Traces
) -> None:
    traces.tracing.begin(ENDPOINT, url).end(None)

    found = attributes_of(traces.only)
    names = ("server.address", "server.port", "url.scheme", "url.path")
    assert tuple(map(found.get, names)) == expected
    assert "s3cret" not in traces.only.to_json()


def test_the_span_is_the_current_one_until_the_call_ends(traces: Traces) -> None:
    with traces.tracer.start_as_current_span("the user's") as around:
        call = traces.tracing.begin(ENDPOINT, URL)
        traces.tracer.start_span("inside").end()
        call.end(None)
        assert trace.get_current_span() is around

    inside, span, outer = traces.ended
    assert (inside.name, span.name) == ("inside", "klearstack uploads.document")
    assert id_of_parent(inside) == id_of(span)
    assert id_of_parent(span) == id_of(outer)


def test_a_call_within_a_call_is_nested_in_it(traces: Traces) -> None:
    outer = traces.tracing.begin(ENDPOINT, URL)
    inner = traces.tracing.begin("auth.login", URL)
    inner.end(None)
    outer.end(None)

    login, upload = traces.ended
    assert id_of_parent(login) == id_of(upload)


def test_a_call_that_ends_in_another_context_ends_quietly(traces: Traces) -> None:
    call = copy_context().run(traces.tracing.begin, ENDPOINT, URL)
    with traces.tracer.start_as_current_span("of somebody else") as around:
        call.end(GeneratorExit())
        assert trace.get_current_span() is around

    assert attributes_of(traces.ended[0])["klearstack.cancelled"] is True


async def test_concurrent_calls_keep_their_spans_apart(traces: Traces) -> None:
    together = asyncio.Barrier(20)

    async def call_number(number: int) -> None:
        call = traces.tracing.begin(f"call.{number}", URL)
        await together.wait()
        with traces.tracer.start_as_current_span(f"inside.{number}"):
            await together.wait()
        call.attempt(an_attempt(number))
        await together.wait()
        call.end(None)

    with traces.tracer.start_as_current_span("the user's"):
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, 21):
                tasks.create_task(call_number(number))

    [around] = traces.named("the user's")
    for number in range(1, 21):
        [call], [inside] = (
            traces.named(f"klearstack call.{number}"),
            traces.named(f"inside.{number}"),
        )
        assert id_of_parent(inside) == id_of(call)
        assert id_of_parent(call) == id_of(around)
        assert [values["number"] for _, values in events_of(call)] == [number]


def test_endpoint_and_address_are_known_when_a_sampler_decides(traces: Traces) -> None:
    started = Started()
    traces.provider.add_span_processor(started)
    traces.tracing.begin(ENDPOINT, URL).end(None)
    assert started.known["klearstack.endpoint"] == ENDPOINT
    assert started.known["server.address"] == "acme.klearstackapp.com"


def test_a_call_that_is_not_sampled_is_told_nowhere() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    call = Tracing(provider).begin(ENDPOINT, URL)
    call.attempt(an_attempt())
    call.end(ServerError("busy"))
    assert exporter.get_finished_spans() == ()


def test_without_any_provider_calls_go_on_as_ever() -> None:
    tracing: Observing = Tracing()
    call = tracing.begin(ENDPOINT, URL)
    call.attempt(an_attempt())
    call.end(None)
    assert not trace.get_current_span().is_recording()


def test_the_global_provider_may_be_set_after_the_tracing_was_made() -> None:
    done = run_python(
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from klearstack_async.telemetry import Tracing\n"
        "tracing = Tracing()\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "call = tracing.begin('uploads.document', 'https://host/a')\n"
        "print(trace.get_current_span().name)\n"
        "call.end(None)"
    )
    assert (done.stdout.strip(), done.stderr) == ("klearstack uploads.document", "")


# The extra


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_missing_extra_is_named() -> None:
    done = run_python(
        "import sys; sys.modules['opentelemetry'] = None; import klearstack_async.telemetry"
    )
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: tracing needs an extra: pip install 'klearstack-async[otel]' "
        "(in a checkout: pip install '.[otel]')"
    )


@pytest.mark.parametrize("module", ["klearstack_async", "klearstack_async.cli"])
def test_only_who_traces_imports_opentelemetry(module: str) -> None:
    done = run_python(
        f"import sys, {module}; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_tracing_needs_the_api_alone() -> None:
    done = run_python(
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from klearstack_async.telemetry import Tracing\n"
        "Tracing().begin('uploads.document', 'https://host/a').end(None)"
    )
    assert (done.returncode, done.stderr) == (0, "")


# The public client


async def test_an_upload_is_a_span_and_the_login_it_needs_is_nested_in_it(
    sandbox: Sandbox, traces: Traces
) -> None:
    async with client_of(sandbox, tracing=traces.tracing) as ks:
        await ks.uploads.document(invoice_pdf(), filename="a.pdf")

    [login] = traces.named("klearstack auth.login")
    [upload] = traces.named("klearstack uploads.document")
    assert len(traces.ended) == 2
    assert id_of_parent(login) == id_of(upload)
    found = attributes_of(upload)
    assert f"http://{found['server.address']}:{found['server.port']}" == sandbox.url
    assert found["url.path"] == "/access/klearstack/processdocument"
    assert found["http.response.status_code"] == 200
    [(_, attempt)] = events_of(upload)
    assert isinstance(attempt["sent_bytes"], int)
    assert attempt["sent_bytes"] > len(invoice_pdf())


async def test_a_renewed_token_shows_as_a_second_attempt(serve: Serve, traces: Traces) -> None:
    statuses = [401, 200]

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        status = statuses.pop(0)
        said = {"error": "Token expired."} if status == 401 else {"success": "yes", "result": []}
        return web.json_response(said, status=status)

    async with client_at(await serve(approve_reject_doc=answer), tracing=traces.tracing) as ks:
        await ks.documents.approve("d", comment="ok")

    [span] = traces.named("klearstack documents.approve_or_reject")
    assert attributes_of(span)["http.request.resend_count"] == 1
    assert attributes_of(span)["http.response.status_code"] == 200
    assert [values["status"] for _, values in events_of(span)] == [401, 200]
    assert span.status.status_code is StatusCode.UNSET


async def test_a_refused_login_ends_both_spans_and_gives_no_secret_away(
    serve: Serve, traces: Traces
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": f"wrong password {PASSWORD}"}, status=401)

    async with client_at(await serve(get_access_token=refuse), tracing=traces.tracing) as ks:
        with pytest.raises(AuthenticationError):
            await ks.uploads.document(invoice_pdf(), filename="a.pdf")

    assert [span.status.status_code for span in traces.ended] == [StatusCode.ERROR] * 2
    assert [attributes_of(span)["error.type"] for span in traces.ended] == (
        ["AuthenticationError"] * 2
    )
    told = "".join(
        f"{span.status.description}{attributes_of(span)}{events_of(span)}" for span in traces.ended
    )
    assert PASSWORD not in told
    assert "wrong password ***" in told


async def test_what_a_stream_does_is_nested_in_its_own_upload(
    sandbox: Sandbox, traces: Traces
) -> None:
    together = asyncio.Barrier(5)

    def stream(number: int) -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            await together.wait()
            traces.tracer.start_span(f"reading.{number}").end()
            yield invoice_pdf(f"A-{number}")

        return Stream(pieces, f"{number}.pdf")

    async def upload(number: int) -> int:
        with traces.tracer.start_as_current_span("the user's") as around:
            await ks.uploads.document(stream(number))
        return around.get_span_context().span_id

    async with client_of(sandbox, tracing=traces.tracing) as ks:
        await ks.auth.login()
        arounds = await asyncio.gather(*map(upload, range(5)))

    uploads = {id_of(span): span for span in traces.named("klearstack uploads.document")}
    for number, around in enumerate(arounds):
        [reading] = traces.named(f"reading.{number}")
        assert id_of_parent(uploads[id_of_parent(reading) or 0]) == around


async def test_a_cancelled_upload_ends_its_span(sandbox: Sandbox, traces: Traces) -> None:
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"%PDF-1.4"
        begun.set()
        await asyncio.Event().wait()

    async with client_of(sandbox, tracing=traces.tracing) as ks:
        call = asyncio.create_task(ks.uploads.document(Stream(pieces, "a.pdf")))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    [span] = traces.named("klearstack uploads.document")
    assert attributes_of(span)["klearstack.cancelled"] is True
    assert span.status.status_code is StatusCode.UNSET
