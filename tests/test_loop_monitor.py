"""The monitor of the loop finds what it should, and blames nobody for what another did."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import math
import operator
import os
import re
import socket
import subprocess
import sys
import threading
import time
from asyncio.events import Handle
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import loop_monitor
import pytest
from loop_monitor import (
    MOST_LATE,
    HeldLoop,
    Library,
    blocking_calls_noted,
    open_files_noted,
    watched,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's clocks and /proc")

TOO_LONG_SECONDS = 0.2

# Stands for a module of the library or of the sandbox: it depends on where the file lies.
SOURCE = """
import gc
import io
import os
import socket
import sqlite3
import ssl
import time
from pathlib import Path


def burn(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


async def hold(seconds):
    burn(seconds)


async def hold_in_one_call(count):
    return sum(range(count))


async def hold_in_turns(seconds, turns):
    import asyncio

    for _ in range(turns):
        burn(seconds)
        await asyncio.sleep(0)


async def collect(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        gc.collect()


async def sleep(seconds):
    time.sleep(seconds)


async def load(name):
    __import__(name)


async def call(function, *args):
    return function(*args)


async def evaluate(expression, file):
    # What is evaluated has no file of its own: this function did it.
    return eval(expression)


def open_and_close(file):
    with open(file, "rb"):
        pass


def open_a_descriptor(file):
    os.close(os.open(file, os.O_RDONLY))


def receive(blocking):
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(blocking)
        other.setblocking(False)
        other.send(b"1")
        return one.recv(1)
"""

SLOW_TO_IMPORT = """
import time

began = time.thread_time()
while time.thread_time() - began < 0.08:
    pass
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    package = tmp_path / "package"
    (package / "sandbox").mkdir(parents=True)
    return Library(package, (package / "sandbox", Path(__file__).parent))


@pytest.fixture
def ours(library: Library) -> ModuleType:
    return module_in(library.package)


@pytest.fixture
def sandboxs(library: Library) -> ModuleType:
    return module_in(library.package / "sandbox")


def module_in(directory: Path) -> ModuleType:
    file = directory / "code.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(f"code_in_{directory.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def burn(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


# Holding


def held(
    library: Library, main: Callable[[], Awaitable[object]], *, most_late: float = MOST_LATE
) -> list[str]:
    """Give what the monitor says of a loop that runs `main`."""
    violations: list[str] = []

    async def run() -> None:
        await main()

    with HeldLoop(library, violations, most_late=most_late).watched():
        asyncio.run(run())
    return violations


def test_what_the_library_computes_for_too_long_is_found(
    library: Library, ours: ModuleType
) -> None:
    [violation] = held(library, lambda: ours.hold(TOO_LONG_SECONDS))
    assert re.match(r"The library held the loop for \d+ ms", violation)
    assert f"{library.package}/code.py:" in violation
    assert "in burn" in violation
    assert "in hold" in violation


def test_one_long_call_into_c_is_found(library: Library, ours: ModuleType) -> None:
    count = 1_000_000
    while seconds_of(sum, range(count)) < 2 * TOO_LONG_SECONDS:
        count *= 2

    async def main() -> None:
        # The thread that samples has to be awake before: during the call nothing else runs.
        await asyncio.sleep(0.1)
        await ours.hold_in_one_call(count)

    # While that thread waits for a processor, nobody knows whose the time is; here it is trusted
    # all the same. By chance, the call may begin between its sleep and its look.
    assert any(held(library, main, most_late=math.inf) for _ in range(5))


def seconds_of(work: Callable[..., object], *args: object) -> float:
    began = time.thread_time()
    work(*args)
    return time.thread_time() - began


def test_what_the_sandbox_computes_is_not_the_librarys(
    library: Library, sandboxs: ModuleType
) -> None:
    assert held(library, lambda: sandboxs.hold(TOO_LONG_SECONDS)) == []


def test_what_a_test_computes_is_not_the_librarys(library: Library) -> None:
    async def hold() -> None:
        burn(TOO_LONG_SECONDS)

    assert held(library, hold) == []


def test_what_a_test_computes_when_the_library_calls_it_is_not_the_librarys(
    library: Library, ours: ModuleType
) -> None:
    assert held(library, lambda: ours.call(burn, TOO_LONG_SECONDS)) == []


def test_what_the_library_computes_when_the_sandbox_calls_it_is_the_librarys(
    library: Library, ours: ModuleType, sandboxs: ModuleType
) -> None:
    assert len(held(library, lambda: sandboxs.call(ours.burn, TOO_LONG_SECONDS))) == 1


def test_what_a_test_did_in_one_step_before_it_called_the_library_is_not_the_librarys(
    library: Library, ours: ModuleType
) -> None:
    # Nobody else runs during the multiplication: the first sample is taken in the library.
    number = 1 << 2_000_000
    while seconds_of(operator.mul, number, number) < TOO_LONG_SECONDS:
        number <<= number.bit_length() // 3

    async def main() -> None:
        number * number
        await ours.hold(0)

    assert held(library, main) == []


def test_turns_that_are_short_are_not_added_up(library: Library, ours: ModuleType) -> None:
    assert held(library, lambda: ours.hold_in_turns(0.02, 5)) == []


def test_waiting_is_not_computing(library: Library, ours: ModuleType) -> None:
    assert held(library, lambda: ours.sleep(TOO_LONG_SECONDS)) == []


def test_a_system_call_is_judged_by_whether_it_may_block(
    library: Library, ours: ModuleType
) -> None:
    noted: list[str] = []
    size = 1 << 26
    with Path("/dev/zero").open("rb") as zeros, blocking_calls_noted(library, noted):
        while seconds_of(zeros.read, size) < TOO_LONG_SECONDS:
            size *= 2
        assert held(library, lambda: ours.call(zeros.read, size)) == []
    assert len(noted) == 1


def test_a_busy_machine_does_not_count(library: Library, ours: ModuleType) -> None:
    ended = threading.Event()

    def compete() -> None:
        while not ended.is_set():
            pass

    rivals = [threading.Thread(target=compete) for _ in range(16)]
    for rival in rivals:
        rival.start()
    began = time.perf_counter()
    try:
        assert held(library, lambda: ours.hold(0.02)) == []
    finally:
        ended.set()
        for rival in rivals:
            rival.join()
    assert time.perf_counter() - began > TOO_LONG_SECONDS


def test_collecting_garbage_is_not_the_librarys_work(library: Library, ours: ModuleType) -> None:
    much: list[list[int]] = [[] for _ in range(200_000)]
    assert held(library, lambda: ours.collect(2 * TOO_LONG_SECONDS)) == []
    assert len(much) == 200_000


def test_importing_a_module_is_not_counted(
    library: Library, ours: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library.package / "slow_to_import_once.py").write_text(SLOW_TO_IMPORT)
    monkeypatch.syspath_prepend(library.package)
    assert held(library, lambda: ours.load("slow_to_import_once")) == []
    del sys.modules["slow_to_import_once"]


def test_another_threads_loop_is_not_watched(library: Library, ours: ModuleType) -> None:
    async def main() -> None:
        await asyncio.to_thread(lambda: asyncio.run(ours.hold(TOO_LONG_SECONDS)))

    assert held(library, main) == []


# Blocking


def blocked(library: Library, main: Callable[[], Awaitable[object]]) -> list[str]:
    """Give the names of the blocking calls that are noted in a loop that runs `main`."""
    violations: list[str] = []

    async def run() -> None:
        await main()

    with blocking_calls_noted(library, violations):
        asyncio.run(run())
    found = [re.match(r".* in the loop: (\S+) at ", violation) for violation in violations]
    return [match[1] for match in found if match]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    return path


def test_blockbuster_is_here() -> None:
    assert importlib.util.find_spec("blockbuster"), "install the dev extra"


# What is evaluated, by the name that the call is noted under.
BLOCKING = {
    "time.sleep": "time.sleep(0.001)",
    "builtins.open": "open_and_close(file)",
    "io.open": "file.read_text()",
    "io.BufferedReader.read": "file.read_bytes()",
    "os.open": "open_a_descriptor(file)",
    "os.stat": "file.exists()",
    "os.lstat": "os.lstat(file)",
    "ScandirIterator.__next__": "list(os.scandir(file.parent))",
    "os.mkdir": "(file.parent / 'new').mkdir()",
    "os.rename": "file.rename(file.with_name('new'))",
    "os.unlink": "file.unlink()",
    "socket.getaddrinfo": "socket.getaddrinfo('127.0.0.1', 80)",
    "socket.socket.recv": "receive(blocking=True)",
    "sqlite3.connect": "sqlite3.connect(file).close()",
    "ssl.SSLContext.load_default_certs": "ssl.create_default_context()",
}


@pytest.mark.parametrize("name", BLOCKING)
def test_a_blocking_call_by_the_library_is_noted(
    library: Library, ours: ModuleType, file: Path, name: str
) -> None:
    assert name in blocked(library, lambda: ours.evaluate(BLOCKING[name], file))


@pytest.mark.parametrize("name", BLOCKING)
def test_a_blocking_call_by_the_sandbox_is_not_noted(
    library: Library, sandboxs: ModuleType, file: Path, name: str
) -> None:
    assert blocked(library, lambda: sandboxs.evaluate(BLOCKING[name], file)) == []


def read(file: Path) -> bytes:
    return file.read_bytes()


def test_a_blocking_call_by_a_test_is_not_noted(
    library: Library, ours: ModuleType, file: Path
) -> None:
    assert blocked(library, lambda: ours.call(read, file)) == []


def test_a_call_that_cannot_block_is_not_noted(library: Library, ours: ModuleType) -> None:
    assert blocked(library, lambda: ours.evaluate("receive(blocking=False)", None)) == []


def test_a_blocking_call_in_a_thread_is_not_noted(
    library: Library, ours: ModuleType, file: Path
) -> None:
    assert blocked(library, lambda: asyncio.to_thread(ours.open_and_close, file)) == []


def test_an_import_may_read_files(
    library: Library, ours: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library.package / "imported_once.py").write_text("import os; os.stat(__file__)")
    monkeypatch.syspath_prepend(library.package)
    assert blocked(library, lambda: ours.load("imported_once")) == []
    del sys.modules["imported_once"]


def test_a_blocking_call_that_is_noted_does_its_work(
    library: Library, ours: ModuleType, file: Path
) -> None:
    async def main() -> None:
        assert await ours.evaluate("file.read_bytes()", file) == b"text"

    assert blocked(library, main) == ["io.open", "io.BufferedReader.read"]


# Leaving open


@pytest.fixture
def nothing_is_about_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_monitor, "CLOSING_SECONDS", 0.05)


def left_open(work: Callable[[], object]) -> list[str]:
    violations: list[str] = []
    with open_files_noted(violations):
        work()
    return violations


def test_a_file_left_open_is_found(file: Path, nothing_is_about_to_be_closed: None) -> None:
    opened = []
    [violation] = left_open(lambda: opened.append(file.open()))
    opened.pop().close()
    assert str(file) in violation


def test_a_socket_left_open_is_found_though_its_number_was_in_use_before(
    nothing_is_about_to_be_closed: None,
) -> None:
    sockets = [socket.socket()]
    number = sockets[0].fileno()

    def replace() -> None:
        sockets.pop().close()
        sockets.append(socket.socket())

    [violation] = left_open(replace)
    assert sockets[0].fileno() == number
    sockets.pop().close()
    assert "socket:" in violation


def test_what_was_open_before_may_stay_open_and_what_was_opened_may_be_closed(file: Path) -> None:
    with file.open():
        assert left_open(lambda: file.open().close()) == []


def test_what_a_thread_is_about_to_close_is_waited_for(file: Path) -> None:
    def work() -> None:
        threading.Timer(0.05, file.open().close).start()

    assert left_open(work) == []


# Together


def test_nothing_stays_watched(library: Library, ours: ModuleType, file: Path) -> None:
    def patched() -> list[object]:
        return [Handle._run, *gc.callbacks, threading.active_count()]

    with watched(library) as violations:
        pass
    # The thread that samples is there now, and stays.
    before = patched()
    with watched(library):
        assert patched()[0] != before[0]
    assert patched() == before
    asyncio.run(ours.evaluate("file.read_bytes()", file))
    asyncio.run(ours.hold(TOO_LONG_SECONDS))
    assert violations == []


def test_each_who_watches_is_told(library: Library, ours: ModuleType, file: Path) -> None:
    async def main() -> None:
        await ours.evaluate("file.read_bytes()", file)
        await ours.hold(TOO_LONG_SECONDS)

    with watched(library) as outer:
        with watched(library) as inner:
            asyncio.run(main())
        assert len(inner) == 3
        asyncio.run(ours.hold(TOO_LONG_SECONDS))
    assert (len(outer), len(inner)) == (4, 3)


# The library's module is compiled under a name within the package: no such file has to be there.
SUITE = """
import asyncio
import socket
import time
from pathlib import Path

import conftest
import klearstack_async
import loop_monitor
import pytest

# Nothing here is about to end or to be closed.
loop_monitor.CLOSING_SECONDS = conftest.ENDING_SECONDS = 0.05
FILE = Path(klearstack_async.__file__).with_name("no_such_module.py")
library = {"asyncio": asyncio, "time": time}
exec(compile(Path("library_code").read_text(), FILE, "exec"), library)
kept = []


async def test_good():
    await asyncio.sleep(0)


def test_synchronous():
    library["hold"]()


@pytest.mark.holds_the_loop("to see that it may")
async def test_marked():
    library["hold"]()


async def test_holds():
    library["hold"]()


async def test_blocks():
    library["block"]()


async def test_leaves_a_socket():
    kept.append(socket.socket())


async def test_leaves_a_task():
    kept.append(asyncio.create_task(library["rest"]()))
    await asyncio.sleep(0)


async def test_leaves_its_own_task():
    kept.append(asyncio.create_task(asyncio.sleep(60)))
"""

LIBRARY_CODE = """
def hold():
    began = time.thread_time()
    while time.thread_time() - began < 0.08:
        pass


def block():
    time.sleep(0.001)


async def rest():
    await asyncio.sleep(60)
"""


def test_the_fixtures_of_the_suite_fail_the_tests_that_they_should(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "library_code").write_text(LIBRARY_CODE)
    here = Path(__file__).parent
    options = ["-c", str(here.parent / "pyproject.toml"), "-p", "conftest", "-q", "-rA"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "."],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    named = re.findall(r"^(PASSED|ERROR|FAILED) \S*::test_(\w+)", run.stdout, re.MULTILINE)
    wrong = {test for outcome, test in named if outcome != "PASSED"}
    assert wrong == {"holds", "blocks", "leaves_a_socket", "leaves_a_task"}, run.stdout
    assert {test for _, test in named} - wrong == {
        "good",
        "synchronous",
        "marked",
        "leaves_its_own_task",
    }, run.stdout
