"""Datasources, the tables that documents are compared with: pages 22 to 28."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import anyio.lowlevel
import anyio.to_thread

from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.endpoints.sending import Send
from klearstack_async.models import Confirmation, Datasource, DatasourceRow
from klearstack_async.wire.confirmation import confirmation_decoder
from klearstack_async.wire.form import FormValue, form_fields, media_type_of
from klearstack_async.wire.listings import decode_datasource_rows, decode_datasources
from klearstack_async.wire.request import FilePart, Request
from klearstack_async.wire.source import (
    BytesSource,
    FileSource,
    PathSource,
    Source,
    Stream,
    source_from,
)
from klearstack_async.wire.tables import TableRow, cell_text, columns_and_rows, csv_pieces

__all__ = [
    "Datasources",
    "append_rows",
    "create_datasource",
    "datasource_rows",
    "delete_datasource",
    "delete_row",
    "list_datasources",
    "update_row",
]

Columns = Iterable[str] | Mapping[str, str]
TableFile = str | os.PathLike[str] | bytes | bytearray | BinaryIO | Source
Rows = Iterable[TableRow] | TableFile

_STRING = "string"
# How a zip begins, which an XLSX file is.
_ZIP = b"PK\x03\x04"
_BYTES = (bytes, bytearray, memoryview)


def create_datasource(name: str, columns: Columns, table: Source) -> Request[Confirmation]:
    """Build the call that makes a datasource (page 22)."""
    decode = confirmation_decoder(documented=False)
    endpoint = CATALOGUE["datasources.create"]
    return Request(endpoint, _description(name, columns), decode, _file(table))


def append_rows(name: str, columns: Columns, table: Source) -> Request[Confirmation]:
    """Build the call that adds rows to a datasource (page 25)."""
    decode = confirmation_decoder(documented=True)
    endpoint = CATALOGUE["datasources.append"]
    return Request(endpoint, _description(name, columns), decode, _file(table))


def list_datasources() -> Request[tuple[Datasource, ...]]:
    """Build the call that asks which datasources there are (page 23)."""
    return Request(CATALOGUE["datasources.list"], {}, decode_datasources)


def datasource_rows(name: str) -> Request[tuple[DatasourceRow, ...]]:
    """Build the call that asks for the rows of a datasource (page 24)."""
    fields = form_fields({"datasource_name": name})
    return Request(CATALOGUE["datasources.rows"], fields, decode_datasource_rows)


def update_row(name: str, row_id: str, values: Mapping[str, Any]) -> Request[Confirmation]:
    """Build the call that changes a row (page 26)."""
    if not values:
        raise ValueError("there is no value to update")
    data = {column: cell_text(value, column) for column, value in values.items()}
    fields = form_fields({"datasource_name": name, "id": row_id, "data": data})
    decode = confirmation_decoder(documented=False)
    return Request(CATALOGUE["datasources.update_row"], fields, decode)


def delete_row(name: str, row_id: str) -> Request[Confirmation]:
    """Build the call that deletes a row (page 27)."""
    fields = form_fields({"datasource_name": name, "id": row_id})
    decode = confirmation_decoder(documented=False)
    return Request(CATALOGUE["datasources.delete_row"], fields, decode)


def delete_datasource(name: str) -> Request[Confirmation]:
    """Build the call that deletes a datasource (page 28)."""
    fields = form_fields({"datasource_name": name})
    decode = confirmation_decoder(documented=False)
    return Request(CATALOGUE["datasources.delete"], fields, decode)


class Datasources:
    """Tables of your own, such as suppliers, that documents are compared with."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def create(self, name: str, columns: Columns, rows: Rows) -> Confirmation:
        """Make a datasource.

        Args:
            name: Its name.
            columns: The names of its columns in order, or a mapping of names to the service's
                data types, of which only `string` is documented.
            rows: Mappings by column, or lists of values in the columns' order (text, numbers,
                flags, dates or None), which are sent as a CSV file; or a CSV or Excel file
                itself: its path, its bytes, or an open binary file.

        Returns:
            The service's confirmation; what it says isn't documented.

        Raises:
            Rejected, BadRequest: There is one of that name already, for instance.
            ValueError, TypeError: A row doesn't fit the columns.
            OSError: The file can't be read.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry may add the rows twice. Source: the vendor's page "Create new datasource".
        """
        columns = _kept(columns)
        table = await _table(name, columns, rows)
        return await self._send(create_datasource(name, columns, table))

    # Annotations below would mean the method `list`, so none of them names the type.
    async def list(self) -> tuple[Datasource, ...]:
        """List the datasources.

        Returns:
            Name and columns of each; none if there are none.

        Raises:
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "List of all datasources"; the endpoint's
        name, parameters and answer are assumed.
        """
        return await self._send(list_datasources())

    async def rows(self, name: str) -> tuple[DatasourceRow, ...]:
        """Fetch the rows of a datasource.

        Args:
            name: Its name.

        Returns:
            The rows with their ids; none if it is empty.

        Raises:
            Rejected, BadRequest: There is none of that name.
            EndpointNotFound: The service has another name for this; the message says what to do.
            DecodeError: The answer can't be read.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry is safe. Source: the vendor's page "Get data of a datasource"; the endpoint's
        name, parameters and answer are assumed.
        """
        return await self._send(datasource_rows(name))

    async def append(
        self, name: str, rows: Rows, *, columns: Columns | None = None
    ) -> Confirmation:
        """Add rows to a datasource.

        Args:
            name: Its name.
            rows: As for `create`.
            columns: As for `create`; may be left out where the rows are mappings.

        Returns:
            The service's confirmation.

        Raises:
            Rejected, BadRequest: There is no datasource of that name, or of other columns.
            ValueError, TypeError: A row doesn't fit the columns, or they aren't known.
            OSError: The file can't be read.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry may add the rows twice. Source: the vendor's page "Append in datasource".
        """
        if columns is None:
            if _is_file(rows):
                raise ValueError("a file doesn't say its columns; pass columns=")
            columns, rows = columns_and_rows(rows, None)  # type: ignore[arg-type]
        columns = _kept(columns)
        table = await _table(name, columns, rows)
        return await self._send(append_rows(name, columns, table))

    async def update_row(
        self, name: str, row: DatasourceRow | str | int, values: Mapping[str, Any]
    ) -> Confirmation:
        """Change values of a row.

        Args:
            name: The datasource's name.
            row: From `rows`, or its `row_id`.
            values: New values by column: text, numbers, flags, dates or None, sent as text.

        Returns:
            The service's confirmation; what it says isn't documented.

        Raises:
            Rejected, BadRequest: There is no such row or column.
            ValueError: There is no value, or the row has no id.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry writes the same values again, also over what somebody else wrote since. Source:
        the vendor's page "Update record of a datasource".
        """
        return await self._send(update_row(name, _id_of(row), values))

    async def delete_row(self, name: str, row: DatasourceRow | str | int) -> Confirmation:
        """Delete a row.

        Args:
            name: The datasource's name.
            row: From `rows`, or its `row_id`.

        Returns:
            The service's confirmation.

        Raises:
            Rejected, BadRequest: There is no such row.
            ValueError: The row has no id.
            EndpointNotFound: The service has another name for this; the message says what to do.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry of a deletion that was carried out is refused. Source: the vendor's page "Delete
        record of a datasource"; the endpoint's name, parameters and answer are assumed.
        """
        return await self._send(delete_row(name, _id_of(row)))

    async def delete(self, name: str) -> Confirmation:
        """Delete a datasource with all its rows.

        Args:
            name: Its name.

        Returns:
            The service's confirmation.

        Raises:
            Rejected, BadRequest: There is none of that name.
            EndpointNotFound: The service has another name for this; the message says what to do.
            OutcomeUnknown: It was sent, and no answer tells whether it was done.
            AuthenticationError, ServerError, TransportError: As for every call.

        A retry of a deletion that was carried out is refused, or deletes a new one of the same
        name. Source: the vendor's page "Delete datasource"; the endpoint's name, parameters and
        answer are assumed.
        """
        return await self._send(delete_datasource(name))


def _description(name: str, columns: Columns) -> dict[str, FormValue]:
    types = columns if isinstance(columns, Mapping) else dict.fromkeys(columns, _STRING)
    data = {
        "DataSourceName": name,
        "DataSourceType": "excel_or_csv",
        "DataSourceStatus": True,
        "fields": [{"name": column, "datatype": datatype} for column, datatype in types.items()],
    }
    return form_fields({"datasource_name": name, "data": data})


def _kept(columns: Columns) -> Columns:
    """Make columns that can be looked at twice of those that may come from a generator."""
    if isinstance(columns, str):
        raise TypeError(f"columns are a list of names, not the text {columns!r}")
    return columns if isinstance(columns, Mapping) else tuple(columns)


def _id_of(row: DatasourceRow | str | int) -> str:
    row_id = row.row_id if isinstance(row, DatasourceRow) else row
    if row_id is None:
        raise ValueError("this row has no id: the service gave none")
    return str(row_id)


def _file(table: Source) -> FilePart:
    return FilePart("dataset", table, media_type_of(table.filename))


def _is_file(rows: Rows) -> bool:
    kinds = (str, os.PathLike, *_BYTES, BytesSource, FileSource, PathSource, Stream)
    return isinstance(rows, kinds) or hasattr(rows, "read")


async def _table(name: str, columns: Columns, rows: Rows) -> Source:
    """Give the file to send: the user's own, or a CSV of the rows."""
    if isinstance(rows, Mapping):
        raise TypeError("rows are a list of rows, not one mapping")
    names, _ = columns_and_rows((), columns)
    if _is_file(rows):
        # It may be on a slow disk.
        file_name = await anyio.to_thread.run_sync(_filename_of, rows, name)
        return source_from(rows, file_name)  # type: ignore[arg-type]
    pieces = []
    for piece in csv_pieces(names, rows):  # type: ignore[arg-type]
        pieces.append(piece)
        # Many rows take a while: others get their turn in between.
        await anyio.lowlevel.checkpoint()
    # Of a million rows, the joining alone takes longer than the loop may be held.
    table = await anyio.to_thread.run_sync(b"".join, pieces)
    return BytesSource(table, f"{name}.csv")


def _filename_of(rows: Any, name: str) -> str | None:
    """Name a file that has no name of its own, by what it begins with; None if it has one."""
    if isinstance(rows, _BYTES):
        start = bytes(rows[:4])
    elif hasattr(rows, "read") and not isinstance(getattr(rows, "name", None), str):
        start = rows.read(4)
        rows.seek(-len(start), io.SEEK_CUR)
    else:
        return None
    return f"{name}.xlsx" if start == _ZIP else f"{name}.csv"
