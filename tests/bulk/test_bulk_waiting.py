from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from klearstack_async import Polling
from klearstack_async.bulk.waiting import Waiting, WaitingList

POLLING = Polling(first_seconds=1, factor=2, longest_seconds=8)


def batch(name: str, looks: int = 0) -> Waiting:
    return Waiting(name, started=0, batch_id=name, looks=looks)


def test_a_batch_is_due_after_its_pause_and_not_before() -> None:
    waiting = WaitingList(POLLING)
    waiting.add(batch("a", looks=2), now=10)
    assert waiting.take_due(13.9) is None
    assert waiting.seconds_to_next(13) == 1
    assert waiting.take_due(14) is not None
    assert waiting.seconds_to_next(14) is None


def test_what_is_due_first_comes_first_and_ties_in_their_order() -> None:
    waiting = WaitingList(POLLING)
    for name, looks in (("slow", 3), ("a", 0), ("b", 0)):
        waiting.add(batch(name, looks), now=0)
    taken = [waiting.take_due(100) for _ in range(3)]
    assert [found.batch_id for found in taken if found] == ["a", "b", "slow"]


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 100)), max_size=30))
def test_nothing_is_lost_and_nothing_comes_early(added: list[tuple[int, float]]) -> None:
    waiting = WaitingList(POLLING)
    due = {}
    for number, (looks, now) in enumerate(added):
        waiting.add(batch(str(number), looks), now)
        due[str(number)] = now + POLLING.pause_seconds(looks)
    taken = set()
    for now in sorted(due.values()):
        while found := waiting.take_due(now):
            assert due[found.source] <= now
            taken.add(found.source)
    assert taken == set(due)
    assert len(waiting) == 0
