"""The line printer: typewriter type on striped fan-fold paper, everything in upper-case columns."""

from klearstack_async.sandbox.samples import blocks
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import PALE, Ink, Sheet, tint
from klearstack_async.sandbox.samples.table import CELLS

TYPE = Ink(9, family="courier")
LEFT = 17.0
LEADING = 4.6
# How many letters each column has; `-` before a width sets it flush left.
COLUMNS = (("sku", -10), ("item", -41), ("quantity", 8), ("price", 12), ("amount", 13))


def draw_mainframe(invoice: Invoice) -> Sheet:
    """Draw the invoice as a line printer would, on one page."""
    sheet = Sheet(invoice)
    _draw_paper(sheet, invoice)
    y = 18.0
    for line in _lines(invoice):
        bold = "**" in line
        sheet.put(LEFT, y, line, TYPE.bold() if bold else TYPE)
        y += LEADING
    return sheet


def _draw_paper(sheet: Sheet, invoice: Invoice) -> None:
    for stripe in range(0, int(sheet.h // LEADING), 4):
        y = 14.8 + stripe * LEADING
        sheet.fill(12, y, sheet.w - 24, 2 * LEADING, tint(invoice.accent, 0.07))
    sheet.set_draw_color(*PALE)
    for hole in range(int(sheet.h // 12.7) + 1):
        for x in (5.5, sheet.w - 5.5):
            sheet.circle(x, 7 + hole * 12.7, 2)
    sheet.dash(11, 0, 11, sheet.h)
    sheet.dash(sheet.w - 11, 0, sheet.w - 11, sheet.h)


def _lines(invoice: Invoice) -> list[str]:
    heading = dict.fromkeys(key for key, _ in COLUMNS)
    words = invoice.locale.words
    rule = "-" * sum(abs(width) + 1 for _, width in COLUMNS)
    return [
        *_beside(
            [f"*** {blocks.title(invoice).upper()} ***", "", *_party(invoice, seller=True)],
            ["", "", *(f"{label + ':':<20}{value}" for label, value in blocks.facts(invoice))],
        ),
        "",
        f"{words.buyer}:",
        *_party(invoice, seller=False),
        "",
        rule,
        _row({key: getattr(words, key) for key in heading}),
        rule,
        *(
            _row({key: CELLS[key](invoice, row, place) for key in heading})
            for place, row in enumerate(invoice.items, 1)
        ),
        rule,
        *(_total(row) for row in blocks.total_rows(invoice)),
        "",
        *blocks.closing(invoice),
        "",
        *invoice.supplier.bank,
        *invoice.supplier.contact,
    ]


def _party(invoice: Invoice, *, seller: bool) -> list[str]:
    party = invoice.supplier if seller else invoice.buyer
    return [party.name, *blocks.party_lines(party)]


def _beside(left: list[str], right: list[str]) -> list[str]:
    height = max(len(left), len(right))
    pad = [""] * height
    pairs = zip((left + pad)[:height], (right + pad)[:height], strict=True)
    return [f"{one:<44}{other}".rstrip() for one, other in pairs]


def _row(cells: dict[str, str]) -> str:
    parts = [
        cells[key][:-width].ljust(-width) if width < 0 else cells[key].rjust(width)
        for key, width in COLUMNS
    ]
    return " ".join(parts).rstrip()


def _total(row: blocks.TotalRow) -> str:
    width = sum(abs(width) + 1 for _, width in COLUMNS) - 1
    label = f"{'** ' if row.grand else ''}{row.label}"
    return label.ljust(34).rjust(width - 20) + row.text.rjust(20)
