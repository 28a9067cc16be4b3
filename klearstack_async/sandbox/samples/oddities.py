"""The files that are hard on a reader: pages without text, and a file that does not open.

Each starts as an ordinary invoice, which is then scanned, photographed or cut.
"""

from datetime import UTC, date, datetime
from io import BytesIO

import pypdfium2
from fpdf import FPDF
from PIL import Image, ImageChops, ImageFilter

from klearstack_async.sandbox.samples import locales
from klearstack_async.sandbox.samples.catalog import buyers, suppliers
from klearstack_async.sandbox.samples.layouts import draw_pdf
from klearstack_async.sandbox.samples.model import Invoice, item, levy

SCANNED_AT = datetime(2025, 6, 18, 8, 30, tzinfo=UTC)
DOTS_PER_INCH = 150
PAPER = (250, 249, 245)
DESK = (118, 84, 56)

SCANNED = Invoice(
    file_name="scan_2025-06-18.pdf",
    layout="letter",
    locale=locales.GERMANY,
    number="25-1177",
    issued=date(2025, 6, 16),
    due=date(2025, 6, 30),
    supplier=suppliers.ELBE_DRUCK,
    buyer=buyers.WERFT_SUED,
    currency="EUR",
    money="{} €",
    items=(
        item("Visitenkarten, 12 Namen je 250 Stück", "12", "34.50", "Satz"),
        item("Plakate A1, wetterfest", "40", "11.80", "Stück"),
    ),
    levies=(levy("19"),),
)
PHOTOGRAPHED = Invoice(
    file_name="photo_receipt.jpg",
    layout="slip",
    locale=locales.UNITED_STATES.saying(total="TOTAL"),
    number="0088-3391",
    issued=date(2025, 9, 3),
    supplier=suppliers.CORNER_STAPLE,
    buyer=buyers.CASCADE,
    currency="USD",
    money="${}",
    items=(
        item("Appointment cards, 500 ct", "3", "42.00"),
        item("Toner cartridge, cyan", "2", "118.49"),
        item("Clipboard, letter size", "12", "3.29"),
    ),
    levies=(levy("8.875"),),
)
CUT = Invoice(
    file_name="upload_interrupted.pdf",
    layout="band",
    locale=locales.UNITED_STATES,
    number="INV-20418",
    issued=date(2025, 7, 28),
    supplier=suppliers.LUMEN,
    buyer=buyers.TALLGRASS,
    currency="USD",
    money="${}",
    items=(item("Harbor Cloud, Starter plan", "6", "96.00", "seat"),),
)


def scan_pdf() -> bytes:
    """Return a PDF whose only page is a slightly crooked grey scan, without a text layer."""
    page = _picture_of(SCANNED).convert("L")
    crooked = page.rotate(0.6, Image.Resampling.BICUBIC, fillcolor=238)
    soft = _shade(crooked, darkest=226).filter(ImageFilter.GaussianBlur(0.6))
    scan = FPDF()
    scan.set_creation_date(SCANNED_AT)
    scan.add_page()
    scan.image(BytesIO(_jpeg(soft)), 0, 0, scan.w, scan.h)
    return bytes(scan.output())


def photograph() -> bytes:
    """Return a JPEG of a slip lying on a desk."""
    picture = _picture_of(PHOTOGRAPHED)
    slip = ImageChops.multiply(picture, Image.new("RGB", picture.size, PAPER))
    width, height = slip.size
    desk = Image.new("RGB", (width + 220, height + 200), DESK)
    desk.paste(slip, (110, 100))
    turned = desk.rotate(-2.2, Image.Resampling.BICUBIC, fillcolor=DESK)
    return _jpeg(_shade(turned, darkest=196).filter(ImageFilter.GaussianBlur(0.5)))


def cut_pdf() -> bytes:
    """Return the first half of a PDF: its header is right, but no page can be found."""
    whole = draw_pdf(CUT)
    return whole[: len(whole) // 2]


def _picture_of(invoice: Invoice) -> Image.Image:
    with pypdfium2.PdfDocument(draw_pdf(invoice)) as document:
        picture: Image.Image = document[0].render(scale=DOTS_PER_INCH / 72).to_pil()
    return picture.convert("RGB")


def _shade(picture: Image.Image, *, darkest: int) -> Image.Image:
    """Darken a picture towards its foot, as light from one side does."""
    light = Image.linear_gradient("L").point(lambda step: 255 - step * (255 - darkest) // 255)
    return ImageChops.multiply(picture, light.resize(picture.size).convert(picture.mode))


def _jpeg(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", quality=72, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    return file.getvalue()
