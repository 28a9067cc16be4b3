"""A bulk run, told to browsers as server-sent events.

One task drives the run, any number of browsers listen. Each event is written once, into a log with
bounds, and a browser is a place in it: one that leaves stops nothing, one that is slow costs
nothing but what it misses, one that comes back goes on where it was. What is said in an event is in
`event_data.py`; how events are written down, and which are kept, in `event_log.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import anyio
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.outcome import BulkReport, Outcome
from klearstack_async.fastapi.event_data import (
    NOTHING_YET,
    outcome_data,
    problem_data,
    progress_data,
    report_data,
)
from klearstack_async.fastapi.event_log import EventLog, event_bytes
from klearstack_async.fastapi.stopping import is_stopping

__all__ = ["BulkEvents"]

_LOG = logging.getLogger("klearstack_async")

_TICK_SECONDS = 0.5
# Proxies close what is silent for a minute; some for half of one.
_KEEP_ALIVE_SECONDS = 15.0
_KEEP_BYTES = 32 << 20
_HEADERS = {
    "Cache-Control": "no-cache",
    # nginx would collect the events until its buffer is full.
    "X-Accel-Buffering": "no",
}
# How long a browser waits before it comes back.
_BEGINNING = b"retry: 2000\n\n"
_KEEP_ALIVE = b": still here\n\n"


class BulkEvents:
    """Tells browsers how a bulk run goes.

    Start `drive` as a task that outlives the request, and give `response(request)` to each browser
    that asks. The events, each with JSON as its data:

    - `progress`: how far the run is, at once, twice a second if it has changed, and at the end.
    - `outcome`: what became of a source, as `outcome_data` says it, and what `tell` adds.
    - `missed`: `{"count"}` outcomes were dropped before this browser took them.
    - `done` with the report's numbers, or `failed` with a problem (RFC 9457); it is the last one.

    Everything here belongs to the event loop in which the run is driven.

    Attributes:
        error: Why the run ended early; None while it goes on, and after a good end.
    """

    def __init__(
        self,
        run: BulkRun,
        *,
        keep: int = 1000,
        tell: Callable[[Outcome], Mapping[str, Any]] | None = None,
    ) -> None:
        """Set it up; nothing starts before `drive`.

        Args:
            run: A run that wasn't entered.
            keep: How many events are kept for browsers that are slow or come back; and 32 MB of
                them at most.
            tell: What browsers are told of an outcome besides, or in place of a part of it, as
                JSON-ready values. What it raises is logged, and costs no more than what it would
                have added.

        Raises:
            ValueError: `keep` is less than 1.
        """
        self._run = run
        self._tell = tell
        self._log = EventLog(keep=keep, keep_bytes=_KEEP_BYTES)
        self._progress = b""
        self._news = anyio.Event()
        self._waiting = 0
        self._ticking: asyncio.TimerHandle | None = None
        self._is_driven = self._is_entered = self._is_over = self._is_closed = False
        self.error: BaseException | None = None

    async def drive(
        self, on_outcome: Callable[[Outcome], Awaitable[None]] | None = None
    ) -> BulkReport:
        """Enter the run, take every outcome, and leave it.

        What ends the run early is told to the browsers as `failed`, logged, kept in `error`, and
        raised no further: a task group of many runs is to live on.

        Args:
            on_outcome: Awaited with each outcome, before any browser hears of it.

        Returns:
            The run's report; `is_complete` says whether all went through.

        Raises:
            RuntimeError: It is or was driven already.
        """
        if self._is_driven:
            raise RuntimeError("this run is driven already; make another BulkEvents for another")
        self._is_driven = True
        try:
            async with self._run as run:
                self._is_entered = True
                async for outcome in run:
                    if on_outcome is not None:
                        await on_outcome(outcome)
                    self._publish(outcome)
            self._note_progress()
            self._log.add("done", report_data(self._run.report))
        except BaseException as error:
            self.error = error
            self._note_progress()
            self._log.add("failed", problem_data(error, "a bulk run for browsers"))
            # A cancelled task is to end as cancelled.
            if not isinstance(error, Exception):
                raise
        finally:
            self._is_over = True
            self._wake()
        return self._run.report

    def response(self, request: Request) -> Response:
        """Answer a browser's `EventSource`.

        Args:
            request: Its request; after a `Last-Event-ID` of this run, the stream goes on there.

        Returns:
            The stream. It ends with the run, when the server is told to stop, or by `close`; or an
            empty 204, with which a browser stops asking, if it had everything already.
        """
        place = self._log.place_of(request.headers.get("last-event-id"))
        if self._is_over and place == self._log.count:
            return Response(status_code=204)
        return StreamingResponse(
            _Reader(self._next_for, place), media_type="text/event-stream", headers=_HEADERS
        )

    def close(self) -> None:
        """End every stream; the run goes on.

        Under uvicorn it happens by itself when the server is told to stop. A browser comes back.
        """
        self._is_closed = True
        self._wake()

    async def _next_for(self, reader: _Reader) -> bytes:
        """Give what a reader is to be told next; empty if that was all."""
        self._keep_ticking()
        while not self._is_closed:
            found, reader.place = self._log.after(reader.place)
            if self._progress is not reader.progress:
                reader.progress = self._progress
                # Before the outcomes: what comes after the last event is not listened to.
                found.insert(0, self._progress)
            if found:
                return b"".join(found)
            if self._is_over:
                break
            if not await self._has_news():
                return _KEEP_ALIVE
        return b""

    async def _has_news(self) -> bool:
        """Wait for something to tell; False if nothing has come for long."""
        self._waiting += 1
        try:
            with anyio.move_on_after(_KEEP_ALIVE_SECONDS):
                await self._news.wait()
                return True
        finally:
            self._waiting -= 1
        return False

    def _publish(self, outcome: Outcome) -> None:
        data = outcome_data(outcome)
        try:
            self._log.add("outcome", {**data, **(self._tell(outcome) if self._tell else {})})
        except Exception:  # noqa: BLE001 - a hook's failure is not the run's
            _LOG.exception("tell= raised, or gave what JSON can't say; the run goes on")
            self._log.add("outcome", data)
        self._wake()

    def _keep_ticking(self) -> None:
        # Whoever listens has it tick: the run may hang at its beginning, or never be begun.
        if self._ticking is None and not self._is_over:
            self._tick()

    def _tick(self) -> None:
        """Tell how far it is, and mind the server; by a timer: a task would have to be ended."""
        self._note_progress()
        if not self._is_closed and is_stopping():
            self.close()
        self._ticking = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick_on)

    def _tick_on(self) -> None:
        self._ticking = None
        if self._waiting:
            self._keep_ticking()

    def _note_progress(self) -> None:
        progress = self._run.progress if self._is_entered else NOTHING_YET
        event = event_bytes("progress", progress_data(progress))
        if event != self._progress:
            self._progress = event
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class _Reader:
    """One browser: its place in the log. No generator: one that is dropped has nothing to end."""

    def __init__(self, ask: Callable[[_Reader], Awaitable[bytes]], place: int) -> None:
        self._ask = ask
        self._is_new = True
        self.place = place
        self.progress = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._is_new:
            self._is_new = False
            # At once, so that the browser knows that it is connected.
            return _BEGINNING
        told = await self._ask(self)
        if not told:
            raise StopAsyncIteration
        return told
