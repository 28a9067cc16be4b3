"""From a file to a reading: the one place where edge and middle meet."""

from __future__ import annotations

from pathlib import Path

from klearstack_async.sandbox.reading.facts import facts_of
from klearstack_async.sandbox.reading.fields import header_fields, overall_confidence
from klearstack_async.sandbox.reading.layout import layout_from_words
from klearstack_async.sandbox.reading.line_items import line_items_of
from klearstack_async.sandbox.reading.pdf import Source, read_words
from klearstack_async.sandbox.reading.result import Reading

__all__ = ["read_document", "reading_of_source"]


def read_document(path: Path) -> Reading:
    """Read an invoice's fields and line items from a PDF; an image gives a reading without fields.

    Synchronous, and safe to call from threads: reading the file is done one at a time.

    Args:
        path: A PDF, JPEG or PNG file.

    Returns:
        What was found. A document without a text layer has neither fields nor line items.

    Raises:
        UnreadableDocument: The file is not a document, or it is damaged, protected or too large.
        OSError: The file can't be read from the disk.
    """
    return reading_of_source(read_words(path))


def reading_of_source(source: Source) -> Reading:
    """Read fields and line items from the words of a document."""
    layout = layout_from_words([p.words for p in source.pages], [p.size for p in source.pages])
    if not layout.lines:
        return Reading((), (), source.page_count, 0.0)
    facts = facts_of(layout)
    items = line_items_of(facts)
    fields = header_fields(facts, items.headings)
    return Reading(fields, items.rows, source.page_count, overall_confidence(fields))
