"""The bulk run: fixed workers on one shared iterator, so that memory doesn't grow with the job.

    sources --> uploaders --> waiting list --> lookers --> outcomes
                    |                                         ^
                    '----------- what went wrong -------------'

A slot is taken before a source is pulled and given back when its outcome was taken by the user:
so a slow user slows the uploads down, instead of filling the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self, cast

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream, TaskGroup

from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.bulk.waiting import Waiting, WaitingList
from klearstack_async.endpoints.results import Results, failed_batch
from klearstack_async.endpoints.uploads import UploadOptions, Uploads
from klearstack_async.errors import (
    BatchNotReady,
    KlearStackError,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    TransportError,
)
from klearstack_async.models import Batch, BatchState
from klearstack_async.settings import DocumentType, Polling
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.source import PathSource, Source

__all__ = ["BulkOptions", "BulkRun"]

WORKERS = 8
LOOKERS = 8
OUTSTANDING = 1000
WAIT_SECONDS = 900.0

# A look that fails in one of these ways says nothing about the batch; the next one may.
_LOOK_AGAIN = (TransportError, ServerError, RateLimited)


class BulkOptions(UploadOptions, total=False):
    """How a bulk run works, besides what can be said about each upload.

    Attributes:
        workers: Uploads at a time; 8 if left out.
        outstanding: Sources begun and not yet taken by the user, at most; 1,000 if left out.
        wait_seconds: How long a batch may take after its upload; 900 if left out.
    """

    workers: int
    outstanding: int
    wait_seconds: float


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
        self._sources = sources_from(sources)
        self._upload_options = _upload_options(options)
        self._workers = _positive(options.get("workers", WORKERS), "workers")
        self._slots = asyncio.Semaphore(
            _positive(options.get("outstanding", OUTSTANDING), "outstanding")
        )
        self._wait_seconds = options.get("wait_seconds", WAIT_SECONDS)
        self._uploads, self._results = uploads, results
        self._clock, self._ready = clock, ready
        self._pull = asyncio.Lock()
        self._waiting = WaitingList(polling)
        self._changed = anyio.Event()
        self._uploading = True
        self._unfinished = 0
        self._give, self._take = anyio.create_memory_object_stream[Outcome](0)
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        # One clear error now, rather than one for each of fifty thousand documents.
        try:
            await self._ready()
        except BaseException:
            self._shut()
            raise
        self._started = self._clock.seconds()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        tasks = self._tasks
        if tasks is None:
            raise RuntimeError("a bulk run is entered before it is left")
        tasks.cancel_scope.cancel()
        try:
            return await tasks.__aexit__(exc_type, exc, traceback)
        except BaseExceptionGroup as group:
            raise _only(group) from None
        finally:
            self._shut()
            await self._sources.aclose()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        try:
            return await self._take.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def _run(self) -> None:
        due, to_look_at = anyio.create_memory_object_stream[Waiting](0)
        async with self._give, to_look_at, anyio.create_task_group() as tasks:
            tasks.start_soon(self._upload_all)
            tasks.start_soon(self._schedule, due)
            for _ in range(LOOKERS):
                tasks.start_soon(self._look_at_all, to_look_at.clone())

    async def _upload_all(self) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(self._workers):
                tasks.start_soon(self._upload_one_by_one)
        self._uploading = False
        self._changed.set()

    async def _upload_one_by_one(self) -> None:
        while True:
            await self._slots.acquire()
            source = await self._next_source()
            if source is None:
                self._slots.release()
                return
            self.report.started += 1
            if isinstance(source, Refused):
                await self._deliver(Outcome(source.name, OutcomeState.FAILED, error=source.error))
            else:
                await self._upload(source)

    async def _next_source(self) -> Source | Refused | None:
        async with self._pull:
            return await anext(self._sources, None)

    async def _upload(self, source: Source) -> None:
        name, started = _name(source), self._clock.seconds()
        try:
            upload = await self._uploads.document(source, **self._upload_options)
        except (KlearStackError, OSError, ValueError) as error:
            unsure = isinstance(error, OutcomeUnknown)
            state = OutcomeState.IN_DOUBT if unsure else OutcomeState.FAILED
            seconds = self._clock.seconds() - started
            await self._deliver(Outcome(name, state, error=error, seconds=seconds))
            return
        now = self._clock.seconds()
        self.report.uploaded += 1
        self._unfinished += 1
        self._waiting.add(Waiting(name, upload.batch_id, started, now), now)
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
                    await self._deliver(outcome)
                    self._unfinished -= 1
                self._changed.set()

    async def _look_at(self, waiting: Waiting) -> Outcome | None:
        """Look once; None if it is worth another look."""
        kind = self._upload_options.get("document_type", DocumentType.INVOICES)
        try:
            batch = await self._results.in_batch(waiting.batch_id, document_type=kind, expected=1)
        except _LOOK_AGAIN as error:
            waiting.error = error
        except KlearStackError as error:
            return self._ended(waiting, error=error)
        else:
            if batch.state.is_final:
                return self._ended(waiting, batch=batch, error=_failure(batch))
            waiting.error = None
        if self._clock.seconds() - waiting.uploaded < self._wait_seconds:
            return None
        return self._ended(waiting, error=waiting.error or self._not_ready(waiting))

    def _ended(
        self, waiting: Waiting, *, batch: Batch | None = None, error: Exception | None
    ) -> Outcome:
        return Outcome(
            waiting.source,
            OutcomeState.FAILED if error else OutcomeState.EXTRACTED,
            documents=batch.documents if batch and not error else (),
            error=error,
            batch_id=waiting.batch_id,
            seconds=self._clock.seconds() - waiting.started,
        )

    def _not_ready(self, waiting: Waiting) -> BatchNotReady:
        return BatchNotReady(
            f"uploaded, but not done after {self._wait_seconds:g} s; "
            f"ask for batch {waiting.batch_id} later, or set a longer wait_seconds",
            endpoint="results.in_batch",
        )

    async def _deliver(self, outcome: Outcome) -> None:
        self.report.add(outcome)
        self.report.seconds = self._clock.seconds() - self._started
        await self._give.send(outcome)
        self._slots.release()

    def _shut(self) -> None:
        self._give.close()
        self._take.close()


def _only(group: BaseException) -> BaseException:
    """Take the groups off a single failure, such as that of the user's own iterator."""
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group


def _failure(batch: Batch) -> Exception | None:
    """Say why the one document of a batch wasn't read, if so."""
    if batch.state is BatchState.FAILED or any(d.failure for d in batch.documents):
        return failed_batch(batch)
    return None


def _name(source: Source) -> str:
    return str(source.path) if isinstance(source, PathSource) else source.filename


def _upload_options(options: BulkOptions) -> UploadOptions:
    known: dict[str, Any] = {
        name: value for name, value in options.items() if name in UploadOptions.__annotations__
    }
    return cast("UploadOptions", known)


def _positive(number: int, name: str) -> int:
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, not {number}")
    return number
