"""What a journal gives and takes: sources, parcels, endings. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from klearstack_async.bulk.states import SourceState

__all__ = ["Ended", "Entry", "OpenParcel"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A source as the journal has it.

    Attributes:
        number: Its row, from 1; never used again.
        key: What tells it from all others of the job.
        name: As the user sees it.
        path: The file, absolute, or None if it is none.
        state: How far it has come.
        size_bytes: Of its content; None until that was read.
        modified_ns: When the file was changed last, as the system says it; None as above.
        sha256: Of its content, in hex; None as above.
        remote_name: Its name at the service, of the last try; None before the first.
        attempts: How many uploads were begun.
        parcel: The parcel of the last try; None before the first.
        batch_id: Of that parcel; None if there was no receipt.
        reason: Why it failed, is in doubt, was skipped; None otherwise.
        begun_at: When its last upload was begun, in unix seconds; None before the first.
        is_new: Whether it was noted just now.
    """

    number: int
    key: str
    name: str
    path: str | None
    state: SourceState
    size_bytes: int | None = None
    modified_ns: int | None = None
    sha256: str | None = None
    remote_name: str | None = None
    attempts: int = 0
    parcel: int | None = None
    batch_id: str | None = None
    reason: str | None = None
    begun_at: float | None = None
    is_new: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class OpenParcel:
    """A parcel that the service gave a receipt for, and whose results were not all taken.

    Attributes:
        parcel: Its number.
        batch_id: The receipt.
        sent_at: When, in unix seconds.
        names: The remote names of all that was in it, in the order of sending.
        entries: Those of its sources that have not ended.
    """

    parcel: int
    batch_id: str
    sent_at: float
    names: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a source ended.

    Attributes:
        number: Which one.
        state: A final state.
        error: The class of the error, or None.
        reason: The error as a sentence, or None.
        seconds: How long it took.
        documents: How many documents came of it.
    """

    number: int
    state: SourceState
    error: str | None = None
    reason: str | None = None
    seconds: float = 0.0
    documents: int = 0
