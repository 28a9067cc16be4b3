"""Pushes as KlearStack may send them, in every encoding."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks import Push, parse_push

TOKEN = "t0ken-MARKED-8f1c"
PASSWORD = 'pass word+"ü/MARKED'
BOUNDARY = "----WebKitFormBoundaryAbC+'()/=?"
ACCOUNT = {"company_name": "acme", "username": "hook", "password": PASSWORD}
BEARER = {"Authorization": f"Bearer {TOKEN}"}

KEYED: dict[str, Any] = {
    "Document_id": "6a00000000000000000000bb",
    "is_approved": 0,
    "file_name": "Invoice 123456.pdf",
    "overall_confidence": 0.85,
    "document_type": "Invoice",
    "upload_time": "2023-10-11T18:28:40.322",
    "Inv_Number": {"value": "123456", "confidence": 0.99, "page_index": 1},
    "Place": {"value": "Köln & 100% = 1+1\r\nZürich 🧾", "confidence": 0.5},
    "AccountsData": {"Supplier GL Account #": "1200021", "Supplier ID": 1001},
}
POSITIONAL: list[Any] = [
    ["6a00000000000000000000bb", "Document_id"],
    ["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1045, 630, 1104, 645]],
    ["Redacted", "Sign_Exist_Flag", 0.99, {"page_index": 2}],
]

Request = tuple[dict[str, str], bytes]


def fields(data: Any = KEYED, **others: Any) -> dict[str, Any]:
    """Give a push's fields, of which those that are None are left out."""
    all_fields = {
        **ACCOUNT,
        "document_type": "Invoices",
        "batch_id": "5e1c8a52-0000-4000-8000-000000000001",
        "Document_id": KEYED["Document_id"],
        "file_name": "Invoice 123456.pdf",
        "data": data,
        **others,
    }
    return {name: value for name, value in all_fields.items() if value is not None}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


def part(name: str, value: str | bytes, *, more: str = "", headers: str = "") -> bytes:
    sent = value if isinstance(value, bytes) else value.encode()
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n{headers}\r\n'
    return f"--{BOUNDARY}\r\n{head}".encode() + sent + b"\r\n"


def multipart_of(*parts: bytes) -> Request:
    content_type = f'multipart/form-data; boundary="{BOUNDARY}"'
    return {"Content-Type": content_type}, b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def multipart(values: Mapping[str, Any]) -> Request:
    return multipart_of(*(part(name, value) for name, value in texts(values).items()))


def multipart_files(values: Mapping[str, Any]) -> Request:
    """As `requests` does with `files=`: each value is a file with a type of its own."""
    headers = "Content-Type: application/json; charset=UTF-8\r\n"
    return multipart_of(
        *(
            part(name, value, more=f'; filename="{name}.json"', headers=headers)
            for name, value in texts(values).items()
        )
    )


def urlencoded(values: Mapping[str, Any]) -> Request:
    content_type = "application/x-www-form-urlencoded; charset=UTF-8"
    return {"content-type": content_type}, urlencode(texts(values)).encode()


def json_texts(values: Mapping[str, Any]) -> Request:
    return {"CONTENT-TYPE": "application/json"}, json.dumps(texts(values)).encode()


def json_object(values: Mapping[str, Any]) -> Request:
    """With `data` as an object, spaces, and text that isn't escaped."""
    body = json.dumps(values, ensure_ascii=False, indent=2).encode()
    return {"Content-Type": "Application/JSON; charset=utf-8"}, body


ENCODINGS: tuple[Callable[[Mapping[str, Any]], Request], ...] = (
    multipart,
    multipart_files,
    urlencoded,
    json_texts,
    json_object,
)


def received(request: Request, **options: Any) -> Push:
    """Parse a push as an endpoint does that knows the password."""
    headers, body = request
    return parse_push(headers, body, **{"password": PASSWORD, **options})


def refused(request: Request, status: int | None, **options: Any) -> WebhookError:
    """Parse what is no push, and give the error; None stands for any status."""
    with pytest.raises(WebhookError) as caught:
        received(request, **options)
    assert status in {None, caught.value.status}, caught.value
    return caught.value
