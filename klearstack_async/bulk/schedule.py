"""Which uploaded batches to look at, and when. Pure: time and chance are passed in.

While nothing is known, eight scouts are looked at and the rest is held; then a batch's first look
comes at the age that was learnt, and later ones after pauses that grow with its age. So the looks
go with what is due, not with what waits: 1.1 to 1.9 per batch where all take the same time (2 to
100 s, 300 at once or 20 per second), below 3 where times differ twofold, rise from batch to batch,
or are ten times as long for one in twenty. From ready to seen it takes 0.1 to 0.4 s of 2 s in the
median, 1 to 5 % of longer times, and 13 to 21 % where times differ twofold. (In virtual time, with
8 looks at once of 10 to 50 ms each, over 8 seeds: see the tests.)

Where pushes come, a look is for one that got lost: each batch has twice the time that pushes take.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from klearstack_async.bulk.estimate import Estimate
from klearstack_async.bulk.lane import Lane
from klearstack_async.settings import Polling

__all__ = ["Schedule", "Waiting"]

# How many are looked at while nothing is known.
_SCOUTS = 8
# A pause is no longer than this share of the batch's age (or the spread, if that is more): one that
# takes ten times as long as others costs some ten looks, one that takes a hundred times twenty.
_SHARE_OF_AGE = 0.25
# Pauses differ by so much either way, so that batches that came together part.
_JITTER = 0.15
# Those of the scouts differ by more, and evenly: together they see the first that becomes ready
# within some 15 % of its time, which each of them alone may miss by half.
_SCOUT_JITTER = 0.4
# A second look after more than so many of its pauses says nothing of the spread.
_TIMELY = 1.5
_LONG_LOOK_SECONDS = 1.0
# Where pushes come, a batch's first look comes at so many times the age at which they do, and each
# later one after a pause of this share of its age.
_PATIENCE = 2.0
_PATIENT_SHARE_OF_AGE = 0.5
# A service that was quick, and becomes slow, isn't asked for each batch: unless pushes were
# announced, that takes at least this share of `Polling.longest_seconds`.
_LEAST_PATIENCE = 0.25
# So many batches in a row that a look found ready: the pushes don't come any more.
_UNPUSHED = 8
# The shortest of pauses and estimates, as a share of Polling.first_seconds.
_LEAST_SHARE = 0.1


class Waiting(Protocol):
    """What a schedule has to know of a batch; batches are told apart by identity."""

    @property
    def uploaded_at(self) -> float:
        """When it had been uploaded, in seconds on the run's clock; it doesn't change."""


W = TypeVar("W", bound=Waiting)


class Schedule(Generic[W]):
    """The batches that are waited for, and when each is to be looked at next.

    A batch is added, taken when it is due, and reported on by `again`, `failed` or `ready`; the
    first two plan it anew. `remove` may come at any time. A report on a batch that isn't being
    looked at (any more) changes nothing. Each step costs O(log n).
    """

    def __init__(self, polling: Polling, chance: Callable[[], float]) -> None:
        """Hold nothing, know nothing.

        Args:
            polling: How to look while nothing is known, and how often to try at least.
            chance: Gives a number from 0 to 1, each as likely as any other.
        """
        self._polling = polling
        self._chance = chance
        self._least_seconds = polling.first_seconds * _LEAST_SHARE
        self._estimate = Estimate(self._least_seconds)
        self._plans: dict[int, _Plan[W]] = {}
        # Before their first look. By upload, not by time: all are due at the same age, which moves.
        self._new: Lane[_Plan[W]] = Lane()
        # After it. By time.
        self._later: Lane[_Plan[W]] = Lane()
        # What was old when it came. By time of coming.
        self._old: Lane[_Plan[W]] = Lane()
        self._lanes = (self._new, self._later, self._old)
        self._was_old = False
        # Those that are looked at although nothing is known.
        self._scouts: set[int] = set()
        self._last_new_at = -math.inf
        self._is_pushed = polling.pushed
        # How many looks have found a batch ready since the last push, and when that came.
        self._unpushed, self._last_push_at = 0, -math.inf

    def __len__(self) -> int:
        """Say how many are planned; those that are being looked at are not."""
        return sum(map(len, self._lanes))

    @property
    def estimate_seconds(self) -> float | None:
        """How long a batch takes, as learnt; None before one became ready."""
        return self._estimate.seconds

    def add(self, waiting: W, now: float) -> None:
        """Plan the first look at a batch.

        Args:
            waiting: The batch: just uploaded, or long ago by an earlier run. One that is older
                than could be learnt from is due at once, and teaches nothing.
            now: The time.

        Raises:
            ValueError: The schedule holds this batch already.
        """
        if id(waiting) in self._plans:
            raise ValueError("the schedule holds this batch already")
        age = now - waiting.uploaded_at
        is_old = age > max(self._polling.longest_seconds, self._estimate.seconds or 0.0)
        plan = self._plans[id(waiting)] = _Plan(waiting, is_old)
        if is_old:
            self._old.push(plan, now)
        else:
            self._hold(plan, now)

    def take_due(self, now: float) -> W | None:
        """Take a batch whose look is due, or None. What was due first comes first.

        While others are due, only every other is one of those that were old when they came.
        """
        new, later = self._new_due(), self._later.first_key()
        is_due = min(new, later) <= now
        self._was_old = bool(self._old) and not (is_due and self._was_old)
        if self._was_old:
            plan = self._old.pop()
        elif not is_due:
            return None
        elif later <= new:
            plan = self._later.pop()
        else:
            plan = self._new.pop()
            self._last_new_at = now
            if self._estimate.seconds is None:
                place = (len(self._scouts) % _SCOUTS + self._chance()) / _SCOUTS
                plan.pace = 1 + _SCOUT_JITTER * (2 * place - 1)
                self._scouts.add(id(plan.waiting))
        plan.taken_at = now
        return plan.waiting

    def seconds_to_next(self, now: float) -> float | None:
        """Say how long it is until a look is due: 0 if one is, None if nothing is planned."""
        if self._old:
            return 0.0
        due = min(self._new_due(), self._later.first_key())
        return max(0.0, due - now) if len(self) else None

    def again(self, waiting: W, now: float) -> None:
        """Plan the next look at a batch that was looked at, and was not ready yet."""
        plan = self._taken(waiting)
        if plan is None:
            return
        plan.failures = 0
        age = plan.taken_at - waiting.uploaded_at
        if not plan.looks and self._estimate.is_ahead(age):
            # It was looked at ahead of its time, or others have shown meanwhile that it was.
            self._hold(plan, now)
            return
        self._learn(plan, is_ready=False)
        plan.looks += 1
        plan.not_ready_age = age
        pause = self._pause_seconds(plan, now)
        if plan.looks == 1 and not plan.is_old and self._estimate.seconds is not None:
            plan.spread, plan.second_until = self._estimate.spread, now + _TIMELY * pause
        else:
            plan.second_until = -math.inf
        self._later.push(plan, now + pause)

    def failed(self, waiting: W, now: float) -> None:
        """Plan another look at a batch after one that failed, and told nothing."""
        plan = self._taken(waiting)
        if plan is not None:
            plan.failures += 1
            pause = self._polling.pause_seconds(plan.failures)
            self._later.push(plan, now + pause * self._jitter())

    def ready(self, waiting: W, now: float) -> None:
        """Let a batch go that was looked at and was ready; learn from it."""
        plan = self._taken(waiting)
        if plan is None:
            return
        self._forget(plan)
        self._note_unpushed(plan, now)
        if now - plan.taken_at > _LONG_LOOK_SECONDS:
            # It may have become ready while the look was held up, by a limit or by repetitions.
            plan.taken_at = now
        if self._estimate.seconds is not None:
            self._learn(plan, is_ready=True)
        elif not plan.is_old:
            self._begin(plan.not_ready_age or plan.taken_at - waiting.uploaded_at, now)

    def remove(self, waiting: W, *, ready_at: float | None = None) -> None:
        """Let a batch go, whether it is planned or being looked at; nothing if it has gone.

        Args:
            waiting: The batch.
            ready_at: The time at which it was ready, if a push told so: the schedule learns.
        """
        plan = self._plans.get(id(waiting))
        if plan is None:
            return
        self._forget(plan)
        if ready_at is not None and not plan.is_old:
            self._estimate.took(ready_at - waiting.uploaded_at)

    def pushed(self, waiting: W, now: float) -> None:
        """Learn that pushes come: something of this batch was pushed, all of it or a part."""
        self._unpushed, self._last_push_at = 0, now
        plan, known = self._plans.get(id(waiting)), self._estimate.seconds
        if plan is not None and not plan.is_old and not (self._is_pushed and known):
            self._is_pushed = True
            self._begin(max(now - waiting.uploaded_at, known or 0.0), now)

    def pushed_late(self, uploaded_at: float, now: float) -> None:
        """Learn that a batch was pushed when a look had brought it already.

        Args:
            uploaded_at: When it had been uploaded.
            now: The time.
        """
        self._unpushed, self._last_push_at = 0, now
        if self._is_pushed:
            self._estimate.took(now - uploaded_at)

    def _note_unpushed(self, plan: _Plan[W], now: float) -> None:
        """Believe in pushes no more when they have failed to come, and none came for long."""
        if not self._is_pushed or self._polling.pushed or plan.taken_at < self._last_push_at:
            return
        self._unpushed += 1
        silence = now - self._last_push_at
        if self._unpushed >= _UNPUSHED and silence > self._patience_seconds():
            self._is_pushed = False

    def _learn(self, plan: _Plan[W], *, is_ready: bool) -> None:
        if not plan.looks and not plan.is_old:
            age = plan.taken_at - plan.waiting.uploaded_at
            self._estimate.first_look(age, is_ready=is_ready)
        elif plan.taken_at <= plan.second_until:
            self._estimate.second_look(plan.spread, is_ready=is_ready)

    def _begin(self, seconds: float, now: float) -> None:
        """Know something at last: what was looked at too early waits for its time, as others do.

        This goes through all batches, and happens once, or when pushes begin to come.
        """
        self._estimate.begin(seconds)
        due = self._patience_seconds() if self._is_pushed else seconds
        for key, plan in self._plans.items():
            is_early = key in self._scouts or now - plan.waiting.uploaded_at < due
            if is_early and plan in self._later and not plan.failures:
                self._later.discard(plan)
                plan.looks = 0
                self._hold(plan, now)
        self._scouts.clear()

    def _hold(self, plan: _Plan[W], now: float) -> None:
        if not self._new:
            self._last_new_at = max(self._last_new_at, now)
        self._new.push(plan, plan.waiting.uploaded_at)

    def _new_due(self) -> float:
        """Say when the first of the new ones is due: at its age, or ahead of that as a test.

        Tests let the schedule see that the service has become quicker, and that the scouts
        are stuck; they are few: at most one for eight that wait and the time that a batch takes.
        """
        if not self._new:
            return math.inf
        uploaded_at = self._new.first_key()
        estimate = self._estimate.seconds
        soonest = uploaded_at + self._polling.first_seconds
        if self._is_pushed:
            soonest = uploaded_at + self._patience_seconds()
        if self._is_pushed and estimate is not None:
            return soonest
        if estimate is not None:
            gap = estimate * min(0.5, _SCOUTS / len(self._new))
        elif len(self._scouts) < (1 if self._is_pushed else _SCOUTS):
            return soonest
        else:
            gap = _SHARE_OF_AGE * (self._last_new_at - uploaded_at)
        test_at = self._last_new_at + max(self._polling.longest_seconds, gap)
        return min(uploaded_at + (estimate or math.inf), max(soonest, test_at))

    def _pause_seconds(self, plan: _Plan[W], now: float) -> float:
        estimate = self._estimate
        if self._is_pushed:
            pause = _PATIENT_SHARE_OF_AGE * (now - plan.waiting.uploaded_at)
            return max(pause, self._polling.first_seconds) * self._jitter()
        longest = max(_SHARE_OF_AGE, estimate.spread) * (now - plan.waiting.uploaded_at)
        if estimate.seconds is None:
            pause = max(self._polling.pause_seconds(plan.looks), longest)
            return pause * (plan.pace or self._jitter())
        # The exponent is bounded because the power is not.
        pause = estimate.seconds * estimate.spread * 2.0 ** min(plan.looks - 1, 64)
        pause = min(pause, max(self._polling.first_seconds, longest))
        return max(pause, self._least_seconds) * self._jitter()

    def _patience_seconds(self) -> float:
        """Say how old a batch becomes before its push is taken for lost."""
        longest = self._polling.longest_seconds
        if self._estimate.seconds is None:
            return longest
        least = longest if self._polling.pushed else _LEAST_PATIENCE * longest
        return max(_PATIENCE * self._estimate.seconds, least)

    def _jitter(self) -> float:
        return 1 + _JITTER * (2 * self._chance() - 1)

    def _taken(self, waiting: W) -> _Plan[W] | None:
        plan = self._plans.get(id(waiting))
        if plan is None or any(plan in lane for lane in self._lanes):
            return None
        return plan

    def _forget(self, plan: _Plan[W]) -> None:
        for lane in self._lanes:
            lane.discard(plan)
        self._scouts.discard(id(plan.waiting))
        del self._plans[id(plan.waiting)]


@dataclass(slots=True, eq=False)
class _Plan(Generic[W]):
    """A batch, and what was seen of it."""

    waiting: W
    # Who knows how long it has been ready: it teaches nothing.
    is_old: bool
    taken_at: float = 0.0
    # How its pauses differ from others', if it is a scout; else 0.
    pace: float = 0.0
    # How often it wasn't ready; early looks don't count.
    looks: int = 0
    # How old it was at the last look that found it not ready.
    not_ready_age: float = 0.0
    # How many looks in a row have failed.
    failures: int = 0
    # The spread that its second look was planned with, and until when that look can teach.
    spread: float = 0.0
    second_until: float = -math.inf
