"""The sandbox's invoice reader: a PDF in, invoice fields with positions out.

It imports nothing from the rest of the package. `pdf` and `images` are its only edge; everything
else turns values into values: `words` and `layout` see the page, `labels` and `matching` know what
is printed beside a value, `facts` gathers what a page holds, `candidates` and `sums` pair labels
with values, and `fields`, `totals`, `parties` and `line_items` choose.
"""

from klearstack_async.sandbox.reading.box_text import text_in_box
from klearstack_async.sandbox.reading.pdf import DPI, check_page, page_image
from klearstack_async.sandbox.reading.reader import read_document
from klearstack_async.sandbox.reading.result import (
    NoSuchPage,
    ReadField,
    Reading,
    UnreadableDocument,
)

__all__ = [
    "DPI",
    "NoSuchPage",
    "ReadField",
    "Reading",
    "UnreadableDocument",
    "check_page",
    "page_image",
    "read_document",
    "text_in_box",
]
