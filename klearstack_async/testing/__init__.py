"""The pytest plugin: a sandbox for each test that asks for one, and a client of it.

What lives here: fixtures, and their marker. It is loaded in every pytest of an environment that has
the package, so nothing of weight is imported before a fixture is used, and nothing is done to tests
that use none. The sandbox as a test sees it is in `running.py`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from klearstack_async.testing.running import RunningSandbox, running_sandbox

if TYPE_CHECKING:
    from klearstack_async.client import KlearStack

__all__ = [
    "RunningSandbox",
    "klearstack",
    "klearstack_environment",
    "klearstack_invoice",
    "klearstack_sandbox",
    "running_sandbox",
]

_MARKER = (
    "klearstack(**options): options of `klearstack_async.sandbox.Sandbox` for the fixture "
    "klearstack_sandbox, such as `users=[...]`; of several markers, the closest counts"
)
# Its names as a plugin: by its entry point, and where `-p` names it.
_PYTEST_ASYNCIO = ("asyncio", "pytest_asyncio.plugin")
_LOOP_SCOPES = ("function", "class", "module", "package", "session")
_OF_ANYIO = "_klearstack_of_anyio"
_OF_PYTEST_ASYNCIO = "_klearstack_of_pytest_asyncio_in_a_{}_loop"

_NOT_RUN = """\
the fixture klearstack is a client for async tests, and no plugin runs {test} as one. Either
- mark it with @pytest.mark.anyio (that plugin is there: it comes with anyio), and let a fixture
  named anyio_backend return "asyncio"; or
- install pytest-asyncio (0.24 or later), and mark it with @pytest.mark.asyncio or set
  asyncio_mode = "auto".
A test that isn't async can do without a client: klearstack_sandbox tells what is stored, and
klearstack_environment sets the account that KlearStack.from_env() reads."""
_RUN_BY_BOTH = """\
both anyio's plugin and pytest-asyncio want to run {test}, each in a loop of its own: take the mark
anyio (or the fixture anyio_backend) off it, or the mark asyncio (or asyncio_mode = "auto")"""
_OTHER_BACKEND = """\
klearstack_async runs on asyncio, not on {}: let a fixture named anyio_backend return "asyncio\""""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures that only pytest-asyncio can run."""
    config.addinivalue_line("markers", _MARKER)
    fixture = _fixture_of_pytest_asyncio(config)
    if fixture is not None:
        config.pluginmanager.register(_openers_of_pytest_asyncio(fixture))


@pytest.fixture
def klearstack_sandbox(request: pytest.FixtureRequest) -> Iterator[RunningSandbox]:
    """Run a sandbox for this test alone, with the options of its markers `klearstack`.

    To share one between tests, define a fixture of this name around `running_sandbox`.
    """
    with running_sandbox(**_options_of(request)) as running:
        yield running


@pytest.fixture
def klearstack_environment(
    klearstack_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Let `KlearStack.from_env()` find the sandbox, and nothing of an account that is set."""
    for name in [*os.environ]:
        if name.startswith("KLEARSTACK_"):
            monkeypatch.delenv(name)
    for name, value in klearstack_sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return klearstack_sandbox.environment


@pytest.fixture
def klearstack_invoice(tmp_path: Path) -> Path:
    """Write a sample invoice that the sandbox can read: INV-20417, over 17956.25 USD."""
    from klearstack_async.sandbox.samples.catalog import INVOICES  # noqa: PLC0415 - as said above
    from klearstack_async.sandbox.samples.layouts import draw_pdf  # noqa: PLC0415 - the same

    path = tmp_path / INVOICES[0].file_name
    path.write_bytes(draw_pdf(INVOICES[0]))
    return path


@pytest.fixture
def klearstack(request: pytest.FixtureRequest) -> KlearStack:
    """Give an open client of `klearstack_sandbox`, in the event loop of this test."""
    client: KlearStack = request.getfixturevalue(_name_of_the_opener(request))
    return client


@pytest.fixture(name=_OF_ANYIO)
async def _of_anyio(klearstack_sandbox: RunningSandbox) -> AsyncIterator[KlearStack]:
    async with klearstack_sandbox.client() as ks:
        yield ks


def _fixture_of_pytest_asyncio(config: pytest.Config) -> Callable[..., Any] | None:
    """Find its decorator, if it is in use and knows of loops: it does from 0.24 on."""
    if not any(map(config.pluginmanager.hasplugin, _PYTEST_ASYNCIO)):
        return None
    fixture: Callable[..., Any] = import_module("pytest_asyncio").fixture
    return fixture if "loop_scope" in inspect.signature(fixture).parameters else None


def _openers_of_pytest_asyncio(fixture: Callable[..., Any]) -> ModuleType:
    """Make the client's fixture for each kind of loop that a test of pytest-asyncio may run in."""
    plugin = ModuleType(f"{__name__}.of_pytest_asyncio")
    for scope in _LOOP_SCOPES:
        # Each needs a function of its own: the scope of its loop is noted on the function.
        async def opened(klearstack_sandbox: RunningSandbox) -> AsyncIterator[KlearStack]:
            async with klearstack_sandbox.client() as ks:
                yield ks

        name = _OF_PYTEST_ASYNCIO.format(scope)
        setattr(plugin, name, fixture(loop_scope=scope, name=name)(opened))
    return plugin


def _name_of_the_opener(request: pytest.FixtureRequest) -> str:
    """Find the fixture that is run by what runs this test."""
    by_anyio = "anyio_backend" in request.fixturenames
    by_pytest_asyncio = (
        request.node.get_closest_marker("asyncio")
        if _fixture_of_pytest_asyncio(request.config)
        else None
    )
    if by_anyio and by_pytest_asyncio:
        pytest.fail(_RUN_BY_BOTH.format(test=request.node.name), pytrace=False)
    if by_anyio:
        return _opener_of_anyio(request.getfixturevalue("anyio_backend"))
    if by_pytest_asyncio:
        return _opener_of_pytest_asyncio(by_pytest_asyncio, request.config)
    pytest.fail(_NOT_RUN.format(test=request.node.name), pytrace=False)


def _opener_of_anyio(backend: str | tuple[str, object]) -> str:
    name = backend if isinstance(backend, str) else backend[0]
    if name != "asyncio":
        pytest.skip(_OTHER_BACKEND.format(name))
    return _OF_ANYIO


def _opener_of_pytest_asyncio(marker: pytest.Mark, config: pytest.Config) -> str:
    # `scope` is its older name.
    scope = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    return _OF_PYTEST_ASYNCIO.format(scope or _usual_loop_scope(config))


def _usual_loop_scope(config: pytest.Config) -> str:
    try:
        return str(config.getini("asyncio_default_test_loop_scope"))
    except (KeyError, ValueError):
        # pytest-asyncio before 0.25 doesn't know it.
        return "function"


def _options_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Read the markers of a test, its class and its module."""
    from klearstack_async.sandbox import Sandbox  # noqa: PLC0415 - see the module's docstring

    options: dict[str, Any] = {}
    # The closest comes first.
    for marker in reversed([*request.node.iter_markers("klearstack")]):
        wrong = _mistake_in(marker, inspect.signature(Sandbox))
        if wrong:
            pytest.fail(wrong, pytrace=False)
        options |= marker.kwargs
    return options


def _mistake_in(marker: pytest.Mark, signature: inspect.Signature) -> str | None:
    try:
        signature.bind(*marker.args, **marker.kwargs)
    except TypeError as error:
        known = ", ".join(name for name in signature.parameters if not name.startswith("_"))
        return f"@pytest.mark.klearstack: {error}; there are {known}"
    return None
