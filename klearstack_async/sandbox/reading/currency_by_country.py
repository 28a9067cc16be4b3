"""The currency of a document that prints none: that of the country its numbers belong to.

Pure text, and the last resort: an IBAN, a tax number or a register's name says where a sender is at
home, and he bills in that country's money unless he says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import Word, fold

__all__ = ["currency_by_country"]

# Folded text: lower case, no accents.
_AT_HOME = {
    "EUR": r"\b(?:at|be|de|ee|es|fi|fr|gr|ie|it|lt|lu|lv|mt|nl|pt|si|sk)\d\d(?: ?[\da-z]{4}){3}"
    r"|\bde ?\d{9}\b|\bfr ?\w\w ?\d{3} ?\d{3} ?\d{3}\b|\bnl ?\d{9}b\d\d\b|\batu ?\d{8}\b"
    r"|\bbe ?0\d{3}[. ]?\d{3}[. ]?\d{3}\b|\bit ?\d{11}\b|\bsiret\b|\bsiren\b|\bkvk\b"
    r"|\bsteuernummer\b|\bust-?id|\b(?:cif|nif)\b|\bp\. ?iva\b|\bpartita iva\b|\by-tunnus\b",
    "GBP": r"\bgb ?\d{3} ?\d{4} ?\d\d\b|\bgb\d\d(?: ?[\da-z]{4}){3}|\bsort code\b",
    "CHF": r"\bche-?\d{3}\.?\d{3}\.?\d{3}\b|\bch\d\d(?: ?[\da-z]{4}){3}",
    "NOK": r"\b\d{3} ?\d{3} ?\d{3} ?mva\b|\bno\d\d(?: ?\d{4}){2}|\bforfallsdato\b",
    "SEK": r"\bse\d{12}\b|\bbankgiro\b|\bplusgiro\b|\borganisationsnummer\b",
    "DKK": r"\bcvr\b|\bforfaldsdato\b",
    "PLN": r"\bnip\b|\bregon\b",
    "CZK": r"\bcz\d{8,10}\b|\bico\b",
    "INR": r"\bgstin?\b|\bcgst\b|\bsgst\b",
}
_PATTERNS = {code: re.compile(pattern) for code, pattern in _AT_HOME.items()}


def currency_by_country(lines: Sequence[Line]) -> tuple[str, Word] | None:
    """Give the currency that most of a document's national numbers stand for.

    Returns:
        The code and the first word that speaks for it; None without such numbers, or when two
        countries are named equally often.
    """
    found: dict[str, list[Word]] = {}
    for line in lines:
        text = fold(" ".join(w.text for w in line.words))
        for code, pattern in _PATTERNS.items():
            for match in pattern.finditer(text):
                # One space per word: those before the match count the words before it.
                found.setdefault(code, []).append(line.words[text.count(" ", 0, match.start())])
    ranked = sorted(found, key=lambda code: -len(found[code]))
    if not ranked or (len(ranked) > 1 and len(found[ranked[0]]) == len(found[ranked[1]])):
        return None
    return ranked[0], found[ranked[0]][0]
