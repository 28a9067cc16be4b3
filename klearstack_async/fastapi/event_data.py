"""What browsers are told of a bulk run: JSON-ready values, and nothing they have no business with.

No folder of this machine, no host of the service, no word of an error that isn't their fault. Only
the log has these.
"""

from __future__ import annotations

import logging
import re
from pathlib import PurePath
from typing import Any

import msgspec

from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.bulk.progress import Progress
from klearstack_async.errors import KlearStackError
from klearstack_async.fastapi.problems import problem_response
from klearstack_async.values import writable

__all__ = ["NOTHING_YET", "name_of", "outcome_data", "problem_data", "progress_data", "report_data"]

_LOG = logging.getLogger("klearstack_async")

# Why there is nothing of a source, where no error says so.
_NOTES = {
    OutcomeState.SKIPPED: "Another document of this run has the same content.",
    OutcomeState.UNMATCHED: "It belongs to none of the documents that were sent.",
}

# How far a run is before it was entered.
NOTHING_YET = Progress(
    counts=BulkReport().counts,
    earlier=0,
    found=0,
    total=None,
    sending=0,
    waiting=0,
    sent_bytes=0,
    seconds=0.0,
    per_second=None,
    eta_seconds=None,
    trouble=None,
)


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """Say what became of a source, without what a browser has no business with.

    Returns:
        `source` (the last part of its name), `state`, `batch_id`, `document_ids`, `problem` (RFC
        9457, or None) and `note` (why nothing was read though nothing failed, or None). No fields:
        these are for `tell` to add, where they are wanted.
    """
    error, problem = outcome.error, None
    if isinstance(error, ValueError):
        # It is no document: the words are the library's own, and say what to do.
        problem = _problem("not-a-document", 422, "Not a document", str(error))
    elif error is not None:
        problem = problem_data(error, outcome.source)
    if problem is not None:
        problem["detail"] = _without_folders(problem["detail"], outcome.source)
    return {
        "source": writable(name_of(outcome.source)),
        "state": outcome.state.value,
        "batch_id": outcome.batch_id,
        "document_ids": [document.document_id for document in outcome.documents],
        "problem": problem,
        "note": _NOTES.get(outcome.state),
    }


def name_of(source: str) -> str:
    """Give the last part of a source's name, whichever system's folders stand before it."""
    return PurePath(source.replace("\\", "/")).name


def progress_data(progress: Progress) -> dict[str, Any]:
    """Say how far a run is, in numbers; what the service said of its trouble is left out."""
    return {
        "finished": progress.finished,
        "found": progress.found,
        "total": progress.total,
        "counts": {state.value: count for state, count in progress.counts.items()},
        "sending": progress.sending,
        "waiting": progress.waiting,
        "sent_bytes": progress.sent_bytes,
        "eta_seconds": None if progress.eta_seconds is None else round(progress.eta_seconds),
        # The error stands in brackets behind the sentence.
        "trouble": progress.trouble and progress.trouble.partition(" (")[0],
    }


def report_data(report: BulkReport) -> dict[str, Any]:
    """Say how a run ended, in numbers."""
    return {
        "sources": report.sources,
        "counts": {state.value: count for state, count in report.counts.items()},
        "is_complete": report.is_complete,
        "seconds": round(report.seconds, 3),
    }


def problem_data(error: BaseException, what: str) -> dict[str, Any]:
    """Put an error as an answer of this service would.

    Args:
        error: What happened. What isn't the asker's fault is logged.
        what: To what, for the log.
    """
    if not isinstance(error, Exception):
        # Whoever cancelled it knows.
        return _problem("stopped", 503, "Stopped", "This was stopped before its end. Try again.")
    if isinstance(error, KlearStackError):
        try:
            return dict(msgspec.json.decode(problem_response(error).body))
        except Exception:  # noqa: BLE001 - a user's subclass may lack what ours have
            _LOG.exception("%s can't be put as a problem", type(error).__name__)
    _LOG.error("%s failed", what, exc_info=error)
    return _problem("internal", 500, "Internal error", "This service failed.")


def _problem(kind: str, status: int, title: str, detail: str) -> dict[str, Any]:
    urn = f"urn:klearstack-async:{kind}"
    return {"type": urn, "title": title, "status": status, "detail": writable(detail)}


def _without_folders(text: str, source: str) -> str:
    """Put a source's name where its path stands: what is refused as no file is named in full."""
    name, path = writable(name_of(source)), PurePath(source)
    # The path may be relative where the source's is not; what stands before it goes with it.
    if name:
        text = re.sub(rf".*[/\\]{re.escape(name)}(?!\w)", lambda _: name, text, flags=re.DOTALL)
    for folder in path.parents if path.is_absolute() else ():
        if folder.name:
            text = text.replace(writable(str(folder)), "its folder")
    return text
