"""What one document says: its fields, in the order in which the service sent them.

The service writes documents in two shapes (rows, or an object); `wire/results.py` decodes either
without looking into it, and everything a user asks for is derived here, on first access. So a
document that is only passed on costs no Python work per row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar, overload

import msgspec

from klearstack_async.contents import (
    KeyedContents,
    Parts,
    RowContents,
    beside,
    metadata_beside,
)
from klearstack_async.field import Field, Row
from klearstack_async.values import date_from, flag_from, instant_from

__all__ = ["Document", "id_of"]

T = TypeVar("T")

_FAILED = frozenset({"failed", "error"})


class Document:
    """One document and the fields that were read from it.

    `document["Inv_Total"]` is the first field of that name, `document.all(name)` all of them;
    iterating gives every field in its order. What has no meaning to this library stands unchanged
    in `extra`, and metadata as it was sent in `metadata`.
    """

    __slots__ = ("_beside", "_contents", "_metadata", "_parts", "_source", "_strange")

    def __init__(
        self,
        source: tuple[Row, ...] | bytes | Mapping[str, Any],
        *,
        strange: tuple[Any, ...] = (),
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what was decoded.

        Args:
            source: The rows of the positional shape, or the object of the keyed one, which is
                best given as its JSON: then keys that repeat are kept.
            strange: Rows that are not of the documented form; they end in `extra["rows"]`.
            beside: What the answer says about the document outside of it.
        """
        self._source = source
        self._strange = strange
        self._beside = beside or {}
        self._contents: RowContents | KeyedContents | None = None
        self._metadata: dict[str, Any] | None = None
        self._parts: Parts | None = None

    @property
    def document_id(self) -> str | None:
        """The service's id of the document."""
        return self._metadata_as("document_id", str)

    @property
    def file_name(self) -> str | None:
        """The name under which it was uploaded; in an archive, the member's name."""
        return self._metadata_as("file_name", str)

    @property
    def document_type(self) -> str | None:
        """Such as `Invoices`; an open set, and some answers use the singular."""
        return self._metadata_as("document_type", str)

    @property
    def is_approved(self) -> bool | None:
        """Whether a person approved it."""
        return self._metadata_as("is_approved", flag_from)

    @property
    def overall_confidence(self) -> float | None:
        """From 0 to 1, for the document as a whole."""
        return self._metadata_as("overall_confidence", float)

    @property
    def upload_time(self) -> datetime | None:
        """When it was uploaded; the service states no zone, so this has none."""
        return self._metadata_as("upload_time", instant_from)

    @property
    def finished_time(self) -> datetime | None:
        """When the extraction ended; the service states no zone, so this has none."""
        return self._metadata_as("finished_time", instant_from)

    @property
    def approved_date(self) -> date | None:
        """When it was approved."""
        return self._metadata_as("approved_date", date_from)

    @property
    def ocr_id(self) -> str | None:
        """The id of its text, which `documents.text_in_box` asks for; only `get` brings it."""
        return self._metadata_as("ocr_id", str)

    @property
    def failure(self) -> str | None:
        """Why the service could not read this document; None if it did."""
        status = str(self.metadata.get("status", "")).strip().lower()
        reason = self.metadata.get("error")
        if status in _FAILED:
            return str(reason) if reason else "the service gives no reason"
        return None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What is known about the document itself, as sent, under lower-case names."""
        if self._metadata is None:
            self._metadata = self._read().metadata()
            metadata_beside(self._metadata, self._beside)
        return self._metadata

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field, in the order in which the service sent them; names may repeat."""
        return self._all().fields

    @property
    def extra(self) -> Mapping[str, Any]:
        """What was sent and is neither metadata nor a field, unchanged."""
        return self._all().extra

    def all(self, name: str) -> tuple[Field, ...]:
        """Give every field of this name, in order; empty if there is none."""
        return tuple(field for field in self.fields if field.name == name)

    @overload
    def get(self, name: str) -> Field | None: ...
    @overload
    def get(self, name: str, default: T) -> Field | T: ...
    def get(self, name: str, default: T | None = None) -> Field | T | None:
        """Give the first field of this name, or the default."""
        field = self._read().field(name)
        return default if field is None else field

    def __getitem__(self, name: str) -> Field:
        field = self.get(name)
        if field is None:
            names = ", ".join(dict.fromkeys(field.name for field in self.fields)) or "none"
            raise KeyError(f"no field {name!r} in this document; it has: {names}")
        return field

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._read().field(name) is not None

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __bool__(self) -> bool:
        # A document without fields is a document: `if outcome.document` asks for that.
        return True

    def __eq__(self, other: object) -> bool:
        return self._all() == other._all() if isinstance(other, Document) else NotImplemented

    # Equal documents may hold lists and dicts, which have no hash.
    __hash__ = None  # type: ignore[assignment]

    def __sizeof__(self) -> int:
        """Say how much memory it takes, roughly: by what it was decoded from."""
        if isinstance(self._source, bytes):
            return object.__sizeof__(self) + len(self._source)
        return object.__sizeof__(self) + len(msgspec.msgpack.encode(self._source))

    def __repr__(self) -> str:
        return (
            f"<Document {self.document_id or '(no id)'} {self.file_name or '(no name)'}: "
            f"{len(self)} fields>"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything that was sent, as JSON-ready values.

        Returns:
            The metadata under its lower-case names, `fields` (a list of `Field.to_dict()`), and
            `extra`.
        """
        parts = self._all()
        return {
            **parts.metadata,
            "fields": [field.to_dict() for field in parts.fields],
            "extra": parts.extra,
        }

    def to_record(self) -> dict[str, Any]:
        """Give one flat row for a table: the metadata, then each field's value by its name.

        Returns:
            Values as sent. A name that repeats, such as a line item's, holds the list of its
            values in order; a field that is called like metadata stands under `field.<name>`.
            Confidences, places and `extra` are left out: `to_dict` has them.
        """
        metadata = dict(self.metadata)
        values: dict[str, list[Any]] = {}
        for field in self.fields:
            name = f"field.{field.name}" if field.name in metadata else field.name
            values.setdefault(name, []).append(field.value)
        return metadata | {k: v[0] if len(v) == 1 else v for k, v in values.items()}

    def with_answer(self, beside: Mapping[str, Any]) -> Document:
        """Give the document together with what its answer said outside of it."""
        return Document(self._source, strange=self._strange, beside={**self._beside, **beside})

    def _read(self) -> RowContents | KeyedContents:
        if self._contents is None:
            source = self._source
            if isinstance(source, tuple):
                self._contents = RowContents(source, self._strange)
            else:
                self._contents = KeyedContents(source)
        return self._contents

    def _all(self) -> Parts:
        if self._parts is None:
            self._parts = beside(self._read().parts(), self._beside)
        return self._parts

    def _metadata_as(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """Convert one piece of metadata; None if it isn't there, or isn't what it should be."""
        value = self.metadata.get(name)
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, TypeError, OverflowError):
            return None


def id_of(document: Document | str) -> str:
    """Give a document's id, which a call about it asks for.

    Raises:
        ValueError: The document has none, because the service sent none.
    """
    document_id = document.document_id if isinstance(document, Document) else document
    if not document_id:
        raise ValueError("this document has no id: the service sent none")
    return document_id
