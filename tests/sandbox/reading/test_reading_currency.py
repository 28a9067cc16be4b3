"""The currency: by label, code, sign and word, and by country where a sign is shared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_reading_amounts import words

from klearstack_async.sandbox.reading.currency import currency_of
from klearstack_async.sandbox.reading.layout import Line


def line(*texts: str, index: int = 0) -> Line:
    made = tuple(replace(w, baseline=w.baseline + 40 * index) for w in words(*texts))
    return Line(made, tuple(0 for _ in made), 1, index)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["Total", "EUR", "34,73"], "EUR"),
        (["Total:", "€", "717,97"], "EUR"),
        (["29.99€"], "EUR"),
        (["$4.11"], "USD"),
        (["£1,027.74"], "GBP"),
        (["Rs", "1939"], "INR"),
        (["Total", "CHF", "2'599.88"], "CHF"),
        (["15", "609,00", "Kč"], "CZK"),
        (["All", "prices", "are", "in", "US", "Dollars"], "USD"),
        (["CA$18.42"], "CAD"),
        (["17", "580,75", "$", "CA"], "CAD"),
        (["Sverige", "Summa", "120", "kr"], "SEK"),
        (["Danmark", "I", "alt", "120", "kr."], "DKK"),
        (["ABN", "11", "119", "$59.00", "Australia"], "AUD"),
    ],
)
def test_a_currency_is_found(texts: list[str], code: str) -> None:
    found = currency_of([line(*texts)])
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("texts", [["Total", "120,00"], ["KR-100-2233"], ["Europa-Allee"], ["10%"]])
def test_no_currency_is_made_up(texts: list[str]) -> None:
    assert currency_of([line(*texts)]) is None


def test_a_label_outweighs_amounts_in_another_currency() -> None:
    lines = [line("Währung:", "EUR"), *(line("$10.00", index=n) for n in range(1, 5))]
    found = currency_of(lines)
    assert found is not None
    assert found.code == "EUR"


def test_of_equal_signs_the_one_beside_the_total_is_given() -> None:
    lines = [line("Total", "€", "9,00"), line("Fee", "€", "0,00", index=1)]
    total = lines[0].words[2:]
    found = currency_of(lines, total)
    assert found is not None
    assert found.word is lines[0].words[1]


def test_a_labelled_currency_is_given_before_the_sign_at_the_total() -> None:
    lines = [line("Währung:", "EUR"), line("Total", "€", "9,00", index=1)]
    found = currency_of(lines, lines[1].words[1:])
    assert found is not None
    assert found.word is lines[0].words[1]


def test_doubt_lowers_the_confidence() -> None:
    sure = currency_of([line("€", "1,00"), line("€", "2,00")])
    torn = currency_of([line("€", "1,00"), line("$", "2,00")])
    assert sure is not None
    assert torn is not None
    assert torn.confidence < sure.confidence
