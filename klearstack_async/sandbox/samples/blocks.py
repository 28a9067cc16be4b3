"""The pieces that several layouts share: facts, parties, totals, terms, a company's mark.

First what an invoice says, as plain text in its locale's form; then the functions that draw it.
Rows of items are in `table`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from klearstack_async.sandbox.samples.model import Colour, Invoice, Party, Tax
from klearstack_async.sandbox.samples.sheet import GREY, PALE, WHITE, Align, Ink, Sheet, tint


@dataclass(frozen=True, slots=True)
class TotalRow:
    """A line of the totals; `grand` marks the one to be paid."""

    label: str
    text: str
    grand: bool = False


def title(invoice: Invoice) -> str:
    """Return what the paper calls itself."""
    words = invoice.locale.words
    return words.credit_note if invoice.corrects else words.invoice


def facts(invoice: Invoice) -> list[tuple[str, str]]:
    """Return number, dates, order and details as label and value, without those not stated."""
    words = invoice.locale.words
    number = words.credit_number if invoice.corrects else words.number
    due = invoice.due and day(invoice, invoice.due)
    pairs = [
        (number, invoice.number),
        (words.date, day(invoice, invoice.issued)),
        (words.due, due),
        (words.po, invoice.po_number),
        (words.corrects, invoice.corrects),
        *invoice.details,
    ]
    return [(label, value) for label, value in pairs if value]


def day(invoice: Invoice, when: date) -> str:
    """Write a date as this invoice does."""
    return invoice.locale.write_date(when, long=invoice.long_dates)


def money(invoice: Invoice, amount: Decimal) -> str:
    """Write an amount with its currency as this invoice does."""
    return invoice.locale.write_money(amount, invoice.money)


def total_rows(invoice: Invoice) -> list[TotalRow]:
    """Return sub-total, taxes and total; only the total if there is no tax."""
    words = invoice.locale.words
    label = words.total_credit if invoice.corrects else words.total
    rows = [TotalRow(label, money(invoice, invoice.total), grand=True)]
    if len(invoice.taxes) > 1:
        # Several rates need their sum written out; with one rate its own line says it.
        rows.insert(0, TotalRow(words.tax_total, money(invoice, invoice.tax_total)))
    if invoice.taxes:
        taxes = [
            TotalRow(tax_label(invoice, tax), money(invoice, tax.amount)) for tax in invoice.taxes
        ]
        rows = [TotalRow(words.sub_total, money(invoice, invoice.sub_total)), *taxes, *rows]
    return rows


def tax_label(invoice: Invoice, tax: Tax) -> str:
    """Name a tax and its rate, and what it is on if not all items bear it."""
    words, rate = invoice.locale.words, invoice.locale.write_rate(tax.levy.percent)
    name = f"{tax.levy.name or words.tax} {rate}"
    if tax.taxed == invoice.sub_total:
        return name
    return words.taxed.format(tax=name, amount=invoice.locale.write_amount(tax.taxed))


def party_lines(party: Party) -> list[str]:
    """Return a party's address and tax id, without its name."""
    return [line for line in (*party.address, party.tax_id) if line]


def terms(invoice: Invoice) -> str:
    """Say by when to pay; empty if no date is set."""
    if invoice.due is None:
        return ""
    return invoice.locale.words.terms.format(days=(invoice.due - invoice.issued).days)


def closing(invoice: Invoice) -> list[str]:
    """Return the sentences under the totals."""
    return [text for text in (*invoice.notes, terms(invoice), invoice.locale.words.thanks) if text]


def draw_lines(
    sheet: Sheet, x: float, y: float, lines: Iterable[str], ink: Ink, *, align: Align = "L"
) -> float:
    """Write lines under each other and return the baseline of the next."""
    leading = ink.size * 0.48
    for line in lines:
        sheet.put(x, y, line, ink, align)
        y += leading
    return y


def draw_paragraphs(
    sheet: Sheet, x: float, y: float, texts: Iterable[str], ink: Ink, *, width: float
) -> float:
    """Write wrapped paragraphs and return the baseline of the next."""
    for text in texts:
        y = draw_lines(sheet, x, y, sheet.wrap(text, ink, width), ink) + ink.size * 0.12
    return y


def draw_party(sheet: Sheet, x: float, y: float, party: Party, ink: Ink) -> float:
    """Write a party, its name bold, and return the baseline of the next line."""
    y = draw_lines(sheet, x, y, [party.name], ink.bold())
    return draw_lines(sheet, x, y, party_lines(party), ink)


def draw_pairs(
    sheet: Sheet,
    x: float,
    to_x: float,
    y: float,
    pairs: Iterable[tuple[str, str]],
    *,
    ink: Ink,
) -> float:
    """Write labels at `x` in grey and their values ending at `to_x`."""
    for label, value in pairs:
        sheet.put(x, y, label, ink.coloured(GREY))
        sheet.put(to_x, y, value, ink, "R")
        y += ink.size * 0.58
    return y


def draw_stacked(sheet: Sheet, x: float, y: float, pair: tuple[str, str], ink: Ink) -> None:
    """Write a label with its value under it."""
    sheet.put(x, y, pair[0], Ink(ink.size * 0.75, colour=GREY))
    sheet.put(x, y + ink.size * 0.5, pair[1], ink)


def draw_totals(
    sheet: Sheet, x: float, to_x: float, y: float, invoice: Invoice, *, ink: Ink
) -> float:
    """Write the totals, the grand one bold under a rule; return the next `y`."""
    y = _draw_parts(sheet, x, to_x, y, invoice, ink=ink)
    if invoice.taxes:
        sheet.rule(x, y - ink.size * 0.35, to_x, ink.colour, 0.3)
    _draw_grand(sheet, x, to_x, y + 1.6, invoice, ink=ink)
    return y + 9.6


def draw_totals_boxed(
    sheet: Sheet, x: float, to_x: float, y: float, invoice: Invoice, *, ink: Ink
) -> float:
    """Write the totals, the grand one white in a box of the accent; return the next `y`."""
    y = _draw_parts(sheet, x, to_x, y, invoice, ink=ink)
    sheet.fill(x - 4, y - 2.4, to_x - x + 8, 11, invoice.accent)
    _draw_grand(sheet, x, to_x, y + 4.6, invoice, ink=ink.coloured(WHITE))
    return y + 12.6


def _draw_parts(
    sheet: Sheet, x: float, to_x: float, y: float, invoice: Invoice, *, ink: Ink
) -> float:
    """Write what the grand total is made of; return the next `y`."""
    for row in total_rows(invoice)[:-1]:
        sheet.put(x, y, row.label, ink)
        sheet.put(to_x, y, row.text, ink, "R")
        y += ink.size * 0.62
    return y


def _draw_grand(
    sheet: Sheet, x: float, to_x: float, y: float, invoice: Invoice, *, ink: Ink
) -> None:
    row, large = total_rows(invoice)[-1], ink.bold().sized(ink.size + 2)
    sheet.put(x, y, row.label, large)
    sheet.put(to_x, y, row.text, large, "R")


def draw_foot(sheet: Sheet, invoice: Invoice, left: float, right: float) -> None:
    """Write the supplier's address, contact and bank in three columns at the foot of the page."""
    party, ink, y = invoice.supplier, Ink(7, colour=GREY), sheet.h - 24
    apart = (right - left) * 0.345
    sheet.rule(left, y - 4, right, PALE)
    columns = [
        (party.name, *party.address),
        (*party.contact, party.tax_id),
        (invoice.locale.words.bank if party.bank else "", *party.bank),
    ]
    for number, lines in enumerate(columns):
        draw_lines(sheet, left + number * apart, y, lines, ink)


def draw_page_number(sheet: Sheet, invoice: Invoice, middle: float) -> None:
    """Write which page of how many this is, around `middle` at the foot."""
    page = invoice.locale.words.page.format(page=sheet.page_no(), pages="{nb}")
    sheet.set_font("helvetica", size=7.5)
    sheet.set_text_color(*GREY)
    sheet.set_xy(middle - 20, sheet.h - 12)
    # Only a cell has fpdf2 put the number of pages in place of {nb} once it knows it.
    sheet.cell(40, 4, page, align="C")


def draw_mark(sheet: Sheet, invoice: Invoice, x: float, y: float, size: float) -> None:
    """Draw the supplier's mark: one of four shapes, always the same for one name."""
    marks = (_bars, _disc, _steps, _diamond)
    marks[sum(map(ord, invoice.supplier.name)) % len(marks)](sheet, x, y, size, invoice.accent)


def _bars(sheet: Sheet, x: float, y: float, size: float, colour: Colour) -> None:
    for place, share in enumerate((1.0, 0.7, 0.4)):
        height = size * (1 - place * 0.25)
        sheet.fill(
            x + place * size * 0.36, y + size - height, size * 0.28, height, tint(colour, share)
        )


def _disc(sheet: Sheet, x: float, y: float, size: float, colour: Colour) -> None:
    for radius, shade in ((0.5, colour), (0.33, WHITE), (0.2, tint(colour, 0.6))):
        sheet.set_fill_color(*shade)
        sheet.circle(x + size / 2, y + size / 2, size * radius, style="F")


def _steps(sheet: Sheet, x: float, y: float, size: float, colour: Colour) -> None:
    sheet.fill(x, y, size * 0.62, size * 0.62, tint(colour, 0.45))
    sheet.fill(x + size * 0.38, y + size * 0.38, size * 0.62, size * 0.62, colour)


def _diamond(sheet: Sheet, x: float, y: float, size: float, colour: Colour) -> None:
    half = size / 2
    corners = ((half, 0), (size, half), (half, size), (0, half))
    sheet.set_fill_color(*colour)
    sheet.polygon([(x + right, y + down) for right, down in corners], style="F")
    sheet.fill(x + half * 0.72, y + half * 0.72, half * 0.56, half * 0.56, WHITE)
