"""The narrow slip of a counter: one column of typewriter type, as long as it needs to be."""

from dataclasses import dataclass

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice, Item, Party
from klearstack_async.sandbox.samples.sheet import BLACK, Align, Ink, Sheet

WIDTH = 80.0
MARGIN = 4.0
LEADING = 3.9
TYPE = Ink(8, family="courier")
# A Courier letter is 0.6 of its size wide: this many fit between the margins.
LETTERS = int((WIDTH - 2 * MARGIN) / (TYPE.size * 0.6 * 0.3528))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the slip."""

    text: str
    align: Align = "L"
    bold: bool = False


RULE = Line("-" * LETTERS)
GAP = Line("")


def draw_slip(invoice: Invoice) -> Sheet:
    """Draw the invoice as a slip of paper as long as its text."""
    lines = _lines(invoice)
    bars = 16
    sheet = Sheet(invoice, (WIDTH, len(lines) * LEADING + bars + 16))
    y = 9.0
    for line in lines:
        x = {"L": MARGIN, "C": WIDTH / 2, "R": WIDTH - MARGIN}[line.align]
        sheet.put(x, y, line.text, TYPE.bold() if line.bold else TYPE, line.align)
        y += LEADING
    _draw_bars(sheet, invoice, y)
    return sheet


def _lines(invoice: Invoice) -> list[Line]:
    words = invoice.locale.words
    return [
        *_head(invoice.supplier),
        RULE,
        Line(blocks.title(invoice).upper(), "C", bold=True),
        RULE,
        *(Line(f"{label}: {value}") for label, value in blocks.facts(invoice)),
        GAP,
        Line(f"{words.buyer}:"),
        *(Line(text) for text in (invoice.buyer.name, *blocks.party_lines(invoice.buyer))),
        RULE,
        *(line for row in invoice.items for line in _item(invoice, row)),
        RULE,
        *(
            Line(_justify(row.label, row.text), bold=row.grand)
            for row in blocks.total_rows(invoice)
        ),
        RULE,
        *_wrapped(blocks.closing(invoice)),
        GAP,
    ]


def _head(party: Party) -> list[Line]:
    rest = (*party.address, *party.contact, party.tax_id)
    return [
        Line(party.name, "C", bold=True),
        *(Line(text, "C") for text in rest if text),
    ]


def _item(invoice: Invoice, row: Item) -> list[Line]:
    locale = invoice.locale
    price = f"{locale.write_quantity(row.quantity)} x {locale.write_amount(row.price)}"
    return [
        *_wrapped([row.text], "L"),
        Line(_justify(f"  {price}", locale.write_amount(row.amount))),
    ]


def _justify(left: str, right: str) -> str:
    return left + right.rjust(LETTERS - len(left))


def _wrapped(texts: list[str], align: Align = "C") -> list[Line]:
    lines = [""]
    for text in texts:
        for word in text.split(" "):
            if len(lines[-1]) + 1 + len(word) > LETTERS:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        lines.append("")
    return [Line(line, align) for line in lines if line]


def _draw_bars(sheet: Sheet, invoice: Invoice, y: float) -> None:
    """Draw what looks like a bar code of the number: two bars per letter, by its bits."""
    bits = "".join(f"{ord(letter):08b}" for letter in invoice.number)[:96]
    width = 48 / len(bits)
    for place, bit in enumerate(bits):
        if bit == "1" or place % 8 == 0:
            sheet.fill(16 + place * width, y - 2, width * 0.8, 11, BLACK)
    sheet.put(WIDTH / 2, y + 13, invoice.number, Ink(7, family="courier"), "C")
