"""Whatever is sent, the document endpoints answer it or refuse it, and never with a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from sandbox_kit import running

from klearstack_async.sandbox import mapping
from klearstack_async.sandbox.answers import RefusalError, json_bytes
from klearstack_async.sandbox.changes import changes_of
from klearstack_async.sandbox.quickbooks import qbe_response
from klearstack_async.sandbox.readings import (
    changed,
    changes_from_json,
    changes_to_json,
    merged,
)
from klearstack_async.sandbox.strict_json import parse_box, parse_json

ODD: list[Any] = [
    *("", " ", "\0", "\ud800", "é" * 3000, "9" * 5000, "-1", "1e999", "NaN", "null", "[]", "{}"),
    *("[" * 100_000, '{"a":' * 50_000, "true", "%00", "' OR 1=1 --", "\u202e", "31/12/9999"),
    *(0, -1, 10**3000, 1.5, True, None, [], {}, [[]], {"a": {"b": [None]}}),
]
FIELDS: dict[str, dict[str, Any]] = {
    "getdaterangedocuments": {
        "from_date": "01/01/2024",
        "to_date": "31/12/2024",
        "document_type": "Invoices",
    },
    "getsetresults": {"set_reference_number": "10001", "document_type": "Invoices"},
    "getuserdocuments": {"approve_flag": "", "save_flag": ""},
    "getmodifiedinvoices": {"document_type": ""},
    "getapproveinvoices": {
        "from_date": "01/01/2024",
        "to_date": "31/12/2024",
        "document_type": "",
        "user_list": "",
        "QBE_status": "",
    },
    "getdocument": {"collection_name": "Invoices", "id": ""},
    "update_document": {"collection_name": "Invoices", "id": "", "data": "{}"},
    "updateqbestatus": {"document_type": "Invoices", "QBE_response": "{}"},
    "approve_reject_doc": {
        "collection_name": "Invoices",
        "id": "",
        "approve_reject": "approve",
        "comment": "c",
    },
    "gettext": {"collection_name": "Invoices", "ocr_text_id": "", "coordinates": "[1, 2, 3, 4]"},
    "getdocumentimage": {"collection_name": "Invoices", "id": "", "page_index": "1"},
    "getsetdocuments": {"set_reference_number": "10001"},
    "getsetuploadstatus": {"set_reference_number": "10001"},
    "getsetreferencenumbers": {},
    "/klearstack/updatemappingdataapi": {"collection_name": "Invoices", "data": "[]"},
}


def small_page() -> bytes:
    """Make a document whose picture is made quickly: many of these values ask for it."""
    page = FPDF(unit="pt", format=(90, 40))
    page.add_page()
    page.set_font("Helvetica", size=8)
    page.text(5, 20, "Invoice Number: 7")
    return bytes(page.output())


@pytest.mark.parametrize("endpoint", FIELDS)
async def test_no_odd_value_of_a_field_is_a_500(endpoint: str) -> None:
    async with running() as caller:
        document = await caller.stored(small_page(), create_new_set="True", set_name="s")
        ids = {"id": document.document_id, "ocr_text_id": document.ocr_id}
        good = caller.account | FIELDS[endpoint]
        good |= {name: value for name, value in ids.items() if name in good}
        for name in good:
            for value in ODD:
                answer = await caller.call(endpoint, good | {name: value}, encoding="json")
                assert answer.status in {200, 400, 401}, (name, str(value)[:50])
                assert answer.status == 200 or len(answer.body) < 500


# Half surrogate pairs, too: JSON can spell them.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
KEYS = TEXTS | st.sampled_from(
    [
        *("_value", "_coordinates", "document_id", "QBE_status", "QBE_timestamp", "error_message"),
        *("documentTypeDetails", "fields", "label", "required", "visibility"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.just([1, 2, 3, 4])
    | st.sampled_from(["failed", "14/04/2021 12:32:49"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
READERS: list[Callable[[str], Any]] = [
    changes_of,
    qbe_response,
    mapping._mappings,
    lambda text: parse_box("box", parse_json("box", text)),
]


@given(st.sampled_from(READERS), TEXTS | VALUES.map(json.dumps))
def test_any_text_is_read_or_refused_with_a_sentence(
    reader: Callable[[str], Any], text: str
) -> None:
    try:
        assert reader(text) is not None
    except RefusalError as refused:
        assert refused.status == 400
        assert 0 < len(refused.sentence) < 400


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
FINITE = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9)
BOXES = st.lists(FINITE, min_size=4, max_size=4)


@given(
    st.dictionaries(
        TEXTS.filter(str.strip),
        st.tuples(SCALARS.filter(lambda value: value not in {float("inf"), float("-inf")}), BOXES),
        min_size=1,
    )
)
def test_good_changes_come_back_from_the_database_as_they_went_in(
    fields: dict[str, tuple[Any, list[float]]],
) -> None:
    data = {name: {"_value": value, "_coordinates": box} for name, (value, box) in fields.items()}
    changes = changes_of(json.dumps(data))
    assert changes_from_json(changes_to_json(changes)) == changes
    assert merged({}, changes) == merged(changes, changes) == changes
    reading = changed(None, changes)
    assert reading is not None
    assert [field.name for field in reading.fields] == list(changes)
    assert json_bytes([field.value for field in reading.fields])
