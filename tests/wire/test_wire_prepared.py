"""Forms of which the first fields are encoded once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.wire.form import FormValue, JsonText, multipart_form
from klearstack_async.wire.prepared import PreparedForm

FIRST: dict[str, FormValue] = {"username": "demo", "password": 's3"cret\r\n--ü'}
NAMES = st.text(max_size=8).filter(lambda name: name not in FIRST)
VALUES = st.text(max_size=20) | st.builds(JsonText, st.text(max_size=20))


def boundary_of(content_type: str) -> str:
    found = re.search(r"boundary=([0-9a-f]{32})$", content_type)
    assert found
    return found[1]


def the_boundary(prepared: PreparedForm) -> str:
    made = prepared.form({})
    assert made
    return boundary_of(made[1])


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_prepared_form_has_the_bytes_of_any_other(fields: dict[str, FormValue]) -> None:
    made = PreparedForm(FIRST).form(fields)
    assert made
    body, content_type = made
    assert body == multipart_form({**FIRST, **fields}, boundary_of(content_type))


def test_a_value_that_holds_the_boundary_is_not_sent_in_the_prepared_form() -> None:
    prepared = PreparedForm(FIRST)
    boundary = the_boundary(prepared)
    assert prepared.form({"a": f"x{boundary}y"}) is None
    assert prepared.form({"a": JsonText(f'"{boundary}"')}) is None
    assert prepared.form({"a": boundary[:-1]})


def test_a_name_that_holds_the_boundary_is_not_sent_in_the_prepared_form() -> None:
    prepared = PreparedForm(FIRST)
    assert prepared.form({the_boundary(prepared): "a"}) is None


def test_a_field_that_takes_the_place_of_a_first_one_is_not_sent_in_the_prepared_form() -> None:
    assert PreparedForm(FIRST).form({"a": "1", "password": "other"}) is None


@pytest.mark.parametrize(
    ("name", "written"), [('a"b', 'name="a%22b"'), ("a\r\nX-Evil: 1", 'name="a%0D%0AX-Evil: 1"')]
)
def test_a_name_cannot_leave_its_quotes(name: str, written: str) -> None:
    made = PreparedForm({}).form({name: "1"})
    assert made
    assert written.encode() in made[0]
    assert made[0].count(b"\r\n") == 5
