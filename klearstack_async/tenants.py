"""The tenants of a pool: opened when somebody comes, kept while they are used, closed when idle.

Who they are is for the user's function to say, and what they share is the pool's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, nullcontext
from contextvars import Context, ContextVar
from typing import Any

from anyio import CapacityLimiter

from klearstack_async.client import KlearStack
from klearstack_async.errors import ClientClosed
from klearstack_async.pushes import Pushed
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.gate import Gate

__all__ = ["IDLE_SECONDS", "MOST_TENANTS", "Tenants"]

MOST_TENANTS = 1000
IDLE_SECONDS = 600.0
# How many look-ups may go on at once. They take no tenant's place, so that names that nobody has
# close no good ones, and look-ups that hang keep none out.
_LOOK_UPS = 100
# How long what was told to end is waited for: longer than calls have to take note.
_CLOSE_SECONDS = 10.0
# How often at most to look whether a tenant's pause is over.
_PAUSED_SECONDS = 1.0


class _Tenant:
    """One tenant's client, from the first who asks for it until it is closed.

    Attributes:
        name: By which it is asked for.
        client: None until it is looked up and has a place.
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

    @property
    def is_paused(self) -> bool:
        """Whether the service wants to be left alone: that would be forgotten with the client."""
        return self.client is not None and self.client.rate.paused_seconds > 0


# Which tenants are being looked up where this is asked: one may be opened by means of another.
_LOOKED_UP: ContextVar[tuple[_Tenant, ...]] = ContextVar("klearstack tenants", default=())


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
        self._look_ups = CapacityLimiter(_LOOK_UPS)
        # A place is held from the end of the look-up until the client is closed.
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
            RuntimeError: The pool was closed before, or the tenant's own look-up asks for it.
            Exception: Whatever the look-up raised.
        """
        if self._is_closed:
            raise RuntimeError("this pool is closed; ask for tenants inside its block")
        tenant = self._current.get(name)
        if tenant is None:
            tenant = self._current[name] = _Tenant(name)
        elif tenant.client is None and tenant in _LOOKED_UP.get():
            raise RuntimeError(
                f"open_tenant asks for tenant {name!r} to open {name!r}: it would wait for itself"
            )
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

    async def close(self, others: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Let nobody in any more, break off what is being looked up, and remember nobody.

        Then wait until that, and what else is to be closed, has ended, but not for ever. All at
        once: one that takes its time holds up no other, and goes on if whoever waits gives up.
        """
        self._is_closed = True
        broken_off = {*self._openings, *([self._sweeper] if self._sweeper is not None else [])}
        for task in broken_off:
            task.cancel()
        for kept in (self._current, self._idle, self._outgoing):
            kept.clear()
        tasks = {*broken_off, *self._closing, *map(_apart, others)}
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)

    async def _opened(self, tenant: _Tenant) -> KlearStack:
        """Join the look-up that is going on, or begin it."""
        opening = tenant.opening = tenant.opening or self._begun(tenant)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not opening.cancelled() or (task is not None and task.cancelling()):
                raise
            name = tenant.name
            failure: Exception = RuntimeError(f"what opens tenants was cancelled at {name!r}")
            if self._is_closed:
                failure = ClientClosed(f"the pool was closed while {name!r} was opened")
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
        client: KlearStack | None = None
        try:
            client = await self._looked_up(tenant)
            await self._take_place(tenant)
        except BaseException:
            # Before those who wait hear of it: whoever comes next tries again.
            self._drop(tenant)
            await _end(client)
            raise
        tenant.client = client
        return client

    async def _looked_up(self, tenant: _Tenant) -> KlearStack:
        outer = _LOOKED_UP.get()
        _LOOKED_UP.set((*outer, tenant))
        # Those of which it is part count already: waiting for each other, none of them would end.
        async with nullcontext() if outer else self._look_ups:
            return await self._open_client(tenant.name)

    async def _take_place(self, tenant: _Tenant) -> None:
        """Take a place, or wait for one: the longest idle makes room, unless enough do already."""
        if self._is_closed or not tenant.users:
            # The look-up was to be broken off, and has gone on all the same.
            raise asyncio.CancelledError
        if self._places.try_enter():
            return
        if self._idle and self._places.waiting >= len(self._closing):
            paused = next(iter(self._idle))
            idle = next((each for each in self._idle if not each.is_paused), paused)
            del self._idle[idle]
            self._close(idle)
        await self._places.enter()

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

    def _close(self, tenant: _Tenant) -> asyncio.Task[None]:
        """Close a tenant beside: nobody has to wait for its end, nor can break it off."""
        self._drop(tenant)
        closing = _apart(self._close_client(tenant))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return closing

    async def _close_client(self, tenant: _Tenant) -> None:
        try:
            await _end(tenant.client)
        finally:
            self._places.leave()

    async def _sweep(self) -> None:
        """Close one after the other that was idle for long, until none is idle."""
        while (left := self._close_idle()) is not None:
            await self._clock.sleep(left)

    def _close_idle(self) -> float | None:
        """Close those that were idle for long, and give the seconds until to look again."""
        found: float | None = None
        for tenant in [*self._idle]:
            left = tenant.idle_at + self._idle_seconds - self._clock.seconds()
            if left > 0:
                # Nor are those behind it due.
                return left
            if tenant.is_paused:
                # By then, also one may be due that isn't idle yet.
                found = max(self._idle_seconds, _PAUSED_SECONDS)
            else:
                del self._idle[tenant]
                self._close(tenant)
        return found


async def _end(client: KlearStack | None) -> None:
    """Close a client, and wait for that, but not for ever: a token store may not let itself end."""
    if client is not None:
        # Its own `close` does nothing if it is a variant.
        closing = _apart(client._pipeline.close())  # noqa: SLF001 - nobody else's, by now
        await asyncio.wait([closing], timeout=_CLOSE_SECONDS)


def _apart(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Run something in a task that knows nothing of who began it.

    It may be another tenant's request, whose log lines say so by the context.
    """
    return asyncio.create_task(work, name="klearstack tenants", context=Context())
