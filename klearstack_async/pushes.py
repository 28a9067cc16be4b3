"""Pushes on their way to those who wait for them: `results.wait` and bulk runs.

In memory and within one event loop. Verifying a push is the business of `webhooks`; what a push
means to a wait or a run is theirs.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import anyio

from klearstack_async.document import Document

__all__ = ["AwaitedBatch", "Pushed", "Pushes"]

# A push may come before the receipt of its upload; so many are kept, and so long. Not longer: what
# was pushed a while ago may have been corrected since. And no more than so much in memory: where
# nobody ever waits, all of them are kept for nothing.
_EARLY = 1000
_EARLY_SECONDS = 60.0
_EARLY_BYTES = 16 << 20


class Pushed(Protocol):
    """What has to be known of a push, such as `klearstack_async.webhooks.Push`."""

    @property
    def batch_id(self) -> str:
        """The batch that it belongs to."""

    @property
    def document(self) -> Document:
        """What was read."""

    @property
    def file_name(self) -> str | None:
        """The name under which it was uploaded, if it says so."""


Taker = Callable[[Pushed], bool]


class Pushes:
    """What is pushed to one account, and who takes it."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Begin with nobody.

        Args:
            seconds: A clock that only goes forward.
        """
        self._seconds = seconds
        self._takers: list[Taker] = []
        self._early: deque[_Kept] = deque()
        self._early_bytes = 0

    def feed(self, push: Pushed) -> bool:
        """Hand a push to everybody who waits for its batch.

        Returns:
            Whether anybody does. If not, it is kept for a minute, unless others need the room.

        Raises:
            TypeError: It is no push.
        """
        _check(push)
        # Each of them, also after one that took it.
        answers = [take(push) for take in [*self._takers]]
        if any(answers):
            return True
        self._keep(push)
        return False

    @contextmanager
    def taken_by(self, take: Taker) -> Iterator[None]:
        """Hand what comes to `take`, which says whether it waited for that."""
        self._takers.append(take)
        try:
            yield
        finally:
            self._takers.remove(take)

    def take_early(self, batch_id: str) -> list[Pushed]:
        """Take out what came for a batch before anybody waited for it."""
        found = self._early_of(batch_id)
        for kept in found:
            self._early.remove(kept)
            self._early_bytes -= kept.size_bytes
        return [kept.push for kept in found]

    @contextmanager
    def awaited(self, batch_id: str, expected: int | None) -> Iterator[AwaitedBatch]:
        """Gather what is pushed for a batch, with what came before.

        That is left there for others who wait, until this block is left without an error.

        Args:
            batch_id: The batch.
            expected: How many documents it has, if that is known.
        """
        batch = AwaitedBatch(batch_id, expected)
        with self.taken_by(batch.take):
            for kept in self._early_of(batch_id):
                batch.take(kept.push)
            yield batch
        # It has what it waited for; who gives up leaves it to others.
        self.take_early(batch_id)

    def forget_early(self) -> None:
        """Keep nothing of what nobody has waited for."""
        self._early.clear()
        self._early_bytes = 0

    def _keep(self, push: Pushed) -> None:
        kept = _Kept(push, self._seconds(), sys.getsizeof(push.document))
        self._early.append(kept)
        self._early_bytes += kept.size_bytes
        self._make_room()

    def _early_of(self, batch_id: str) -> list[_Kept]:
        self._make_room()
        return [kept for kept in self._early if kept.push.batch_id == batch_id]

    def _make_room(self) -> None:
        oldest = self._seconds() - _EARLY_SECONDS
        while self._early and (
            self._early[0].at < oldest
            or len(self._early) > _EARLY
            or self._early_bytes > _EARLY_BYTES
        ):
            self._early_bytes -= self._early.popleft().size_bytes


class _Kept(NamedTuple):
    """A push that nobody waited for when it came."""

    push: Pushed
    at: float
    size_bytes: int


class AwaitedBatch:
    """A batch that somebody waits for, as far as it was pushed meanwhile.

    Attributes:
        has_news: Whether something was pushed since it was set to False.
    """

    def __init__(self, batch_id: str, expected: int | None) -> None:
        """Begin with nothing; see `Pushes.awaited`."""
        self.has_news = False
        self._batch_id, self._expected = batch_id, expected
        # A push may come twice, and a corrected document again: the last one counts.
        self._documents: dict[str, Document] = {}
        self._scope: anyio.CancelScope | None = None
        self._ends_with: Callable[[], bool] = self._is_complete

    @property
    def documents(self) -> tuple[Document, ...] | None:
        """The documents in the order in which they came, once all that are expected are there."""
        return self.so_far if self._is_complete() else None

    @property
    def so_far(self) -> tuple[Document, ...]:
        """Those that have come, in their order."""
        return (*self._documents.values(),)

    def take(self, push: Pushed) -> bool:
        """Take a push, if it is of this batch."""
        if push.batch_id != self._batch_id:
            return False
        document = push.document
        # Those that can't be told apart count once; then a look has to bring the rest.
        self._documents[document.document_id or document.file_name or push.file_name or ""] = (
            document
        )
        self.has_news = True
        if self._scope is not None and self._ends_with():
            self._scope.cancel()
        return True

    def ending_a_look(self) -> anyio.CancelScope:
        """Give the scope of a look, which ends when nothing is left to look for."""
        return self._scope_until(self._is_complete)

    def ending_a_pause(self) -> anyio.CancelScope:
        """Give the scope of a pause.

        It ends with the last document that is expected; with the first if nobody knows how many
        there are, so that a look can tell.
        """
        return self._scope_until(
            lambda: self.has_news if self._expected is None else self._is_complete()
        )

    def _scope_until(self, ends_with: Callable[[], bool]) -> anyio.CancelScope:
        self._scope, self._ends_with = anyio.CancelScope(), ends_with
        if ends_with():
            self._scope.cancel()
        return self._scope

    def _is_complete(self) -> bool:
        return self._expected is not None and len(self._documents) >= self._expected


def _check(push: Any) -> None:
    known = isinstance(getattr(push, "batch_id", None), str)
    known = known and isinstance(getattr(push, "document", None), Document)
    if not (known and isinstance(getattr(push, "file_name", ""), str | None)):
        raise TypeError("a push has a batch_id, a Document and a file_name, which may be None")
