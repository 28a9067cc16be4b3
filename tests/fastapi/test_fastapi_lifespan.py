"""The client's life in an application, and what endpoints get of it."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
import pytest
from conftest import client_of
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi_kit import sent_on_socket, served, until_idle
from starlette.requests import HTTPConnection

import klearstack_async.fastapi
from klearstack_async import ClientClosed, KlearStack, SessionPool
from klearstack_async.fastapi import (
    PROBLEMS,
    KlearStackDep,
    SessionPoolDep,
    klearstack,
    lifespan,
    session_pool,
    tenant,
)
from klearstack_async.sandbox import Sandbox


def a_client() -> KlearStack:
    return KlearStack("http://127.0.0.1:9", company_name="c", username="u", password="p")


def connection_to(app: FastAPI) -> HTTPConnection:
    return HTTPConnection({"type": "http", "app": app})


async def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as browser, browser.get(url, headers=headers) as answer:
        return answer.status, await answer.json()


def naming_its_user(app: FastAPI) -> FastAPI:
    @app.get("/user")
    async def user(ks: KlearStackDep) -> str:
        return ks.account.username

    return app


# --- lifespan -------------------------------------------------------------------------------------


async def test_a_client_is_open_while_the_application_runs(sandbox: Sandbox) -> None:
    client = client_of(sandbox)
    app = naming_its_user(FastAPI(lifespan=lifespan(client)))
    async with served(app) as url:
        assert await fetch(f"{url}/user") == (200, sandbox.username)
        assert app.state.klearstack is client
        await client.auth.login()
    with pytest.raises(RuntimeError, match=r"not open|closed"):
        await client.auth.login()
    assert not hasattr(app.state, "klearstack")


async def test_a_function_makes_the_client_when_the_application_starts(sandbox: Sandbox) -> None:
    made: list[KlearStack] = []

    def make() -> KlearStack:
        made.append(client_of(sandbox))
        return made[-1]

    app = naming_its_user(FastAPI(lifespan=lifespan(make)))
    assert made == []
    for times in (1, 2):
        async with served(app) as url:
            assert await fetch(f"{url}/user") == (200, sandbox.username)
        assert len(made) == times


async def test_without_a_client_the_environment_says_whose_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("URL", "COMPANY", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"KLEARSTACK_{name}", raising=False)
    app = FastAPI()
    with pytest.raises(ValueError, match="KLEARSTACK_URL"):
        async with lifespan()(app):
            pass
    for name in ("COMPANY", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"KLEARSTACK_{name}", f"my {name}")
    monkeypatch.setenv("KLEARSTACK_URL", "http://127.0.0.1:9")
    async with lifespan()(app):
        assert app.state.klearstack.account.username == "my USERNAME"


async def test_ones_own_lifespan_runs_within_and_gives_its_state() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        app.state.klearstack._pipeline.check_open()
        told.append("begun")
        yield {"colour": "green"}
        app.state.klearstack._pipeline.check_open()
        told.append("ended")

    app = FastAPI(lifespan=lifespan(a_client, within=own))

    @app.get("/colour")
    async def colour(request: Request) -> str:
        return str(request.state.colour)

    async with served(app) as url:
        assert await fetch(f"{url}/colour") == (200, "green")
    assert told == ["begun", "ended"]


async def test_a_client_is_closed_though_ones_own_lifespan_fails() -> None:
    @asynccontextmanager
    async def own(_: FastAPI) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    client, app = a_client(), FastAPI()
    with pytest.raises(OSError, match="no database"):
        async with lifespan(client, within=own)(app):
            pass
    assert not hasattr(app.state, "klearstack")
    with pytest.raises(RuntimeError, match=r"not open|closed"):
        await client.auth.login()


async def test_ones_own_lifespan_may_take_the_client_away() -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        del app.state.klearstack
        yield

    client = a_client()
    async with lifespan(client, within=own)(FastAPI()):
        client._pipeline.check_open()
    with pytest.raises(RuntimeError, match=r"not open|closed"):
        await client.auth.login()


async def test_an_async_function_that_makes_the_client_is_misuse() -> None:
    async def make() -> KlearStack:
        return a_client()

    with pytest.raises(TypeError, match="not an async one: make it `def`"):
        async with lifespan(make)(FastAPI()):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize("wrong", ["client", 7, FastAPI, {}.copy])
async def test_what_is_no_client_is_misuse(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a function that makes one, not"):
        async with lifespan(wrong)(FastAPI()):
            pass


# --- dependencies ---------------------------------------------------------------------------------


async def test_without_the_lifespan_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"FastAPI\(lifespan=lifespan"):
        await klearstack(connection_to(FastAPI()))


async def test_what_is_of_the_other_kind_is_named_with_what_to_use() -> None:
    app = FastAPI()
    async with lifespan(SessionPool)(app):
        assert await session_pool(connection_to(app)) is app.state.klearstack
        with pytest.raises(RuntimeError, match=r"is a SessionPool, .* use SessionPoolDep"):
            await klearstack(connection_to(app))
    async with lifespan(a_client)(app):
        with pytest.raises(RuntimeError, match=r"is a KlearStack, .* use KlearStackDep"):
            await session_pool(connection_to(app))


async def test_an_endpoint_gets_the_pool() -> None:
    app = FastAPI(lifespan=lifespan(SessionPool))

    @app.get("/")
    async def root(given: SessionPoolDep) -> bool:
        return given is app.state.klearstack

    async with served(app) as url:
        assert await fetch(url) == (200, True)


async def test_a_web_socket_gets_the_client() -> None:
    app = FastAPI()

    @app.websocket("/talk")
    async def talk(socket: WebSocket, ks: KlearStackDep) -> None:
        await socket.accept()
        await socket.send_text(ks.account.username)

    async with lifespan(a_client)(app):
        sent = await sent_on_socket(app, "/talk")
    assert [message.get("text") for message in sent] == [None, "u"]


async def test_the_client_can_be_another_in_a_test() -> None:
    app = naming_its_user(FastAPI())
    other = KlearStack("http://127.0.0.1:9", company_name="c", username="other", password="p")
    app.dependency_overrides[klearstack] = lambda: other
    async with served(app) as url:
        assert await fetch(f"{url}/user") == (200, "other")


# --- tenants --------------------------------------------------------------------------------------


async def name_of(x_tenant: Annotated[str, Header()]) -> str:
    return x_tenant


TenantDep = Annotated[KlearStack, Depends(tenant(name_of))]


def many_tenants(sandbox: Sandbox, looked_up: list[str], **options: Any) -> FastAPI:
    def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        looked_up.append(name)
        if name == "nobody":
            raise LookupError(name)
        return pool.account(
            sandbox.url, company_name="demo", username=name, password=sandbox.password
        )

    pool = SessionPool(open_tenant, **options)
    app = FastAPI(lifespan=lifespan(pool), exception_handlers=PROBLEMS)

    @app.get("/user")
    async def user(ks: TenantDep) -> str:
        return ks.account.username

    @app.get("/broken")
    async def broken(ks: TenantDep) -> str:
        raise KeyError(ks.account.username)

    return app


async def test_each_tenant_gets_its_own_client(sandbox: Sandbox) -> None:
    looked_up: list[str] = []
    async with served(many_tenants(sandbox, looked_up)) as url:
        for name in ("acme", "other", "acme"):
            assert await fetch(f"{url}/user", {"X-Tenant": name}) == (200, name)
    assert looked_up == ["acme", "other"]


async def test_a_tenant_that_is_not_there_is_not_found(sandbox: Sandbox) -> None:
    async with served(many_tenants(sandbox, [])) as url:
        status, said = await fetch(f"{url}/user", {"X-Tenant": "nobody"})
    assert (status, said["type"]) == (404, "urn:klearstack-async:no-such-tenant")
    assert "nobody" not in str(said)


async def test_why_a_tenant_is_not_found_is_in_the_log(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(many_tenants(sandbox, [])) as url:
        await fetch(f"{url}/user", {"X-Tenant": "nobody"})
    (record,) = [each for each in caplog.records if each.name == "klearstack_async"]
    assert record.levelname == "WARNING"
    assert record.getMessage() == "tenant 'nobody' is answered with 404"
    # Where it was raised: it may be a mistake.
    assert "in open_tenant" in caplog.text


async def test_a_request_that_does_not_say_whose_it_is_opens_nothing(sandbox: Sandbox) -> None:
    looked_up: list[str] = []
    async with served(many_tenants(sandbox, looked_up)) as url:
        assert (await fetch(f"{url}/user"))[0] == 422
    assert looked_up == []


async def test_a_lookup_error_of_the_endpoint_is_not_taken_for_a_missing_tenant(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(many_tenants(sandbox, [])) as url,
        aiohttp.ClientSession() as browser,
        browser.get(f"{url}/broken", headers={"X-Tenant": "acme"}) as answer,
    ):
        assert answer.status == 500
    assert "KeyError: 'acme'" in caplog.text


async def test_a_request_that_is_cancelled_gives_its_tenant_back(sandbox: Sandbox) -> None:
    begun = asyncio.Event()
    app = many_tenants(sandbox, [], most_tenants=1)

    @app.get("/wait")
    async def wait(ks: TenantDep) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with served(app) as url:
        waiting = asyncio.create_task(fetch(f"{url}/wait", {"X-Tenant": "acme"}))
        await begun.wait()
        for task in app.state.server.server_state.tasks:
            task.cancel()
        # Its end is the server's to tell; there is room for another tenant again.
        assert await fetch(f"{url}/user", {"X-Tenant": "other"}) == (200, "other")
        await asyncio.wait([waiting])
        assert waiting.exception()


async def settle() -> None:
    """Let every task run that can, such as one that closes a tenant."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_tenant_is_open_until_the_answer_has_been_sent(sandbox: Sandbox) -> None:
    app = many_tenants(sandbox, [], idle_seconds=0)

    @app.get("/stream")
    async def stream(ks: TenantDep) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            for _ in range(2):
                await settle()
                yield f"{len(await ks.results.of_user())} "

        return StreamingResponse(body())

    async with (
        served(app) as url,
        aiohttp.ClientSession() as browser,
        browser.get(f"{url}/stream", headers={"X-Tenant": sandbox.username}) as answer,
    ):
        assert await answer.text() == "0 0 "


async def test_a_tenant_is_open_until_what_comes_after_the_answer_is_done(
    sandbox: Sandbox,
) -> None:
    app, found = many_tenants(sandbox, [], idle_seconds=0), list[int]()

    @app.get("/later")
    async def later(ks: TenantDep, tasks: BackgroundTasks) -> None:
        async def work() -> None:
            await settle()
            found.append(len(await ks.results.of_user()))

        tasks.add_task(work)

    async with served(app) as url:
        assert await fetch(f"{url}/later", {"X-Tenant": sandbox.username}) == (200, None)
        await until_idle(app)
    assert found == [0]


async def test_on_a_web_socket_that_was_closed_an_error_sends_nothing_more() -> None:
    app = FastAPI(exception_handlers=PROBLEMS)

    @app.websocket("/talk")
    async def talk(socket: WebSocket, ks: KlearStackDep) -> None:
        await socket.accept()
        await socket.close()
        raise ClientClosed("the client was closed")

    async with lifespan(a_client)(app):
        sent = await sent_on_socket(app, "/talk")
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


# --- the package ----------------------------------------------------------------------------------


def test_every_public_name_is_documented() -> None:
    for name in klearstack_async.fastapi.__all__:
        thing = getattr(klearstack_async.fastapi, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


@pytest.mark.parametrize("missing", ["fastapi", "python_multipart"])
def test_a_missing_extra_is_named(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import klearstack_async.fastapi"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'klearstack-async[fastapi]'" in ran.stderr.splitlines()[-1]
