"""A server that stores and then fails: nothing is sent again, and each upload says so."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from conftest import client_of
from documents import invoice_pdf

from klearstack_async import KlearStack, KlearStackError, OutcomeUnknown, Timeouts
from klearstack_async.sandbox import Fault, Sandbox

each_load = pytest.mark.parametrize("uploads", [40, pytest.param(200, marks=pytest.mark.slow)])
STORED_THEN_LOST = ["status_after", "reset_after", "reset_answer", "stall_after"]


async def ended(ks: KlearStack, name: str) -> str:
    try:
        return (await ks.uploads.document(invoice_pdf(), filename=name)).batch_id
    except OutcomeUnknown:
        return "in doubt"
    except KlearStackError:
        return "refused"


@each_load
@pytest.mark.parametrize("kind", STORED_THEN_LOST)
async def test_what_was_stored_and_then_lost_is_in_doubt_and_never_sent_again(
    kind: str, uploads: int, sandbox: Sandbox
) -> None:
    sandbox.faults = [Fault(kind, endpoint="uploads")]
    names = [f"{number}.pdf" for number in range(uploads)]
    async with client_of(sandbox, timeouts=Timeouts(stall_seconds=1)) as ks:
        ends = await asyncio.gather(*(ended(ks, name) for name in names))
    assert ends == ["in doubt"] * uploads
    assert sandbox.requests["processdocument"] == uploads
    stored = Counter(document.file_name for document in await sandbox.documents())
    assert stored == dict.fromkeys(names, 1)


@each_load
async def test_among_all_kinds_of_failures_nothing_is_stored_twice_and_nothing_lost(
    uploads: int, sandbox: Sandbox
) -> None:
    kinds = [*STORED_THEN_LOST, "status_before", "rate_limited", "token_refused", "reset_before"]
    sandbox.faults = [
        Fault(kind, endpoint="uploads", probability=0.1)
        if kind != "rate_limited"
        else Fault(kind, endpoint="uploads", probability=0.1, retry_after=0.01)
        for kind in kinds
    ]
    names = [f"{number}.pdf" for number in range(uploads)]
    async with client_of(sandbox, timeouts=Timeouts(stall_seconds=2)) as ks:
        ends = await asyncio.gather(*(ended(ks, name) for name in names))
    stored = Counter(document.file_name for document in await sandbox.documents())
    assert max(stored.values()) == 1
    known = dict(zip(names, ends, strict=True))
    receipts = {name for name, end in known.items() if end not in {"in doubt", "refused"}}
    assert 0 < len(receipts) < uploads
    assert receipts <= stored.keys()
    assert "refused" not in {known[name] for name in stored}
