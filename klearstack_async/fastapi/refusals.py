"""What is answered to a request that is wrong itself, before KlearStack has a say. One table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from fastapi import HTTPException

__all__ = ["REFUSALS", "Reason", "Refusal", "RequestRefused"]

Reason = Literal[
    "cut-short",
    "empty",
    "encoded",
    "form",
    "hung-up",
    "length",
    "malformed-form",
    "no-file",
    "no-form",
    "no-name",
    "no-such-tenant",
    "other-file",
    "stalled",
    "too-large",
    "too-long",
]


class Refusal(NamedTuple):
    """How a reason is answered.

    Attributes:
        status: The HTTP status.
        title: What kind of problem it is.
    """

    status: int
    title: str


REFUSALS: Mapping[Reason, Refusal] = {
    "cut-short": Refusal(400, "Upload cut short"),
    "empty": Refusal(422, "Empty"),
    "encoded": Refusal(415, "Compressed upload"),
    "form": Refusal(415, "Form in place of a document"),
    # Nobody reads this answer. The number is nginx's, which others count by, too.
    "hung-up": Refusal(499, "Upload broken off"),
    "length": Refusal(400, "Bad length"),
    "malformed-form": Refusal(400, "Malformed form"),
    "no-file": Refusal(422, "Form without a file"),
    "no-form": Refusal(415, "No form"),
    "no-name": Refusal(422, "Document without a name"),
    "no-such-tenant": Refusal(404, "Not found"),
    "other-file": Refusal(422, "One file too many"),
    "stalled": Refusal(408, "Upload stalled"),
    "too-large": Refusal(413, "Too large"),
    "too-long": Refusal(400, "Upload too long"),
}


class RequestRefused(HTTPException):
    """A request that is refused for what the asker sent.

    As every `HTTPException`, FastAPI answers it also without `PROBLEMS`.

    Attributes:
        reason: What is wrong, in a word; see `REFUSALS`.
        status_code: What is answered.
        detail: What the asker is told.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Refuse.

        Args:
            reason: What is wrong, in a word.
            detail: What the asker is told: what happened, and what to do.
        """
        super().__init__(REFUSALS[reason].status, detail)
        self.reason = reason
