"""Uploads: pages 6 and 7 of the vendor's documentation."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import TypedDict, Unpack

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import Upload
from klearstack_async.settings import DocumentType, InvoiceType, Processing
from klearstack_async.transport.archive import zipped
from klearstack_async.wire.form import FormValue, form_fields, media_type_of
from klearstack_async.wire.receipts import decode_upload
from klearstack_async.wire.reply import Reply
from klearstack_async.wire.request import FilePart, Request
from klearstack_async.wire.source import Source, SourceLike, source_from

__all__ = [
    "DocumentOptions",
    "UploadOptions",
    "Uploads",
    "check_options",
    "upload_archive",
    "upload_document",
]


class UploadOptions(TypedDict, total=False):
    """What can be said about any upload; everything may be left out.

    Attributes:
        document_type: A `DocumentType` or any text; `Invoices` if left out.
        invoice_type: `B2B` (if left out) or `B2C`.
        processing: `Accuracy` (if left out) or `Speed`.
        source_name: Where it came from; the vendor's samples say `API`.
        priority: The vendor's `priority_flag`.
        account_id: The vendor's `account_id`.
        set_reference_number: Add the documents to this set.
        set_name: The name of the set; it can't be changed later.
        create_new_set: Make a new set of that name; the answer brings its reference number.
    """

    document_type: DocumentType | str
    invoice_type: InvoiceType | str
    processing: Processing | str
    source_name: str
    priority: bool | str
    account_id: str
    set_reference_number: str
    set_name: str
    create_new_set: bool


class DocumentOptions(UploadOptions, total=False):
    """What can be said about a single document besides.

    Attributes:
        user_id: The user to whom it belongs.
        user_role: That user's role.
        application_no: Ties the documents of one application together.
        additional_params: Facts to compare with, as the vendor's page lists them: for a loan
            agreement `borrower_name`, `co_borrower`, `loan_amount_in_figures`, `tenure`,
            `rate_of_interest`, `partner_name`; for a NACH mandate `account_number`.
    """

    user_id: str
    user_role: str
    application_no: str
    additional_params: Mapping[str, object]


def upload_document(
    source: SourceLike, *, filename: str | None = None, **options: Unpack[DocumentOptions]
) -> Request[Upload]:
    """Build the call that uploads one document (page 6)."""
    check_options(options, DocumentOptions)
    fields = _fields(options) | form_fields(
        {
            "userid": options.get("user_id"),
            "user_role": options.get("user_role"),
            "application_no": options.get("application_no"),
            "additional_params": options.get("additional_params"),
        }
    )
    file = _file(source, filename)
    decode = partial(_with_names, file_names=(file.source.filename,))
    return Request(CATALOGUE["uploads.document"], fields, decode, file)


def upload_archive(
    source: SourceLike, *, filename: str | None = None, **options: Unpack[UploadOptions]
) -> Request[Upload]:
    """Build the call that uploads a zip of documents (page 7)."""
    check_options(options, UploadOptions)
    file = _file(source, filename)
    return Request(CATALOGUE["uploads.archive"], _fields(options), decode_upload, file)


class Uploads:
    """Send documents in. Each upload becomes a batch, whose id is what results are asked by."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def document(
        self,
        source: SourceLike,
        *,
        filename: str | None = None,
        **options: Unpack[DocumentOptions],
    ) -> Upload:
        """Upload one PDF, JPEG or PNG. It is read while it is sent, whatever its size.

        Args:
            source: A path, bytes, an open binary file that can seek, or a `Stream`.
            filename: The name to send; needed for bytes, otherwise the source's own.
            **options: See `DocumentOptions`.

        Returns:
            The receipt with the batch id.

        Raises:
            OSError: The file can't be read.
            ValueError: The file is empty, or has no name.
            BadRequest: The service doesn't take the document or an option.
            OutcomeUnknown: The document was sent, and no answer tells whether it was stored.
            SourceChanged: The file changed while it was sent.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is not safe after `OutcomeUnknown`: the document may be stored twice. Source: the
        vendor's page "Upload a single document and get batch id".
        """
        return await self._send(upload_document(source, filename=filename, **options))

    async def archive(
        self, source: SourceLike, *, filename: str | None = None, **options: Unpack[UploadOptions]
    ) -> Upload:
        """Upload a zip of PDFs, JPEGs and PNGs as one batch.

        Args:
            source: The zip: a path, bytes, an open binary file that can seek, or a `Stream`.
            filename: The name to send; needed for bytes, otherwise the source's own.
            **options: See `UploadOptions`.

        Returns:
            The receipt with the batch id of all its documents.

        Raises:
            OSError: The file can't be read.
            ValueError: The file is empty, or has no name.
            BadRequest: The service doesn't take the zip or an option.
            OutcomeUnknown: The zip was sent, and no answer tells whether it was stored.
            SourceChanged: The file changed while it was sent.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is not safe after `OutcomeUnknown`: the documents may be stored twice. Source: the
        vendor's page "Upload multiple documents in a zip folder and get batch id".
        """
        return await self._send(upload_archive(source, filename=filename, **options))

    async def bundle(
        self,
        sources: Iterable[SourceLike],
        *,
        filename: str = "documents.zip",
        **options: Unpack[UploadOptions],
    ) -> Upload:
        """Upload several documents as one batch, in a zip that is built while it is sent.

        Args:
            sources: Paths, open binary files or `Stream`s of PDFs, JPEGs and PNGs; also
                `BytesSource(data, filename)` for what is in memory.
            filename: The zip's name.
            **options: See `UploadOptions`.

        Returns:
            The receipt. Its `file_names` are the documents' names in the zip, in the order of the
            sources; equal names are told apart by a number.

        Raises:
            OSError: A file can't be read.
            ValueError: There is no source, or one is empty or has no name.
            BadRequest: The service doesn't take the zip or an option.
            OutcomeUnknown: The zip was sent, and no answer tells whether it was stored.
            SourceChanged: A file changed while it was sent; nothing was stored.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is not safe after `OutcomeUnknown`: the documents may be stored twice. Source: the
        vendor's page "Upload multiple documents in a zip folder and get batch id".
        """
        check_options(options, UploadOptions)
        if isinstance(sources, str | os.PathLike | bytes):
            raise TypeError("a bundle is made of several sources: pass a list of them")
        archive = await zipped([_member(source) for source in sources], filename)
        receipt = await self._send(upload_archive(archive.stream, **options))
        return dataclasses.replace(receipt, file_names=archive.names)


def _member(source: SourceLike) -> Source:
    if isinstance(source, bytes | bytearray | memoryview):
        # `filename=` would be the zip's.
        raise TypeError("bytes in a bundle need a name: BytesSource(data, 'invoice.pdf')")
    return source_from(source)


def _with_names(reply: Reply, *, file_names: tuple[str, ...]) -> Upload:
    return dataclasses.replace(decode_upload(reply), file_names=file_names)


def check_options(options: Mapping[str, object], known: type) -> None:
    """Refuse an option that is none; it would be left out silently, at the user's cost.

    Raises:
        TypeError: There is no such option.
    """
    names = list(known.__annotations__)
    for name in options:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
            raise TypeError(f"there is no option {name!r}; {advice}")


def _fields(options: UploadOptions) -> dict[str, FormValue]:
    return form_fields(
        {
            "processing_pref": options.get("processing") or Processing.ACCURACY,
            "document_type": options.get("document_type") or DocumentType.INVOICES,
            "invoice_type": options.get("invoice_type") or InvoiceType.B2B,
            "source_name": options.get("source_name"),
            "priority_flag": options.get("priority"),
            "account_id": options.get("account_id"),
            "set_reference_number": options.get("set_reference_number"),
            "set_name": options.get("set_name"),
            # The vendor writes this one flag with a capital.
            "create_new_set": "True" if _flag(options, "create_new_set") else None,
        }
    )


def _flag(options: Mapping[str, object], name: str) -> bool:
    value = options.get(name) or False
    if not isinstance(value, bool):
        # "False" would mean yes.
        raise TypeError(f"{name} is True or False, not {value!r}")
    return value


def _file(source: SourceLike, filename: str | None) -> FilePart:
    value = source_from(source, filename)
    return FilePart("file", value, media_type_of(value.filename))
