"""Results: page 8 of the vendor's documentation."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from klearstack_async.endpoints.sending import Send
from klearstack_async.errors import BatchFailed, BatchNotReady
from klearstack_async.models import Batch, BatchState
from klearstack_async.settings import DocumentType, Polling
from klearstack_async.transport.clock import Clock
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.redaction import one_line
from klearstack_async.wire.request import Request
from klearstack_async.wire.results import batch_decoder

__all__ = ["Results", "batch_documents"]

DEFAULT_WAIT_SECONDS = 900.0


def batch_documents(
    batch_id: str,
    *,
    document_type: DocumentType | str = DocumentType.INVOICES,
    expected: int | None = None,
    approved: bool | None = None,
    saved: bool | None = None,
) -> Request[Batch]:
    """Build the call that looks what a batch holds (page 8)."""
    fields = {
        "batch_id": batch_id,
        "document_type": document_type,
        "approve_flag": approved,
        "save_flag": saved,
    }
    return Request("results.in_batch", form_fields(fields), batch_decoder(batch_id, expected))


class Results:
    """Fetch what was read."""

    def __init__(
        self, send: Send, polling: Polling, clock: Clock, clean: Callable[[str], str]
    ) -> None:
        """Remember how to look.

        Args:
            send: Sends a request.
            polling: How often to look at a batch.
            clock: What time it is.
            clean: Takes secrets out of what a document says about itself.
        """
        self._send = send
        self._polling = polling
        self._clock = clock
        self._clean = clean

    async def in_batch(
        self,
        batch_id: str,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
        expected: int | None = None,
        approved: bool | None = None,
        saved: bool | None = None,
    ) -> Batch:
        """Look once what a batch holds.

        Args:
            batch_id: From the receipt of an upload.
            document_type: A `DocumentType` or any text; what was uploaded.
            expected: How many documents were uploaded in it. The service need not say whether a
                batch is done; then their number tells.
            approved: Only documents that are approved (True) or not (False).
            saved: Only documents that are saved (True) or not (False).

        Returns:
            The batch with the documents that are ready, in the service's order; none while it is
            pending.

        Raises:
            Rejected: The service doesn't know the batch.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get extracted results for invoices in a batch
        id"; its answer isn't documented, and both known shapes of results are understood.
        """
        request = batch_documents(
            batch_id,
            document_type=document_type,
            expected=expected,
            approved=approved,
            saved=saved,
        )
        return await self._send(request)

    async def wait(
        self,
        batch_id: str,
        *,
        expected: int | None = None,
        document_type: DocumentType | str = DocumentType.INVOICES,
        timeout: float = DEFAULT_WAIT_SECONDS,  # noqa: ASYNC109 - the error carries what was found
    ) -> Batch:
        """Look again and again, at growing intervals, until the batch is done.

        Args:
            batch_id: From the receipt of an upload.
            expected: How many documents were uploaded in it. Without it, only an explicit state
                in the answer ends the wait.
            document_type: A `DocumentType` or any text; what was uploaded.
            timeout: Seconds to wait at most.

        Returns:
            The complete batch. A document in it that the service could not read says so in
            `Document.failure`.

        Raises:
            BatchFailed: The service could not read any of it; `batch` holds what it said.
            ValueError: The timeout is not more than 0 seconds.
            BatchNotReady: The time ran out; `batch` holds what there was. Also a `TimeoutError`.
            Rejected, DecodeError, AuthenticationError, ServerError, TransportError: As
                `in_batch`.

        A retry is safe. Source: as `in_batch`.
        """
        request = batch_documents(batch_id, document_type=document_type, expected=expected)
        if timeout <= 0:
            raise ValueError(f"timeout is more than 0 seconds, not {timeout}")
        deadline = self._clock.seconds() + timeout
        batch: Batch | None = None
        looks = 0
        while (left := deadline - self._clock.seconds()) > 0:
            with anyio.move_on_after(left):
                batch = await self._send(request)
                if batch.state is BatchState.COMPLETE and batch.documents:
                    return batch
                if batch.state.is_final:
                    raise self.failure_of(batch)
            left = deadline - self._clock.seconds()
            await self._clock.sleep(min(self._polling.pause_seconds(looks), max(0.0, left)))
            looks += 1
        raise _not_ready(batch_id, batch, expected, timeout)

    def failure_of(self, batch: Batch) -> BatchFailed:
        """Make the error that says why the service could not read a batch."""
        reasons = (document.failure for document in batch.documents)
        reason = batch.error or next(filter(None, reasons), None) or "the service gives no reason"
        if not batch.documents and batch.state is BatchState.COMPLETE:
            reason = "it says that the batch is done, and gives no document"
        error = BatchFailed(
            f"the service could not read it: {one_line(self._clean(reason), 500)}",
            endpoint="results.in_batch",
        )
        error.batch = batch
        return error


def _not_ready(
    batch_id: str, batch: Batch | None, expected: int | None, timeout_seconds: float
) -> BatchNotReady:
    found = 0 if batch is None else len(batch.documents)
    advice = (
        "pass a longer timeout="
        if expected is not None or not found
        else "the service states no end, so pass expected=, the number of documents uploaded"
    )
    error = BatchNotReady(
        f"batch {batch_id} was not done after {timeout_seconds:g} s, "
        f"with {found} documents ready; {advice}",
        endpoint="results.in_batch",
    )
    error.batch = batch
    return error
