"""What a user can say about a bulk run, and its defaults."""

from __future__ import annotations

from typing import Any, cast

from klearstack_async.endpoints.uploads import DocumentOptions

__all__ = [
    "LOOKERS",
    "OUTSTANDING",
    "WAIT_SECONDS",
    "WORKERS",
    "BulkOptions",
    "positive",
    "upload_options_of",
]

WORKERS = 8
LOOKERS = 8
OUTSTANDING = 1000
WAIT_SECONDS = 900.0


class BulkOptions(DocumentOptions, total=False):
    """How a bulk run works, besides what can be said about each upload.

    Attributes:
        workers: Uploads at a time; 8 if left out.
        outstanding: Sources begun and not yet taken by the user, at most; 1,000 if left out.
        wait_seconds: How long a batch may take after its upload; 900 if left out.
    """

    workers: int
    outstanding: int
    wait_seconds: float


def upload_options_of(options: BulkOptions) -> DocumentOptions:
    """Take the part that is about each upload."""
    known: dict[str, Any] = {
        name: value for name, value in options.items() if name in DocumentOptions.__annotations__
    }
    return cast("DocumentOptions", known)


def positive(number: int, name: str) -> int:
    """Check a number that makes no sense below 1.

    Raises:
        ValueError: It is below 1.
    """
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, not {number}")
    return number
