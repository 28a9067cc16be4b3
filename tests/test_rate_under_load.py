"""A service that counts calls, over sockets: it is used to the full, and hardly ever refuses.

That the pace is right to the last call is shown in virtual time, by `transport/` beside this.
Here the figures depend on the machine, so whether it is fast enough is asked under the marker
`slow` alone.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

import pytest
from conftest import PASSWORD, client_of, until
from documents import invoice_pdf

from klearstack_async import (
    Attempt,
    KlearStack,
    Rate,
    RateFigures,
    RateLimited,
    RetryPolicy,
    ServerError,
    SessionPool,
)
from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.sandbox.users import SandboxUser

PER_SECOND = 50
# In the normal suite so few that every machine makes more, if it may.
FEW_PER_SECOND, FEW = 40, 10
READ = "getbatchdocuments"
CLIENTS = {"knows nothing": Rate(), "is told": Rate(per_second=PER_SECOND)}
BOB = SandboxUser("bob", "bobs-password", "Admin")


@dataclass
class Seen:
    """The attempts, and the client's figures at the end of each."""

    ks: KlearStack | None = None
    attempts: list[Attempt] = field(default_factory=list)
    figures: list[RateFigures] = field(default_factory=list)

    def __call__(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        assert self.ks is not None
        self.figures.append(self.ks.rate)

    @property
    def refusals(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.status in {429, 503}]


async def make_calls(
    rate: Rate, calls: int, workers: int, *, per_second: float = FEW_PER_SECOND, burst: int = FEW
) -> tuple[Sandbox, Seen, float]:
    """Let so many workers make so many calls; give the seconds, too."""
    seen = Seen()
    async with (
        Sandbox(
            processing_seconds=0,
            password=PASSWORD,
            calls_per_second=per_second,
            burst=burst,
        ) as sandbox,
        client_of(sandbox, rate=rate, on_attempt=seen) as ks,
    ):
        seen.ks = ks
        began = time.monotonic()
        numbers = iter(range(calls - 1))
        batch_id = (await ks.uploads.document(invoice_pdf(), filename="a.pdf")).batch_id

        async def work() -> None:
            for _ in numbers:
                await ks.results.in_batch(batch_id)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(work())
        seconds = time.monotonic() - began
        assert ks.rate.waiting == ks.rate.in_flight == 0
        assert ks.rate.passed == sum(sandbox.requests.values()) == len(seen.attempts)
        assert ks.rate.refused == sandbox.refused.total() == len(seen.refusals)
    # With the login. The bucket was full, and so many calls cost no time.
    shortest = (calls + 1 - burst) / per_second
    refused = sandbox.refused.total() / sum(sandbox.requests.values())
    print(  # noqa: T201 - the figures, with -s
        f"{rate}: {calls} calls in {seconds:.2f} s, {seconds / shortest:.3f} times the shortest; "
        f"{refused:.1%} refused"
    )
    return sandbox, seen, seconds / shortest


def check_refusals(sandbox: Sandbox) -> None:
    assert sandbox.refused.total() < 0.05 * sum(sandbox.requests.values())


# Who knows nothing has a call of each worker refused once, so it takes many calls for few workers.
@pytest.mark.parametrize(
    ("rate", "calls", "workers"), [(Rate(), 90, 3), (Rate(per_second=FEW_PER_SECOND), 60, 20)]
)
async def test_all_calls_go_well_and_less_than_a_twentieth_is_refused(
    rate: Rate, calls: int, workers: int
) -> None:
    sandbox, seen, _ = await make_calls(rate, calls, workers)
    check_refusals(sandbox)
    assert max(figures.in_flight for figures in seen.figures) <= workers
    assert max(figures.waiting for figures in seen.figures) > 0


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
async def test_500_calls_take_at_most_1_3_times_as_long_as_they_must(client: str) -> None:
    sandbox, _, ratio = await make_calls(
        CLIENTS[client], 500, 20, per_second=PER_SECOND, burst=PER_SECOND
    )
    check_refusals(sandbox)
    assert ratio <= 1.3


async def test_the_figures_tell_of_the_pause_and_of_the_pace_that_was_learnt() -> None:
    _, seen, _ = await make_calls(Rate(), 40, 20)
    first = seen.attempts.index(seen.refusals[0])
    assert {figures.per_second for figures in seen.figures[:first]} == {None}
    assert {figures.paused_seconds for figures in seen.figures[:first]} == {0}
    at_refusal = seen.figures[first]
    assert 0 < at_refusal.paused_seconds <= 1
    assert at_refusal.refused == 1
    assert at_refusal.per_second is not None
    assert seen.figures[-1].per_second is not None


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable"])
@pytest.mark.parametrize("retry_after", [1, "date:1"])
async def test_no_call_goes_before_retry_after_is_over(
    kind: str, retry_after: float | str, sandbox: Sandbox
) -> None:
    seen = Seen()
    async with client_of(sandbox, on_attempt=seen) as ks:
        seen.ks = ks
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        sandbox.faults = [Fault(kind, endpoint=READ, times=1, retry_after=retry_after)]
        began = time.monotonic()
        await ks.results.in_batch(upload)
        seconds = time.monotonic() - began
    (refusal,) = seen.refusals
    # Dates have whole seconds: as the header says it, it may be up to two.
    longest = 1 if retry_after == 1 else 2
    assert refusal.pause_seconds is not None
    assert 0.5 < refusal.pause_seconds <= longest
    assert seconds >= refusal.pause_seconds
    assert sandbox.requests[READ] == 2


@pytest.mark.parametrize("limit", ["total_seconds", "deadline_seconds"])
@pytest.mark.parametrize(
    ("kind", "error"), [("rate_limited", RateLimited), ("unavailable", ServerError)]
)
async def test_a_call_that_has_no_time_for_retry_after_ends_at_once_and_says_it(
    limit: str, kind: str, error: type[RateLimited | ServerError], sandbox: Sandbox
) -> None:
    async with client_of(sandbox) as ks:
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        sandbox.faults = [Fault(kind, endpoint=READ, times=1, retry_after=60)]
        if limit == "total_seconds":
            variant = ks.with_options(retry=RetryPolicy(total_seconds=8))
        else:
            variant = ks.with_options(deadline_seconds=8)
        began = time.monotonic()
        with pytest.raises(error) as caught:
            await variant.results.in_batch(upload)
        assert time.monotonic() - began < 8
        assert caught.value.retry_after == 60
        assert caught.value.attempt == sandbox.requests[READ] == 1
        # What it was told goes for the whole account.
        assert 50 < ks.rate.paused_seconds <= 60


async def test_a_pause_is_for_all_tasks_and_variants_of_an_account_and_for_no_other() -> None:
    seen = Seen()
    async with (
        Sandbox(processing_seconds=0, password=PASSWORD, users=[BOB]) as sandbox,
        SessionPool() as pool,
    ):
        account = partial(pool.account, sandbox.url, company_name=sandbox.company_name)
        ks = account(username=sandbox.username, password=PASSWORD, on_attempt=seen)
        seen.ks = ks
        other = account(username=BOB.username, password=BOB.password)
        upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        sandbox.faults = [Fault("rate_limited", endpoint=READ, times=1, retry_after=2)]
        variant = ks.with_options(deadline_seconds=60)
        async with asyncio.TaskGroup() as tasks:
            refused = tasks.create_task(ks.results.in_batch(upload))
            await until(lambda: bool(seen.refusals))
            made = len(seen.attempts)
            for client in (ks, variant) * 2:
                tasks.create_task(client.results.of_user())
            # The one that was refused waits for the end of the pause before it stands in line.
            await until(lambda: ks.rate.waiting == 4)
            # The other account has ended its call by the time that any of these begins.
            assert (await other.results.in_batch(upload)).batch_id == upload.batch_id
            assert ks.rate.paused_seconds > 0
            assert other.rate.paused_seconds == other.rate.refused == 0
            assert len(seen.attempts) == made
            assert variant.rate.waiting == ks.rate.waiting == 4
        assert len(refused.result().documents) == 1
        assert ks.rate.refused == 1
