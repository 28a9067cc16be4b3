"""Asking for pushes again: page 21 of the vendor's documentation.

What arrives when KlearStack pushes (page 20) is the business of `klearstack_async.webhooks`.
"""

from __future__ import annotations

from typing import Any

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import Confirmation
from klearstack_async.settings import DocumentType
from klearstack_async.wire.confirmation import confirmation_decoder
from klearstack_async.wire.form import JsonText, form_fields
from klearstack_async.wire.request import Request

__all__ = ["Push", "retry_push"]


def retry_push(data: Any, *, collection_name: DocumentType | str) -> Request[Confirmation]:
    """Build the call that asks for pushes again (page 21)."""
    fields = form_fields({"collection_name": collection_name, "data": JsonText(data)})
    return Request(CATALOGUE["push.retry"], fields, confirmation_decoder(documented=True))


class Push:
    """The pushes that KlearStack sends to your endpoint."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def retry(
        self, data: Any, *, collection_name: DocumentType | str = DocumentType.INVOICES
    ) -> Confirmation:
        """Ask the service to push documents again.

        Args:
            data: Any JSON value. What belongs here isn't known: the page shows the sample of
                another endpoint. A list of document ids is a likely one, and what the sandbox
                understands.
            collection_name: A `DocumentType` or any text.

        Returns:
            The service's confirmation that it took the request; the pushes come later.

        Raises:
            Rejected, BadRequest: The service doesn't take it.
            ValueError, TypeError: The data can't be written as JSON.
            OutcomeUnknown: It was sent, and no answer tells whether it was taken.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry may push the documents twice, which a receiver must expect anyway
        (`webhooks.Push.key`). Source: the vendor's page "Retry push API".
        """
        return await self._send(retry_push(data, collection_name=collection_name))
