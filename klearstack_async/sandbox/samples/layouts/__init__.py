"""How invoices look: one module per layout, each drawing any invoice onto a sheet of its own.

A layout decides where things stand and in which type; what they say comes from `blocks`.
"""

from collections.abc import Callable, Mapping

from klearstack_async.sandbox.samples.layouts.band import draw_band
from klearstack_async.sandbox.samples.layouts.coupon import draw_coupon
from klearstack_async.sandbox.samples.layouts.credit import draw_credit
from klearstack_async.sandbox.samples.layouts.grid import draw_grid
from klearstack_async.sandbox.samples.layouts.ledger import draw_ledger
from klearstack_async.sandbox.samples.layouts.letter import draw_letter
from klearstack_async.sandbox.samples.layouts.mainframe import draw_mainframe
from klearstack_async.sandbox.samples.layouts.slip import draw_slip
from klearstack_async.sandbox.samples.layouts.studio import draw_studio
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.sheet import Sheet

LAYOUTS: Mapping[str, Callable[[Invoice], Sheet]] = {
    "band": draw_band,
    "coupon": draw_coupon,
    "credit": draw_credit,
    "grid": draw_grid,
    "ledger": draw_ledger,
    "letter": draw_letter,
    "mainframe": draw_mainframe,
    "slip": draw_slip,
    "studio": draw_studio,
}


def draw_pdf(invoice: Invoice) -> bytes:
    """Draw an invoice in its layout and return the file."""
    return bytes(LAYOUTS[invoice.layout](invoice).output())
