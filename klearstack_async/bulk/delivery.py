"""Handing outcomes to the user, and writing down which were taken.

An outcome counts as taken when the user asks for the next one. Only then it is written into the
result files, and its final state into the journal together with the length of these files: a
killed run gives an outcome again that was not taken, and cuts off a line that the journal doesn't
know of. What was taken is written in groups, at once when there is nothing else to give.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from klearstack_async.bulk.ending import ended, stopped
from klearstack_async.bulk.item import Item
from klearstack_async.bulk.journal import Ended, Journal
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.sinks import Sink
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.states import SourceState
from klearstack_async.document import Document
from klearstack_async.errors import OutcomeUnknown
from klearstack_async.transport.appending import AppendingFile
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.unbroken import unbroken

__all__ = ["Delivery"]

# A group is one commit, and so long a run may lag behind what its user has taken.
_MOST_IN_A_GROUP = 64
_MOST_BYTES_IN_A_GROUP = 1 << 20
_GROUP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Ready:
    """An outcome to give.

    Attributes:
        outcome: The outcome.
        item: Its source, or None if it is no source's.
        parcels: Those of which nothing is left to ask for once this was taken.
    """

    outcome: Outcome
    item: Item | None = None
    parcels: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """What was taken and isn't written yet."""

    ended: list[Ended] = field(default_factory=list)
    parcels: list[int] = field(default_factory=list)
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    bytes: int = 0
    since: float = 0.0

    def __len__(self) -> int:
        return len(self.ended) + len(self.parcels)


class Delivery:
    """The way out of a run.

    Attributes:
        under_way: The sources that were begun and not given yet, with their outcomes if they have
            ended.
        doubts: Those that are in doubt, by their numbers, until that is settled at the run's end.
        unwritten: How many outcomes were taken, and couldn't be written.
    """

    def __init__(
        self,
        journal: Journal,
        files: Mapping[str, tuple[Sink, AppendingFile]],
        *,
        report: BulkReport,
        slots: Slots,
        clock: Clock,
    ) -> None:
        """Begin with nothing to give.

        Args:
            journal: Where final states are kept.
            files: The result files, open, by their absolute paths.
            report: Where outcomes are counted.
            slots: What a source gives back when it was taken.
            clock: What time it is.
        """
        self._journal, self._files = journal, files
        self._report, self._slots, self._clock = report, slots, clock
        self._began_at = clock.seconds()
        self._ready: deque[_Ready] = deque()
        self._news = anyio.Event()
        self._is_over = False
        # By the task that has it: each of several may be at work on one.
        self._given: dict[asyncio.Task[object] | None, _Ready] = {}
        self._writing = anyio.Lock()
        self._failure: Exception | None = None
        self._group = _Group()
        self.under_way: dict[Item, Outcome | None] = {}
        self.doubts: dict[int, Outcome] = {}
        self.unwritten = 0
        self._open: set[int] = set()
        self._idle = anyio.Event()
        self._when_ended: Callable[[int, bool], None] = lambda *_: None

    def begin(self, item: Item) -> None:
        """Note a source that takes up a place."""
        self.doubts.pop(item.number, None)
        self.under_way[item] = None
        self._open.add(item.number)

    def is_open(self, number: int) -> bool:
        """Say whether a source was begun, and hasn't ended."""
        return number in self._open

    def when_ended(self, tell: Callable[[int, bool], None]) -> None:
        """Have somebody told of each source that ends: its number, and whether it has failed."""
        self._when_ended = tell

    def doubt(self, item: Item, error: OutcomeUnknown) -> None:
        """Take a source out of what is under way: its end is looked for later."""
        self.doubts[item.number] = ended(item, self._clock.seconds(), error=error)
        del self.under_way[item]
        self._slots.give_back()
        self._close(item.number, has_failed=False)

    async def idle(self) -> None:
        """Wait until everything that was begun has ended, or is in doubt."""
        while self._open:
            self._idle = anyio.Event()
            await self._idle.wait()

    def end(
        self,
        item: Item,
        *,
        documents: tuple[Document, ...] = (),
        error: Exception | None = None,
        note: str | None = None,
    ) -> None:
        """Give a source's outcome to the user.

        Args:
            item: The source.
            documents: What was read from it.
            error: What went wrong, or None.
            note: Why it was skipped, or None.
        """
        now = self._clock.seconds()
        outcome = ended(item, now, documents=documents, error=error, note=note)
        self.under_way[item] = outcome
        self._put(_Ready(outcome, item))
        self._close(item.number, has_failed=outcome.state is OutcomeState.FAILED)

    def add(self, outcome: Outcome) -> None:
        """Give the user what belongs to no source."""
        self._put(_Ready(outcome))

    def settle(self, parcel: int) -> None:
        """Note that nothing of a parcel is left to ask, once all given before is taken."""
        given = next(reversed(self._given.values()), None)
        last = self._ready[-1] if self._ready else given
        parcels = self._group.parcels if last is None else last.parcels
        parcels.append(parcel)

    def left(self) -> list[Outcome]:
        """Say what became of what was begun and not given."""
        now = self._clock.seconds()
        return [
            outcome or ended(item, now, error=stopped(item))
            for item, outcome in self.under_way.items()
        ] + [*self.doubts.values()]

    def finish(self) -> None:
        """Say that nothing more will come."""
        self._is_over = True
        self._news.set()

    async def next(self) -> Outcome | None:
        """Give the next outcome, or None if there are no more.

        Raises:
            OSError: A result file can't be written.
            JournalError: The journal can't be written.
        """
        me = asyncio.current_task()
        self._take(me)
        while True:
            self._check_failure()
            if not self._ready or self._is_write_due():
                await self._write()
            if self._ready:
                break
            if self._is_over:
                return None
            if self._news.is_set():
                self._news = anyio.Event()
            await self._news.wait()
        ready = self._given[me] = self._ready.popleft()
        if ready.item is not None:
            del self.under_way[ready.item]
            self._slots.give_back()
        self._report.add(ready.outcome)
        self._report.seconds = self._clock.seconds() - self._began_at
        return ready.outcome

    async def close(self, *, is_given_taken: bool, left: Sequence[Outcome] = ()) -> None:
        """Write what isn't written yet.

        Args:
            is_given_taken: Whether what was given last counts as taken.
            left: What else to write into the files: sources of which no journal will know.

        Raises:
            OSError, JournalError: As `next`.
        """
        if self._failure is not None:
            # It was raised where it happened.
            return
        if is_given_taken:
            for task in [*self._given]:
                self._take(task)
        for outcome in left:
            self._add_lines(self._encoded(outcome))
        await self._write()

    def _close(self, number: int, *, has_failed: bool) -> None:
        self._open.discard(number)
        self._when_ended(number, has_failed)
        if not self._open:
            self._idle.set()

    def _put(self, ready: _Ready) -> None:
        self._ready.append(ready)
        self._news.set()

    def _check_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _take(self, task: asyncio.Task[object] | None) -> None:
        """Take note that a task has asked for the next one, and so has done with the last."""
        given = self._given.get(task)
        if given is None:
            return
        # First, for a sink may fail: then the outcome was not taken.
        lines = self._encoded(given.outcome)
        del self._given[task]
        group = self._group
        if not group:
            group.since = self._clock.seconds()
        if given.item is not None:
            group.ended.append(_ended(given.item, given.outcome))
        group.parcels += given.parcels
        self._add_lines(lines)

    def _encoded(self, outcome: Outcome) -> dict[str, bytes]:
        return {path: sink.encode(outcome) for path, (sink, _) in self._files.items()}

    def _add_lines(self, lines: Mapping[str, bytes]) -> None:
        for path, line in lines.items():
            self._group.lines.setdefault(path, []).append(line)
            self._group.bytes += len(line)

    def _is_write_due(self) -> bool:
        group = self._group
        return (
            len(group) >= _MOST_IN_A_GROUP
            or group.bytes >= _MOST_BYTES_IN_A_GROUP
            or (len(group) > 0 and self._clock.seconds() - group.since >= _GROUP_SECONDS)
        )

    async def _write(self) -> None:
        """Write the lines first, then the states with the lengths of the files, in one commit."""
        async with self._writing:
            self._check_failure()
            if not self._group and not self._group.lines:
                return
            group, self._group = self._group, _Group()
            # To its end: half a group would be given again, and its lines be there already.
            await unbroken(self._write_group(group))

    async def _write_group(self, group: _Group) -> None:
        try:
            positions = {
                path: await self._append(path, lines) for path, lines in group.lines.items()
            }
            await self._journal.end(group.ended, positions, done=group.parcels)
        except Exception as error:
            self.unwritten += len(group.ended)
            # A part of it may stand in the files: only the next run can tell which.
            self._failure = error
            raise

    async def _append(self, path: str, lines: list[bytes]) -> int:
        sink, file = self._files[path]
        header = b"" if file.position else sink.header
        return await file.append(header + b"".join(lines))


def _ended(item: Item, outcome: Outcome) -> Ended:
    # A reason, not the error's text: that one names its endpoint and its attempt.
    return Ended(
        item.number,
        SourceState(outcome.state.value),
        error=None if outcome.error is None else type(outcome.error).__name__,
        reason=outcome.reason,
        seconds=outcome.seconds,
        documents=len(outcome.documents),
    )
