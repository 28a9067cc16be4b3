"""A source on its way through a run, and the parcel in which it goes up. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from klearstack_async.bulk.journal_entries import Entry
from klearstack_async.wire.source import PathSource, Source

__all__ = ["Item", "Parcel", "item_from", "name_of"]


@dataclass(slots=True, eq=False)
class Item:
    """One source, from when it is found to its outcome.

    Attributes:
        number: Its row in the journal.
        name: As the user sees it.
        started_at: When it was begun, on the run's clock.
        source: What to send; None if an earlier run has sent it.
        size_bytes: Its length; None where it can be read only once, or isn't known any more.
        remote_name: The name under which it was sent last, or will be.
        attempts: How often its upload was begun, in all runs.
        is_being_sent: Whether its upload was begun, and its end isn't known.
        is_used_up: Whether it was read, and can't be read again.
        batch_id: Its batch, once it was uploaded.
    """

    number: int
    name: str
    started_at: float
    source: Source | None = field(default=None, repr=False)
    size_bytes: int | None = None
    remote_name: str = ""
    attempts: int = 0
    is_being_sent: bool = False
    is_used_up: bool = False
    batch_id: str | None = None


@dataclass(slots=True, eq=False)
class Parcel:
    """What goes up as one batch: one source, or a bundle of several.

    Attributes:
        items: Its sources that have not ended yet.
        names: Under which name each of all its documents was sent, those that have ended included.
        number: Its row in the journal, once its upload was begun.
        batch_id: Its batch, once it was uploaded.
        uploaded_at: When it had been uploaded, on the run's clock; it may be before the run.
        give_up_at: When to stop looking.
        is_shared: Whether another parcel got the same batch id.
        rebuilt: How often it was made again because a file had changed.
        trouble: What went wrong at the last look, or None.
        troubled_at: Since when every look has gone wrong.
        refusals: How many looks in a row were refused, or brought what can't be read.
        strangers: The ids of documents in its batch that are nobody's, and were given as such.
    """

    items: list[Item]
    names: Sequence[str] = ()
    number: int = 0
    batch_id: str = ""
    uploaded_at: float = 0.0
    give_up_at: float = 0.0
    is_shared: bool = False
    rebuilt: int = 0
    trouble: Exception | None = field(default=None, repr=False)
    troubled_at: float = 0.0
    refusals: int = 0
    strangers: set[str] = field(default_factory=set)

    @property
    def is_single(self) -> bool:
        """Whether all that comes in its batch is of one source."""
        return len(self.names) == 1 and not self.is_shared

    @property
    def size_bytes(self) -> int:
        """The length of its documents, as far as it is known."""
        return sum(item.size_bytes or 0 for item in self.items)


def item_from(entry: Entry, now: float) -> Item:
    """Make the item of a source that the journal knows.

    Args:
        entry: What it knows.
        now: The time on the run's clock.
    """
    return Item(
        entry.number,
        entry.name,
        now,
        size_bytes=entry.size_bytes,
        remote_name=entry.remote_name or "",
        attempts=entry.attempts,
    )


def name_of(source: Source) -> str:
    """Give what a user knows a source by: its path, or its name."""
    return str(source.path) if isinstance(source, PathSource) else source.filename
