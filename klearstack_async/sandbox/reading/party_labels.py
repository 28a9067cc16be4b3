"""The names that stand at the labels of supplier and buyer.

Pure. Names without a label are looked for in `parties.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from klearstack_async.sandbox.reading.candidates import Candidate
from klearstack_async.sandbox.reading.cells import Cell, cells_of
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.layout import Line
from klearstack_async.sandbox.reading.matching import LabelHit
from klearstack_async.sandbox.reading.names import NameSpan, is_addressing, name_of_cell
from klearstack_async.sandbox.reading.words import Word, text_of, word_set

__all__ = [
    "PARTY_FIELDS",
    "cell_of_label",
    "is_name_itself",
    "label_at_start",
    "labelled_parties",
    "name_candidate",
]

PARTY_FIELDS = frozenset({"Supplier_Name", "Buyer_Name", "-party"})
_NAME_LABELS = word_set("name firma firmenname companyname company nom naam nombre nome namn")
# A label that ends so is followed by the name, without a colon: "Sold by Smith Ltd".
_BY = word_set("by von par door por da till to an aan a av af from")
# A label that is a word of prose too counts less: "to", "from", "for", "client".
_SHORT_LABEL = 4


def labelled_parties(facts: Facts, field: str) -> Iterator[Candidate]:
    """Give the names at all labels of a field, each with a score."""
    for hits in facts.hits.values():
        for hit in hits:
            if hit.field == field:
                yield from _names_at(facts, hit)


def _names_at(facts: Facts, hit: LabelHit) -> Iterator[Candidate]:
    cell = cell_of_label(hit)
    if hit.first != cell.first:
        return
    colon = ":" in text_of(hit.line.words[hit.first : hit.last + 2])[-3:]
    short = len("".join(w.norm for w in hit.words)) <= _SHORT_LABEL
    strength = hit.label.strength * (0.75 if short else 0.92)
    if not _words_after(facts, hit, cell):
        yield from _around(facts, hit, cell, strength, colon=colon)
        return
    name = name_of_cell(cell, hit.last + 1 - cell.first)
    if name is not None and colon:
        yield name_candidate(hit.field, name, strength)
    elif name is not None and _is_joined(hit, name):
        yield name_candidate(hit.field, name, strength * 0.9)
    elif colon:
        yield from _around(facts, hit, cell, strength, colon=colon)


def _is_joined(hit: LabelHit, name: NameSpan) -> bool:
    """Whether label and name make one phrase, as "Sold by Smith Ltd" does."""
    by = hit.first < hit.last and hit.words[-1].norm in _BY
    return by and not name.text[0].islower() and len(name.words) <= 6


def _around(
    facts: Facts, hit: LabelHit, cell: Cell, strength: float, *, colon: bool
) -> Iterator[Candidate]:
    """Take the name under a label, or in the next cell of its line."""
    below = _name_below(facts, hit, cell)
    beside = _name_in_next_cell(facts, hit.line, cell)
    if below is not None:
        yield name_candidate(hit.field, below, strength * 0.98)
    elif beside is not None:
        yield name_candidate(hit.field, beside, strength * (0.9 if colon else 0.7))


def _words_after(facts: Facts, hit: LabelHit, cell: Cell) -> list[Word]:
    """Give the words of a label's cell that are no label, also not in another language."""
    labels = [h for h in facts.hits.get(hit.line.index, ()) if h.field == hit.field]
    return [
        hit.line.words[i]
        for i in range(hit.last + 1, cell.end)
        if hit.line.words[i].norm and not any(h.first <= i <= h.last for h in labels)
    ]


def cell_of_label(hit: LabelHit) -> Cell:
    """Give the cell that a label stands in."""
    return next(c for c in cells_of(hit.line) if c.first <= hit.first < c.end)


def _name_in_next_cell(facts: Facts, line: Line, cell: Cell) -> NameSpan | None:
    following = next((c for c in cells_of(line) if c.first >= cell.end), None)
    if following is None:
        return None
    label = label_at_start(facts, following)
    if label is not None and not is_name_itself(facts, label, following):
        return None
    return name_of_cell(following)


def _name_below(facts: Facts, hit: LabelHit, cell: Cell) -> NameSpan | None:
    """Take the first name under a label, or the one that the block itself labels "Name:"."""
    size = cell.size
    previous = hit.line.baseline
    for line in facts.layout.below(hit.line, 12 * size):
        under = next((c for c in cells_of(line) if _is_under(cell, c)), None)
        if under is None:
            continue
        if line.baseline - previous > 4.5 * max(size, under.size):
            return None
        previous = line.baseline
        if under.words[0].norm in _NAME_LABELS:
            return name_of_cell(under, 1) or _name_in_next_cell(facts, line, under)
        label = label_at_start(facts, under)
        if (
            label is not None
            and label.field in PARTY_FIELDS
            and not is_name_itself(facts, label, under)
        ):
            return None
        if label is None or is_name_itself(facts, label, under):
            name = name_of_cell(under)
            if name is not None and not _is_labelled_line(under):
                return name
    return None


def _is_labelled_line(cell: Cell) -> bool:
    """Whether a cell is "Something: value", which is not a name."""
    words = cell.words[1:] if is_addressing(cell.words[0]) else cell.words
    return any(w.text.endswith(":") for w in words[:3])


def is_name_itself(facts: Facts, label: LabelHit, cell: Cell) -> bool:
    """Whether what looks like a label is a name: "Lieferant GmbH", "Kunden AG"."""
    return bool(_words_after(facts, label, cell)) and ":" not in cell.text


def _is_under(label: Cell, cell: Cell) -> bool:
    aligned = abs(cell.x1 - label.x1) < 3 * label.size
    return aligned or (cell.x1 < label.x2 and label.x1 < cell.x2)


def label_at_start(facts: Facts, cell: Cell) -> LabelHit | None:
    """Give the label that a cell begins with, if it does."""
    return next((h for h in facts.hits.get(cell.line.index, ()) if h.first == cell.first), None)


def name_candidate(field: str, name: NameSpan, score: float) -> Candidate:
    """Make a candidate of a name."""
    return Candidate(field, name.text, min(score, 0.97), name.words, name.line.index)
