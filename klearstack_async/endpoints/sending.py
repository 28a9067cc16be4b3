"""What a group of endpoints needs of the client: ways to send a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol, TypeVar

from klearstack_async.document import Document
from klearstack_async.wire.request import Request

__all__ = ["Send", "SendForDocuments"]

T = TypeVar("T")


class Send(Protocol):
    """Send a request and give what its decoder makes of the answer."""

    async def __call__(self, request: Request[T], /) -> T:
        """Send it."""
        ...


class SendForDocuments(Protocol):
    """Send a request whose answer lists documents, and give them while it arrives."""

    def __call__(self, request: Request[Iterable[Document]], /) -> AsyncGenerator[Document]:
        """Send it at the first step."""
        ...
