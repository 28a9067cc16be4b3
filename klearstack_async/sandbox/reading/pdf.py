"""The edge: opening PDFs, and taking words and page pictures from them.

The only module that touches pdfium; images are opened in `images.py`. It gives positions in pixels
of the page image, so that nobody else needs to know a PDF's coordinates, rotation or crop box.
Nothing here knows what an invoice is.
"""

from __future__ import annotations

import ctypes
import io
import math
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from klearstack_async.sandbox.reading.images import (
    MAX_SIDE,
    fitted_image,
    fitted_size,
    opened_image,
    png_of,
)
from klearstack_async.sandbox.reading.result import NoSuchPage, UnreadableDocument
from klearstack_async.sandbox.reading.words import GUESSED_SPACE, Char, Word, words_from_chars

__all__ = [
    "DPI",
    "PageWords",
    "Source",
    "check_page",
    "page_image",
    "page_words",
    "read_words",
]

DPI = 200
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_PAGES_READ = 50
MAX_CHARS_PER_PAGE = 30_000
# Some hundred dense pages' worth; more is made to keep the reader busy.
MAX_WORDS = 60_000

# pdfium keeps global state and is not safe for threads: one call at a time in the whole process.
# Images take it too: turning pillow's warnings into errors changes the process's warning filters.
_LOCK = threading.Lock()

_PDF_ERRORS = {
    pdfium_c.FPDF_ERR_PASSWORD: "The PDF is protected by a password.",
    pdfium_c.FPDF_ERR_SECURITY: "The PDF uses an encryption that is not supported.",
    pdfium_c.FPDF_ERR_FORMAT: "The file is damaged and cannot be opened as a PDF.",
    pdfium_c.FPDF_ERR_FILE: "The file is damaged and cannot be opened as a PDF.",
    pdfium_c.FPDF_ERR_PAGE: "A page of the PDF is damaged.",
}
_DAMAGED_PDF = "The file is damaged and cannot be opened as a PDF."
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
# Readers accept some bytes of junk before a PDF's header, and so does pdfium.
_HEADER_REACH = 1024


@dataclass(frozen=True, slots=True)
class PageWords:
    """One page's words and the size of its image in pixels."""

    words: tuple[Word, ...]
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Source:
    """What a file gives: the words of the pages that were read, and the count of all pages."""

    pages: tuple[PageWords, ...]
    page_count: int


def read_words(path: Path) -> Source:
    """Take the words with their positions from a file; an image gives none.

    Raises:
        UnreadableDocument: The file is not a PDF, JPEG or PNG, or it is damaged or protected.
        OSError: The file can't be read from the disk.
    """
    if _kind(path) != "pdf":
        with _LOCK, opened_image(path) as image:
            return Source((PageWords((), fitted_size(*image.size)),), 1)
    with _LOCK, _opened_pdf(path) as document:
        count = len(document)
        pages: list[PageWords] = []
        while len(pages) < min(count, MAX_PAGES_READ):
            pages.append(_page_words(document, len(pages)))
            if sum(len(p.words) for p in pages) > MAX_WORDS:
                break
        return Source(tuple(pages), count)


def page_words(path: Path, page: int) -> PageWords:
    """Take the words of one page, counted from 1; an image gives none.

    Raises:
        UnreadableDocument: The file or its first page is damaged or protected.
        NoSuchPage: The document has no such page.
        OSError: The file can't be read from the disk.
    """
    if _kind(path) != "pdf":
        _check_number(page, 1)
        with _LOCK, opened_image(path) as image:
            return PageWords((), fitted_size(*image.size))
    with _LOCK, _opened_pdf(path) as document:
        _check_number(page, len(document))
        return _page_words(document, page - 1)


def check_page(path: Path, page: int) -> None:
    """Say whether a document has a page, without drawing it; raises as `page_image` does."""
    if _kind(path) != "pdf":
        _check_number(page, 1)
        return
    with _LOCK, _opened_pdf(path) as document:
        _check_number(page, len(document))


def page_image(path: Path, page: int) -> bytes:
    """Draw a page at the scale that all boxes use, 200 dots per inch (less for giant sheets).

    Args:
        path: A PDF, JPEG or PNG file.
        page: The page's number, from 1.

    Returns:
        The picture as PNG.

    Raises:
        UnreadableDocument: The file or the page is damaged or protected.
        NoSuchPage: The document has no such page.
        OSError: The file can't be read from the disk.
    """
    if _kind(path) != "pdf":
        _check_number(page, 1)
        with _LOCK, opened_image(path) as image:
            return png_of(fitted_image(image))
    with _LOCK, _opened_pdf(path) as document:
        _check_number(page, len(document))
        with _opened_page(document, page - 1) as opened:
            scale = _scale(*opened.get_size())
            bitmap = opened.render(scale=scale)
            try:
                return png_of(bitmap.to_pil())
            finally:
                bitmap.close()


def _check_number(page: int, count: int) -> None:
    if not 1 <= page <= count:
        raise NoSuchPage(f"There is no page {page}: the document has pages 1 to {count}.")


def _kind(path: Path) -> str:
    """Tell a file's kind by its first bytes."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(_HEADER_REACH)
    if size > MAX_FILE_BYTES:
        raise UnreadableDocument("The file is larger than 512 MB.")
    if not head:
        raise UnreadableDocument("The file is empty.")
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if b"%PDF-" in head:
        return "pdf"
    raise UnreadableDocument("The file is neither a PDF nor a JPEG or PNG image.")


@contextmanager
def _opened_pdf(path: Path) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise UnreadableDocument(_pdf_reason(path, error)) from error
    try:
        if len(document) < 1:
            raise UnreadableDocument("The PDF has no pages.")
        yield document
    finally:
        document.close()


def _pdf_reason(path: Path, error: pdfium.PdfiumError) -> str:
    """Say why pdfium could not open a file."""
    reason = _PDF_ERRORS.get(error.err_code, _DAMAGED_PDF)
    # pdfium's last error can be that of an earlier file, so a password needs a second witness.
    if error.err_code == pdfium_c.FPDF_ERR_PASSWORD and not _mentions(path, b"/Encrypt"):
        return _DAMAGED_PDF
    return reason


def _mentions(path: Path, text: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


@contextmanager
def _opened_page(document: pdfium.PdfDocument, index: int) -> Iterator[pdfium.PdfPage]:
    try:
        page = document[index]
    except pdfium.PdfiumError as error:
        raise UnreadableDocument("A page of the PDF is damaged.") from error
    try:
        yield page
    except pdfium.PdfiumError as error:
        raise UnreadableDocument("A page of the PDF is damaged.") from error
    finally:
        page.close()


def _scale(width: float, height: float) -> float:
    longest = max(width, height, 1.0)
    return min(DPI / 72, MAX_SIDE / longest)


def _page_words(document: pdfium.PdfDocument, index: int) -> PageWords:
    try:
        with _opened_page(document, index) as page:
            width, height = page.get_size()
            scale = _scale(width, height)
            size = (math.ceil(width * scale), math.ceil(height * scale))
            textpage = page.get_textpage()
            try:
                to_pixels = _PageToPixels(page, *size)
                words = words_from_chars(_chars(textpage, to_pixels), index + 1)
            finally:
                textpage.close()
    except UnreadableDocument:
        if index == 0:
            raise
        # One broken page must not cost the rest of the document.
        return PageWords((), (1.0, 1.0))
    visible = (w for w in words if w.x2 > 0 and w.y2 > 0 and w.x1 < size[0] and w.y1 < size[1])
    return PageWords(tuple(visible), size)


class _PageToPixels:
    """The page's own coordinates, whatever its rotation and crop box, to pixels of its image."""

    def __init__(self, page: pdfium.PdfPage, width: int, height: int) -> None:
        def page_point(x: int, y: int) -> tuple[float, float]:
            px, py = ctypes.c_double(), ctypes.c_double()
            pdfium_c.FPDF_DeviceToPage(
                page, 0, 0, width, height, 0, x, y, ctypes.byref(px), ctypes.byref(py)
            )
            return px.value, py.value

        self.x0, self.y0 = page_point(0, 0)
        x_end, y_end = page_point(width, 0), page_point(0, height)
        # Columns: what one pixel to the right, and one down, mean on the page.
        ax, ay = (x_end[0] - self.x0) / width, (x_end[1] - self.y0) / width
        bx, by = (y_end[0] - self.x0) / height, (y_end[1] - self.y0) / height
        determinant = ax * by - ay * bx or 1.0
        self.xx, self.xy = by / determinant, -bx / determinant
        self.yx, self.yy = -ay / determinant, ax / determinant

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        dx, dy = x - self.x0, y - self.y0
        return self.xx * dx + self.xy * dy, self.yx * dx + self.yy * dy


_SPACE = Char(" ", 0, 0, 0, 0, 0, 0)
_GUESSED_SPACE = Char(GUESSED_SPACE, 0, 0, 0, 0, 0, 0)


def _chars(textpage: pdfium.PdfTextPage, to_pixels: _PageToPixels) -> Iterator[Char]:
    """Give the page's characters that stand upright in its image, spaces between them kept."""
    raw = textpage.raw
    left, right, bottom, top, x, y = (ctypes.c_double() for _ in range(6))
    box_refs = tuple(map(ctypes.byref, (left, right, bottom, top)))
    x_ref, y_ref = ctypes.byref(x), ctypes.byref(y)
    loose = pdfium_c.FS_RECTF()
    loose_ref = ctypes.byref(loose)
    unicode_of, box_of = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetCharBox
    generated = pdfium_c.FPDFText_IsGenerated
    for i in range(min(pdfium_c.FPDFText_CountChars(raw), MAX_CHARS_PER_PAGE)):
        text = _printable(unicode_of(raw, i))
        if text == " " or not box_of(raw, i, *box_refs):
            yield _GUESSED_SPACE if generated(raw, i) == 1 else _SPACE
            continue
        pdfium_c.FPDFText_GetCharOrigin(raw, i, x_ref, y_ref)
        pdfium_c.FPDFText_GetLooseCharBox(raw, i, loose_ref)
        xs, ys = zip(
            to_pixels(left.value, bottom.value), to_pixels(right.value, top.value), strict=True
        )
        _, lower = to_pixels(loose.left, loose.bottom)
        _, upper = to_pixels(loose.right, loose.top)
        _, baseline = to_pixels(x.value, y.value)
        if _is_upright(pdfium_c.FPDFText_GetCharAngle(raw, i), to_pixels):
            size = abs(lower - upper)
            yield Char(text, min(xs), min(ys), max(xs), max(ys), baseline, size)


def _printable(code: int) -> str:
    """Map a character code to text, and all that prints nothing to a space."""
    if code in (0x02, 0xAD, 0xFFFE):
        return "-"
    if code <= 0x20 or 0x7F <= code <= 0xA0 or 0x2000 <= code <= 0x200F or code == 0x3000:
        return " "
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return "\ufffd"
    return chr(code)


def _is_upright(angle: float, to_pixels: _PageToPixels) -> bool:
    """Whether a character drawn at an angle on the page stands upright in the page's image."""
    # pdfium counts clockwise, while the page's y axis points up.
    dx, dy = math.cos(angle), -math.sin(angle)
    across = to_pixels.xx * dx + to_pixels.xy * dy
    down = to_pixels.yx * dx + to_pixels.yy * dy
    return across > 0 and abs(down) < 0.2 * across
