"""The service invoice: a few lines, and a slip at the foot to tear off and pay with."""

from hashlib import shake_256

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import BLACK, GREY, WHITE, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 20
SLIP = 92
CODE = 25
RECEIPT = 66
COLUMNS = (
    Column("item"),
    Column("quantity", 18, "R"),
    Column("unit", 18),
    Column("price", 30, "R"),
    Column("amount", 32, "R"),
)


def draw_coupon(invoice: Invoice) -> Sheet:
    """Draw the invoice above its payment slip, on one page."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    y = _draw_head(sheet, invoice, right)
    look = Look(head=Ink(8.5, "B"), body=Ink(9.5), line=None, padding=1.7)
    sheet.rule(LEFT, y + 8, right, invoice.accent, 0.5)
    place = Place(left=LEFT, right=right, top=y + 9, bottom=sheet.h, turn_page=lambda: LEFT)
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    sheet.rule(LEFT, y + 1, right, invoice.accent, 0.5)
    y = blocks.draw_totals(sheet, right - 78, right - 1.6, y + 7, invoice, ink=Ink(9.5))
    small = Ink(8.5, colour=GREY)
    blocks.draw_paragraphs(sheet, LEFT, y + 2, blocks.closing(invoice), small, width=right - LEFT)
    _draw_slip(sheet, invoice, sheet.h - SLIP)
    return sheet


def _draw_head(sheet: Sheet, invoice: Invoice, right: float) -> float:
    party = invoice.supplier
    blocks.draw_mark(sheet, invoice, LEFT, 14, 11)
    sheet.put(LEFT + 15, 19, party.name, Ink(12, "B"))
    one_line = ", ".join(blocks.party_lines(party))
    sheet.put(LEFT + 15, 24, one_line, Ink(8, colour=GREY))
    sheet.put(LEFT, 42, blocks.title(invoice), Ink(18, "B", invoice.accent))
    pairs = blocks.facts(invoice)
    for number, (label, value) in enumerate(pairs):
        y = 50 + number * 5.4
        sheet.put(LEFT, y, f"{label}:", Ink(9, colour=GREY))
        sheet.put(LEFT + 38, y, value, Ink(9.5))
    end = blocks.draw_party(sheet, right - 66, 50, invoice.buyer, Ink(10))
    return max(end, 50 + len(pairs) * 5.4)


def _draw_slip(sheet: Sheet, invoice: Invoice, top: float) -> None:
    words = invoice.locale.words
    sheet.dash(0, top, sheet.w, top)
    sheet.dash(RECEIPT, top, RECEIPT, sheet.h)
    sheet.put(sheet.w / 2, top - 1.5, words.slip_note, Ink(7, colour=GREY), "C")
    sheet.fill(RECEIPT + 6, top + 14, 46, 46, tint(invoice.accent, 0.1))
    _draw_code(sheet, invoice, RECEIPT + 9, top + 17)
    sheet.put(8, top + 9, invoice.supplier.name, Ink(9, "B"))
    sheet.put(RECEIPT + 6, top + 9, words.slip, Ink(11, "B"))
    right = RECEIPT + 60
    _draw_slip_facts(sheet, invoice, 8, top + 18, Ink(8))
    _draw_slip_facts(sheet, invoice, right, top + 18, Ink(9.5))


def _draw_slip_facts(sheet: Sheet, invoice: Invoice, x: float, y: float, ink: Ink) -> None:
    words, party = invoice.locale.words, invoice.supplier
    total = blocks.total_rows(invoice)[-1]
    parts = [
        (words.bank, [*party.bank, party.name]),
        (words.reference, [invoice.number]),
        (words.buyer, [invoice.buyer.name, *invoice.buyer.address[:2]]),
        (total.label, [total.text]),
    ]
    for label, lines in parts:
        sheet.put(x, y, label, ink.bold().sized(ink.size * 0.75))
        y = blocks.draw_lines(sheet, x, y + ink.size * 0.45, lines, ink) + ink.size * 0.25


def _draw_code(sheet: Sheet, invoice: Invoice, x: float, y: float) -> None:
    """Draw what looks like a square code; its dots follow the number, and mean nothing."""
    bits = int.from_bytes(shake_256(invoice.number.encode()).digest(CODE * CODE // 8 + 1))
    size = 40 / CODE
    for place in range(CODE * CODE):
        if bits >> place & 1:
            row, column = divmod(place, CODE)
            sheet.fill(x + column * size, y + row * size, size, size, BLACK)
    for row, column in ((0, 0), (0, CODE - 7), (CODE - 7, 0)):
        left, top = x + column * size, y + row * size
        for inset, colour in enumerate((BLACK, WHITE, BLACK)):
            side = (7 - 2 * inset) * size
            sheet.fill(left + inset * size, top + inset * size, side, side, colour)
