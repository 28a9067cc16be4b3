"""5 MB of results in one answer, decoded as a whole: positional, as the vendor documents lists.

Measured: from the answer's bytes to the last value read, with no network. Ours is what
`ks.results.of_user()` and its likes do with an answer of this size (from 128 KiB up): its documents
are gathered from pieces of 64 KiB, as they arrive. Then each document's id and three named fields
with value, confidence, page and box are read. Peers have the answer whole, and do the same on what
they decode to.

Most of what we gain over orjson is not the decoder: Python's cyclic garbage collector is paused
while it works. Who pauses it by hand gets nearly all of that with orjson, too. And only 3 of 75
fields are read: ours are made when a document is asked for them, so what nobody asks for isn't paid
for. Both show in contenders of their own; reading every field is compared with reading every field.

- orjson: `orjson.loads`, and a loop by hand over each document's rows; also with the collector
  paused for both; and, as ours, reading every field.
- pydantic: a model for each row, whose validator names the row's parts; that is its documentation's
  way to models of what isn't an object.
- pydantic, named tuples: the same rows as `NamedTuple`s, which it knows how to fill from lists.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.documents import NAMED, number_in, write_answer
from benchmarks.measuring import measured_sync
from benchmarks.reading import Reading

if TYPE_CHECKING:
    from klearstack_async import Document

__all__ = ["CASE", "every_field", "figures_of", "ours", "prepare", "touch"]

_PIECE_BYTES = 64 * 1024
# A row with a place.
_FIELD_PARTS = 5


def figures_of(setting: Setting, decode: Callable[[bytes, Reading], None]) -> Figures:
    """Decode the answer some times over, and read its documents each time."""
    body = (setting.path / "answer.json").read_bytes()
    count = number_in(setting["bytes"], setting["shape"])
    # Once before, so that what is built on first use isn't counted; it also proves the work.
    decode(body, first := Reading())
    first.check(count)
    readings = [Reading() for _ in range(setting["times"])]
    with measured_sync() as measure:
        for reading in readings:
            decode(body, reading)
    readings[-1].check(count)
    megabytes = len(body) * len(readings) / 1e6
    figures = measure.figures(count * len(readings))
    return replace(figures, extra={"megabytes_per_second": megabytes / figures.wall_seconds})


def ours(setting: Setting) -> Figures:
    """Decode as `ks.results.of_user()` and its likes do."""
    return figures_of(setting, lambda body, reading: _read_all(reading.read, _documents(body)))


def every_field(setting: Setting) -> Figures:
    """The same, and then each field of each document."""

    def decode(body: bytes, reading: Reading) -> None:
        for document in _documents(body):
            reading.read(document)
            for field in document:
                touch(field.name, field.value, field.confidence, field.page, field.box)

    return figures_of(setting, decode)


def _documents(body: bytes) -> Iterable[Document]:
    from klearstack_async.wire.reply import Reply
    from klearstack_async.wire.results import gather_list

    gathering, whole = gather_list(), memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        gathering.feed(whole[start : start + _PIECE_BYTES])
    return gathering.end(Reply(200, {}, b""))


def _read_all(read: Callable[[Any], None], documents: Iterable[Any]) -> None:
    for document in documents:
        read(document)


def touch(*_: Any) -> None:
    """Take what was read, for each contender alike."""


def prepare(setting: Setting) -> None:
    """Write the answer."""
    write_answer(
        setting.path / "answer.json",
        size_bytes=setting["bytes"],
        shape=setting["shape"],
        hostile=setting.hostile,
    )


def _orjson(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        _read_all(reading.read_rows, orjson.loads(body)["result"])

    return figures_of(setting, decode)


def _orjson_paused(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        gc.disable()
        try:
            _read_all(reading.read_rows, orjson.loads(body)["result"])
        finally:
            gc.enable()

    return figures_of(setting, decode)


def _orjson_every_field(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        for rows in orjson.loads(body)["result"]:
            reading.read_rows(rows)
            for row in rows:
                if len(row) == _FIELD_PARTS:
                    value, name, confidence, place, box = row
                    touch(name, value, confidence, place["page_index"], box)

    return figures_of(setting, decode)


def _pydantic(setting: Setting) -> Figures:
    from pydantic import BaseModel, model_validator

    parts = ("value", "name", "confidence", "place", "box")

    class Place(BaseModel):
        page_index: int

    class Row(BaseModel):
        value: Any
        name: str
        confidence: float | None = None
        place: Place | None = None
        box: tuple[float, float, float, float] | None = None

        @model_validator(mode="before")
        @classmethod
        def name_the_parts(cls, row: list[Any]) -> dict[str, Any]:
            return dict(zip(parts, row, strict=False))

    class Answer(BaseModel):
        result: list[list[Row]]

    return figures_of(setting, _reader_of(Answer))


def _named_tuples(setting: Setting) -> Figures:
    from pydantic import BaseModel

    class Place(BaseModel):
        page_index: int

    class Row(NamedTuple):
        value: Any
        name: str
        confidence: float | None = None
        place: Place | None = None
        box: tuple[float, float, float, float] | None = None

    class Answer(BaseModel):
        result: list[list[Row]]

    # What annotations name stands in this function.
    Answer.model_rebuild(_types_namespace={"Place": Place, "Row": Row})
    return figures_of(setting, _reader_of(Answer))


def _reader_of(answer: Any) -> Callable[[bytes, Reading], None]:
    def decode(body: bytes, reading: Reading) -> None:
        for rows in answer.model_validate_json(body).result:
            named = {row.name: row for row in reversed(rows)}
            reading.add(named["Document_id"].value)
            for name in NAMED:
                row = named[name]
                reading.add_field(row.value, row.confidence, row.place.page_index, row.box)

    return decode


CASE = Case(
    name="results-whole",
    title="5 MB of results, whole",
    contenders={
        "klearstack_async": ours,
        "orjson": _orjson,
        "pydantic": _pydantic,
        "pydantic, named tuples": _named_tuples,
        "orjson, collector paused": _orjson_paused,
        "klearstack_async, every field": every_field,
        "orjson, every field": _orjson_every_field,
    },
    goals=(Goal("orjson", 4), Goal("pydantic", 15), Goal("pydantic, named tuples", 15)),
    prepare=prepare,
    needs={
        "orjson": ("orjson",),
        "orjson, collector paused": ("orjson",),
        "orjson, every field": ("orjson",),
        "pydantic": ("pydantic",),
        "pydantic, named tuples": ("pydantic",),
    },
    quick={"bytes": 500_000, "times": 1, "shape": "positional"},
    full={"bytes": 5_000_000, "times": 10, "shape": "positional"},
    may_fall=0.30,
    beside={"orjson, every field": "klearstack_async, every field"},
)
