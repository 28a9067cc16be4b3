from __future__ import annotations

import pytest

from klearstack_async import Document, Outcome, OutcomeState
from klearstack_async.cli.records import csv_row


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        ("+1,234.50", "+1,234.50"),
        ("INV-1", "INV-1"),
    ],
)
def test_a_spreadsheet_runs_nothing_that_an_invoice_says(value: str, written: str) -> None:
    document = Document({"Inv_Number": {"value": value}})
    row = csv_row(Outcome("a.pdf", OutcomeState.EXTRACTED, (document,)))
    assert written in row
    assert (value in row) is (value == written)
