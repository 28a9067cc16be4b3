"""Supplier and buyer: who sends the invoice, and to whom.

Pure: facts in, candidates out. Labels decide where there are any; else what a sender prints of
himself (tax number, bank, site) tells his name from the one in the address window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from klearstack_async.sandbox.reading.addresses import Block, address_blocks, sender_names
from klearstack_async.sandbox.reading.candidates import Candidate
from klearstack_async.sandbox.reading.cells import cells_of, has_contact
from klearstack_async.sandbox.reading.facts import Facts
from klearstack_async.sandbox.reading.names import (
    NameSpan,
    company_names,
    name_of_cell,
)
from klearstack_async.sandbox.reading.party_labels import (
    PARTY_FIELDS,
    cell_of_label,
    is_name_itself,
    label_at_start,
    labelled_parties,
    name_candidate,
)
from klearstack_async.sandbox.reading.words import fold, norm, text_of, word_set

__all__ = ["buyer_of", "supplier_of"]

_DOMAIN = re.compile(r"(?:@|www\.|https?://(?:www\.)?)([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.[a-z]{2,}")
_HOUSE_NUMBER_FIRST = re.compile(r"\d+[\d -]*[a-zA-Z]?,? \D")
_MAIL_HOSTS = word_set("gmail yahoo hotmail outlook web gmx aol icloud orange wanadoo live")


def supplier_of(facts: Facts) -> Candidate | None:
    """Find the supplier's name."""
    buyers = {norm(c.value) for c in labelled_parties(facts, "Buyer_Name")}
    found = list(labelled_parties(facts, "Supplier_Name"))
    found += _unlabelled_suppliers(facts)
    return _best([c for c in found if norm(c.value) not in buyers])


def buyer_of(facts: Facts, supplier: Candidate | None) -> Candidate | None:
    """Find the buyer's name, which is not the supplier's."""
    taken = norm(supplier.value) if supplier else ""
    found = [*labelled_parties(facts, "Buyer_Name"), *_addressees(facts)]
    return _best([c for c in found if not _is_same(norm(c.value), taken)])


def _best(candidates: list[Candidate]) -> Candidate | None:
    return max(candidates, key=lambda c: (c.score, -c.line), default=None)


def _is_same(one: str, other: str) -> bool:
    return bool(one and other) and (one in other or other in one)


def _unlabelled_suppliers(facts: Facts) -> Iterator[Candidate]:
    domains = _domains(facts)
    for name in sender_names(facts.layout):
        yield name_candidate("Supplier_Name", name, 0.72 + _bonus(facts, name, domains))
    for name in company_names(facts.layout):
        score = 0.4 + _bonus(facts, name, domains)
        yield name_candidate("Supplier_Name", name, min(score, 0.85))
    for block in address_blocks(facts.layout):
        head = _name_of_block(block)
        if head is not None and has_contact(block.text) and not _is_labelled_block(facts, block):
            yield name_candidate("Supplier_Name", head, 0.5 + _bonus(facts, head, domains))
    yield from _by_domain(facts, domains)
    yield from _first_line(facts)


def _bonus(facts: Facts, name: NameSpan, domains: frozenset[str]) -> float:
    """Weigh what speaks for a name being the sender's."""
    bonus = 0.0
    squashed = norm(name.text)
    if any(d in squashed or squashed in d for d in domains):
        bonus += 0.2
    width, height = facts.layout.page_sizes[name.line.page - 1]
    place = name.line.baseline / height
    if name.line.page == 1 and (place < 0.2 or place > 0.85):
        bonus += 0.1
    if _has_contact_near(facts, name):
        bonus += 0.12
    if name.words[0].x1 < 0.5 * width and 0.12 < place < 0.4 and not _has_contact_near(facts, name):
        # The address window is the buyer's.
        bonus -= 0.15
    if _is_under_other_party(facts, name):
        bonus -= 0.35
    return bonus


def _has_contact_near(facts: Facts, name: NameSpan) -> bool:
    """Whether tax number, bank or telephone stand with a name: beside it or in the lines below."""
    here = text_of(name.line.words)
    if has_contact(here):
        return True
    x1, x2 = name.words[0].x1, name.words[-1].x2
    for line in facts.layout.below(name.line, 10 * name.words[0].size):
        for cell in cells_of(line):
            under = cell.x1 < x2 and cell.x2 > x1 and abs(cell.x1 - x1) < 4 * cell.size
            if under and has_contact(cell.text):
                return True
    return False


def _is_under_other_party(facts: Facts, name: NameSpan) -> bool:
    """Whether a name stands right under a label of the buyer or of a delivery address."""
    x1, x2 = name.words[0].x1, name.words[-1].x2
    lines = [name.line, *facts.layout.above(name.line, 4 * name.words[0].size)]
    return any(
        h.field in {"Buyer_Name", "-party"}
        and h.words[0].x1 < x2
        and h.words[-1].x2 > x1 - 2 * h.words[0].size
        and cell_of_label(h).first == h.first
        for line in lines
        for h in facts.hits.get(line.index, ())
    )


def _domains(facts: Facts) -> frozenset[str]:
    text = fold("\n".join(text_of(line.words) for line in facts.layout.lines))
    return _domains_in(text)


@lru_cache(maxsize=4)
def _domains_in(text: str) -> frozenset[str]:
    found = set()
    for match in _DOMAIN.finditer(text):
        name = norm(match[1].rpartition(".")[2])
        if len(name) >= 4 and name not in _MAIL_HOSTS:
            found.add(name)
    return frozenset(found)


def _by_domain(facts: Facts, domains: frozenset[str]) -> Iterator[Candidate]:
    """Find cells that say what the site's address says."""
    for line in facts.layout.lines:
        for cell in cells_of(line):
            name = name_of_cell(cell)
            if name is None or len(name.words) > 5:
                continue
            squashed = norm(name.text)
            if squashed in domains and not _is_under_other_party(facts, name):
                yield name_candidate("Supplier_Name", name, 0.62)


def _first_line(facts: Facts) -> Iterator[Candidate]:
    """Take the first thing on the page that can be a name; letterheads begin with it."""
    for line in facts.layout.lines[:4]:
        for cell in cells_of(line):
            name = name_of_cell(cell)
            label = label_at_start(facts, cell)
            if name is not None and label is None and line.page == 1:
                yield name_candidate("Supplier_Name", name, 0.3)
                return


# --- the address window ------------------------------------------------------------------------


def _addressees(facts: Facts) -> Iterator[Candidate]:
    for block in address_blocks(facts.layout):
        name = _name_of_block(block)
        if name is None or _is_labelled_block(facts, block):
            continue
        _, height = facts.layout.page_sizes[0]
        score = 0.6 if name.line.baseline < 0.5 * height else 0.25
        if has_contact(block.text):
            score -= 0.25
        if _is_under_delivery_label(facts, name):
            score -= 0.3
        yield name_candidate("Buyer_Name", name, score)


def _is_under_delivery_label(facts: Facts, name: NameSpan) -> bool:
    x1 = name.words[0].x1
    return any(
        h.field == "-party" and abs(h.words[0].x1 - x1) < 3 * h.words[0].size
        for line in facts.layout.above(name.line, 4 * name.words[0].size)
        for h in facts.hits.get(line.index, ())
    )


def _is_labelled_block(facts: Facts, block: Block) -> bool:
    """Whether a block begins with a party's label, and so is read by that label."""
    label = label_at_start(facts, block.cells[0])
    return (
        label is not None
        and label.field in PARTY_FIELDS
        and not is_name_itself(facts, label, block.cells[0])
    )


def _name_of_block(block: Block) -> NameSpan | None:
    for cell, following in zip(block.cells[:3], block.cells[1:], strict=False):
        if _HOUSE_NUMBER_FIRST.match(cell.text):
            # The address has begun without a name.
            return None
        name = name_of_cell(cell)
        if name is not None:
            # A town that the next line repeats with its postcode is no name.
            return None if following.text.startswith(name.text) else name
    return None
