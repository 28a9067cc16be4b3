"""The `data` of an update: JSON text in, a document's changes out. Pure.

The names to write differ from those read, and the documentation maps none of them: the table is
the sandbox's own. Only its first two names are the documentation's.
"""

from __future__ import annotations

from typing import Any

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.guards import shown
from klearstack_async.sandbox.readings import Change, Changes
from klearstack_async.sandbox.strict_json import is_scalar, parse_box, parse_json

READ_NAMES: dict[str, str] = {
    "doc_date_value": "Inv_Date",
    "doc_number_value": "Inv_Number",
    "due_date_value": "Due_Date",
    "total_value": "Inv_Total",
    "sub_total_value": "Sub-Total",
    "tax_value": "Tax_Total",
    "supplier_name_value": "Supplier_Name",
    "buyer_name_value": "Buyer_Name",
    "po_number_value": "PO_Number",
    "currency_value": "Currency",
}
"""Under which name a field is read that is written under another; any other name is both."""


def changes_of(data: str) -> Changes:
    """Read the text of `data`.

    Raises:
        RefusalError: 400 for anything but an object of objects as documented.
    """
    value = parse_json("data", data)
    if not isinstance(value, dict) or not value:
        raise RefusalError(400, "data must be a JSON object that names at least one field.")
    fields: dict[str, Any] = value
    return {READ_NAMES.get(name, name): _change(name, field) for name, field in fields.items()}


def _change(name: str, field: Any) -> Change:
    if not name.strip():
        raise RefusalError(400, "data has a field without a name.")
    place = f"data.{shown(name)}"
    if not isinstance(field, dict):
        raise RefusalError(400, f"{place} must be an object with _value and _coordinates.")
    for key in ("_value", "_coordinates"):
        if key not in field:
            raise RefusalError(400, f"Please provide {key} of {place}.")
    if not is_scalar(field["_value"]):
        raise RefusalError(400, f"{place}._value must be text or a number.")
    return Change(field["_value"], parse_box(f"{place}._coordinates", field["_coordinates"]))
