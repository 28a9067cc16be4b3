"""The benchmark's server proves that a contender did its work: it must not miscount."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.talk import Answers, Talk

UPLOAD = "/access/klearstack/processdocument"
RESULTS = "/access/klearstack/getbatchdocuments"


def with_length(path: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def in_chunks(path: str, chunks: list[bytes]) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""]]
    return head + b"".join(parts)


def bodies_in(answers: bytes) -> list[bytes]:
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        length = int(head.rpartition(b"Content-Length: ")[2])
        found.append(rest[:length])
        answers = rest[length:]
    return found


def counts_of(talk: Talk) -> dict[str, list[int]]:
    [body] = bodies_in(talk.feed(memoryview(b"GET /counts HTTP/1.1\r\nHost: x\r\n\r\n")))
    counts: dict[str, list[int]] = json.loads(body)
    return counts


STREAM = (
    with_length(UPLOAD, b"x" * 100)
    + in_chunks(UPLOAD, [b"y" * 30, b"\r\n0\r\n\r\n", b"z" * 300])
    + with_length(RESULTS, b"")
    + with_length(UPLOAD, b"\r\n\r\n")
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_requests_are_counted_however_they_are_cut(cuts: list[int]) -> None:
    talk, out = Talk(Answers([b"[1]", b"[2]"])), b""
    for start, end in pairwise([0, *sorted(cuts), len(STREAM)]):
        out += talk.feed(memoryview(STREAM)[start:end])
    first, second, results, third = bodies_in(out)
    assert len({first, second, third}) == 3
    assert results == b"[1]"
    assert counts_of(talk) == {
        "processdocument": [3, 100 + 337 + 4],
        "getbatchdocuments": [1, 0],
    }


def test_no_answer_comes_before_the_last_byte() -> None:
    for request in (with_length(UPLOAD, b"x" * 100), in_chunks(UPLOAD, [b"x" * 100])):
        talk = Talk(Answers())
        assert talk.feed(memoryview(request)[:-1]) == b""
        assert counts_of(Talk(Answers())) == {}
        assert talk.feed(memoryview(request)[-1:]) != b""


def test_counts_are_asked_for_once() -> None:
    talk = Talk(Answers())
    talk.feed(memoryview(with_length(UPLOAD, b"abc")))
    assert counts_of(talk) == {"processdocument": [1, 3]}
    assert counts_of(talk) == {}


def test_answers_come_in_turn() -> None:
    talk = Talk(Answers([b"[1]", b"[2]"]))
    found = [bodies_in(talk.feed(memoryview(with_length(RESULTS, b"")))) for _ in range(3)]
    assert found == [[b"[1]"], [b"[2]"], [b"[1]"]]


def test_a_client_that_waits_to_continue_may() -> None:
    request = f"POST {UPLOAD} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert Talk(Answers()).feed(memoryview(request.encode())).startswith(b"HTTP/1.1 100")


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [("processdocument", "OCR_ref_no"), ("uploadbatch", "Function successfully executed!")],
)
def test_each_upload_gets_a_batch_of_its_own(endpoint: str, key: str) -> None:
    talk, request = Talk(Answers()), with_length(f"/access/klearstack/{endpoint}", b"x")
    out = talk.feed(memoryview(request + request))
    assert len({json.loads(body)[key] for body in bodies_in(out)}) == 2
