"""Dates: found in any of the usual forms and languages, written in one."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_reading_amounts import words

from klearstack_async.sandbox.reading.dates import (
    dates_in,
    is_month_first,
    printed_date,
    settled_date,
)


def read(text: str, *, month_first: bool = False) -> date | None:
    found = dates_in(words(*text.split()))
    return settled_date(found[0], month_first=month_first) if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("05.03.2018", date(2018, 3, 5)),
        ("5.3.2018", date(2018, 3, 5)),
        ("05/03/2018", date(2018, 3, 5)),
        ("05-03-2018", date(2018, 3, 5)),
        ("2018-03-05", date(2018, 3, 5)),
        ("2018/03/05", date(2018, 3, 5)),
        ("21.05.14", date(2014, 5, 21)),
        ("03-02-22", date(2022, 2, 3)),
        ("5. März 2018", date(2018, 3, 5)),
        ("9. Jänner 2025", date(2025, 1, 9)),
        ("7. Mai 2014", date(2014, 5, 7)),
        ("02 Juillet 2015", date(2015, 7, 2)),
        ("1er août 2021", date(2021, 8, 1)),
        ("19 april 2014", date(2014, 4, 19)),
        ("1 de diciembre de 2021", date(2021, 12, 1)),
        ("31 maggio 2022", date(2022, 5, 31)),
        ("19 de abril de 2023", date(2023, 4, 19)),
        ("17 maja 2023", date(2023, 5, 17)),
        ("27 februari 2023", date(2023, 2, 27)),
        ("7. oktober 2022", date(2022, 10, 7)),
        ("4. syyskuuta 2022", date(2022, 9, 4)),
        ("9. března 2023", date(2023, 3, 9)),
        ("Nov 8, 2014", date(2014, 11, 8)),
        ("August 3 , 2014", date(2014, 8, 3)),
        ("11-MAY-2022", date(2022, 5, 11)),
        ("8th of March 2020", date(2020, 3, 8)),
        ("2019年3月5日", date(2019, 3, 5)),
    ],
)
def test_a_printed_date_is_read(text: str, expected: date) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2014", "12/2018", "32.01.2020", "10.1.2.3", "1,234.56", "31.02.2020", "May", "+49 30"],
)
def test_what_is_no_date_is_not_read(text: str) -> None:
    assert read(text) is None


def test_months_may_stand_first_with_slashes_only() -> None:
    assert read("11/03/2017", month_first=True) == date(2017, 11, 3)
    assert read("11.03.2017", month_first=True) == date(2017, 3, 11)


def test_a_date_that_has_one_reading_keeps_it() -> None:
    assert read("25/03/2017", month_first=True) == date(2017, 3, 25)


@pytest.mark.parametrize(
    ("texts", "american", "expected"),
    [
        (["11/03/2017", "11/17/2017"], False, True),
        (["11/03/2017", "17/11/2017"], True, False),
        (["11/03/2017"], True, True),
        (["11/03/2017"], False, False),
    ],
)
def test_the_order_is_settled_by_the_other_dates(
    texts: list[str], american: bool, expected: bool
) -> None:
    found = dates_in(words(*texts))
    assert is_month_first(found, american=american) is expected


def test_numbers_of_two_columns_are_no_date() -> None:
    assert dates_in(words("3", "Mai", "2014", gap=90)) == []


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2069, 12, 31)))
def test_what_is_printed_is_read_back(value: date) -> None:
    assert read(printed_date(value)) == value


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    for found in dates_in(words(text or "x")):
        assert found.day_first or found.month_first
