"""The bulk run: fixed workers on one shared iterator, so that memory doesn't grow with the job.

    sources --> feeder --> uploaders --> waiting list --> lookers --> outcomes
                               |                                         ^
                               '----------- what went wrong -------------'

A slot is taken before a source is pulled and given back when its outcome was taken by the user:
so a slow user slows the uploads down, instead of filling the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream, TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from klearstack_async.bulk.ending import ended, failure_of, not_ready, stopped
from klearstack_async.bulk.options import (
    LOOKERS,
    OUTSTANDING,
    WAIT_SECONDS,
    WORKERS,
    BulkOptions,
    positive,
    upload_options_of,
)
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.bulk.waiting import Waiting, WaitingList
from klearstack_async.endpoints.results import Results
from klearstack_async.endpoints.uploads import Uploads, check_options
from klearstack_async.errors import (
    AuthenticationError,
    DecodeError,
    KlearStackError,
    RateLimited,
    ServerError,
    TransportError,
)
from klearstack_async.settings import DocumentType, Polling
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.source import PathSource, Source

__all__ = ["BulkRun"]

_NOT_ENTERED = "enter the run first: async with ks.bulk(...) as run"

# A look that fails in one of these ways says nothing about the batch; the next one may.
_LOOK_AGAIN = (TransportError, ServerError, RateLimited, DecodeError)


class BulkRun:
    """A run over many sources. Use it as `async with ks.bulk(...) as run:`.

    Iterating gives an `Outcome` for each source, in the order in which they end. Leaving the
    block stops what is still going on.

    Attributes:
        report: How many sources ended in which way; live.
    """

    def __init__(
        self,
        sources: BulkSources,
        options: BulkOptions,
        *,
        uploads: Uploads,
        results: Results,
        polling: Polling,
        clock: Clock,
        ready: Callable[[], Awaitable[object]],
    ) -> None:
        """Set the run up; nothing starts before the block is entered.

        Args:
            sources: What to upload.
            options: How.
            uploads: Sends the documents.
            results: Fetches what was read.
            polling: When to look at a batch.
            clock: What time it is.
            ready: Awaited once before anything is sent; raises if the account is no good.
        """
        self.report = BulkReport()
        self._sources = sources
        check_options(options, BulkOptions)
        self._upload_options = upload_options_of(options)
        self._workers = positive(options.get("workers", WORKERS), "workers")
        self._slots = asyncio.Semaphore(
            positive(options.get("outstanding", OUTSTANDING), "outstanding")
        )
        self._wait_seconds = options.get("wait_seconds", WAIT_SECONDS)
        self._uploads, self._results = uploads, results
        self._clock, self._ready = clock, ready
        self._waiting = WaitingList(polling)
        self._changed = anyio.Event()
        self._uploading = True
        self._unfinished = 0
        self._under_way: set[Waiting] = set()
        self._refused: AuthenticationError | None = None
        self._give: MemoryObjectSendStream[Outcome] | None = None
        self._take: MemoryObjectReceiveStream[Outcome] | None = None
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a bulk run can be made once; call bulk() again for another")
        # One clear error now, rather than one for each of fifty thousand documents.
        await self._ready()
        self._give, self._take = anyio.create_memory_object_stream[Outcome](0)
        self._started = self._clock.seconds()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run, self._give)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        tasks, give, take = self._tasks, self._give, self._take
        if tasks is None or give is None or take is None:
            raise RuntimeError(_NOT_ENTERED)
        tasks.cancel_scope.cancel()
        try:
            return await tasks.__aexit__(exc_type, exc, traceback)
        except BaseExceptionGroup as group:
            single = _only(group, exc)
            if single is exc:
                # The block's own error goes on as it is.
                return False
            raise single from single.__cause__
        finally:
            self.report.seconds = self._clock.seconds() - self._started
            give.close()
            take.close()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        if self._take is None:
            raise RuntimeError(_NOT_ENTERED)
        try:
            return await self._take.receive()
        except anyio.EndOfStream:
            if self._refused is not None:
                raise self._refused from None
            raise StopAsyncIteration from None
        except anyio.ClosedResourceError:
            raise RuntimeError("the run's block was left; nothing more can come") from None

    def under_way(self) -> list[Outcome]:
        """Say what was begun and has no outcome: what to write down when a run is stopped.

        Returns:
            An `in_doubt` outcome for each, with the batch id if it was uploaded already; empty
            after a run that came to its end.
        """
        now = self._clock.seconds()
        return [ended(waiting, now, error=stopped(waiting)) for waiting in self._under_way]

    async def _run(self, give: ObjectSendStream[Outcome]) -> None:
        found, to_upload = anyio.create_memory_object_stream[Source | Refused](0)
        due, to_look_at = anyio.create_memory_object_stream[Waiting](0)
        async with give, to_upload, to_look_at, anyio.create_task_group() as tasks:
            tasks.start_soon(self._feed, found)
            tasks.start_soon(self._upload_all, to_upload)
            tasks.start_soon(self._schedule, due)
            for _ in range(LOOKERS):
                tasks.start_soon(self._look_at_all, to_look_at.clone())

    async def _feed(self, found: ObjectSendStream[Source | Refused]) -> None:
        """Pull the sources, all in this one task: a user's generator may hold scopes open."""
        async with found, aclosing(sources_from(self._sources)) as sources:
            while self._refused is None:
                await self._slots.acquire()
                source = await anext(sources, None)
                if source is None:
                    return
                self.report.started += 1
                await found.send(source)

    async def _upload_all(self, to_upload: ObjectReceiveStream[Source | Refused]) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(self._workers):
                tasks.start_soon(self._upload_one_by_one, to_upload)
        self._uploading = False
        self._changed.set()

    async def _upload_one_by_one(self, sources: ObjectReceiveStream[Source | Refused]) -> None:
        async for source in sources:
            if isinstance(source, Refused):
                await self._deliver(Outcome(source.name, OutcomeState.FAILED, error=source.error))
            else:
                await self._upload(source)

    async def _upload(self, source: Source) -> None:
        waiting = Waiting(_name(source), started=self._clock.seconds())
        self._under_way.add(waiting)
        try:
            upload = await self._uploads.document(source, **self._upload_options)
        except Exception as error:  # noqa: BLE001 - a source may raise anything, and harms no other
            self._stop_if_refused(error)
            await self._deliver(ended(waiting, self._clock.seconds(), error=error), waiting)
            return
        waiting.batch_id, waiting.uploaded = upload.batch_id, self._clock.seconds()
        self.report.uploaded += 1
        self._unfinished += 1
        self._waiting.add(waiting, waiting.uploaded)
        self._changed.set()

    async def _schedule(self, due: ObjectSendStream[Waiting]) -> None:
        """Hand out the batches whose time has come; ends when nothing can come any more."""
        async with due:
            while self._uploading or self._unfinished:
                self._changed = anyio.Event()
                while waiting := self._waiting.take_due(self._clock.seconds()):
                    await due.send(waiting)
                pause = self._waiting.seconds_to_next(self._clock.seconds())
                if self._uploading or self._unfinished:
                    with anyio.move_on_after(pause):
                        await self._changed.wait()

    async def _look_at_all(self, due: ObjectReceiveStream[Waiting]) -> None:
        async with due:
            async for waiting in due:
                outcome = await self._look_at(waiting)
                if outcome is None:
                    waiting.looks += 1
                    self._waiting.add(waiting, self._clock.seconds())
                else:
                    await self._deliver(outcome, waiting)
                    self._unfinished -= 1
                self._changed.set()

    async def _look_at(self, waiting: Waiting) -> Outcome | None:
        """Look once; None if it is worth another look."""
        if self._refused is not None:
            return ended(waiting, self._clock.seconds(), error=self._refused)
        kind = self._upload_options.get("document_type", DocumentType.INVOICES)
        batch_id = waiting.batch_id or ""
        try:
            batch = await self._results.in_batch(batch_id, document_type=kind, expected=1)
        except _LOOK_AGAIN as error:
            waiting.error = error
        except KlearStackError as error:
            self._stop_if_refused(error)
            return ended(waiting, self._clock.seconds(), error=error)
        else:
            if batch.state.is_final:
                now = self._clock.seconds()
                return ended(waiting, now, documents=batch.documents, error=failure_of(batch))
            waiting.error = None
        now = self._clock.seconds()
        if now - waiting.uploaded < self._wait_seconds:
            return None
        return ended(waiting, now, error=waiting.error or not_ready(batch_id, self._wait_seconds))

    def _stop_if_refused(self, error: Exception) -> None:
        """Begin nothing more once the account is refused: many bad logins lock it."""
        if isinstance(error, AuthenticationError):
            self._refused = error

    async def _deliver(self, outcome: Outcome, waiting: Waiting | None = None) -> None:
        self.report.add(outcome)
        self.report.seconds = self._clock.seconds() - self._started
        if self._give is not None:
            await self._give.send(outcome)
        if waiting is not None:
            self._under_way.discard(waiting)
        self._slots.release()


def _only(error: BaseException, own: BaseException | None) -> BaseException:
    """Take the groups that our own tasks put around a single failure off it.

    The block's own error stays as it is, also if it is a group itself.
    """
    # The block's task group, that of the run, and that of the uploaders.
    for _ in range(3):
        if error is own or not isinstance(error, BaseExceptionGroup) or len(error.exceptions) > 1:
            break
        error = error.exceptions[0]
    return error


def _name(source: Source) -> str:
    return str(source.path) if isinstance(source, PathSource) else source.filename
