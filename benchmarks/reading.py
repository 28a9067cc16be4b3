"""What contenders do with documents: read the id, and all that is known about three fields.

The same for each contender, as a program would write it for what its decoder gives. Everything that
was read is added up, so that it can be shown that all of it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING, Any

from benchmarks.documents import NAMED, fields_of, id_of

if TYPE_CHECKING:
    from klearstack_async import Document

__all__ = ["Reading"]


class Reading:
    """Reads documents, and adds up what it has read."""

    __slots__ = ("documents", "ids", "places", "values")

    def __init__(self) -> None:
        self.documents = 0
        self.ids = 0
        self.values = 0
        self.places = 0.0

    def read(self, document: Document) -> None:
        """Read one of ours, of either shape."""
        self.add(document.document_id)
        for name in NAMED:
            field = document[name]
            self.add_field(field.value, field.confidence, field.page, field.box)

    def read_rows(self, rows: Sequence[Any]) -> None:
        """Read a document of the positional shape as JSON gives it; a name's first row counts."""
        named = {row[1]: row for row in reversed(rows)}
        self.add(named["Document_id"][0])
        for name in NAMED:
            value, _, confidence, place, box = named[name]
            self.add_field(value, confidence, place["page_index"], box)

    def read_object(self, document: Mapping[str, Any]) -> None:
        """Read a document of the keyed shape as JSON gives it."""
        self.add(document["Document_id"])
        for name in NAMED:
            field = document[name]
            place = field["coordinate"]
            self.add_field(field["value"], field["confidence"], field["page_index"], place)

    def add(self, document_id: Any) -> None:
        """Add a document."""
        self.documents += 1
        self.ids += int(document_id, 16)

    def add_field(self, value: Any, confidence: Any, page: Any, box: Any) -> None:
        """Add a field of it."""
        self.values += value is not None
        self.places += confidence + page + box[0]

    def __add__(self, other: Reading) -> Reading:
        both = Reading()
        both.documents = self.documents + other.documents
        both.ids = self.ids + other.ids
        both.values = self.values + other.values
        both.places = self.places + other.places
        return both

    def check(self, number_of_documents: int) -> None:
        """Make sure that it read the first so many documents, and each of them once.

        Raises:
            AssertionError: It didn't.
        """
        numbers = range(1, number_of_documents + 1)
        assert self.documents == number_of_documents, f"read {self.documents} documents"
        assert self.ids == sum(int(id_of(number), 16) for number in numbers)
        assert self.values == len(NAMED) * number_of_documents
        assert isclose(self.places, sum(map(_places, numbers)))


def _places(number: int) -> float:
    named = [field for field in fields_of(number) if field.name in NAMED]
    return sum(field.confidence + field.page + field.box[0] for field in named)
