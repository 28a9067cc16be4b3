"""The labels of invoice fields: what is printed beside a value to say what it is.

A label is written in the tables as people write it; it is compared without case, accents, spaces
and punctuation. What follows a rule is made here ("Rechnung" with "Nummer", "MwSt" with "gesamt");
the rest stands in `labels_of_fields`, `labels_of_sums` and `labels_of_others`. How labels are found
on a page is in `matching.py`; the column headings of line items are in `column_labels.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from klearstack_async.sandbox.reading.labels_of_fields import FIELD_LABELS
from klearstack_async.sandbox.reading.labels_of_others import OTHER_LABELS
from klearstack_async.sandbox.reading.labels_of_sums import SUM_LABELS
from klearstack_async.sandbox.reading.words import norm, word_set

__all__ = ["DATE_LINKS", "INVOICE_NOUNS", "Label", "labels_by_key"]


@dataclass(frozen=True, slots=True)
class Label:
    """What a label stands for, and how surely: 1 says it outright, 0.3 only hints."""

    field: str
    strength: float


_NOUNS = {
    "en": "invoice, tax invoice, bill, credit note, credit memo, receipt, statement, vat invoice"
    ", proforma invoice, pro forma invoice, sales invoice",
    "de": "Rechnung, Rechnungs, Gutschrift, Gutschrifts, Faktura, Beleg, Re, RG, Schlussrechnung"
    ", Abschlagsrechnung, Stornorechnung, Rechnungskorrektur, Korrekturrechnung, Beitragsrechnung"
    ", Prämienrechnung, Quittung, Rechnungskorrektur",
    "fr": "facture, avoir, fact, facture proforma",
    "nl": "factuur, creditnota, rekening, creditfactuur, nota",
    "es": "factura, fra, factura simplificada, factura rectificativa, abono, recibo",
    "it": "fattura, nota di credito, ricevuta, doc, documento",
    "pt": "fatura, factura, recibo, nota fiscal, fatura/recibo, nota de crédito",
    "pl": "faktura, faktury, faktura VAT, rachunek",
    "sv": "faktura, kreditfaktura, kvitto",
    "da": "faktura, kreditnota, regning",
    "no": "faktura, kreditnota, regning, kvittering",
    "fi": "lasku, laskun, hyvityslasku",
    "cs": "faktura, faktury, dokladu, doklad, daňový doklad, faktura daňový doklad",
}
_MARKS = {
    "en": "number, no, #, num, id, nr, ref, reference, ref no, n°",
    "de": "nummer, nr, no, #, num",
    "fr": "numéro, n°, no, num, nº, #, nr",
    "nl": "nummer, nr, no, #",
    "es": "número, nº, n°, num, no, n, #",
    "it": "numero, n, nr, n°, num, no, #",
    "pt": "número, nº, n°, num, n, no, #",
    "pl": "numer, nr",
    "sv": "nummer, nr, no",
    "da": "nummer, nr, no",
    "no": "nummer, nr, no",
    "fi": "numero, nro, n:o, nr",
    "cs": "číslo, č, cislo, c, no",
}
# "Numéro de facture", "Numero della fattura": the mark first, with and without a small word.
_LINKS = {
    "fr": "de, de la, d', ",
    "es": "de, de la, ",
    "it": "della, di, ",
    "pt": "da, de, ",
    "pl": ",",
    "cs": ",",
    "en": "of,",
}

_TAX_NAMES = (
    "VAT, MwSt, USt, Umsatzsteuer, Mehrwertsteuer, TVA, BTW, IVA, moms, mva, ALV, DPH, GST, tax"
)
_TAX_SUMS = (
    "total, gesamt, Summe, Betrag, amount, montant, bedrag, totaal, importe, importo, totale"
    ", totalt, yhteensä, celkem, razem, kwota, belopp, beløb, beløp, cuota"
)

# Words that end in one of these name the document itself: "Handelsrechnung", "Sammelfaktura".
INVOICE_NOUNS = (
    "invoice", "rechnung", "gutschrift", "facture", "avoir", "factuur", "creditnota", "factura",
    "fattura", "fatura", "faktura", "lasku", "bill", "receipt", "creditnote", "fakturavat",
    "statement", "quittung", "rechnungskorrektur", "kassabon", "recu", "doklad", "rachunek",
    "regning", "kvitto", "abono", "notadicredito", "parcella", "honorarnote", "bon",
)  # fmt: skip

# What links an invoice's number to its date: "Rechnung Nr. 12 vom 5.3.2018".
DATE_LINKS = word_set(
    """
    vom du of dated del van d.d. av den fra am de ze dne z dnia dato af le da
    """
)


@cache
def labels_by_key() -> dict[str, Label]:
    """Give every label by the form it is compared in.

    Where two fields claim one label, the stronger claim wins, then the earlier row.
    """
    found: dict[str, Label] = {}
    for field, strength, text in _all_rows():
        key = norm(text)
        if key and (key not in found or found[key].strength < strength):
            found[key] = Label(field, strength)
    return found


def _all_rows() -> Iterator[tuple[str, float, str]]:
    for language, nouns in _NOUNS.items():
        for noun in _listed(nouns):
            bare = 0.5 if len(norm(noun)) > 3 and norm(noun) not in _NOT_BARE else 0.0
            if bare:
                yield "Inv_Number", bare, noun
            yield from _number_labels(language, noun)
    for label in _tax_labels():
        yield "Tax_Total", 0.95, label
    for field, strength, labels in (*FIELD_LABELS, *SUM_LABELS, *OTHER_LABELS):
        for label in _listed(labels):
            yield field, strength, label


# Also names of other things, too common to be a label alone.
_NOT_BARE = frozenset({"documento", "dokladu", "faktury", "statement", "rekening", "rechnungs",
                       "gutschrifts", "laskun", "nota"})  # fmt: skip


def _number_labels(language: str, noun: str) -> Iterator[tuple[str, float, str]]:
    for mark in _listed(_MARKS[language]):
        yield "Inv_Number", 1.0, noun + mark
        for link in _LINKS.get(language, "").split(","):
            if len(norm(mark)) > 1 or link.strip() or language in {"fr", "es", "pt", "it"}:
                yield "Inv_Number", 0.95, mark + link + noun


def _tax_labels() -> Iterator[str]:
    """Combine each tax's name with the words for a sum: "USt. gesamt", "btw totaal"."""
    for tax in _listed(_TAX_NAMES):
        for word in _listed(_TAX_SUMS):
            yield tax + word
            yield word + tax


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
