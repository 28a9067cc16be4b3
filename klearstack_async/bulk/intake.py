"""What happens to a source before anything of it is sent: is it known, fit, and new?

The journal says whether it was here before, its first bytes whether the service takes such, and
its content whether another source is the same.
"""

from __future__ import annotations

from pathlib import Path

from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.ending import skipped
from klearstack_async.bulk.item import Item, name_of
from klearstack_async.bulk.journal import Entry, Journal
from klearstack_async.bulk.naming import absolute
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.outcome import BulkReport, OutcomeState
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.sources import Refused
from klearstack_async.bulk.states import FINAL_STATES, SourceState
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.fingerprint import fingerprint, stamp_of
from klearstack_async.wire.kinds import check_kind
from klearstack_async.wire.source import BytesSource, PathSource, Source, Stream

__all__ = ["Intake"]


class Intake:
    """Takes sources in."""

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
        """
        self._folder = folder
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
        entry = await self._journal.meet(path or f"<{name}>", name, path)
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
        return await self.examine(item)

    async def _take_again(self, entry: Entry) -> Item | None:
        path = Path(entry.path or "")
        item = Item(entry.number, entry.name, self._clock.seconds(), attempts=entry.attempts)
        self._delivery.begin(item)
        item.source = PathSource(path, path.name)
        return await self.examine(item)

    async def examine(self, item: Item) -> Item | None:
        """Read a source, and end it here if it can't be sent or needn't be.

        Returns:
            The source; None if it has ended here.

        Raises:
            JournalError: The journal can't be used.
        """
        source = item.source
        if source is None or isinstance(source, Stream):
            # It can be read once only, and that is when it is sent.
            item.size_bytes = source.size_bytes if source else None
            return item
        try:
            found = await fingerprint(source)
            check_kind(found.head, source.filename)
        except Exception as error:  # noqa: BLE001 - a user's own file may raise anything
            self._delivery.end(item, error=error)
            return None
        item.size_bytes = found.size_bytes
        twin = await self._journal.identify(
            item.number,
            size_bytes=found.size_bytes,
            modified_ns=found.modified_ns,
            sha256=found.sha256,
        )
        if twin is not None and self._settings.duplicates == "skip":
            self._delivery.end(item, note=skipped(twin.name))
            return None
        if found.whole is not None and self._settings.bundle == 1:
            # Read once. A bundle would hold too many of them at a time.
            item.source = BytesSource(found.whole, source.filename)
        return item

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
        self._report.earlier -= 1
        return True


async def _has_changed(entry: Entry) -> bool:
    """Say whether the file is another than the one that was read."""
    if entry.path is None or entry.size_bytes is None:
        return False
    found = await stamp_of(Path(entry.path))
    return found is not None and found != (entry.size_bytes, entry.modified_ns)
