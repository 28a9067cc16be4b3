"""Documents as the service answers them, in both shapes; the same bytes in each run.

A document is an invoice of 75 fields and some 6 KB of JSON (8 KB keyed), where each field has a
confidence, a page and a box. Nothing here is measured: answers are made before the clock starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, count, islice
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

__all__ = [
    "NAMED",
    "Field",
    "Shape",
    "document",
    "documents",
    "fields_of",
    "id_of",
    "number_in",
    "write_answer",
]

Shape = Literal["positional", "keyed"]

NAMED = ("Inv_Number", "Inv_Date", "Inv_Total")
"""The fields that the benchmarks read of each document, with all that is known about each."""

_HEADER = (
    *NAMED,
    "Due_Date",
    "Sub-Total",
    "Tax_Total",
    "Currency",
    "PO_Number",
    "Supplier_Name",
    "Supplier_Address",
    "Supplier GL Account #",
    "Buyer_Name",
    "Buyer_Address",
    "Payment_Terms",
    "Sign_Exist_Flag",
)
_ITEM = ("Item_Description", "Item_Quantity", "Item_Unit_Price", "Item_Amount")
_ITEMS = 15
_WORDS = ("Steel", "Bolts", "Örtliche", "M8", "Straße", "of", "Cable", "Tie", "Toner", "A4")
# So many differ; then they come again, each with an id of its own.
_KINDS = 200
_FIRST_ID = 0x6A << 88
_ID, _FILE_NAME = f"{0:024x}", "name-of-its-file.pdf"
_BEFORE, _AFTER = b'{"result": [', b'], "release_version": "7.8.9"}'


class Field(NamedTuple):
    """What stands somewhere on an invoice."""

    name: str
    value: str
    confidence: float
    page: int
    box: list[int]


def write_answer(
    path: Path, *, size_bytes: int, shape: Shape = "positional", hostile: float = 0.0
) -> int:
    """Write an answer of about so many bytes, and give its number of documents.

    Args:
        path: The file.
        size_bytes: What `number_in` is asked for.
        shape: Positional or keyed.
        hostile: The share of documents whose texts are the sandbox's hostile strings, 0 to 1. They
            are longer than others, and so is the answer.
    """
    number = number_in(size_bytes, shape)
    with path.open("wb") as file:
        file.write(_BEFORE)
        for each, written in enumerate(islice(documents(shape, hostile=hostile), number)):
            file.write(b", " + written if each else written)
        file.write(_AFTER)
    return number


def number_in(size_bytes: int, shape: Shape = "positional") -> int:
    """Say how many documents reach a size together; one at least."""
    sizes = accumulate(len(each) + len(", ") for each in documents(shape))
    return next(number for number, size in enumerate(sizes, 1) if size >= size_bytes)


def documents(shape: Shape = "positional", *, hostile: float = 0.0) -> Iterator[bytes]:
    """Give one document after the other, without end, each as its JSON."""
    return (document(number, shape, hostile=hostile) for number in count(1))


def document(
    number: int, shape: Shape = "positional", *, file_name: str | None = None, hostile: float = 0.0
) -> bytes:
    """Give one document as its JSON.

    Args:
        number: From 1; which it is.
        shape: Positional or keyed.
        file_name: What its file is called; something with its number if left out.
        hostile: The share of hostile ones; the same numbers are hostile each time.
    """
    # Evenly, and not the first: the last of each hundred, where it is one in a hundred.
    is_hostile = int(number * hostile) > int((number - 1) * hostile)
    written = _hostile(number, shape) if is_hostile else _template(number % _KINDS, shape)
    name = json.dumps(file_name or f"Invoice {number}.pdf")[1:-1].encode()
    written = written.replace(_ID.encode(), id_of(number).encode(), 1)
    return written.replace(_FILE_NAME.encode(), name, 1)


def id_of(number: int) -> str:
    """Give the id of a document."""
    return f"{_FIRST_ID + number:024x}"


def fields_of(number: int) -> list[Field]:
    """Say what stands on a document, hostile or not: but the values of hostile ones differ."""
    return _fields(number % _KINDS)


@cache
def _fields(kind: int) -> list[Field]:
    random = Random(kind)
    found = []
    for line, name in enumerate([*_HEADER, *(_ITEM * _ITEMS)]):
        x, y = random.randrange(40, 1400), 60 + 22 * line
        box = [x, y, x + random.randrange(30, 240), y + 15]
        confidence = round(random.uniform(0.4, 0.99), 2)
        found.append(Field(name, _value(name, random), confidence, 1 + line // 60, box))
    return found


@cache
def _template(kind: int, shape: Shape) -> bytes:
    write = _positional if shape == "positional" else _keyed
    return json.dumps(write(fields_of(kind)), ensure_ascii=False).encode()


def _hostile(number: int, shape: Shape) -> bytes:
    # In here: only this needs the sandbox's extra.
    from klearstack_async.sandbox.faults.spoilt import hostile

    written = hostile(b'{"result": [%b]}' % _template(number % _KINDS, shape), seed=number)
    return written[len(b'{"result": [') : -len(b"]}")]


def _value(name: str, random: Random) -> str:
    if name.endswith("_Date"):
        return f"{random.randrange(1, 29):02d}-Jul-2025"
    if name.endswith(("Total", "Price", "Amount")):
        return f"{random.randrange(100, 900_000) / 100:.2f}"
    if name.endswith(("Number", "Quantity", "#")):
        return str(random.randrange(1, 1_000_000))
    return " ".join(random.choices(_WORDS, k=2))


def _positional(fields: list[Field]) -> list[list[Any]]:
    rows: list[list[Any]] = [
        [_ID, "Document_id"],
        [1, "Is_Approved"],
        [1, "Is_Approved"],
        [_FILE_NAME, "file_name"],
        [0.86, "overall_confidence"],
    ]
    return rows + [
        [field.value, field.name, field.confidence, {"page_index": field.page}, field.box]
        for field in fields
    ]


def _keyed(fields: list[Field]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Document_id": _ID,
        "is_approved": 0,
        "file_name": _FILE_NAME,
        "overall_confidence": 0.86,
        "document_type": "Invoice",
        "upload_time": "2023-10-11T18:28:40.322",
        "finished_time": "2023-10-11T18:30:21.875",
    }
    for number, field in enumerate(fields):
        # An object has a name once, and no page of the vendor's shows how it tells items apart.
        key = f"{field.name}_{number}" if field.name in _ITEM else field.name
        document[key] = {
            "value": field.value,
            "confidence": field.confidence,
            "page_index": field.page,
            "coordinate": field.box,
        }
    return document
