"""The page on the field mapping: endpoint 32 of the vendor's documentation.

The settings are kept, and change nothing else here.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from aiohttp import web

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require, shown
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.strict_json import parse_json

SCHEMA = """
CREATE TABLE IF NOT EXISTS mappings (
    collection TEXT NOT NULL,
    document_type TEXT NOT NULL,
    field TEXT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (collection, document_type, field)
) WITHOUT ROWID;
"""

FieldSettings = dict[str, str | bool]
Mapping = dict[str, dict[str, FieldSettings]]
"""By document type and by field."""

_SETTINGS: dict[str, type] = {"label": str, "required": bool, "visibility": bool}


async def update_mapping(service: Service, form: Form) -> web.Response:
    """Keep how fields are labelled and shown: of each field the last settings, whole."""
    collection = require(form, "collection_name").strip()
    data = require(form, "data")
    await service.store.run(_save, collection, data)
    return web.Response(text="Request Submitted Successfully")


def mapping_of(connection: sqlite3.Connection, collection: str) -> Mapping:
    """Return a collection's settings, for tests to look at."""
    mapping: Mapping = {}
    for row in connection.execute(
        "SELECT * FROM mappings WHERE collection = ? ORDER BY document_type, field", (collection,)
    ):
        fields = mapping.setdefault(row["document_type"], {})
        fields[row["field"]] = json.loads(row["settings"])
    return mapping


def _save(connection: sqlite3.Connection, collection: str, data: str) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO mappings (collection, document_type, field, settings)"
        " VALUES (?, ?, ?, ?)",
        [
            (collection, _storable(document_type), _storable(field), json.dumps(settings))
            for document_type, fields in _mappings(data)
            for field, settings in fields.items()
        ],
    )


def _mappings(data: str) -> list[tuple[str, dict[str, FieldSettings]]]:
    entries = parse_json("data", data)
    if not isinstance(entries, list) or not entries:
        raise RefusalError(400, "data must be a JSON array of objects with documentTypeDetails.")
    found = []
    for entry in entries:
        details = _object(_object(entry, "data").get("documentTypeDetails"), "documentTypeDetails")
        for document_type, detail in details.items():
            fields = _object(_object(detail, document_type).get("fields"), "fields")
            found.append((document_type, {name: _checked(name, fields[name]) for name in fields}))
    return found


def _checked(name: str, value: Any) -> FieldSettings:
    """Take the documented settings of a field; others are ignored."""
    settings = _object(value, name)
    for key, kind in _SETTINGS.items():
        if key in settings and not isinstance(settings[key], kind):
            what = "a text" if kind is str else "true or false"
            raise RefusalError(400, f"{key} of {shown(name)} must be {what}.")
    return {key: settings[key] for key in _SETTINGS if key in settings}


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        raise RefusalError(400, f"Please provide {shown(name)}.")
    if not isinstance(value, dict):
        raise RefusalError(400, f"{shown(name)} must be a JSON object.")
    return value


def _storable(text: str) -> str:
    # JSON can spell half a surrogate pair, which the database can't store.
    return text.encode("utf-8", errors="replace").decode()
