"""The modern one: a coloured band at the head, light rows, the total in a filled box."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import GREY, WHITE, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 18
BAND = 44
COLUMNS = (
    Column("item"),
    Column("quantity", 22, "R"),
    Column("unit", 22),
    Column("price", 32, "R"),
    Column("amount", 34, "R"),
)


def draw_band(invoice: Invoice) -> Sheet:
    """Draw the invoice under a coloured band, on one page."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    _draw_band(sheet, invoice, right)
    y = _draw_parties(sheet, invoice, BAND + 14, right)
    look = Look(
        head=Ink(8, "B", invoice.accent),
        body=Ink(9.5),
        stripe=tint(invoice.accent, 0.06),
        line=tint(invoice.accent, 0.25),
        padding=2.8,
    )
    place = Place(left=LEFT, right=right, top=y + 4, bottom=sheet.h, turn_page=lambda: LEFT)
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    blocks.draw_totals_boxed(sheet, right - 80, right - 2, y + 9, invoice, ink=Ink(9.5))
    _draw_bank(sheet, invoice, y + 9)
    sheet.fill(0, sheet.h - 16, sheet.w, 16, tint(invoice.accent, 0.1))
    foot = "   |   ".join(invoice.supplier.contact)
    sheet.put(sheet.w / 2, sheet.h - 7, foot, Ink(8, colour=GREY), "C")
    return sheet


def _draw_band(sheet: Sheet, invoice: Invoice, right: float) -> None:
    party = invoice.supplier
    sheet.fill(0, 0, sheet.w, BAND, invoice.accent)
    sheet.fill(0, BAND, sheet.w, 1.6, tint(invoice.accent, 0.5))
    sheet.put(LEFT, 18, party.name, Ink(15, "B", WHITE))
    blocks.draw_lines(sheet, LEFT, 24.5, blocks.party_lines(party), Ink(8, colour=WHITE))
    sheet.put(right, 24, blocks.title(invoice).upper(), Ink(26, "", WHITE), "R")


def _draw_parties(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    sheet.put(LEFT, y, invoice.locale.words.buyer.upper(), Ink(7.5, "B", invoice.accent))
    end = blocks.draw_party(sheet, LEFT, y + 6, invoice.buyer, Ink(10))
    pairs = blocks.facts(invoice)
    facts_end = blocks.draw_pairs(sheet, right - 78, right, y, pairs, ink=Ink(9.5))
    return max(end, facts_end)


def _draw_bank(sheet: Sheet, invoice: Invoice, y: float) -> None:
    """Write bank and terms in the free half beside the totals."""
    ink, width = Ink(8.5), 82
    if invoice.supplier.bank:
        sheet.put(LEFT, y, invoice.locale.words.bank, ink.bold().coloured(invoice.accent))
        y = blocks.draw_lines(sheet, LEFT, y + 5, invoice.supplier.bank, ink) + 4
    blocks.draw_paragraphs(sheet, LEFT, y, blocks.closing(invoice), ink.coloured(GREY), width=width)
