"""Waiting for batches: which are looked at and when, and what is pushed meanwhile."""

from __future__ import annotations

import random

import anyio

from klearstack_async.bulk.channel import Channel
from klearstack_async.bulk.control import Control
from klearstack_async.bulk.item import Parcel
from klearstack_async.bulk.looking import Look, Looker
from klearstack_async.bulk.naming import is_of_another
from klearstack_async.bulk.schedule import Schedule
from klearstack_async.pushes import Pushed, Pushes
from klearstack_async.settings import Polling
from klearstack_async.transport.clock import Clock

__all__ = ["Watch"]

_BROUGHT = 1000


class Watch:
    """The batches that are waited for."""

    def __init__(
        self,
        looker: Looker,
        *,
        polling: Polling,
        wait_seconds: float,
        lookers: int,
        control: Control,
        clock: Clock,
        pushes: Pushes,
    ) -> None:
        """Begin with none.

        Args:
            looker: Looks at them.
            polling: How soon to look as long as nothing is learnt.
            wait_seconds: How long a batch may take.
            lookers: How many are looked at at a time.
            control: Whether the run goes on.
            clock: What time it is.
            pushes: What is pushed meanwhile.
        """
        self._looker, self._wait_seconds = looker, wait_seconds
        self._lookers, self._control, self._clock = lookers, control, clock
        self._schedule: Schedule[Parcel] = Schedule(polling, random.random)
        # A service may give one batch id to several uploads.
        self._parcels: dict[str, list[Parcel]] = {}
        self._pushes = pushes
        self._looks: dict[Parcel, anyio.CancelScope] = {}
        # When those were uploaded that a look has brought: their pushes may be late.
        self._brought: dict[str, float] = {}
        self._changed = anyio.Event()
        self._may_get_more = True

    @property
    def sources(self) -> int:
        """How many sources are waited for."""
        return sum(len(parcel.items) for same in self._parcels.values() for parcel in same)

    @property
    def usual_seconds(self) -> float | None:
        """How long a batch takes, as far as that was learnt."""
        return self._schedule.estimate_seconds

    def add(self, parcel: Parcel) -> None:
        """Wait for the results of what has its receipt."""
        now = self._clock.seconds()
        parcel.give_up_at = max(now, parcel.uploaded_at) + self._wait_seconds
        same = self._parcels.setdefault(parcel.batch_id, [])
        same.append(parcel)
        if len(same) > 1:
            for each in same:
                each.is_shared = True
        self._schedule.add(parcel, now)
        for push in self._pushes.take_early(parcel.batch_id):
            self._receive(parcel, push)
        self._changed.set()

    def expect_no_more(self) -> None:
        """Say that no further batch will come."""
        self._may_get_more = False
        self._changed.set()

    async def run(self) -> None:
        """Look at what is due, until nothing is waited for and nothing can come any more."""
        due = Channel[Parcel]()
        with self._pushes.taken_by(self._take):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._hand_out, due)
                for _ in range(self._lookers):
                    tasks.start_soon(self._look_at_each, due)

    def wake(self) -> None:
        """Have it see that the run has ended."""
        self._changed.set()

    async def _hand_out(self, due: Channel[Parcel]) -> None:
        while self._goes_on():
            self._changed = anyio.Event()
            while parcel := self._schedule.take_due(self._clock.seconds()):
                await due.give(parcel)
            pause = self._schedule.seconds_to_next(self._clock.seconds())
            if self._goes_on():
                with anyio.move_on_after(pause):
                    await self._changed.wait()
        due.close()

    def _goes_on(self) -> bool:
        return self._control.error is None and bool(self._may_get_more or self._parcels)

    async def _look_at_each(self, due: Channel[Parcel]) -> None:
        while (parcel := await due.take()) is not None:
            # It may have been pushed while it stood in line here.
            if self._control.error is None and self._waits_for(parcel):
                with anyio.CancelScope() as scope:
                    self._looks[parcel] = scope
                    look = await self._looker.look(parcel)
                self._looks.pop(parcel, None)
                # Else all of it was pushed while this was asked.
                if self._waits_for(parcel):
                    self._note(parcel, look)

    def _note(self, parcel: Parcel, look: Look) -> None:
        now = self._clock.seconds()
        match look:
            case Look.NOT_READY:
                self._schedule.again(parcel, now)
            case Look.FAILED:
                self._schedule.failed(parcel, now)
            case Look.READY:
                self._schedule.ready(parcel, now)
                self._brought[parcel.batch_id] = parcel.uploaded_at
                if len(self._brought) > _BROUGHT:
                    del self._brought[next(iter(self._brought))]
                self._forget(parcel)
            case Look.GIVEN_UP:
                self._schedule.remove(parcel)
                self._forget(parcel)
        self._changed.set()

    def _take(self, push: Pushed) -> bool:
        """Take what was pushed, if its batch is waited for; it ends the wait for its source."""
        parcels = [*self._parcels.get(push.batch_id, ())]
        if not parcels:
            return self._learn_late(push)
        # Each of them: a service may give one batch id to several uploads.
        taken = [self._receive(parcel, push) for parcel in parcels]
        if any(taken):
            return True
        name = push.document.file_name or push.file_name or ""
        if any(is_of_another(name, own) for parcel in parcels for own in parcel.names[:1]):
            # Its receipt is on its way.
            return False
        self._looker.stranger(parcels[0], push.document)
        return True

    def _learn_late(self, push: Pushed) -> bool:
        """Learn from a push of a batch that a look has brought before it came."""
        uploaded_at = self._brought.pop(push.batch_id, None)
        if uploaded_at is None:
            return False
        self._schedule.pushed_late(uploaded_at, self._clock.seconds())
        return True

    def _receive(self, parcel: Parcel, push: Pushed) -> bool:
        """Take in what was pushed for a batch; say whether it was for this parcel of it."""
        is_for_it = self._looker.received(parcel, push.document, push.file_name)
        now = self._clock.seconds()
        self._schedule.pushed(parcel, now)
        # What was planned may be due otherwise now.
        self._changed.set()
        if not parcel.items and self._waits_for(parcel):
            self._schedule.remove(parcel, ready_at=now)
            self._forget(parcel)
        return is_for_it

    def _waits_for(self, parcel: Parcel) -> bool:
        return parcel in self._parcels.get(parcel.batch_id, ())

    def _forget(self, parcel: Parcel) -> None:
        if scope := self._looks.get(parcel):
            # It may hang, or be repeated for long.
            scope.cancel()
        same = self._parcels[parcel.batch_id]
        same.remove(parcel)
        if not same:
            del self._parcels[parcel.batch_id]
        self._changed.set()
