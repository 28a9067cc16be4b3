"""What faults do to connections: read half, send half, reset, hold. Nothing of HTTP but lengths."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
from contextlib import suppress

from aiohttp import web

_SMALL_BYTES = 64 << 10
# Of a body whose length isn't told, that much is taken for half.
_UNTOLD_HALF_BYTES = 1 << 20
_STEP_BYTES = 64 << 10
_HELD_BUFFER_BYTES = 16 << 10
_LOOK_SECONDS = 0.05
# An hour. A client that closes while its kernel still has bytes to send can't be seen to have
# left as long as nobody reads, and should not be held forever.
_MOST_LOOKS = 72_000
_LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


async def read_half(request: web.Request) -> None:
    """Read and forget about half of a body; of a small one nothing."""
    length = request.content_length
    if length is not None and length <= _SMALL_BYTES:
        return
    left = _UNTOLD_HALF_BYTES if length is None else length // 2
    while left > 0 and not request.content.at_eof():
        left -= len(await request.content.read(min(left, _STEP_BYTES)))


async def send_half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the head and half of the body, and wait until it is on its way."""
    body = response.body
    assert isinstance(body, bytes)  # noqa: S101 - for the type checker: handlers answer with bytes
    sent = web.StreamResponse(status=response.status, headers=response.headers)
    sent.content_length = len(body)
    if request.transport is not None:
        # What waits in the transport would be lost with a reset, so nothing may.
        request.transport.set_write_buffer_limits(high=0)
    try:
        with suppress(ConnectionError):  # the client left; whoever asked for half finds out
            await sent.prepare(request)
            await sent.write(body[: len(body) // 2])
            await request.writer.drain()
    except asyncio.CancelledError:
        # The sandbox stops, and a connection that is only closed would go on sending.
        reset(request)
        raise
    return sent


def reset(request: web.Request) -> None:
    """Reset the connection: a real RST, whatever was read or sent."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return
    # Without lingering, closing a socket resets it.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def stop_reading(request: web.Request) -> None:
    """Take no more bytes from the client, so that its buffers fill up."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return
    # Nothing of the upload is kept; taking bytes out lets others in, until the pause.
    while request.content.read_nowait():
        pass
    transport.pause_reading()
    # Else the kernel alone would take megabytes more.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD_BUFFER_BYTES
    )


async def hold(request: web.Request) -> None:
    """Keep the connection open until the client leaves, or the sandbox stops (and cancels)."""
    transport = request.transport
    if transport is None:
        return
    try:
        for _ in range(_MOST_LOOKS):
            if _has_left(transport):
                break
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        # Not closed: that would wait for bytes which nobody takes.
        transport.abort()


def _has_left(transport: asyncio.Transport) -> bool:
    if transport.is_closing():
        return True
    if sys.platform != "linux":
        return False
    # The loop notices nothing on a connection that it doesn't read from.
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))
