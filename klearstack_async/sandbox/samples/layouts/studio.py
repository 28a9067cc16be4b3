"""The quiet one: a book face, wide margins, facts in sentences, no boxes at all."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice, Item
from klearstack_async.sandbox.samples.sheet import GREY, Ink, Sheet

LEFT = 32
TEXT = Ink(11, family="times")
SMALL = Ink(9.5, colour=GREY, family="times")


def draw_studio(invoice: Invoice) -> Sheet:
    """Draw the invoice in book type, on one page."""
    sheet = Sheet(invoice)
    right = sheet.w - LEFT
    y = _draw_head(sheet, invoice, right)
    y = _draw_items(sheet, invoice, y + 12, right)
    y = _draw_totals(sheet, invoice, y + 4, right)
    y = blocks.draw_paragraphs(
        sheet, LEFT, y + 12, blocks.closing(invoice), TEXT, width=right - LEFT
    )
    if invoice.supplier.bank:
        sheet.put(LEFT, y + 4, invoice.locale.words.bank, SMALL)
        blocks.draw_lines(sheet, LEFT, y + 9.5, invoice.supplier.bank, TEXT)
    foot = "  ·  ".join(filter(None, (*invoice.supplier.contact, invoice.supplier.tax_id)))
    sheet.put(sheet.w / 2, sheet.h - 16, foot, SMALL, "C")
    return sheet


def _draw_head(sheet: Sheet, invoice: Invoice, right: float) -> float:
    middle = sheet.w / 2
    sheet.put(
        middle, 32, invoice.supplier.name, Ink(22, colour=invoice.accent, family="times"), "C"
    )
    sheet.put(middle, 39, ", ".join(invoice.supplier.address), SMALL, "C")
    sheet.rule(middle - 12, 45, middle + 12, invoice.accent, 0.3)
    sheet.put(LEFT, 64, blocks.title(invoice), Ink(17, "I", family="times"))
    y = 72.0
    for label, value in blocks.facts(invoice):
        sheet.put(LEFT, y, f"{label}: {value}", TEXT)
        y += 5.6
    sheet.put(right - 58, 64, invoice.locale.words.buyer, SMALL)
    end = blocks.draw_party(sheet, right - 58, 72, invoice.buyer, TEXT)
    return max(y, end)


def _draw_items(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    sheet.rule(LEFT, y - 6.5, right, invoice.accent, 0.3)
    for row in invoice.items:
        amount = invoice.locale.write_amount(row.amount)
        lines = sheet.wrap(row.text, TEXT, right - LEFT - 40)
        last = blocks.draw_lines(sheet, LEFT, y, lines, TEXT) - TEXT.size * 0.48
        _draw_leader(sheet, LEFT + sheet.measure(lines[-1], TEXT), right, last, amount)
        y = last + 4.6
        sheet.put(LEFT, y, _calculation(invoice, row), SMALL)
        y += 7.4
    sheet.rule(LEFT, y - 3, right, invoice.accent, 0.3)
    return y


def _draw_leader(sheet: Sheet, x: float, right: float, y: float, amount: str) -> None:
    """Lead the eye from the text to its amount with dots."""
    sheet.put(right, y, amount, TEXT, "R")
    room = right - sheet.measure(amount, TEXT) - x - 4
    dots = " ." * int(room / sheet.measure(" .", SMALL))
    sheet.put(right - sheet.measure(amount, TEXT) - 2, y, dots, SMALL, "R")


def _calculation(invoice: Invoice, row: Item) -> str:
    locale = invoice.locale
    quantity = f"{locale.write_quantity(row.quantity)} {row.unit}".strip()
    return f"{quantity} × {locale.write_amount(row.price)}"  # noqa: RUF001 (a real times sign)


def _draw_totals(sheet: Sheet, invoice: Invoice, y: float, right: float) -> float:
    return blocks.draw_totals(sheet, right - 76, right, y, invoice, ink=TEXT)
