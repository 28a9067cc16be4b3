"""Results: pages 8 to 13 of the vendor's documentation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import date

import anyio

from klearstack_async.document import Document
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send, SendForDocuments
from klearstack_async.errors import BatchFailed, BatchNotReady
from klearstack_async.models import (
    Batch,
    BatchState,
    DocumentList,
    Upload,
    batch_id_of,
    set_reference_of,
)
from klearstack_async.pushes import AwaitedBatch, Pushes
from klearstack_async.settings import DocumentType, Polling, QuickBooksStatus
from klearstack_async.transport.clock import Clock
from klearstack_async.values import date_text
from klearstack_async.wire.form import FieldValue, FormValue, form_fields
from klearstack_async.wire.redaction import one_line
from klearstack_async.wire.request import Request
from klearstack_async.wire.results import (
    batch_decoder,
    batch_gatherer,
    decode_each,
    decode_list,
    gather_each,
    gather_list,
)

__all__ = [
    "Results",
    "approved_documents",
    "batch_documents",
    "documents_between",
    "documents_in_set",
    "documents_of_user",
    "modified_documents",
]

DEFAULT_WAIT_SECONDS = 900.0
# Where nobody knows how many documents there are, each push may be the last: a look comes when
# there was none for so long.
_QUIET_SECONDS = 0.2


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
    endpoint = CATALOGUE["results.in_batch"]
    return Request(
        endpoint,
        form_fields(fields),
        batch_decoder(batch_id, expected),
        gather=batch_gatherer(batch_id, expected),
    )


def documents_between(
    from_date: date, to_date: date, *, document_type: DocumentType | str
) -> Request[DocumentList]:
    """Build the call that asks for the documents of some days (page 9)."""
    fields = form_fields(_range(from_date, to_date) | {"document_type": document_type})
    return _list_of("results.between", fields)


def documents_in_set(reference: str, *, document_type: DocumentType | str) -> Request[DocumentList]:
    """Build the call that asks for the results of a set (page 10)."""
    fields = form_fields({"set_reference_number": reference, "document_type": document_type})
    return _list_of("results.in_set", fields)


def documents_of_user(*, approved: bool | None, saved: bool | None) -> Request[DocumentList]:
    """Build the call that asks for what the account's user may see (page 11)."""
    fields = form_fields({"approve_flag": approved, "save_flag": saved})
    return _list_of("results.of_user", fields)


def modified_documents(*, document_type: DocumentType | str | None) -> Request[DocumentList]:
    """Build the call that asks for what was modified since the last one (page 12)."""
    fields = form_fields({"document_type": document_type})
    return _list_of("results.modified", fields)


def approved_documents(
    from_date: date,
    to_date: date,
    *,
    document_type: DocumentType | str | None,
    users: Iterable[str] | None,
    quickbooks_status: QuickBooksStatus | str | None,
) -> Request[DocumentList]:
    """Build the call that asks for what was approved on some days (page 13)."""
    fields = form_fields(
        _range(from_date, to_date)
        | {
            "document_type": document_type,
            "user_list": None if users is None else _listed(users),
            "QBE_status": quickbooks_status,
        }
    )
    return _list_of("results.approved", fields)


class Results:
    """Fetch what was read.

    Every method that lists documents has a twin, `stream_...`, that gives them one after the
    other while the answer still arrives: the first comes at once, and memory stays flat however
    many there are. Where the service leaves its documented ways (another key than `result`, text
    around the JSON), the answer is read as a whole first.

    An answer that breaks off gives the documents that came, and then its error: it is sent again
    only as long as none was given. Whoever iterates slowly slows the answer down; other calls may
    be made meanwhile, because an open stream holds a connection beside those that `concurrency=`
    counts. Stop early with `contextlib.aclosing(...)`, which ends the answer at once.
    """

    def __init__(
        self,
        send: Send,
        stream: SendForDocuments,
        *,
        polling: Polling,
        clock: Clock,
        clean: Callable[[str], str],
        pushes: Pushes,
    ) -> None:
        """Remember how to look.

        Args:
            send: Sends a request.
            stream: Sends one whose answer lists documents, and gives them as they arrive.
            polling: How often to look at a batch.
            clock: What time it is.
            clean: Takes secrets out of what a document says about itself.
            pushes: What is pushed meanwhile.
        """
        self._send = send
        self._stream = stream
        self._polling = polling
        self._clock = clock
        self._clean = clean
        self._pushes = pushes

    async def in_batch(
        self,
        batch: Upload | str,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
        expected: int | None = None,
        approved: bool | None = None,
        saved: bool | None = None,
    ) -> Batch:
        """Look once what a batch holds.

        Args:
            batch: The receipt of the upload, or its `batch_id`.
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
            batch_id_of(batch),
            document_type=document_type,
            expected=expected,
            approved=approved,
            saved=saved,
        )
        return await self._send(request)

    async def wait(
        self,
        batch: Upload | str,
        *,
        expected: int | None = None,
        document_type: DocumentType | str = DocumentType.INVOICES,
        timeout: float = DEFAULT_WAIT_SECONDS,  # noqa: ASYNC109 - the error carries what was found
    ) -> Batch:
        """Look again and again, at growing intervals, until the batch is done.

        What is pushed meanwhile (see `KlearStack.feed`) ends the wait without another look if
        `expected` documents have come by then; without `expected`, it ends the pause.

        Args:
            batch: The receipt of the upload, or its `batch_id`.
            expected: How many documents were uploaded in it. Without it, only an explicit state
                in the answer ends the wait.
            document_type: A `DocumentType` or any text; what was uploaded.
            timeout: Seconds to wait at most.

        Returns:
            The complete batch. A document in it that the service could not read says so in
            `Document.failure`. If pushes have brought it, the documents stand in the order in
            which those came.

        Raises:
            BatchFailed: The service could not read any of it; `batch` holds what it said.
            ValueError: The timeout is not more than 0 seconds, or less than 1 document is expected.
            BatchNotReady: The time ran out; `batch` holds what there was. Also a `TimeoutError`.
            Rejected, DecodeError, AuthenticationError, ServerError, TransportError: As
                `in_batch`.

        A retry is safe. Source: as `in_batch`.
        """
        batch_id = batch_id_of(batch)
        request = batch_documents(batch_id, document_type=document_type, expected=expected)
        if timeout <= 0:
            raise ValueError(f"timeout is more than 0 seconds, not {timeout}")
        if expected is not None and expected < 1:
            raise ValueError(f"expected is 1 or more, not {expected}")
        deadline = self._clock.seconds() + timeout
        found: Batch | None = None
        looks = 0
        with self._pushes.awaited(batch_id, expected) as pushed:
            while pushed.documents is None and (left := deadline - self._clock.seconds()) > 0:
                if looks or not self._polling.pushed:
                    pushed.has_news = False
                    with anyio.move_on_after(left), pushed.ending_a_look():
                        found = await self._send(request)
                        if found.state.is_final:
                            return self._done(found)
                left = max(0.0, deadline - self._clock.seconds())
                # A push that was announced may get lost: there is a look in any case.
                most = left if looks or not self._polling.pushed else left / 2
                await self._pause(min(self._polling.pause_seconds(looks), most), pushed, expected)
                looks += 1
            if pushed.documents is not None:
                return self._done(_pushed_batch(batch_id, pushed.documents))
            if len(pushed.so_far) > (len(found.documents) if found else 0):
                found = Batch(batch_id, BatchState.PARTIAL, pushed.so_far)
        raise _not_ready(batch_id, found, expected, timeout)

    async def _pause(self, seconds: float, pushed: AwaitedBatch, expected: int | None) -> None:
        """Pause before the next look; what is pushed may end that."""
        until = self._clock.seconds() + seconds
        with pushed.ending_a_pause():
            await self._clock.sleep(seconds)
        while expected is None and pushed.has_news and (left := until - self._clock.seconds()) > 0:
            pushed.has_news = False
            await self._clock.sleep(min(_QUIET_SECONDS, left))

    async def between(
        self,
        from_date: date,
        to_date: date,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
    ) -> DocumentList:
        """Fetch the results of some days, in one answer, however many there are.

        Args:
            from_date: The first day.
            to_date: The last day, included.
            document_type: A `DocumentType` or any text.

        Returns:
            The documents; none if there are none.

        Raises:
            ValueError: The first day comes after the last.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get extracted results for invoices in between
        date range"; the endpoint's name, parameters and answer are assumed, and so is which date
        of a document counts.
        """
        return await self._send(documents_between(from_date, to_date, document_type=document_type))

    async def in_set(
        self,
        reference: Upload | str | int,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
    ) -> DocumentList:
        """Fetch the results of a set of documents.

        Args:
            reference: The receipt of an upload to the set, or its `set_reference_number`.
            document_type: A `DocumentType` or any text.

        Returns:
            The documents; none if none is ready yet.

        Raises:
            Rejected, BadRequest: The service doesn't know the set.
            ValueError: The upload went to no set.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get extracted results for invoices in a set";
        the endpoint's name, parameters and answer are assumed.
        """
        return await self._send(
            documents_in_set(set_reference_of(reference), document_type=document_type)
        )

    async def of_user(
        self, *, approved: bool | None = None, saved: bool | None = None
    ) -> DocumentList:
        """Fetch everything that the account's user may see, in one answer.

        Args:
            approved: Only documents that are approved (True) or not (False).
            saved: Only documents that are saved (True) or not (False).

        Returns:
            The documents; none if there are none. The service knows no pages: years of invoices
            are one large answer.

        Raises:
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get results of invoices accessible by a
        specific user".
        """
        return await self._send(documents_of_user(approved=approved, saved=saved))

    async def modified(self, *, document_type: DocumentType | str | None = None) -> DocumentList:
        """Fetch what was modified since the last time somebody asked.

        The service itself remembers the last pull, and there is no way back: whoever asks must
        keep what comes.

        Args:
            document_type: A `DocumentType` or any text; all types if left out.

        Returns:
            The documents; none if nothing was modified.

        Raises:
            OutcomeUnknown: It was asked, and the answer didn't arrive whole: what was modified
                until then may be gone from the service's list.
            PermissionDenied: The account may not ask.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is not safe after `OutcomeUnknown`: it skips what the lost answer held; `of_user`
        and `between` still list it. Source: the vendor's page "Get results of modified invoices
        since the last pull"; its answer isn't documented.
        """
        return await self._send(modified_documents(document_type=document_type))

    async def approved(
        self,
        from_date: date,
        to_date: date,
        *,
        document_type: DocumentType | str | None = None,
        users: Iterable[str] | None = None,
        quickbooks_status: QuickBooksStatus | str | None = None,
    ) -> DocumentList:
        """Fetch what was approved on some days. For users with the role Admin or Approver.

        Args:
            from_date: The first day.
            to_date: The last day, included.
            document_type: A `DocumentType` or any text; all types if left out.
            users: Only what these users approved.
            quickbooks_status: Only what QuickBooks took (`successful`) or refused (`failed`).

        Returns:
            The documents, with `approved_date`, and `AccountsData` in `extra`; none if there are
            none.

        Raises:
            ValueError: The first day comes after the last, or a user's name holds a comma.
            PermissionDenied: The account's role may not ask.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get results of approved invoices using date
        filter".
        """
        request = approved_documents(
            from_date,
            to_date,
            document_type=document_type,
            users=users,
            quickbooks_status=quickbooks_status,
        )
        return await self._send(request)

    def stream_between(
        self,
        from_date: date,
        to_date: date,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
    ) -> AsyncGenerator[Document]:
        """Give the documents of `between` one after the other; all else as there."""
        return self._each(documents_between(from_date, to_date, document_type=document_type))

    def stream_in_set(
        self,
        reference: Upload | str | int,
        *,
        document_type: DocumentType | str = DocumentType.INVOICES,
    ) -> AsyncGenerator[Document]:
        """Give the documents of `in_set` one after the other; all else as there."""
        return self._each(
            documents_in_set(set_reference_of(reference), document_type=document_type)
        )

    def stream_of_user(
        self, *, approved: bool | None = None, saved: bool | None = None
    ) -> AsyncGenerator[Document]:
        """Give the documents of `of_user` one after the other; all else as there."""
        return self._each(documents_of_user(approved=approved, saved=saved))

    def stream_modified(
        self, *, document_type: DocumentType | str | None = None
    ) -> AsyncGenerator[Document]:
        """Give the documents of `modified` one after the other; all else as there.

        The service counts all of them as given, also those that aren't taken any more.
        """
        return self._each(modified_documents(document_type=document_type))

    def stream_approved(
        self,
        from_date: date,
        to_date: date,
        *,
        document_type: DocumentType | str | None = None,
        users: Iterable[str] | None = None,
        quickbooks_status: QuickBooksStatus | str | None = None,
    ) -> AsyncGenerator[Document]:
        """Give the documents of `approved` one after the other; all else as there."""
        request = approved_documents(
            from_date,
            to_date,
            document_type=document_type,
            users=users,
            quickbooks_status=quickbooks_status,
        )
        return self._each(request)

    def _each(self, request: Request[DocumentList]) -> AsyncGenerator[Document]:
        each = Request(request.endpoint, request.fields, decode_each, gather=gather_each)
        return self._stream(each)

    def _done(self, batch: Batch) -> Batch:
        if batch.state is BatchState.COMPLETE and batch.documents:
            return batch
        raise self.failure_of(batch)

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


def _list_of(endpoint: str, fields: Mapping[str, FormValue]) -> Request[DocumentList]:
    return Request(CATALOGUE[endpoint], fields, decode_list, gather=gather_list)


def _range(from_date: date, to_date: date) -> dict[str, FieldValue]:
    # As texts they are compared day by day, whatever kinds of dates the two are.
    first, last = date_text(from_date), date_text(to_date)
    if first.split("/")[::-1] > last.split("/")[::-1]:
        raise ValueError(f"from_date {first} comes after to_date {last}")
    return {"from_date": first, "to_date": last}


def _listed(users: Iterable[str]) -> str:
    names = [users] if isinstance(users, str) else list(users)
    if not names:
        raise ValueError("users= is empty; leave it out to ask for all")
    if any("," in name for name in names):
        raise ValueError("a user's name holds a comma, which the service takes for the next name")
    return ",".join(names)


def _pushed_batch(batch_id: str, documents: tuple[Document, ...]) -> Batch:
    all_failed = all(document.failure for document in documents)
    return Batch(batch_id, BatchState.FAILED if all_failed else BatchState.COMPLETE, documents)


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
