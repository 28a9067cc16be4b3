"""An answer that is arriving: its head is here, its body is read as a whole or piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from klearstack_async.transport.progress import Progress

__all__ = ["OpenAnswer"]


class OpenAnswer:
    """An answer whose head has come. Somebody has to `close` it.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        progress: How far the call has come.
    """

    __slots__ = (
        "_close",
        "_content",
        "_failure_of",
        "_stall_seconds",
        "headers",
        "progress",
        "status",
    )

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        content: aiohttp.StreamReader,
        progress: Progress,
        *,
        close: Callable[[], Awaitable[None]],
        failure_of: Callable[[Exception], Exception],
        stall_seconds: float | None = None,
    ) -> None:
        """Take over what is open.

        Args:
            status: The HTTP status.
            headers: As they came.
            content: The body.
            progress: Where to write down how much of it has come.
            close: Gives the connection back, or ends it if the body wasn't read to its end.
            failure_of: Says in our terms what an exception of aiohttp's means.
            stall_seconds: How long to wait for more of the body, each time; None if somebody else
                sees to that.
        """
        self.status, self.progress = status, progress
        self.headers = {name.lower(): value for name, value in headers.items()}
        self._content, self._close, self._failure_of = content, close, failure_of
        self._stall_seconds = stall_seconds
        progress.status = status
        if 200 <= status < 300:
            # It says that it is done, whatever it has left unread.
            progress.sent_whole = True

    async def piece(self) -> bytes:
        """Read what has come, at least a byte; nothing at the end.

        Raises:
            TransportError: The body didn't come to its end.
        """
        content = self._content
        try:
            if content.is_eof():
                # Here already, so that there is nothing to wait for.
                data = await content.readany()
            else:
                async with asyncio.timeout(self._stall_seconds):
                    data = await content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = self._failure_of(error)
        else:
            self.progress.received_bytes += len(data)
            return data
        # Out here, so that aiohttp's exception isn't its context: it may hold the token.
        raise failure

    async def whole(self) -> bytes:
        """Read all of it, and close it.

        Raises:
            TransportError: The body didn't come to its end.
        """
        try:
            pieces = []
            while piece := await self.piece():
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            await self.close()

    async def close(self) -> None:
        """Give the connection back, or end it if the body wasn't read to its end."""
        await self._close()
