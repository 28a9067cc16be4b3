"""A bulk run as its user has it: entered, iterated, watched, stopped, left."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from klearstack_async.bulk.flow import Flow
from klearstack_async.bulk.journal import Journal
from klearstack_async.bulk.meter import Meter
from klearstack_async.bulk.naming import absolute
from klearstack_async.bulk.options import BulkOptions, settings_of
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.progress import Progress
from klearstack_async.bulk.service import Service
from klearstack_async.bulk.sinks import Sink
from klearstack_async.bulk.sources import BulkSources
from klearstack_async.bulk.states import FINAL_STATES, SourceState
from klearstack_async.errors import JournalError
from klearstack_async.pushes import Pushed
from klearstack_async.transport.appending import AppendingFile
from klearstack_async.transport.unbroken import unbroken

__all__ = ["BulkRun"]

_LOG = logging.getLogger("klearstack_async")

_NOT_ENTERED = "enter the run first: async with ks.bulk(...) as run"
_PROGRESS_SECONDS = 0.5


class BulkRun:
    """A run over many sources. Use it as `async with ks.bulk(...) as run:`.

    Iterating gives an `Outcome` for each source, in the order in which they end. Leaving the
    block stops what is still going on; with a journal, the same run goes on from there.

    Attributes:
        report: How many sources ended in which way; live.
    """

    def __init__(self, sources: BulkSources, options: BulkOptions, service: Service) -> None:
        """Set the run up; nothing starts before the block is entered.

        Args:
            sources: What to upload.
            options: How.
            service: Where to.

        Raises:
            TypeError: There is no such option.
            ValueError: An option makes no sense.
        """
        self.report = BulkReport()
        self._sources, self._service = sources, service
        self._settings = settings_of(options)
        self._clock = service.clock
        self._total: int | None = None
        self._flow: Flow | None = None
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._was_left = self._was_stopped = False

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a bulk run can be made once; call bulk() again for another")
        self._tasks = anyio.create_task_group()
        # One clear error now, rather than one for each of fifty thousand documents.
        await self._service.ready()
        async with AsyncExitStack() as stack:
            self._flow = await self._opened(stack)
            self._started_at = self._clock.seconds()
            self._meter = Meter(self._started_at)
            await self._tasks.__aenter__()
            self._stack = stack.pop_all()
        if self._was_stopped:
            self._flow.stop()
        self._tasks.start_soon(self._flow.run)
        self._tasks.start_soon(self._keep_telling)
        return self

    async def _opened(self, stack: AsyncExitStack) -> Flow:
        """Open the journal and the result files, and count what earlier runs have done."""
        settings = self._settings
        journal = await stack.enter_async_context(
            Journal.open(settings.journal, account=self._service.account)
        )
        files: dict[str, tuple[Sink, AppendingFile]] = {}
        folder = str(await anyio.Path.cwd())
        counts = await journal.counts()
        has_outcomes = any(counts[state] for state in FINAL_STATES)
        for sink in settings.out:
            path = absolute(sink.path, folder)
            file = AppendingFile(sink.path, overwrite=sink.overwrite)
            files[path] = sink, file
            position = await journal.position(path)
            if position is None and has_outcomes:
                raise JournalError(
                    f"{settings.journal} has outcomes that are not in {sink.path}: go on with the "
                    "result files of before, or begin with a new journal"
                )
            position = await file.open(position)
            stack.push_async_callback(file.forget)
            # Noted before anything is written: a killed run leaves no line that nobody knows.
            await journal.end((), {path: position})
        if not journal.is_resumed:
            # Not before: what couldn't even begin is not to be gone on with.
            for name, text in settings.memo.items():
                await journal.set(name, text)
        if settings.retry_failed:
            await journal.reopen({SourceState.FAILED})
        report, counts = self.report, await journal.counts()
        report.sources = sum(counts.values())
        for state in FINAL_STATES:
            report.counts[OutcomeState(state.value)] = counts.get(state, 0)
        report.earlier = report.finished
        return Flow(
            self._sources, settings, self._service, journal, files, report=report, folder=folder
        )

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        tasks, flow = self._tasks, self._flow
        if tasks is None or flow is None:
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
            self.report.seconds = self._clock.seconds() - self._started_at
            self._was_left = True
            # So that whoever still waits for an outcome learns of it.
            flow.delivery.finish()
            async with self._stack:
                await self._write_the_rest(flow, was_clean=exc is None)
            self._tell()

    async def _write_the_rest(self, flow: Flow, *, was_clean: bool) -> None:
        """Write what was taken; without a journal also what will never be given."""
        is_temporary = self._settings.journal is None
        await unbroken(
            flow.delivery.close(
                is_given_taken=was_clean or is_temporary,
                left=self.under_way() if is_temporary else (),
            )
        )

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        flow = self._flow
        if flow is None:
            raise RuntimeError(_NOT_ENTERED)
        outcome = None if self._was_left else await flow.delivery.next()
        if self._was_left:
            raise RuntimeError("the run's block was left; nothing more can come")
        if outcome is not None:
            return outcome
        error = flow.control.error or flow.control.last_error
        if error is not None:
            raise error
        self.report.is_complete = flow.feeder.is_all_found and not self.report.under_way
        raise StopAsyncIteration

    @property
    def progress(self) -> Progress:
        """How far the run is at this moment."""
        flow, report = self._flow, self.report
        if flow is None:
            raise RuntimeError(_NOT_ENTERED)
        now = self._clock.seconds()
        total = report.sources if flow.feeder.is_all_found else self._total
        if total is not None:
            total = max(total, report.sources)
        per_second = self._meter.per_second(now, report.finished - report.earlier)
        left = None if total is None else total - report.finished
        return Progress(
            counts=dict(report.counts),
            earlier=report.earlier,
            found=report.sources,
            total=total,
            sending=flow.sender.sending.count,
            waiting=flow.watch.sources,
            sent_bytes=flow.sender.sending.sent_bytes,
            seconds=now - self._started_at,
            per_second=per_second,
            eta_seconds=left / per_second if per_second and left is not None else None,
            trouble=self._trouble(flow),
        )

    def _trouble(self, flow: Flow) -> str | None:
        if flow.outage.is_on():
            return f"the service is away; trying again ({flow.outage.error})"
        if flow.doubts.is_asking:
            return "asking the service whether what is in doubt has arrived"
        paused = self._service.pace().paused_seconds
        return f"the service asks for a pause of {paused:.0f} s" if paused >= 1 else None

    @property
    def unwritten(self) -> int:
        """How many outcomes were taken, and couldn't be written into the files or the journal."""
        return self._flow.delivery.unwritten if self._flow else 0

    def expect(self, total: int) -> None:
        """Say how many sources there are, for `progress`, once somebody has counted them."""
        self._total = total

    def stop(self) -> None:
        """Begin nothing more. What is under way goes on, and so does the iteration to its end."""
        self._was_stopped = True
        if self._flow is not None:
            self._flow.stop()

    def feed(self, push: Pushed) -> bool:
        """Take in what KlearStack pushed: the same as the client's own `feed`.

        Args:
            push: Verified, such as `klearstack_async.webhooks.parse_push` gives it.

        Returns:
            Whether it is of a batch that is waited for, by this run or else; see `KlearStack.feed`.

        Raises:
            TypeError: It is no push.
        """
        return self._service.pushes.feed(push)

    def under_way(self) -> list[Outcome]:
        """Say what was begun and never given: what to know when a run is stopped.

        Ask after the block was left; before that, it goes on changing.

        Returns:
            The outcome of each that had ended, and for each other an `in_doubt` one (with the batch
            id if it was uploaded already), or a `failed` one if nothing of it was sent; empty after
            a run that came to its end. With a journal, the next run takes all of them up.
        """
        if self._flow is None:
            return []
        return self._flow.delivery.left()

    async def _keep_telling(self) -> None:
        """Tell `on_progress` how far the run is, until it is cancelled."""
        while True:
            self._meter.note(self._clock.seconds(), self.report.finished - self.report.earlier)
            self._tell()
            await anyio.sleep(_PROGRESS_SECONDS)

    def _tell(self) -> None:
        hook = self._settings.on_progress
        if hook is None:
            return
        try:
            hook(self.progress)
        except Exception:  # noqa: BLE001 - a hook's failure is not the run's
            _LOG.exception("on_progress raised; the run goes on")


def _only(error: BaseException, own: BaseException | None) -> BaseException:
    """Take the groups that our own tasks put around a single failure off it.

    The block's own error stays as it is, also if it is a group itself.
    """
    # The block's task group, that of the flow, and those in it.
    for _ in range(4):
        if error is own or not isinstance(error, BaseExceptionGroup) or len(error.exceptions) > 1:
            break
        error = error.exceptions[0]
    return error
