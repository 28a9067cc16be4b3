"""What the contenders of several cases share: account, our client, fields of forms, counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.case import Setting

if TYPE_CHECKING:
    from klearstack_async import KlearStack

__all__ = ["ACCOUNT", "LOOK", "UPLOAD", "check_counts", "klearstack", "url_of"]

ACCOUNT = {"company_name": "acme", "username": "ap@acme.example", "password": "not a secret"}
LOOK = ACCOUNT | {"batch_id": "6a000000-0000-0000-0000-000000000001", "document_type": "Invoices"}
UPLOAD = ACCOUNT | {
    "processing_pref": "Accuracy",
    "document_type": "Invoices",
    "invoice_type": "B2B",
}


def klearstack(setting: Setting, concurrency: int) -> KlearStack:
    """Make our client, with nothing set but how many calls it may make at once."""
    import warnings

    from klearstack_async import KlearStack, Tls

    warnings.simplefilter("ignore")  # The server is on this machine.
    tls = Tls(ca_file=setting.ca_file) if setting.ca_file else None
    return KlearStack(
        setting.url,
        company_name=ACCOUNT["company_name"],
        username=ACCOUNT["username"],
        password=ACCOUNT["password"],
        concurrency=concurrency,
        tls=tls,
    )


def url_of(setting: Setting, endpoint: str) -> str:
    """Give the address of an endpoint."""
    return f"{setting.url}/access/klearstack/{endpoint}"


def check_counts(setting: Setting, endpoint: str, bodies: int, at_least_bytes: int) -> None:
    """Ask the server what arrived since it was asked last.

    Raises:
        AssertionError: Not so many bodies, or fewer bytes in them.
    """
    import ssl
    from urllib.request import urlopen

    context = ssl.create_default_context(cafile=setting.ca_file) if setting.ca_file else None
    with urlopen(f"{setting.url}/counts", context=context) as answer:
        found = json.load(answer).get(endpoint, [0, 0])
    assert found[0] == bodies, f"{found[0]} bodies arrived, not {bodies}"
    assert found[1] >= at_least_bytes, f"{found[1]} bytes arrived, not {at_least_bytes}"
