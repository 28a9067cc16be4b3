"""Cells of lines as things of their own, and what kind of text they hold.

Pure. Tells addresses, contact data and names apart by how they are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import Word, fold, text_of

__all__ = ["Cell", "cells_of", "has_contact", "has_postcode", "is_address", "is_name"]

_POSTCODE = re.compile(
    r"(?:^|[\s,])(?:[A-Z]{1,3}-)?\d{4,5}(?:-\d{3,4})?,? +[A-Za-zÀ-ž]{2}"  # 80333 München
    r"|(?:^|\s)\d{4} ?[A-Z]{2}(?:\s|,|$)"  # 1025 RX
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"  # SW1A 1AA
    r"|\b[A-Z]{2},? +\d{5}(?:-\d{4})?\b"  # WA 98109-5210
    r"|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b"  # K1A 0B1
    r"|\b\d{2}-\d{3} [A-ZŁŚŻ]"  # 00-950 Warszawa
    r"|\b\d{3} \d{2} +[A-ZÀ-Ž]"  # 111 22 Stockholm
    r"|[A-Za-z]+[ -]+\d{6}\b|\b[A-Z]{2,3} \d{4}\b"  # New Delhi - 110001, NSW 2000
)
# Longer texts are prose, or made to keep a regular expression busy.
_MAX_LENGTH = 300
_MAX_BLOCK = 2_000
# Compared in folded text, where a sharp s is a single one.
_STREET = re.compile(
    r"(?:str\.|strasse|strase|\bstreet\b|\bst\.|\broad\b|\brd\b|\bavenue\b|\bave\b|\blane\b"
    r"|\bdrive\b"
    r"|\bfloor\b|\bsuite\b|\brue\b|\bboulevard\b|\bbd\b|\bchemin\b|\ballee\b|allee\b|weg\b|platz\b"
    r"|\bplace\b|straat\b|laan\b|gracht\b|plein\b|\bvia\b|\bviale\b|\bcorso\b|\bpiazza\b|\bcalle\b"
    r"|\bavda\b|\bplaza\b|\brua\b|\bavenida\b|\bul\.|gatan\b|vagen\b|\bvej\b|vej\b|gade\b|katu\b"
    r"|\bgata\b|gasse\b|ring \d|damm\b|\bpo box\b|\bp\.?o\.? box\b|postfach|\bc/ ?|\bcamino\b"
    r"|\bbp\b)"
    r".*\d|\d.*(?:street|road|avenue|lane|drive|rue|chemin|boulevard|camino|quai|place|way)\b",
)
_CONTACT = re.compile(
    r"\b(?:tel|telefon|phone|fon|fax|telefax|mobile?|mob|e-?mail|web|www|http|ust-?id|ustid|vat|iban"
    r"|bic|siret|siren|kvk|btw|tva|p\.? ?iva|partita|nif|cif|gstin|abn|ein|tax id|steuer-?n|hrb|rcs"
    r"|org\.? ?nr|orgnr|cvr|ico|dic|nip|regon|y-tunnus|uid|mwst-?nr|telephone|handelsregist\w*|ape"
    r"|tlf|puh|bankgiro|swift|geschaftsfuhrer|codice fiscale|c\.f\.|nipc|contribuinte)\b|@|www\."
)
_NOT_A_NAME = re.compile(
    r"^\(|@|https?:|www\.|^\W*$|^page\b|^seite\b|\d{5,}|^\+?[\d ()/.-]+$|:$"
    r"|\b(?:bank|banque|sparkasse)\b|^tel\b|^fax\b|^iban\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}|[€$£]|%|\bdatum\b|\bdate\b"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a line, on its own.

    `first` and `end` are the half-open range of its words in the line.
    """

    line: Line
    first: int
    end: int
    text: str

    @property
    def words(self) -> tuple[Word, ...]:
        """The cell's words."""
        return self.line.words[self.first : self.end]

    @property
    def x1(self) -> float:
        """The left edge."""
        return self.line.words[self.first].x1

    @property
    def x2(self) -> float:
        """The right edge."""
        return self.line.words[self.end - 1].x2

    @property
    def size(self) -> float:
        """The size of its type."""
        return max(w.size for w in self.words)


def cells_of(line: Line) -> list[Cell]:
    """Take a line apart into its cells."""
    return [Cell(line, a, b, text_of(line.words[a:b])) for a, b in line.cells()]


def has_postcode(text: str) -> bool:
    """Whether a text holds a postcode with its town."""
    return _POSTCODE.search(text[:_MAX_LENGTH]) is not None


def is_address(text: str) -> bool:
    """Whether a text is a street or a town, not a name."""
    return has_postcode(text) or _STREET.search(fold(text[:_MAX_LENGTH])) is not None


def has_contact(text: str) -> bool:
    """Whether a text holds what a sender prints of himself: telephone, tax number, bank, site."""
    return _CONTACT.search(fold(text[:_MAX_BLOCK])) is not None


def is_name(text: str) -> bool:
    """Whether a text can be a name, and is not an address, a date or a sum."""
    if len(text) > _MAX_LENGTH or _NOT_A_NAME.search(fold(text)) or is_address(text):
        return False
    # "VAT FR 42 512 884" names a number, not a firm.
    return not (has_contact(text) and any(c.isdigit() for c in text))
