"""Where the labels stand on the page.

Pure: lines in, label hits out. A hit says which words of which line are a label, of which field
and how strong; the values are looked for in `candidates.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from klearstack_async.sandbox.reading.labels import (
    DATE_LINKS,
    INVOICE_NOUNS,
    Label,
    labels_by_key,
)
from klearstack_async.sandbox.reading.layout import Layout, Line
from klearstack_async.sandbox.reading.words import Word, word_set

__all__ = ["LabelHit", "hits_of_layout", "is_invoice_noun"]

_MAX_LABEL_WORDS = 8
_NUMBER_MARKS = word_set("nr no n number nummer numero # num cislo c numer id nro")
_SUMS = frozenset({"Inv_Total", "Sub-Total", "Tax_Total"})
# Words after a sum's label that say whether it holds the tax.
_GROSS = word_set(
    """
    incl incl. including inclusive inkl inkl. inklusive ttc brutto gross tvac inclusief
    incluido incluida inclusa ivato com con sis sisältää vcetne vc s
    """
)
_NET = word_set(
    """
    excl excl. excluding exclusive exkl exkl. exklusive netto net ht ohne hors htva
    exclusief exclusive exc ex ekskl eks sin sem senza bez before w/o without zzgl
    """
)
_TAXES = word_set(
    """
    vat mwst ust tax btw iva tva moms mva alv dph taxes gst mehrwertsteuer umsatzsteuer
    """
)  # fmt: skip
# These alone are too short to tell: they need the tax's name after them ("con IVA", "s DPH").
_NEEDS_TAX = frozenset({"con", "com", "s", "ex", "exc", "sin", "sem", "bez", "senza", "sis"})
# After a sum, before a date: "Net à payer avant le 8.6.2022", "Amount due by May 1".
_DUE_LINKS = word_set("avant before by on bis zum voor entro antes senast innen do am le pour")
_MIN_NOUN = 6
_MARK_GAP = 2.0
_STACK_REACH = 1.7
_TITLE_LINES = 10
# How far over its number, in sizes of the type, a title may stand when nothing is between.
_TITLE_REACH = 5.0
_MAX_NUMBER_GROUPS = 5
# What an invoice deducts or corrects is another invoice: "abzgl. Teilrechnung 7 vom 2.1.2019".
_DEDUCTING = word_set(
    """
    abzgl abzgl. abzüglich less minus moins menos meno zur korrigiert corrects annule
    """
)


@dataclass(frozen=True, slots=True)
class LabelHit:
    """A label on the page.

    Attributes:
        line: The line it stands in.
        first: The number of its first word.
        last: The number of its last word.
        label: What it says, and how surely.
        tail: The number of the last word that still belongs to it ("(EUR)", "incl. 19 % VAT").
    """

    line: Line
    first: int
    last: int
    label: Label
    tail: int

    @property
    def field(self) -> str:
        """The field it names; those of other things begin with a minus sign."""
        return self.label.field

    @property
    def words(self) -> tuple[Word, ...]:
        """The label's words."""
        return self.line.words[self.first : self.last + 1]


def is_invoice_noun(word_norm: str) -> bool:
    """Whether a word names the document itself, alone or as a compound's end."""
    return word_norm in INVOICE_NOUNS or any(
        len(noun) >= _MIN_NOUN and word_norm.endswith(noun) for noun in INVOICE_NOUNS
    )


def hits_of_layout(layout: Layout) -> dict[int, list[LabelHit]]:
    """Find all labels.

    Returns:
        The hits of each line that has any, left to right, by the line's index.
    """
    found: dict[int, list[LabelHit]] = {}
    for line in layout.lines:
        hits = _with_stacked(_hits_of_line(line), list(_stacked_hits(layout, line)))
        if hits:
            found[line.index] = hits
    return found


def _with_stacked(hits: list[LabelHit], stacked: list[LabelHit]) -> list[LabelHit]:
    taken = {i for h in stacked for i in range(h.first, h.last + 1)}
    kept = [h for h in hits if not taken & set(range(h.first, h.last + 1))]
    return sorted(kept + stacked, key=lambda h: h.first)


def _stacked_hits(layout: Layout, line: Line) -> Iterator[LabelHit]:
    """Find labels broken over two lines of a heading: "Rechnungs-" over "nummer"."""
    table = labels_by_key()
    above = next(iter(layout.above(line, 2 * _STACK_REACH * line.size)), None)
    near = above is not None and (
        line.baseline - above.baseline <= _STACK_REACH * max(line.size, above.size)
    )
    for start, end in line.cells():
        lower = line.words[start:end]
        upper = _words_over(above, lower) if above is not None and near else ()
        fits = upper and len(lower) <= 3 and len(upper) <= 4 and all(w.norm for w in lower)
        key, lower_key = "".join(w.norm for w in upper), "".join(w.norm for w in lower)
        if above is not None and fits and lower_key in table and _has_value(above, upper[-1]):
            # "Tax $3.00" over "Total $23.00" is not the "tax total".
            fits = False
        label = table.get(key + lower_key) if fits else None
        if label is None and fits and lower[0].text.startswith("/"):
            # "Rechnungsdatum" over "/Lieferdatum": what stands beside them is both.
            label = table.get(key)
        if label is not None:
            yield LabelHit(line, start, end - 1, label, end - 1)
        elif _is_marked_number(lower) and _stands_under_title(layout, line, lower):
            yield LabelHit(line, start, start, Label("Inv_Number", 0.85), start)


def _has_value(line: Line, last: Word) -> bool:
    """Whether what follows a cell in its line, the next cell, holds a number."""
    following = line.words.index(last) + 1
    if following == len(line.words):
        return False
    cell = line.cell_of[following]
    return any(
        any(c.isdigit() for c in w.text)
        for w, of in zip(line.words, line.cell_of, strict=True)
        if of == cell
    )


def _is_marked_number(words: Sequence[Word]) -> bool:
    """Whether words are a bare mark and a number: "# 1093", "N° : 10 123 456"."""
    following = [w for w in words[1:] if w.norm]
    return (
        words[0].norm in _NUMBER_MARKS
        and 0 < len(following) <= _MAX_NUMBER_GROUPS
        and any(c.isdigit() for c in following[0].text)
    )


def _stands_under_title(layout: Layout, line: Line, lower: Sequence[Word]) -> bool:
    """Whether what is over a number, nothing between, is the title: "INVOICE" over "# 1093"."""
    for above in layout.above(line, _TITLE_REACH * line.size):
        upper = _words_over(above, lower)
        if upper:
            near = line.baseline - above.baseline <= _STACK_REACH * max(line.size, above.size)
            # Right under it the title may say more: "Facture du 17.1.2020" over "N° 10 123".
            titles = (upper[0], upper[-1]) if near else upper
            return (any if near else all)(is_invoice_noun(w.norm) for w in titles)
    return False


def _words_over(above: Line, lower: Sequence[Word]) -> tuple[Word, ...]:
    """Give the cell that stands over some words."""
    for start, end in above.cells():
        words = above.words[start:end]
        if words[0].x1 < lower[-1].x2 and lower[0].x1 < words[-1].x2:
            return words
    return ()


def _hits_of_line(line: Line) -> list[LabelHit]:
    table = labels_by_key()
    hits: list[LabelHit] = []
    i = 0
    while i < len(line.words):
        match = _longest(line, i, table)
        if match is None:
            hit = _hit_by_context(line, i, hits)
        else:
            last, label = match
            hit = _with_tail(LabelHit(line, i, last, label, last))
        if hit is None:
            i += 1
        else:
            hits.append(hit)
            i = max(hit.last, hit.tail) + 1
    return hits


def _longest(line: Line, i: int, table: dict[str, Label]) -> tuple[int, Label] | None:
    """Find the longest label that begins at a word and stays in its cell."""
    if not line.words[i].norm:
        return None
    key = ""
    best: tuple[int, Label] | None = None
    for j in range(i, min(i + _MAX_LABEL_WORDS, len(line.words))):
        if line.cell_of[j] != line.cell_of[i]:
            break
        key += line.words[j].norm
        label = table.get(key)
        if label is not None and line.words[j].norm:
            best = (j, label)
    return best


def _hit_by_context(line: Line, i: int, hits: Sequence[LabelHit]) -> LabelHit | None:
    """Find labels that are none by themselves, only in the company they keep."""
    word = line.words[i]
    earlier = line.words[:i]
    nouns = [h.words[-1] for h in hits if h.field == "Inv_Number"]
    if word.norm in _NUMBER_MARKS and nouns:
        # "Rechnung (380) Nr. 12"; in a table's heading "Nr." is a column of its own.
        near = word.x1 - earlier[-1].x2 < _MARK_GAP * word.size
        if near and nouns[-1].x2 > word.x1 - 12 * word.size:
            return LabelHit(line, i, i, Label("Inv_Number", 0.9), i)
    if word.norm in _NUMBER_MARKS and not hits and _is_dated_title(line, i):
        return LabelHit(line, i, i, Label("Inv_Number", 0.55), i)
    if (
        word.norm in _DUE_LINKS
        and hits
        and hits[-1].field == "Inv_Total"
        and i == hits[-1].last + 1
    ):
        return LabelHit(line, i, i, Label("Due_Date", 0.85), i)
    if is_invoice_noun(word.norm):
        return LabelHit(line, i, i, Label("Inv_Number", 0.5), i)
    if (
        word.norm in DATE_LINKS
        and hits
        and hits[-1].field == "Inv_Number"
        and any(c.isdigit() for w in line.words[hits[-1].last + 1 : i] for c in w.text)
        and not any(w.norm in _DEDUCTING for w in line.words[: hits[-1].first])
    ):
        return LabelHit(line, i, i, Label("Inv_Date", 0.9), i)
    return None


def _is_dated_title(line: Line, i: int) -> bool:
    """Whether a line near the top has a title's form: "Whatever Nr. 12 vom 5.3.2018"."""
    following = line.words[i + 2 : i + 5]
    return line.index < _TITLE_LINES and any(w.norm in DATE_LINKS for w in following)


def _with_tail(hit: LabelHit) -> LabelHit:
    """Read on in a sum's label: "Total (incl. 19 % VAT)" is gross, "Total excl. VAT" net."""
    if hit.field not in _SUMS:
        return hit
    words, cell = hit.line.words, hit.line.cell_of[hit.last]
    field, strength, tail = hit.field, hit.label.strength, hit.last
    for j in range(hit.last + 1, min(hit.last + 7, len(words))):
        if hit.line.cell_of[j] != cell:
            break
        key = words[j].norm
        following = words[j + 1].norm if j + 1 < len(words) else ""
        taxed = key not in _NEEDS_TAX or following in _TAXES
        if hit.field != "Tax_Total" and key in _GROSS and taxed:
            field, strength, tail = "Inv_Total", max(strength, 0.95), j
        elif hit.field != "Tax_Total" and key in _NET and taxed:
            field, strength, tail = "Sub-Total", max(strength, 0.9), j
        elif key in _TAXES or key.endswith("%") or _is_tax(key):
            tail = j
    return LabelHit(hit.line, hit.first, hit.last, Label(field, strength), tail)


def _is_tax(key: str) -> bool:
    label = labels_by_key().get(key)
    return label is not None and label.field == "Tax_Total"
