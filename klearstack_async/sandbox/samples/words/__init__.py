"""The words printed on an invoice, one table per language.

This module says which words there are; the modules beside it hold them by family of languages.
Words that only one invoice uses stand in the catalog.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All labels of one language; what stands in braces is filled in where it is printed."""

    invoice: str
    credit_note: str
    number: str
    credit_number: str
    corrects: str
    date: str
    due: str
    po: str
    seller: str
    buyer: str
    position: str
    sku: str
    item: str
    quantity: str
    unit: str
    price: str
    rate: str
    amount: str
    sub_total: str
    tax: str
    taxed: str
    tax_total: str
    total: str
    total_credit: str
    carried: str
    brought: str
    page: str
    terms: str
    bank: str
    thanks: str
    slip: str
    slip_note: str
    reference: str
    months: tuple[str, ...]
