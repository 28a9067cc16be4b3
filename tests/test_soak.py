"""Three minutes of everything: fifty tasks, all calls, and each fault at 2 % of all requests.

`pytest -m soak -s tests/test_soak.py` prints what came of it; KLEARSTACK_SOAK_SECONDS and
KLEARSTACK_SOAK_SEED change how long and with which draws. The sandbox runs in a process of its own,
so that the memory measured is the client's.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import io
import json
import os
import random
import re
import sys
import time
import traceback
import zipfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from documents import invoice_pdf, picture_png

from klearstack_async import (
    Attempt,
    BytesSource,
    KlearStack,
    KlearStackError,
    OutcomeState,
    OutcomeUnknown,
    Polling,
    RetryPolicy,
    SessionPool,
    Stream,
    Timeouts,
    Upload,
)

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("KLEARSTACK_SOAK_SECONDS", "180"))
SEED = int(os.environ.get("KLEARSTACK_SOAK_SEED", "1"))
WARM_SECONDS = min(20.0, SECONDS / 3)
TASKS = 50
# Each account has a pace of its own, which is low where one call in 25 is refused by chance.
POOLED_ACCOUNTS = 7
# The longest that any call may take, its wait for a turn at such a pace included.
HANGS_AFTER_SECONDS = 120.0
# The largest answer, all documents of the company, is some megabytes long, and several times that
# as objects: what the allocator keeps after it differs that much from run to run. A leak of 2 KB
# per call would be more.
MARGIN_BYTES = 32 << 20
LARGE_BYTES = 3 << 20
AUTH = "login", "refresh", "login_as"

SERVER = r"""
import asyncio, json, re, sys
from collections import Counter
from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.sandbox.faults.kinds import KINDS
from klearstack_async.sandbox.users import SandboxUser

PARAMETERS = {
    "latency": {"seconds": 0.05},
    "processing": {"seconds": 0.5},
    "rate_limited": {"retry_after": 0.1},
}

async def main():
    seed, users = int(sys.argv[1]), int(sys.argv[2])
    sandbox = Sandbox(
        processing_seconds=0.05,
        access_token_seconds=20,
        image_answer="url",
        seed=seed,
        faults=[Fault(kind, probability=0.02, **PARAMETERS.get(kind, {})) for kind in KINDS],
        users=[SandboxUser(f"user{n}", "users-password", "Approver") for n in range(users)],
    )
    async with sandbox:
        print(sandbox.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        # What a bulk run sends has its job and number behind its own name.
        names = (document.file_name for document in await sandbox.documents())
        stored = Counter(re.sub(r"-.*(?=\.)", "", name) for name in names)
        made, requests = sandbox.faults_made, sandbox.requests
        print(json.dumps({"stored": stored, "faults": made, "requests": requests}))

asyncio.run(main())
"""


@dataclass
class Account:
    """A client, and what is known of what it has done."""

    ks: KlearStack
    receipts: deque[Upload] = field(default_factory=lambda: deque(maxlen=20))
    documents: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    texts: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    sets: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    tables: deque[str] = field(default_factory=lambda: deque(maxlen=5))


@dataclass
class Soak:
    """All that the tasks share."""

    url: str
    folder: Path
    random: random.Random
    attempts: Counter[str] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    # By the unique name of each document that was sent: "stored", "not stored" or "in doubt".
    sent: dict[str, str] = field(default_factory=dict)
    names: int = 0

    def name(self, suffix: str = "pdf") -> str:
        self.names += 1
        return f"{self.names:06}.{suffix}"

    def told(self, attempt: Attempt) -> None:
        self.attempts[attempt.endpoint] += 1

    @property
    def options(self) -> dict[str, Any]:
        return {
            "company_name": "demo",
            "timeouts": Timeouts(stall_seconds=1),
            "retry": RetryPolicy(first_seconds=0.05, longest_seconds=1),
            "polling": Polling(first_seconds=0.05, longest_seconds=1),
            "on_attempt": self.told,
        }

    @asynccontextmanager
    async def sending(self, *names: str) -> AsyncIterator[None]:
        """Note what must have become of these documents."""
        self.sent |= dict.fromkeys(names, "in doubt")
        try:
            yield
        except OutcomeUnknown:
            raise
        except KlearStackError:
            self.sent |= dict.fromkeys(names, "not stored")
            raise
        self.sent |= dict.fromkeys(names, "stored")


def pdf(soak: Soak) -> bytes:
    return invoice_pdf(f"INV-{soak.random.randrange(10)}")


async def upload_small(soak: Soak, a: Account, ks: KlearStack) -> None:
    name = soak.name()
    async with soak.sending(name):
        a.receipts.append(await ks.uploads.document(pdf(soak), filename=name))


async def upload_path(soak: Soak, a: Account, ks: KlearStack) -> None:
    name = soak.name()
    path = soak.folder / name
    path.write_bytes(pdf(soak))
    try:
        async with soak.sending(name):
            a.receipts.append(await ks.uploads.document(path))
    finally:
        path.unlink()


async def upload_stream(soak: Soak, a: Account, ks: KlearStack) -> None:
    name, content = soak.name(), pdf(soak)
    length = len(content) + LARGE_BYTES if soak.random.random() < 0.5 else None

    async def pieces() -> AsyncIterator[bytes]:
        yield content
        for _ in range(LARGE_BYTES >> 18):
            yield b"\n" * (1 << 18)

    async with soak.sending(name):
        stream = Stream(pieces, name, size_bytes=length, repeatable=soak.random.random() < 0.5)
        a.receipts.append(await ks.uploads.document(stream))


async def upload_to_new_set(soak: Soak, a: Account, ks: KlearStack) -> None:
    name = soak.name("png")
    async with soak.sending(name):
        upload = await ks.uploads.document(
            picture_png(), filename=name, set_name=f"set of {name}", create_new_set=True
        )
    a.sets.append(str(upload.set_reference_number))


async def upload_bundle(soak: Soak, a: Account, ks: KlearStack) -> None:
    names = [soak.name() for _ in range(3)]
    async with soak.sending(*names):
        upload = await ks.uploads.bundle([BytesSource(pdf(soak), name) for name in names])
    a.receipts.append(upload)


async def upload_archive(soak: Soak, a: Account, ks: KlearStack) -> None:
    names, data = [soak.name() for _ in range(2)], io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, pdf(soak))
    async with soak.sending(*names):
        upload = await ks.uploads.archive(data.getvalue(), filename="archive.zip")
    a.receipts.append(upload)


async def bulk(soak: Soak, _: Account, ks: KlearStack) -> None:
    names = [soak.name() for _ in range(5)]
    soak.sent |= dict.fromkeys(names, "in doubt")
    sources = [BytesSource(pdf(soak), name) for name in names]
    async with ks.bulk(sources, wait_seconds=20, outage_seconds=20, duplicates="send") as run:
        async for outcome in run:
            if outcome.state is OutcomeState.IN_DOUBT:
                end = "in doubt"
            elif outcome.batch_id is not None or outcome.state is OutcomeState.EXTRACTED:
                # One whose receipt got lost, and that was found by its name, has no batch id.
                end = "stored"
            else:
                end = "not stored"
            soak.sent[outcome.source] = end
    assert run.report.sources == len(names)


async def look(soak: Soak, a: Account, ks: KlearStack) -> None:
    del soak
    batch = await ks.results.in_batch(a.receipts[-1] if a.receipts else "none")
    a.documents.extend(document.document_id or "" for document in batch.documents[:1])


async def wait(soak: Soak, a: Account, ks: KlearStack) -> None:
    del soak
    if a.receipts:
        await ks.results.wait(a.receipts[-1], timeout=10)


def today() -> date:
    return datetime.now(UTC).date()


async def stream(soak: Soak, _: Account, ks: KlearStack) -> None:
    method = soak.random.choice(["of_user", "modified", "between", "approved", "in_set"])
    arguments = {"between": (today(), today()), "approved": (today(), today()), "in_set": ("1",)}
    documents = getattr(ks.results, f"stream_{method}")(*arguments.get(method, ()))
    left = soak.random.randrange(100)
    try:
        async for document in documents:
            document.to_dict()
            left -= 1
            if left < 0:
                break
    finally:
        await documents.aclose()


async def get_document(soak: Soak, a: Account, ks: KlearStack) -> None:
    document = await ks.documents.get(any_of(soak, a.documents))
    a.texts.append(document.ocr_id or "none")


async def login_as(soak: Soak, _: Account, ks: KlearStack) -> None:
    await ks.auth.login_as(await ks.auth.user_id(f"user{soak.random.randrange(3)}"))


async def anew(soak: Soak, a: Account, _: KlearStack) -> None:
    """Open a client, and close it while its calls are under way."""
    ks = KlearStack(soak.url, username="demo", password="demo-password", **soak.options)
    acts = (upload_small, look, upload_small, get_document)
    async with ks:
        calls = [asyncio.create_task(call(soak, a, ks)) for call in acts]
        try:
            await asyncio.wait(calls, timeout=soak.random.random())
        finally:
            await ks.close()
            ends = await asyncio.gather(*calls, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, KlearStackError):
            raise end


async def save(soak: Soak, a: Account, ks: KlearStack) -> None:
    await ks.images.save(any_of(soak, a.documents), soak.folder / soak.name("picture"))


async def create_table(soak: Soak, a: Account, ks: KlearStack) -> None:
    name = soak.name("table").replace(".", "-")
    await ks.datasources.create(name, ["name", "iban"], [["Acme", "DE1"], ["Bolt", "DE2"]])
    a.tables.append(name)


async def change_row(soak: Soak, a: Account, ks: KlearStack) -> None:
    table = any_of(soak, a.tables)
    rows = await ks.datasources.rows(table)
    # Others may have deleted all of them.
    row_id = (rows[-1].row_id if rows else None) or "0"
    await ks.datasources.update_row(table, row_id, {"iban": "DE9"})
    await ks.datasources.delete_row(table, row_id)


def any_of(soak: Soak, known: deque[str]) -> str:
    # One that there isn't is refused, which is a right end, too.
    return soak.random.choice(known) if known else "none"


Act = Callable[[Soak, Account, KlearStack], Awaitable[object]]
MAPPING = {"documentTypeDetails": {"invoices": {"fields": {"doc_number_value": {"label": "No."}}}}}
UPDATE = {"doc_number_value": "NEW-1"}
# How often each call is made, as a weight.
ACTS: dict[str, tuple[int, Act]] = {
    "uploads.document": (10, upload_small),
    "uploads.document, path": (3, upload_path),
    "uploads.document, stream": (3, upload_stream),
    "uploads.document, set": (2, upload_to_new_set),
    "uploads.bundle": (3, upload_bundle),
    "uploads.archive": (2, upload_archive),
    "bulk": (1, bulk),
    "results.in_batch": (20, look),
    "results.wait": (4, wait),
    "results.of_user": (1, lambda _, __, ks: ks.results.of_user(saved=True)),
    "results.between": (1, lambda _, __, ks: ks.results.between(today(), today())),
    "results.in_set": (2, lambda s, a, ks: ks.results.in_set(any_of(s, a.sets))),
    "results.modified": (2, lambda _, __, ks: ks.results.modified()),
    "results.approved": (2, lambda _, __, ks: ks.results.approved(today(), today())),
    "results.stream_": (2, stream),
    "documents.get": (6, get_document),
    "documents.update": (3, lambda s, a, ks: ks.documents.update(any_of(s, a.documents), UPDATE)),
    "documents.approve": (
        3,
        lambda s, a, ks: ks.documents.approve(any_of(s, a.documents), comment="ok"),
    ),
    "documents.reject": (
        3,
        lambda s, a, ks: ks.documents.reject(any_of(s, a.documents), comment="no"),
    ),
    "documents.set_quickbooks_status": (
        2,
        lambda s, a, ks: ks.documents.set_quickbooks_status(any_of(s, a.documents), "failed"),
    ),
    "documents.text_in_box": (
        3,
        lambda s, a, ks: ks.documents.text_in_box(any_of(s, a.texts), (0, 0, 500, 500)),
    ),
    "images.get": (3, lambda s, a, ks: ks.images.get(any_of(s, a.documents))),
    "images.save": (2, save),
    "push.retry": (2, lambda s, a, ks: ks.push.retry([any_of(s, a.documents)])),
    "datasources.create": (2, create_table),
    "datasources.list": (2, lambda _, __, ks: ks.datasources.list()),
    "datasources.append": (
        2,
        lambda s, a, ks: ks.datasources.append(any_of(s, a.tables), [{"name": "C", "iban": "D"}]),
    ),
    "datasources.change": (2, change_row),
    "datasources.delete": (1, lambda s, a, ks: ks.datasources.delete(any_of(s, a.tables))),
    "sets.documents": (2, lambda s, a, ks: ks.sets.documents(any_of(s, a.sets))),
    "sets.upload_status": (2, lambda s, a, ks: ks.sets.upload_status(any_of(s, a.sets))),
    "sets.references": (1, lambda _, __, ks: ks.sets.references()),
    "fields.update_mapping": (2, lambda _, __, ks: ks.fields.update_mapping(MAPPING)),
    "auth.login": (1, lambda _, __, ks: ks.auth.login()),
    "auth.refresh": (1, lambda _, __, ks: ks.auth.refresh()),
    "auth.login_as": (1, login_as),
    "a client anew": (1, anew),
}


async def act(soak: Soak, account: Account) -> None:
    """Make one call, perhaps with a deadline, perhaps cancelled, and note how it ends."""
    what = soak.random.choices(list(ACTS), [weight for weight, _ in ACTS.values()])[0]
    ks, chance, cancelled = account.ks, soak.random.random(), False
    if chance < 0.1:
        ks = ks.with_options(deadline_seconds=soak.random.choice([0.01, 0.1, 1, 5]))
    call = asyncio.ensure_future(ACTS[what][1](soak, account, ks))
    if chance > 0.95:
        await asyncio.wait([call], timeout=soak.random.choice([0, 0.01, 0.1, 1]))
        cancelled = call.cancel()
    done, _ = await asyncio.wait([call], timeout=HANGS_AFTER_SECONDS)
    if not done:
        stack = io.StringIO()
        call.print_stack(file=stack)
        soak.failures.append(f"{what} hangs: {ks.rate}\n{stack.getvalue()}")
        call.cancel()
        await asyncio.wait([call])
    soak.ends[what, end_of(soak, what, call, cancelled=cancelled or not done)] += 1


def end_of(soak: Soak, what: str, call: asyncio.Future[object], *, cancelled: bool) -> str:
    if call.cancelled():
        if not cancelled:
            soak.failures.append(f"{what} was cancelled, and nobody did it")
        return "cancelled"
    error = call.exception()
    if error is None:
        return "a value"
    if not isinstance(error, KlearStackError):
        soak.failures.append(f"{what}:\n{''.join(traceback.format_exception(error))}")
    name = type(error).__name__
    # Not kept: with its traceback it would hold all that the call had in its hands.
    del error
    return name


def rss_bytes() -> int:
    """Measure this process, without what nobody refers to any more."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def kept_objects() -> Counter[str]:
    """Count the objects of the library's own classes."""
    gc.collect()
    # As text: of a class that is written in C, it may be no text at all.
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, gc.get_objects()))
    return Counter(name for name in names if name.startswith("klearstack_async"))


def open_files() -> list[str]:
    """Give what is open, by kind or path."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            found.append(re.sub(r"\d+", "", str(link.readlink())))
    return sorted(found)


@asynccontextmanager
async def accounts(soak: Soak) -> AsyncIterator[list[Account]]:
    """Open the main account's client, and a pool with the others."""
    ks = KlearStack(soak.url, username="demo", password="demo-password", **soak.options)
    async with ks, SessionPool() as pool:
        others = [
            pool.account(soak.url, username=f"user{n}", password="users-password", **soak.options)
            for n in range(POOLED_ACCOUNTS)
        ]
        yield [Account(each) for each in (ks, *others)]


async def run(soak: Soak) -> int:
    """Let all tasks act until the time is over; print how it goes, and give the warm RSS."""
    began, warm_bytes, before = time.monotonic(), 0, 0
    async with accounts(soak) as known, asyncio.TaskGroup() as tasks:

        async def keep_acting(account: Account) -> None:
            while time.monotonic() - began < SECONDS:
                await act(soak, account)

        for number in range(TASKS):
            tasks.create_task(keep_acting(known[number % len(known)]))
        step = min(10.0, WARM_SECONDS)
        while (passed := time.monotonic() - began) < SECONDS - step:
            await asyncio.sleep(step)
            attempts = soak.attempts.total()
            paces = [account.ks.rate.per_second or 0 for account in known]
            print(  # noqa: T201
                f"{passed + step:5.0f} s: {(attempts - before) / step:6.1f} attempts/s, "
                f"{len(open_files())} files, {len(asyncio.all_tasks())} tasks, "
                f"allowed per second: {' '.join(f'{pace:.1f}' for pace in paces)}"
            )
            before = attempts
            if passed + step >= WARM_SECONDS and not warm_bytes:
                warm_bytes = rss_bytes()
    return warm_bytes


def print_table(soak: Soak, told: dict[str, dict[str, int]]) -> None:
    ends = sorted({end for _, end in soak.ends})
    lines = ["", f"{soak.ends.total()} calls:", *(f"  {what}" for what in ACTS)]
    for number, what in enumerate(ACTS, start=2):
        each = (f"{soak.ends[what, end]} {end}" for end in ends if soak.ends[what, end])
        lines[number] += f": {', '.join(each)}"
    in_all = Counter[str]()
    for (_, end), times in soak.ends.items():
        in_all[end] += times
    lines += [
        f"in all: {dict(in_all.most_common())}",
        f"{soak.attempts.total()} attempts, {sum(told['requests'].values())} requests, "
        + ", ".join(f"{soak.attempts[f'auth.{name}']} of auth.{name}" for name in AUTH),
        f"documents: {dict(Counter(soak.sent.values()))}, {sum(told['stored'].values())} stored",
        f"faults: {told['faults']}",
    ]
    print("\n".join(lines))  # noqa: T201


def check_documents(soak: Soak, stored: dict[str, int]) -> None:
    """Make sure that nothing is stored twice, and that each call said truly what became of it."""
    assert {name: times for name, times in stored.items() if times > 1} == {}
    ended = {end: {n for n, e in soak.sent.items() if e == end} for end in ("stored", "not stored")}
    assert ended["stored"] - stored.keys() == set()
    assert ended["not stored"] & stored.keys() == set()
    assert stored.keys() <= soak.sent.keys()


@asynccontextmanager
async def sandbox() -> AsyncIterator[tuple[str, Callable[[], Awaitable[tuple[bytes, bytes]]]]]:
    """Start the sandbox; give its URL, and what ends it and gives what it has to tell."""
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, str(SEED), str(POOLED_ACCOUNTS)),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        limit=64 << 20,
    )
    assert server.stdout is not None
    try:
        url = (await server.stdout.readline()).decode().strip()
        yield url, lambda: server.communicate(b"\n")
    finally:
        if server.returncode is None:
            server.kill()
            await server.communicate()


@pytest.mark.holds_the_loop("on a machine this busy, nobody can say for sure who did")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_three_minutes_of_everything_leave_nothing_behind(tmp_path: Path) -> None:
    async with sandbox() as (url, end):
        await soaked(url, end, tmp_path)


async def soaked(
    url: str, end_server: Callable[[], Awaitable[tuple[bytes, bytes]]], tmp_path: Path
) -> None:
    soak = Soak(url, tmp_path, random.Random(SEED))  # noqa: S311 - not for secrets
    # What any call brings in is there before the first look.
    for number in range(10):
        invoice_pdf(f"INV-{number}")
    gc.collect()
    files, tasks, objects, start = open_files(), asyncio.all_tasks(), kept_objects(), rss_bytes()
    warm = await run(soak)
    await asyncio.sleep(0.1)
    end, left = rss_bytes(), kept_objects() - objects
    assert asyncio.all_tasks() == tasks
    assert open_files() == files
    out, errors = await end_server()
    told = json.loads(out)
    print_table(soak, told)
    # A cache of 256 texts to look for in what the server says.
    left.pop("klearstack_async.wire.redaction._Needle", None)
    print(  # noqa: T201
        f"seed {SEED}: RSS {start / 2**20:.0f} MB at the start, {warm / 2**20:.0f} warm, "
        f"{end / 2**20:.0f} at the end; objects left: {dict(left)}"
    )
    assert soak.failures == [], f"seed {SEED}: " + "\n\n".join(soak.failures[:10])
    check_documents(soak, told["stored"])
    assert end <= warm + MARGIN_BYTES
    assert left.total() < 50
    assert errors.decode() == ""
