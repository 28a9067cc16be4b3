"""Fixtures for all tests: the sandbox, a client of it, and servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from loop_monitor import Library, watched

import klearstack_async.sandbox
from klearstack_async import KlearStack, Polling, RetryPolicy
from klearstack_async.sandbox import Sandbox

# Half of hypothesis's own number: each run draws others, and the suite is run often. For more:
# `pytest --hypothesis-profile thorough`.
for name, examples in (("quick", 50), ("thorough", 1000)):
    settings.register_profile(
        name,
        max_examples=examples,
        # On a slow machine, everything is.
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
settings.load_profile("quick")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]

PASSWORD = "s3cret/pass word+ü"
# A server that was just closed may need a turn of the loop; a leak doesn't end by itself.
ENDING_SECONDS = 2.0
QUICK = Polling(first_seconds=0.01, longest_seconds=0.05)
# As often as by default, but without the pauses that are for real services.
AT_ONCE = RetryPolicy(first_seconds=0.001)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: it would go through all of it each time.

    That is a quarter of the suite's processor time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    """The library is asyncio-native: aiohttp is."""
    return "asyncio"


LIBRARY = Library(
    package=Path(klearstack_async.__file__).parent,
    others=(Path(klearstack_async.sandbox.__file__).parent, Path(__file__).parent),
)


@pytest.fixture(autouse=True)
def the_library_minds_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an async test in which the library holds the loop, blocks it, or leaves a file open."""
    if "anyio_backend" not in request.fixturenames or sys.platform != "linux":
        yield
        return
    may_hold = request.node.get_closest_marker("holds_the_loop") is not None
    with watched(LIBRARY, may_hold=may_hold) as violations:
        yield
    if violations:
        pytest.fail("\n\n".join(violations), pytrace=False)


@pytest.fixture(autouse=True)
def the_librarys_tasks_end(
    request: pytest.FixtureRequest, the_library_minds_the_loop: None
) -> None:
    """Fail an async test that leaves a task of the library running; the test needs no fixture."""
    if "anyio_backend" in request.fixturenames:
        request.getfixturevalue("no_task_of_the_library_is_left")


@pytest.fixture
async def no_task_of_the_library_is_left() -> AsyncIterator[None]:
    yield
    left = [task for task in asyncio.all_tasks() if LIBRARY.runs_in(task)]
    await asyncio.wait(left, timeout=ENDING_SECONDS) if left else None
    assert [task for task in left if not task.done()] == []


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task of the library running."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if not _is_the_runners(task)]
    await asyncio.wait(left, timeout=ENDING_SECONDS) if left else None
    assert [task for task in left if not task.done()] == []


def _is_the_runners(task: asyncio.Task[object]) -> bool:
    return "TestRunner" in repr(task.get_coro())


@pytest.fixture
async def sandbox(no_task_is_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(processing_seconds=0, password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """Give a sandbox to tests that change nothing in it: hundreds ask what is refused.

    It runs in a thread of its own, because each test has its own loop; and its clock stands.
    """
    instant = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    sandbox = Sandbox(processing_seconds=0, _now=lambda: instant)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(sandbox):
        yield sandbox


def client_of(sandbox: Sandbox, **options: object) -> KlearStack:
    return KlearStack(
        sandbox.url,
        company_name=sandbox.company_name,
        username=sandbox.username,
        password=sandbox.password,
        **{"polling": QUICK, "retry": AT_ONCE, **options},  # type: ignore[arg-type]
    )


@pytest.fixture
async def ks(sandbox: Sandbox) -> AsyncIterator[KlearStack]:
    async with client_of(sandbox) as client:
        yield client


@pytest.fixture
async def serve(no_task_is_left: None) -> AsyncIterator[Serve]:
    """Give a function that starts a server with a handler per endpoint and gives its URL.

    `login` is answered with a token unless a handler says otherwise; every other endpoint goes
    to the handler of its name, or to `other`.
    """
    runners: list[web.AppRunner] = []

    async def start(**handlers: Handler) -> str:
        async def answer(request: web.Request) -> web.StreamResponse:
            name = request.path.rpartition("/")[2]
            if name == "get_access_token" and name not in handlers:
                await request.read()
                return web.json_response({"access_token": "a.b.c", "refresh_token": "d.e.f"})
            return await handlers.get(name, handlers.get("other", _missing))(request)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, lingering_time=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def _missing(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.Response(status=404, text="Not Found")


def client_at(url: str, **options: object) -> KlearStack:
    return KlearStack(
        url,
        company_name="demo",
        username="demo",
        password=PASSWORD,
        **{"polling": QUICK, "retry": AT_ONCE, **options},  # type: ignore[arg-type]
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another task will bring about."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen in 10 s")


async def serve_an_account_that_ends(serve: Serve) -> tuple[str, list[str]]:
    """Start a server whose password is good for one login, and whose token is good for nothing.

    Gives its URL, and the list of the logins, which grows.
    """
    logins: list[str] = []

    async def login(request: web.Request) -> web.StreamResponse:
        logins.append(request.path)
        await request.read()
        if len(logins) == 1:
            return web.json_response({"access_token": "a.b.c"})
        return web.json_response({"error": "Incorrect username or password."}, status=401)

    async def refuse(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": "Token expired."}, status=401)

    return await serve(get_access_token=login, processdocument=refuse), logins
