"""Sending parcels: what becomes of a source between its intake and its receipt.

Whatever goes wrong, one of these follows: the parcel is sent again (nothing of it was stored), its
sources end, or they are in doubt, which is settled at the run's end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from klearstack_async.bulk.control import Control
from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.intake import Intake
from klearstack_async.bulk.item import Item, Parcel
from klearstack_async.bulk.journal import Journal
from klearstack_async.bulk.naming import remote_name
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.outage import Outage
from klearstack_async.bulk.outcome import BulkReport
from klearstack_async.bulk.service import Service, ends_the_run
from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    ClientClosed,
    KlearStackError,
    OutcomeUnknown,
    SourceChanged,
)
from klearstack_async.models import Upload
from klearstack_async.wire.retry import fate_of
from klearstack_async.wire.source import Source

__all__ = ["Sender", "Sending"]

# A file that somebody writes to all the time must not keep its bundle from going.
_MOST_REBUILDS = 3


@dataclass(slots=True)
class Sending:
    """What is being sent.

    Attributes:
        count: How many sources.
        sent_bytes: How much was taken by the service in this run.
    """

    count: int = 0
    sent_bytes: int = 0


class Sender:
    """Sends parcels, each until it is settled."""

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        intake: Intake,
        service: Service,
        *,
        settings: BulkSettings,
        control: Control,
        outage: Outage,
        report: BulkReport,
        sent: Callable[[Parcel], None],
    ) -> None:
        """Put the parts together.

        Args:
            journal: Told before and after each upload.
            delivery: Takes the sources that end here.
            intake: Reads a source again that has changed.
            service: Takes the documents.
            settings: How to send.
            control: Told what ends the run.
            outage: Whether the service is away.
            report: Where uploads are counted.
            sent: Called with each parcel that has its receipt.
        """
        self._journal, self._delivery, self._intake = journal, delivery, intake
        self._service, self._settings = service, settings
        self._control, self._outage, self._report = control, outage, report
        self._clock, self._sent = service.clock, sent
        self._one_at_a_time = anyio.Lock()
        self.sending = Sending()

    async def send(self, items: Sequence[Item]) -> None:
        """Send sources as one parcel, or as several if the service won't have them together.

        Raises:
            JournalError: The journal can't be used.
        """
        self.sending.count += len(items)
        to_send = [Parcel(list(items))]
        try:
            while to_send and not self._control.error:
                to_send += await self._send_in_turn(to_send.pop())
        finally:
            self.sending.count -= len(items)

    async def _send_in_turn(self, parcel: Parcel) -> list[Parcel]:
        """Send a parcel; during an outage only one of all is tried, after a pause."""
        if not self._outage.is_on():
            return await self._send_once(parcel)
        async with self._one_at_a_time:
            if self._outage.is_on() and not self._control.is_stopping:
                chance = random.random()  # noqa: S311 - jitter, no secret
                await self._control.pause(self._clock, self._outage.pause_seconds(chance))
            if self._control.is_stopping and self._outage.error is not None:
                # Who wants to stop doesn't want to wait for a service that is away.
                self._control.halt(self._outage.error)
            return [parcel] if self._control.error else await self._send_once(parcel)

    async def _send_once(self, parcel: Parcel) -> list[Parcel]:
        """Make one attempt, and give what is to be sent after it."""
        sources = self._named(parcel)
        parcel.number = await self._journal.begin_sending(
            [(item.number, item.remote_name) for item in parcel.items]
        )
        for item in parcel.items:
            item.is_being_sent = True
        try:
            receipt = await self._upload(parcel, sources)
        except OutcomeUnknown as error:
            return await self._doubt(parcel, error)
        except Exception as error:  # noqa: BLE001 - a source may raise anything, and harms no other
            for item in parcel.items:
                item.is_being_sent = False
            await self._journal.not_sent(parcel.number)
            return await self._after(parcel, error)
        await self._taken(parcel, receipt)
        return []

    def _named(self, parcel: Parcel) -> list[Source]:
        """Give each source its name at the service: a new one for each attempt."""
        sources = []
        for item in parcel.items:
            if item.source is None:
                raise AssertionError("what an earlier run has sent is not sent here")
            item.attempts += 1
            item.remote_name = remote_name(
                item.source.filename, self._journal.job, item.number, item.attempts
            )
            sources.append(replace(item.source, filename=item.remote_name))
        parcel.names = [item.remote_name for item in parcel.items]
        return sources

    async def _upload(self, parcel: Parcel, sources: list[Source]) -> Upload:
        uploads = self._service.uploads
        if len(sources) == 1:
            return await uploads.document(sources[0], **self._settings.upload)
        name = f"{self._journal.job}-{parcel.number}.zip"
        return await uploads.bundle(sources, filename=name, **self._settings.of_bundles)

    async def _taken(self, parcel: Parcel, receipt: Upload) -> None:
        """Note a receipt. If the journal can't, the run ends, and the parcel is in doubt."""
        parcel.batch_id = receipt.batch_id
        parcel.uploaded_at = self._clock.seconds()
        for item in parcel.items:
            item.batch_id = receipt.batch_id
            # What was sent needn't be kept in memory.
            item.source = None
        at = self._clock.now().timestamp()
        await self._journal.sent(parcel.number, receipt.batch_id, at)
        self._report.uploaded += len(parcel.items)
        self.sending.sent_bytes += parcel.size_bytes
        self._outage.passed()
        self._sent(parcel)

    async def _doubt(self, parcel: Parcel, error: OutcomeUnknown) -> list[Parcel]:
        """Leave it to the run's end: the service may tell by then."""
        await self._journal.doubt(parcel.number, str(error.args[0]))
        for item in parcel.items:
            self._delivery.doubt(item, error)
        now = self._clock.seconds()
        self._outage.doubted(error, now)
        if self._outage.is_over_limit(now):
            cause = error.__cause__
            self._control.halt(cause if isinstance(cause, KlearStackError) else error)
        return []

    async def _after(self, parcel: Parcel, error: Exception) -> list[Parcel]:
        """Say what follows an attempt of which nothing was stored."""
        if isinstance(error, RuntimeError):
            error = self._if_closed(error)
        if isinstance(error, AuthenticationError):
            error = await self._service.failure_behind(error)
        if ends_the_run(error):
            self._control.halt(error)
            return [parcel]
        if not isinstance(error, KlearStackError) or isinstance(error, SourceChanged):
            return await self._rebuilt(parcel, error)
        if fate_of(error).may_pass:
            return self._waiting_for_the_service(parcel, error)
        self._outage.passed()
        if isinstance(error, BadRequest) and len(parcel.items) > 1:
            # Too large, or one of them is to blame: it will be alone in the end.
            items = self._unused(parcel, error)
            middle = len(items) // 2
            return [Parcel(half) for half in (items[:middle], items[middle:]) if half]
        self._end_all(parcel, error)
        return []

    def _if_closed(self, error: RuntimeError) -> Exception:
        try:
            self._service.check_open()
        except RuntimeError as closed:
            return ClientClosed(str(closed))
        return error

    def _waiting_for_the_service(self, parcel: Parcel, error: KlearStackError) -> list[Parcel]:
        now = self._clock.seconds()
        self._outage.failed(error, now)
        if self._outage.is_over_limit(now):
            self._control.halt(error)
        items = self._unused(parcel, error)
        return [Parcel(items)] if items else []

    def _unused(self, parcel: Parcel, error: Exception) -> list[Item]:
        """Give the sources that can be sent again; those that were read, and can't be, end here."""
        for item in parcel.items:
            if item.is_used_up:
                self._delivery.end(item, error=error)
        return [item for item in parcel.items if not item.is_used_up]

    async def _rebuilt(self, parcel: Parcel, error: Exception) -> list[Parcel]:
        """Read the sources again after one of them failed: whichever is to blame ends here."""
        is_final = not isinstance(error, SourceChanged) and len(parcel.items) == 1
        if is_final or (len(parcel.items) == 1 and parcel.rebuilt >= _MOST_REBUILDS):
            self._end_all(parcel, error)
            return []
        unused = self._unused(parcel, error)
        items = [item for item in unused if await self._intake.examine(item)]
        if not items:
            return []
        if parcel.rebuilt >= _MOST_REBUILDS:
            return [Parcel([item]) for item in items]
        return [Parcel(items, rebuilt=parcel.rebuilt + 1)]

    def _end_all(self, parcel: Parcel, error: Exception) -> None:
        for item in parcel.items:
            self._delivery.end(item, error=error)
