"""What became of each source, and of all of them together. Values only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from klearstack_async.document import Document
from klearstack_async.errors import KlearStackError
from klearstack_async.values import writable

__all__ = ["BulkReport", "Outcome", "OutcomeState"]


class OutcomeState(StrEnum):
    """How a source ended: every source in exactly one of the first four.

    `unmatched` is no source's: it brings documents of a bundle that can't be tied to any of those
    that were sent in it.
    """

    EXTRACTED = "extracted"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"
    UNMATCHED = "unmatched"


_OF_SOURCES = tuple(state for state in OutcomeState if state is not OutcomeState.UNMATCHED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one source ended.

    Attributes:
        source: Its path, or its name where it has no path; for `unmatched` the name that the
            service gives.
        state: `extracted`, `failed`, `in_doubt` (it may have been uploaded), `skipped` (its content
            is another source's, too), or `unmatched`, which is no source's.
        documents: What was read from it; mostly one document, and none unless `extracted` or
            `unmatched`.
        error: Why it failed or is in doubt, as the exception; None otherwise.
        note: Why it was skipped, or can't be matched; None otherwise.
        batch_id: Its batch, or None if it never got one.
        attempts: How often its upload was begun, in all runs of its journal.
        size_bytes: Its length, or None where it wasn't read.
        seconds: From when it was begun to its end.
    """

    source: str
    state: OutcomeState
    documents: tuple[Document, ...] = ()
    error: Exception | None = None
    note: str | None = None
    batch_id: str | None = None
    attempts: int = 0
    size_bytes: int | None = None
    seconds: float = 0.0

    @property
    def document(self) -> Document | None:
        """The first document, or None."""
        return self.documents[0] if self.documents else None

    @property
    def reason(self) -> str | None:
        """Why it wasn't extracted, in one sentence."""
        match self.error:
            case None:
                return self.note
            case KlearStackError(args=(message, *_)):
                return str(message)
            case OSError(strerror=str(what), filename=str() | os.PathLike() as where):
                return what if os.fspath(where) == self.source else f"{what}: {os.fspath(where)}"
        return str(self.error) or type(self.error).__name__

    def to_dict(self) -> dict[str, Any]:
        """Give the outcome as JSON-ready values, each document by its `to_dict`."""
        return {
            "source": writable(self.source),
            "state": self.state.value,
            "batch_id": self.batch_id,
            "attempts": self.attempts,
            "seconds": round(self.seconds, 3),
            "error": None if self.error is None else type(self.error).__name__,
            "reason": None if self.reason is None else writable(self.reason),
            "documents": [document.to_dict() for document in self.documents],
        }


@dataclass(slots=True)
class BulkReport:
    """How many sources ended in which way; live while the run goes on.

    The sources of a journal are all in here, those of earlier runs included: at any time
    `sources == finished + under_way`.

    Attributes:
        counts: For each state the number of sources.
        sources: How many sources were found.
        earlier: How many of them ended in earlier runs.
        uploaded: How many were uploaded in this run.
        documents: How many documents were read in this run.
        unmatched: How many documents came that belong to no source.
        seconds: From the start of the run to the last outcome.
        is_complete: Whether every source was begun, and has ended.
    """

    counts: dict[OutcomeState, int] = field(default_factory=lambda: dict.fromkeys(_OF_SOURCES, 0))
    sources: int = 0
    earlier: int = 0
    uploaded: int = 0
    documents: int = 0
    unmatched: int = 0
    seconds: float = 0.0
    is_complete: bool = False

    @property
    def finished(self) -> int:
        """How many sources have ended."""
        return sum(self.counts.values())

    @property
    def under_way(self) -> int:
        """How many were found and have not ended."""
        return self.sources - self.finished

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome.state is OutcomeState.UNMATCHED:
            self.unmatched += len(outcome.documents)
            return
        self.counts[outcome.state] += 1
        self.documents += len(outcome.documents)

    def __str__(self) -> str:
        counts = [f"{count} {state}" for state, count in self.counts.items() if count]
        if self.under_way:
            counts.append(f"{self.under_way} under way")
        if self.unmatched:
            counts.append(f"{self.unmatched} results unmatched")
        sources = "1 source" if self.sources == 1 else f"{self.sources} sources"
        earlier = f" ({self.earlier} of them earlier)" if self.earlier else ""
        return f"{sources}{earlier}: {', '.join(counts) or 'none'} in {self.seconds:.1f} s"
