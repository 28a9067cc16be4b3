"""The text in a box of a page, as a person would read it there: line by line.

An edge like `reader.py`: it takes one page's words from the file, and leaves the rest to `layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from klearstack_async.sandbox.reading.layout import layout_from_words
from klearstack_async.sandbox.reading.pdf import page_words
from klearstack_async.sandbox.reading.words import Word, text_of

__all__ = ["text_in_box"]


def text_in_box(path: Path, page: int, box: Sequence[float]) -> str:
    r"""Read the words whose middle lies inside a box.

    Args:
        path: A PDF, JPEG or PNG file.
        page: The page's number, from 1.
        box: `x1, y1, x2, y2` in pixels of the page image.

    Returns:
        The words, lines separated by `\n`; empty if nothing stands there, or the page is a scan.

    Raises:
        UnreadableDocument: The file or the page is damaged or protected.
        NoSuchPage: The document has no such page.
        OSError: The file can't be read from the disk.
    """
    found = page_words(path, page)
    inside = [word for word in found.words if _is_inside(word, box)]
    layout = layout_from_words([inside], [found.size])
    return "\n".join(text_of(line.words) for line in layout.lines)


def _is_inside(word: Word, box: Sequence[float]) -> bool:
    x1, y1, x2, y2 = box
    return x1 <= (word.x1 + word.x2) / 2 <= x2 and y1 <= (word.y1 + word.y2) / 2 <= y2
