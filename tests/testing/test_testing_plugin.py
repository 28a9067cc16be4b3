"""The pytest plugin, as users' tests meet it: these tests run theirs, in a pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from warnings import catch_warnings

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
USERS = Path(__file__).parent / "users"

ANYIO = ("-p", "anyio.pytest_plugin")
STRICT = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
AUTO = (*STRICT, "-o", "asyncio_mode=auto")
of_pytest_asyncio = pytest.mark.skipif(
    find_spec("pytest_asyncio") is None, reason="pytest-asyncio isn't installed"
)


@pytest.fixture(scope="module", autouse=True)
def what_the_runs_import() -> None:
    """Import it here: pytester forgets what is first imported in one of its runs."""
    with catch_warnings(action="ignore", category=Warning):
        # Newer test clients want httpx2, and take httpx with a warning.
        import_module("fastapi.testclient")
    for name in ("fastapi", "sandbox.samples.catalog"):
        import_module(f"klearstack_async.{name}")


@pytest.fixture(autouse=True)
def only_the_plugins_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, *plugins: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess(
        *("-p", "klearstack_async.testing", *plugins, "--strict-markers"),
        # The plugin was imported before by the run that this one is in.
        *("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
        *("-W", "ignore:Using .httpx. with"),
    )


def run_of_user(pytester: pytest.Pytester, name: str, *plugins: str) -> dict[str, int]:
    pytester.makepyfile(**{f"test_{name}": (USERS / f"{name}.py").read_text()})
    return run(pytester, *plugins).parseoutcomes()


@pytest.mark.parametrize(
    ("name", "plugins", "passed"),
    [
        pytest.param("with_anyio", ANYIO, 8, id="anyio"),
        pytest.param("with_fastapi", ANYIO, 3, id="fastapi"),
        pytest.param("without_plugins", (), 3, id="plain"),
        pytest.param("with_strict_asyncio", STRICT, 5, id="strict", marks=of_pytest_asyncio),
        pytest.param("with_auto_asyncio", AUTO, 1, id="auto", marks=of_pytest_asyncio),
    ],
)
def test_the_tests_of_a_user_pass_and_leave_no_thread(
    pytester: pytest.Pytester, name: str, plugins: tuple[str, ...], passed: int
) -> None:
    before = {*threading.enumerate()}
    assert run_of_user(pytester, name, *plugins) == {"passed": passed}
    assert {*threading.enumerate()} <= before


ASKING = {
    "async": "async def test_it(klearstack): pass",
    "sync": "def test_it(klearstack): pass",
}


@pytest.mark.parametrize("program", ASKING.values(), ids=ASKING)
def test_a_client_that_no_plugin_can_open_says_which_can(
    pytester: pytest.Pytester, program: str
) -> None:
    pytester.makepyfile(program)
    result = run(pytester, *ANYIO)
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(
        ["the fixture klearstack is*no plugin runs test_it as one*", "*@pytest.mark.anyio*"]
    )


def test_trio_is_skipped_with_a_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(params=["asyncio", ("asyncio", {"debug": True}), "trio"], ids=str)
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        async def test_it(klearstack):
            assert await klearstack.auth.user_id()
        """
    )
    result = run(pytester, *ANYIO, "-rs")
    assert result.parseoutcomes() == {"passed": 2, "skipped": 1}
    result.stdout.fnmatch_lines(["*klearstack_async runs on asyncio, not on trio*"])


@of_pytest_asyncio
def test_a_test_that_two_plugins_want_is_told_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.anyio\nasync def test_it(klearstack): pass")
    result = run(pytester, *ANYIO, *AUTO)
    result.stdout.fnmatch_lines(["both anyio's plugin and pytest-asyncio want to run test_it*"])


@pytest.mark.parametrize(
    ("options", "name"),
    [("company_name='of the test'", "of the test"), ("seed=1", "of the module")],
    ids=["overridden", "kept"],
)
def test_of_several_markers_the_closest_counts(
    pytester: pytest.Pytester, options: str, name: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        pytestmark = pytest.mark.klearstack(company_name="of the module", password="p")

        @pytest.mark.klearstack({options})
        def test_it(klearstack_sandbox):
            assert klearstack_sandbox.company_name == "{name}"
            assert klearstack_sandbox.password == "p"
        """
    )
    assert run(pytester).parseoutcomes() == {"passed": 1}


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ("procesing_seconds=1", "*unexpected keyword argument 'procesing_seconds'; there are *"),
        ("[]", "*@pytest.mark.klearstack: too many positional arguments; there are *"),
        ("batch_shape='round'", "*batch_shape must be one of *"),
    ],
    ids=["misspelt", "positional", "no such value"],
)
def test_an_impossible_option_is_named(pytester: pytest.Pytester, marks: str, said: str) -> None:
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.klearstack({marks})\ndef test_it(klearstack_sandbox): pass"
    )
    result = run(pytester)
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines([said])


def test_an_account_that_is_set_is_out_of_reach_of_a_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLEARSTACK_URL", "https://acme.klearstackapp.com")
    monkeypatch.setenv("KLEARSTACK_CONFIG", "/of/the/developer.toml")
    pytester.makepyfile(
        """
        import os

        def test_within(klearstack_environment):
            assert os.environ["KLEARSTACK_URL"] == klearstack_environment["KLEARSTACK_URL"]
            assert "KLEARSTACK_CONFIG" not in os.environ

        def test_after():
            assert os.environ["KLEARSTACK_CONFIG"] == "/of/the/developer.toml"
        """
    )
    assert run(pytester).parseoutcomes() == {"passed": 2}


def test_without_the_extra_only_tests_that_need_it_fail_and_say_so(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("import sys\nsys.modules['jwt'] = None")
    pytester.makepyfile("def test_a(): pass\ndef test_b(klearstack_sandbox): pass")
    result = pytester.runpytest_subprocess("-p", "klearstack_async.testing")
    assert result.parseoutcomes() == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*ImportError: *pip install 'klearstack-async[[]sandbox]'*"])


def test_the_plugin_alone_loads_next_to_nothing() -> None:
    program = (
        "import sys, pytest\n"
        "before = {*sys.modules}\n"
        "import klearstack_async.testing\n"
        "print(*sorted({*sys.modules} - before))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {*told.stdout.split()} == {
        "klearstack_async",
        "klearstack_async._version",
        "klearstack_async.testing",
        "klearstack_async.testing.running",
    }


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"klearstack": "klearstack_async.testing"}


def test_the_tests_that_the_readme_shows_pass(pytester: pytest.Pytester) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = [block for block in blocks if "klearstack_sandbox" in block]
    pytester.makepyfile(**{f"test_{nth}": block for nth, block in enumerate(shown)})
    # The last one is a fixture alone.
    assert run(pytester, *ANYIO).parseoutcomes() == {"passed": 4}
