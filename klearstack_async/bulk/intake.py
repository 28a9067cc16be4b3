"""What happens to a source before anything of it is sent: is it known, fit, and new?

The journal says whether it was here before, its first bytes whether the service takes such, and
its content whether another source is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.ending import skipped
from klearstack_async.bulk.item import Item, item_from, name_of
from klearstack_async.bulk.journal import Entry, Journal
from klearstack_async.bulk.naming import absolute
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.outcome import BulkReport, OutcomeState
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.sources import Refused
from klearstack_async.bulk.states import FINAL_STATES, SourceState
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.fingerprint import (
    Fingerprint,
    fingerprint,
    sized_or_whole,
    stamp_of,
)
from klearstack_async.transport.hops import Hops
from klearstack_async.wire.kinds import check_kind
from klearstack_async.wire.source import BytesSource, FileSource, PathSource, Source, Stream

__all__ = ["Intake"]

# With the usual number of workers, some 16 MiB at a time.
_MOST_BYTES_KEPT = 256 << 10


class Intake:
    """Takes sources in.

    Attributes:
        second_chances: Sources to be examined again: the one with the same content, for which they
            would have been skipped, has failed.
        has_second_chance: Set when there is one.
    """

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        *,
        settings: BulkSettings,
        report: BulkReport,
        slots: Slots,
        clock: Clock,
        folder: str,
        hops: Hops,
    ) -> None:
        """Put the parts together.

        Args:
            journal: What is known of earlier runs.
            delivery: Takes the sources that end here.
            settings: What to do with duplicates.
            report: Where sources are counted.
            slots: What is given back for a source that isn't begun.
            clock: What time it is.
            folder: From where relative paths go.
            hops: Where sources are read.
        """
        self._folder, self._hops = folder, hops
        # By the number of the source that is under way with the same content.
        self._waiting_twins: dict[int, list[tuple[Item, str]]] = {}
        self.second_chances: deque[Item] = deque()
        self.has_second_chance = anyio.Event()
        delivery.when_ended(self._twin_ended)
        self._journal, self._delivery, self._settings = journal, delivery, settings
        self._report, self._slots, self._clock = report, slots, clock

    async def take(self, source: Source | Refused | Entry) -> Item | None:
        """Take a source in, for which a place was taken.

        Args:
            source: What was found; an `Entry` of a file on disk is to be sent (again), whatever
                became of it before.

        Returns:
            What is to be sent; None if it has ended here, or was dealt with in an earlier run.

        Raises:
            JournalError: The journal can't be used.
        """
        if isinstance(source, Entry):
            return await self._take_again(source)
        name = source.name if isinstance(source, Refused) else name_of(source)
        path = absolute(source.path, self._folder) if isinstance(source, PathSource) else None
        # What has no path is known by its content, so it is read before it is met.
        found = None if path else await self._content_of(source)
        key = path or (f"<{name}> {found.sha256}" if found else f"<{name}>")
        entry = await self._journal.meet(key, name, path)
        if entry.is_new:
            self._report.sources += 1
        elif not await self._is_to_be_sent(entry):
            self._slots.give_back()
            return None
        item = Item(entry.number, name, self._clock.seconds(), attempts=entry.attempts)
        self._delivery.begin(item)
        if isinstance(source, Refused):
            self._delivery.end(item, error=source.error)
            return None
        item.source = source
        return await self.examine(item, found)

    async def _take_again(self, entry: Entry) -> Item | None:
        path = Path(entry.path or "")
        item = item_from(entry, self._clock.seconds())
        self._delivery.begin(item)
        item.source = PathSource(path, path.name)
        return await self.examine(item)

    async def examine(self, item: Item, found: Fingerprint | None = None) -> Item | None:
        """Read a source, and end it here if it can't be sent or needn't be.

        Args:
            item: The source.
            found: What it holds, if it was read already.

        Returns:
            The source; None if it has ended here.

        Raises:
            JournalError: The journal can't be used.
        """
        source = item.source
        if source is None:
            raise AssertionError("what an earlier run has sent is not examined here")
        if isinstance(source, Stream):
            # It can be read once only, and that is when it is sent.
            item.size_bytes = source.size_bytes
            item.source = _noting_its_use(source, item)
            return item
        try:
            found = found or await self._read(source)
            check_kind(found.head, source.filename)
        except Exception as error:  # noqa: BLE001 - a user's own file may raise anything
            self._delivery.end(item, error=error)
            return None
        item.size_bytes = found.size_bytes
        twin = await self._twin_of(item, found)
        if twin is not None and self._settings.duplicates == "skip":
            self._skip(item, twin)
            return None
        whole = found.whole
        if whole is not None and len(whole) <= _MOST_BYTES_KEPT and self._settings.bundle == 1:
            # Read once. Larger ones, or all of a bundle, would be too much to hold at a time.
            item.source = BytesSource(whole, source.filename)
        return item

    async def _content_of(self, source: Source | Refused) -> Fingerprint | None:
        """Read a source, if that can be done more than once."""
        if isinstance(source, Refused | Stream):
            return None
        with suppress(Exception):  # What can't be read is told when it is examined.
            return await self._read(source)
        return None

    async def _read(self, source: PathSource | FileSource | BytesSource) -> Fingerprint:
        # Small ones together in one hop, large ones each on their own.
        found = await self._hops.call(partial(sized_or_whole, source))
        return found if isinstance(found, Fingerprint) else await fingerprint(source)

    async def _twin_of(self, item: Item, found: Fingerprint) -> Entry | None:
        """Note what a source holds, and give another one that brings the same."""
        while True:
            twin = await self._journal.identify(
                item.number,
                size_bytes=found.size_bytes,
                modified_ns=found.modified_ns,
                sha256=found.sha256,
            )
            has_failed = (
                twin is not None
                and twin.state is SourceState.FOUND
                and not self._delivery.is_open(twin.number)
            )
            if twin is None or not has_failed:
                return twin
            # It ended before anything of it was sent, and doesn't bring it.
            await self._journal.withdraw(twin.number)

    def _skip(self, item: Item, twin: Entry) -> None:
        """End a source whose content another one brings; or wait whether that really does."""
        if self._delivery.is_open(twin.number):
            self._waiting_twins.setdefault(twin.number, []).append((item, twin.name))
        else:
            self._delivery.end(item, note=skipped(twin.name))

    def _twin_ended(self, number: int, has_failed: bool) -> None:  # noqa: FBT001 - a callback
        for item, name in self._waiting_twins.pop(number, ()):
            if has_failed:
                self.second_chances.append(item)
                self.has_second_chance.set()
            else:
                self._delivery.end(item, note=skipped(name))

    async def _is_to_be_sent(self, entry: Entry) -> bool:
        """Say whether a source that the journal knows is to be begun (again) now."""
        if entry.state is SourceState.FOUND:
            return True
        if entry.state not in FINAL_STATES or not await _has_changed(entry):
            # Either it has ended, or its upload is asked after elsewhere.
            return False
        # It is another document now; its old outcome was given.
        await self._journal.reset(entry.number)
        self._report.counts[OutcomeState(entry.state.value)] -= 1
        # It may also have ended in this run, if an earlier one had uploaded it.
        self._report.earlier = max(0, self._report.earlier - 1)
        return True


def _noting_its_use(stream: Stream, item: Item) -> Stream:
    """Have a stream that can be read once only say so when that has begun."""
    if stream.repeatable:
        return stream

    def open_it() -> AsyncIterable[bytes]:
        item.is_used_up = True
        return stream.open()

    return replace(stream, open=open_it)


async def _has_changed(entry: Entry) -> bool:
    """Say whether the file is another than the one that was read."""
    if entry.path is None or entry.size_bytes is None:
        return False
    try:
        found = await stamp_of(Path(entry.path))
    except OSError:
        # Nobody can tell; it has ended, and its outcome was given.
        return False
    return found is not None and found != (entry.size_bytes, entry.modified_ns)
