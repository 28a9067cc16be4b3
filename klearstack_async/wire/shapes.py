"""Documents in the two shapes in which they are sent, and in whatever else turns up among them.

The fast road decodes rows straight into structs. What doesn't fit is taken apart one document at a
time, and then one row at a time. Which answer a document came in is nothing to this module.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from klearstack_async.document import Document
from klearstack_async.field import Row
from klearstack_async.keyed import mended, parts_of, value_or_text

__all__ = [
    "batch_from",
    "begins_list",
    "cut_list",
    "document_from",
    "documents_from",
    "is_container",
    "is_object",
    "items_in",
    "strict",
]

_EMPTY = re.compile(rb"\s*\{\s*\}\s*")
_FIRST = re.compile(rb"\s*([\[{])")

# An object may repeat a key, and a list may be nested too deeply: neither is clean.
_Plain = str | float | int | bool | None
_Value = _Plain | list[_Plain | list[_Plain | list[_Plain]]]


class _CleanRow(Row, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    value: _Value


class _AnyRow(Row, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    value: msgspec.Raw


# Between a comma and what follows; where there is more, decoding finds out what it is.
_LONGEST_SPACE_BYTES = 256
_ROWS = msgspec.json.Decoder(list[tuple[_CleanRow, ...]])
_ONE_ROWS = msgspec.json.Decoder(tuple[_CleanRow, ...])
_ROW = msgspec.json.Decoder(_CleanRow)
_ANY_ROW = msgspec.json.Decoder(_AnyRow)
_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])
# What these raise at JSON that isn't clean.
_UNCLEAN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def documents_from(raw: bytes | msgspec.Raw) -> tuple[tuple[Document, ...], list[Any]]:
    """Decode a list of documents of either shape, or one document alone.

    Returns:
        The documents, and what stood among them without being one.

    Raises:
        msgspec.DecodeError: It is neither a JSON list nor an object.
    """
    if not is_object(raw):
        try:
            return tuple(map(Document, _ROWS.decode(raw))), []
        except _UNCLEAN:
            pass
    documents: list[Document] = []
    strange: list[Any] = []
    for item in items_in(raw):
        document = document_from(item)
        if document is None:
            strange.append(value_or_text(item))
        else:
            documents.append(document)
    return tuple(documents), strange


def document_from(raw: bytes | msgspec.Raw) -> Document | None:
    """Decode one document of either shape; None if it is none."""
    if is_object(raw):
        # A copy, so that one document that is kept doesn't keep the whole answer.
        return Document(bytes(raw))
    try:
        return Document(_ONE_ROWS.decode(raw))
    except _UNCLEAN:
        pass
    if not is_container(raw):
        return None
    whole = bytes(raw)
    text = whole.decode("utf-8", "replace").encode()
    # Wrong bytes may be all that is wrong with it; and one row's are nothing to the others.
    return _patched_rows(text) if text == whole else document_from(text)


def items_in(raw: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """Cut a list into what should be its documents; one that nobody put into a list is one.

    Raises:
        msgspec.DecodeError: It is neither a JSON list nor an object.
    """
    if is_object(raw):
        return [] if _EMPTY.fullmatch(raw) else [msgspec.Raw(raw)]
    items = cut_list(raw)
    if not items or begins_list(items[0]):
        return items
    if _fits(_ONE_ROWS, raw):
        return [msgspec.Raw(raw)]
    rows = [_row(item) is not None for item in items]
    # Rows are no documents: where nothing else is one, all of it is.
    alone = all(rows) or (any(rows) and not any(map(document_from, items)))
    return [msgspec.Raw(raw)] if alone else items


def begins_list(raw: bytes | msgspec.Raw) -> bool:
    """Tell whether the first item of a list shows already that its items are the documents.

    Else it may be a row, and all of the list one document.
    """
    if is_object(raw) or _fits(_ONE_ROWS, raw):
        return True
    return _row(raw) is None and document_from(raw) is not None


def batch_from(text: memoryview) -> tuple[Document, ...] | list[msgspec.Raw] | None:
    """Decode some items of a list, with brackets around them.

    Nothing that is given refers to the text, which may change again.

    Returns:
        Documents, if all are in the clean positional shape; else the items one by one. None if
        the text isn't made of whole items: it ends within one, or one is no strict JSON.
    """
    if not is_object(bytes(text[1:_LONGEST_SPACE_BYTES])):
        try:
            return tuple(map(Document, _ROWS.decode(text)))
        except (msgspec.ValidationError, UnicodeDecodeError):
            pass
        except (msgspec.DecodeError, RecursionError):
            return None
    try:
        return _RAW_LIST.decode(bytes(text))
    except (msgspec.DecodeError, RecursionError):
        return None


def strict(item: bytes) -> bytes:
    """Give one item as strict JSON; one that is nested too deeply isn't looked into.

    Raises:
        ValueError: It is broken.
        RecursionError: It is no strict JSON, and nested too deeply to be made such.
    """
    try:
        _RAW.decode(item)
    except RecursionError:
        return item
    except msgspec.DecodeError:
        return mended(item)
    return item


def cut_list(raw: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """Cut a list into its items, however deeply they are nested.

    Raises:
        msgspec.DecodeError: It is no JSON list.
    """
    try:
        return _RAW_LIST.decode(raw)
    except RecursionError:
        return [msgspec.Raw(part) for _, part in parts_of(raw)]


def is_object(raw: bytes | msgspec.Raw) -> bool:
    """Tell by its first character whether JSON is an object."""
    first = _FIRST.match(raw)
    return first is not None and first[1] == b"{"


def is_container(raw: bytes | msgspec.Raw | None) -> bool:
    """Tell by its first character whether JSON is an object or a list."""
    return raw is not None and _FIRST.match(raw) is not None


def _patched_rows(raw: bytes | msgspec.Raw) -> Document | None:
    rows: list[Row] = []
    strange: list[Any] = []
    try:
        items = cut_list(raw)
    except msgspec.DecodeError:
        # Too deep to be looked into before, and broken inside.
        return None
    for item in items:
        row = _row(item)
        if row is None:
            whole = value_or_text(item)
            strange.append(whole)
            rows.extend(_salvaged(whole))
        else:
            rows.append(row)
    return Document(tuple(rows), strange=tuple(strange)) if rows else None


def _row(raw: bytes | msgspec.Raw) -> Row | None:
    try:
        return _ROW.decode(raw)
    except _UNCLEAN:
        pass
    try:
        row = _ANY_ROW.decode(raw)
    except _UNCLEAN:
        return None
    return Row(value_or_text(row.value), row.name, row.confidence, row.place, row.box)


def _salvaged(item: Any) -> list[Row]:
    """Keep a strange row's name and value readable; the row itself stays in `extra`, too."""
    if isinstance(item, list) and len(item) >= 2 and isinstance(item[1], str):
        confidence = item[2] if len(item) > 2 and isinstance(item[2], float) else None
        # A row of more than two parts is a field, whatever its name: only those have a place.
        return [Row(item[0], item[1], confidence)]
    return []


def _fits(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> bool:
    try:
        decoder.decode(raw)
    except _UNCLEAN:
        return False
    return True
