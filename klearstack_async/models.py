"""What comes back from a call, apart from documents (see `document.py`). Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from klearstack_async.document import Document

__all__ = ["Batch", "BatchState", "Tokens", "Upload"]


class BatchState(StrEnum):
    """How far a batch is.

    An explicit state in the answer decides. Without one, as many documents as were expected mean
    `complete`, fewer `partial`, and none `pending`.
    """

    PENDING = "pending"
    PARTIAL = "partial"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether looking again will not change it."""
        return self in {BatchState.COMPLETE, BatchState.FAILED}


@dataclass(frozen=True, slots=True)
class Upload:
    """The receipt of an upload.

    Attributes:
        batch_id: Under which the results will be found.
        set_reference_number: The set that the documents were put into, if the service says so.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged.
    """

    batch_id: str
    set_reference_number: str | None = None
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What was found in a batch.

    Attributes:
        batch_id: The batch.
        state: How far it is.
        documents: The documents that are ready, in the service's order.
        error: Why it failed, in the service's words; None if it says nothing.
        release_version: The service's version, if it says so.
        extra: What else it answered, unchanged, and whatever stood among the documents without
            being one (under `documents`).
    """

    batch_id: str
    state: BatchState
    documents: tuple[Document, ...] = ()
    error: str | None = None
    release_version: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens. Neither is shown by `repr`.

    Attributes:
        access_token: Goes into the `Authorization` header of each call.
        refresh_token: Gets a new access token, or None if the service gave none.
        expires_at: When the access token ends (aware, UTC).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime
