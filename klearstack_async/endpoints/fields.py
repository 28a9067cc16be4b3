"""What a document's fields are called and whether they are shown: page 32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import Confirmation
from klearstack_async.settings import DocumentType
from klearstack_async.wire.confirmation import confirmation_decoder
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.request import Request

__all__ = ["Fields", "update_field_mapping"]

MappingSettings = Sequence[Mapping[str, Any]] | Mapping[str, Any]


def update_field_mapping(
    settings: MappingSettings, *, collection_name: DocumentType | str
) -> Request[Confirmation]:
    """Build the call that changes the settings of fields (page 32)."""
    if isinstance(settings, str | bytes):
        raise TypeError("settings are mappings, not the text of them; see json.loads")
    listed = [settings] if isinstance(settings, Mapping) else list(settings)
    fields = form_fields({"collection_name": collection_name, "data": listed})
    decode = confirmation_decoder(documented=True)
    return Request(CATALOGUE["fields.update_mapping"], fields, decode)


class Fields:
    """The settings of fields."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def update_mapping(
        self,
        settings: MappingSettings,
        *,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Confirmation:
        """Change labels, visibility and necessity of fields.

        Args:
            settings: One object or a list of them, as the vendor's page has it:
                `{"documentTypeDetails": {"invoices": {"fields": {"doc_number_value":
                {"label": "Invoice Number", "required": True, "visibility": True}}}}}`.
            collection_name: A `DocumentType` or any text.

        Returns:
            The service's confirmation.

        Raises:
            Rejected, BadRequest: The service doesn't take it.
            ValueError, TypeError: The settings can't be written as JSON.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry writes the same settings again, also over what somebody else set since. Source:
        the vendor's page "Update field mapping".
        """
        return await self._send(update_field_mapping(settings, collection_name=collection_name))
