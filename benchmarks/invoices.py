"""Invoices to upload: small real PDFs, each with a content of its own.

As a scanner makes them: a page with some text, and a picture that fills the rest of the size.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

__all__ = ["invoice_pdf", "write_invoices"]


def write_invoices(folder: Path, count: int, size_bytes: int = 30_000) -> None:
    """Write so many into a new folder."""
    folder.mkdir()
    for number in range(count):
        (folder / f"invoice-{number:06d}.pdf").write_bytes(invoice_pdf(number, size_bytes))


def invoice_pdf(number: int, size_bytes: int) -> bytes:
    """Make one of about this size, which is some kilobytes at least."""
    side = int(max(1, size_bytes - 1_000) ** 0.5)
    picture = Random(number).randbytes(side * side)
    text = (
        f"BT /F 12 Tf 50 780 Td (Invoice Number: INV-{number:06d}) Tj "
        f"0 -20 Td (Invoice Date: 26-Jul-2025) Tj 0 -20 Td (Total: {number}.00 EUR) Tj ET "
        "q 300 0 0 300 50 300 cm /I Do Q"
    ).encode()
    return _pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>/XObject<</I 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray"
        b"/BitsPerComponent 8/Length %d>>stream\n%b\nendstream"
        % (side, side, len(picture), picture),
    )


def _pdf_of(*objects: bytes) -> bytes:
    """Put objects into a file, of which the first is the catalogue."""
    written, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, content in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(written)
        written += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    size = len(objects) + 1
    trailer = b"xref\n0 %d\n%btrailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return written + trailer % (size, table, size, len(written))
