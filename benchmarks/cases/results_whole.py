"""5 MB of results in one answer, decoded as a whole: positional, as the vendor documents lists.

Measured: from the answer's bytes to the last value read, with no network. Ours is the decoder that
`ks.results.of_user()` and its likes hand an answer to; then each document's id and three named
fields with value, confidence, page and box are read. Peers do the same on what they decode to.

Not measured: the other fields, which nobody asks for here. They are all in the documents, but
whatever a decoder puts off until it is asked for a field isn't paid for those.

- orjson: `orjson.loads`, and a loop by hand over each document's rows.
- pydantic: a model for each row, whose validator names the row's parts; that is its documentation's
  way to models of what isn't an object.
- pydantic, named tuples: the same rows as `NamedTuple`s, which it knows how to fill from lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks.case import Case, Figures, Goal, Setting
from benchmarks.documents import NAMED, number_in, write_answer
from benchmarks.measuring import measured_sync
from benchmarks.reading import Reading

__all__ = ["CASE", "figures_of", "ours", "prepare"]


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
    from klearstack_async.wire.reply import Reply, read
    from klearstack_async.wire.results import decode_list

    def decode(body: bytes, reading: Reading) -> None:
        for document in read(Reply(200, {}, body), decode_list):
            reading.read(document)

    return figures_of(setting, decode)


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
        for rows in orjson.loads(body)["result"]:
            reading.read_rows(rows)

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
    },
    goals=(Goal("orjson", 4), Goal("pydantic", 15)),
    prepare=prepare,
    needs={
        "orjson": ("orjson",),
        "pydantic": ("pydantic",),
        "pydantic, named tuples": ("pydantic",),
    },
    quick={"bytes": 500_000, "times": 1, "shape": "positional"},
    full={"bytes": 5_000_000, "times": 10, "shape": "positional"},
    may_fall=0.30,
)
