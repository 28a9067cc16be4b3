"""Sets of documents: pages 29 to 31 of the vendor's documentation. All three are assumed."""

from __future__ import annotations

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import (
    DocumentList,
    DocumentSet,
    SetStatus,
    Upload,
    set_reference_of,
)
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.listings import decode_set_status, decode_sets
from klearstack_async.wire.request import Request
from klearstack_async.wire.results import decode_list, gather_list

__all__ = ["Sets", "list_sets", "set_documents", "set_upload_status"]


def set_documents(reference: str) -> Request[DocumentList]:
    """Build the call that asks for the documents of a set (page 29)."""
    fields = form_fields({"set_reference_number": reference})
    return Request(CATALOGUE["sets.documents"], fields, decode_list, gather=gather_list)


def set_upload_status(reference: str) -> Request[SetStatus]:
    """Build the call that asks how far a set's documents are (page 30)."""
    fields = form_fields({"set_reference_number": reference})
    return Request(CATALOGUE["sets.upload_status"], fields, decode_set_status)


def list_sets() -> Request[tuple[DocumentSet, ...]]:
    """Build the call that asks which sets there are (page 31)."""
    return Request(CATALOGUE["sets.references"], {}, decode_sets)


class Sets:
    """Sets of documents. They are made, and filled, by uploads (`create_new_set=`)."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def documents(self, reference: Upload | str | int) -> DocumentList:
        """Fetch the documents of a set.

        Args:
            reference: The receipt of an upload to the set, or its `set_reference_number`.

        Returns:
            The documents; none if none is ready yet.

        Raises:
            Rejected, BadRequest: The service doesn't know the set.
            ValueError: The upload went to no set.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get documents of a set"; the endpoint's name,
        parameters and answer are assumed.
        """
        return await self._send(set_documents(set_reference_of(reference)))

    async def upload_status(self, reference: Upload | str | int) -> SetStatus:
        """Look how far the documents of a set are.

        Args:
            reference: The receipt of an upload to the set, or its `set_reference_number`.

        Returns:
            The state of each document.

        Raises:
            Rejected, BadRequest: The service doesn't know the set.
            ValueError: The upload went to no set.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get uploaded status of documents in a document
        set"; the endpoint's name, parameters and answer are assumed.
        """
        return await self._send(set_upload_status(set_reference_of(reference)))

    async def references(self) -> tuple[DocumentSet, ...]:
        """List the sets.

        Returns:
            The reference number of each, and its name where the service says it.

        Raises:
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get set reference numbers list"; the
        endpoint's name, parameters and answer are assumed.
        """
        return await self._send(list_sets())
