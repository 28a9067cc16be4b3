from __future__ import annotations

import json
from pathlib import Path

from klearstack_async import Document, Outcome, OutcomeState
from klearstack_async.bulk.sinks import Sink, json_lines


def test_an_outcome_is_one_line_of_json_whatever_its_texts_hold() -> None:
    document = Document({"Inv_Number": {"value": "a\nb\u2028"}})
    outcome = Outcome("a\nb.pdf", OutcomeState.EXTRACTED, (document,))
    line = json_lines("r.jsonl").encode(outcome)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == outcome.to_dict()


def test_a_name_that_is_no_utf8_can_be_written() -> None:
    line = json_lines("r.jsonl").encode(Outcome("caf\udce9.pdf", OutcomeState.SKIPPED))
    assert json.loads(line)["source"] == "caf\\udce9.pdf"


def test_a_sink_takes_any_kind_of_path() -> None:
    assert json_lines("a/r.jsonl", overwrite=True) == Sink(
        Path("a/r.jsonl"), json_lines("b").encode, b"", overwrite=True
    )
