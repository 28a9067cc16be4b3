"""That the sums are right, and written as their countries write them."""

import ast
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.sandbox import samples as package
from klearstack_async.sandbox.samples import locales
from klearstack_async.sandbox.samples.catalog import INVOICES
from klearstack_async.sandbox.samples.locales import Locale
from klearstack_async.sandbox.samples.model import Invoice, in_cents
from klearstack_async.sandbox.samples.truth import truth_of

LOCALES = [value for value in vars(locales).values() if isinstance(value, Locale)]

each_invoice = pytest.mark.parametrize(
    "invoice", INVOICES, ids=[invoice.file_name for invoice in INVOICES]
)


@each_invoice
def test_items_sum_to_sub_total_and_with_tax_to_total(invoice: Invoice) -> None:
    truth = truth_of(invoice)
    items = sum(in_cents(row.quantity * row.price) for row in invoice.items)
    tax = Decimal(truth.get("Tax_Total", "0"))
    assert Decimal(truth.get("Sub-Total", str(items))) == items
    assert Decimal(truth["Inv_Total"]) == items + tax


@each_invoice
def test_every_levy_bears_on_items_and_every_item_bears_the_levies_of_its_group(
    invoice: Invoice,
) -> None:
    groups = {levy.group for levy in invoice.levies}
    assert groups in (set(), {row.group for row in invoice.items})


@each_invoice
def test_no_amount_is_a_fraction_of_a_cent(invoice: Invoice) -> None:
    amounts = [invoice.sub_total, invoice.tax_total, invoice.total]
    assert amounts == [in_cents(amount) for amount in amounts]


def test_mixed_rates_are_taxed_each_on_its_own_items() -> None:
    (mixed,) = (invoice for invoice in INVOICES if invoice.number == "2025/3391")
    taxes = [(tax.levy.percent, tax.taxed, tax.amount) for tax in mixed.taxes]
    assert taxes == [
        (Decimal(10), Decimal("543.00"), Decimal("54.30")),
        (Decimal(20), Decimal("331.70"), Decimal("66.34")),
    ]


def test_an_invoice_without_tax_states_neither_sub_total_nor_tax() -> None:
    (untaxed,) = (invoice for invoice in INVOICES if not invoice.levies)
    assert truth_of(untaxed) == {
        "Inv_Number": "2025-014",
        "Inv_Date": "07-Apr-2025",
        "Due_Date": "22-Apr-2025",
        "Supplier_Name": "Marlowe & Wren",
        "Buyer_Name": "Cascade Family Dental, P.C.",
        "Currency": "USD",
        "Inv_Total": "9890.00",
    }


def test_no_number_and_no_file_name_is_used_twice() -> None:
    assert len({invoice.number for invoice in INVOICES}) == len(INVOICES)
    assert len({invoice.file_name for invoice in INVOICES}) == len(INVOICES)


@pytest.mark.parametrize(
    ("locale", "amount", "day"),
    [
        (locales.UNITED_STATES, "1,234,567.50", "July 4, 2025"),
        (locales.GREAT_BRITAIN, "1,234,567.50", "4 July 2025"),
        (locales.INDIA, "12,34,567.50", "4 July 2025"),
        (locales.GERMANY, "1.234.567,50", "4. Juli 2025"),
        (locales.SWITZERLAND, "1’234’567.50", "4. Juli 2025"),  # noqa: RUF001
        (locales.FRANCE, "1\xa0234\xa0567,50", "4 juillet 2025"),
        (locales.SPAIN, "1.234.567,50", "4 de julio de 2025"),
        (locales.MEXICO, "1,234,567.50", "4 de julio de 2025"),
        (locales.SWEDEN, "1\xa0234\xa0567,50", "4 juli 2025"),
    ],
)
def test_amounts_and_dates_are_written_as_the_country_does(
    locale: Locale, amount: str, day: str
) -> None:
    assert locale.write_amount(Decimal("1234567.5")) == amount
    assert locale.write_date(date(2025, 7, 4), long=True) == day


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: locale.code)
@given(cents=st.integers(min_value=-(10**12), max_value=10**12))
def test_an_amount_reads_back_as_it_was(locale: Locale, cents: int) -> None:
    value = Decimal(cents) / 100
    written = locale.write_amount(value)
    assert Decimal(written.replace(locale.comma, "").replace(locale.point, ".")) == value


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: locale.code)
def test_every_language_has_its_words_and_they_can_be_printed(locale: Locale) -> None:
    words = locale.words
    assert len(words.months) == 12
    for name in words.__slots__:
        text = "".join(getattr(words, name))
        assert text
        assert text.encode("windows-1252")


def test_the_samples_import_nothing_of_the_package_but_themselves() -> None:
    own = "klearstack_async.sandbox.samples"
    modules = Path(package.__file__).parent.rglob("*.py")
    imported = {
        node.module or ""
        for module in modules
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in imported if name.startswith("klearstack") and own not in name} == set()
