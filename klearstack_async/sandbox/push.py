"""Pushing finished documents to the customer's endpoint (page 20), in the background.

What is due and what became of it lives in the database, so a restart goes on; only the endpoint
and its secrets are kept in memory alone. No request ever waits for a push.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

import aiohttp

from klearstack_async.sandbox import push_records
from klearstack_async.sandbox.push_records import Outcome
from klearstack_async.sandbox.push_target import Delivery, PushTarget, push_request
from klearstack_async.sandbox.store import Store

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8
# Shorter than what servers keep open (5 s are usual): a push on a connection that is being closed
# fails, and there is no second one.
_KEEP_OPEN_SECONDS = 2.0
# Looking for what is due costs the more the more documents wait; a long batch that is being read
# wakes us with each of them.
_PAUSE_SECONDS = 0.05
_PAUSE_AFTER_ERROR_SECONDS = 1.0
# The first that fits tells what happened; none of them may quote the request.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "No answer came in time."),
    (aiohttp.ClientSSLError, "No secure connection could be made to the endpoint."),
    (aiohttp.ClientConnectorError, "No connection could be made to the endpoint."),
    (aiohttp.ClientResponseError, "What the endpoint answered is not HTTP."),
    (aiohttp.ClientError, "The connection was lost before an answer came."),
    (OSError, "The connection was lost before an answer came."),
)


class Pushing:
    """Push every document once, when it is finished; and again when asked to."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._target: PushTarget | None = None
        self._session: aiohttp.ClientSession | None = None
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self, target: PushTarget | None) -> None:
        """Begin, with what an earlier run of this folder has left to push."""
        await self._store.run(push_records.end_interrupted)
        # No cookies are kept, so no push depends on another.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=_KEEP_OPEN_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        await self.register(target)
        self._task = asyncio.create_task(self._run(), name="sandbox-pushing")

    async def register(self, target: PushTarget | None) -> None:
        """Push to another endpoint from now on, or to none."""
        # Nothing may be begun for the old one any more when this returns.
        self._target = None
        now = self._now().timestamp()
        await self._store.run(push_records.register, is_registered=target is not None, now=now)
        self._target = target
        self.wake()

    async def send_again(self, ids: Iterable[str]) -> None:
        """Push documents or batches again; without any id, all that were not delivered."""
        await self._store.run(push_records.ask_again, ids)
        self.wake()

    def wake(self) -> None:
        """Say that something may have become due."""
        self._idle.clear()
        self._changed.set()

    async def settle(self) -> None:
        """Wait until nothing is due by the clock as it stands now, and no push is under way."""
        self.wake()
        await self._idle.wait()

    async def stop(self) -> None:
        """Break off what is under way; it counts as an attempt that failed."""
        # The worker first, or it would begin more.
        await _cancel([] if self._task is None else [self._task])
        await _cancel(self._sending)
        if self._session is not None:
            await self._session.close()
        await self._store.run(push_records.end_interrupted)
        self._idle.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                found, next_at = await self._begin_due()
            except Exception:  # noqa: BLE001 - a full disk, say, must not end the worker
                _LOG.exception("the sandbox could not push its documents; it will try again")
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
                continue
            if not self._sending and not self._changed.is_set():
                self._idle.set()
            await self._until_changed(next_at)
            if not found:
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _begin_due(self) -> tuple[int, float | None]:
        """Begin as many pushes as may run; returns their number and when to look again."""
        target, free = self._target, _AT_ONCE - len(self._sending)
        if target is None or not free:
            return 0, None
        now = self._now().timestamp()
        begin = asyncio.ensure_future(self._store.run(push_records.begin_due, now, free))
        try:
            deliveries, next_at = await asyncio.shield(begin)
        except asyncio.CancelledError:
            # The database's thread goes on all the same: undo what it has begun.
            deliveries, _ = await begin
            await self._store.run(push_records.give_back, deliveries)
            raise
        for delivery in deliveries:
            task = asyncio.create_task(self._push(target, delivery), name="sandbox-push")
            self._sending.add(task)
            task.add_done_callback(self._ended)
        return len(deliveries), next_at

    async def _until_changed(self, next_at: float | None) -> None:
        seconds = None if next_at is None else max(0.0, next_at - self._now().timestamp())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _push(self, target: PushTarget, delivery: Delivery) -> None:
        assert self._session is not None  # noqa: S101 - for the type checker: it is open by now
        outcome = await _attempt(self._session, target, delivery)
        if outcome.error is not None:
            _LOG.warning("document %s was not pushed: %s", delivery.document_id, outcome.error)
        await self._store.run(push_records.end, delivery.number, outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("the outcome of a push could not be stored", exc_info=task.exception())
        self.wake()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)


async def _attempt(
    session: aiohttp.ClientSession, target: PushTarget, delivery: Delivery
) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=target.timeout_seconds)
    request = push_request(target, delivery)
    try:
        # A redirect isn't followed: the password in the body is for this endpoint alone.
        async with session.post(
            target.url, timeout=timeout, allow_redirects=False, **request
        ) as response:
            status = response.status
    except Exception as error:  # noqa: BLE001 - whatever it was, the other documents go on
        return Outcome(None, _sentence(error))
    if 200 <= status < 300:
        return Outcome(status, None)
    return Outcome(status, f"The endpoint answered with status {status}.")


def _sentence(error: Exception) -> str:
    for type_, sentence in _SENTENCES:
        if isinstance(error, type_):
            return sentence
    return f"The push could not be sent ({type(error).__name__})."
