"""What an invoice is, and its arithmetic.

Values and sums only: nothing here knows how a number is written in any country (`locales`) or
where it stands on a page (`layouts`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from klearstack_async.sandbox.samples.locales import Locale

Colour = tuple[int, int, int]


def in_cents(amount: Decimal) -> Decimal:
    """Round half up to two places, as tax offices ask for and `round` does not do."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A company, with its lines as they are printed."""

    name: str
    address: tuple[str, ...]
    tax_id: str = ""
    contact: tuple[str, ...] = ()
    bank: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the invoice; `group` ties it to the levies of that group."""

    text: str
    quantity: Decimal
    price: Decimal
    unit: str = ""
    sku: str = ""
    group: str = ""

    @property
    def amount(self) -> Decimal:
        """Quantity times price, in cents."""
        return in_cents(self.quantity * self.price)


def item(
    text: str, quantity: str, price: str, unit: str = "", *, sku: str = "", group: str = ""
) -> Item:
    """Write an item with its numbers as text, so that no float comes near money."""
    return Item(text, Decimal(quantity), Decimal(price), unit, sku, group)


@dataclass(frozen=True, slots=True)
class Levy:
    """A tax on all items of a group; several on one group add up (CGST and SGST)."""

    percent: Decimal
    name: str = ""
    group: str = ""


def levy(percent: str, name: str = "", group: str = "") -> Levy:
    """Write a levy with its rate as text; without a name it takes the locale's word for tax."""
    return Levy(Decimal(percent), name, group)


@dataclass(frozen=True, slots=True)
class Tax:
    """What one levy comes to."""

    levy: Levy
    taxed: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice, whole.

    `money` is the pattern of an amount with its currency (`"{} €"`); `details` are label and value
    pairs printed beside number and date; an invoice without levies states no sub-total and no tax.
    `corrects` names the invoice that a credit note is about, and makes this one a credit note.
    """

    file_name: str
    layout: str
    locale: Locale
    number: str
    issued: date
    supplier: Party
    buyer: Party
    currency: str
    money: str
    items: tuple[Item, ...]
    levies: tuple[Levy, ...] = ()
    due: date | None = None
    po_number: str = ""
    details: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    corrects: str = ""
    accent: Colour = (31, 78, 121)
    long_dates: bool = False

    @property
    def sub_total(self) -> Decimal:
        """The sum of the items, before tax."""
        return _total(row.amount for row in self.items)

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """Each levy on the sum of its group, rounded once per levy, not per row."""
        return tuple(self._tax(each) for each in self.levies)

    @property
    def tax_total(self) -> Decimal:
        """All taxes together."""
        return _total(tax.amount for tax in self.taxes)

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.sub_total + self.tax_total

    def _tax(self, each: Levy) -> Tax:
        taxed = _total(row.amount for row in self.items if row.group == each.group)
        return Tax(each, taxed, in_cents(taxed * each.percent / 100))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))
