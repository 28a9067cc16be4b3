"""The tasks of a run, and what passes between them.

    sources --> feeder --> intake --> bundler --> senders --> watch --> delivery
                              |                      |                     ^
                              '----------------------'-- what ended early -'

Fixed workers on shared channels, so that memory doesn't grow with the job. A slot is taken before a
source is pulled, and given back when its outcome was taken by the user: so a slow user slows the
uploads down, instead of filling the memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from klearstack_async.bulk.bundling import Bundler
from klearstack_async.bulk.channel import Channel
from klearstack_async.bulk.control import Control
from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.doubts import Doubts
from klearstack_async.bulk.feeding import Feeder, Found
from klearstack_async.bulk.intake import Intake
from klearstack_async.bulk.item import Item
from klearstack_async.bulk.journal import Entry, Journal
from klearstack_async.bulk.looking import Looker
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.outage import Outage
from klearstack_async.bulk.outcome import BulkReport
from klearstack_async.bulk.sending import Sender
from klearstack_async.bulk.service import Service
from klearstack_async.bulk.sinks import Sink
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.sources import BulkSources
from klearstack_async.bulk.watching import Watch
from klearstack_async.transport.appending import AppendingFile
from klearstack_async.transport.hops import Hops

__all__ = ["Flow"]

# Reading is the disk's work and the processor's; more threads at a time do no more of it.
_MOST_READERS = 8
# A bundle that isn't full is sent all the same if nothing was added for so long.
_LINGER_SECONDS = 1.0
# So many doubtful uploads in a row are taken for an outage, for each that may be on its way.
_DOUBTS_PER_WORKER = 2


class Flow:
    """What goes on between entering a run's block and leaving it.

    Attributes:
        control: Whether it goes on.
        outage: Whether the service is away.
        delivery: The way out.
        feeder: The way in.
        sender: What is being sent.
        watch: What is waited for.
        doubts: What may have been stored.
    """

    def __init__(
        self,
        sources: BulkSources,
        settings: BulkSettings,
        service: Service,
        journal: Journal,
        files: Mapping[str, tuple[Sink, AppendingFile]],
        *,
        report: BulkReport,
        folder: str,
    ) -> None:
        """Put the parts together.

        Args:
            sources: What to upload.
            settings: How.
            service: Where to.
            journal: How far each source is; open.
            files: The result files, open, by their absolute paths.
            report: Where everything is counted.
            folder: From where relative paths go.
        """
        self._sources, self._settings, self._service = sources, settings, service
        self._journal, self._clock = journal, service.clock
        self.control = Control()
        self.outage = Outage(
            longest_seconds=settings.outage_seconds,
            most_doubts=_DOUBTS_PER_WORKER * settings.workers,
        )
        slots = Slots(max(settings.outstanding, settings.bundle))
        self.delivery = Delivery(journal, files, report=report, slots=slots, clock=self._clock)
        self._hops = Hops(min(settings.workers, _MOST_READERS))
        self._intake = Intake(
            journal,
            self.delivery,
            settings=settings,
            report=report,
            slots=slots,
            clock=self._clock,
            folder=folder,
            hops=self._hops,
        )
        self._bundler = Bundler(most=settings.bundle, most_bytes=settings.bundle_bytes)
        self.watch = Watch(
            Looker(self.delivery, service, settings=settings, control=self.control),
            polling=service.polling,
            wait_seconds=settings.wait_seconds,
            lookers=settings.workers,
            control=self.control,
            clock=self._clock,
            pushes=service.pushes,
        )
        self.feeder = Feeder(
            journal,
            self.delivery,
            slots=slots,
            control=self.control,
            clock=self._clock,
            wait_for=self.watch.add,
        )
        self.sender = Sender(
            journal,
            self.delivery,
            self._intake,
            service,
            settings=settings,
            control=self.control,
            outage=self.outage,
            report=report,
            sent=self.watch.add,
        )
        self.doubts = Doubts(
            journal,
            self.delivery,
            service.results,
            settings=settings,
            control=self.control,
            report=report,
            slots=slots,
            clock=self._clock,
        )
        self._beginning = anyio.CancelScope()
        self.control.when_halted(self._end_early)

    async def run(self) -> None:
        """Take every source to its end.

        Raises:
            JournalError: The journal can't be used any more.
        """
        found, full = Channel[Found](), Channel[list[Item]]()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._feed, found, full)
                tasks.start_soon(self._take_all_in, found, full)
                tasks.start_soon(self._send_all, full)
                tasks.start_soon(self.watch.run)
        finally:
            self._hops.close()
        self.delivery.finish()

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on to its end."""
        self.control.stop()
        self.feeder.stop()

    def _end_early(self) -> None:
        self._beginning.cancel()
        self.watch.wake()

    async def _feed(self, found: Channel[Found], full: Channel[list[Item]]) -> None:
        with self._beginning:
            await self.feeder.revive()
            await self.feeder.pull(self._sources, self._settings.pattern, found)
            while True:
                # Doubts are settled while nothing is under way that may bring new ones.
                await self.feeder.all_arrived()
                await self._flush(full)
                await self.delivery.idle()
                if not await self._settle(found):
                    break
        found.close()

    async def _settle(self, found: Channel[Found]) -> bool:
        async def resend(entry: Entry) -> bool:
            if entry.path is None or self.control.is_stopping:
                return False
            await self._journal.reset(entry.number)
            await self.feeder.hand_on(entry, found)
            return True

        usual = self.watch.usual_seconds or self._service.polling.longest_seconds
        return await self.doubts.settle(usual, resend)

    async def _take_all_in(self, found: Channel[Found], full: Channel[list[Item]]) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._give_second_chances, full)
            if self._settings.bundle > 1:
                tasks.start_soon(self._send_lingering, full)
            async with anyio.create_task_group() as takers:
                for _ in range(self._settings.workers):
                    takers.start_soon(self._take_in, found, full)
            tasks.cancel_scope.cancel()
        full.close()

    async def _take_in(self, found: Channel[Found], full: Channel[list[Item]]) -> None:
        while (source := await found.take()) is not None:
            item = await self._intake.take(source)
            full_ones = self._bundler.add(item, self._clock.seconds()) if item else []
            self.feeder.arrived()
            for items in full_ones:
                await full.give(items)

    async def _give_second_chances(self, full: Channel[list[Item]]) -> None:
        """Send what was to be skipped for a source that has failed."""
        intake = self._intake
        while True:
            await intake.has_second_chance.wait()
            intake.has_second_chance = anyio.Event()
            while intake.second_chances:
                item = await intake.examine(intake.second_chances.popleft())
                if item is not None:
                    for items in self._bundler.add(item, self._clock.seconds()):
                        await full.give(items)

    async def _send_lingering(self, full: Channel[list[Item]]) -> None:
        """Send a bundle that doesn't get full: its sources may be slow to come."""
        while True:
            now, since = self._clock.seconds(), self._bundler.since
            left = _LINGER_SECONDS if since is None else since + _LINGER_SECONDS - now
            if left <= 0:
                await self._flush(full)
            else:
                await self._clock.sleep(left)

    async def _flush(self, full: Channel[list[Item]]) -> None:
        if items := self._bundler.take():
            await full.give(items)

    async def _send_all(self, full: Channel[list[Item]]) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(self._settings.workers):
                tasks.start_soon(self._send_each, full)
        self.watch.expect_no_more()

    async def _send_each(self, full: Channel[list[Item]]) -> None:
        while (items := await full.take()) is not None:
            await self.sender.send(items)
