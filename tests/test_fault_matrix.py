"""Each fault against each kind of call: how it ends, what the server saw, what was stored.

`pytest -m matrix -s` prints the table. The README shows it, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PASSWORD, client_of
from documents import invoice_pdf

from klearstack_async import KlearStack, KlearStackError, RetryPolicy, Stream, Timeouts
from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.sandbox.faults.kinds import KINDS

pytestmark = pytest.mark.matrix

# More than all the buffers between the two ends hold: it can't go out to its end unread.
LARGE_BYTES = 32 << 20

FINE = "ok 1", "ok 1 stored", "ok 1 stored", "ok 1 done"
AGAIN = "ok 2", "ok 2 stored", "ok 2 stored", "ok 2 done"
DONE = "OutcomeUnknown 1 stored", "OutcomeUnknown 1 stored", "OutcomeUnknown 1 done"
# The fault is made once. Then: a read, a small upload, an upload of 32 MiB, another write; how it
# ended, how many requests the server saw, and whether it was carried out (by then: once).
EXPECTED = {
    "latency": FINE,
    "processing": FINE,
    "rate_limited": AGAIN,
    "unavailable": AGAIN,
    # What answers before it has read all of an upload can't have stored it.
    "status_before": ("ok 2", "OutcomeUnknown 1", "ok 2 stored", "OutcomeUnknown 1"),
    "status_after": ("ok 2", *DONE),
    "reset_before": ("ok 2", "OutcomeUnknown 1", "ok 2 stored", "OutcomeUnknown 1"),
    "reset_after": ("ok 2", *DONE),
    "reset_answer": ("ok 2", *DONE),
    "stall_before": ("ok 2", "OutcomeUnknown 1", "ok 2 stored", "OutcomeUnknown 1"),
    "stall_after": ("ok 2", *DONE),
    "stall_answer": ("ok 2", *DONE),
    "truncated": ("ok 2", *DONE),
    "junk": FINE,
    "garbage": ("DecodeError 1", *DONE),
    "token_refused": AGAIN,
    "short_token": FINE,
    "refresh_refused": FINE,
    "odd_status": FINE,
    "hostile": FINE,
    "close_after": FINE,
    "redirect": ("Redirected 1", "Redirected 1", "Redirected 1", "Redirected 1"),
}
COLUMNS = "read", "small upload", "large upload", "other write"
ENDPOINTS = {
    "read": "getbatchdocuments",
    "small upload": "processdocument",
    "large upload": "processdocument",
    "other write": "approve_reject_doc",
}
# So short a Retry-After that the matrix isn't waited for.
PARAMETERS: dict[str, dict[str, Any]] = {
    "rate_limited": {"retry_after": 0.05},
    "unavailable": {"retry_after": 0.05},
}
SHARED = {"short_token", "refresh_refused"}
RETRY = RetryPolicy(attempts=3, first_seconds=0.001)

_seen: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print what was seen, as Markdown."""
    yield
    print(f"\n| fault, once | {' | '.join(COLUMNS)} |\n|{' --- |' * 5}")  # noqa: T201 - it is for a person
    for kind in EXPECTED:
        row = [_seen.get((kind, column), "") for column in COLUMNS]
        if any(row):
            print(f"| `{kind}` | {' | '.join(row)} |")  # noqa: T201 - as above


def calls_of(
    ks: KlearStack, batch_id: str, document: str
) -> dict[str, Callable[[], Awaitable[object]]]:
    async def large() -> AsyncIterator[bytes]:
        yield invoice_pdf()
        for _ in range(LARGE_BYTES >> 20):
            yield b"\n" * (1 << 20)

    return {
        "read": lambda: ks.results.in_batch(batch_id, expected=1),
        "small upload": lambda: ks.uploads.document(invoice_pdf(), filename="small.pdf"),
        "large upload": lambda: ks.uploads.document(
            Stream(large, "large.pdf", size_bytes=len(invoice_pdf()) + LARGE_BYTES)
        ),
        "other write": lambda: ks.documents.approve(document, comment="checked"),
    }


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("kind", EXPECTED)
async def test_each_fault_ends_each_kind_of_call_in_the_right_way(
    kind: str, column: str, no_task_is_left: None
) -> None:
    endpoint = ENDPOINTS[column]
    # Short only where nothing comes, so that a busy machine is no stall.
    timeouts = Timeouts(stall_seconds=0.5 if kind.startswith("stall") else 30)
    async with (
        Sandbox(processing_seconds=0, password=PASSWORD) as sandbox,
        client_of(sandbox, timeouts=timeouts, retry=RETRY) as ks,
    ):
        first = await ks.uploads.document(invoice_pdf(), filename="first.pdf")
        document = (await ks.results.wait(first, expected=1)).documents[0]
        asked, stored = sandbox.requests[endpoint], len(await sandbox.documents())
        where = "auth" if kind in SHARED else endpoint
        sandbox.faults = [Fault(kind, endpoint=where, times=1, **PARAMETERS.get(kind, {}))]
        if kind in SHARED:
            await ks.auth.refresh()
        try:
            await calls_of(ks, first.batch_id, document.document_id or "")[column]()
            ended = "ok"
        except KlearStackError as error:
            ended = type(error).__name__
        made = sandbox.faults_made[kind]
        sandbox.faults = []
        asked = sandbox.requests[endpoint] - asked
        stored = len(await sandbox.documents()) - stored
        # Whatever it was, the client is as good as before.
        batch = await ks.results.in_batch(first, expected=1)
    approved = bool(batch.documents[0].is_approved)
    done = "stored" * stored if column != "other write" else "done" * approved
    _seen[kind, column] = f"{ended} {asked} {done}".strip()
    assert _seen[kind, column] == EXPECTED[kind][COLUMNS.index(column)]
    assert made == (endpoint in KINDS[kind].endpoints or kind in SHARED)


def test_the_matrix_has_every_fault_that_the_sandbox_can_make() -> None:
    assert list(EXPECTED) == list(KINDS)


@pytest.mark.parametrize("attempts", [1, 4])
@pytest.mark.parametrize("kind", ["status_after", "reset_before", "truncated", "rate_limited"])
async def test_a_fault_that_stays_ends_a_read_after_as_many_attempts_as_were_allowed(
    kind: str, attempts: int, sandbox: Sandbox
) -> None:
    retry = RetryPolicy(attempts=attempts, first_seconds=0.001)
    async with client_of(sandbox, retry=retry) as ks:
        await ks.auth.login()
        sandbox.faults = [Fault(kind, endpoint="reads", **PARAMETERS.get(kind, {}))]
        with pytest.raises(KlearStackError) as caught:
            await ks.results.of_user()
        assert caught.value.attempt == attempts
        assert sandbox.requests["getuserdocuments"] == attempts


def test_the_readme_shows_the_matrix_in_short() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    groups: dict[tuple[str, ...], list[str]] = {}
    for kind, row in EXPECTED.items():
        groups.setdefault(row, []).append(f"`{kind}`")
    for cells, kinds in groups.items():
        assert f"| {', '.join(kinds)} | {' | '.join(cells)} |" in readme
