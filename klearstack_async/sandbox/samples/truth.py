"""What a careful reader finds on an invoice: field names as the service answers them.

Dates come as `26-Jul-2025` and amounts as plain decimals, whatever the page's own form. A field
that the page does not state is absent.
"""

from collections.abc import Mapping
from datetime import date

from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.words.english import AMERICAN


def truth_of(invoice: Invoice) -> Mapping[str, str]:
    """Return field name and value for all that the invoice states."""
    taxed = bool(invoice.levies)
    values = {
        "Inv_Number": invoice.number,
        "Inv_Date": _write_date(invoice.issued),
        "Due_Date": _write_date(invoice.due) if invoice.due else "",
        "Supplier_Name": invoice.supplier.name,
        "Buyer_Name": invoice.buyer.name,
        "PO_Number": invoice.po_number,
        "Currency": invoice.currency,
        "Sub-Total": str(invoice.sub_total) if taxed else "",
        "Tax_Total": str(invoice.tax_total) if taxed else "",
        "Inv_Total": str(invoice.total),
    }
    return {name: value for name, value in values.items() if value}


def _write_date(day: date) -> str:
    # Not strftime: its month names follow the machine's locale.
    return f"{day.day:02}-{AMERICAN.months[day.month - 1][:3]}-{day.year}"
