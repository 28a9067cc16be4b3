"""Amounts: every way of printing a number becomes plain decimal text."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.sandbox.reading.amounts import amounts_in, decimal_mark_of, plain_amount
from klearstack_async.sandbox.reading.words import Word, norm

PRINTED = [
    ("1.234,56", "1234.56"),
    ("1,234.56", "1234.56"),
    ("1 234,56", "1234.56"),
    ("1'234.56", "1234.56"),
    ("1\u2019234.56", "1234.56"),
    ("12.345.678,90", "12345678.90"),
    ("3,67,500.00", "367500.00"),
    ("0,79", "0.79"),
    ("9,9000", "9.9000"),
    ("1.234", "1234"),
    ("0.125", "0.125"),
    (".50", "0.50"),
    ("007", "7"),
    ("250", "250"),
    ("EUR34,73", "34.73"),
    ("$4.11", "4.11"),
    ("€-9,32", "-9.32"),
    ("-\u20ac9,32", "-9.32"),
    ("9,32-", "-9.32"),
    ("(1,234.00)", "-1234.00"),
    ("12,-", "12"),
    ("CA$18.42", "18.42"),
    ("15.609,00Kč", "15609.00"),
]
NO_NUMBERS = [
    "",
    "-",
    "abc",
    "12.05.14",
    "1,2,3",
    "IBAN",
    "R-8831",
    "10/2018",
    "v1.2.3",
    "€",
    "1..2",
]


def words(*texts: str, gap: float = 6.0) -> list[Word]:
    """Set texts on a line in type of 20 pixels, ten pixels to a character."""
    made: list[Word] = []
    x = 0.0
    for text in texts:
        made.append(Word(text, norm(text), x, 0, x + 10 * len(text), 20, 18, 20, 1))
        x += 10 * len(text) + gap
    return made


@pytest.mark.parametrize(("printed", "plain"), PRINTED)
def test_a_printed_number_becomes_plain(printed: str, plain: str) -> None:
    assert plain_amount(printed) == plain


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_gives_none(text: str) -> None:
    assert plain_amount(text) is None


def test_the_documents_mark_settles_three_digits() -> None:
    assert plain_amount("1.500", ".") == "1.500"
    assert plain_amount("1.500", ",") == "1500"


@pytest.mark.parametrize(
    ("texts", "mark"),
    [(["1.234,56", "7,00"], ","), (["$4.11", "0.01"], "."), (["12", "abc"], None), ([], None)],
)
def test_the_decimal_mark_is_read_from_cents(texts: list[str], mark: str | None) -> None:
    assert decimal_mark_of(texts) == mark


MARKS = st.sampled_from([(".", ","), (",", "."), (" ", ","), ("'", "."), ("", ","), ("", ".")])


@given(st.integers(0, 10**9), st.integers(0, 99), MARKS, st.booleans())
def test_what_is_formatted_is_read_back(
    whole: int, cents: int, marks: tuple[str, str], negative: bool
) -> None:
    thousands, decimal = marks
    printed = f"{'-' if negative else ''}{whole:,}".replace(",", thousands)
    value = plain_amount(f"{printed}{decimal}{cents:02d}")
    expected = Decimal(f"{whole}.{cents:02d}") * (-1 if negative else 1)
    assert value is not None
    assert Decimal(value) == expected


@given(st.text(max_size=20))
def test_whatever_the_text_the_value_is_a_number_or_none(text: str) -> None:
    value = plain_amount(text)
    assert value is None or Decimal(value).is_finite()


def test_groups_of_thousands_are_joined_over_spaces() -> None:
    (amount,) = amounts_in(words("17", "800,00"))
    assert (amount.text, amount.first, amount.last) == ("17800.00", 0, 1)


def test_columns_are_not_joined() -> None:
    assert [a.text for a in amounts_in(words("1", "234,56", gap=60))] == ["1", "234.56"]


def test_a_percentage_is_no_amount() -> None:
    assert [a.text for a in amounts_in(words("19", "%", "47,90"))] == ["47.90"]


def test_a_sign_belongs_to_the_number_it_is_nearer_to() -> None:
    line = [*words("4,55", "€"), *(replace(w, x1=w.x1 + 200, x2=w.x2 + 200) for w in words("9,10"))]
    assert [(a.first, a.last, a.with_currency) for a in amounts_in(line)] == [
        (0, 1, True),
        (2, 2, False),
    ]


def test_a_sign_at_the_columns_other_edge_counts_but_is_no_part() -> None:
    (amount,) = amounts_in(words("€", "12,50", gap=100))
    assert (amount.first, amount.with_currency) == (1, True)


def test_currency_and_sign_beside_a_number_belong_to_it() -> None:
    (amount,) = amounts_in(words("-", "€", "12,50"))
    assert (amount.text, amount.with_currency) == ("-12.50", True)
    (amount,) = amounts_in(words("12,50", "EUR"))
    assert (amount.last, amount.looks_like_money) == (1, True)
