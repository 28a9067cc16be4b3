"""The `AccountsData` of an approved document: how its sums would be booked.

Pure. Keys and types are the documentation's own; what stands in them is made up from what was
read, since the vendor's rules for it are not known.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from klearstack_async.sandbox.reading import ReadField, Reading

_PURCHASE_ACCOUNT = "Purchases"
_HALF = Decimal("0.5")
# Beyond it an amount is no amount, and formatting it would only take time.
_MAX_EXPONENT = 30


def accounts_data(reading: Reading | None) -> dict[str, Any]:
    """Build the object for what was read; a document without fields gives empty texts."""
    values = _values(reading.fields) if reading is not None else {}
    items = [_values(item) for item in reading.line_items] if reading is not None else []
    supplier = values.get("Supplier_Name", "")
    # The same supplier gets the same numbers in every run.
    number = zlib.crc32(supplier.encode("utf-8", errors="replace"))
    return {
        "Supplier GL Account #": str(1_200_000 + number % 1000) if supplier else "",
        "Supplier ID": 1000 + number % 9000 if supplier else 0,
        "Supplier name": supplier,
        **_taxes(values),
        "PurchaseAc": _PURCHASE_ACCOUNT,
        "SplitFlag": "false",
        "LineItemAccounts": [_item_account(item) for item in items],
        "SplitAccounts": [_split_account(values)] if "Inv_Total" in values else [],
        "individualQuickBookAc": "",
    }


def _values(fields: Iterable[ReadField]) -> dict[str, str]:
    return {field.name: _text(field.value) for field in fields}


def _text(value: Any) -> str:
    """Give any value as text: one that was updated may be a number, a boolean or null."""
    return "" if value is None else str(value)


def _taxes(values: Mapping[str, str]) -> dict[str, str]:
    """Split an Indian invoice's tax in the state's and the union's half; any other is one."""
    tax = _amount(values.get("Tax_Total", ""))
    if tax is None:
        return {"CGST": "", "SGST": "", "IGST": ""}
    if values.get("Currency") != "INR":
        return {"CGST": "0.00", "SGST": "0.00", "IGST": f"{tax:.2f}"}
    half = f"{tax * _HALF:.2f}"
    return {"CGST": half, "SGST": half, "IGST": "0.00"}


def _item_account(item: Mapping[str, str]) -> str:
    return _joined(item.get("Item_Description", ""), item.get("Item_Amount", ""))


def _split_account(values: Mapping[str, str]) -> str:
    return _joined(values.get("Supplier_Name", ""), values.get("Inv_Total", ""))


def _joined(name: str, amount: str) -> str:
    """Join with commas, the amount last and with a comma at its thousands, as documented."""
    number = _amount(amount)
    return ",".join((_PURCHASE_ACCOUNT, name, amount if number is None else f"{number:,.2f}"))


def _amount(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < _MAX_EXPONENT else None
