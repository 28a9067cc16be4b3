"""Where a run's sources come from: earlier runs, the user, and doubts that are sent again.

All of it is done in one task, because a user's generator may hold scopes open. A place is taken
for each source before it is pulled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import anyio

from klearstack_async.bulk.channel import Channel
from klearstack_async.bulk.control import Control
from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.item import Parcel, item_from
from klearstack_async.bulk.journal import Entry, Journal, OpenParcel
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.sources import BulkSources, Refused, sources_from
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.source import Source

__all__ = ["Feeder", "Found"]

# How old a batch of an earlier run is taken to be, at most: pauses between looks are a share of the
# age, and a batch of yesterday is not to be looked at tomorrow.
_OLDEST_SECONDS = 60.0

Found = Source | Refused | Entry


class _NoMoreError(Exception):
    """There are no more sources, or none is wanted."""


class Feeder:
    """Hands on what is to be taken in.

    Attributes:
        is_all_found: Whether no further source can come.
    """

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        *,
        slots: Slots,
        control: Control,
        clock: Clock,
        wait_for: Callable[[Parcel], None],
    ) -> None:
        """Put the parts together.

        Args:
            journal: What earlier runs have left.
            delivery: Told of what is waited for again.
            slots: Where places are taken.
            control: Whether anything more is to be begun.
            clock: What time it is.
            wait_for: Called with each parcel that an earlier run has uploaded.
        """
        self._journal, self._delivery, self._slots = journal, delivery, slots
        self._control, self._clock, self._wait_for = control, clock, wait_for
        self._pulling = anyio.CancelScope()
        self._arriving = 0
        self._all_arrived = anyio.Event()
        self.is_all_found = False

    def stop(self) -> None:
        """Pull no more sources, also if one is being waited for."""
        self._pulling.cancel()

    def arrived(self) -> None:
        """Note that something handed on was taken in."""
        self._arriving -= 1
        if not self._arriving:
            self._all_arrived.set()

    async def all_arrived(self) -> None:
        """Wait until everything handed on was taken in."""
        while self._arriving:
            self._all_arrived = anyio.Event()
            await self._all_arrived.wait()

    async def revive(self) -> None:
        """Wait again for what earlier runs have uploaded."""
        last = 0
        while page := await self._journal.open_parcels(after=last):
            for known in page:
                await self._slots.take(len(known.entries))
                self._wait_for(self._revived(known))
            last = page[-1].parcel

    async def pull(self, given: BulkSources, pattern: str | None, found: Channel[Found]) -> None:
        """Hand on what the user gives, and files that earlier runs found and never sent."""
        async with aclosing(sources_from(given, pattern=pattern)) as sources:
            with self._pulling:
                with suppress(_NoMoreError):
                    while True:
                        await found.wanted()
                        async with self._place():
                            found.give_now(await self._next_of(sources))
                # What was handed on last is met in the journal only when it has arrived.
                await self.all_arrived()
                async for entry in self._left_over():
                    await self.hand_on(entry, found)
        self.is_all_found = not self._control.is_stopping

    async def hand_on(self, entry: Entry, found: Channel[Found]) -> None:
        """Hand on a file that the journal knows."""
        await found.wanted()
        async with self._place():
            found.give_now(entry)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Take a place for a source; it is free again if none is handed on."""
        await self._slots.take()
        self._arriving += 1
        try:
            yield
        except BaseException:
            self._slots.give_back()
            self.arrived()
            raise

    async def _next_of(self, sources: AsyncIterator[Source | Refused]) -> Source | Refused:
        if self._control.is_stopping:
            # While this waited for its place.
            raise _NoMoreError
        try:
            return await anext(sources)
        except StopAsyncIteration:
            raise _NoMoreError from None
        except Exception as error:  # noqa: BLE001 - the user's own; nothing else is cut off by it
            self._control.stop(error)
            raise _NoMoreError from None

    async def _left_over(self) -> AsyncIterator[Entry]:
        last = 0
        while page := await self._journal.left_over(after=last):
            for entry in page:
                if self._control.is_stopping:
                    return
                yield entry
            last = page[-1].number

    def _revived(self, known: OpenParcel) -> Parcel:
        now = self._clock.seconds()
        items = []
        for entry in known.entries:
            item = item_from(entry, now)
            item.batch_id = known.batch_id
            self._delivery.begin(item)
            items.append(item)
        age = self._clock.now().timestamp() - known.sent_at
        return Parcel(
            items,
            names=known.names,
            number=known.parcel,
            batch_id=known.batch_id,
            uploaded_at=now - min(max(0.0, age), _OLDEST_SECONDS),
        )
