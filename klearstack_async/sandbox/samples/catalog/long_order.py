"""The invoice of three pages: an office fitted out from one catalogue, item by item."""

from datetime import date

from klearstack_async.sandbox.samples import locales
from klearstack_async.sandbox.samples.catalog import buyers, suppliers
from klearstack_async.sandbox.samples.model import Invoice, item, levy

# Article, text, unit, quantity and unit price.
_ROWS = """
CH-101 | Task chair, mesh back, adjustable arms | each | 24 | 189.00
CH-117 | Visitor chair, stacking, charcoal | each | 16 | 64.50
CH-140 | Draughtsman stool, gas lift | each | 4 | 118.75
DK-016 | Bench desk 1600 x 800, white | each | 24 | 236.00
DK-018 | Corner desk 1800 x 1200, left hand | each | 3 | 312.40
DK-045 | Sit-stand frame, dual motor | each | 8 | 328.00
DK-301 | Cable tray 1200 mm, steel | each | 24 | 22.90
DK-305 | Monitor arm, double, clamp fixing | each | 24 | 74.25
DK-310 | Desk screen 1600 mm, felt, moss | each | 12 | 96.00
ST-011 | Pedestal, three drawers, mobile | each | 24 | 98.50
ST-024 | Tambour cupboard 1000 x 1015 | each | 6 | 284.00
ST-030 | Filing cabinet, four drawers | each | 5 | 176.20
ST-052 | Locker, nest of six, combination lock | each | 4 | 342.00
ST-060 | Bookcase 1800 mm, oak effect | each | 7 | 129.95
ST-071 | Key cabinet, 60 hooks | each | 1 | 58.40
MT-008 | Meeting table, barrel, 2400 mm | each | 2 | 548.00
MT-012 | Folding table 1400 x 700 | each | 6 | 142.30
MT-019 | Whiteboard 1800 x 1200, enamel | each | 3 | 164.00
MT-022 | Flipchart easel | each | 2 | 71.60
MT-031 | Presentation screen, wall mounted | each | 1 | 219.00
RC-004 | Reception counter, curved, 2000 mm | each | 1 | 1485.00
RC-010 | Two-seat sofa, sage | each | 2 | 462.00
RC-015 | Coffee table 900 mm | each | 1 | 118.00
RC-020 | Coat stand, beech | each | 3 | 47.80
RC-028 | Umbrella stand, perforated steel | each | 2 | 29.95
LT-003 | Desk lamp, LED, USB charging | each | 24 | 36.40
LT-009 | Floor uplighter, dimmable | each | 4 | 132.00
EL-014 | Power module, 3 socket and USB-C | each | 24 | 48.90
EL-022 | Extension lead, 6 way, surge | each | 20 | 14.75
EL-030 | Shredder, cross cut, P-4 | each | 2 | 348.00
EL-033 | Laminator A3 | each | 1 | 96.50
EL-041 | Label printer, thermal | each | 2 | 84.00
PA-001 | Copier paper A4 80 gsm | box | 60 | 17.85
PA-002 | Copier paper A3 80 gsm | box | 8 | 34.20
PA-010 | Notebook A5, ruled, 192 pages | pack 10 | 12 | 21.40
PA-015 | Sticky notes 76 x 76, assorted | pack 12 | 15 | 9.60
PA-018 | Envelopes DL, window, self seal | box 500 | 6 | 19.95
PA-021 | Envelopes C4, board back | box 125 | 4 | 27.30
PA-033 | Lever arch file A4, blue | pack 10 | 14 | 18.40
PA-034 | Divider set A-Z | pack 5 | 14 | 11.25
PA-040 | Suspension files, foolscap | box 50 | 9 | 22.60
WR-002 | Ballpoint pens, black, medium | box 50 | 6 | 8.95
WR-006 | Dry-wipe markers, assorted | pack 4 | 18 | 4.35
WR-009 | Highlighters, six colours | pack 6 | 20 | 3.90
WR-014 | Mechanical pencils 0.7 mm | box 12 | 6 | 10.80
WR-017 | Correction roller | box 10 | 4 | 13.50
DS-003 | Stapler, half strip, metal | each | 24 | 7.25
DS-004 | Hole punch, 25 sheets | each | 12 | 9.40
DS-008 | Tape dispenser, weighted | each | 12 | 6.15
DS-011 | Scissors 210 mm | each | 24 | 2.95
DS-016 | Letter tray, three tiers, mesh | each | 24 | 12.60
DS-020 | Pen pot, mesh | each | 24 | 2.10
CL-002 | Recycling station, four streams | each | 3 | 214.00
CL-007 | Waste bin 30 litres, pedal | each | 10 | 26.75
CL-012 | Hand towels, Z fold | case | 12 | 23.10
CL-015 | Washing-up liquid 5 litres | each | 4 | 8.40
CL-019 | First aid kit, 50 persons | each | 2 | 38.95
KT-001 | Kettle, stainless, 1.7 litres | each | 2 | 31.50
KT-006 | Mugs, stoneware, white | pack 12 | 4 | 28.80
KT-010 | Coffee machine, bean to cup | each | 1 | 894.00
SV-001 | Delivery, two vans, timed slot | each | 2 | 95.00
SV-002 | Assembly on site, two fitters | day | 3 | 420.00
SV-005 | Removal of packaging for recycling | each | 1 | 85.00
"""


def _items() -> list[tuple[str, ...]]:
    return [tuple(cell.strip() for cell in line.split("|")) for line in _ROWS.split("\n") if line]


LONG_ORDER = Invoice(
    file_name="brightwell_BW-118834.pdf",
    layout="letter",
    locale=locales.GREAT_BRITAIN,
    number="BW-118834",
    issued=date(2025, 10, 27),
    due=date(2025, 11, 26),
    supplier=suppliers.BRIGHTWELL,
    buyer=buyers.ASHDOWN,
    po_number="AP-2025-0057",
    currency="GBP",
    money="£{}",
    details=(("Account no.", "ASH117"), ("Delivery note", "DN 90226")),
    items=tuple(
        item(text, quantity, price, unit, sku=sku) for sku, text, unit, quantity, price in _items()
    ),
    levies=(levy("20"),),
    accent=(52, 70, 96),
)
