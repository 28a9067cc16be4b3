"""Two tenants at once, over real sockets: nothing of one reaches the other, and neither slows it.

Between the pool and the sandboxes stands a relay that writes down whose request each was: by the
token in its header, and by the credentials in its body.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import AT_ONCE, QUICK, Serve, until
from documents import invoice_pdf

from klearstack_async import (
    Attempt,
    BatchNotReady,
    BytesSource,
    ClientClosed,
    Document,
    EndpointOverride,
    KlearStack,
    Rate,
    SessionPool,
)
from klearstack_async.sandbox import Sandbox, SandboxUser

NAMES = ("acme", "zenith")
# What a form says of its sender.
CREDENTIALS = re.compile(rb'name="(company_name|username|password)"\r\n(?:.+\r\n)*\r\n(.*)\r\n')
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


@dataclass(frozen=True)
class Account:
    """What a service knows of its tenant."""

    company_name: str
    username: str
    password: str


@dataclass
class Relay:
    """Hands requests on to the sandbox of their company, and writes down whose they are.

    Attributes:
        sandboxes: By company.
        refusals: With which Retry-After the next calls of these users are refused.
        tokens: Whose tokens those are that were given.
        bearers: Whose token came with whose credentials.
        credentials: Which passwords came with which users.
        paths: Which endpoints were asked for by whom.
    """

    sandboxes: dict[str, Sandbox]
    session: aiohttp.ClientSession
    refusals: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    bearers: Counter[tuple[str, str]] = field(default_factory=Counter)
    credentials: set[tuple[str, str, str]] = field(default_factory=set)
    paths: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        form = {name.decode(): value.decode() for name, value in CREDENTIALS.findall(body)}
        company, user = form["company_name"], form["username"]
        self.paths[user].add(request.path)
        if "password" in form:
            self.credentials.add((company, user, form["password"]))
        if "Authorization" in request.headers:
            token = request.headers["Authorization"].removeprefix("Bearer ")
            self.bearers[self.tokens[token], user] += 1
            if self.refusals.get(user):
                return web.Response(status=429, headers={"Retry-After": self.refusals[user].pop()})
        kept = ("Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        url = self.sandboxes[company].url + request.path
        async with self.session.post(url, data=body, headers=headers) as answer:
            found = await answer.read()
            if request.path.endswith("get_access_token"):
                self.tokens[json.loads(found)["access_token"]] = user
            kind = answer.headers["Content-Type"]
            return web.Response(body=found, status=answer.status, headers={"Content-Type": kind})


@pytest.fixture(params=["one company", "two companies"])
async def accounts_and_relay(
    request: pytest.FixtureRequest, serve: Serve
) -> AsyncIterator[tuple[dict[str, Account], Relay, str]]:
    """Give two accounts, of one company or of two, the relay before them, and its URL."""
    accounts = {name: Account("demo", name, f"password-of-{name}") for name in NAMES}
    if request.param == "two companies":
        accounts = {n: Account(f"company-{n}", n, each.password) for n, each in accounts.items()}
    async with AsyncExitStack() as stack:
        sandboxes = {}
        for company in sorted({each.company_name for each in accounts.values()}):
            users = [
                SandboxUser(username=each.username, password=each.password)
                for each in accounts.values()
                if each.company_name == company
            ]
            sandbox = Sandbox(company_name=company, users=users, processing_seconds=0)
            sandboxes[company] = await stack.enter_async_context(sandbox)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        relay = Relay(sandboxes, session)
        url = await serve(get_access_token=relay.answer, other=relay.answer)
        yield accounts, relay, url


def pool_for(accounts: dict[str, Account], url: str, **options: Any) -> SessionPool:
    """Give a pool as a service would make it, with accounts that it looks up."""
    given = {name: options.pop(name, {}) for name in accounts}

    async def open_tenant(pool: SessionPool, name: str) -> KlearStack:
        await asyncio.sleep(0)
        found = accounts[name]
        return pool.account(
            url,
            company_name=found.company_name,
            username=found.username,
            password=found.password,
            **{"polling": QUICK, "retry": AT_ONCE, **given[name]},
        )

    return SessionPool(open_tenant, **options)


async def read_invoice(pool: SessionPool, tenant: str, number: int) -> tuple[str, str]:
    """Upload an invoice as a request would, and give its number and what was read of it."""
    expected = f"{tenant}-{number}"
    async with pool.tenant(tenant) as ks:
        source = BytesSource(invoice_pdf(expected), "invoice.pdf")
        batch = await ks.results.wait(await ks.uploads.document(source), expected=1)
    (document,) = batch.documents
    return expected, str(document["Inv_Number"].value)


@pytest.mark.parametrize("refused", [(), ("acme",)])
async def test_no_token_no_credentials_and_no_document_of_a_tenant_reaches_another(
    refused: tuple[str, ...],
    accounts_and_relay: tuple[dict[str, Account], Relay, str],
) -> None:
    accounts, relay, url = accounts_and_relay
    relay.refusals = {tenant: ["0"] for tenant in refused}
    async with pool_for(accounts, url, connections=8) as pool:
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(read_invoice(pool, tenant, number))
                for number in range(8)
                for tenant in NAMES
            ]
        for done in reading:
            expected, found = done.result()
            assert found == expected
        for tenant in NAMES:
            async with pool.tenant(tenant) as ks:
                mine = [each async for each in ks.results.stream_of_user()]
                assert {str(each["Inv_Number"].value) for each in mine} == {
                    f"{tenant}-{number}" for number in range(8)
                }
                assert (ks.rate.refused > 0) == (tenant in refused)
    assert set(relay.bearers) == {(tenant, tenant) for tenant in NAMES}
    assert relay.credentials == {
        (each.company_name, each.username, each.password) for each in accounts.values()
    }


async def test_a_tenant_that_is_refused_slows_no_other(
    accounts_and_relay: tuple[dict[str, Account], Relay, str],
) -> None:
    accounts, relay, url = accounts_and_relay
    relay.refusals = {"acme": ["100"] * 1000}
    async with pool_for(accounts, url, connections=4) as pool:
        refused = [asyncio.create_task(read_invoice(pool, "acme", number)) for number in range(10)]
        async with pool.tenant("acme") as acme:
            await until(lambda: acme.rate.refused > 0)
            async with pool.tenant("zenith") as zenith:
                for number in range(5):
                    expected, found = await read_invoice(pool, "zenith", number)
                    assert found == expected
                # Not once did it have to wait for a turn, and it never will.
                assert zenith.rate.paused_seconds == 0 < acme.rate.paused_seconds
                assert (zenith.rate.refused, zenith.rate.per_second) == (0, None)
        assert not any(task.done() for task in refused)
    for task in refused:
        with pytest.raises(ClientClosed):
            await task


async def test_each_tenant_has_the_options_that_it_was_opened_with(
    accounts_and_relay: tuple[dict[str, Account], Relay, str],
) -> None:
    accounts, relay, url = accounts_and_relay
    prefix = "/access/klearstack/"
    pool = pool_for(
        accounts,
        url,
        acme={
            "rate": Rate(per_second=500),
            "endpoints": {"results.in_batch": EndpointOverride(path=f"{prefix}getmybatch")},
        },
    )
    async with pool, pool.tenant("acme") as acme, pool.tenant("zenith") as zenith:
        # The sandbox knows no such endpoint.
        for ks in (acme, zenith):
            with contextlib.suppress(Exception):
                await ks.results.in_batch("b")
        assert (acme.rate.per_second, zenith.rate.per_second) == (500, None)
    assert f"{prefix}getmybatch" in relay.paths["acme"]
    assert f"{prefix}getmybatch" not in relay.paths["zenith"]
    assert f"{prefix}getbatchdocuments" not in relay.paths["acme"]
    assert f"{prefix}getbatchdocuments" in relay.paths["zenith"]


async def test_what_is_logged_of_a_tenants_calls_knows_whose_they_are(
    accounts_and_relay: tuple[dict[str, Account], Relay, str], caplog: pytest.LogCaptureFixture
) -> None:
    accounts, _, url = accounts_and_relay
    told: set[tuple[str, str]] = set()
    logged: Counter[str] = Counter()

    def telling(tenant: str) -> dict[str, Any]:
        def tell(attempt: Attempt) -> None:
            told.add((tenant, WHO.get()))

        return {"on_attempt": tell}

    def note(_record: logging.LogRecord) -> bool:
        logged[WHO.get()] += 1
        return True

    async def request(pool: SessionPool, tenant: str, number: int) -> None:
        WHO.set(tenant)
        await read_invoice(pool, tenant, number)

    log = logging.getLogger("klearstack_async")
    options = {tenant: telling(tenant) for tenant in NAMES}
    pool = pool_for(accounts, url, connections=2, idle_seconds=0, **options)
    log.addFilter(note)
    try:
        with caplog.at_level(logging.DEBUG, logger="klearstack_async"):
            async with pool, asyncio.TaskGroup() as tasks:
                for number in range(4):
                    for tenant in NAMES:
                        tasks.create_task(request(pool, tenant, number))
    finally:
        log.removeFilter(note)
    assert told == {(tenant, tenant) for tenant in NAMES}
    assert set(logged) == set(NAMES)
    assert not [each for each in accounts.values() if each.password in caplog.text]


@dataclass
class APush:
    batch_id: str
    document: Document
    file_name: str | None = None


async def test_a_push_ends_the_wait_of_its_tenant_only_also_where_batch_ids_are_the_same(
    serve: Serve,
) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"result": [], "status": "processing"})

    url = await serve(getbatchdocuments=take)
    accounts = {name: Account("demo", name, f"password-of-{name}") for name in NAMES}
    pushed = {name: Document({"Inv_Number": {"value": name}}) for name in NAMES}

    async def wait(pool: SessionPool, tenant: str) -> str:
        async with pool.tenant(tenant) as ks:
            batch = await ks.results.wait("the same", expected=1, timeout=60)
            return str(batch.documents[0]["Inv_Number"].value)

    async with pool_for(accounts, url) as pool:
        waits = {name: asyncio.create_task(wait(pool, name)) for name in NAMES}
        async with pool.tenant("acme"), pool.tenant("zenith"):
            # If it comes before anybody waits, it lies ready.
            pool.feed(APush("the same", pushed["acme"]), tenant="acme")
            assert await waits["acme"] == "acme"
            assert not waits["zenith"].done()
            pool.feed(APush("the same", pushed["zenith"]), tenant="zenith")
            assert await waits["zenith"] == "zenith"
            for name in NAMES:
                async with pool.tenant(name) as ks:
                    with pytest.raises(BatchNotReady):
                        await ks.results.wait("the same", expected=1, timeout=0.05)


async def test_closing_an_idle_tenant_ends_what_somebody_does_outside_of_its_block(
    serve: Serve,
) -> None:
    let_go, inside = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        await request.read()
        inside.set()
        await let_go.wait()
        return web.json_response({"result": []})

    url = await serve(getbatchdocuments=hold)
    accounts = {name: Account("demo", name, f"password-of-{name}") for name in NAMES}
    async with pool_for(accounts, url) as pool:
        async with pool.tenant("acme") as ks:
            call = asyncio.create_task(ks.results.in_batch("b"))
            await inside.wait()
        await pool.forget("acme")
        with pytest.raises(ClientClosed):
            await call
        with pytest.raises(RuntimeError, match="this client is closed"):
            await ks.results.in_batch("b")
        let_go.set()
