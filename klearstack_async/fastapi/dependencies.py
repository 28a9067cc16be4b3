"""What endpoints ask for: the application's client, its pool, or a tenant's client of that pool.

All of them are for web sockets, too. What they give was opened by `lifespan.py`.
"""

# No `from __future__ import annotations`: FastAPI has to see the local names in them.

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from klearstack_async.client import KlearStack
from klearstack_async.fastapi.refusals import RequestRefused
from klearstack_async.pool import SessionPool

__all__ = ["KlearStackDep", "SessionPoolDep", "klearstack", "session_pool", "tenant"]

_LOG = logging.getLogger("klearstack_async")

T = TypeVar("T", KlearStack, SessionPool)

# What to use where the application has the other kind.
_OTHERS = {
    KlearStack: "use SessionPoolDep, or a tenant's client by `tenant(name_of)`",
    SessionPool: "use KlearStackDep, or give the pool to lifespan()",
}


# Asynchronous without need: FastAPI calls others in threads, which takes longer than all they do.
async def klearstack(connection: HTTPConnection) -> KlearStack:
    """Give the application's client. `KlearStackDep` is a parameter that is it.

    Raises:
        RuntimeError: The application has none.
    """
    return _of_kind(KlearStack, connection)


async def session_pool(connection: HTTPConnection) -> SessionPool:
    """Give the application's pool. `SessionPoolDep` is a parameter that is it.

    Raises:
        RuntimeError: The application has none.
    """
    return _of_kind(SessionPool, connection)


KlearStackDep = Annotated[KlearStack, Depends(klearstack)]
SessionPoolDep = Annotated[SessionPool, Depends(session_pool)]


def tenant(
    name_of: Callable[..., str | Awaitable[str]],
) -> Callable[..., AsyncIterator[KlearStack]]:
    """Make a dependency that gives a tenant's client, for as long as the request lasts.

    `TenantDep = Annotated[KlearStack, Depends(tenant(name_of))]`, where the application's lifespan
    has a `SessionPool(open_tenant)`.

    Args:
        name_of: A dependency of your own that gives the tenant's name: from a header, a token, the
            path. It has to make sure that the asker is of this tenant.

    Returns:
        The dependency. A LookupError from the pool's `open_tenant` (there is no such tenant) is
        answered with 404, and logged at WARNING: it may be a mistake in `open_tenant`.
    """

    async def client_of_tenant(
        pool: SessionPoolDep, name: Annotated[str, Depends(name_of)]
    ) -> AsyncIterator[KlearStack]:
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(pool.tenant(name))
            except LookupError as error:
                # Odd in any case: `name_of` has made sure of who asks.
                _LOG.warning("tenant %r is answered with 404", name, exc_info=error)
                raise RequestRefused("no-such-tenant", "There is nothing here.") from error
            yield client

    return client_of_tenant


def _of_kind(kind: type[T], connection: HTTPConnection) -> T:
    found = getattr(connection.app.state, "klearstack", None)
    if isinstance(found, kind):
        return found
    if found is None:
        raise RuntimeError(
            "there is no app.state.klearstack: make the application with "
            "FastAPI(lifespan=lifespan(...)), and tests with `with TestClient(app)`; an "
            "application that is mounted has its own state, and no lifespan"
        )
    raise RuntimeError(
        f"app.state.klearstack is a {type(found).__name__}, not a {kind.__name__}: {_OTHERS[kind]}"
    )
