"""Settling what is in doubt: asking the service for documents by their remote names.

No call asks by name, but lists of documents bring the names. A document that is listed was stored,
and there it is with all that was read; one that isn't listed may still be stored, and not read
yet. So a doubt can be settled in one way only, and what remains is the user's to decide.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from klearstack_async.bulk.control import Control
from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.ending import in_doubt
from klearstack_async.bulk.item import Item, item_from
from klearstack_async.bulk.journal import Entry, Journal
from klearstack_async.bulk.naming import number_in, same_name
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.outcome import BulkReport, OutcomeState
from klearstack_async.bulk.slots import Slots
from klearstack_async.bulk.states import SourceState
from klearstack_async.document import Document
from klearstack_async.endpoints.results import Results
from klearstack_async.errors import EndpointNotFound, KlearStackError
from klearstack_async.models import Batch, BatchState
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.results import stated_state

__all__ = ["Doubts"]

_LOG = logging.getLogger("klearstack_async")

_DAY = timedelta(days=1)
# So many of a list are looked up in the journal at a time.
_DOCUMENTS = 500
# A document in doubt gets so many times the usual time to turn up in a list.
_PATIENCE = 3.0
_MOST_LISTS = 4


class Doubts:
    """What a run doesn't know the end of.

    Attributes:
        is_asking: Whether the service is being asked at this moment.
    """

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        results: Results,
        *,
        settings: BulkSettings,
        control: Control,
        report: BulkReport,
        slots: Slots,
        clock: Clock,
    ) -> None:
        """Put the parts together.

        Args:
            journal: Knows what is in doubt.
            delivery: Takes the sources that are settled.
            results: Makes the calls.
            settings: What to do with what can't be settled.
            control: Whether somebody wants the run to end soon.
            report: Where outcomes of earlier runs are counted.
            slots: What each outcome takes.
            clock: What time it is.
        """
        self._journal, self._delivery, self._results = journal, delivery, results
        self._settings, self._report, self._slots = settings, report, slots
        self._clock, self._control = clock, control
        self.is_asking = False
        self._settled: set[int] = set()
        self._resent: set[int] = set()

    async def settle(
        self,
        usual_seconds: float,
        resend: Callable[[Entry], Awaitable[bool]],
    ) -> bool:
        """Settle what can be settled, while nothing is being sent.

        Args:
            usual_seconds: What it usually takes until an uploaded document is read.
            resend: Sends a source again, and says whether it could; the run's own.

        Returns:
            Whether anything was sent again, so that there may be new doubts.
        """
        if not await self._journal.doubtful(limit=1):
            return False
        self.is_asking = True
        try:
            await self._look_for_them(usual_seconds)
        finally:
            self.is_asking = False
        was_resent = False
        async for entry in self._doubtful():
            if entry.number in self._settled:
                continue
            if self._is_to_be_resent(entry) and await resend(entry):
                self._resent.add(entry.number)
                self._forget(entry)
                was_resent = True
            elif entry.state is SourceState.SENDING:
                self._settled.add(entry.number)
                self._delivery.end(await self._begun(entry), error=in_doubt(entry.reason))
        return was_resent

    def _is_to_be_resent(self, entry: Entry) -> bool:
        return self._settings.in_doubt == "resend" and entry.number not in self._resent

    async def _look_for_them(self, usual_seconds: float) -> None:
        """Look through lists until nothing is in doubt, or all must have turned up by now."""
        newest = max([entry.begun_at or 0.0 async for entry in self._doubtful()], default=0.0)
        give_up_at = newest + _PATIENCE * usual_seconds
        for _ in range(_MOST_LISTS):
            now = self._clock.now().timestamp()
            await self._look_once()
            if now >= give_up_at or not await self._is_any_left():
                return
            if self._control.is_stopping:
                return
            await self._control.pause(self._clock, min(give_up_at - now, max(usual_seconds, 0.01)))

    async def _look_once(self) -> None:
        found: dict[int, tuple[Entry, list[Document]]] = {}
        try:
            async with aclosing(self._listed()) as documents:
                some: list[Document] = []
                async for document in documents:
                    some.append(document)
                    if len(some) >= _DOCUMENTS:
                        await self._sort_out(some, found)
                        some = []
                await self._sort_out(some, found)
        except KlearStackError as error:
            # Of what broke off, nobody knows what more there was of a source.
            # As text: whoever keeps log records would keep the whole run by the error's traceback.
            _LOG.warning("what is in doubt could not be looked up: %s", str(error))
            return
        for entry, own in found.values():
            await self._settle_one(entry, tuple(own))

    async def _sort_out(
        self, documents: list[Document], found: dict[int, tuple[Entry, list[Document]]]
    ) -> None:
        """Keep those documents that something in doubt was sent as."""
        named = [
            (number, document)
            for document in documents
            if document.file_name and not _is_under_way(document)
            if (number := number_in(document.file_name, self._journal.job)) is not None
        ]
        entries = await self._journal.doubtful_numbered({number for number, _ in named})
        for number, document in named:
            entry = entries.get(number)
            if entry is None or number in self._settled:
                continue
            if same_name(entry.remote_name or "", document.file_name or ""):
                found.setdefault(number, (entry, []))[1].append(document)

    async def _settle_one(self, entry: Entry, documents: tuple[Document, ...]) -> None:
        self._settled.add(entry.number)
        item = await self._begun(entry)
        self._forget(entry)
        batch = Batch("", BatchState.COMPLETE, documents)
        has_failed = any(document.failure for document in documents)
        error = self._results.failure_of(batch) if has_failed else None
        self._delivery.end(item, documents=documents, error=error)

    async def _listed(self) -> AsyncGenerator[Document]:
        """List the documents of the days in question, or all if the service can't do that."""
        begun = [entry.begun_at async for entry in self._doubtful() if entry.begun_at]
        today = self._clock.now().date()
        # What clocks said earlier may lie ahead of what this one says.
        first = min(today, datetime.fromtimestamp(min(begun), UTC).date()) if begun else today
        kind = self._settings.document_type
        try:
            # A day more at both ends: the service's days may begin at another hour.
            days = self._results.stream_between(first - _DAY, today + _DAY, document_type=kind)
            async with aclosing(days) as documents:
                async for document in documents:
                    yield document
        except EndpointNotFound:
            # Which it says before any document comes.
            async with aclosing(self._results.stream_of_user()) as documents:
                async for document in documents:
                    yield document

    async def _begun(self, entry: Entry) -> Item:
        await self._slots.take()
        item = item_from(entry, self._clock.seconds())
        self._delivery.begin(item)
        return item

    def _forget(self, entry: Entry) -> None:
        """Take back that it ended in doubt, if an earlier run said so."""
        if entry.state is SourceState.IN_DOUBT:
            self._report.counts[OutcomeState.IN_DOUBT] -= 1
            self._report.earlier -= 1

    async def _is_any_left(self) -> bool:
        async for entry in self._doubtful():
            if entry.number not in self._settled:
                return True
        return False

    async def _doubtful(self) -> AsyncIterator[Entry]:
        last = 0
        while page := await self._journal.doubtful(after=last):
            for entry in page:
                yield entry
            last = page[-1].number


def _is_under_way(document: Document) -> bool:
    """Say whether a list says that a document isn't read yet."""
    state = stated_state(document.metadata)
    return state is not None and not state.is_final
