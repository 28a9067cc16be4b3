"""The tables of labels: complete, and without contradiction."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from klearstack_async.sandbox import reading
from klearstack_async.sandbox.reading.column_labels import column_role
from klearstack_async.sandbox.reading.fields import FIELD_ORDER
from klearstack_async.sandbox.reading.labels import labels_by_key
from klearstack_async.sandbox.reading.words import norm

MODULES = sorted(Path(reading.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("field", [f for f in FIELD_ORDER if f != "Currency"])
def test_every_field_has_labels(field: str) -> None:
    assert any(label.field == field for label in labels_by_key().values())


def test_strengths_are_parts_of_one() -> None:
    assert all(0 < label.strength <= 1 for label in labels_by_key().values())


@pytest.mark.parametrize(
    ("printed", "field"),
    [
        ("Invoice No.", "Inv_Number"),
        ("INVOICE #", "Inv_Number"),
        ("Rechnungs-Nr.:", "Inv_Number"),
        ("Rechnungsnummer", "Inv_Number"),
        ("N° de facture", "Inv_Number"),
        ("Facture n°", "Inv_Number"),
        ("Factuurnummer", "Inv_Number"),
        ("Numero fattura", "Inv_Number"),
        ("Nº de factura", "Inv_Number"),
        ("Faktura nr", "Inv_Number"),
        ("Laskun numero", "Inv_Number"),
        ("Číslo faktury", "Inv_Number"),
        ("Date d'émission", "Inv_Date"),
        ("Fälligkeitsdatum", "Due_Date"),
        ("Total à payer", "Inv_Total"),
        ("Zahlbetrag", "Inv_Total"),
        ("Gesamtbetrag", "Inv_Total"),
        ("Te betalen", "Inv_Total"),
        ("Totale documento", "Inv_Total"),
        ("Att betala", "Inv_Total"),
        ("Celkem k úhradě", "Inv_Total"),
        ("Zwischensumme", "Sub-Total"),
        ("Base imponible", "Sub-Total"),
        ("USt. gesamt", "Tax_Total"),
        ("Kwota VAT", "Tax_Total"),
        ("Kundennummer", "-number"),
        ("Lieferdatum", "-date"),
        ("Adresse de livraison", "-party"),
        ("Carried forward", "-carried"),
    ],
)
def test_a_label_is_known_however_it_is_printed(printed: str, field: str) -> None:
    assert labels_by_key()[norm(printed)].field == field


@pytest.mark.parametrize(
    ("printed", "role"),
    [
        ("Qté", "quantity"),
        ("Menge", "quantity"),
        ("Unit Price", "price"),
        ("Einzelpreis EUR", "price"),
        ("Montant HT", "amount"),
        ("Omschrijving", "description"),
        ("Art.-Nr.", "article"),
        ("VAT %", "other"),
        ("Zeppelin", None),
    ],
)
def test_a_heading_is_known_however_it_is_printed(printed: str, role: str | None) -> None:
    assert column_role(norm(printed)) == role


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_the_reader_imports_nothing_from_the_rest_and_pdfium_in_one_place(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    own = {name for name in imported if name.startswith("klearstack_async")}
    assert all(name.startswith("klearstack_async.sandbox.reading") for name in own)
    edge = {name for name in imported if name.split(".")[0] in {"pypdfium2", "PIL"}}
    assert not edge or path.stem in {"pdf", "images"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_every_module_says_what_lives_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
