"""The bulk run: fixed workers on one shared iterator, so that memory doesn't grow with the job.

    sources --> feeder --> uploaders --> waiting list --> lookers --> outcomes
                               |                                         ^
                               '----------- what went wrong -------------'

A slot is taken before a source is pulled and given back when its outcome was taken by the user:
so a slow user slows the uploads down, instead of filling the memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream, TaskGroup

from klearstack_async.bulk.ending import ended, is_failure, not_ready, stopped
from klearstack_async.bulk.options import (
    LOOKERS,
    OUTSTANDING,
    WAIT_SECONDS,
    WORKERS,
    BulkOptions,
    positive,
    upload_options_of,
)
from klearstack_async.bulk.outcome import BulkReport, Outcome
from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.bulk.waiting import Waiting, WaitingList
from klearstack_async.document import Document
from klearstack_async.endpoints.results import Results
from klearstack_async.endpoints.uploads import Uploads, check_options
from klearstack_async.errors import (
    AuthenticationError,
    ClientClosed,
    DecodeError,
    KlearStackError,
    RateLimited,
    ServerError,
    TransportError,
)
from klearstack_async.models import Batch
from klearstack_async.settings import DocumentType, Polling
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.source import PathSource, Source

__all__ = ["BulkRun"]

# One answer may be cut off; five in a row are something else than KlearStack's.
_MOST_UNREADABLE = 5
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
        log_in: Callable[[], Awaitable[object]],
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
            log_in: Logs in again; tells whether the account is still good.
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
        self._clock, self._ready, self._log_in = clock, ready, log_in
        self._waiting = WaitingList(polling)
        self._changed = anyio.Event()
        self._uploading = True
        self._unfinished = 0
        self._under_way: set[Waiting] = set()
        self._refused: AuthenticationError | None = None
        # What has ended and was not taken yet. No stream: what is handed over to a task that is
        # cancelled at the same moment would be lost.
        self._ended: deque[Waiting] = deque()
        self._news = anyio.Event()
        self._is_over = self._was_left = False
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a bulk run can be made once; call bulk() again for another")
        # One clear error now, rather than one for each of fifty thousand documents.
        await self._ready()
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
            self._was_left = True
            self._news.set()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        if self._tasks is None:
            raise RuntimeError(_NOT_ENTERED)
        while not self._ended or self._was_left:
            if self._was_left:
                raise RuntimeError("the run's block was left; nothing more can come")
            if self._is_over and self._refused is not None:
                raise self._refused
            if self._is_over:
                raise StopAsyncIteration
            if self._news.is_set():
                self._news = anyio.Event()
            await self._news.wait()
        return self._taken(self._ended.popleft())

    def _taken(self, waiting: Waiting) -> Outcome:
        """Count an outcome now that the user has it, and not before: it may never be taken."""
        outcome = waiting.outcome
        if outcome is None:
            raise AssertionError("only what has ended is given")
        self._under_way.discard(waiting)
        self._slots.release()
        self.report.add(outcome)
        self.report.seconds = self._clock.seconds() - self._started
        return outcome

    def under_way(self) -> list[Outcome]:
        """Say what was begun and never given: what to write down when a run is stopped.

        Ask after the block was left; before that, it goes on changing.

        Returns:
            The outcome of each that had ended, and an `in_doubt` one for each other, with the
            batch id if it was uploaded already; empty after a run that came to its end.
        """
        now = self._clock.seconds()
        return [
            waiting.outcome or ended(waiting, now, error=stopped(waiting))
            for waiting in self._under_way
        ]

    async def _run(self) -> None:
        found, to_upload = anyio.create_memory_object_stream[Source | Refused](0)
        due, to_look_at = anyio.create_memory_object_stream[Waiting](0)
        async with to_upload, to_look_at, anyio.create_task_group() as tasks:
            tasks.start_soon(self._feed, found)
            tasks.start_soon(self._upload_all, to_upload)
            tasks.start_soon(self._schedule, due)
            for _ in range(LOOKERS):
                tasks.start_soon(self._look_at_all, to_look_at.clone())
        self._is_over = True
        self._news.set()

    async def _feed(self, found: ObjectSendStream[Source | Refused]) -> None:
        """Pull the sources, all in this one task: a user's generator may hold scopes open."""
        async with found, aclosing(sources_from(self._sources)) as sources:
            while True:
                await self._slots.acquire()
                # Asked anew here: the account may have been refused while this waited.
                source = await anext(sources, None) if self._refused is None else None
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
            name = source.name if isinstance(source, Refused) else _name(source)
            waiting = Waiting(name, started=self._clock.seconds())
            if isinstance(source, Refused):
                await self._end(waiting, source.error)
            elif self._refused is not None:
                await self._end(waiting, self._refused)
            else:
                await self._upload(source, waiting)

    async def _upload(self, source: Source, waiting: Waiting) -> None:
        self._under_way.add(waiting)
        try:
            upload = await self._uploads.document(source, **self._upload_options)
        except Exception as error:  # noqa: BLE001 - a source may raise anything, and harms no other
            await self._stop_if_refused(error)
            await self._end(waiting, error)
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
                if await self._look_at(waiting):
                    self._unfinished -= 1
                else:
                    waiting.looks += 1
                    self._waiting.add(waiting, self._clock.seconds())
                self._changed.set()

    async def _look_at(self, waiting: Waiting) -> bool:
        """Look once, and end it if there is no use in another look."""
        if self._refused is not None:
            return await self._end(waiting, self._refused)
        try:
            batch = await self._batch_of(waiting)
        except KlearStackError as error:
            if isinstance(error, ClientClosed) or not isinstance(error, _LOOK_AGAIN):
                return await self._give_up(waiting, error)
            waiting.error = error
            waiting.unreadable += isinstance(error, DecodeError)
            if waiting.unreadable >= _MOST_UNREADABLE:
                return await self._end(waiting, error)
        else:
            waiting.error, waiting.unreadable = None, 0
            if batch.state.is_final:
                failure = self._results.failure_of(batch) if is_failure(batch) else None
                return await self._end(waiting, failure, batch.documents)
        if self._clock.seconds() - waiting.uploaded < self._wait_seconds:
            return False
        late = not_ready(waiting.batch_id or "", self._wait_seconds)
        return await self._end(waiting, waiting.error or late)

    async def _batch_of(self, waiting: Waiting) -> Batch:
        kind = self._upload_options.get("document_type", DocumentType.INVOICES)
        batch_id = waiting.batch_id or ""
        try:
            return await self._results.in_batch(batch_id, document_type=kind, expected=1)
        except RuntimeError as error:
            # The client was closed before its run.
            raise ClientClosed(str(error)) from None

    async def _give_up(self, waiting: Waiting, error: KlearStackError) -> bool:
        if isinstance(error, ClientClosed):
            # Nobody can look any more, and what was sent may be there.
            return await self._end(waiting, stopped(waiting))
        await self._stop_if_refused(error)
        return await self._end(waiting, error)

    async def _stop_if_refused(self, error: Exception) -> None:
        """Begin nothing more once the account is refused: many bad logins lock it.

        A 401 on one call may have other reasons; a login by password tells.
        """
        if not isinstance(error, AuthenticationError) or self._refused is not None:
            return
        if error.endpoint == "auth.login":
            self._refused = error
            return
        try:
            await self._log_in()
        except AuthenticationError as refused:
            self._refused = refused
        except KlearStackError:
            pass

    async def _end(
        self, waiting: Waiting, error: Exception | None, documents: tuple[Document, ...] = ()
    ) -> bool:
        """Give a source's outcome to the user, and its slot back once that was taken."""
        waiting.outcome = ended(waiting, self._clock.seconds(), documents=documents, error=error)
        self._under_way.add(waiting)
        self._ended.append(waiting)
        self._news.set()
        return True


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
