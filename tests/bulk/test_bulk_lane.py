from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.bulk.lane import Lane

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 9), st.integers(0, 5)),
        st.tuples(st.just("discard"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("pop"), st.just(0), st.just(0)),
    ),
    max_size=80,
)


@given(STEPS)
def test_a_lane_is_a_sorted_list_from_which_anything_can_be_taken(
    steps: list[tuple[str, int, int]],
) -> None:
    lane: Lane[int] = Lane()
    expected: list[tuple[float, int]] = []
    for step, item, key in steps:
        if step == "push" and item not in lane:
            lane.push(item, key)
            # Stable, as sorting is: those of the same key stay in the order of their coming.
            expected = sorted([*expected, (key, item)], key=lambda entry: entry[0])
        elif step == "discard":
            lane.discard(item)
            expected = [entry for entry in expected if entry[1] != item]
        elif step == "pop" and expected:
            assert lane.pop() == expected.pop(0)[1]
        assert len(lane) == len(expected)
        assert lane.first_key() == (expected[0][0] if expected else math.inf)
        assert {item for item in range(10) if item in lane} == {item for _, item in expected}


def test_what_was_taken_out_of_the_middle_leaves_nothing_behind() -> None:
    lane: Lane[int] = Lane()
    lane.push(-1, 0)
    for item in range(10_000):
        lane.push(item, item + 1)
        lane.discard(item)
    assert len(lane._heap) < 50
    assert lane.pop() == -1
