"""The form: every fact in a cell of its own, its label small above the value."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import GREY, PALE, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 15
CELL = 14
COLUMNS = (
    Column("sku", 20),
    Column("item"),
    Column("quantity", 16, "R"),
    Column("unit", 13),
    Column("price", 28, "R"),
    Column("rate", 16, "R"),
    Column("amount", 26, "R"),
)


def draw_grid(invoice: Invoice) -> Sheet:
    """Draw the invoice as a form of one page."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    _draw_head(sheet, invoice, right)
    y = _draw_facts(sheet, invoice, 50, right)
    y = _draw_buyer(sheet, invoice, y + 6, right)
    look = Look(
        head=Ink(8, "B"), body=Ink(9), head_fill=tint(invoice.accent, 0.18), line=PALE, padding=2.2
    )
    place = Place(left=LEFT, right=right, top=y + 6, bottom=sheet.h, turn_page=lambda: LEFT)
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    y = _draw_totals(sheet, invoice, y + 8, right)
    blocks.draw_paragraphs(
        sheet, LEFT, y + 9, blocks.closing(invoice), Ink(8.5), width=right - LEFT
    )
    _draw_bank(sheet, invoice, right)
    return sheet


def _draw_head(sheet: Sheet, invoice: Invoice, right: float) -> None:
    party = invoice.supplier
    blocks.draw_mark(sheet, invoice, LEFT, 14, 12)
    sheet.put(LEFT + 16, 19, party.name, Ink(13, "B"))
    blocks.draw_lines(sheet, LEFT + 16, 24, blocks.party_lines(party), Ink(8, colour=GREY))
    sheet.put(right, 21, blocks.title(invoice).upper(), Ink(20, "B", invoice.accent), "R")
    blocks.draw_lines(sheet, right, 27, party.contact, Ink(8, colour=GREY), align="R")


def _draw_facts(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    pairs = blocks.facts(invoice)
    across = min(len(pairs), 4)
    width = (right - LEFT) / across
    for number, pair in enumerate(pairs):
        left, top = LEFT + number % across * width, y + number // across * CELL
        sheet.frame(left, top, width, CELL)
        blocks.draw_stacked(sheet, left + 2.5, top + 5, pair, Ink(10, "B"))
    return y + -(-len(pairs) // across) * CELL


def _draw_buyer(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    half = (right - LEFT) / 2
    height = 10 + 4.6 * (1 + len(blocks.party_lines(invoice.buyer)))
    sheet.fill(LEFT + half, y, half, height, tint(invoice.accent, 0.08))
    sheet.put(LEFT + half + 4, y + 6, invoice.locale.words.buyer, Ink(7.5, colour=invoice.accent))
    blocks.draw_party(sheet, LEFT + half + 4, y + 11.5, invoice.buyer, Ink(9.5))
    return y + height


def _draw_totals(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    rows = blocks.total_rows(invoice)
    width = (right - LEFT) / max(len(rows), 3)
    left = right - width * len(rows)
    for row in rows:
        if row.grand:
            sheet.fill(left, y, width, CELL + 2, tint(invoice.accent, 0.18))
        sheet.frame(left, y, width, CELL + 2)
        sheet.put(left + 2.5, y + 5, row.label, Ink(7.5, colour=GREY))
        ink = Ink(12 if row.grand else 10.5, "B" if row.grand else "")
        sheet.put(left + width - 2.5, y + 12, row.text, ink, "R")
        left += width
    return y + CELL + 2


def _draw_bank(sheet: Sheet, invoice: Invoice, right: float) -> None:
    y = sheet.h - 22
    sheet.rule(LEFT, y - 5, right, invoice.accent, 0.4)
    bank = " · ".join(invoice.supplier.bank)
    if bank:
        sheet.put(LEFT, y, f"{invoice.locale.words.bank}: {bank}", Ink(8))
    ends = [invoice.supplier.name, *invoice.supplier.address, invoice.supplier.tax_id]
    sheet.put(LEFT, y + 5, " · ".join(filter(None, ends)), Ink(7, colour=GREY))
