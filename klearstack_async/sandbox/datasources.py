"""The pages on datasources: endpoints 22 to 28 of the vendor's documentation.

Of 23, 24, 27 and 28 only the titles are known: their names, parameters and answers are assumed
here after their sisters', as are the answers of 22 and 26.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from aiohttp import web

from klearstack_async.sandbox import datasource_records
from klearstack_async.sandbox.answers import (
    RELEASE_VERSION,
    RefusalError,
    json_bytes,
    json_response,
    object_response,
)
from klearstack_async.sandbox.dataset import Dataset, DatasetError, DatasetLimits, read_dataset
from klearstack_async.sandbox.datasource_records import Declaration
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require, shown
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.strict_json import parse_json

_TYPE = "excel_or_csv"
_DATATYPE = "string"
_MAX_COLUMNS = DatasetLimits().columns
# What `data` must have, and of which JSON type.
_DECLARED: tuple[tuple[str, type, str], ...] = (
    ("DataSourceName", str, "a text"),
    ("DataSourceType", str, "a text"),
    ("DataSourceStatus", bool, "true or false"),
    ("fields", list, "an array of objects with name and datatype"),
)


async def insert_datasource(service: Service, form: Form) -> web.Response:
    """Make a datasource of a CSV or XLSX file (endpoint 22; its answer is assumed as 25's)."""
    return await _store_file(service, form, datasource_records.insert)


async def append_datasource(service: Service, form: Form) -> web.Response:
    """Add the rows of a CSV or XLSX file to a datasource (endpoint 25)."""
    return await _store_file(service, form, datasource_records.append)


async def get_datasources(service: Service, _: Form) -> web.Response:
    """List the company's datasources (endpoint 23; assumed).

    Each looks like the `data` it was made with, and has a `row_count` besides.
    """
    found = await service.store.run(datasource_records.list_all)
    return object_response(
        result=[
            {
                "DataSourceName": source.name,
                "DataSourceType": source.type,
                "DataSourceStatus": source.is_active,
                "fields": [{"name": name, "datatype": _DATATYPE} for name in source.columns],
                "row_count": source.row_count,
            }
            for source in found
        ]
    )


async def get_datasource_data(service: Service, form: Form) -> web.Response:
    """Give the rows of a datasource (endpoint 24; assumed).

    Each is an object of its columns, and of the row's `id`, which endpoints 26 and 27 take. A
    column that is itself called ``id`` is given as ``id_`` here, with as many underscores as make
    it differ from the other columns; 26 takes it by its own name.
    """
    return json_response(await service.store.run(_data_body, _name(form)))


async def update_datasource_row(service: Service, form: Form) -> web.Response:
    """Give some columns of a row new values (endpoint 26; its answer is assumed as 25's)."""
    name, row_id = _name(form), require(form, "id").strip()
    values = parse_json("data", require(form, "data"))
    if not isinstance(values, dict) or not values:
        raise RefusalError(400, 'data must be an object of columns, as in {"COLUMN": "value"}.')
    for column, value in values.items():
        if not isinstance(value, str):
            raise RefusalError(400, f"The value of '{shown(column)}' in data must be a text.")
    await service.store.run(datasource_records.update_row, name, row_id, values)
    return object_response(success=True)


async def delete_datasource_row(service: Service, form: Form) -> web.Response:
    """Remove a row (endpoint 27; assumed)."""
    name, row_id = _name(form), require(form, "id").strip()
    await service.store.run(datasource_records.delete_row, name, row_id)
    return object_response(success=True)


async def delete_datasource(service: Service, form: Form) -> web.Response:
    """Remove a datasource with all its rows (endpoint 28; assumed)."""
    await service.store.run(datasource_records.delete, _name(form))
    return object_response(success=True)


async def _store_file(
    service: Service,
    form: Form,
    store: Callable[[sqlite3.Connection, Declaration, Dataset], None],
) -> web.Response:
    declared = _declaration(_name(form), parse_json("data", require(form, "data")))
    file = form.files.get("dataset")
    if file is None:
        raise RefusalError(400, "Please provide dataset.")
    try:
        dataset = await service.unzipping.run(read_dataset, file.path, declared.columns)
    except DatasetError as error:
        raise RefusalError(400, str(error)) from error
    await service.store.run(store, declared, dataset)
    return object_response(success=True)


def _name(form: Form) -> str:
    return require(form, "datasource_name").strip()


def _declaration(name: str, data: Any) -> Declaration:
    """Judge the `data` that comes with a file.

    Raises:
        RefusalError: 400 for what is missing, of another type, or at odds with the other fields.
    """
    if not isinstance(data, dict):
        raise RefusalError(400, "data must be a JSON object.")
    for key, type_, description in _DECLARED:
        if data.get(key) in (None, "", []):
            raise RefusalError(400, f"Please provide {key}.")
        if not isinstance(data[key], type_):
            raise RefusalError(400, f"{key} in data must be {description}.")
    if data["DataSourceName"].strip() != name:
        raise RefusalError(
            400,
            f"DataSourceName must be the datasource_name '{shown(name)}';"
            f" '{shown(data['DataSourceName'])}' was given.",
        )
    if data["DataSourceType"] != _TYPE:
        raise RefusalError(
            400, f"DataSourceType must be {_TYPE}; '{shown(data['DataSourceType'])}' was given."
        )
    return Declaration(name, _TYPE, data["DataSourceStatus"], _columns(data["fields"]))


def _columns(fields: list[Any]) -> tuple[str, ...]:
    """Return the names that `fields` declares.

    Raises:
        RefusalError: 400 if they are too many, or not names that differ.
    """
    if len(fields) > _MAX_COLUMNS:
        raise RefusalError(400, f"fields in data may name {_MAX_COLUMNS} columns at most.")
    columns = tuple(_column(field) for field in fields)
    if len(set(columns)) < len(columns):
        raise RefusalError(400, "fields in data has the same name more than once.")
    return columns


def _column(field: Any) -> str:
    """Return the name that a member of `fields` declares.

    Raises:
        RefusalError: 400 if there is none, or its datatype isn't the one documented.
    """
    name = field.get("name") if isinstance(field, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise RefusalError(400, "Each of fields in data must be an object with a name.")
    if field.get("datatype") != _DATATYPE:
        raise RefusalError(400, f"The datatype of '{shown(name)}' in fields must be {_DATATYPE}.")
    return name.strip()


def _data_body(connection: sqlite3.Connection, name: str) -> bytes:
    """Build the whole answer in the database's thread: of many rows it takes a while."""
    source = datasource_records.get(connection, name)
    keys = _answer_keys(source.columns)
    result = [
        {"id": row_id, **dict(zip(keys, cells, strict=True))}
        for row_id, cells in datasource_records.rows(connection, source)
    ]
    return json_bytes({"result": result, "release_version": RELEASE_VERSION})


def _answer_keys(columns: tuple[str, ...]) -> list[str]:
    """Name the columns in an answer, where `id` is the row's own."""
    other = "id_"
    while other in columns:
        other += "_"
    return [other if column == "id" else column for column in columns]
