"""Amounts of money and quantities: finding them in a line, and writing them the plain way.

Pure text. What an amount means (a total, a price) is decided elsewhere, and so is its currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from klearstack_async.sandbox.reading.words import Word

__all__ = [
    "CURRENCY_SIGN",
    "Amount",
    "amounts_in",
    "decimal_mark_of",
    "plain_amount",
]

# What may stand around a number without a space: a code, a sign, a word for a currency.
CURRENCY_SIGN = (
    r"(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|INR|AUD|CAD|NZD|SGD|HKD|JPY|CNY|BRL|MXN"
    r"|ZAR|TRY|ILS|AED|SAR|MYR|THB|US\$|CA?\$|AU?\$|NZ\$|HK\$|S\$|R\$|[$€£¥₹₽₺₪₩฿]|zł|zl|Kč|Kc"
    r"|kr\.?|Fr\.|Rs\.?|Ft|lei)"
)
_NUMBER = r"(?:\d{1,3}(?:['\u2019. ]\d{3})+|\d{1,3}(?:,\d{2,3})*,\d{3}|\d+)?(?:[.,]\d+)?"
_WHOLE = re.compile(
    rf"^(?P<open>\()?(?P<sign1>[-\u2013+])?{CURRENCY_SIGN}?(?P<sign2>[-\u2013+])?"
    rf"(?P<number>(?=[.,]?\d){_NUMBER})(?P<dash>[.,][-\u2013\u2014]{{1,2}})?(?P<sign3>[-\u2013])?"
    rf"{CURRENCY_SIGN}?(?P<close>\))?[*;]?$",
    re.IGNORECASE,
)
_SIGN_ALONE = re.compile(r"^[-\u2013\u2212+]$")
_CURRENCY_ALONE = re.compile(rf"^[-\u2013]?[(\[]?{CURRENCY_SIGN}[)\]]?:?$", re.IGNORECASE)
_GROUP_START = re.compile(rf"^[-\u2013+]?(?:{CURRENCY_SIGN})?[-\u2013+]?\d{{1,3}}$", re.IGNORECASE)
_GROUP_NEXT = re.compile(
    rf"^\d{{3}}(?:[.,]\d+)?(?:[.,]?[-\u2013])?(?:{CURRENCY_SIGN})?$", re.IGNORECASE
)
# A group of thousands stands a space away (0.8 in monospaced type), a column farther.
_GROUP_GAP = 0.8
_NEAR_SIGN = 1.2
_MAX_LENGTH = 40
_HAS_SIGN = re.compile(CURRENCY_SIGN, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number printed in a line.

    Attributes:
        text: Plain decimal text: a dot, no thousands separators, a minus where negative.
        first: The number of its first word in the line.
        last: The number of its last word.
        with_currency: A currency stands with it.
        decimals: How many decimals are printed.
    """

    text: str
    first: int
    last: int
    with_currency: bool
    decimals: int

    @property
    def value(self) -> Decimal:
        """The number."""
        return Decimal(self.text)

    @property
    def looks_like_money(self) -> bool:
        """Whether it is printed the way money is: with cents, or with a currency."""
        return self.decimals == 2 or self.with_currency


def decimal_mark_of(texts: Iterable[str]) -> str | None:
    """Find which mark a document uses for decimals, by the numbers that leave no doubt.

    Returns:
        A dot or a comma, or None without evidence.
    """
    votes = {".": 0, ",": 0}
    for text in texts:
        match = _WHOLE.match(text)
        if match is None:
            continue
        found = re.search(r"([.,])\d{2}$", match["number"])
        if found:
            votes[found[1]] += 1
    if votes["."] == votes[","]:
        return None
    return max(votes, key=votes.__getitem__)


def plain_amount(text: str, decimal_mark: str | None = None) -> str | None:
    """Write one printed number plainly: `1.234,56 €` becomes `1234.56`.

    Args:
        text: The number as printed, with or without a currency at its side.
        decimal_mark: The document's decimal mark; decides `1.234` and `1,234`.

    Returns:
        The number with the decimals that were printed, or None when the text is no number.
    """
    if len(text) > _MAX_LENGTH:
        return None
    match = _WHOLE.match(text.replace("\u00a0", " ").replace("\u2212", "-").strip())
    if match is None:
        return None
    whole, fraction = _split(match["number"], decimal_mark)
    digits = re.sub(r"\D", "", whole).lstrip("0") or "0"
    negative = "-" in _signs(match) or (match["open"] and match["close"])
    plain = f"{digits}.{fraction}" if fraction else digits
    return f"-{plain}" if negative else plain


def _signs(match: re.Match[str]) -> str:
    signs = "".join(match[name] or "" for name in ("sign1", "sign2", "sign3"))
    return signs.replace("\u2013", "-")


def _split(number: str, decimal_mark: str | None) -> tuple[str, str]:
    """Part a number at its decimal mark, if it has one."""
    marks = [c for c in number if c in ".,"]
    if not marks:
        return number, ""
    last = marks[-1]
    whole, _, fraction = number.rpartition(last)
    if marks.count(last) > 1:
        return number, ""
    # Other separators before the last mark, or a fraction that is no group of thousands: decimals.
    if len(set(marks)) > 1 or re.search(r"['\u2019 ]", whole) or len(fraction) != 3:
        return whole, fraction
    if whole in {"", "0"} or len(whole) > 3 or decimal_mark == last:
        return whole, fraction
    return number, ""


def amounts_in(words: Sequence[Word], decimal_mark: str | None = None) -> list[Amount]:
    """Find the numbers in a line, left to right; percentages and dates are none.

    Args:
        words: The line's words.
        decimal_mark: The document's decimal mark.
    """
    found: list[Amount] = []
    i = 0
    while i < len(words):
        last = _group_end(words, i)
        text = " ".join(w.text for w in words[i : last + 1])
        plain = plain_amount(text, decimal_mark)
        if plain is None and last > i:
            last = i
            plain = plain_amount(words[i].text, decimal_mark)
        if plain is not None and not _is_percentage(words, last):
            found.append(_amount(words, i, last, plain))
        i = last + 1
    return found


def _group_end(words: Sequence[Word], i: int) -> int:
    """Follow a number over the spaces between its groups of thousands."""
    if not _GROUP_START.match(words[i].text):
        return i
    last = i
    while last + 1 < len(words):
        near = words[last + 1].x1 - words[last].x2 < _GROUP_GAP * words[last].size
        if not near or not _GROUP_NEXT.match(words[last + 1].text):
            break
        last += 1
        if not words[last].text.isdigit():
            break
    return last


def _is_percentage(words: Sequence[Word], last: int) -> bool:
    following = words[last + 1] if last + 1 < len(words) else None
    return (
        following is not None
        and following.text.startswith("%")
        and following.x1 - words[last].x2 < words[last].size
    )


def _amount(words: Sequence[Word], first: int, last: int, plain: str) -> Amount:
    """Take the currency and the minus that stand a space away into an amount."""
    with_currency = _HAS_SIGN.search("".join(w.text for w in words[first : last + 1])) is not None
    first, before_it = _with_currency_before(words, first)
    signed = words[first].text[0] in "-\u2013"
    if first > 0 and _SIGN_ALONE.match(words[first - 1].text) and _is_near(words, first - 1, 0.8):
        first -= 1
        signed = signed or words[first].text != "+"
    last, after_it = _with_currency_after(words, last)
    if signed and not plain.startswith("-"):
        plain = f"-{plain}"
    decimals = len(plain.partition(".")[2])
    return Amount(plain, first, last, with_currency or before_it or after_it, decimals)


def _with_currency_before(words: Sequence[Word], first: int) -> tuple[int, bool]:
    before = first - 1
    if before < 0 or not _CURRENCY_ALONE.match(words[before].text) or _is_taken(words, before):
        return first, False
    # In accounts the sign stands at the column's other edge: it counts, but is no part.
    return (before if _is_near(words, before, _NEAR_SIGN) else first), True


def _with_currency_after(words: Sequence[Word], last: int) -> tuple[int, bool]:
    after = last + 1
    found = (
        after < len(words)
        and _CURRENCY_ALONE.match(words[after].text) is not None
        and _is_near(words, last, _NEAR_SIGN)
    )
    return (after, True) if found else (last, False)


def _is_taken(words: Sequence[Word], sign: int) -> bool:
    """Whether a currency sign belongs to the number before it: "4,55 €   128,00 €"."""
    if sign == 0 or not words[sign - 1].text[-1:].isdigit():
        return False
    to_left = words[sign].x1 - words[sign - 1].x2
    return to_left <= words[sign + 1].x1 - words[sign].x2


def _is_near(words: Sequence[Word], i: int, sizes: float) -> bool:
    return words[i + 1].x1 - words[i].x2 < sizes * words[i].size
