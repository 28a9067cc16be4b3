"""The page on retrying pushes: endpoint 21 of the vendor's documentation."""

from __future__ import annotations

import re

from aiohttp import web

from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.strict_json import parse_json

# A document's id, or a batch's, that isn't part of something longer.
_ID = re.compile(
    "(?<![0-9a-z-])(?:[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z-])",
    re.IGNORECASE,
)


async def retry_push(service: Service, form: Form) -> web.Response:
    """Push again what was not delivered (endpoint 21), after the answer.

    The page doesn't tell what `data` holds: its example is another page's. Assumed here: ids of
    documents or batches anywhere in it mean exactly these, delivered or not; without any, it is
    everything that was not delivered. Without a registered endpoint nothing is sent.
    """
    require(form, "collection_name")
    data = require(form, "data")
    parse_json("data", data)
    await service.pushing.send_again(ids_in(data))
    return web.Response(text="Request Submitted Successfully")


def ids_in(text: str) -> list[str]:
    """List what looks like ids of documents and batches, known or not, each once."""
    return list(dict.fromkeys(found.lower() for found in _ID.findall(text)))
