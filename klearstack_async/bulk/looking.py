"""Looking at batches: from a receipt to the outcomes of its sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from klearstack_async.bulk.control import Control
from klearstack_async.bulk.delivery import Delivery
from klearstack_async.bulk.ending import (
    no_result,
    not_looked_at,
    not_ready,
    unmatched,
    was_not_read,
)
from klearstack_async.bulk.item import Item, Parcel
from klearstack_async.bulk.matching import match
from klearstack_async.bulk.options import BulkSettings
from klearstack_async.bulk.service import Service, ends_the_run
from klearstack_async.document import Document
from klearstack_async.errors import (
    AuthenticationError,
    ClientClosed,
    KlearStackError,
    RateLimited,
    ServerError,
    TransportError,
)
from klearstack_async.models import Batch, BatchState

__all__ = ["Look", "Looker"]

# One answer may be cut off, or be too early; five refusals in a row are meant.
_MOST_REFUSALS = 5
# A look that fails in one of these ways says nothing about the batch.
_NOTHING_SAID = (TransportError, ServerError, RateLimited)


class Look(Enum):
    """What a look brought."""

    READY = auto()
    NOT_READY = auto()
    FAILED = auto()
    GIVEN_UP = auto()


class Looker:
    """Looks at batches, and ends the sources of those that are done."""

    def __init__(
        self,
        delivery: Delivery,
        service: Service,
        *,
        settings: BulkSettings,
        control: Control,
    ) -> None:
        """Put the parts together.

        Args:
            delivery: Takes the sources that end here.
            service: Gives the results.
            settings: How long to wait.
            control: Told what ends the run.
        """
        self._delivery, self._service = delivery, service
        self._results, self._clock = service.results, service.clock
        self._settings, self._control = settings, control

    async def look(self, parcel: Parcel) -> Look:
        """Look once; what is ready or given up has ended."""
        try:
            batch = await self._batch_of(parcel)
        except KlearStackError as error:
            return await self._failed(parcel, error)
        parcel.trouble, parcel.refusals = None, 0
        if batch.state.is_final:
            self.done(parcel, batch)
            return Look.READY
        if self._clock.seconds() < parcel.give_up_at:
            return Look.NOT_READY
        self._ready_so_far(parcel, batch.documents)
        self._give_up(parcel, not_ready(parcel, self._settings.wait_seconds))
        return Look.GIVEN_UP

    def done(self, parcel: Parcel, batch: Batch) -> None:
        """End the sources of a batch that is done, and give what belongs to none."""
        matched = match(parcel, batch.documents)
        for document in matched.unmatched:
            self.stranger(parcel, document)
        for item, documents in matched.of_items:
            error = self._error_of(parcel, item, batch, documents)
            self._end(parcel, item, documents, error)
        self._delivery.settle(parcel.number)

    def received(self, parcel: Parcel, document: Document, file_name: str | None) -> bool:
        """End the source of a document that was pushed.

        Returns:
            Whether it was one of the parcel's; its name alone tells that in a bundle.
        """
        matched = match(parcel, (document,), file_name=file_name)
        for item, documents in matched.of_items:
            if documents:
                batch = Batch(parcel.batch_id, BatchState.PARTIAL, documents)
                self._end(parcel, item, documents, self._error_of(parcel, item, batch, documents))
        if not parcel.items:
            self._delivery.settle(parcel.number)
        return not matched.unmatched

    def stranger(self, parcel: Parcel, document: Document) -> None:
        """Give a document of a parcel's batch that belongs to none of its sources, once."""
        if document.document_id not in parcel.strangers:
            self._delivery.add(unmatched(parcel, document))
        if document.document_id is not None:
            parcel.strangers.add(document.document_id)

    def _error_of(
        self, parcel: Parcel, item: Item, batch: Batch, documents: tuple[Document, ...]
    ) -> Exception | None:
        if was_not_read(parcel, batch, documents):
            return self._results.failure_of(replace(batch, documents=documents))
        return None if documents else no_result(item, parcel)

    def _end(
        self,
        parcel: Parcel,
        item: Item,
        documents: tuple[Document, ...] = (),
        error: Exception | None = None,
    ) -> None:
        parcel.items.remove(item)
        self._delivery.end(item, documents=documents, error=error)

    async def _batch_of(self, parcel: Parcel) -> Batch:
        try:
            return await self._results.in_batch(
                parcel.batch_id,
                document_type=self._settings.document_type,
                expected=len(parcel.names),
            )
        except RuntimeError as error:
            # The client was closed before its run.
            raise ClientClosed(str(error)) from None

    def _ready_so_far(self, parcel: Parcel, documents: Sequence[Document]) -> None:
        """End those sources of a bundle that were read, while others are late."""
        if parcel.is_single:
            return
        batch = Batch(parcel.batch_id, BatchState.PARTIAL, tuple(documents))
        for item, own in match(parcel, documents).of_items:
            if own:
                self._end(parcel, item, own, self._error_of(parcel, item, batch, own))

    async def _failed(self, parcel: Parcel, error: KlearStackError) -> Look:
        """Say what follows a look that went wrong."""
        now = self._clock.seconds()
        if isinstance(error, AuthenticationError):
            error = await self._service.failure_behind(error)
        if ends_the_run(error):
            self._control.halt(error)
            return Look.FAILED
        if parcel.trouble is None:
            parcel.troubled_at = now
        parcel.trouble = error
        parcel.refusals = 0 if isinstance(error, _NOTHING_SAID) else parcel.refusals + 1
        if parcel.refusals >= _MOST_REFUSALS:
            self._give_up(parcel, not_looked_at(parcel, error))
            return Look.GIVEN_UP
        # A service that is away isn't late: the wait begins to count when it answers again.
        if now - parcel.troubled_at >= self._settings.outage_seconds:
            self._control.halt(error)
        return Look.FAILED

    def _give_up(self, parcel: Parcel, error: KlearStackError) -> None:
        """End what is left of a parcel, without the service's last word: it can be asked again."""
        for item in [*parcel.items]:
            self._end(parcel, item, error=error)
