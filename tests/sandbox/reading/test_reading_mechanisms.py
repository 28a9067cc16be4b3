"""What labels, numbers and gaps do to each other, each mechanism in a layout of a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF
from reading_layouts import Layout, Text, draw, lines, rows

from klearstack_async.sandbox.reading import read_document


def read(tmp_path: Path, *texts: Text) -> dict[str, str]:
    path = draw(Layout("inline", texts, {}), tmp_path / "x.pdf")
    return {f.name: f.value for f in read_document(path).fields}


@pytest.mark.parametrize(
    "number",
    [
        "BM2129I001234567",  # an IBAN by its form, not by its check digits
        "VP 1234 5678 Q042 7A",
        "0012345678 19G5-8F11",
        "FT A/123456789",
    ],
)
def test_a_number_after_a_colon_is_read_to_its_end(number: str, tmp_path: Path) -> None:
    assert read(tmp_path, (20, 20, f"Bill number: {number}"))["Inv_Number"] == number


def test_an_iban_is_no_invoice_number(tmp_path: Path) -> None:
    found = read(tmp_path, (20, 20, "Rechnung"), (60, 20, "DE89370400440532013000"))
    assert "Inv_Number" not in found


@pytest.mark.parametrize(
    "title",
    [
        ((20, 20, "Facture du 17/01/2020"), (20, 25, "N° 10 123 456 789")),
        ((20, 20, "FACTURE", 11), (20, 29, "N° : 10 123 456 789")),
    ],
)
def test_a_bare_mark_under_the_title_is_the_invoices(
    title: tuple[Text, ...], tmp_path: Path
) -> None:
    assert read(tmp_path, *title)["Inv_Number"] == "10 123 456 789"


def test_a_bare_mark_under_something_else_is_not(tmp_path: Path) -> None:
    found = read(tmp_path, *lines(20, 20, 5, "FACTURE", "Compteur", "N° : 10 123 456 789"))
    assert "Inv_Number" not in found


def test_labels_joined_by_a_slash_share_their_value(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        (20, 20, "Invoice date / Delivery date"), (90, 20, "27 November 2020"),
        (20, 26, "Order date"), (90, 26, "26 November 2020"),
    )  # fmt: skip
    assert found["Inv_Date"] == "27-Nov-2020"


def test_labels_joined_by_a_slash_take_each_its_kind(tmp_path: Path) -> None:
    found = read(
        tmp_path, (20, 20, "Rechnungs-Nr. / Datum:"), (90, 20, "20180001 / 02.01.2018")
    )  # fmt: skip
    assert (found["Inv_Number"], found["Inv_Date"]) == ("20180001", "02-Jan-2018")


def test_a_label_that_goes_on_below_with_a_slash_keeps_its_meaning(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *lines(20, 20, 4, "Rechnungsdatum", "/Lieferdatum"), (70, 24, "14 Juni 2021"),
        (20, 32, "Bestelldatum"), (70, 32, "13 Juni 2021"),
    )  # fmt: skip
    assert found["Inv_Date"] == "14-Jun-2021"


@pytest.mark.parametrize(
    "other",
    [
        "Presupuesto: P-2021/110 de fecha 12/04/2021",
        "Departure date: 12/04/2021",
        "Abzgl. Teilrechnung T-31 vom 12.04.2021",
        "Facture acquittée - réglée par chèque le 12/04/2021",
    ],
)
def test_the_date_of_another_thing_is_not_the_invoices(other: str, tmp_path: Path) -> None:
    found = read(tmp_path, (20, 20, "Valencia, 07/05/2021"), (20, 40, other))
    assert found["Inv_Date"] == "07-May-2021"


def test_a_date_with_a_colon_is_the_invoices_behind_any_number(tmp_path: Path) -> None:
    found = read(
        tmp_path, (20, 20, "Valencia, 07/05/2021"), (20, 40, "Kundennr. 4711 Datum: 12.04.2021")
    )
    assert found["Inv_Date"] == "12-Apr-2021"


def test_a_bare_date_over_the_items_precedes_those_of_their_rows(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        (120, 20, "München, den 06.12.2018"),
        *rows(60, 6, (20, 60, 110, 150), ("Datum", "Leistung", "Anzahl", "Betrag"),
              ("05.11.2018", "Krankengymnastik", "1", "26,40"),
              ("12.11.2018", "Krankengymnastik", "5", "132,00")),
    )  # fmt: skip
    assert found["Inv_Date"] == "06-Dec-2018"


@pytest.mark.parametrize(
    "label", ["Totaal van deze factuur", "Gesamtbeitrag inkl. Versicherungssteuer"]
)
def test_words_that_own_no_amount_do_not_part_a_sum_from_it(label: str, tmp_path: Path) -> None:
    assert read(tmp_path, (20, 20, label), (120, 20, "72,00 EUR"))["Inv_Total"] == "72.00"


@pytest.mark.parametrize(("upper", "lower"), [("Tax", "Total"), ("Sales tax", "Total")])
def test_two_sums_with_amounts_of_their_own_are_no_label_of_two_lines(
    upper: str, lower: str, tmp_path: Path
) -> None:
    found = read(
        tmp_path, *rows(20, 5, (20, 90), ("Subtotal", "20.00"), (upper, "3.00"), (lower, "23.00"))
    )
    assert (found["Tax_Total"], found["Inv_Total"]) == ("3.00", "23.00")


@pytest.mark.parametrize(
    ("printed", "currency"),
    [
        ("Organisasjonsnr NO 987 654 321 MVA", "NOK"),
        ("IBAN DE89 3704 0044 0532 0130 00", "EUR"),
        ("VAT no. GB 245 7193 48", "GBP"),
        ("MWST-Nr. CHE-101.654.423", "CHF"),
    ],
)
def test_the_senders_country_tells_a_currency_that_nothing_else_does(
    printed: str, currency: str, tmp_path: Path
) -> None:
    assert read(tmp_path, (20, 20, "Total 12.50"), (20, 30, printed))["Currency"] == currency
    stated = read(tmp_path, (20, 20, "Total USD 12.50"), (20, 30, printed))
    assert stated["Currency"] == "USD"


def test_two_countries_tell_no_currency(tmp_path: Path) -> None:
    found = read(tmp_path, *lines(20, 20, 6, "Total 12.50", "VAT GB 245 7193 48", "CVR 12345678"))
    assert "Currency" not in found


def test_values_glued_to_their_labels_are_read(tmp_path: Path) -> None:
    found = read(
        tmp_path, *lines(20, 20, 6, "InvoiceNumber981", "InvoiceDate09/24/2023", "Total$1,059.30")
    )
    assert (found["Inv_Number"], found["Inv_Date"]) == ("981", "24-Sep-2023")
    assert (found["Inv_Total"], found["Currency"]) == ("1059.30", "USD")


def test_spaced_out_digits_are_one_number(tmp_path: Path) -> None:
    found = read(tmp_path, (20, 20, "Facture n°", 11), (60, 20, "2 0 1 8 - 1 1 7", 11))
    assert found["Inv_Number"] == "2018-117"


def drawn_letter_by_letter(path: Path, *texts: str, font: str, gap: float = 0.0) -> Path:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font(font, size=8)
    for n, text in enumerate(texts):
        x = 20.0
        for letter in text:
            if letter != " ":
                pdf.text(x, 20 + 6 * n, letter)
            x += pdf.get_string_width(letter) + gap
    pdf.output(str(path))
    return path


@pytest.mark.parametrize("font", ["Helvetica", "Times", "Courier"])
@pytest.mark.parametrize("gap", [0.0, 0.04])
def test_letters_drawn_one_by_one_make_words(font: str, gap: float, tmp_path: Path) -> None:
    path = drawn_letter_by_letter(
        tmp_path / "x.pdf",
        "Receipt #: 1623456789", "Date: Jan 30, 2020", "Total: 1 235,16 EUR",
        font=font, gap=gap,
    )  # fmt: skip
    found = {f.name: f.value for f in read_document(path).fields}
    assert (found["Inv_Number"], found["Inv_Date"]) == ("1623456789", "30-Jan-2020")
    assert found["Inv_Total"] == "1235.16"
