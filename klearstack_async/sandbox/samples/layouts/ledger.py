"""The full grid: parties side by side in boxes, a table with all its lines, a signature."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice, Party
from klearstack_async.sandbox.samples.sheet import GREY, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import Column, Look, Place, columns_for, draw_items

LEFT = 12
LINE = (90, 92, 98)
COLUMNS = (
    Column("position", 13, "C"),
    Column("item"),
    Column("sku", 22, "C"),
    Column("quantity", 18, "R"),
    Column("unit", 14, "C"),
    Column("price", 26, "R"),
    Column("rate", 14, "R"),
    Column("amount", 30, "R"),
)


def draw_ledger(invoice: Invoice) -> Sheet:
    """Draw the invoice in boxes, over as many pages as it needs."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    sheet.put(sheet.w / 2, 19, blocks.title(invoice).upper(), Ink(15, "B"), "C")
    y = _draw_parties(sheet, invoice, 24, right)
    y = _draw_facts(sheet, invoice, y, right)
    look = Look(
        head=Ink(8, "B"),
        body=Ink(8.5),
        head_fill=tint(invoice.accent, 0.16),
        line=LINE,
        grid=True,
        padding=1.8,
    )
    place = Place(
        left=LEFT,
        right=right,
        top=y + 5,
        bottom=sheet.h - 24,
        turn_page=lambda: _turn_page(sheet, invoice, right),
    )
    y = draw_items(sheet, invoice, columns_for(invoice, *COLUMNS), look, place)
    y = _draw_totals(sheet, invoice, y, right)
    _draw_closing(sheet, invoice, y + 8, right)
    blocks.draw_page_number(sheet, invoice, sheet.w / 2)
    return sheet


def _draw_parties(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    words, half = invoice.locale.words, (right - LEFT) / 2
    sides: tuple[tuple[str, Party], ...] = (
        (words.seller, invoice.supplier),
        (words.buyer, invoice.buyer),
    )
    lines = max(len(blocks.party_lines(party)) for _, party in sides)
    height = 15 + 4.4 * lines
    for number, (label, party) in enumerate(sides):
        left = LEFT + number * half
        sheet.fill(left, y, half, 6.5, tint(invoice.accent, 0.16))
        sheet.frame(left, y, half, height, LINE)
        sheet.put(left + 2.5, y + 4.5, label, Ink(8, "B"))
        blocks.draw_party(sheet, left + 2.5, y + 11.5, party, Ink(9))
    return y + height


def _draw_facts(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    pairs, half = blocks.facts(invoice), (right - LEFT) / 2
    for number, (label, value) in enumerate(pairs):
        left, top = LEFT + number % 2 * half, y + number // 2 * 7
        alone = number % 2 == 0 and number == len(pairs) - 1
        sheet.frame(left, top, 2 * half if alone else half, 7, LINE)
        sheet.put(left + 2.5, top + 4.8, label, Ink(8.5, colour=GREY))
        sheet.put(left + 42, top + 4.8, value, Ink(9, "B"))
    return y + -(-len(pairs) // 2) * 7


def _draw_totals(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    """Continue the table's grid with a row for each total."""
    for row in blocks.total_rows(invoice):
        height = 9 if row.grand else 7
        if row.grand:
            sheet.fill(right - 100, y, 100, height, tint(invoice.accent, 0.16))
        ink = Ink(10.5 if row.grand else 9, "B" if row.grand else "")
        sheet.frame(right - 100, y, 60, height, LINE)
        sheet.frame(right - 40, y, 40, height, LINE)
        sheet.put(right - 97.5, y + height * 0.68, row.label, ink)
        sheet.put(right - 1.6, y + height * 0.68, row.text, ink, "R")
        y += height
    return y


def _draw_closing(sheet: Sheet, invoice: Invoice, y: float, right: float) -> None:
    party, ink = invoice.supplier, Ink(8.5)
    width = (right - LEFT) * 0.58
    if party.bank:
        sheet.put(LEFT, y, invoice.locale.words.bank, ink.bold())
        y = blocks.draw_lines(sheet, LEFT, y + 4.5, party.bank, ink) + 3
    y = blocks.draw_paragraphs(sheet, LEFT, y, blocks.closing(invoice), ink, width=width)
    blocks.draw_lines(sheet, LEFT, y + 2, party.contact, ink.coloured(GREY))
    sheet.rule(right - 56, y + 2, right, LINE)
    sheet.put(right - 28, y + 6, party.name, Ink(7.5, colour=GREY), "C")


def _turn_page(sheet: Sheet, invoice: Invoice, right: float) -> float:
    blocks.draw_page_number(sheet, invoice, sheet.w / 2)
    sheet.add_page()
    sheet.put(LEFT, 15, invoice.supplier.name, Ink(9, "B"))
    sheet.put(right, 15, f"{blocks.title(invoice)} {invoice.number}", Ink(9, colour=GREY), "R")
    return 20
