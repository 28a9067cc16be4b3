from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.values import date_from, decimal_from, flag_from, instant_from


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("26-Jul-2025", date(2025, 7, 26)),
        ("1-jan-2025", date(2025, 1, 1)),
        ("2025-07-26", date(2025, 7, 26)),
        ("Wed Apr 14 2021", date(2021, 4, 14)),
    ],
)
def test_the_dates_of_the_service_are_read(text: str, value: date) -> None:
    assert date_from(text) == value


@pytest.mark.parametrize(
    "value", ["04/05/2021", "31-Feb-2025", "26-Foo-2025", "", None, 5, "2025-7-26", "soon"]
)
def test_a_date_is_never_guessed(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        date_from(value)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_date_comes_back(value: date) -> None:
    assert date_from(value.isoformat()) == value


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("80.40", "80.40"),
        ("-3", "-3"),
        (" 12345.0 ", "12345.0"),
        ("1,234.50", "1234.50"),
        ("12,345,678.9", "12345678.9"),
        (7, "7"),
        (0.1, "0.1"),
    ],
)
def test_plain_numbers_are_read_exactly(value: Any, number: str) -> None:
    assert decimal_from(value) == Decimal(number)
    assert str(decimal_from(value)) == number


@pytest.mark.parametrize(
    "value", ["1,234", "1.234,50", "1 234.50", "12,34.5", "", "EUR 5", None, True]
)
def test_a_number_is_never_guessed(value: Any) -> None:
    with pytest.raises(ValueError, match="plain number"):
        decimal_from(value)


@pytest.mark.parametrize(
    ("value", "flag"), [(0, False), (1, True), ("true", True), ("False", False), (True, True)]
)
def test_flags_are_read(value: Any, flag: bool) -> None:
    assert flag_from(value) is flag


@pytest.mark.parametrize("value", ["maybe", 2, None, ""])
def test_a_flag_is_never_guessed(value: Any) -> None:
    with pytest.raises(ValueError, match="neither"):
        flag_from(value)


def test_an_instant_without_a_zone_gets_none() -> None:
    assert instant_from("2023-10-11T18:28:40.322").tzinfo is None
    with pytest.raises(ValueError, match=r".+"):
        instant_from("yesterday")
    with pytest.raises(ValueError, match="instant"):
        instant_from(5)
