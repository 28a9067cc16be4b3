"""What comes back from a call, apart from documents (see `document.py`). Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, overload

from klearstack_async.document import Document

__all__ = [
    "Batch",
    "BatchState",
    "BoxText",
    "Confirmation",
    "Datasource",
    "DatasourceRow",
    "DocumentList",
    "DocumentSet",
    "FieldUpdate",
    "PageImage",
    "SetDocument",
    "SetStatus",
    "Tokens",
    "Upload",
    "batch_id_of",
    "set_reference_of",
]


class BatchState(StrEnum):
    """How far a batch is.

    An explicit state in the answer decides. Without one, as many documents as were expected mean
    `complete`, fewer `partial`, and none `pending`.
    """

    PENDING = "pending"
    PARTIAL = "partial"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether looking again will not change it."""
        return self in {BatchState.COMPLETE, BatchState.FAILED}


@dataclass(frozen=True, slots=True)
class Upload:
    """The receipt of an upload.

    Attributes:
        batch_id: Under which the results will be found.
        set_reference_number: The set that the documents were put into, if the service says so.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged.
        file_names: The names under which the documents were sent, in the order of their sources;
            each document of the result says one of them in `file_name`. Empty for a ready-made
            archive, whose members nobody looked at.
    """

    batch_id: str
    set_reference_number: str | None = None
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    file_names: tuple[str, ...] = ()


def batch_id_of(batch: Upload | str) -> str:
    """Give the batch id of a receipt, or the id itself."""
    return batch.batch_id if isinstance(batch, Upload) else batch


def set_reference_of(reference: Upload | str | int) -> str:
    """Give the reference number of the set that an upload went to, or the number itself.

    Raises:
        ValueError: The upload went to no set.
    """
    number = reference.set_reference_number if isinstance(reference, Upload) else reference
    if number is None:
        raise ValueError("this upload went to no set; pass set_name= and create_new_set=True to it")
    return str(number)


@dataclass(frozen=True, slots=True)
class Batch:
    """What was found in a batch.

    Attributes:
        batch_id: The batch.
        state: How far it is.
        documents: The documents that are ready, in the service's order.
        error: Why it failed, in the service's words; None if it says nothing.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged, and whatever stood among the documents without
            being one (under `documents`).
    """

    batch_id: str
    state: BatchState
    documents: tuple[Document, ...] = ()
    error: str | None = None
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class DocumentList(Sequence[Document]):
    """The documents that an answer lists, in the service's order; use it as a sequence.

    Attributes:
        documents: The documents; none if there are none.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged, and whatever stood among the documents without
            being one (under `documents`).
    """

    documents: tuple[Document, ...] = ()
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.documents)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Document, ...]: ...
    def __getitem__(self, index: int | slice) -> Document | tuple[Document, ...]:
        return self.documents[index]

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    def __repr__(self) -> str:
        return f"<DocumentList: {len(self)} documents>"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The service says that it has done what it was asked for. If not, there is an error.

    Attributes:
        message: Its sentence, such as `Document updated successfully`; None if it gives none.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged.
    """

    message: str | None = None
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldUpdate:
    """A new value for a field of a document.

    Attributes:
        value: The new value, as text; dates as `02-Oct-2022`.
        box: Where it stands on its page (x1, y1, x2, y2 in pixels of the page image), or None if
            that isn't known.
    """

    value: str
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class BoxText:
    """What `documents.text_in_box` was answered; its page doesn't say what that looks like.

    Attributes:
        text: The text, if the answer has one that can be found.
        extra: What else it answered, unchanged.
    """

    text: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageImage:
    """The picture of a page, in whose pixels the boxes of the fields are given.

    Attributes:
        data: The image file.
        media_type: Such as `image/png`.
    """

    data: bytes = field(repr=False)
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class Datasource:
    """A table that the service compares documents with.

    Attributes:
        name: Its name.
        columns: The names of its columns; empty if the service doesn't say them.
        extra: What else it says about it, unchanged.
    """

    name: str
    columns: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatasourceRow:
    """One row of a datasource.

    Attributes:
        row_id: What `update_row` and `delete_row` ask for; None if the service gives none.
        values: The values by column.
    """

    row_id: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentSet:
    """A set of documents, as the list of sets has it.

    Attributes:
        reference: Its reference number.
        name: Its name, if the service says it.
        extra: What else it says about it, unchanged.
    """

    reference: str
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetDocument:
    """How far one document of a set is.

    Attributes:
        file_name: The name under which it was uploaded.
        document_id: The service's id of it.
        batch_id: The batch in which it came.
        state: How far it is, or None if the service says it in a word that isn't known.
        extra: What else it says about it, unchanged.
    """

    file_name: str | None = None
    document_id: str | None = None
    batch_id: str | None = None
    state: BatchState | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetStatus:
    """How far the documents of a set are.

    Attributes:
        documents: One for each document.
        extra: What else was answered, unchanged.
    """

    documents: tuple[SetDocument, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens. Neither is shown by `repr`.

    Attributes:
        access_token: Goes into the `Authorization` header of each call.
        refresh_token: Gets a new access token, or None if the service gave none.
        expires_at: When the access token ends (aware, UTC).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime
