"""Boxes: in pixels of the page image, on the words, whatever the page's size and rotation."""

from __future__ import annotations

import io
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from fpdf import FPDF
from PIL import Image, ImageOps

from klearstack_async.sandbox.reading import DPI, ReadField, page_image, read_document

NUMBER = "INV-20417"


def write_invoice(path: Path, *, width: float = 210, height: float = 297) -> Path:
    pdf = FPDF(unit="mm", format=(width, height))
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    pdf.text(20, 30, "Invoice number:")
    pdf.text(70, 30, NUMBER)
    pdf.text(20, 40, "Total: EUR 1,234.50")
    pdf.output(str(path))
    return path


ODD_TYPE = """%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R
/Resources<</Font<</F 5 0 R>>>>>> endobj
4 0 obj <</Length {length}>> stream
{text}
endstream endobj
5 0 obj <</Type/Font/Subtype/TrueType/BaseFont/CourierNew/FontDescriptor 6 0 R
/FirstChar 32/LastChar 126/Widths[{widths}]/Encoding/WinAnsiEncoding>> endobj
6 0 obj <</Type/FontDescriptor/FontName/CourierNew/Flags 33/FontBBox[0 -50 600 {ascent}]
/Ascent {ascent}/Descent -50/CapHeight {ascent}/ItalicAngle 0/StemV 80>> endobj
trailer <</Root 1 0 R/Size 7>>
%%EOF
"""


def write_odd_type(path: Path, *, ascent: int, points: float) -> Path:
    """Write an invoice in a font that says of itself how high its letters are."""
    text = f"BT /F 11 Tf 60 700 Td (Invoice number:) Tj /F {points} Tf 150 0 Td ({NUMBER}) Tj ET"
    widths = " ".join(["600"] * 95)
    path.write_text(
        ODD_TYPE.format(length=len(text), text=text, widths=widths, ascent=ascent), "latin-1"
    )
    return path


def altered(path: Path, *, rotation: int = 0, crop: tuple[float, ...] | None = None) -> Path:
    document = pdfium.PdfDocument(path)
    try:
        page = document[0]
        page.set_rotation(rotation)
        if crop:
            page.set_cropbox(*crop)
        out = path.with_name("altered.pdf")
        document.save(out)
    finally:
        document.close()
    return out


def number_of(path: Path) -> ReadField:
    return next(f for f in read_document(path).fields if f.name == "Inv_Number")


def image_of(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(page_image(path, 1))).convert("L")


def ink_box(image: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    return ImageOps.invert(image.crop(box)).point(lambda p: 255 if p > 100 else 0).getbbox()


def test_the_image_has_200_dots_per_inch(tmp_path: Path) -> None:
    assert DPI == 200
    assert image_of(write_invoice(tmp_path / "a.pdf")).size == (1654, 2339)


@pytest.mark.parametrize("crop", [None, (30.0, 400.0, 500.0, 820.0)], ids=["whole", "cropped"])
def test_a_box_is_filled_with_the_ink_of_its_words(
    crop: tuple[float, ...] | None, tmp_path: Path
) -> None:
    path = altered(write_invoice(tmp_path / "a.pdf"), crop=crop)
    field = number_of(path)
    x1, y1, x2, y2 = field.box
    ink = ink_box(image_of(path), field.box)
    assert field.value == NUMBER
    assert ink is not None
    # The ink reaches every edge of the box to a few pixels, so it is not a box of something else.
    assert ink[0] <= 4
    assert ink[1] <= 4
    assert x2 - x1 - ink[2] <= 4
    assert y2 - y1 - ink[3] <= 4
    around = (x1 - 20, y1 - 12, x2 + 20, y2 + 12)
    wider = ink_box(image_of(path), around)
    assert wider is not None
    # And nothing of the word sticks out of it.
    assert wider[0] >= 20 - 2
    assert wider[2] <= x2 - x1 + 20 + 2


@pytest.mark.parametrize("ascent", [250, 750, 1300], ids=["too low", "right", "too high"])
@pytest.mark.parametrize("points", [6, 8, 11.5, 20])
def test_a_box_keeps_all_ink_clear_of_its_edges(ascent: int, points: float, tmp_path: Path) -> None:
    path = write_odd_type(tmp_path / "a.pdf", ascent=ascent, points=points)
    field = number_of(path)
    x1, y1, x2, y2 = field.box
    # The faintest grey of anti-aliasing counts.
    reach = 6
    around = image_of(path).crop((x1 - reach, y1 - reach, x2 + reach, y2 + reach))
    ink = ImageOps.invert(around).getbbox()
    assert field.value == NUMBER
    assert ink is not None
    margins = (ink[0], ink[1], around.width - ink[2], around.height - ink[3])
    assert all(1 <= margin - reach <= 4 for margin in margins)


@pytest.mark.parametrize("points", [5, 7, 10])
def test_a_box_does_not_reach_the_lines_around_it(points: float, tmp_path: Path) -> None:
    pdf = FPDF(unit="pt")
    pdf.add_page()
    pdf.set_font("Helvetica", size=points)
    for n, text in enumerate(("Jgpqy place", f"Invoice number: {NUMBER}", "Jgpqy place")):
        pdf.text(60, 100 + n * 1.15 * points, text)
    path = tmp_path / "a.pdf"
    pdf.output(str(path))
    _, y1, _, y2 = number_of(path).box
    descent, cap_height = 0.21 * points, 0.72 * points
    above, below = 100 + descent, 100 + 2 * 1.15 * points - cap_height
    assert above * DPI / 72 - 1 <= y1
    assert y2 <= below * DPI / 72 + 1


def test_the_currencys_box_is_at_the_total(tmp_path: Path) -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    rows = (("Subtotal", "$ 100.00"), ("Tax", "$ 20.00"), ("Total", "$ 120.00"), ("Fee", "$ 0.00"))
    for n, (label, amount) in enumerate(rows):
        pdf.text(20, 40 + 6 * n, label)
        pdf.text(60, 40 + 6 * n, amount)
    path = tmp_path / "a.pdf"
    pdf.output(str(path))
    boxes = {f.name: f.box for f in read_document(path).fields}
    assert boxes["Currency"][:2] == boxes["Inv_Total"][:2]


def test_a_box_agrees_with_pdfiums_own_search(tmp_path: Path) -> None:
    path = write_invoice(tmp_path / "a.pdf")
    field = number_of(path)
    document = pdfium.PdfDocument(path)
    try:
        page = document[0]
        textpage = page.get_textpage()
        searcher = textpage.search(NUMBER)
        hit = searcher.get_next()
        assert hit is not None
        start, count = hit
        assert textpage.count_rects(start, count) == 1
        left, bottom, right, top = textpage.get_rect(0)
        height = page.get_height()
        searcher.close()
        textpage.close()
        page.close()
    finally:
        document.close()
    scale = DPI / 72
    expected = (left * scale, (height - top) * scale, right * scale, (height - bottom) * scale)
    assert field.box == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_text_that_a_turned_page_shows_lying_is_not_read_as_if_it_stood(
    rotation: int, tmp_path: Path
) -> None:
    path = altered(write_invoice(tmp_path / "a.pdf"), rotation=rotation)
    assert read_document(path).fields == ()


def test_text_that_stands_upright_on_a_turned_page_is_read(tmp_path: Path) -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    with pdf.rotation(90, 60, 100):
        pdf.text(60, 100, f"Invoice number: {NUMBER}")
    path = tmp_path / "a.pdf"
    pdf.output(str(path))
    turned = altered(path, rotation=90)
    field = number_of(turned)
    assert field.value == NUMBER
    assert image_of(turned).size == (2339, 1654)
    assert ink_box(image_of(turned), field.box) is not None
    x1, y1, x2, y2 = field.box
    assert x2 - x1 > 3 * (y2 - y1)


def test_a_giant_sheet_is_scaled_down_in_image_and_boxes_alike(tmp_path: Path) -> None:
    path = write_invoice(tmp_path / "a.pdf", width=3000, height=2000)
    image = image_of(path)
    assert max(image.size) == 5000
    ink = ink_box(image, number_of(path).box)
    assert ink is not None


def test_a_page_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write_invoice(tmp_path / "a.pdf")
    for page in (0, 2, -1):
        with pytest.raises(ValueError, match="no page"):
            page_image(path, page)


def test_an_images_picture_is_the_image_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (60, 40), "white").save(path, exif=exif)
    assert image_of(path).size == (40, 60)
    with pytest.raises(ValueError, match="no page"):
        page_image(path, 2)
