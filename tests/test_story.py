"""One document from upload to decision, as the people in an accounts department see it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from documents import invoice_pdf
from PIL import Image

from klearstack_async import BadRequest, Box, FieldUpdate, KlearStack


def ink_in(image: Image.Image, box: Box) -> tuple[float, float]:
    """Say which part of a box's width and height the dark pixels in it span."""
    inside = image.convert("L").crop(tuple(round(edge) for edge in box))  # type: ignore[arg-type]
    x1, y1, x2, y2 = inside.point(lambda value: 255 * (value < 128)).getbbox() or (0, 0, 0, 0)
    return (x2 - x1) / inside.width, (y2 - y1) / inside.height


async def test_approve_reject_twice_correct_read_back_list_and_look_at_the_page(
    ks: KlearStack, tmp_path: Path
) -> None:
    upload = await ks.uploads.document(invoice_pdf("INV-77"), filename="invoice.pdf")
    batch = await ks.results.wait(upload.batch_id, expected=1)
    document_id = batch.documents[0].document_id
    assert document_id is not None
    assert len(await ks.results.modified()) == 0

    # Approve it, and see that it is.
    said = await ks.documents.approve(document_id, comment="ok")
    assert said.message == "Document updated successfully"
    today = datetime.now(UTC).date()
    assert [d.document_id for d in await ks.results.approved(today, today)] == [document_id]
    assert (await ks.documents.get(document_id)).is_approved is True

    # Reject it; the second time is refused, and nothing is doubted.
    await ks.documents.reject(document_id, comment="wrong buyer")
    with pytest.raises(BadRequest, match="Document is already rejected"):
        await ks.documents.reject(document_id, comment="wrong buyer")
    assert len(await ks.results.approved(today, today)) == 0

    # Correct the date, and read it back.
    place = (10.0, 20.0, 110.0, 40.0)
    update = FieldUpdate("02-Oct-2022", box=place)
    await ks.documents.update(document_id, {"doc_date_value": update})
    document = await ks.documents.get(document_id)
    assert document["Inv_Date"].as_date() == date(2022, 10, 2)
    assert document["Inv_Date"].box == place
    again = await ks.results.in_batch(upload.batch_id)
    assert again.documents[0]["Inv_Date"].value == "02-Oct-2022"

    # It is listed as modified, once.
    modified = await ks.results.modified()
    assert [d.document_id for d in modified] == [document_id]
    assert modified[0]["Inv_Date"].value == "02-Oct-2022"
    assert len(await ks.results.modified()) == 0

    # Its page has the words where the boxes say.
    path = await ks.images.save(document_id, tmp_path / "page.png", page=1)
    number = document["Inv_Number"]
    assert number.box is not None
    with Image.open(path) as image:
        width, height = ink_in(image, number.box)
        assert (width > 0.8, height > 0.5) == (True, True)
        # The same box on an empty part of the page has nothing in it.
        x1, y1, x2, y2 = number.box
        below = image.height - 50
        assert ink_in(image, Box(x1, below, x2, below + (y2 - y1))) == (0, 0)
    assert document.ocr_id is not None
    read = await ks.documents.text_in_box(document.ocr_id, number.box)
    assert read.text is not None
    assert "INV-77" in read.text


async def test_the_pages_of_a_document_are_different_pictures(ks: KlearStack) -> None:
    upload = await ks.uploads.document(two_pages(), filename="two.pdf")
    batch = await ks.results.wait(upload.batch_id, expected=1)
    document_id = str(batch.documents[0].document_id)
    first = await ks.images.get(document_id)
    second = await ks.images.get(document_id, page=2)
    assert first.media_type == second.media_type == "image/png"
    assert first == await ks.images.get(document_id, page=1)
    with Image.open(io.BytesIO(first.data)) as a, Image.open(io.BytesIO(second.data)) as b:
        assert a.size == b.size
        assert a.tobytes() != b.tobytes()
    with pytest.raises(BadRequest, match="page"):
        await ks.images.get(document_id, page=3)


def two_pages() -> bytes:
    from fpdf import FPDF  # noqa: PLC0415 - only here

    pdf = FPDF()
    pdf.set_font("Helvetica", size=12)
    for number in (1, 2):
        pdf.add_page()
        pdf.cell(text=f"Invoice Number: P-{number}")
    return bytes(pdf.output())
