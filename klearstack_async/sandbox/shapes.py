"""How a document looks in an answer: the positional and the keyed shape. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from klearstack_async.sandbox.reading import ReadField
from klearstack_async.sandbox.selection import DocumentResult

BatchShape: TypeAlias = Literal["positional", "keyed"]

# The keyed shape calls this one type by its singular; of the others nothing is documented.
_KEYED_TYPES = {"Invoices": "Invoice"}


def positional(document: DocumentResult) -> list[list[Any]]:
    """Build an array of rows: value first, name second."""
    rows: list[list[Any]] = [
        [document.document_id, "Document_id"],
        # Twice: the service's own sample has it so.
        [int(document.is_approved), "Is_Approved"],
        [int(document.is_approved), "Is_Approved"],
        [_overall_confidence(document), "overall_confidence"],
        [document.file_name, "file_name"],
        [document.document_type, "document_type"],
        [service_time(document.uploaded_at), "upload_time"],
        [service_time(document.finished_at), "finished_time"],
    ]
    if document.reason is not None:
        rows += [["failed", "extraction_status"], [document.reason, "error"]]
    if document.reading is not None:
        rows += [_row(field) for field in document.reading.fields]
        rows += [_row(field) for item in document.reading.line_items for field in item]
    return rows


def keyed(document: DocumentResult) -> dict[str, Any]:
    """Build an object of metadata and fields side by side."""
    shape: dict[str, Any] = {
        "Document_id": document.document_id,
        "is_approved": int(document.is_approved),
        "file_name": document.file_name,
        "overall_confidence": _overall_confidence(document),
        "document_type": _KEYED_TYPES.get(document.document_type, document.document_type),
        "upload_time": service_time(document.uploaded_at),
        "finished_time": service_time(document.finished_at),
    }
    if document.reason is not None:
        shape |= {"extraction_status": "failed", "error": document.reason}
    if document.reading is not None:
        for field in document.reading.fields:
            shape.setdefault(field.name, _value(field))
        if document.reading.line_items:
            shape["line_items"] = [
                {field.name: _value(field) for field in item}
                for item in document.reading.line_items
            ]
    return shape


SHAPES: dict[BatchShape, Callable[[DocumentResult], Any]] = {
    "positional": positional,
    "keyed": keyed,
}


def service_time(instant: float) -> str:
    """Write an instant as the service does: ISO, milliseconds, no zone (ours is UTC)."""
    return (
        datetime.fromtimestamp(instant, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    )


def _overall_confidence(document: DocumentResult) -> float:
    return document.reading.overall_confidence if document.reading is not None else 0.0


def _row(field: ReadField) -> list[Any]:
    return [field.value, field.name, field.confidence, {"page_index": field.page}, list(field.box)]


def _value(field: ReadField) -> dict[str, Any]:
    return {
        "value": field.value,
        "confidence": field.confidence,
        "page_index": field.page,
        "coordinate": list(field.box),
    }
