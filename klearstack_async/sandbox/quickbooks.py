"""The `QBE_response` of endpoint 16: JSON text in, its four checked texts out. Pure."""

from __future__ import annotations

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.dates import is_timestamp
from klearstack_async.sandbox.guards import shown
from klearstack_async.sandbox.strict_json import parse_json

STATUSES = ("successful", "failed")
_NAMES = ("document_id", "QBE_status", "error_message", "QBE_timestamp")
# A success has no error to tell of.
_MAY_BE_BLANK = frozenset({"error_message"})


def qbe_response(text: str) -> dict[str, str]:
    """Read the text of `QBE_response`.

    Raises:
        RefusalError: 400 for anything but an object as documented.
    """
    value = parse_json("QBE_response", text)
    if not isinstance(value, dict):
        raise RefusalError(400, "QBE_response must be a JSON object.")
    response = {name: _text(name, value.get(name)) for name in _NAMES}
    if response["QBE_status"] not in STATUSES:
        raise RefusalError(
            400,
            f"QBE_status must be {' or '.join(STATUSES)};"
            f" '{shown(response['QBE_status'])}' was given.",
        )
    if not is_timestamp(response["QBE_timestamp"]):
        raise RefusalError(
            400,
            "QBE_timestamp must be written DD/MM/YYYY HH:MM:SS;"
            f" '{shown(response['QBE_timestamp'])}' was given.",
        )
    return response


def _text(name: str, value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        if value is not None and name in _MAY_BE_BLANK:
            return ""
        raise RefusalError(400, f"Please provide {name}.")
    if not isinstance(value, str):
        raise RefusalError(400, f"{name} of QBE_response must be a text.")
    # JSON can spell half a surrogate pair, which the database can't look up.
    return value.strip().encode("utf-8", errors="replace").decode()
