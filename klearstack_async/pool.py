"""One pool of connections for many accounts: a service with many tenants.

Each account keeps its tokens, its rate and its number of calls at once to itself. When tenants are
opened and closed is in `tenants.py`; how connections are shared, in `transport/`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Protocol, Self, Unpack
from weakref import WeakKeyDictionary, WeakSet

from klearstack_async.client import CONCURRENCY, ClientOptions, KlearStack
from klearstack_async.endpoints.unverified import level_of_the_caller
from klearstack_async.pipeline import Pipeline
from klearstack_async.pushes import Pushed, Pushes
from klearstack_async.settings import Encoding, EndpointOverride, Tls
from klearstack_async.tenants import IDLE_SECONDS, MOST_TENANTS, Tenants
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.tls import warn_if_insecure
from klearstack_async.transport.token_keeper import TokenKeeper

__all__ = ["OpenTenant", "SessionPool"]

CONNECTIONS = 2 * CONCURRENCY


class OpenTenant(Protocol):
    """Looks an account up by its tenant's name; a function, or a coroutine function.

    A time limit belongs into it (`asyncio.timeout`): nothing else ends a look-up that hangs, as
    long as somebody waits for it, and there are 100 at once at most. It may ask for other tenants,
    but not for the one that it opens.
    """

    def __call__(self, pool: SessionPool, name: str, /) -> KlearStack | Awaitable[KlearStack]:
        """Give the tenant's `pool.account(...)`, a new one each time."""


class SessionPool:
    """Connections that many clients share. Use it as `async with SessionPool() as pool:`.

    A pool belongs to the event loop in which it was entered.
    """

    def __init__(
        self,
        open_tenant: OpenTenant | None = None,
        *,
        connections: int = CONNECTIONS,
        tls: Tls | None = None,
        most_tenants: int = MOST_TENANTS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        """Set the pool up; nothing is connected before the first call.

        Args:
            open_tenant: Called with this pool and a tenant's name when it is needed, and gives its
                `pool.account(...)`; may be a coroutine function. What it raises reaches those who
                asked for that tenant, and is one exception for all of them: not every one can be
                copied.
            connections: How many calls may be on their way, for all accounts together, and as many
                logins beside; fewer if `ulimit -n` doesn't allow for as many. No account takes
                more of them than are free beside it: half of them, as long as it is the only one.
                Each call has a connection; those that rest stay open for some seconds.
            tls: How to check the servers' certificates.
            most_tenants: How many tenants may be open at once. For one more, that which was idle
                longest is closed; while all are in use, it waits, first come first served.
            idle_seconds: How long a tenant is kept open that nobody uses. What was learned of its
                rate ends with that; the pause after a refusal (429) is waited for, and cut short
                only where all that are idle pause, and one more needs the place.
            clock: What time it is, for the tenants' idleness; for tests.

        Raises:
            ValueError: There can't be that few connections or tenants, or for so short.
        """
        if connections < 1:
            raise ValueError("connections is 1 or more")
        warn_if_insecure(
            tls or Tls(), "every server of this pool", stacklevel=level_of_the_caller()
        )
        self._transport = HttpTransport(tls=tls or Tls(), connections=connections, is_shared=True)
        # Not the clients: a call that is under way, and a variant, hold nothing but their pipeline.
        # Whoever is of no more use to the program needs not be closed either.
        self._pipelines: WeakKeyDictionary[Pipeline, Pushes] = WeakKeyDictionary()
        # Of those accounts that are no tenant's yet. A variant has them, too.
        self._unclaimed: WeakSet[TokenKeeper] = WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open_tenant = open_tenant
        self._new_tenants = partial(
            Tenants,
            self._client_of,
            most=most_tenants,
            idle_seconds=idle_seconds,
            clock=clock or Clock(),
        )
        self._tenants = self._new_tenants()

    def account(
        self,
        url: str,
        *,
        company_name: str,
        username: str,
        password: str,
        encoding: Encoding | str = Encoding.MULTIPART,
        endpoints: Mapping[str, str | EndpointOverride] | None = None,
        **options: Unpack[ClientOptions],
    ) -> KlearStack:
        """Give a client that uses the pool's connections, ready for calls.

        It needn't be entered. If it is, leaving its block ends its own calls, and nobody else's.

        Args:
            url: The customer's host.
            company_name: The company as KlearStack knows it.
            username: The user's name.
            password: The user's password.
            encoding: How forms without a file are written.
            endpoints: What is different about this service's endpoints.
            **options: As for `KlearStack`: `timeouts`, `retry`, `rate` and so on.

        Raises:
            ValueError: The account or an option can't be used.
        """
        client = KlearStack(
            url,
            company_name=company_name,
            username=username,
            password=password,
            encoding=encoding,
            endpoints=endpoints,
            _transport=self._transport,
            **options,
        )
        pipeline = client._pipeline  # noqa: SLF001 - made here
        self._pipelines[pipeline] = client._pushes  # noqa: SLF001 - likewise
        self._unclaimed.add(pipeline.tokens)
        return client

    def tenant(self, name: str) -> AbstractAsyncContextManager[KlearStack]:
        """Open a tenant's client, or use the one that is open: `async with pool.tenant("acme")`.

        Those who use it at the same time share it, with its tokens, its rate and its limits. The
        account is looked up once, however many are the first; if that fails, so do they, and the
        next tries again. Use the client inside the block only: after that, it may be closed at any
        time. That is the pool's business: entering it, or closing it, has no effect.

        Who uses one tenant and asks for another in that block may wait for ever, if all that may be
        open are used by those who do the same.

        Args:
            name: What `open_tenant` knows it by. It may stand in an error, so it is no secret.

        Raises:
            RuntimeError: The pool isn't open, or belongs to another event loop, or knows of no
                `open_tenant`, or that asks for the very tenant that it opens.
            ClientClosed: The pool was closed while the tenant was opened.
            TypeError, ValueError: What `open_tenant` gave is no new client of this pool.
            Exception: Whatever `open_tenant` raised.
        """
        self._transport.check_open()
        return self._tenants.use(name)

    async def forget(self, name: str) -> None:
        """Have a tenant looked up anew when it is next used: it has another password, or has left.

        Whoever uses it at this moment goes on with the old client, which is closed after that.
        Also what is known of its rate is forgotten, with the pause after a refusal (429): the next
        call goes out at once. Nothing happens if it isn't open.

        Raises:
            RuntimeError: The pool is open in another event loop.
        """
        self._check_loop()
        await self._tenants.forget(name)

    def feed(self, push: Pushed, *, tenant: str | None = None) -> bool:
        """Hand on what KlearStack pushed; see `KlearStack.feed`.

        Args:
            push: Verified, such as `klearstack_async.webhooks.parse_push` gives it.
            tenant: Whose it is. Without it, every account of the pool gets it: only right if all of
                them are at one service, where no two have the same batch ids.

        Returns:
            Whether anybody waits for its batch. Nothing is kept for a tenant that isn't open.

        Raises:
            TypeError: It is no push.
            RuntimeError: The pool is open in another event loop.
        """
        self._check_loop()
        if tenant is not None:
            return self._tenants.feed(push, tenant)
        taken = [pushes.feed(push) for pushes in [*self._pipelines.values()]]
        return any(taken)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        self._loop = asyncio.get_running_loop()
        self._tenants = self._new_tenants()
        for pipeline in self._pipelines:
            # What was a tenant's stays closed: that tenant is looked up anew.
            if pipeline.tokens in self._unclaimed:
                pipeline.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call of every account with `ClientClosed`, and close the connections.

        Raises:
            RuntimeError: The pool is open in another event loop.
        """
        self._transport.check_closable()
        try:
            await self._tenants.close([pipeline.close() for pipeline in self._pipelines])
        finally:
            self._loop = None
            await self._transport.close()

    def _check_loop(self) -> None:
        """Make sure that no two threads count the tenants at the same time.

        Raises:
            RuntimeError: The pool is open in another event loop.
        """
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError("this pool is open in another event loop; call this there")

    async def _client_of(self, name: str) -> KlearStack:
        """Ask for a tenant's client, and make sure that it is a new one of this pool."""
        if self._open_tenant is None:
            raise RuntimeError(
                f"can't open tenant {name!r}: give SessionPool a function that does, "
                "SessionPool(open_tenant)"
            )
        given = self._open_tenant(self, name)
        client = await given if inspect.isawaitable(given) else given
        if not isinstance(client, KlearStack):
            raise TypeError(
                f"open_tenant gave {type(client).__name__} for tenant {name!r}, not a KlearStack: "
                "return pool.account(...)"
            )
        tokens = client._pipeline.tokens  # noqa: SLF001 - whose client it is, variant or not
        if tokens not in self._unclaimed:
            raise ValueError(
                f"open_tenant gave a client for tenant {name!r} that isn't of this pool, or was "
                "given for a tenant before: return a new pool.account(...) each time"
            )
        self._unclaimed.discard(tokens)
        # A variant, because it is everybody's: closing that closes nothing.
        return client.with_options()
