"""The client's life in an application: opened when it starts, closed when it ends.

What endpoints get of it is in `dependencies.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, cast

from fastapi import FastAPI
from starlette.types import Lifespan

from klearstack_async.client import KlearStack
from klearstack_async.pool import SessionPool

__all__ = ["Openable", "lifespan"]

Openable = KlearStack | SessionPool


def lifespan(
    client: Openable | Callable[[], Openable] | None = None,
    *,
    within: Lifespan[FastAPI] | None = None,
) -> Lifespan[FastAPI]:
    """Make a lifespan: `app = FastAPI(lifespan=lifespan())`.

    While the application runs, `app.state.klearstack` is the open client. When it ends, after the
    requests that are under way, calls that are left (of tasks of your own) end with `ClientClosed`.

    Args:
        client: A client or a pool that isn't open, or a function that makes one when the
            application starts; `KlearStack.from_env` if left out.
        within: A lifespan of your own. It begins when the client is open, ends before it is
            closed, and what it yields becomes the requests' state, as without this.

    Returns:
        What `FastAPI(lifespan=)` takes. Starting the application raises what making and opening
        the client raises: ValueError for an account that isn't set, OSError for a CA file that
        can't be read. No call is made.
    """

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        opened = _made(client)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(opened)
            app.state.klearstack = opened
            stack.callback(_take_away, app)
            yield await stack.enter_async_context(within(app)) if within is not None else None

    return cast("Lifespan[FastAPI]", run)


def _take_away(app: FastAPI) -> None:
    # A lifespan within may have done so already, whose `state` then knows no such name.
    with suppress(AttributeError, KeyError):
        del app.state.klearstack


def _made(client: Openable | Callable[[], Openable] | None) -> Openable:
    made: object = client if client is not None else KlearStack.from_env
    if callable(made):
        made = made()
    if inspect.iscoroutine(made):
        made.close()
        raise TypeError(
            "lifespan() takes a function that makes a client, not an async one: make it `def`, and "
            "await what it needs in a lifespan of your own around this one"
        )
    if not isinstance(made, Openable):
        raise TypeError(
            "lifespan() takes a KlearStack, a SessionPool, or a function that makes one, "
            f"not {type(made).__name__}"
        )
    return made
