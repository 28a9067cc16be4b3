"""Reading lists of other things than documents: datasources, their rows, sets.

Most of these answers are not documented, so every plausible wrapping is understood, and what isn't
understood is kept in the items' `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from klearstack_async.errors import DecodeError
from klearstack_async.keyed import take_text
from klearstack_async.models import (
    Datasource,
    DatasourceRow,
    DocumentSet,
    SetDocument,
    SetStatus,
)
from klearstack_async.wire.confirmation import answer_in, reject_if_no
from klearstack_async.wire.reply import Reply, refusal
from klearstack_async.wire.results import RESULT_KEYS, stated_state

__all__ = [
    "decode_datasource_rows",
    "decode_datasources",
    "decode_set_status",
    "decode_sets",
    "decode_user_id",
]

_NAMES = ("datasource_name", "DataSourceName", "name")
_COLUMNS = ("fields", "columns")
# A table may have a column called `id`; the others are nobody's column.
_ROW_IDS = ("_id", "row_id", "id")
_REFERENCES = ("set_reference_number", "reference_number", "reference")
_SET_NAMES = ("set_name", "name")
_DOCUMENT_IDS = ("Document_id", "document_id", "id")
_USER_IDS = ("user_id", "userid", "id")
# An answer of nothing but these is an empty list.
_SAYS_NOTHING = frozenset({"message", "release_version", "success", "status", "error"})
_COMPLAINTS = frozenset({"error", "errors"})


def decode_datasources(reply: Reply) -> tuple[Datasource, ...]:
    """Read the list of datasources."""
    return tuple(map(_datasource, _items_in(reply, "datasources", "data_sources")))


def decode_datasource_rows(reply: Reply) -> tuple[DatasourceRow, ...]:
    """Read the rows of a datasource."""
    return tuple(map(_row, _items_in(reply, "rows")))


def decode_sets(reply: Reply) -> tuple[DocumentSet, ...]:
    """Read the list of sets."""
    return tuple(map(_set, _items_in(reply, "set_reference_numbers", "references", "sets")))


def decode_set_status(reply: Reply) -> SetStatus:
    """Read how far the documents of a set are."""
    found = _listing_in(reply, "documents")
    return SetStatus(tuple(map(_set_document, found.items or [])), found.extra)


def decode_user_id(reply: Reply) -> str:
    """Read a user's id, which may come in an object or bare."""
    answer = answer_in(reply)
    found = dict(answer) if isinstance(answer, dict) else {_USER_IDS[0]: answer}
    user_id = (take_text(found, *_USER_IDS) or "").strip()
    if user_id and not any(map(str.isspace, user_id)) and user_id.isprintable():
        if not user_id.isdigit() and not isinstance(answer, dict):
            # A bare word may be one of refusal: `Forbidden`.
            reject_if_no(reply, user_id)
        return user_id
    reject_if_no(reply, answer)
    raise refusal(
        DecodeError, f"the answer names no user id (looked for {', '.join(_USER_IDS)})", reply
    )


class _Listing(NamedTuple):
    # None: the answer has no list.
    items: list[Any] | None
    # What else stood in the answer.
    extra: dict[str, Any]


def _items_in(reply: Reply, *keys: str) -> list[Any]:
    """Give the items of an answer that is about nothing else."""
    items, extra = _listing_in(reply, *keys)
    said = {key for key, value in extra.items() if value not in (None, "")}
    if items is None and not said <= _SAYS_NOTHING:
        raise refusal(DecodeError, f"the answer has no list (looked for {', '.join(keys)})", reply)
    return items or []


def _listing_in(reply: Reply, *keys: str) -> _Listing:
    """Find the list in an answer, and what else stands there."""
    answer = answer_in(reply)
    if not isinstance(answer, dict | list):
        reject_if_no(reply, answer)
        raise refusal(DecodeError, f"the answer is no list: {reply.excerpt()[:100]!r}", reply)
    found = _listing(answer, (*RESULT_KEYS, *keys))
    if not found.items:
        # Beside an empty list, `No datasources found` says nothing worse.
        flags = {key: found.extra[key] for key in ("error", "success") if key in found.extra}
        reject_if_no(reply, found.extra if found.items is None else flags)
    return found


def _listing(answer: Any, keys: tuple[str, ...]) -> _Listing:
    if isinstance(answer, list):
        return _Listing(answer, {})
    lists = [key for key, value in answer.items() if isinstance(value, list)]
    key = next((key for key in keys if isinstance(answer.get(key), list | dict)), None)
    if key is None and len(lists) == 1 and _COMPLAINTS.isdisjoint(answer):
        # A list under a key that nobody knows is the one, if there is no other.
        key = lists[0]
    if key is None:
        return _Listing(None, dict(answer))
    found, beside = answer[key], {name: v for name, v in answer.items() if name != key}
    if isinstance(found, dict) and any(isinstance(found.get(k), list) for k in keys):
        inner = _listing(found, keys)
        return _Listing(inner.items, beside | ({key: inner.extra} if inner.extra else {}))
    # One object instead of a list is one item.
    return _Listing(found if isinstance(found, list) else [found], beside)


def _datasource(item: Any) -> Datasource:
    rest = _rest(item, _NAMES[0])
    name = take_text(rest, *_NAMES) or ""
    columns: list[Any] = next(
        (rest[key] for key in _COLUMNS if isinstance(rest.get(key), list)), []
    )
    names = tuple(filter(None, map(_column_name, columns)))
    # What else is said about the columns stays in `extra`.
    return Datasource(name, names, rest)


def _column_name(column: Any) -> str | None:
    name = column.get("name") if isinstance(column, dict) else column
    return name if isinstance(name, str) else None


def _row(item: Any) -> DatasourceRow:
    if not isinstance(item, dict):
        cells = item if isinstance(item, list) else [item]
        return DatasourceRow(None, {str(number): cell for number, cell in enumerate(cells)})
    values = dict(item)
    return DatasourceRow(take_text(values, *_ROW_IDS), values)


def _set(item: Any) -> DocumentSet:
    rest = _rest(item, _REFERENCES[0])
    reference, name = take_text(rest, *_REFERENCES), take_text(rest, *_SET_NAMES)
    return DocumentSet(reference or "", name, rest)


def _set_document(item: Any) -> SetDocument:
    rest = _rest(item, "file_name")
    state = stated_state(rest) or stated_state({"status": rest.get("state")})
    return SetDocument(
        file_name=take_text(rest, "file_name"),
        document_id=take_text(rest, *_DOCUMENT_IDS),
        batch_id=take_text(rest, "batch_id"),
        state=state,
        extra=rest,
    )


def _rest(item: Any, key: str) -> dict[str, Any]:
    """Give an item as an object; a bare value is what its key would hold."""
    return dict(item) if isinstance(item, Mapping) else {key: item}
