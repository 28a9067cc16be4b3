"""5 MB of results in one answer, decoded as a whole: keyed, as the vendor documents approved ones.

As `results-whole`, in the other shape: a document is an object, and a field an object in it. What
is gained by making fields when they are asked for is lost where all of them are: see that row.

- orjson: `orjson.loads`, and the fields by their keys; also with the collector paused, and reading
  every field.
- pydantic: a model for the document, which allows for further keys, and one for a field.
"""

from __future__ import annotations

import gc
from typing import Any

from benchmarks.case import Case, Figures, Setting
from benchmarks.cases.results_whole import every_field, figures_of, ours, prepare, touch
from benchmarks.documents import NAMED
from benchmarks.reading import Reading

__all__ = ["CASE"]


def _orjson(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        for document in orjson.loads(body)["result"]:
            reading.read_object(document)

    return figures_of(setting, decode)


def _orjson_paused(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        gc.disable()
        try:
            for document in orjson.loads(body)["result"]:
                reading.read_object(document)
        finally:
            gc.enable()

    return figures_of(setting, decode)


def _orjson_every_field(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        for document in orjson.loads(body)["result"]:
            reading.read_object(document)
            for name, field in document.items():
                if isinstance(field, dict):
                    page, box = field["page_index"], field["coordinate"]
                    touch(name, field["value"], field["confidence"], page, box)

    return figures_of(setting, decode)


def _pydantic(setting: Setting) -> Figures:
    from pydantic import BaseModel, ConfigDict

    class Field(BaseModel):
        value: Any
        confidence: float | None = None
        page_index: int | None = None
        coordinate: tuple[float, float, float, float] | None = None

    class Document(BaseModel):
        model_config = ConfigDict(extra="allow")
        # The fields: their names are known to nobody beforehand.
        __pydantic_extra__: dict[str, Field]

        Document_id: str
        is_approved: bool
        file_name: str
        overall_confidence: float
        document_type: str
        upload_time: str
        finished_time: str

    class Answer(BaseModel):
        result: list[Document]

    def decode(body: bytes, reading: Reading) -> None:
        for document in Answer.model_validate_json(body).result:
            reading.add(document.Document_id)
            for name in NAMED:
                field = document.__pydantic_extra__[name]
                box = field.coordinate
                reading.add_field(field.value, field.confidence, field.page_index, box)

    return figures_of(setting, decode)


CASE = Case(
    name="results-whole-keyed",
    title="5 MB of results, whole, keyed",
    contenders={
        "klearstack_async": ours,
        "orjson": _orjson,
        "pydantic": _pydantic,
        "orjson, collector paused": _orjson_paused,
        "klearstack_async, every field": every_field,
        "orjson, every field": _orjson_every_field,
    },
    prepare=prepare,
    needs={
        "orjson": ("orjson",),
        "orjson, collector paused": ("orjson",),
        "orjson, every field": ("orjson",),
        "pydantic": ("pydantic",),
    },
    quick={"bytes": 500_000, "times": 1, "shape": "keyed"},
    full={"bytes": 5_000_000, "times": 10, "shape": "keyed"},
    may_fall=0.30,
    beside={"orjson, every field": "klearstack_async, every field"},
)
