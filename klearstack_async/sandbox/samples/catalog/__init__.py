"""Which invoices there are: data only, in one table per family of languages."""

from klearstack_async.sandbox.samples.catalog import english, germanic, romance
from klearstack_async.sandbox.samples.catalog.long_order import LONG_ORDER
from klearstack_async.sandbox.samples.model import Invoice

INVOICES: tuple[Invoice, ...] = (
    *english.INVOICES,
    *germanic.INVOICES,
    *romance.INVOICES,
    LONG_ORDER,
)
