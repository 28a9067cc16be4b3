"""What a group of endpoints needs of the client: a way to send a request."""

from __future__ import annotations

from typing import Protocol, TypeVar

from klearstack_async.wire.request import Request

__all__ = ["Send"]

T = TypeVar("T")


class Send(Protocol):
    """Send a request and give what its decoder makes of the answer."""

    async def __call__(self, request: Request[T], /) -> T:
        """Send it."""
        ...
