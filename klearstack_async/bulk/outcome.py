"""What became of each source, and of all of them together. Values only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from klearstack_async.document import Document
from klearstack_async.errors import KlearStackError

__all__ = ["BulkReport", "Outcome", "OutcomeState"]


class OutcomeState(StrEnum):
    """How a source ended. Every source ends in exactly one of these."""

    EXTRACTED = "extracted"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one source ended.

    Attributes:
        source: Its path, or its name where it has no path.
        state: `extracted`, `failed`, `in_doubt` (it may have been uploaded) or `skipped`.
        documents: What was read from it; mostly one document, and none unless `extracted`.
        error: Why it failed or is in doubt, as the exception; None if it was extracted.
        batch_id: Its batch, or None if it never got one.
        seconds: From the start of its upload to its end.
    """

    source: str
    state: OutcomeState
    documents: tuple[Document, ...] = ()
    error: Exception | None = None
    batch_id: str | None = None
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
                return None
            case KlearStackError(args=(message, *_)):
                return str(message)
            case OSError(strerror=str(what), filename=str() | os.PathLike() as where):
                return what if os.fspath(where) == self.source else f"{what}: {os.fspath(where)}"
        return str(self.error) or type(self.error).__name__

    def to_dict(self) -> dict[str, Any]:
        """Give the outcome as JSON-ready values, each document by its `to_dict`."""
        return {
            "source": _writable(self.source),
            "state": self.state.value,
            "batch_id": self.batch_id,
            "seconds": round(self.seconds, 3),
            "error": None if self.error is None else type(self.error).__name__,
            "reason": None if self.reason is None else _writable(self.reason),
            "documents": [document.to_dict() for document in self.documents],
        }


@dataclass(slots=True)
class BulkReport:
    """How many sources ended in which way; live while the run goes on.

    Attributes:
        counts: For each state the number of sources.
        started: How many sources were begun.
        uploaded: How many of them the service has taken.
        documents: How many documents were read.
        seconds: From the start of the run to the last outcome.
    """

    counts: dict[OutcomeState, int] = field(
        default_factory=lambda: dict.fromkeys(OutcomeState, 0),
    )
    started: int = 0
    uploaded: int = 0
    documents: int = 0
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """How many sources have ended."""
        return sum(self.counts.values())

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.state] += 1
        self.documents += len(outcome.documents)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        sources = "1 source" if self.finished == 1 else f"{self.finished} sources"
        return f"{sources}: {counts or 'none finished'} in {self.seconds:.1f} s"


def _writable(text: str) -> str:
    """Make a file name that is no valid UTF-8 fit to be written down."""
    return text.encode("utf-8", "backslashreplace").decode()
