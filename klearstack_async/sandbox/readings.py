"""What was read from a document, as it is kept: to and from JSON, with later changes laid over it.

Pure. A reading belongs to bytes, and is shared by all documents of the same bytes; changes belong
to one document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from klearstack_async.sandbox.reading import ReadField, Reading

NO_BOX = (0, 0, 0, 0)
"""How the documentation writes "no place known"."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field's new value; the box may be `NO_BOX`."""

    value: Any
    box: tuple[float, ...]


Changes = dict[str, Change]


def reading_to_json(reading: Reading) -> str:
    """Write a reading for the database."""
    return json.dumps(
        {
            "fields": [_field_to_row(field) for field in reading.fields],
            "line_items": [[_field_to_row(field) for field in item] for item in reading.line_items],
            "page_count": reading.page_count,
            "overall_confidence": reading.overall_confidence,
        }
    )


def reading_from_json(text: str) -> Reading:
    """Read back what `reading_to_json` wrote."""
    stored = json.loads(text)
    return Reading(
        fields=tuple(_field_from_row(row) for row in stored["fields"]),
        line_items=tuple(
            tuple(_field_from_row(row) for row in item) for item in stored["line_items"]
        ),
        page_count=stored["page_count"],
        overall_confidence=stored["overall_confidence"],
    )


def changes_to_json(changes: Changes) -> str:
    """Write a document's changes for the database."""
    return json.dumps({name: [change.value, change.box] for name, change in changes.items()})


def changes_from_json(text: str | None) -> Changes:
    """Read back what `changes_to_json` wrote; nothing is no change."""
    stored: dict[str, Any] = json.loads(text) if text is not None else {}
    return {name: Change(value, tuple(box)) for name, (value, box) in stored.items()}


def merged(earlier: Changes, later: Changes) -> Changes:
    """Lay later changes over earlier ones; one without a place keeps the place there was."""
    changes = dict(earlier)
    for name, change in later.items():
        known = changes.get(name)
        keeps = known is not None and change.box == NO_BOX
        changes[name] = replace(change, box=known.box) if known and keeps else change
    return changes


def changed(reading: Reading | None, changes: Changes) -> Reading | None:
    """Lay a document's changes over what was read from its bytes.

    A changed field keeps its place among the fields and is certain; a new one comes last.
    """
    if not changes:
        return reading
    base = reading or Reading((), (), 0, 0.0)
    left = dict(changes)
    fields = [
        _changed_field(field, left.pop(field.name)) if field.name in left else field
        for field in base.fields
    ]
    fields += [ReadField(name, change.value, 1.0, 1, _box(change)) for name, change in left.items()]
    return replace(base, fields=tuple(fields))


def _changed_field(field: ReadField, change: Change) -> ReadField:
    box = field.box if change.box == NO_BOX else _box(change)
    return replace(field, value=change.value, confidence=1.0, box=box)


def _box(change: Change) -> Any:
    # Any: a reading's boxes are of whole pixels, while a caller's are shown as they were given.
    return change.box


def _field_to_row(field: ReadField) -> list[object]:
    return [field.name, field.value, field.confidence, field.page, field.box]


def _field_from_row(row: list[Any]) -> ReadField:
    name, value, confidence, page, box = row
    return ReadField(name, value, confidence, page, tuple(box))
