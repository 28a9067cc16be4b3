"""The currency of a document, by its codes, signs and words.

Pure text. Evidence is weighed: a label decides, a code at an amount counts more than a sign, and
a sign that several currencies share is settled by the country that the document speaks of.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from klearstack_async.sandbox.reading.amounts import plain_amount
from klearstack_async.sandbox.reading.currency_by_country import currency_by_country
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.words import Word, fold, word_set

__all__ = ["CURRENCY_CODES", "FoundCurrency", "currency_of"]

_CODES = """
    EUR USD GBP CHF SEK NOK DKK PLN CZK HUF RON BGN ISK INR AUD CAD NZD SGD HKD JPY CNY KRW
    BRL MXN ARS CLP COP PEN ZAR TRY ILS AED SAR QAR MYR THB IDR PHP VND TWD RUB UAH RSD EGP
    NGN KES PKR BDT LKR MAD TND
"""
CURRENCY_CODES = frozenset(_CODES.split())
_SIGNS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₪": "ILS",
    "₩": "KRW", "฿": "THB", "us$": "USD", "ca$": "CAD", "c$": "CAD", "a$": "AUD", "au$": "AUD",
    "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "r$": "BRL", "zl": "PLN", "kc": "CZK", "ft": "HUF",
    "rs": "INR", "rs.": "INR", "fr.": "CHF", "sfr.": "CHF", "sfr": "CHF", "lei": "RON",
}  # fmt: skip
_WORDS = {
    "euro": "EUR", "euros": "EUR", "eur": "EUR", "usdollar": "USD", "usdollars": "USD",
    "dollars": "USD", "pounds": "GBP", "poundsterling": "GBP", "sterling": "GBP",
    "schweizerfranken": "CHF", "francssuisses": "CHF", "rupees": "INR", "zloty": "PLN",
    "zlotych": "PLN", "danskekroner": "DKK", "norskekroner": "NOK", "svenskakronor": "SEK",
    "australiandollars": "AUD", "canadiandollars": "CAD",
}  # fmt: skip
# Signs that do not name one currency. The first is what they mean when nothing else is known.
_SHARED = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "kr": ("SEK", "DKK", "NOK", "ISK"),
}
_DOLLARS = {"ca": "CAD", "can": "CAD", "us": "USD", "au": "AUD", "nz": "NZD", "hk": "HKD"}
_COUNTRY_HINTS = {
    "CAD": r"\bcanada\b|\bgst/hst\b|\bhst\b|\btps\b|\btvq\b|\b[a-z]\d[a-z] ?\d[a-z]\d\b",
    "AUD": r"\baustralia\b|\babn\b|\b(?:nsw|vic|qld) \d{4}\b",
    "NZD": r"\bnew zealand\b",
    "SGD": r"\bsingapore \d{6}\b|\bpte\b",
    "HKD": r"\bhkd\b",
    "MXN": r"\bmexico\b|\brfc\b",
    "SEK": r"\bsverige\b|\bsweden\b|\bmoms\b.*\bbankgiro\b|\bfaktura(?:datum|nummer)\b|\bse\d{12}\b"
    r"|\bbankgiro\b|\bplusgiro\b|\batt betala\b|\bforfallodatum\b",
    "DKK": r"\bdanmark\b|\bdenmark\b|\bcvr\b|\bfakturadato\b|\bi alt\b|\bforfaldsdato\b",
    "NOK": r"\bnorge\b|\bnorway\b|\borg\.? ?nr\b.*\bmva\b|\bmva\b|\bforfallsdato\b|\bkid\b",
    "ISK": r"\biceland\b|\bisland\b",
}
_LABELS = word_set(
    """
    currency wahrung rechnungswahrung belegwahrung devise monnaie valuta moneda divisa moeda
    waluta valutta currencycode invoicecurrency documentcurrency mena
    """
)
# What a currency counts that a label names.
_LABELLED = 6.0
# How far from the total its currency may stand, in sizes of the type.
_BESIDE = 2.0
# A currency that no word says, only the sender's country.
_INFERRED = 0.3
_PRICES_IN = re.compile(r"(?:\bin|\ben|\bi|\bw) $")


@dataclass(frozen=True, slots=True)
class FoundCurrency:
    """The currency, how sure it is, and the word that says it best."""

    code: str
    confidence: float
    word: Word


@dataclass(frozen=True, slots=True)
class _Evidence:
    weight: float
    word: Word


def currency_of(lines: Sequence[Line], total: Sequence[Word] = ()) -> FoundCurrency | None:
    """Weigh the evidence for a currency over a whole document.

    Args:
        lines: The document's lines.
        total: The words of the total; of many signs that say the same, the one there is given.
    """
    text = "\n".join(fold(" ".join(w.text for w in line.words)) for line in lines)
    evidence: dict[str, list[_Evidence]] = defaultdict(list)
    for line in lines:
        for i, word in enumerate(line.words):
            named = _named(line.words, i, text)
            if named is not None:
                code, weight = named
                evidence[code].append(_Evidence(weight, word))
    if not evidence:
        return _at_home(lines)
    totals = {code: _total(found) for code, found in evidence.items()}
    best = max(totals, key=totals.__getitem__)
    share = totals[best] / sum(totals.values())
    strength = min(1.0, 0.6 + 0.1 * totals[best])
    word = _best_word(evidence[best], total)
    return FoundCurrency(best, round(share * strength, 2), word)


def _best_word(found: Sequence[_Evidence], total: Sequence[Word]) -> Word:
    """Take the labelled word, else the one at the total, else the last of those that count most."""
    best = max(reversed(found), key=lambda e: e.weight)
    at_total = [e.word for e in found if _is_at(e.word, total)]
    return at_total[-1] if at_total and best.weight < _LABELLED else best.word


def _is_at(word: Word, total: Sequence[Word]) -> bool:
    """Whether a word is one of the total's, or stands right beside them."""
    if not total or word.page != total[0].page:
        return False
    reach = _BESIDE * word.size
    is_level = abs(word.baseline - total[0].baseline) < 0.4 * word.size
    return is_level and word.x2 > total[0].x1 - reach and word.x1 < total[-1].x2 + reach


def _at_home(lines: Sequence[Line]) -> FoundCurrency | None:
    found = currency_by_country(lines)
    return FoundCurrency(found[0], _INFERRED, found[1]) if found else None


def _total(found: Sequence[_Evidence]) -> float:
    # The hundredth price in a foreign currency's table must not outvote a label.
    weights = sorted((e.weight for e in found), reverse=True)
    return sum(weight / (1 + 0.15 * rank) for rank, weight in enumerate(weights[:40]))


def _named(words: Sequence[Word], i: int, text: str) -> tuple[str, float] | None:
    """Tell which currency a word names, and how much that counts."""
    word = words[i]
    bare = word.text.strip("()[]:;,*-\u2013/")
    letters = re.sub(r"[\d.,'\u2019\s()+*-]", "", word.text)
    has_digits = any(c.isdigit() for c in bare)
    if has_digits and len(letters) > 1 and plain_amount(bare) is None:
        # "KR-100-2233" is no price in crowns.
        return None
    if letters.strip(":;") in CURRENCY_CODES:
        code = letters.strip(":;")
        return code, _context_weight(words, i, at_amount=has_digits)
    sign = fold(letters)
    if sign in _SIGNS and (len(sign) == 1 or _at_number(words, i)):
        return _SIGNS[sign], 1.0
    for end in (letters[-1:], letters[:1]):
        if end in _SIGNS:
            return _SIGNS[end], 0.8
    return _shared(words, i, sign, text) or _by_words(words, i)


def _shared(words: Sequence[Word], i: int, sign: str, text: str) -> tuple[str, float] | None:
    """Read a sign that several currencies share."""
    shared = sign.rstrip(".")
    following = words[i + 1].norm if i + 1 < len(words) else ""
    if shared == "$" and following in _DOLLARS:
        return _DOLLARS[following], 1.2
    if shared in _SHARED and (shared == "$" or _at_number(words, i)):
        return _settled(_SHARED[shared], text), 1.0
    return None


def _by_words(words: Sequence[Word], i: int) -> tuple[str, float] | None:
    if i + 1 < len(words) and words[i].norm + words[i + 1].norm in _WORDS:
        return _WORDS[words[i].norm + words[i + 1].norm], 2.0
    if words[i].norm in _WORDS:
        return _WORDS[words[i].norm], 0.7
    return None


def _context_weight(words: Sequence[Word], i: int, *, at_amount: bool) -> float:
    before = words[max(0, i - 3) : i]
    if any(w.norm in _LABELS for w in before):
        return _LABELLED
    if before and _PRICES_IN.search(fold(before[-1].text) + " "):
        return 2.5
    return 1.5 if at_amount or _at_number(words, i) else 0.7


def _at_number(words: Sequence[Word], i: int) -> bool:
    if any(c.isdigit() for c in words[i].text):
        return True
    beside = [*words[max(0, i - 1) : i], *words[i + 1 : i + 2]]
    return any(w.text[:1].isdigit() or w.text[-1:].isdigit() for w in beside)


def _settled(candidates: tuple[str, ...], text: str) -> str:
    """Choose among the currencies that share a sign, by the country the document speaks of."""
    for code in candidates:
        if re.search(rf"\b{code.lower()}\b", text):
            return code
    hints = {c: len(re.findall(_COUNTRY_HINTS[c], text)) for c in candidates if c in _COUNTRY_HINTS}
    best = max(hints, key=hints.__getitem__)
    if hints[best]:
        return best
    return candidates[0]
