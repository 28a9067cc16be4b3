"""One value that was read from a document, and the row in which it may stand on the wire."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct

from klearstack_async.values import date_from, decimal_from

__all__ = ["Box", "Corners", "Field", "Place", "Row"]


class Box(NamedTuple):
    """A rectangle in pixels of the page image; the origin is the page's top left corner."""

    x1: float
    y1: float
    x2: float
    y2: float


class Place(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The fourth part of a row: `{"page_index": 1}`."""

    page_index: int


class Corners(Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """The fifth part of a row. Not a tuple: Python's collector would look at each of those."""

    x1: int | float
    y1: int | float
    x2: int | float
    y2: int | float


class Row(Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """A row of the positional shape, as it stands on the wire: the value first, then its name."""

    value: Any
    name: str
    confidence: float | None = None
    place: Place | None = None
    box: Corners | None = None


class Field(Struct, frozen=True, gc=False):
    """One value that was read from a document.

    Attributes:
        name: The field's name as the service calls it, such as `Inv_Total`.
        value: The value as sent: mostly text (amounts, too), but any JSON value may come.
        confidence: From 0 to 1, or None if the service states none.
        page: The page it stands on, from 1, or None.
        box: Where it stands on that page, or None if the service states no position.
    """

    name: str
    value: Any
    confidence: float | None = None
    page: int | None = None
    box: Box | None = None

    def as_decimal(self) -> Decimal:
        """Read the value as an exact number.

        Raises:
            ValueError: It isn't a plain number, or could be read in two ways (`1,234`).
        """
        return decimal_from(self.value)

    def as_date(self) -> date:
        """Read the value as a date (`26-Jul-2025`, `2025-07-26`).

        Raises:
            ValueError: It isn't a date, or could be read in two ways (`04/05/2021`).
        """
        return date_from(self.value)

    def to_dict(self) -> dict[str, Any]:
        """Give the field as JSON-ready values: `name`, `value`, `confidence`, `page`, `box`."""
        return {
            "name": self.name,
            "value": self.value,
            "confidence": self.confidence,
            "page": self.page,
            "box": None if self.box is None else list(self.box),
        }
