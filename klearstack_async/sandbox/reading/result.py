"""What reading a document gives: fields, line items, or the reason why it can't be read.

Only values live here. How they are found is the business of the other modules; nothing here may
import them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NoSuchPage", "ReadField", "Reading", "UnreadableDocument"]


@dataclass(frozen=True, slots=True)
class ReadField:
    """One value that was found on a page.

    Attributes:
        name: The field's name in the service's spelling, such as `Inv_Number`.
        value: A date as `DD-Mon-YYYY`, an amount as plain decimal text, anything else as printed.
        confidence: From 0 to 1; lower when the label was weak or the place was odd.
        page: The page's number, from 1.
        box: `x1, y1, x2, y2` in pixels of the page image (`page_image`), origin at the top left;
            it encloses the ink of the value's words with a margin of a few pixels.
    """

    name: str
    value: str
    confidence: float
    page: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was found in one document.

    Attributes:
        fields: Header fields in a fixed order, at most one per name; empty for a scan.
        line_items: One tuple of fields per row of the invoice's table, top to bottom.
        page_count: All pages of the document, also those beyond the reading limit.
        overall_confidence: From 0 to 1, over fields found and essential fields missing.
    """

    fields: tuple[ReadField, ...]
    line_items: tuple[tuple[ReadField, ...], ...]
    page_count: int
    overall_confidence: float


class UnreadableDocument(Exception):
    """The file can't be opened as a document.

    Attributes:
        reason: One sentence for a person.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoSuchPage(ValueError):
    """The document has no page of that number; the text says which it has."""
