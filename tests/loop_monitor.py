"""What watches the loop in a test: the library may not hold it, nor block it, nor leave files open.

Holding is counted in processor time of the loop's thread, less that of garbage collections, so a
busy machine fails no test. A thread samples the loop's thread every few milliseconds while one
callback runs; the time since the last sample is the library's if the innermost frame that is
anyone's is the library's own: not the sandbox's, not a test's, and not during an import.

Blocking calls are known and patched by blockbuster. What is found is noted, not raised: the library
turns some exceptions into outcomes, and the test has to fail all the same.

The suite has thousands of tests, so what takes milliseconds is done once: the thread goes on from
test to test, and the patches stay; what they see is noted only while somebody watches.

Nothing about KlearStack is known here. Which code is whose, the fixture in `conftest.py` says.
"""

from __future__ import annotations

import asyncio
import atexit
import dis
import functools
import gc
import logging
import os
import sys
import threading
import time
import warnings
from asyncio.events import Handle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, CoroutineType, FrameType

try:
    from blockbuster import BlockBuster, BlockBusterFunction
except ModuleNotFoundError:  # Installed without the dev extra; test_loop_monitor.py says so.
    BlockBuster = BlockBusterFunction = None  # type: ignore[assignment, misc]

LONGEST_SECONDS = 0.05
SAMPLE_SECONDS = 0.005
CLOSING_SECONDS = 2.0

# What blockbuster leaves out and a library would do: each opens, waits for a disk or for a name
# server, or reads certificates.
ALSO_BLOCKING = (
    *("builtins.open", "io.open", "os.open", "sqlite3.connect", "os.system"),
    *("os.lstat", "os.chmod", "os.utime", "os.truncate", "os.ftruncate", "os.fsync"),
    *("os.fdatasync", "os.pread", "os.pwrite", "os.readv", "os.writev", "os.preadv", "os.pwritev"),
    *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
    *("ssl.SSLContext.load_cert_chain", "ssl.SSLContext.load_default_certs"),
    "ssl.SSLContext.load_verify_locations",
)
ALSO_READING = tuple(
    f"io.{kind}.{name}"
    for kind, names in (
        ("BufferedReader", ("readinto", "readline", "readlines", "read1")),
        ("TextIOWrapper", ("readline", "readlines")),
        ("FileIO", ("read", "readall", "readinto")),
    )
    for name in names
)

# The frame of an import in progress: what runs above it is the import's.
IMPORT_FILES = ("<frozen importlib._bootstrap", "<frozen importlib._bootstrap_external")

# Three looks at least: a system call that the machine was slow with is seen once or twice.
ONE_LOOK_SECONDS = 0.02
LONG_CALL_SECONDS = 0.3
# Of the time since the last sample, how much the sampling thread may have waited for a processor.
MOST_LATE = 0.5

LOGGING = logging.__file__
BLOCKBUSTER = sys.modules[BlockBuster.__module__].__file__ if BlockBuster is not None else None

# As it is before it is patched.
_sleep = time.sleep

Excused = Iterable[tuple[str, Iterable[str]]]


@dataclass(frozen=True)
class Library:
    """The package that is watched, and the directories inside and around it that are not."""

    package: Path
    others: tuple[Path, ...] = ()

    @functools.cached_property
    def _whose(self) -> Callable[[str], bool | None]:
        # The sandbox lies within the package: the longest path that fits decides.
        owners = {f"{path}{os.sep}": False for path in self.others}
        owners[f"{self.package}{os.sep}"] = True
        by_length = sorted(owners.items(), key=lambda owner: -len(owner[0]))

        @functools.cache
        def whose(file_name: str) -> bool | None:
            return next((ours for path, ours in by_length if file_name.startswith(path)), None)

        return whose

    def culprit(self, frame: FrameType | None, excused: Excused = ()) -> FrameType | None:
        """Give the frame of the library that is to blame for what `frame` does; None if none is."""
        found = None
        while frame is not None and not _is_bottom(frame.f_code):
            code = frame.f_code
            # Where a line of the log goes, and how fast, is the choice of who set the log up.
            elsewhere = code.co_filename.startswith(IMPORT_FILES) or code.co_filename == LOGGING
            if elsewhere or _is_excused(code, excused):
                return None
            if found is None:
                ours = self._whose(code.co_filename)
                if ours is False:
                    return None
                found = frame if ours else None
            frame = frame.f_back
        return found

    def runs_in(self, task: asyncio.Task[object]) -> bool:
        """Whether one of the coroutines that wait for each other in the task is the library's."""
        return any(self._whose(code.co_filename) for code in _codes_in(task))


def _codes_in(task: asyncio.Task[object]) -> Iterator[CodeType]:
    waiting: object = task.get_coro()
    while isinstance(waiting, CoroutineType):
        yield waiting.cr_code
        # Python 3.12.1 crashes when asked what a coroutine awaits that has not begun, or runs.
        waiting = waiting.cr_await if waiting.cr_suspended else None


def _is_excused(code: CodeType, excused: Excused) -> bool:
    return any(code.co_filename.endswith(file) and code.co_name in names for file, names in excused)


@dataclass(slots=True)
class _Callback:
    """One turn of the loop: how long the library held it, and where."""

    clock_seconds: float
    held_seconds: float = 0.0
    places: Counter[str] = field(default_factory=Counter)
    stacks: dict[str, tuple[str, ...]] = field(default_factory=dict)


class HeldLoop:
    """Note each callback of this thread's loop in which the library uses the processor too long."""

    def __init__(
        self,
        library: Library,
        violations: list[str],
        *,
        longest_seconds: float = LONGEST_SECONDS,
        most_late: float = MOST_LATE,
    ) -> None:
        self._library = library
        self._violations = violations
        self._longest_seconds = longest_seconds
        self._most_late = most_late
        self._thread_id = threading.get_ident()
        self._cpu_clock = time.pthread_getcpuclockid(self._thread_id)
        # Of collections: the seconds of those that ended, and when the present one began. One
        # attribute, because the sampling thread may look between any two statements.
        self._collections: tuple[float, float | None] = (0.0, None)
        self._callback: _Callback | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        run = Handle._run
        Handle._run = self._watched(run)  # type: ignore[method-assign, assignment]
        gc.callbacks.append(self._note_collection)
        try:
            with _sampler().sampling(self):
                yield
        finally:
            gc.callbacks.remove(self._note_collection)
            Handle._run = run  # type: ignore[method-assign]

    def _watched(self, run: Callable[[Handle], None]) -> Callable[[Handle], None]:
        def run_watched(handle: Handle) -> None:
            if threading.get_ident() != self._thread_id:
                return run(handle)
            began = time.perf_counter()
            self._callback = callback = _Callback(self._clock())
            try:
                return run(handle)
            finally:
                self._callback = None
                # No thread computes longer than the clock on the wall says.
                if time.perf_counter() - began > self._longest_seconds:
                    with _sampler().looking:
                        self._judge(callback)

        return run_watched

    def _clock(self) -> float:
        """Give the seconds that the loop's thread has computed, collections apart."""
        ended_seconds, began = self._collections
        now = time.clock_gettime(self._cpu_clock) if began is None else began
        return now - ended_seconds

    def _note_collection(self, phase: str, _info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread_id:
            return
        ended_seconds, began = self._collections
        now = time.clock_gettime(self._cpu_clock)
        if phase == "start":
            self._collections = (ended_seconds, now)
        elif began is not None:
            self._collections = (ended_seconds + now - began, None)

    def _judge(self, callback: _Callback) -> None:
        if callback.held_seconds <= self._longest_seconds:
            return
        places = callback.places.most_common(4)
        lines = [f"{seconds * 1000:6.0f} ms  {place}" for place, seconds in places]
        self._violations.append(
            f"The library held the loop for {callback.held_seconds * 1000:.0f} ms of processor "
            f"time in one callback ({self._longest_seconds * 1000:.0f} are allowed):\n"
            + "\n".join([*lines, "", "a stack of the first, innermost last:"])
            + "\n"
            + "\n".join(reversed(callback.stacks[places[0][0]]))
        )

    def look(self) -> _Look | None:
        """See who works at this moment, if a callback runs, and nobody else is to blame."""
        # A method of its own, so that no frame, and nothing it refers to, outlives the look.
        callback = self._callback
        if callback is None:
            return None
        frame = _that_worked(sys._current_frames().get(self._thread_id))
        now = self._clock()
        spent_seconds, callback.clock_seconds = now - callback.clock_seconds, now
        if frame is None or frame.f_code.co_filename == BLOCKBUSTER:
            # A system call: what blocks is noted there, and on a virtual machine that stands still
            # for a while, the clock of a thread goes on.
            return None
        culprit = self._library.culprit(frame)
        if culprit is None:
            return None
        return _Look(callback, spent_seconds, _place(culprit), tuple(_places(frame)))

    def count(self, look: _Look, late_seconds: float) -> None:
        """Add the time since the last look to what the library has held the loop for.

        Args:
            look: Who worked.
            late_seconds: How long the thread that looks was ready to do so before it could.
        """
        spent_seconds = look.spent_seconds
        if spent_seconds > 4 * SAMPLE_SECONDS and late_seconds > self._most_late * spent_seconds:
            return
        if spent_seconds < LONG_CALL_SECONDS:
            # A single look proves no more than that: many of them do, or one very long call.
            spent_seconds = min(spent_seconds, ONE_LOOK_SECONDS)
        callback = look.callback
        callback.held_seconds += spent_seconds
        callback.places[look.place] += spent_seconds  # type: ignore[assignment]
        callback.stacks.setdefault(look.place, look.stack)


@dataclass(frozen=True, slots=True)
class _Look:
    """One sample: what the library was seen doing."""

    callback: _Callback
    spent_seconds: float
    place: str
    stack: tuple[str, ...]


class _Sampler:
    """The thread that samples, whichever loops there are to watch."""

    def __init__(self) -> None:
        self._loops: list[HeldLoop] = []
        # Held during a sample: whoever is watched no more isn't looked at any more, and a callback
        # that has ended isn't judged before the last look at it is counted.
        self.looking = threading.Lock()
        self._wanted = threading.Event()
        self._is_ready = threading.Event()
        threading.Thread(target=self._run, name="loop monitor", daemon=True).start()
        # Only then has it opened what it reads: a test may count the open files.
        self._is_ready.wait()

    @contextmanager
    def sampling(self, loop: HeldLoop) -> Iterator[None]:
        with self.looking:
            self._loops.append(loop)
        self._wanted.set()
        try:
            yield
        finally:
            with self.looking:
                self._loops.remove(loop)
            if not self._loops:
                self._wanted.clear()

    def _run(self) -> None:
        with _waits_for_a_processor() as waited_seconds:
            before = waited_seconds()
            self._is_ready.set()
            while True:
                self._wanted.wait()
                _sleep(SAMPLE_SECONDS)
                with self.looking:
                    # First of all: what follows lets the loop's thread go on.
                    looks = [(loop, look) for loop in self._loops if (look := loop.look())]
                    # On a busy machine this thread may come much too late, and what it sees then
                    # is not what took the time.
                    now = waited_seconds()
                    late_seconds, before = now - before, now
                    for loop, look in looks:
                        loop.count(look, late_seconds)


@functools.cache
def _sampler() -> _Sampler:
    return _Sampler()


@contextmanager
def _waits_for_a_processor() -> Iterator[Callable[[], float]]:
    """Give a function that tells how long this thread was ready to run, and had to wait."""
    try:
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        yield lambda: 0.0
        return
    try:
        yield lambda: int(os.pread(file, 100, 0).split()[1]) / 1e9
    finally:
        os.close(file)


def _that_worked(frame: FrameType | None) -> FrameType | None:
    """Leave out a frame that was only just entered: its caller spent the time.

    A thread lets others run when a call begins or ends, not while it copies bytes; what a test
    copies before it calls the library would otherwise look like the library's work.
    """
    if frame is None or frame.f_code.co_code[frame.f_lasti] != dis.opmap["RESUME"]:
        return frame
    return frame.f_back


def _is_bottom(code: CodeType) -> bool:
    """Whether this frame runs a callback: what lies below it is the loop's and pytest's."""
    return code.co_name == "run_watched" and code.co_filename == __file__


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"


def _places(frame: FrameType | None) -> Iterator[str]:
    while frame is not None and not _is_bottom(frame.f_code):
        yield _place(frame)
        frame = frame.f_back


@contextmanager
def blocking_calls_noted(library: Library, violations: list[str]) -> Iterator[None]:
    """Note each blocking call that the library makes in a thread whose loop is running."""
    noted: set[str] = set()

    def note(function: BlockBusterFunction, stack: FrameType) -> None:
        culprit = library.culprit(stack, function.can_block_functions)
        if culprit is None or (line := f"{function.full_name} at {_place(culprit)}") in noted:
            return
        noted.add(line)
        violations.append(
            f"The library made a blocking call in the loop: {line}\n"
            + "\n".join(reversed(list(_places(stack))))
        )

    _patch_blocking_functions()
    _NOTING.append(note)
    try:
        yield
    finally:
        _NOTING.remove(note)


# Who is told of each call that can block.
_NOTING: list[Callable[[BlockBusterFunction, FrameType], None]] = []


@functools.cache
def _patch_blocking_functions() -> None:
    """Have blocking calls noted, until the interpreter ends."""
    for function in _blocking_functions():
        function.can_block_predicate = functools.partial(
            _note_unless, function.can_block_predicate, function
        )
        atexit.register(function.activate().deactivate)


def _note_unless(
    never_blocks: Callable[..., bool],
    function: BlockBusterFunction,
    /,
    *args: object,
    **options: object,
) -> bool:
    """Note a call that can block, and let it go on: blockbuster would raise."""
    if _NOTING and not never_blocks(*args, **options):
        for note in _NOTING:
            note(function, sys._getframe(2))
    return True


def _blocking_functions() -> list[BlockBusterFunction]:
    known = BlockBuster().functions
    # Whether a lock is free at this instant is chance.
    functions = [each for name, each in known.items() if not name.startswith("threading.Lock.")]
    functions += [
        BlockBusterFunction(None, name, can_block_predicate=ALSO_BLOCKING_UNLESS.get(name, _never))
        for name in ALSO_BLOCKING
    ]
    reads_no_file = known["io.BufferedReader.read"].can_block_predicate
    functions += [
        BlockBusterFunction(None, name, can_block_predicate=reads_no_file) for name in ALSO_READING
    ]
    return functions


def _never(*_args: object, **_options: object) -> bool:
    return False


def _is_open_already(file: object, *_args: object, **_options: object) -> bool:
    return isinstance(file, int)


def _is_given_bytes(
    _context: object, cafile: object = None, capath: object = None, cadata: object = None
) -> bool:
    return cafile is None and capath is None and cadata is not None


ALSO_BLOCKING_UNLESS: dict[str, Callable[..., bool]] = {
    "builtins.open": _is_open_already,
    "io.open": _is_open_already,
    "ssl.SSLContext.load_verify_locations": _is_given_bytes,
}


@contextmanager
def open_files_noted(violations: list[str]) -> Iterator[None]:
    """Note what is open at the end that was not at the beginning: files, sockets, pipes."""
    before = _open_files()
    yield
    # A thread may be about to close one.
    deadline = time.monotonic() + CLOSING_SECONDS
    while (left := _open_files() - before) and time.monotonic() < deadline:
        _sleep(0.001)
    if left:
        names = [_name_of(descriptor) for descriptor, *_ in sorted(left)]
        # What nobody refers to says what it is now, or it would in a test that is not to blame.
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            gc.collect()
        violations.append(
            f"{len(left)} files or sockets were left open: "
            + ", ".join([*names, *(str(warning.message) for warning in told)])
        )


def _open_files() -> set[tuple[int, int, int]]:
    """Give number, device and inode of each: a number alone is given out again."""
    found = set()
    for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 (no Path of each)
        # One of them was the listing itself.
        with suppress(OSError):
            status = os.fstat(descriptor)
            found.add((descriptor, status.st_dev, status.st_ino))
    return found


def _name_of(descriptor: int) -> str:
    try:
        return f"{descriptor} -> {Path(f'/proc/self/fd/{descriptor}').readlink()}"
    except OSError:
        return f"{descriptor} -> (closed by now)"


@contextmanager
def watched(library: Library, *, may_hold: bool = False) -> Iterator[list[str]]:
    """Watch the loops of this thread, and give the list that the violations are added to."""
    violations: list[str] = []
    # What it opens stays open.
    _sampler()
    with ExitStack() as watchers:
        watchers.enter_context(open_files_noted(violations))
        if BlockBuster is not None:
            watchers.enter_context(blocking_calls_noted(library, violations))
        if not may_hold:
            watchers.enter_context(HeldLoop(library, violations).watched())
        yield violations
