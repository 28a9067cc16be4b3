"""The classic letter: address in the envelope's window, labels and values to its right."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import GREY, Ink, Sheet
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 24
TEXT = Ink(9.5)
COLUMNS = (
    Column("position", 10),
    Column("sku", 19),
    Column("item"),
    Column("quantity", 14.5, "R"),
    Column("unit", 15.5),
    Column("price", 21, "R"),
    Column("rate", 13, "R"),
    Column("amount", 22, "R"),
)


def draw_letter(invoice: Invoice) -> Sheet:
    """Draw the invoice as a letter, over as many pages as it needs."""
    sheet = Sheet(invoice)
    right = sheet.w - 18
    _draw_head(sheet, invoice, right)
    _draw_address(sheet, invoice)
    blocks.draw_pairs(sheet, right - 70, right, 54, blocks.facts(invoice), ink=TEXT)
    sheet.put(LEFT, 104, f"{blocks.title(invoice)} {invoice.number}", Ink(15, "B"))
    look = Look(head=Ink(8.5, "B", invoice.accent), body=Ink(9), padding=1.9)
    place = Place(
        left=LEFT,
        right=right,
        top=109,
        bottom=sheet.h - 52,
        turn_page=lambda: _turn_page(sheet, invoice, right),
    )
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    y = blocks.draw_totals(sheet, right - 82, right - 1.6, y + 8, invoice, ink=TEXT)
    blocks.draw_paragraphs(sheet, LEFT, y + 6, blocks.closing(invoice), TEXT, width=right - LEFT)
    return sheet


def _draw_head(sheet: Sheet, invoice: Invoice, right: float) -> None:
    name = Ink(15, "B", invoice.accent)
    blocks.draw_mark(sheet, invoice, right - 13, 13, 13)
    sheet.put(right - 17, 21, invoice.supplier.name, name, "R")
    if invoice.supplier.contact:
        sheet.put(right - 17, 26, invoice.supplier.contact[-1], Ink(8, colour=GREY), "R")
    sheet.rule(LEFT, 31, right, invoice.accent, 0.5)
    _draw_page_foot(sheet, invoice, right)


def _draw_address(sheet: Sheet, invoice: Invoice) -> None:
    sender = " · ".join((invoice.supplier.name, *invoice.supplier.address[:2]))
    ink = Ink(6.5, colour=GREY)
    sheet.put(LEFT, 50, sender, ink)
    sheet.rule(LEFT, 51.2, LEFT + sheet.measure(sender, ink), GREY, 0.1)
    blocks.draw_party(sheet, LEFT, 58, invoice.buyer, Ink(10))


def _draw_page_foot(sheet: Sheet, invoice: Invoice, right: float) -> None:
    blocks.draw_foot(sheet, invoice, LEFT, right)
    blocks.draw_page_number(sheet, invoice, sheet.w / 2)


def _turn_page(sheet: Sheet, invoice: Invoice, right: float) -> float:
    sheet.add_page()
    sheet.put(LEFT, 20, invoice.supplier.name, Ink(10, "B", invoice.accent))
    sheet.put(right, 20, f"{blocks.title(invoice)} {invoice.number}", Ink(9, colour=GREY), "R")
    sheet.rule(LEFT, 23, right, invoice.accent, 0.5)
    _draw_page_foot(sheet, invoice, right)
    return 30
