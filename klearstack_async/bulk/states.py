"""The states of a source in a journal, and their order. Values only."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FINAL_STATES", "SourceState"]


class SourceState(StrEnum):
    """How far a source has come.

        found -> sending -> sent -> extracted | failed | in_doubt | skipped

    A source goes back from `sending` to `found` only where it is certain that nothing of it was
    stored. The last four are final, until somebody asks for another try.
    """

    FOUND = "found"
    SENDING = "sending"
    SENT = "sent"
    EXTRACTED = "extracted"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


FINAL_STATES = frozenset(
    {SourceState.EXTRACTED, SourceState.FAILED, SourceState.IN_DOUBT, SourceState.SKIPPED}
)
