"""5 MB of results in one answer, decoded as a whole: keyed, as the vendor documents approved ones.

As `results-whole`, in the other shape: a document is an object, and a field an object in it.

- orjson: `orjson.loads`, and the fields by their keys.
- pydantic: a model for the document, which allows for further keys, and one for a field.
"""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, Figures, Setting
from benchmarks.cases.results_whole import every_field, figures_of, ours, prepare
from benchmarks.documents import NAMED
from benchmarks.reading import Reading

__all__ = ["CASE"]


def _orjson(setting: Setting) -> Figures:
    import orjson

    def decode(body: bytes, reading: Reading) -> None:
        for document in orjson.loads(body)["result"]:
            reading.read_object(document)

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
        "klearstack_async, every field": every_field,
    },
    prepare=prepare,
    needs={"orjson": ("orjson",), "pydantic": ("pydantic",)},
    quick={"bytes": 500_000, "times": 1, "shape": "keyed"},
    full={"bytes": 5_000_000, "times": 10, "shape": "keyed"},
    may_fall=0.30,
)
