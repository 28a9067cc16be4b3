"""What stands on the pages: every truth in its locale's form, and no text on another."""

import itertools
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pypdfium2
import pytest

from klearstack_async.sandbox.samples import Sample, write_samples
from klearstack_async.sandbox.samples.catalog import INVOICES
from klearstack_async.sandbox.samples.catalog.long_order import LONG_ORDER
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.words.english import AMERICAN

# How each currency is stated on the samples' pages.
SIGNS = {
    "AUD": ("A$",),
    "CAD": ("$ CA",),
    "CHF": ("CHF",),
    "DKK": ("DKK",),
    "EUR": ("€", "EUR"),
    "GBP": ("£",),
    "INR": ("Rs.", "INR"),
    "MXN": ("MXN",),
    "PLN": ("PLN",),
    "SEK": ("SEK",),
    "USD": ("$", "USD"),
}
AMOUNTS = ("Sub-Total", "Tax_Total", "Inv_Total")
DATES = ("Inv_Date", "Due_Date")

each_invoice = pytest.mark.parametrize(
    "invoice", INVOICES, ids=[invoice.file_name for invoice in INVOICES]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def samples(folder: Path) -> dict[str, Sample]:
    """All samples by file name, in the order they came in."""
    return {sample.file_name: sample for sample in write_samples(folder)}


def _plain(text: str) -> str:
    """Make all white space one blank: a line's end and a no-break space are not the claim."""
    return " ".join(text.split())


def _read_pages(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as document:
        return [_plain(page.get_textpage().get_text_range()) for page in document]


def _day(written: str) -> date:
    day, month, year = written.split("-")
    months = [name[:3] for name in AMERICAN.months]
    return date(int(year), months.index(month) + 1, int(day))


def _forms(invoice: Invoice, truth: dict[str, str]) -> dict[str, str]:
    """Write each truth as the invoice's country does."""
    forms = dict(truth)
    del forms["Currency"]
    for name in filter(truth.get, AMOUNTS):
        forms[name] = invoice.locale.write_money(Decimal(truth[name]), invoice.money)
    for name in filter(truth.get, DATES):
        forms[name] = invoice.locale.write_date(_day(truth[name]), long=invoice.long_dates)
    return forms


@each_invoice
def test_every_truth_is_on_the_page_in_its_locales_form(
    invoice: Invoice, folder: Path, samples: dict[str, Sample]
) -> None:
    text = " ".join(_read_pages(folder / invoice.file_name))
    forms = _forms(invoice, dict(samples[invoice.file_name].truth))
    missing = {name: form for name, form in forms.items() if _plain(form) not in text}
    assert missing == {}


@each_invoice
def test_the_currency_is_stated_on_the_page(
    invoice: Invoice, folder: Path, samples: dict[str, Sample]
) -> None:
    text = " ".join(_read_pages(folder / invoice.file_name))
    currency = samples[invoice.file_name].truth["Currency"]
    assert any(sign in text for sign in SIGNS[currency])


@each_invoice
def test_every_item_is_on_the_page_with_its_amount(
    invoice: Invoice, folder: Path, samples: dict[str, Sample]
) -> None:
    text = " ".join(_read_pages(folder / invoice.file_name))
    assert samples[invoice.file_name].line_items == len(invoice.items)
    for row in invoice.items:
        assert _plain(row.text) in text
        assert _plain(invoice.locale.write_amount(row.amount)) in text


def test_the_long_invoice_carries_its_sum_over_and_totals_on_the_last_page(
    folder: Path, samples: dict[str, Sample]
) -> None:
    pages = _read_pages(folder / LONG_ORDER.file_name)
    words, locale = LONG_ORDER.locale.words, LONG_ORDER.locale
    sum_so_far = Decimal(0)
    for number, (page, following) in enumerate(itertools.pairwise(pages), 1):
        sum_so_far += sum(row.amount for row in LONG_ORDER.items if f" {row.sku} " in page)
        amount = locale.write_amount(sum_so_far)
        assert f"{words.carried} {amount}" in page
        assert f"{words.brought} {amount}" in following
        assert f"Page {number} of {len(pages)}" in page
    grand = Decimal(samples[LONG_ORDER.file_name].truth["Inv_Total"])
    total = f"{words.total} {locale.write_money(grand, LONG_ORDER.money)}"
    assert [total in page for page in pages] == [False, False, True]


Box = tuple[float, float, float, float]


def _boxes(page: pypdfium2.PdfPage) -> Iterator[Box]:
    textpage = page.get_textpage()
    for place in range(textpage.count_rects()):
        yield textpage.get_rect(place)


def _overlap(one: Box, other: Box) -> bool:
    # Half a point: letters may lean over their box, but not into a neighbour's.
    slack = 0.5
    across = min(one[2], other[2]) - max(one[0], other[0])
    along = min(one[3], other[3]) - max(one[1], other[1])
    return across > slack and along > slack


@each_invoice
def test_no_text_leaves_the_paper_or_lies_on_another(
    invoice: Invoice, folder: Path, samples: dict[str, Sample]
) -> None:
    assert invoice.file_name in samples
    with pypdfium2.PdfDocument(folder / invoice.file_name) as document:
        for page in document:
            width, height = page.get_size()
            boxes = list(_boxes(page))
            assert all(left > 8 and right < width - 8 for left, _, right, _ in boxes)
            assert all(bottom > 8 and top < height - 8 for _, bottom, _, top in boxes)
            clashes = [pair for pair in itertools.combinations(boxes, 2) if _overlap(*pair)]
            assert clashes == []
