"""The customer's endpoint for pushes, and what a push to it looks like on the wire. Pure.

When what is pushed, and what becomes of it, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import aiohttp

PushEncoding: TypeAlias = Literal["multipart", "urlencoded", "json"]
PushIdKey: TypeAlias = Literal["Document_id", "document_id"]


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where results are pushed to, and with what the sender identifies itself there.

    Args:
        url: The endpoint, http or https.
        token: Sent as ``Authorization: Bearer <token>``.
        company_name: The endpoint's own, as are the next two: not those of the sandbox.
        username: Sent in the body.
        password: Sent in the body.
        encoding: How the body is encoded; the documentation's sample is multipart.
        id_key: The key of the document's id: the page's table has one casing, its sample the other.
        timeout_seconds: How long one push may take.

    Raises:
        ValueError: The URL isn't one, the token can't stand in a header, or an unknown choice.
    """

    url: str
    token: str = field(repr=False)
    company_name: str
    username: str
    password: str = field(repr=False)
    encoding: PushEncoding = "multipart"
    id_key: PushIdKey = "Document_id"
    timeout_seconds: float = 30

    def __post_init__(self) -> None:
        if not _is_endpoint(self.url):
            # Not repeated: it may be refused for the password in it.
            raise ValueError("url must be an http or https URL with a host, and no user in it")
        if not self.token.isascii() or not self.token.isprintable() or not self.token.strip():
            raise ValueError("token must be printable ASCII text")
        if self.encoding not in get_args(PushEncoding):
            raise ValueError(f"encoding must be one of {get_args(PushEncoding)}")
        if self.id_key not in get_args(PushIdKey):
            raise ValueError(f"id_key must be one of {get_args(PushIdKey)}")
        if self.timeout_seconds <= 0:
            raise ValueError("timeout_seconds must be more than 0")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One document to push; `data` is its result in the keyed shape, as JSON text."""

    number: int
    document_id: str
    batch_id: str
    document_type: str
    file_name: str
    data: str


def push_fields(target: PushTarget, delivery: Delivery) -> dict[str, str]:
    """Name what a push carries, in the documented order."""
    return {
        "company_name": target.company_name,
        "username": target.username,
        "password": target.password,
        "document_type": delivery.document_type,
        "batch_id": delivery.batch_id,
        target.id_key: delivery.document_id,
        "file_name": delivery.file_name,
        "data": delivery.data,
    }


def push_request(target: PushTarget, delivery: Delivery) -> dict[str, Any]:
    """Build what `ClientSession.post` is told of body and headers."""
    return {
        **_BODIES[target.encoding](push_fields(target, delivery)),
        "headers": {"Authorization": f"Bearer {target.token}"},
    }


def _multipart(fields: Mapping[str, str]) -> dict[str, Any]:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    return {"data": form}


def _urlencoded(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"data": dict(fields)}


def _json(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"json": dict(fields)}


_BODIES: dict[PushEncoding, Callable[[Mapping[str, str]], dict[str, Any]]] = {
    "multipart": _multipart,
    "urlencoded": _urlencoded,
    "json": _json,
}


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_host and parts.username is None
