"""How a source ends: from what happened to its outcome. Pure."""

from __future__ import annotations

from klearstack_async.bulk.item import Item, Parcel
from klearstack_async.bulk.outcome import Outcome, OutcomeState
from klearstack_async.document import Document
from klearstack_async.errors import BatchNotReady, KlearStackError, OutcomeUnknown, Rejected
from klearstack_async.models import Batch, BatchState

__all__ = [
    "ended",
    "in_doubt",
    "no_result",
    "not_looked_at",
    "not_ready",
    "skipped",
    "stopped",
    "unmatched",
    "was_not_read",
]

_CUT_OFF = "the run was stopped while it was sent; whether it was stored is not known"
_MIND = "sending it again may store it twice"


def ended(
    item: Item,
    now: float,
    *,
    documents: tuple[Document, ...] = (),
    error: Exception | None = None,
    note: str | None = None,
) -> Outcome:
    """Make the outcome of a source.

    Args:
        item: The source.
        now: The time on the run's clock.
        documents: What was read from it, if nothing went wrong.
        error: What went wrong, or None.
        note: Why it was skipped, or None.
    """
    if note is not None:
        state = OutcomeState.SKIPPED
    elif error is None:
        state = OutcomeState.EXTRACTED
    elif isinstance(error, OutcomeUnknown):
        state = OutcomeState.IN_DOUBT
    else:
        state = OutcomeState.FAILED
    return Outcome(
        item.name,
        state,
        documents=() if error else documents,
        error=error,
        note=note,
        batch_id=item.batch_id,
        attempts=item.attempts,
        size_bytes=item.size_bytes,
        seconds=now - item.started_at,
    )


def unmatched(parcel: Parcel, document: Document) -> Outcome:
    """Make what brings a document that belongs to no source of its bundle."""
    name = document.file_name or "(no name)"
    return Outcome(
        name,
        OutcomeState.UNMATCHED,
        documents=(document,),
        note=f"batch {parcel.batch_id} brought it, and no document of that name was sent in it",
        batch_id=parcel.batch_id,
    )


def skipped(twin: str) -> str:
    """Say why a source is skipped whose content is another's, too."""
    return f"the same content as {twin}"


def in_doubt(reason: str | None) -> OutcomeUnknown:
    """Make the error of a source that was being sent when an earlier run ended."""
    # Whatever has a reason of its own says also what to mind.
    return OutcomeUnknown(reason or f"{_CUT_OFF}; {_MIND}")


def was_not_read(parcel: Parcel, batch: Batch, documents: tuple[Document, ...]) -> bool:
    """Say whether the service couldn't read a source of a batch that is done.

    Args:
        parcel: The source's parcel.
        batch: What was found.
        documents: What of that is the source's.
    """
    if batch.state is BatchState.FAILED and (parcel.is_single or not documents):
        return True
    return (parcel.is_single and not documents) or any(document.failure for document in documents)


def no_result(item: Item, parcel: Parcel) -> Rejected:
    """Make the error of a source of a bundle that is done, for which nothing came."""
    return Rejected(
        f"batch {parcel.batch_id} is done, and brought nothing called {item.remote_name}",
        endpoint="results.in_batch",
    )


def not_ready(parcel: Parcel, wait_seconds: float) -> BatchNotReady:
    """Make the error of a batch that took too long."""
    return BatchNotReady(
        f"uploaded, but not done after {wait_seconds:g} s; "
        f"ask for batch {parcel.batch_id} later, or set a longer wait_seconds",
        endpoint="results.in_batch",
    )


def not_looked_at(parcel: Parcel, error: KlearStackError) -> KlearStackError:
    """Make the error of a batch that was uploaded, and can't be looked at: of the same type."""
    error.args = (f"uploaded as batch {parcel.batch_id}, but its results: {error.args[0]}",)
    return error


def stopped(item: Item) -> KlearStackError:
    """Make the error of a source that was under way when its run was stopped."""
    if item.batch_id is not None:
        what = f"uploaded, but the run was stopped first; ask for batch {item.batch_id}"
    elif item.is_being_sent:
        what = _CUT_OFF
    else:
        return KlearStackError("not sent: the run was stopped first")
    return OutcomeUnknown(f"{what}; {_MIND}")
