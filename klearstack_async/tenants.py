"""The tenants of a pool: opened when somebody comes, kept while they are used, closed when idle.

Who they are is for the user's function to say, and what they share is the pool's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

from klearstack_async.client import KlearStack
from klearstack_async.errors import ClientClosed
from klearstack_async.pushes import Pushed
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.gate import Gate

__all__ = ["IDLE_SECONDS", "MOST_TENANTS", "Tenants"]

MOST_TENANTS = 1000
IDLE_SECONDS = 600.0

# How long the end of a pool waits for look-ups that were told to end.
_CLOSE_SECONDS = 5.0


class _Tenant:
    """One tenant's client, from the first who asks for it until it is closed.

    Attributes:
        name: By which it is asked for.
        client: None while it is looked up.
        users: How many use it, or wait for it.
        idle_at: Since when nobody does.
        opening: What looks it up, or did.
    """

    __slots__ = ("client", "idle_at", "name", "opening", "users")

    def __init__(self, name: str) -> None:
        """Begin with nobody who uses it."""
        self.name = name
        self.client: KlearStack | None = None
        self.users = 0
        self.idle_at = 0.0
        self.opening: asyncio.Task[KlearStack] | None = None


class Tenants:
    """The open tenants of one life of a pool: it isn't opened again after its end."""

    def __init__(
        self,
        open_client: Callable[[str], Awaitable[KlearStack]],
        *,
        most: int = MOST_TENANTS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Clock,
    ) -> None:
        """Begin with none.

        Args:
            open_client: Gives a tenant's client by its name.
            most: How many may be open at once.
            idle_seconds: How long one is kept that nobody uses.
            clock: What time it is.

        Raises:
            ValueError: There can't be that few, or for so short.
        """
        if most < 1:
            raise ValueError("most_tenants is 1 or more")
        if not idle_seconds >= 0:
            raise ValueError(f"idle_seconds is 0 or more, not {idle_seconds!r}")
        self._open_client = open_client
        self._idle_seconds, self._clock = idle_seconds, clock
        # A place is taken from before the look-up until the client is closed.
        self._places = Gate(most)
        self._current: dict[str, _Tenant] = {}
        # Forgotten, and still in use. There may be several of one name.
        self._outgoing: set[_Tenant] = set()
        # Ordered: the longest idle stands first.
        self._idle: dict[_Tenant, None] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._openings: set[asyncio.Task[KlearStack]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._is_closed = False

    @asynccontextmanager
    async def use(self, name: str) -> AsyncGenerator[KlearStack]:
        """Open a tenant, unless it is open, and keep it open meanwhile.

        Raises:
            ClientClosed: The pool was closed while it was opened.
            RuntimeError: The pool was closed before.
            Exception: Whatever the look-up raised.
        """
        if self._is_closed:
            raise RuntimeError("this pool is closed; ask for tenants inside its block")
        tenant = self._current.get(name)
        if tenant is None:
            tenant = self._current[name] = _Tenant(name)
        self._idle.pop(tenant, None)
        tenant.users += 1
        try:
            yield tenant.client or await self._opened(tenant)
        finally:
            tenant.users -= 1
            if not tenant.users and not self._is_closed:
                self._rest(tenant)

    async def forget(self, name: str) -> None:
        """Have the next user open this tenant anew; what is open is closed once nobody uses it."""
        tenant = self._current.pop(name, None)
        if tenant is None:
            return
        self._outgoing.add(tenant)
        if tenant in self._idle:
            del self._idle[tenant]
            # To its end, even if whoever waits here gives up.
            await asyncio.shield(self._close(tenant))

    def feed(self, push: Pushed, name: str) -> bool:
        """Hand a push to a tenant, if it is open; see `KlearStack.feed`."""
        found = [tenant for tenant in self._outgoing if tenant.name == name]
        if name in self._current:
            found.append(self._current[name])
        # Each of them: also who uses the old client may be waiting.
        taken = [tenant.client.feed(push) for tenant in found if tenant.client is not None]
        return any(taken)

    def stop(self) -> None:
        """Let nobody in any more, break off what is being looked up, and remember nobody."""
        self._is_closed = True
        for task in (*self._openings, self._sweeper):
            if task is not None:
                task.cancel()
        for kept in (self._current, self._idle, self._outgoing):
            kept.clear()

    async def ended(self) -> None:
        """Wait until what `stop` has broken off has ended."""
        tasks: set[asyncio.Task[Any]] = {*self._openings, *self._closing}
        if self._sweeper is not None:
            tasks.add(self._sweeper)
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)

    async def _opened(self, tenant: _Tenant) -> KlearStack:
        """Join the look-up that is going on, or begin it."""
        opening = tenant.opening = tenant.opening or self._begun(tenant)
        failure: Exception
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not opening.cancelled() or (task is not None and task.cancelling()):
                raise
            if self._is_closed:
                failure = ClientClosed(f"the pool was closed while {tenant.name!r} was opened")
            else:
                failure = RuntimeError(f"what opens tenants was cancelled at {tenant.name!r}")
        raise failure

    def _begun(self, tenant: _Tenant) -> asyncio.Task[KlearStack]:
        # With the context of whoever is the first to ask: it is this tenant's own.
        opening = asyncio.create_task(self._open(tenant), name="klearstack tenant")
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)
        # Who waited may have gone; then it is nobody's to hear.
        opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        return opening

    async def _open(self, tenant: _Tenant) -> KlearStack:
        try:
            if not self._places.try_enter():
                self._make_room()
                await self._places.enter()
            try:
                tenant.client = await self._open_client(tenant.name)
            except BaseException:
                self._places.leave()
                raise
        except BaseException:
            # Before those who wait hear of it: whoever comes next tries again.
            self._drop(tenant)
            raise
        if not tenant.users and not self._is_closed:
            # Nobody waits any more, but the look-up didn't let itself be broken off.
            self._rest(tenant)
        return tenant.client

    def _drop(self, tenant: _Tenant) -> None:
        self._outgoing.discard(tenant)
        if not self._is_gone(tenant):
            del self._current[tenant.name]

    def _is_gone(self, tenant: _Tenant) -> bool:
        return self._current.get(tenant.name) is not tenant

    def _rest(self, tenant: _Tenant) -> None:
        """Keep a tenant that nobody uses now, unless it was forgotten or its place is wanted."""
        if tenant.client is None:
            # It has failed, or nobody waits for it any more.
            self._drop(tenant)
            if tenant.opening is not None:
                tenant.opening.cancel()
        elif self._is_gone(tenant) or self._places.waiting > len(self._closing):
            self._close(tenant)
        else:
            tenant.idle_at = self._clock.seconds()
            self._idle[tenant] = None
            if self._sweeper is None or self._sweeper.done():
                self._sweeper = _apart(self._sweep())

    def _make_room(self) -> None:
        """Close the one that was idle longest, unless enough are being closed or none is."""
        tenant = next(iter(self._idle), None)
        if tenant is not None and self._places.waiting >= len(self._closing):
            del self._idle[tenant]
            self._close(tenant)

    def _close(self, tenant: _Tenant) -> asyncio.Task[None]:
        """Close a tenant beside: nobody has to wait for its end, nor can break it off."""
        self._drop(tenant)
        closing = _apart(self._close_client(tenant))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return closing

    async def _close_client(self, tenant: _Tenant) -> None:
        try:
            if tenant.client is not None:
                # Its own `close` does nothing if it is a variant.
                await tenant.client._pipeline.close()  # noqa: SLF001 - nobody else's, by now
        finally:
            self._places.leave()

    async def _sweep(self) -> None:
        """Close one after the other that was idle for long, until none is idle."""
        while (tenant := next(iter(self._idle), None)) is not None:
            left = tenant.idle_at + self._idle_seconds - self._clock.seconds()
            if left > 0:
                await self._clock.sleep(left)
            else:
                del self._idle[tenant]
                self._close(tenant)


def _apart(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Run something in a task that knows nothing of who began it.

    It may be another tenant's request, whose log lines say so by the context.
    """
    return asyncio.create_task(work, name="klearstack tenants", context=Context())
