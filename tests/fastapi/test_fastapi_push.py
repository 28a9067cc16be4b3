"""What the push router answers, and to whom."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from conftest import until
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from push_router_kit import (
    BEARER,
    MULTIPART,
    PASSWORD,
    PROBLEM,
    TOKEN,
    Handled,
    Sender,
    Wire,
    fields,
    multipart,
    pushing_to,
    sender_to,
    served,
    service,
)

from klearstack_async.fastapi import PROBLEMS
from klearstack_async.fastapi.push import PushSender, push_router
from klearstack_async.webhooks import Push


@pytest.fixture
def handled() -> Handled:
    return Handled()


@pytest.fixture
async def sender(handled: Handled) -> AsyncIterator[Sender]:
    app = service(handled, password=PASSWORD, max_bytes=100_000)
    async with pushing_to(app) as sender:
        yield sender


ENCODINGS: dict[str, dict[str, Any]] = {
    "multipart": {},
    "urlencoded": {"data": fields(), "headers": {"Content-Type": None}},
    "json": {"json": fields(), "headers": {"Content-Type": None}},
}


@pytest.mark.parametrize("options", ENCODINGS.values(), ids=ENCODINGS)
async def test_a_right_push_is_handled(
    sender: Sender, handled: Handled, options: dict[str, Any]
) -> None:
    status, said = await sender.push(**options)
    assert (status, said["status"]) == (200, "accepted")
    await until(lambda: handled.ended == 1)
    [push] = handled.pushes
    assert push.document["Inv_Number"].value == "1"
    assert push.extra == {}


WRONG: dict[str, tuple[int, dict[str, Any]]] = {
    "token": (401, {"headers": {"Authorization": "Bearer wrong"}}),
    "no token": (401, {"headers": {"Authorization": None}}),
    "basic": (401, {"headers": {"Authorization": f"Basic {TOKEN}"}}),
    "password": (401, {"values": fields(password="wrong")}),
    "no password": (401, {"data": {"batch_id": "1"}, "headers": {"Content-Type": None}}),
    "too large": (413, {"values": fields(size=150_000)}),
    "cut off": (400, {"data": multipart(fields())[:-20]}),
    "no JSON": (400, {"json": fields(data="{"), "headers": {"Content-Type": None}}),
    "not a push": (422, {"values": fields(batch_id="")}),
    "text": (415, {"headers": {"Content-Type": "text/plain"}}),
    "token as type": (415, {"headers": {"Content-Type": TOKEN}}),
    "no type": (415, {"headers": {"Content-Type": ""}}),
}


@pytest.mark.parametrize(("status", "options"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_answered_as_a_problem_and_not_handled(
    sender: Sender, handled: Handled, status: int, options: dict[str, Any]
) -> None:
    got, said = await sender.push(**options)
    assert (got, said["status"]) == (status, status)
    assert said["headers"]["content-type"] == PROBLEM
    assert ("www-authenticate" in said["headers"]) == (status == 401)
    assert handled.pushes == []


async def test_no_secret_is_answered_or_logged(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _, options in WRONG.values():
        _, said = await sender.push(**options)
        assert "MARKED" not in json.dumps(said, ensure_ascii=False)
    assert caplog.text.count("a push was refused") == len(WRONG)
    assert "MARKED" not in caplog.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_is_a_push(sender: Sender, method: str) -> None:
    assert await sender.ask(method) == 405


UNREAD: dict[str, tuple[int, dict[str, str]]] = {
    "wrong token": (401, {"Authorization": "Bearer wrong", "Content-Length": "50000"}),
    "endless and wrong": (401, {"Authorization": "x", "Transfer-Encoding": "chunked"}),
    "too large": (413, {**BEARER, **MULTIPART, "Content-Length": "100001"}),
    "far too large": (413, {**BEARER, **MULTIPART, "Content-Length": "9" * 16}),
    "no form": (415, {**BEARER, "Content-Type": "image/png", "Content-Length": "50000"}),
}


@pytest.mark.parametrize(("status", "headers"), UNREAD.values(), ids=UNREAD)
async def test_what_the_headers_tell_is_answered_before_the_body_is_asked_for(
    handled: Handled, status: int, headers: dict[str, str]
) -> None:
    async with (
        served(service(handled, max_bytes=100_000)) as url,
        # Whoever says that is told first that the body is read.
        Wire.to(url, {**headers, "Expect": "100-continue"}) as wire,
    ):
        assert (await wire.answer())[0] == status


ENDLESS: dict[str, tuple[int, dict[str, str]]] = {
    "chunked, wrong token": (401, {"Authorization": "x", "Transfer-Encoding": "chunked"}),
    "chunked, no form": (415, {**BEARER, "Transfer-Encoding": "chunked"}),
    "long, wrong token": (401, {"Authorization": "x", "Content-Length": "200001"}),
    "long": (413, {**BEARER, **MULTIPART, "Content-Length": "200001"}),
    "chunked, no such sender": (404, {"Transfer-Encoding": "chunked"}),
    "chunked, sender not let in": (403, {"Transfer-Encoding": "chunked"}),
}


@pytest.mark.parametrize(("status", "headers"), ENDLESS.values(), ids=ENDLESS)
async def test_a_body_that_may_go_on_for_ever_ends_with_its_answer(
    handled: Handled, status: int, headers: dict[str, str]
) -> None:
    def sender_of(_request: Request) -> PushSender:
        if status == 403:
            raise HTTPException(403)
        if status == 404:
            raise LookupError
        return PushSender(token=TOKEN)

    app = service(handled, token=None, sender_of=sender_of, max_bytes=100_000)
    async with served(app) as url, Wire.to(url, headers) as wire:
        got, head, _ = await wire.answer()
        assert (got, "connection: close" in head) == (status, True)
        assert await wire.is_ended()


@pytest.mark.parametrize("token", ["e", "the", "right", TOKEN[:-1]])
async def test_a_stranger_doesnt_decide_what_the_log_says(
    sender: Sender, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    _, said = await sender.push(headers={"Authorization": f"Bearer {token}"})
    sentence = (
        "the Authorization header doesn't bring the right Bearer token; compare it with the one in "
        "KlearStack's push settings"
    )
    assert said["detail"] == sentence
    assert sentence in caplog.text


async def test_a_push_that_nobody_takes_is_not_accepted(caplog: pytest.LogCaptureFixture) -> None:
    async with pushing_to(service()) as sender:
        status, said = await sender.push()
    assert (status, said["headers"]["content-type"]) == (503, PROBLEM)
    assert "retry-after" in said["headers"]
    [line] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "app.state.klearstack" in line.message


async def test_a_failure_of_ours_is_not_called_a_refusal(handled: Handled, sender: Sender) -> None:
    handled.failures = 1
    async with pushing_to(service(handled, run="before")) as failing, pushing_to(service()) as none:
        failed, not_now = (await failing.push())[1], (await none.push())[1]
    refused = (await sender.push(headers={"Authorization": "x"}))[1]
    titles = [said["title"] for said in (failed, not_now, refused)]
    assert titles == ["Push not handled", "Push can't be taken now", "Push refused"]
    assert len({said["type"] for said in (failed, not_now, refused)}) == 3


async def test_a_refused_body_is_read_past_so_that_its_sender_reads_the_answer() -> None:
    headers = {"Authorization": "Bearer wrong", **MULTIPART, "Content-Length": "1000000"}
    app = service(Handled(), max_bytes=1 << 20)
    async with served(app) as url, Wire.to(url, headers) as wire:
        assert (await wire.answer())[0] == 401
        await wire.send(bytes(1_000_000))
        body = multipart(fields())
        right = {**BEARER, **MULTIPART, "Content-Length": str(len(body)), "Host": "a"}
        head = "".join(f"{name}: {value}\r\n" for name, value in right.items())
        await wire.send(f"POST /push HTTP/1.1\r\n{head}\r\n".encode() + body)
        assert (await wire.answer())[0] == 200


@pytest.mark.parametrize("handlers", [{}, PROBLEMS], ids=["bare", "PROBLEMS"])
async def test_the_answers_need_nothing_of_the_application(handlers: Any) -> None:
    app = FastAPI(exception_handlers=dict(handlers))
    app.include_router(push_router(Handled(), token=TOKEN), prefix="/in")
    async with pushing_to(app) as sender:
        status, said = await sender.push(path="/in/push", headers={"Authorization": "Bearer x"})
        assert (status, said["headers"]["content-type"]) == (401, PROBLEM)
        assert said["type"]
        assert said["title"]
        assert (await sender.push(path="/in/push"))[0] == 200


async def test_a_routers_dependencies_guard_it(handled: Handled) -> None:
    def closed() -> None:
        raise HTTPException(403, "closed")

    app = FastAPI()
    app.include_router(push_router(handled, token=TOKEN), dependencies=[Depends(closed)])
    async with pushing_to(app) as sender:
        assert (await sender.push())[0] == 403
    assert handled.pushes == []


async def test_it_works_behind_a_middleware_that_wraps_requests(handled: Handled) -> None:
    app = service(handled)

    @app.middleware("http")
    async def read(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Any:
        await request.body()
        return await call_next(request)

    async with pushing_to(app) as sender:
        assert await sender.push_all(fields(1), fields(2), fields(1)) == [200] * 3
        await until(lambda: handled.ended == 2)


MISUSE: dict[str, dict[str, Any]] = {
    "nothing to verify by": {},
    "nothing that proves": {"username": "hook", "company_name": "acme"},
    "empty": {"token": ""},
    "empty password": {"token": TOKEN, "password": ""},
    "both": {"token": TOKEN, "sender_of": lambda _: PushSender(token=TOKEN)},
    "run": {"token": TOKEN, "run": "later"},
    "max_bytes": {"token": TOKEN, "max_bytes": 0},
    "seen for nobody": {"token": TOKEN, "seen": object()},
}


@pytest.mark.parametrize("options", MISUSE.values(), ids=MISUSE)
def test_misuse_is_found_when_the_router_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        push_router(**options)


def test_what_is_no_store_is_found_when_the_router_is_made() -> None:
    with pytest.raises(TypeError, match="give_back"):
        push_router(print, token=TOKEN, seen=object())  # type: ignore[arg-type]


async def test_unverified_takes_anybody(handled: Handled) -> None:
    async with pushing_to(service(handled, token=None, unverified=True)) as sender:
        assert (await sender.push(headers={"Authorization": None}))[0] == 200


def test_no_secret_is_in_a_senders_repr() -> None:
    assert "MARKED" not in repr(PushSender(token=TOKEN, password=PASSWORD, tenant="acme"))


def test_an_empty_secret_of_a_sender_is_misuse() -> None:
    with pytest.raises(ValueError, match="empty"):
        PushSender(token="")


# Many tenants.

TENANTS = {name: PushSender(token=f"{TOKEN}-{name}", tenant=name) for name in ("acme", "globex")}


def of_path(request: Request) -> PushSender:
    return TENANTS[request.path_params["tenant"]]


async def of_path_async(request: Request) -> PushSender:
    return of_path(request)


def many(handler: Any, sender_of: Any = of_path, **options: Any) -> FastAPI:
    return service(handler, path="/push/{tenant}", token=None, sender_of=sender_of, **options)


def bearer(name: str) -> dict[str, Any]:
    return {"path": f"/push/{name}", "headers": {"Authorization": f"Bearer {TOKEN}-{name}"}}


@pytest.mark.parametrize("sender_of", [of_path, of_path_async])
async def test_a_tenants_push_comes_with_its_name(handled: Handled, sender_of: Any) -> None:
    async with pushing_to(many(handled, sender_of)) as sender:
        for name in TENANTS:
            assert (await sender.push(**bearer(name)))[0] == 200
            # The same again is known; the same of another tenant isn't.
            assert (await sender.push(**bearer(name)))[1]["status"] == "duplicate"
        await until(lambda: handled.ended == 2)
    assert handled.tenants == ["acme", "globex"]


async def test_one_tenants_token_opens_no_others_door(handled: Handled) -> None:
    async with pushing_to(many(handled)) as sender:
        assert (await sender.push(**{**bearer("acme"), "path": "/push/globex"}))[0] == 401
    assert handled.pushes == []


async def test_an_unknown_tenant_is_told_nothing(handled: Handled) -> None:
    async with pushing_to(many(handled)) as sender:
        status, said = await sender.push(**bearer("initech"))
    assert (status, said["headers"]["content-type"]) == (404, PROBLEM)
    assert "initech" not in json.dumps(said)
    assert "tenant" not in json.dumps(said)


@pytest.mark.parametrize("found", [ZeroDivisionError("MARKED"), PushSender(tenant="acme"), None])
async def test_a_failing_sender_of_is_a_problem_of_ours(
    handled: Handled, found: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def sender_of(_request: Request) -> PushSender:
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async with pushing_to(many(handled, sender_of)) as sender:
        status, said = await sender.push(**bearer("acme"))
    assert (status, said["headers"]["content-type"]) == (500, PROBLEM)
    assert "MARKED" not in json.dumps(said)
    assert "sender_of failed" in caplog.text
    assert handled.pushes == []


async def test_a_mistake_that_looks_like_an_unknown_tenant_can_be_found(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "klearstack_async")

    def sender_of(_request: Request) -> PushSender:
        return TENANTS["a mistake"]

    async with pushing_to(many(handled, sender_of)) as sender:
        assert (await sender.push(**bearer("acme")))[0] == 404
    assert "KeyError: 'a mistake'" in caplog.text


async def test_an_http_exception_of_sender_of_is_the_applications(handled: Handled) -> None:
    def sender_of(_request: Request) -> PushSender:
        raise HTTPException(418, "short and stout")

    async with pushing_to(many(handled, sender_of)) as sender:
        status, said = await sender.push(**bearer("acme"))
    assert (status, said["detail"]) == (418, "short and stout")


def test_an_applications_own_tests_see_the_handler_ended() -> None:
    pushes: list[Push] = []
    app = service(pushes.append)
    for said in ("accepted", "duplicate"):
        # Each brings a loop of its own.
        with TestClient(app) as client:
            answer = client.post("/push", data=fields(), headers=BEARER)
            assert (answer.status_code, answer.json()) == (200, {"status": said})
    assert len(pushes) == 1


async def test_one_router_serves_one_loop_after_the_other(handled: Handled) -> None:
    """As applications' own tests do, with a client that brings a loop for each test."""
    app = service(handled)
    async with served(app) as url, sender_to(url) as sender:
        await sender.push_all(*[fields(1)] * 20)
    async with served(app) as url, sender_to(url) as sender:
        assert (await sender.push(fields(1)))[1]["status"] == "duplicate"
    assert handled.numbers == ["1"]
