"""The credit note: what it corrects in a panel, amounts as they are given back, the reason."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import GREY, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 20
COLUMNS = (
    Column("sku", 22),
    Column("item"),
    Column("quantity", 15, "R"),
    Column("price", 28, "R"),
    Column("rate", 15, "R"),
    Column("amount", 27, "R"),
)


def draw_credit(invoice: Invoice) -> Sheet:
    """Draw the credit note, on one page."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    _draw_head(sheet, invoice, right)
    y = _draw_panel(sheet, invoice, 52, right)
    look = Look(
        head=Ink(8.5, "B"),
        body=Ink(9.5),
        head_fill=tint(invoice.accent, 0.14),
        line=tint(invoice.accent, 0.3),
        padding=2.2,
    )
    place = Place(left=LEFT, right=right, top=y + 8, bottom=sheet.h, turn_page=lambda: LEFT)
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    y = blocks.draw_totals(sheet, right - 84, right - 1.6, y + 8, invoice, ink=Ink(9.5))
    blocks.draw_paragraphs(sheet, LEFT, y + 6, invoice.notes, Ink(9), width=right - LEFT)
    blocks.draw_foot(sheet, invoice, LEFT, right)
    return sheet


def _draw_head(sheet: Sheet, invoice: Invoice, right: float) -> None:
    title = blocks.title(invoice)
    sheet.put(LEFT, 24, title.upper(), Ink(21 if len(title) < 16 else 16, "B", invoice.accent))
    sheet.put(LEFT, 32, invoice.supplier.name, Ink(11, "B"))
    blocks.draw_lines(sheet, LEFT, 37, invoice.supplier.address[:2], Ink(8.5, colour=GREY))
    blocks.draw_mark(sheet, invoice, right - 16, 16, 16)


def _draw_panel(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    """Draw facts and buyer in one frame, as high as the longer of the two."""
    pairs = blocks.facts(invoice)
    lines = len(blocks.party_lines(invoice.buyer)) + 2
    height = max(len(pairs) * 5.6, lines * 4.8) + 8
    middle = LEFT + (right - LEFT) * 0.52
    sheet.frame(LEFT, y, right - LEFT, height, invoice.accent)
    sheet.post(middle, y, y + height, invoice.accent)
    blocks.draw_pairs(sheet, LEFT + 4, middle - 4, y + 7.5, pairs, ink=Ink(9.5))
    label = Ink(8, colour=invoice.accent)
    sheet.put(middle + 4, y + 7.5, invoice.locale.words.buyer, label)
    blocks.draw_party(sheet, middle + 4, y + 13, invoice.buyer, Ink(9.5))
    return y + height
