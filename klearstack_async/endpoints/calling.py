"""Calls of endpoints that the library doesn't know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.wire.confirmation import answer_in
from klearstack_async.wire.endpoint import ROOT, Credentials, Endpoint, Replay
from klearstack_async.wire.form import FieldValue, form_fields, media_type_of
from klearstack_async.wire.reply import Reply
from klearstack_async.wire.request import FilePart, Request
from klearstack_async.wire.source import SourceLike, source_from

__all__ = ["call_endpoint"]


def call_endpoint(
    endpoint: str,
    fields: Mapping[str, FieldValue],
    *,
    file: SourceLike | None,
    file_field: str,
    filename: str | None,
    credentials: Credentials,
    bearer: bool,
    replay: Replay,
) -> Request[Any]:
    """Build the call of an endpoint by its name or path; one of the catalogue keeps its rules."""
    known = CATALOGUE.get(endpoint)
    if known is None:
        if not endpoint or any(c.isspace() or c in "?#" for c in endpoint):
            raise ValueError(f"an endpoint is a name or a path, not {endpoint!r}")
        known = Endpoint(
            name=endpoint,
            path=endpoint if endpoint.startswith("/") else ROOT + endpoint,
            credentials=credentials,
            bearer=bearer,
            replay=replay,
        )
    part = None
    if file is not None:
        source = source_from(file, filename)
        part = FilePart(file_field, source, media_type_of(source.filename))
    return Request(known, form_fields(fields), _anything, part)


def _anything(reply: Reply) -> Any:
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(("image/", "audio/", "video/")) or media_type in _FILES:
        return reply.body
    return answer_in(reply)


_FILES = frozenset({"application/octet-stream", "application/pdf", "application/zip"})
