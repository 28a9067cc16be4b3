"""Tokens that end all the time, under load: no call notices, and no login is made for nothing.

The server's tokens have whole seconds: of two, one to two are left, and the client can't know how
many. So some refreshes are asked for in time, and others with a token that has ended, which the
server refuses.

For both sides, time goes on with each answer, so a token ends after as many calls on any machine;
the real time is kept for the marker `slow`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile

import pytest
from conftest import PASSWORD, client_of
from documents import invoice_pdf

from klearstack_async import Attempt, KlearStack, Timeouts
from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.transport.clock import Clock

AT_ONCE = 50
# What is under way at once is answered in 0.6 s at most, and a token has one second at least.
SECONDS_PER_ANSWER = 0.012
# A fast machine goes on until there was something to see; a slow one needs no bound.
MOST_CALLS = 40_000
LOGIN = "get_access_token"
REFRESH = "getaccesstokenfromrefreshtoken"
READ = "getbatchdocuments"


@dataclass
class Seen:
    """What the client told of its attempts, in their order, and the time that goes on with them."""

    attempts: list[Attempt] = field(default_factory=list)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def now(self) -> datetime:
        return self.began_at + len(self.attempts) * timedelta(seconds=SECONDS_PER_ANSWER)

    def of(self, endpoint: str) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.endpoint == endpoint]

    def statuses(self, endpoint: str) -> Counter[int | None]:
        return Counter(attempt.status for attempt in self.of(endpoint))

    @property
    def granted(self) -> int:
        return sum(attempt.error is None for attempt in self.of("auth.refresh"))

    @property
    def refused(self) -> int:
        """How many refreshes ended without a token, repetitions taken as one."""
        last = (attempt for attempt in self.of("auth.refresh") if attempt.pause_seconds is None)
        return sum(attempt.error is not None for attempt in last)


async def uploaded(ks: KlearStack) -> str:
    """Give a batch that can be asked for."""
    upload = await ks.uploads.document(invoice_pdf(), filename="invoice.pdf")
    return (await ks.results.wait(upload, expected=1)).batch_id


async def keep_asking(ks: KlearStack, batch_id: str, numbers: Iterator[int]) -> int:
    """Ask as long as there are numbers, 50 times at once, and give how often; a failure goes on."""

    async def ask() -> int:
        return sum([len((await ks.results.in_batch(batch_id)).documents) for _ in numbers])

    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(ask()) for _ in range(AT_ONCE)]
    return sum(task.result() for task in asking)


def until_seen(seen: Seen, *, calls: int, refreshes: int) -> Iterator[int]:
    """Give numbers until there were so many calls, and so many refreshes."""

    def is_not_enough(number: int) -> bool:
        assert number < MOST_CALLS
        return number < calls or seen.granted + seen.refused < refreshes

    return takewhile(is_not_enough, count())


def check_both_sides(seen: Seen, sandbox: Sandbox) -> None:
    """Make sure that client and server counted the same, and each login had its reason."""
    logins, refreshes = seen.of("auth.login"), seen.of("auth.refresh")
    print(  # noqa: T201 - the figures, with -s
        f"{sandbox.requests[READ]} requests, {len(refreshes)} of a refresh "
        f"({seen.granted} granted, {seen.refused} not), {len(logins)} logins, "
        f"{seen.statuses('results.in_batch')[401]} calls made twice"
    )
    assert len(logins) == sandbox.requests[LOGIN] == 1 + seen.refused
    assert len(refreshes) == sandbox.requests[REFRESH]
    assert len(seen.of("results.in_batch")) == sandbox.requests[READ]
    assert set(seen.statuses("results.in_batch")) <= {200, 401}


async def test_fifty_first_calls_log_in_once() -> None:
    seen = Seen()
    async with (
        Sandbox(processing_seconds=0, password=PASSWORD) as sandbox,
        client_of(sandbox) as preparing,
        client_of(sandbox, on_attempt=seen) as ks,
    ):
        batch_id = await uploaded(preparing)
        sandbox.requests.clear()
        # So slow that all fifty are there before it has ended.
        sandbox.faults = [Fault("latency", endpoint=LOGIN, seconds=0.3)]
        assert await keep_asking(ks, batch_id, iter(range(AT_ONCE))) == AT_ONCE
        check_both_sides(seen, sandbox)
        assert sandbox.requests == {LOGIN: 1, READ: AT_ONCE}


def real_now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("calls", "in_real_time"), [(500, False), pytest.param(2000, True, marks=pytest.mark.slow)]
)
async def test_with_tokens_of_two_seconds_all_calls_go_well(
    *, calls: int, in_real_time: bool
) -> None:
    seen = Seen()
    now = real_now if in_real_time else seen.now
    async with (
        Sandbox(
            processing_seconds=0, password=PASSWORD, access_token_seconds=2, _now=now
        ) as sandbox,
        client_of(sandbox, on_attempt=seen, clock=Clock(now=now)) as ks,
    ):
        batch_id = await uploaded(ks)
        numbers = until_seen(seen, calls=calls, refreshes=3)
        assert await keep_asking(ks, batch_id, numbers) >= calls
        check_both_sides(seen, sandbox)
        assert seen.granted + seen.statuses("auth.refresh")[401] == len(seen.of("auth.refresh"))
        assert seen.statuses("auth.refresh")[401] == seen.refused


# What is wrong with the refresh, and for how long the client waits for a byte.
TROUBLES = {
    "refused every other time": (Fault("refresh_refused", probability=0.5), 120),
    "slow": (Fault("latency", endpoint=REFRESH, seconds=0.3), 120),
    "garbage": (Fault("garbage", endpoint=REFRESH), 120),
    "truncated": (Fault("truncated", endpoint=REFRESH), 120),
    "stalled": (Fault("stall_after", endpoint=REFRESH, times=2), 1),
}


@pytest.mark.parametrize("in_real_time", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_call_fails_because_the_refresh_does(trouble: str, *, in_real_time: bool) -> None:
    fault, stall_seconds = TROUBLES[trouble]
    seen = Seen()
    now = real_now if in_real_time else seen.now
    async with (
        Sandbox(
            processing_seconds=0,
            password=PASSWORD,
            access_token_seconds=2,
            faults=[fault],
            _now=now,
        ) as sandbox,
        client_of(
            sandbox,
            on_attempt=seen,
            timeouts=Timeouts(stall_seconds=stall_seconds),
            clock=Clock(now=now),
        ) as ks,
    ):
        batch_id = await uploaded(ks)
        numbers = until_seen(seen, calls=300, refreshes=3)
        assert await keep_asking(ks, batch_id, numbers) >= 300
        check_both_sides(seen, sandbox)
        assert sandbox.faults_made[fault.kind] > 0


async def test_while_the_old_token_is_good_nobody_waits_for_a_slow_refresh() -> None:
    seen, later = Seen(), timedelta()
    # It can be set forward; the server's tokens stay good meanwhile.
    clock = Clock(now=lambda: datetime.now(UTC) + later)
    async with (
        Sandbox(processing_seconds=0, password=PASSWORD) as sandbox,
        client_of(sandbox, on_attempt=seen, clock=clock) as ks,
    ):
        batch_id = await uploaded(ks)
        sandbox.faults = [Fault("latency", endpoint=REFRESH, seconds=0.5)]
        # Eleven of the fifteen minutes are over, so it is time to renew.
        later = timedelta(minutes=11)
        assert await keep_asking(ks, batch_id, iter(range(AT_ONCE))) == AT_ONCE
        assert len(seen.of("auth.refresh")) == 0
        assert sandbox.requests[REFRESH] == 1
        await keep_asking(ks, batch_id, until_seen(seen, calls=0, refreshes=1))
        check_both_sides(seen, sandbox)
        assert (seen.granted, sandbox.requests[REFRESH], sandbox.requests[LOGIN]) == (1, 1, 1)
