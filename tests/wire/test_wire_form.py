from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from email.parser import BytesParser
from email.policy import HTTP
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.wire.form import (
    FieldValue,
    FormValue,
    JsonText,
    content_type_of,
    form_fields,
    media_type_of,
    multipart_form,
    multipart_frame,
    renamed,
)
from klearstack_async.wire.tables import cell_text

# A form's text may hold anything but the boundary, which is random.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


def parts_of(body: bytes, boundary: str) -> list[tuple[str, str | None, bytes]]:
    """Read a form by the standard library's own parser."""
    head = f"Content-Type: {content_type_of(boundary)}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            bytes(part.get_payload(decode=True)),
        )
        for part in message.iter_parts()
    ]


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), TEXTS, min_size=1))
def test_every_field_arrives_as_it_was_given(fields: dict[str, str]) -> None:
    body = multipart_form(fields, "b0undary")
    assert parts_of(body, "b0undary") == [(k, None, v.encode()) for k, v in fields.items()]


def test_the_file_stands_after_the_fields_and_its_bytes_are_untouched() -> None:
    data = bytes(range(256)) + b"\r\n--other\r\n"
    head, tail = multipart_frame(
        {"a": "1"}, "bb", field_name="file", filename="x.pdf", content_type="application/pdf"
    )
    assert (head + data + tail).startswith(b"--bb\r\n")
    assert head.endswith(b"Content-Type: application/pdf\r\n\r\n")
    assert tail == b"\r\n--bb--\r\n"
    assert head.index(b'name="a"') < head.index(b'name="file"; filename="x.pdf"')


class Kind(str, Enum):  # noqa: UP042 - what many programs have
    INVOICES = "Invoices"


class Number(int, Enum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Kind.INVOICES, "Invoices"),
        (Number.ONE, "1"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 31), "31/01/2026"),
        (datetime(2021, 4, 14, 12, 32, 49, tzinfo=UTC), "14/04/2021 12:32:49"),
    ],
)
def test_a_value_is_written_as_what_it_stands_for(value: FieldValue, written: str) -> None:
    assert form_fields({"a": value}) == {"a": written}
    assert cell_text(Kind.INVOICES, "a") == "Invoices"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_is_refused(value: FieldValue) -> None:
    with pytest.raises(ValueError, match="no number"):
        form_fields({"a": value})


def test_a_new_name_must_not_hide_another_field() -> None:
    assert renamed({"a": "1", "b": "2"}, {"a": "c", "b": ""}) == {"c": "1"}
    with pytest.raises(ValueError, match="the same name"):
        renamed({"a": "1", "b": "2"}, {"a": "b"})


@pytest.mark.parametrize(
    ("filename", "written"),
    [
        ("Rechnung März.pdf", 'filename="Rechnung März.pdf"'),
        ('a"b.pdf', 'filename="a%22b.pdf"'),
        ("a\r\nX-Evil: 1.pdf", 'filename="a%0D%0AX-Evil: 1.pdf"'),
        ("发票.pdf", 'filename="发票.pdf"'),
        ("\udcff.pdf", 'filename="?.pdf"'),
    ],
)
def test_a_file_name_cannot_leave_its_quotes(filename: str, written: str) -> None:
    head, _ = multipart_frame({}, "b", field_name="file", filename=filename, content_type="x/y")
    assert written.encode() in head
    assert head.count(b"\r\n") == 4


def texts_of(fields: dict[str, FormValue]) -> dict[str, str]:
    return {k: v.text if isinstance(v, JsonText) else v for k, v in fields.items()}


def test_values_are_written_as_the_service_wants_them() -> None:
    params = {"tenure": 12, "name": "Ünal"}
    values = form_fields({"a": True, "b": False, "c": None, "d": 5, "e": "x", "f": params})
    assert texts_of(values) == {
        "a": "true",
        "b": "false",
        "d": "5",
        "e": "x",
        "f": json.dumps(params, ensure_ascii=False),
    }


def test_what_strict_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        form_fields({"data": {"x": float("nan")}})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PDF", "application/pdf"),
        ("a.jpeg", "image/jpeg"),
        ("a.zip", "application/zip"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_the_name(name: str, kind: str) -> None:
    assert media_type_of(name) == kind
