"""Faults as values: how they are said, when they are drawn, and the tables behind them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_kit import Clock

from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.faults import making, spoilt
from klearstack_async.sandbox.faults.choice import Faults
from klearstack_async.sandbox.faults.kinds import GROUPS, KINDS
from klearstack_async.sandbox.rate import RateLimit
from klearstack_async.sandbox.routes import ROUTES


def hits(faults: Faults, endpoint: str, count: int) -> list[str | None]:
    chosen = [faults.choose(endpoint).fault for _ in range(count)]
    return [None if fault is None else fault.kind for fault in chosen]


# What may be said


@pytest.mark.parametrize(
    ("kind", "filled_in"),
    [
        ("latency", {"seconds": 0.05}),
        ("processing", {"seconds": 5}),
        ("rate_limited", {"retry_after": 1}),
        ("unavailable", {"retry_after": None}),
        ("status_before", {"status": 500}),
        ("status_after", {"status": 502}),
        ("short_token", {"seconds": 2}),
    ],
)
def test_what_is_left_out_gets_the_kinds_default(kind: str, filled_in: dict[str, Any]) -> None:
    assert filled_in.items() <= asdict(Fault(kind)).items()


@pytest.mark.parametrize(
    ("kind", "parameters", "advice"),
    [
        ("reset_aftr", {}, "did you mean reset_after?"),
        ("nonsense", {}, "There are latency, processing, "),
        ("reset_after", {"seconds": 1}, "takes no seconds"),
        ("latency", {"status": 500}, "takes no status, only seconds"),
        ("latency", {"seconds": -1}, "seconds of the fault latency must be a number of seconds"),
        ("latency", {"seconds": float("nan")}, "must be a number"),
        ("latency", {"seconds": True}, "must be a number"),
        ("junk", {"probability": 1.5}, "from 0 to 1"),
        ("junk", {"probability": float("nan")}, "from 0 to 1"),
        ("junk", {"probability": "1"}, "from 0 to 1"),
        ("status_after", {"status": 200}, "400 to 599"),
        ("status_after", {"status": 502.0}, "400 to 599"),
        ("rate_limited", {"retry_after": "soon"}, "date:<seconds> or none"),
        ("rate_limited", {"retry_after": "date:"}, "date:<seconds> or none"),
        ("rate_limited", {"retry_after": "date:-1"}, "date:<seconds> or none"),
        ("junk", {"times": 0}, "a whole number from 1"),
        ("junk", {"endpoint": 3}, "an endpoint's name"),
    ],
)
def test_an_impossible_fault_is_refused_with_advice(
    kind: str, parameters: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        Fault(kind, **parameters)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("junk", Fault("junk")),
        (
            "  status_after   endpoint=processdocument probability=0.02 status=503 times=3 ",
            Fault(
                "status_after", endpoint="processdocument", probability=0.02, status=503, times=3
            ),
        ),
        ("rate_limited retry_after=2.5", Fault("rate_limited", retry_after=2.5)),
        ("rate_limited retry_after=date:30", Fault("rate_limited", retry_after="date:30")),
        ("rate_limited retry_after=none", Fault("rate_limited", retry_after="none")),
        ("latency endpoint=* seconds=1e-3", Fault("latency", seconds=0.001)),
    ],
)
def test_a_text_is_read_as_a_fault(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "begins with its kind"),
        ("endpoint=uploads junk", "begins with its kind"),
        ("stored_then_status status=502", "there is no fault 'stored_then_status'"),
        ("junk probabilty=1", "did you mean probability?"),
        ("junk probability", "say probability=<value>"),
        ("junk probability=0.1 probability=0.2", "once"),
        ("junk probability=often", "can't be 'often'"),
        ("junk times=1.5", "times of the fault junk can't be '1.5'"),
    ],
)
def test_a_text_that_is_no_fault_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        Fault.parse(text)


@given(st.data())
def test_a_fault_reads_back_what_it_writes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    values: dict[str, st.SearchStrategy[Any]] = {
        "seconds": st.integers(0, 10**6).map(lambda number: number / 1000),
        "status": st.integers(400, 599),
        "retry_after": st.sampled_from([1, 0.5, "none", "date:7"]),
    }
    fault = Fault(
        kind,
        endpoint=data.draw(st.sampled_from(sorted((*GROUPS, *GROUPS["*"])))),
        probability=data.draw(st.integers(0, 1000)) / 1000,
        times=data.draw(st.none() | st.integers(1, 9)),
        **{name: data.draw(st.none() | values[name]) for name in KINDS[kind].takes},
    )
    assert Fault.parse(str(fault)) == fault


@given(st.text())
def test_any_text_is_a_fault_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(Fault.parse(text), Fault)
    except ValueError as error:
        assert str(error)


def test_a_sandbox_refuses_a_fault_for_an_endpoint_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"'upload'; did you mean uploads\? There are \*, auth"):
        Sandbox(faults=[Fault("junk", endpoint="upload")])
    sandbox = Sandbox()
    with pytest.raises(ValueError, match="unknown endpoint"):
        sandbox.faults = [Fault("junk", endpoint="nowhere")]
    with pytest.raises(ValueError, match=r"Fault\.parse"):
        sandbox.faults = ["junk"]  # type: ignore[list-item]
    assert sandbox.faults == []


# Tables


def test_every_kind_is_made_in_one_way() -> None:
    made = [*making.INSTEAD, *making.CHANGES, *making.AFTERWARDS, "latency"]
    assert sorted(made) == sorted(KINDS)


def test_every_endpoint_is_in_one_group() -> None:
    groups = [names for word, names in GROUPS.items() if word != "*"]
    assert sum(map(len, groups)) == len(GROUPS["*"])
    assert GROUPS["*"] == {route.endpoint for route in ROUTES}


def test_a_token_is_refused_wherever_one_is_asked_for() -> None:
    assert KINDS["token_refused"].endpoints == {route.endpoint for route in ROUTES if route.bearer}


def test_no_kind_takes_a_parameter_that_a_fault_does_not_have() -> None:
    assert {name for kind in KINDS.values() for name in kind.takes} <= set(asdict(Fault("junk")))


# Draws


@pytest.mark.parametrize("probability", [0.02, 0.5, 0.9])
def test_a_probability_is_kept_over_many_requests(probability: float) -> None:
    faults = Faults([Fault("junk", probability=probability)], seed=1)
    count = sum(kind is not None for kind in hits(faults, "getdocument", 2000))
    spread = (2000 * probability * (1 - probability)) ** 0.5
    assert abs(count - 2000 * probability) < 4 * spread
    assert faults.made == {"junk": count}


@pytest.mark.parametrize(("probability", "hit"), [(0, None), (1, "junk")])
def test_never_is_never_and_always_is_always(probability: float, hit: str | None) -> None:
    faults = Faults([Fault("junk", probability=probability)], seed=1)
    assert set(hits(faults, "getdocument", 500)) == {hit}


def test_a_seed_repeats_its_faults_whatever_happens_at_other_endpoints() -> None:
    settings = [Fault("junk", probability=0.3), Fault("garbage", probability=0.3)]
    alone, among = Faults(settings, seed=7), Faults(settings, seed=7)
    expected = hits(alone, "getdocument", 100)
    got = []
    for number in range(100):
        got += hits(among, "getdocument", 1)
        hits(among, "gettext", number % 3)
    assert got == expected
    assert hits(Faults(settings, seed=8), "getdocument", 100) != expected
    assert hits(Faults(settings, seed=7), "gettext", 100) != expected


def test_the_draws_are_the_same_in_every_process() -> None:
    faults = Faults([Fault("junk", probability=0.5)], seed=7)
    drawn = "".join("x" if kind else "-" for kind in hits(faults, "getdocument", 24))
    assert drawn == DRAWN_WITH_SEED_7


DRAWN_WITH_SEED_7 = "xxx-x-xxx-----x-xx-x-xxx"


def test_the_first_that_hits_is_made_and_every_latency() -> None:
    settings = [
        Fault("latency", seconds=1),
        Fault("junk", probability=0),
        Fault("garbage"),
        Fault("latency", seconds=2),
        Fault("truncated"),
    ]
    faults = Faults(settings, seed=0)
    choice = faults.choose("getdocument")
    assert (choice.wait_seconds, choice.fault) == (3, Fault("garbage"))
    assert faults.made == {"latency": 2, "garbage": 1}


def test_what_a_request_asks_for_comes_first() -> None:
    faults = Faults([Fault("garbage")], seed=0)
    assert faults.choose("getdocument", [Fault("truncated")]).fault == Fault("truncated")
    assert faults.choose("getdocument").fault == Fault("garbage")


def test_a_limit_of_times_holds_for_all_endpoints_together() -> None:
    faults = Faults([Fault("junk", times=2), Fault("garbage")], seed=0)
    assert hits(faults, "getdocument", 1) == ["junk"]
    assert hits(faults, "gettext", 3) == ["junk", "garbage", "garbage"]


def test_a_fault_that_another_one_comes_before_does_not_count() -> None:
    faults = Faults([Fault("garbage", times=1), Fault("junk", times=1)], seed=0)
    assert hits(faults, "getdocument", 3) == ["garbage", "junk", None]


def test_a_fault_that_is_taken_back_may_be_made_again() -> None:
    fault = Fault("junk", times=1)
    faults = Faults([fault], seed=0)
    assert hits(faults, "getdocument", 1) == ["junk"]
    faults.take_back(fault)
    assert faults.made["junk"] == 0
    assert hits(faults, "getdocument", 2) == ["junk", None]


@pytest.mark.parametrize(
    ("group", "inside", "outside"),
    [
        ("auth", "get_access_token", "processdocument"),
        ("uploads", "uploadbatch", "getbatchdocuments"),
        ("reads", "getbatchdocuments", "update_document"),
        ("writes", "update_document", "get_access_token"),
        ("processdocument", "processdocument", "uploadbatch"),
    ],
)
def test_a_fault_is_made_where_it_is_asked_for(group: str, inside: str, outside: str) -> None:
    faults = Faults([Fault("junk", endpoint=group)], seed=0)
    assert hits(faults, inside, 1) == ["junk"]
    assert hits(faults, outside, 1) == [None]


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        ("hostile", "processdocument"),
        ("processing", "getdocument"),
        ("short_token", "getuserid"),
        ("refresh_refused", "get_access_token"),
        ("odd_status", "getuserdocuments"),
        ("token_refused", "get_access_token"),
    ],
)
def test_a_fault_does_not_happen_where_it_cannot(kind: str, endpoint: str) -> None:
    assert hits(Faults([Fault(kind, endpoint=endpoint)], seed=0), endpoint, 1) == [None]


# Spoilt answers


@pytest.mark.parametrize("seed", range(60))
def test_hostile_answers_are_json_with_the_same_names_and_ids(seed: int) -> None:
    row = ["12.00", "Inv_Total", 0.9, {"page_index": 1}, [1, 2, 3, 4]]
    document = [["6a", "Document_id"], [1, "Is_Approved"], ["a.pdf", "file_name"], row, row]
    keyed = {"Document_id": "6a", "Sub-Total": {"value": "80", "confidence": 0.5}, "line_items": []}
    body = json.dumps({"result": [document, keyed], "release_version": "7.8.9"}).encode()
    spoilt_body = spoilt.hostile(body, seed)
    answer = json.loads(spoilt_body.decode("utf-8", errors="strict"))
    assert answer["release_version"] == "7.8.9"
    rows, fields = answer["result"]
    assert rows[:3] == document[:3]
    assert [each[1:] for each in rows[3:]] == [row[1:]] * 2
    assert {each[0] for each in rows[3:]} <= set(spoilt.HOSTILE)
    assert fields["Sub-Total"].pop("value") in spoilt.HOSTILE
    assert fields == {"Document_id": "6a", "Sub-Total": {"confidence": 0.5}, "line_items": []}
    assert spoilt.hostile(body, seed) == spoilt_body


def test_an_answer_without_texts_of_documents_stays_byte_for_byte() -> None:
    body = b'{"result":[[["6a","Document_id"],[1,"Is_Approved"],[5,"Count",0.5]]]}'
    assert spoilt.hostile(body, 1) == body


@pytest.mark.parametrize("seed", range(30))
def test_odd_states_are_observed_ones(seed: int) -> None:
    key, words = spoilt.odd_status(seed)
    assert key in {"extraction_status", "status", "extractionStatus"}
    assert words["completed"].lower() in {"completed", "complete"}
    assert words["failed"].lower() in {"failed", "error"}
    assert words["processing"].lower() in {"processing", "in progress", "pending"}
    assert (key, words["completed"]) != ("extraction_status", "completed")


# The rate limit


def admitted(limit: RateLimit, count: int) -> int:
    passed = 0
    for _ in range(count):
        try:
            limit.admit("gettext")
        except RefusalError as refused:
            assert refused.status == 429
        else:
            passed += 1
    return passed


def test_the_bucket_holds_a_second_and_fills_at_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(10, None, 1, clock)
    assert admitted(limit, 30) == 10
    clock.advance(0.3)
    assert admitted(limit, 30) == 3
    clock.advance(3600)
    assert admitted(limit, 30) == 10
    assert limit.refused == {"gettext": 67}


def test_a_burst_may_be_larger_than_the_rate_and_a_slow_rate_lets_one_through() -> None:
    clock = Clock()
    assert admitted(RateLimit(1, 5, 1, clock), 30) == 5
    slow = RateLimit(0.1, None, 1, clock)
    assert admitted(slow, 3) == 1
    clock.advance(10)
    assert admitted(slow, 3) == 1


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    clock = Clock()
    limit = RateLimit(10, None, 1, clock)
    assert admitted(limit, 5) == 5
    clock.advance(-3600)
    assert admitted(limit, 30) == 5
    clock.advance(1)
    assert admitted(limit, 30) == 10


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"burst": 3}, "calls_per_second, which isn't set"),
        ({"calls_per_second": 0}, "more than 0"),
        ({"calls_per_second": float("nan")}, "more than 0"),
        ({"calls_per_second": 1, "burst": 0}, "at least 1"),
        ({"retry_after_seconds": -1}, "0 or more"),
    ],
)
def test_an_impossible_rate_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Sandbox(**settings)
