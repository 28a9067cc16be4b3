"""Our errors as answers: complete, nobody else's fault, and without a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at
from fastapi import FastAPI, WebSocket
from fastapi_kit import PROBLEM, document, put, sent_on_socket, served, service

from klearstack_async import RetryPolicy, Timeouts, errors
from klearstack_async.fastapi import PROBLEMS, RequestRefused, problem_response
from klearstack_async.fastapi.problems import VERDICTS
from klearstack_async.fastapi.refusals import REFUSALS

CLASSES = [getattr(errors, name) for name in errors.__all__]
ONCE = RetryPolicy(attempts=1)

# What is answered for each class, once more: nothing here may change by the way.
STATUSES = {
    "AuthenticationError": 502,
    "BadRequest": 422,
    "BatchFailed": 422,
    "BatchNotReady": 504,
    "BrokenAnswer": 502,
    "ClientClosed": 503,
    "ConnectError": 502,
    "ConnectionDropped": 502,
    "DeadlineExceeded": 504,
    "DecodeError": 502,
    "EndpointNotFound": 502,
    "JournalError": 500,
    "KlearStackError": 500,
    "OutcomeUnknown": 502,
    "PermissionDenied": 502,
    "RateLimited": 503,
    "Redirected": 502,
    "Rejected": 422,
    "ResponseError": 502,
    "ServerError": 502,
    "SourceChanged": 409,
    "StallTimeout": 504,
    "TlsError": 502,
    "TransportError": 502,
    "WebhookError": 400,
}


def answer_of(error: Any) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    response = problem_response(error)
    return response.status_code, response.headers, json.loads(bytes(response.body))


def test_every_error_of_the_library_has_its_answer() -> None:
    assert set(VERDICTS) == set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_error_is_answered_as_it_should_be(kind: type[errors.KlearStackError]) -> None:
    status, headers, members = answer_of(kind("what happened", endpoint="uploads.document"))
    assert status == members["status"] == STATUSES[kind.__name__]
    assert headers["content-type"] == PROBLEM
    assert members["type"].startswith("urn:klearstack-async:")
    assert members["title"]
    assert members["endpoint"] == "uploads.document"
    # Of what went wrong behind the service, nobody outside hears more than that.
    assert ("what happened" in members["detail"]) is (status < 500)


@pytest.mark.parametrize(
    ("kind", "status", "answered"),
    [
        ("BadRequest", 400, 422),
        ("BadRequest", 402, 502),
        ("BadRequest", 404, 404),
        ("BadRequest", 407, 502),
        ("BadRequest", 408, 504),
        ("BadRequest", 409, 409),
        ("BadRequest", 413, 413),
        ("BadRequest", 415, 415),
        ("BadRequest", 422, 422),
        ("BadRequest", 418, 422),
        ("AuthenticationError", 401, 502),
        ("PermissionDenied", 403, 502),
        ("EndpointNotFound", 404, 502),
        ("ServerError", 500, 502),
        ("ServerError", 503, 503),
        ("ServerError", 504, 504),
        ("WebhookError", 401, 401),
        ("WebhookError", 413, 413),
        ("WebhookError", 422, 422),
        ("Rejected", 200, 422),
        ("DecodeError", 200, 502),
        ("OutcomeUnknown", 503, 502),
    ],
)
def test_a_status_of_klearstack_is_passed_on_where_it_is_about_the_document(
    kind: str, status: int, answered: int
) -> None:
    assert answer_of(getattr(errors, kind)("no", status=status))[0] == answered


@pytest.mark.parametrize(("after", "told"), [(0.0, "0"), (0.2, "1"), (7.0, "7"), (7.01, "8")])
@pytest.mark.parametrize("kind", [errors.RateLimited, errors.ServerError])
def test_when_to_come_back_is_passed_on_rounded_up(
    kind: type[errors.ResponseError], after: float, told: str
) -> None:
    error = kind("slow down", status=503)
    error.retry_after = after
    assert answer_of(error)[1]["retry-after"] == told


def test_when_to_come_back_is_not_made_up() -> None:
    assert "retry-after" not in answer_of(errors.RateLimited("slow down", status=429))[1]


def test_an_unknown_outcome_says_that_it_is_not_to_be_repeated() -> None:
    assert answer_of(errors.OutcomeUnknown("?"))[2]["repeatable"] is False
    assert "repeatable" not in answer_of(errors.ServerError("?"))[2]


def test_a_kind_of_problem_has_a_name_that_scripts_can_rely_on() -> None:
    kinds = [answer_of(cls("x"))[2]["type"].rpartition(":")[2] for cls in CLASSES]
    assert kinds[:3] == ["authentication-error", "bad-request", "batch-failed"]
    refused = [answer_of(RequestRefused(reason, "x"))[2]["type"] for reason in REFUSALS]
    assert len(set(kinds) | set(refused)) == len(CLASSES) + len(REFUSALS)


def test_an_error_of_a_class_of_ones_own_is_answered_like_its_parent() -> None:
    class Late(errors.StallTimeout):
        pass

    status, _, members = answer_of(Late("x"))
    assert (status, members["type"]) == (504, "urn:klearstack-async:stall-timeout")


def test_a_401_says_how_to_authenticate() -> None:
    headers = answer_of(errors.WebhookError("wrong token", status=401))[1]
    assert headers["www-authenticate"] == "Bearer"


def test_only_what_the_asker_can_not_mend_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "klearstack_async")
    problem_response(errors.BadRequest("the document's fault", status=400))
    problem_response(RequestRefused("empty", "There is nothing in it."))
    problem_response(errors.ConnectError("no host acme.example", endpoint="auth.login"))
    logged = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert logged == [("WARNING", "answered 502: ConnectError: auth.login: no host acme.example")]


# --- in a service ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "answered"),
    [
        (400, {}, 422),
        (401, {}, 502),
        (403, {}, 502),
        (404, {}, 502),
        (413, {}, 413),
        (429, {"Retry-After": "3"}, 503),
        (500, {}, 502),
        (503, {"Retry-After": "3"}, 503),
        (302, {"Location": "http://elsewhere.example/"}, 502),
    ],
)
async def test_a_refusal_of_klearstack_reaches_the_browser_without_a_secret(
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
    status: int,
    headers: dict[str, str],
    answered: int,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        said = f"{PASSWORD} is not the password, nor a.b.c the token"
        return web.json_response({"error": said}, status=status, headers=headers)

    upstream = await serve(processdocument=refuse)
    async with served(service(client_at(upstream, retry=ONCE))) as url:
        code, kind, members = await put(f"{url}/body/a.png", document())
    assert (code, kind) == (answered, PROBLEM)
    told = str(members)
    assert PASSWORD not in told + caplog.text
    assert "a.b.c the token" not in told + caplog.text
    if answered >= 500:
        assert upstream.partition("//")[2] not in told
        assert "***" in caplog.text or status in {302, 404}
    else:
        assert "is not the password" in members["detail"]


async def test_a_klearstack_that_is_not_there_is_a_bad_gateway() -> None:
    client = client_at("http://127.0.0.1:9", retry=ONCE, timeouts=Timeouts(connect_seconds=5))
    async with served(service(client)) as url:
        status, kind, members = await put(f"{url}/body/a.png", document())
    assert (status, kind) == (502, PROBLEM)
    assert "127.0.0.1" not in str(members)


async def test_a_wrong_password_of_ours_is_no_401(serve: Serve) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "Incorrect username or password."}, status=401)

    async with served(service(client_at(await serve(get_access_token=refuse)))) as url:
        assert (await put(f"{url}/body/a.png", document()))[0] == 502


# --- web sockets ----------------------------------------------------------------------------------


def talking(error: Exception, *, accept: bool) -> FastAPI:
    app = FastAPI(exception_handlers=PROBLEMS)

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        if accept:
            await socket.accept()
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RateLimited("x"), 1013),
        (errors.ConnectError("x"), 1011),
        (errors.BadRequest("x"), 1008),
    ],
)
async def test_a_web_socket_that_is_open_is_closed_with_a_reason(
    error: Exception, code: int
) -> None:
    app = talking(error, accept=True)
    accepted, closed = await sent_on_socket(app, "/talk", may_answer=True)
    assert accepted["type"] == "websocket.accept"
    assert (closed["type"], closed["code"], bool(closed["reason"])) == (
        "websocket.close",
        code,
        True,
    )


async def test_a_web_socket_that_is_not_open_yet_gets_the_problem() -> None:
    app = talking(errors.ConnectError("x"), accept=False)
    start, body = await sent_on_socket(app, "/talk", may_answer=True)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 502)
    assert b"connect-error" in body["body"]
    (closed,) = await sent_on_socket(app, "/talk")
    assert closed["type"] == "websocket.close"
