"""Pictures of pages: page 19 of the vendor's documentation. It is assumed."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from klearstack_async.document import Document, id_of
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import PageImage
from klearstack_async.settings import DocumentType
from klearstack_async.transport.saving import save_file
from klearstack_async.wire.form import form_fields
from klearstack_async.wire.images import ImageAddress, decode_image
from klearstack_async.wire.request import Request

__all__ = ["Images", "page_image"]


def page_image(
    document_id: str, *, page: int | None, collection_name: DocumentType | str
) -> Request[PageImage | ImageAddress]:
    """Build the call that asks for the picture of a page (page 19)."""
    if page is not None and page < 1:
        raise ValueError(f"pages count from 1, not {page}")
    fields = form_fields(
        {"collection_name": collection_name, "id": document_id, "page_index": page}
    )
    return Request(CATALOGUE["images.get"], fields, decode_image)


class Images:
    """Pictures of pages, in whose pixels the boxes of fields are given."""

    def __init__(self, send: Send, fetch: Callable[[str], Awaitable[PageImage]]) -> None:
        """Remember how to get them.

        Args:
            send: Sends a request.
            fetch: Gets a picture from its own address.
        """
        self._send = send
        self._fetch = fetch

    async def get(
        self,
        document: Document | str,
        *,
        page: int | None = None,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> PageImage:
        """Fetch the picture of a page.

        Where the service answers with an address, the picture is fetched from there; the token
        goes along only to the service's own host, and redirects are not followed.

        Args:
            document: From a result, or its `document_id`.
            page: From 1; left to the service if left out.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The image file and its kind.

        Raises:
            Rejected, BadRequest: The service doesn't know the document or the page.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer holds no image, or several.
            ValueError: The page is less than 1, or the document has no id.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get image of document"; the endpoint's name,
        parameters and answer are assumed.
        """
        request = page_image(id_of(document), page=page, collection_name=collection_name)
        found = await self._send(request)
        return await self._fetch(found.url) if isinstance(found, ImageAddress) else found

    async def save(
        self,
        document: Document | str,
        path: str | os.PathLike[str],
        *,
        page: int | None = None,
        collection_name: DocumentType | str = DocumentType.INVOICES,
    ) -> Path:
        """Fetch the picture of a page, and write it to a file.

        Args:
            document: From a result, or its `document_id`.
            path: The file; one that is there is replaced. Its suffix doesn't decide the kind of
                image: that is the service's choice.
            page: From 1; left to the service if left out.
            collection_name: What it was uploaded as; a `DocumentType` or any text.

        Returns:
            The path of the file.

        Raises:
            OSError: The file can't be written; then nothing is left of it.
            ValueError: The page is less than 1, or the document has no id.
            Rejected, BadRequest, EndpointNotFound, DecodeError: As `get`.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: as `get`.
        """
        image = await self.get(document, page=page, collection_name=collection_name)
        await save_file(Path(path), image.data)
        return Path(path)
