"""What the service says: building the bodies of answers and refusals.

Only wording and encoding live here; when to say what is the handlers' business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

RELEASE_VERSION = "7.8.9"
"""The version every object answer carries; the one the documentation shows."""


class RefusalError(Exception):
    """The request is answered with an error; raised anywhere below the pipeline.

    Args:
        status: HTTP status of the answer.
        sentence: What is wrong, and what would be right.
        plain: Answer as bare text (the auth pages' style) instead of ``{"error": sentence}``.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        plain: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.plain = plain
        self.headers = headers or {}

    def to_response(self) -> web.Response:
        """Put the refusal on the wire."""
        if self.plain:
            response = web.Response(text=self.sentence, status=self.status)
        else:
            response = json_response(json_bytes({"error": self.sentence}), status=self.status)
        response.headers.update(self.headers)
        return response


def json_bytes(value: Any) -> bytes:
    """Encode a JSON answer as UTF-8, as the service does (no ASCII escapes)."""
    # A document's text may hold half a surrogate pair, which UTF-8 can't carry.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace")


def json_response(body: bytes, *, status: int = 200) -> web.Response:
    """Answer with JSON that is encoded already."""
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def object_response(**values: Any) -> web.Response:
    """Answer 200 with an object; the release version is added."""
    return json_response(json_bytes({**values, "release_version": RELEASE_VERSION}))
