"""Making the fault that was chosen for a request, around its right answer.

Three tables hold all kinds but `latency`: what is done instead of answering, what is changed
about the service for one request, and what becomes of the right answer.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeAlias

from aiohttp import web

from klearstack_async.sandbox.answers import RefusalError, json_response
from klearstack_async.sandbox.faults import spoilt, wire
from klearstack_async.sandbox.faults.fault import HEADER, Fault, parse_faults
from klearstack_async.sandbox.guards import check_bearer
from klearstack_async.sandbox.service import Service

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """A request and the fault it meets."""

    service: Service
    request: web.Request
    fault: Fault
    seed: int


Proceed: TypeAlias = Callable[[Service], Awaitable[web.Response]]
Instead: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]
Change: TypeAlias = Callable[[Call], Service]
Afterwards: TypeAlias = Callable[[Call, web.Response], Awaitable[web.StreamResponse]]


async def answer_with_faults(
    service: Service, endpoint: str, request: web.Request, proceed: Proceed
) -> web.StreamResponse:
    """Answer a request rightly by `proceed`, but for the fault that it meets, if any.

    Raises:
        RefusalError: 400 for a header that can't be read; or as the fault wants it.
    """
    choice = service.faults.choose(endpoint, _asked_by(request))
    if choice.wait_seconds:
        await asyncio.sleep(choice.wait_seconds)
    if choice.fault is None:
        return await proceed(service)
    call = Call(service, request, choice.fault, choice.seed)
    kind = call.fault.kind
    if kind in INSTEAD:
        return await INSTEAD[kind](call)
    if kind in CHANGES:
        return await proceed(CHANGES[kind](call))
    return await AFTERWARDS[kind](call, await proceed(service))


def _asked_by(request: web.Request) -> list[Fault]:
    if HEADER not in request.headers:
        return []
    try:
        return parse_faults(";".join(request.headers.getall(HEADER)))
    except ValueError as error:
        raise RefusalError(400, f"{HEADER}: {error}") from error


# Instead of an answer


async def _refuse(call: Call) -> web.StreamResponse:
    status, sentence = _REFUSALS[call.fault.kind]
    raise RefusalError(status, sentence, headers=_retry_after(call))


async def _refuse_with_status(call: Call) -> web.StreamResponse:
    raise _failure(call)


async def _refuse_token(call: Call) -> web.StreamResponse:
    service = call.service
    try:
        check_bearer(service.tokens, service.company, call.request.headers.get("Authorization"))
    except RefusalError:
        # A bad token gets its own refusal.
        service.faults.take_back(call.fault)
        raise
    raise RefusalError(401, "Token expired.")


async def _redirect(_: Call) -> web.StreamResponse:
    # Nobody listens there; but who follows has sent the password to another origin.
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})


async def _reset_half_way(call: Call) -> web.StreamResponse:
    await wire.read_half(call.request)
    return _reset(call)


async def _stall_half_way(call: Call) -> web.StreamResponse:
    await wire.read_half(call.request)
    wire.stop_reading(call.request)
    await wire.hold(call.request)
    return _no_answer()


# Another service for one request


def _slow_processing(call: Call) -> Service:
    settings = call.service.settings
    seconds = settings.processing_seconds + (call.fault.seconds or 0)
    return replace(call.service, settings=replace(settings, processing_seconds=seconds))


def _short_tokens(call: Call) -> Service:
    tokens = call.service.tokens
    lifetimes = {**tokens.lifetimes_seconds, "access": call.fault.seconds or 0}
    return replace(call.service, tokens=replace(tokens, lifetimes_seconds=lifetimes))


def _odd_status(call: Call) -> Service:
    key, words = spoilt.odd_status(call.seed)
    settings = replace(call.service.settings, status_key=key, status_words=words)
    return replace(call.service, settings=settings)


# What becomes of the right answer


async def _fail_after_all(call: Call, _: web.Response) -> web.StreamResponse:
    return _failure(call).to_response()


async def _reset_after_all(call: Call, _: web.Response) -> web.StreamResponse:
    return _reset(call)


async def _reset_in_answer(call: Call, response: web.Response) -> web.StreamResponse:
    sent = await wire.send_half(call.request, response)
    wire.reset(call.request)
    return sent


async def _stall_after_all(call: Call, _: web.Response) -> web.StreamResponse:
    await wire.hold(call.request)
    return _no_answer()


async def _stall_in_answer(call: Call, response: web.Response) -> web.StreamResponse:
    sent = await wire.send_half(call.request, response)
    await wire.hold(call.request)
    return sent


async def _truncate(call: Call, response: web.Response) -> web.StreamResponse:
    return _with_json(call, response, spoilt.truncated(_json_of(response)))


async def _surround(call: Call, response: web.Response) -> web.StreamResponse:
    return _with_json(call, response, spoilt.junk(_json_of(response), call.seed))


async def _hostile(call: Call, response: web.Response) -> web.StreamResponse:
    body = _json_of(response)
    if body:
        # In a thread, as an answer may be large; this one has the least to do.
        body = await call.service.unzipping.run(spoilt.hostile, body, call.seed)
    return _with_json(call, response, body)


async def _garbage(_: Call, __: web.Response) -> web.StreamResponse:
    return web.Response(text=spoilt.WEB_PAGE, content_type="text/html")


async def _close(call: Call, response: web.Response) -> web.StreamResponse:
    # Said before the server is told to close, which would take the header away.
    response.headers["Connection"] = "keep-alive"
    await response.prepare(call.request)
    response.force_close()
    return response


def _failure(call: Call) -> RefusalError:
    sentence = "Something went wrong. Please try again later."
    return RefusalError(call.fault.status or 500, sentence, headers=_retry_after(call))


def _retry_after(call: Call) -> dict[str, str]:
    told = call.fault.retry_after_seconds
    if told is None:
        return {}
    seconds, as_date = told
    if not as_date:
        return {"Retry-After": f"{seconds:.15g}"}
    # Dates have whole seconds; a client that comes back at one must not be early.
    instant = datetime.fromtimestamp(math.ceil(call.service.now().timestamp() + seconds), UTC)
    return {"Retry-After": format_datetime(instant, usegmt=True)}


def _no_answer() -> web.Response:
    # The server finds the connection gone when it is about to send this.
    return web.Response()


def _reset(call: Call) -> web.Response:
    wire.reset(call.request)
    return _no_answer()


def _json_of(response: web.Response) -> bytes:
    """Return the JSON of an answer; nothing if it is none."""
    body = response.body
    return body if response.content_type == _JSON and isinstance(body, bytes) else b""


def _with_json(call: Call, response: web.Response, body: bytes) -> web.Response:
    """Answer with other JSON, unless there was none to spoil."""
    if not _json_of(response) or body == response.body:
        call.service.faults.take_back(call.fault)
        return response
    return json_response(body, status=response.status)


_REFUSALS = {
    "rate_limited": (429, "Too many requests."),
    "unavailable": (503, "Service unavailable."),
    "refresh_refused": (401, "The refresh token has been revoked."),
}
INSTEAD: dict[str, Instead] = {
    "rate_limited": _refuse,
    "unavailable": _refuse,
    "refresh_refused": _refuse,
    "status_before": _refuse_with_status,
    "token_refused": _refuse_token,
    "redirect": _redirect,
    "reset_before": _reset_half_way,
    "stall_before": _stall_half_way,
}
CHANGES: dict[str, Change] = {
    "processing": _slow_processing,
    "short_token": _short_tokens,
    "odd_status": _odd_status,
}
AFTERWARDS: dict[str, Afterwards] = {
    "status_after": _fail_after_all,
    "reset_after": _reset_after_all,
    "reset_answer": _reset_in_answer,
    "stall_after": _stall_after_all,
    "stall_answer": _stall_in_answer,
    "truncated": _truncate,
    "junk": _surround,
    "garbage": _garbage,
    "hostile": _hostile,
    "close_after": _close,
}
