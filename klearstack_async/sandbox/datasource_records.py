"""The tables of datasources and their rows, and what is asked of them.

Plain functions of a connection, for `Store.run`. A datasource or row that isn't there is refused
here, within the transaction that would have changed it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.dataset import Dataset, difference_of
from klearstack_async.sandbox.guards import shown

SCHEMA = """
CREATE TABLE IF NOT EXISTS datasources (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    columns TEXT NOT NULL
);

-- The cells of a row are a JSON array in the order of the datasource's columns. Numbers are never
-- given twice, so that the id of a deleted row can't become another row's.
CREATE TABLE IF NOT EXISTS datasource_rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    datasource INTEGER NOT NULL REFERENCES datasources,
    cells TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS datasource_rows_datasource ON datasource_rows (datasource);
"""

# Ids look like those of documents; this much of them fits the database's integers.
_ROW_ID = re.compile("0{9}[0-9a-f]{15}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a caller says of a datasource beside its file."""

    name: str
    type: str
    is_active: bool
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredDatasource:
    """A datasource as the service has it."""

    number: int
    name: str
    type: str
    is_active: bool
    columns: tuple[str, ...]
    row_count: int


def insert(connection: sqlite3.Connection, declared: Declaration, dataset: Dataset) -> None:
    """Make a datasource with the rows of a file.

    Raises:
        RefusalError: 400 if there is one of that name.
    """
    cursor = connection.execute(
        "INSERT INTO datasources (name, type, is_active, columns) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        (declared.name, declared.type, declared.is_active, json.dumps(declared.columns)),
    )
    if not cursor.rowcount:
        raise RefusalError(400, f"There is a datasource named '{shown(declared.name)}' already.")
    found = get(connection, declared.name)
    _add_rows(connection, found, dataset)


def append(connection: sqlite3.Connection, declared: Declaration, dataset: Dataset) -> None:
    """Add the rows of a file to a datasource.

    Raises:
        RefusalError: 400 if there is none of that name, or it has other columns.
    """
    found = get(connection, declared.name)
    difference = difference_of(declared.columns, found.columns, "fields", "the datasource")
    if difference:
        raise RefusalError(400, f"fields must be those of the datasource: {difference}.")
    _add_rows(connection, found, dataset)


def get(connection: sqlite3.Connection, name: str) -> StoredDatasource:
    """Return a datasource.

    Raises:
        RefusalError: 400 if there is none of that name.
    """
    for found in _select(connection, "WHERE name = ?", name):
        return found
    raise RefusalError(400, f"There is no datasource named '{shown(name)}'.")


def list_all(connection: sqlite3.Connection) -> list[StoredDatasource]:
    """List all datasources in the order in which they were made."""
    return list(_select(connection, ""))


def rows(
    connection: sqlite3.Connection, datasource: StoredDatasource
) -> Iterator[tuple[str, list[str]]]:
    """Yield the id and the cells of each row, in the order in which they came."""
    for row in connection.execute(
        "SELECT number, cells FROM datasource_rows WHERE datasource = ? ORDER BY number",
        (datasource.number,),
    ):
        yield f"{row['number']:024x}", json.loads(row["cells"])


def update_row(
    connection: sqlite3.Connection, name: str, row_id: str, values: Mapping[str, str]
) -> None:
    """Give some cells of a row new values.

    Raises:
        RefusalError: 400 if there is no such datasource, row, or column.
    """
    found = get(connection, name)
    unknown = next((column for column in values if column not in found.columns), None)
    if unknown is not None:
        raise RefusalError(400, f"The datasource '{shown(name)}' has no column '{shown(unknown)}'.")
    number = _row_number(connection, found, row_id)
    query = "SELECT cells FROM datasource_rows WHERE number = ?"
    [text] = connection.execute(query, (number,)).fetchone()
    cells = {**dict(zip(found.columns, json.loads(text), strict=True)), **values}
    connection.execute(
        "UPDATE datasource_rows SET cells = ? WHERE number = ?",
        (json.dumps(list(cells.values())), number),
    )


def delete_row(connection: sqlite3.Connection, name: str, row_id: str) -> None:
    """Remove a row.

    Raises:
        RefusalError: 400 if there is no such datasource or row.
    """
    number = _row_number(connection, get(connection, name), row_id)
    connection.execute("DELETE FROM datasource_rows WHERE number = ?", (number,))


def delete(connection: sqlite3.Connection, name: str) -> None:
    """Remove a datasource with all its rows.

    Raises:
        RefusalError: 400 if there is none of that name.
    """
    found = get(connection, name)
    connection.execute("DELETE FROM datasource_rows WHERE datasource = ?", (found.number,))
    connection.execute("DELETE FROM datasources WHERE number = ?", (found.number,))


def _select(
    connection: sqlite3.Connection, condition: str, *values: str
) -> Iterator[StoredDatasource]:
    for row in connection.execute(
        "SELECT datasources.*, (SELECT count(*) FROM datasource_rows"  # noqa: S608 - our own text
        " WHERE datasource = datasources.number) AS row_count"
        f" FROM datasources {condition} ORDER BY number",
        values,
    ):
        yield StoredDatasource(
            number=row["number"],
            name=row["name"],
            type=row["type"],
            is_active=bool(row["is_active"]),
            columns=tuple(json.loads(row["columns"])),
            row_count=row["row_count"],
        )


def _add_rows(
    connection: sqlite3.Connection, datasource: StoredDatasource, dataset: Dataset
) -> None:
    # A file may have the columns in another order.
    order = [dataset.columns.index(column) for column in datasource.columns]
    cells: Iterable[str] = (json.dumps([row[at] for at in order]) for row in dataset.rows)
    connection.executemany(
        "INSERT INTO datasource_rows (datasource, cells) VALUES (?, ?)",
        ((datasource.number, text) for text in cells),
    )


def _row_number(connection: sqlite3.Connection, datasource: StoredDatasource, row_id: str) -> int:
    number = int(row_id, 16) if _ROW_ID.fullmatch(row_id) else 0
    found = connection.execute(
        "SELECT 1 FROM datasource_rows WHERE number = ? AND datasource = ?",
        (number, datasource.number),
    ).fetchone()
    if found is None:
        raise RefusalError(
            400, f"The datasource '{shown(datasource.name)}' has no row with id '{shown(row_id)}'."
        )
    return number
