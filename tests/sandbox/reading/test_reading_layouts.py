"""Whole invoices, drawn in many languages and layouts, are read field by field."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF
from reading_layouts import LAYOUTS, Layout, Text, draw, lines, rows
from reading_layouts_hard import HARD_LAYOUTS
from reading_layouts_third import THIRD_LAYOUTS

from klearstack_async.sandbox.reading import read_document
from klearstack_async.sandbox.reading.fields import FIELD_ORDER

ALL = [*LAYOUTS, *HARD_LAYOUTS, *THIRD_LAYOUTS]


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_an_invoice_is_read(layout: Layout, tmp_path: Path) -> None:
    reading = read_document(draw(layout, tmp_path / "invoice.pdf"))
    found = {f.name: f.value for f in reading.fields}
    assert {name: found.get(name) for name in layout.truth} == layout.truth
    if layout.items is not None:
        assert len(reading.line_items) == layout.items


@pytest.mark.parametrize("layout", ALL[::6], ids=lambda layout: layout.name)
def test_fields_come_once_in_their_order_with_sane_places(layout: Layout, tmp_path: Path) -> None:
    reading = read_document(draw(layout, tmp_path / "invoice.pdf"))
    names = [f.name for f in reading.fields]
    assert names == [name for name in FIELD_ORDER if name in names]
    for field in (*reading.fields, *(f for item in reading.line_items for f in item)):
        x1, y1, x2, y2 = field.box
        assert 0 <= x1 < x2 <= 1654
        assert 0 <= y1 < y2 <= 2339
        assert 0 < field.confidence <= 1
        assert field.page == 1
    assert 0 < reading.overall_confidence <= 1


def read_texts(tmp_path: Path, *texts: Text) -> dict[str, str]:
    layout = Layout("inline", texts, {})
    return {f.name: f.value for f in read_document(draw(layout, tmp_path / "x.pdf")).fields}


def test_what_is_not_stated_is_absent(tmp_path: Path) -> None:
    found = read_texts(tmp_path, (20, 20, "We enjoyed our stay and shall come again soon."))
    assert not found.keys() & {"Inv_Number", "Inv_Date", "Inv_Total", "Currency", "Due_Date"}


def test_no_currency_is_made_up_for_a_bare_amount(tmp_path: Path) -> None:
    found = read_texts(tmp_path, (20, 20, "Total: 12.50"))
    assert found["Inv_Total"] == "12.50"
    assert "Currency" not in found


def test_customer_numbers_and_delivery_dates_are_not_the_invoices(tmp_path: Path) -> None:
    found = read_texts(
        tmp_path,
        *rows(20, 6, (20, 70), ("Kundennummer", "4711"), ("Lieferdatum", "01.02.2020"),
              ("Rechnungsnummer", "R-12"), ("Rechnungsdatum", "03.02.2020")),
    )  # fmt: skip
    assert (found["Inv_Number"], found["Inv_Date"]) == ("R-12", "03-Feb-2020")


def test_the_total_is_told_from_what_is_left_to_pay(tmp_path: Path) -> None:
    found = read_texts(
        tmp_path,
        *rows(20, 6, (20, 70), ("Total HT", "100,00 €"), ("TVA 20 %", "20,00 €"),
              ("Total TTC", "120,00 €"), ("Acompte", "50,00 €"), ("Reste à payer", "70,00 €")),
    )  # fmt: skip
    assert (found["Sub-Total"], found["Tax_Total"], found["Inv_Total"]) == (
        "100.00",
        "20.00",
        "120.00",
    )


def test_the_tax_of_one_rate_of_two_is_not_given_as_the_tax(tmp_path: Path) -> None:
    found = read_texts(
        tmp_path,
        *rows(20, 6, (20, 90), ("Netto", "473,00"), ("USt. 7%", "19,25"), ("USt. 19%", "37,62"),
              ("Rechnungsbetrag", "529,87")),
    )  # fmt: skip
    assert (found["Sub-Total"], found["Inv_Total"]) == ("473.00", "529.87")
    assert "Tax_Total" not in found


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Total excl. VAT", "Sub-Total"),
        ("Total (excl. VAT)", "Sub-Total"),
        ("Total incl. 21% VAT", "Inv_Total"),
        ("Gesamtbetrag netto", "Sub-Total"),
        ("Summe inkl. USt.", "Inv_Total"),
    ],
)
def test_words_after_a_sums_label_say_whether_it_holds_the_tax(
    label: str, field: str, tmp_path: Path
) -> None:
    found = read_texts(tmp_path, (20, 20, label), (90, 20, "80.00"))
    assert {k: v for k, v in found.items() if k in {"Sub-Total", "Inv_Total"}} == {field: "80.00"}


def test_a_weak_label_gives_less_confidence(tmp_path: Path) -> None:
    def confidence(label: str) -> float:
        layout = Layout("inline", ((20, 20, label), (70, 20, "A-4711")), {})
        (field,) = read_document(draw(layout, tmp_path / "x.pdf")).fields
        return field.confidence

    assert confidence("Booking ID") < confidence("Document no.") < confidence("Invoice no.")


def test_all_pages_are_read_and_places_name_their_page(tmp_path: Path) -> None:
    pdf = FPDF()
    pdf.set_font("Helvetica", size=10)
    for texts in (["Invoice no. 77", "Date 1 May 2023"], ["Total EUR 9.00"]):
        pdf.add_page()
        for n, text in enumerate(texts):
            pdf.text(20, 20 + 8 * n, text)
    path = tmp_path / "two.pdf"
    pdf.output(str(path))
    reading = read_document(path)
    assert reading.page_count == 2
    assert {f.name: f.page for f in reading.fields}["Inv_Total"] == 2


def test_rows_of_a_table_have_their_columns(tmp_path: Path) -> None:
    layout = Layout(
        "inline",
        (
            *rows(20, 7, (20, 90, 120, 160), ("Description", "Qty", "Unit price", "Amount"),
                  ("Oak table, 2 m", "2", "450.00", "900.00"), ("", "", "", ""),
                  ("Delivery", "1", "35.50", "35.50")),
            *lines(20, 27 + 3.5, 3.5, "Serial number 8812"),
            (120, 60, "Total"), (160, 60, "935.50"),
        ),
        {},
    )  # fmt: skip
    items = read_document(draw(layout, tmp_path / "x.pdf")).line_items
    assert [{f.name: f.value for f in item} for item in items] == [
        {
            "Item_Description": "Oak table, 2 m",
            "Item_Quantity": "2",
            "Item_Unit_Price": "450.00",
            "Item_Amount": "900.00",
        },
        {
            "Item_Description": "Delivery",
            "Item_Quantity": "1",
            "Item_Unit_Price": "35.50",
            "Item_Amount": "35.50",
        },
    ]


def test_rows_without_a_table_are_found_by_arithmetic(tmp_path: Path) -> None:
    layout = Layout(
        "inline",
        (
            (20, 20, "Gel pens"), (25, 25, "6 x 13.49"), (60, 25, "80.94"),
            (20, 30, "Copy paper"), (25, 35, "4 x 46.99"), (60, 35, "187.96"),
            (20, 40, "Carton 30 x 40"), (60, 45, "9.99"),
        ),
        {},
    )  # fmt: skip
    items = read_document(draw(layout, tmp_path / "x.pdf")).line_items
    assert [[f.value for f in item] for item in items] == [
        ["Gel pens", "6", "13.49", "80.94"],
        ["Copy paper", "4", "46.99", "187.96"],
    ]
