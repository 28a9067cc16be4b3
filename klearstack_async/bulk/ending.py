"""How a source ends: from what happened to its outcome. Pure."""

from __future__ import annotations

from klearstack_async.bulk.outcome import Outcome, OutcomeState
from klearstack_async.bulk.waiting import Waiting
from klearstack_async.document import Document
from klearstack_async.errors import BatchNotReady, OutcomeUnknown
from klearstack_async.models import Batch, BatchState

__all__ = ["ended", "is_failure", "not_ready", "stopped"]


def ended(
    waiting: Waiting,
    now: float,
    *,
    documents: tuple[Document, ...] = (),
    error: Exception | None,
) -> Outcome:
    """Make the outcome of a source.

    Args:
        waiting: The source.
        now: The time on the run's clock.
        documents: What was read from it, if nothing went wrong.
        error: What went wrong, or None.
    """
    if error is None:
        state = OutcomeState.EXTRACTED
    elif isinstance(error, OutcomeUnknown):
        state = OutcomeState.IN_DOUBT
    else:
        state = OutcomeState.FAILED
    return Outcome(
        waiting.source,
        state,
        documents=() if error else documents,
        error=error,
        batch_id=waiting.batch_id,
        seconds=now - waiting.started,
    )


def is_failure(batch: Batch) -> bool:
    """Say whether the one document of a batch that is done wasn't read."""
    if batch.state is BatchState.FAILED or not batch.documents:
        return True
    return any(document.failure for document in batch.documents)


def not_ready(batch_id: str, wait_seconds: float) -> BatchNotReady:
    """Make the error of a batch that took too long."""
    return BatchNotReady(
        f"uploaded, but not done after {wait_seconds:g} s; "
        f"ask for batch {batch_id} later, or set a longer wait_seconds",
        endpoint="results.in_batch",
    )


def stopped(waiting: Waiting) -> OutcomeUnknown:
    """Make the error of a source that was under way when its run was stopped."""
    if waiting.batch_id is None:
        what = "the run was stopped while it was sent; whether it was stored is not known"
    else:
        what = f"uploaded, but the run was stopped first; ask for batch {waiting.batch_id}"
    return OutcomeUnknown(f"{what}; sending it again may store it twice")
