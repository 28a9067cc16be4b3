"""Documents to upload, made here so that no test needs a file that is not in the repository."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from fpdf import FPDF
from PIL import Image


@cache
def invoice_pdf(number: str = "INV-1", total: str = "119.00", owner_password: str = "") -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    for line in (
        "Acme Tools Ltd",
        f"Invoice Number: {number}",
        "Invoice Date: 2025-07-26",
        "Currency: EUR",
        f"Total: {total} EUR",
    ):
        pdf.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
    if owner_password:
        pdf.set_encryption(owner_password=owner_password, user_password=owner_password)
    return bytes(pdf.output())


@cache
def picture_png() -> bytes:
    data = BytesIO()
    Image.new("RGB", (40, 30), "white").save(data, "PNG")
    return data.getvalue()
