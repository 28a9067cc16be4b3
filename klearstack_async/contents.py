"""What stands in a document, read from either of the two shapes in which it is sent.

Each shape is read only as far as somebody asks: one field by its name doesn't cost all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from klearstack_async.field import Box, Field, Row
from klearstack_async.keyed import gathered, pairs_of, unused_key, value_or_text
from klearstack_async.ordinary import ordinary_members, ordinary_object

__all__ = ["KeyedContents", "Parts", "RowContents", "beside", "metadata_beside"]

_METADATA = frozenset(
    {
        "document_id",
        "file_name",
        "document_type",
        "is_approved",
        "overall_confidence",
        "upload_time",
        "finished_time",
        "approved_date",
        "ocr_id",
        "status",
        "error",
    }
)
# Other spellings of the same, in lower case; `Document_id` needs no entry, only lower case.
_ALIASES = {"extraction_status": "status", "extractionstatus": "status", "error_message": "error"}
_FIELD_KEYS = frozenset({"value", "confidence", "page_index", "coordinate"})
# What the parts of a field usually are; a flag is none of these.
_NUMBERS_OR_NONE = (float, int, type(None))
_PAGES = (int, type(None))
_CORNERS = ([int] * 4, [float] * 4)


class Parts(NamedTuple):
    """All of a document."""

    metadata: dict[str, Any]
    fields: tuple[Field, ...]
    extra: dict[str, Any]


class RowContents:
    """The contents of a document in the positional shape.

    Args:
        rows: Its rows.
        strange: Rows that are not of the documented form.
    """

    __slots__ = ("_names", "_rows", "_strange")

    def __init__(self, rows: tuple[Row, ...], strange: tuple[Any, ...]) -> None:
        self._rows = rows
        self._strange = strange
        self._names: list[str] | None = None

    def metadata(self) -> dict[str, Any]:
        """Give what is said about the document itself."""
        found: dict[str, Any] = {}
        for row in self._rows:
            if row.confidence is None and row.place is None and row.box is None:
                _is_metadata(row.name, row.value, found)
        return found

    def field(self, name: str) -> Field | None:
        """Give the first field of a name; None if there is none."""
        if self._names is None:
            # Searching a list takes less than a microsecond; a dict of all takes several to make.
            self._names = [row.name for row in self._rows]
        try:
            row = self._rows[self._names.index(name)]
        except ValueError:
            return None
        if row.confidence is not None or not _is_about_document(row):
            return _field_of_row(row)
        # Behind metadata, a field of the same name may stand.
        return next((field for field in self.parts().fields if field.name == name), None)

    def parts(self) -> Parts:
        """Give all of it."""
        metadata: dict[str, Any] = {}
        fields: list[Field] = []
        kept: list[Any] = list(self._strange)
        for row in self._rows:
            if not _is_about_document(row):
                fields.append(_field_of_row(row))
            elif not _is_metadata(row.name, row.value, metadata):
                # The service repeats Is_Approved; a repetition that disagrees must not get lost.
                kept.append([row.value, row.name])
        return Parts(metadata, tuple(fields), {"rows": kept} if kept else {})


class KeyedContents:
    """The contents of a document in the keyed shape.

    Args:
        source: The object, or better its JSON: then keys that repeat are kept.
    """

    __slots__ = ("_first", "_members", "_pairs", "_source")

    def __init__(self, source: bytes | Mapping[str, Any]) -> None:
        self._source = source
        # What isn't asked for stays unread.
        self._members = ordinary_members(source) if isinstance(source, bytes) else None
        self._pairs: list[tuple[str, Any]] | None = None
        self._first: dict[str, Any] | None = None

    def metadata(self) -> dict[str, Any]:
        """Give what is said about the document itself."""
        found: dict[str, Any] = {}
        for key, value in self._about_document():
            if not isinstance(value, dict):
                _is_metadata(key, value, found)
        return found

    def field(self, name: str) -> Field | None:
        """Give the first field of a name; None if there is none."""
        source = self._value(name)
        return _field_of_object(name, source)[0] if _is_field(source) else None

    def _about_document(self) -> Iterable[tuple[str, Any]]:
        if self._members is None:
            return self._all_pairs()
        return [
            (key, value_or_text(raw))
            for key, raw in self._members.items()
            if _metadata_name(key) is not None
        ]

    def _value(self, name: str) -> Any:
        if self._members is not None:
            raw = self._members.get(name)
            if raw is None:
                return None
            text = bytes(raw)
            read = ordinary_object(text)
            return value_or_text(text) if read is None else read
        if self._first is None:
            pairs = reversed(self._all_pairs())
            self._first = {key: value for key, value in pairs if _is_field(value)}
        return self._first.get(name)

    def _all_pairs(self) -> list[tuple[str, Any]]:
        if self._pairs is None:
            self._pairs = _pairs(self._source)
        return self._pairs

    def parts(self) -> Parts:
        """Give all of it."""
        metadata: dict[str, Any] = {}
        fields: list[Field] = []
        left: list[tuple[str, Any]] = []
        for key, value in self._all_pairs():
            if _is_field(value):
                field, rest = _field_of_object(key, value)
                fields.append(field)
                left += [(key, rest)] if rest else []
            elif not _is_metadata(key, value, metadata):
                left.append((key, value))
        return Parts(metadata, tuple(fields), gathered(left))


def metadata_beside(metadata: dict[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Add to metadata what the answer says about a document outside of it.

    The document's own word counts.

    Returns:
        What is no metadata, or contradicts it.
    """
    return {key: value for key, value in answer.items() if not _is_metadata(key, value, metadata)}


def beside(parts: Parts, answer: Mapping[str, Any]) -> Parts:
    """Add what the answer says outside of the document."""
    left = metadata_beside(parts.metadata, answer)
    extra = {**parts.extra, unused_key("answer", parts.extra): left} if left else parts.extra
    return Parts(parts.metadata, parts.fields, extra)


def _is_about_document(row: Row) -> bool:
    bare = row.confidence is None and row.place is None and row.box is None
    return bare and _metadata_name(row.name) is not None


def _field_of_row(row: Row) -> Field:
    place, box = row.place, row.box
    return Field(
        row.name,
        row.value,
        row.confidence,
        None if place is None else place.page_index,
        None if box is None else _box(box.x1, box.y1, box.x2, box.y2),
    )


def _is_field(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value


def _pairs(source: bytes | Mapping[str, Any]) -> list[tuple[str, Any]]:
    if not isinstance(source, bytes):
        return list(source.items())
    try:
        return pairs_of(source)
    except ValueError:
        # It was JSON enough to be found in the answer; whatever it is, it isn't lost.
        return [("document", source.decode("utf-8", "replace"))]


def _is_metadata(key: str, value: Any, metadata: dict[str, Any]) -> bool:
    """Take a value in as metadata; False if it is none, or contradicts what stands there."""
    name = _metadata_name(key)
    if name is None or isinstance(value, dict | list):
        return False
    if metadata.get(name) is None:
        # A null says nothing that could contradict.
        metadata[name] = value
    known = metadata[name]
    return known == value and type(known) is type(value)


def _field_of_object(name: str, source: dict[str, Any]) -> tuple[Field, dict[str, Any]]:
    """Make a field, and give back what of its object was not understood."""
    if source.keys() <= _FIELD_KEYS:
        confidence, page = source.get("confidence"), source.get("page_index")
        place = source.get("coordinate")
        is_usual = type(confidence) in _NUMBERS_OR_NONE and type(page) in _PAGES
        if is_usual and place is None:
            return Field(name, source["value"], confidence, page), {}
        if is_usual and type(place) is list and list(map(type, place)) in _CORNERS:
            return Field(name, source["value"], confidence, page, _box(*place)), {}
    rest = {key: value for key, value in source.items() if key not in _FIELD_KEYS}
    confidence, page, place = (source.get(k) for k in ("confidence", "page_index", "coordinate"))
    if not _is_number(confidence):
        rest.update({} if confidence is None else {"confidence": confidence})
        confidence = None
    if not isinstance(page, int) or isinstance(page, bool):
        rest.update({} if page is None else {"page_index": page})
        page = None
    box = None
    if isinstance(place, list) and len(place) == 4 and all(map(_is_number, place)):
        box = _box(*place)
    elif place is not None:
        rest["coordinate"] = place
    return Field(name, source["value"], confidence, page, box), rest


@lru_cache(maxsize=1024)
def _metadata_name(name: str) -> str | None:
    lower = name.lower()
    lower = _ALIASES.get(lower, lower)
    return lower if lower in _METADATA else None


def _box(x1: float, y1: float, x2: float, y2: float) -> Box | None:
    """Give the box; four zeros are the service's way to say that it knows no position."""
    return Box(x1, y1, x2, y2) if x1 or y1 or x2 or y2 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
