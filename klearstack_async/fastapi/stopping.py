"""Does the server of this process end? A stream without an end has to know, or nothing ever ends.

A server that is told to stop waits for the answers that are under way, and only then runs the
lifespan's end. An event stream would keep it waiting for as long as a page is open, and ASGI has no
message that says so. uvicorn's own handler of SIGINT and SIGTERM does: it is a method of the
server, whose `should_exit` says whether one of them came. It is only read, never changed.
"""

from __future__ import annotations

import signal

__all__ = ["is_stopping"]


def is_stopping() -> bool:
    """Say whether the uvicorn that runs in this process was told to end; False if there is none."""
    return any(
        getattr(getattr(signal.getsignal(number), "__self__", None), "should_exit", None) is True
        for number in (signal.SIGINT, signal.SIGTERM)
    )
