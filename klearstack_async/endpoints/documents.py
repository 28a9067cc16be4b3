"""Single documents: pages 14 to 18 of the vendor's documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from klearstack_async.document import Document, id_of
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import BoxText, Confirmation, FieldUpdate
from klearstack_async.settings import DocumentType, QuickBooksStatus
from klearstack_async.transport.clock import Clock
from klearstack_async.values import timestamp_text
from klearstack_async.wire.confirmation import confirmation_decoder, decode_box_text
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.request import Request
from klearstack_async.wire.results import document_decoder

__all__ = [
    "Documents",
    "decide_document",
    "get_document",
    "read_box",
    "report_quickbooks_status",
    "update_document",
]

Corners = Sequence[float]

# The service's way to say that a place isn't known.
_NOWHERE = (0, 0, 0, 0)


def get_document(document_id: str, *, collection_name: DocumentType | str) -> Request[Document]:
    """Build the call that asks for one document (page 14)."""
    fields = form_fields({"collection_name": collection_name, "id": document_id})
    return Request(CATALOGUE["documents.get"], fields, document_decoder(document_id))


def update_document(
    document_id: str,
    fields: Mapping[str, str | FieldUpdate],
    *,
    collection_name: DocumentType | str,
) -> Request[Confirmation]:
    """Build the call that corrects fields of a document (page 15)."""
    if not fields:
        raise ValueError("there is no field to update")
    form = form_fields(
        {
            "collection_name": collection_name,
            "id": document_id,
            "data": {name: _update(name, value) for name, value in fields.items()},
        }
    )
    decode = confirmation_decoder(documented=False)
    return Request(CATALOGUE["documents.update"], form, decode)


def report_quickbooks_status(
    document_id: str,
    status: QuickBooksStatus | str,
    *,
    at: datetime,
    error_message: str,
    document_type: DocumentType | str,
    collection_name: DocumentType | str | None,
) -> Request[Confirmation]:
    """Build the call that tells what QuickBooks answered (page 16)."""
    form = form_fields(
        {
            "document_type": document_type,
            "collection_name": collection_name,
            "QBE_response": {
                "document_id": document_id,
                "QBE_status": str(status),
                "error_message": error_message,
                "QBE_timestamp": timestamp_text(at),
            },
        }
    )
    decode = confirmation_decoder(documented=True)
    return Request(CATALOGUE["documents.set_quickbooks_status"], form, decode)


def decide_document(
    document_id: str,
    decision: Literal["approve", "reject"],
    *,
    comment: str,
    collection_name: DocumentType | str,
) -> Request[Confirmation]:
    """Build the call that approves or rejects a document (page 17)."""
    form = form_fields(
        {
            "collection_name": collection_name,
            "id": document_id,
            "approve_reject": decision,
            "comment": comment,
        }
    )
    decode = confirmation_decoder(documented=True)
    return Request(CATALOGUE["documents.approve_or_reject"], form, decode)


def read_box(
    ocr_text_id: str, box: Corners, *, collection_name: DocumentType | str
) -> Request[BoxText]:
    """Build the call about the text in a box (page 18)."""
    form = form_fields(
        {
            "collection_name": collection_name,
            "ocr_text_id": ocr_text_id,
            "coordinates": _corners(box),
        }
    )
    return Request(CATALOGUE["documents.text_in_box"], form, decode_box_text)


class Documents:
    """Look at single documents, correct them, and decide about them."""

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock

    async def get(
        self,
        document: Document | str,
        *,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Document:
        """Fetch one document.

        Args:
            document: From a result, or its `document_id`.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The document, with its `ocr_id`.

        Raises:
            Rejected, BadRequest: The service doesn't know the document.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read, or holds no document.
            ValueError: The document has no id.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get details of a document"; the endpoint's
        name and `ocr_id` are known, the parameters and the rest of the answer are assumed.
        """
        return await self._send(get_document(id_of(document), collection_name=collection_name))

    async def update(
        self,
        document: Document | str,
        fields: Mapping[str, str | FieldUpdate],
        *,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Confirmation:
        """Correct fields of a document.

        Args:
            document: From a result, or its `document_id`.
            fields: New values by the service's names for writing, such as
                `{"doc_date_value": "02-Oct-2022"}`, or `FieldUpdate(value, box=...)` to say where
                it stands. These names are not those that results have (`Inv_Date`), and the
                vendor gives no list of pairs, so none is guessed.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The service's confirmation; what it says isn't documented.

        Raises:
            Rejected, BadRequest: The service doesn't take it.
            ValueError: There is no field, a box isn't four numbers, or the document has no id.
            TypeError: A value is no text.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry writes the same values again, also over what somebody else wrote since. Source:
        the vendor's page "Update document".
        """
        request = update_document(id_of(document), fields, collection_name=collection_name)
        return await self._send(request)

    async def set_quickbooks_status(
        self,
        document: Document | str,
        status: QuickBooksStatus | str,
        *,
        error_message: str = "",
        at: datetime | None = None,
        document_type: DocumentType | str = DocumentType.INVOICES,
        collection_name: DocumentType | str | None = None,
    ) -> Confirmation:
        """Tell the service what QuickBooks Enterprise answered about an approved document.

        Args:
            document: From a result, or its `document_id`.
            status: `successful` or `failed`.
            error_message: What QuickBooks said, if it failed.
            at: When; now (in UTC) if left out. The service knows no zones: the clock time is sent
                as it stands.
            document_type: What it was uploaded as; a `DocumentType` or any text.
            collection_name: The same under the newest page's name, for a service that asks for
                it; sent beside `document_type`.

        Returns:
            The service's confirmation.

        Raises:
            Rejected: The service doesn't know the document.
            ValueError: The document has no id.
            TypeError: `at` is no `datetime`.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry writes the same status again. Source: the vendor's page "Update results of approved
        invoices with QuickBooks Enterprise response".
        """
        request = report_quickbooks_status(
            id_of(document),
            status,
            at=at or self._clock.now(),
            error_message=error_message,
            document_type=document_type,
            collection_name=collection_name,
        )
        return await self._send(request)

    async def approve(
        self,
        document: Document | str,
        *,
        comment: str,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Confirmation:
        """Approve a document.

        Args:
            document: From a result, or its `document_id`.
            comment: Why; the service asks for one.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The service's confirmation.

        Raises:
            BadRequest: It is approved already, or the service doesn't know it.
            PermissionDenied: The account's role may not do this.
            ValueError: The document has no id.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry of an approval that was carried out is refused. Source: the vendor's page "Approve
        or reject a document".
        """
        request = decide_document(
            id_of(document), "approve", comment=comment, collection_name=collection_name
        )
        return await self._send(request)

    async def reject(
        self,
        document: Document | str,
        *,
        comment: str,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Confirmation:
        """Reject a document.

        Args:
            document: From a result, or its `document_id`.
            comment: Why; the service asks for one.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The service's confirmation.

        Raises:
            BadRequest: It is rejected already, or the service doesn't know it.
            PermissionDenied: The account's role may not do this.
            ValueError: The document has no id.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry of a rejection that was carried out is refused. Source: the vendor's page "Approve
        or reject a document".
        """
        request = decide_document(
            id_of(document), "reject", comment=comment, collection_name=collection_name
        )
        return await self._send(request)

    async def text_in_box(
        self,
        text: Document | str,
        box: Corners,
        *,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> BoxText:
        """Ask about the text in a box of a document's page.

        By its title the page pushes an annotation, by its name and parameters it reads the text.

        Args:
            text: A document from `get`, or its `ocr_id`; results of other calls have none.
            box: x1, y1, x2, y2 in pixels of the page image.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The text, and whatever else was answered.

        Raises:
            Rejected, BadRequest: The service doesn't take it.
            ValueError: The box isn't four numbers, or the document has no `ocr_id`.
            OutcomeUnknown: It was sent, and no answer came.
            AuthenticationError, ServerError, TransportError: As for every call.

        Whether a retry is safe isn't known, since it may write. Source: the vendor's page "Push
        annotated text for a document to KlearStack"; its answer isn't documented.
        """
        ocr_text_id = text.ocr_id if isinstance(text, Document) else text
        if not ocr_text_id:
            raise ValueError("this document has no ocr_id; only documents.get brings it")
        return await self._send(read_box(ocr_text_id, box, collection_name=collection_name))


def _update(name: str, value: str | FieldUpdate) -> dict[str, object]:
    update = value if isinstance(value, FieldUpdate) else FieldUpdate(value)
    if not isinstance(update.value, str):
        raise TypeError(f"{name}: a field is updated with a text, not {update.value!r}")
    return {"_value": update.value, "_coordinates": _corners(update.box or _NOWHERE)}


def _corners(box: Corners | None) -> list[float]:
    # A field without a position has no box.
    corners: list[Any] = [] if box is None else list(box)
    numbers = [type(edge) is not bool and isinstance(edge, int | float) for edge in corners]
    if len(corners) != 4 or not all(numbers):
        raise ValueError(f"a box is x1, y1, x2, y2, not {box!r}")
    return corners
