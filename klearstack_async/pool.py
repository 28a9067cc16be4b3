"""One pool of connections for many accounts: a service with many tenants, or many processes' work.

Each account keeps its tokens, its rate and its number of calls at once to itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self, Unpack
from weakref import WeakSet

from klearstack_async.client import CONCURRENCY, ClientOptions, KlearStack
from klearstack_async.endpoints.unverified import level_of_the_caller
from klearstack_async.pipeline import Pipeline
from klearstack_async.settings import Encoding, EndpointOverride, Tls
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.tls import warn_if_insecure

__all__ = ["SessionPool"]


class SessionPool:
    """Connections that many clients share. Use it as `async with SessionPool() as pool:`.

    A pool belongs to the event loop in which it was entered.
    """

    def __init__(self, *, connections: int = CONCURRENCY, tls: Tls | None = None) -> None:
        """Set the pool up; nothing is connected before the first call.

        Args:
            connections: How many calls may be on their way, for all accounts together, and four
                logins beside; fewer if `ulimit -n` doesn't allow for as many. Each has a
                connection; those that rest stay open for some seconds.
            tls: How to check the servers' certificates.

        Raises:
            ValueError: There can't be that few connections.
        """
        if connections < 1:
            raise ValueError("connections is 1 or more")
        warn_if_insecure(
            tls or Tls(), "every server of this pool", stacklevel=level_of_the_caller()
        )
        self._transport = HttpTransport(tls=tls or Tls(), connections=connections)
        # Not the clients: a call that is under way, and a variant, hold nothing but their pipeline.
        # Whoever is of no more use to the program needs not be closed either.
        self._pipelines: WeakSet[Pipeline] = WeakSet()

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
        self._pipelines.add(client._pipeline)  # noqa: SLF001 - made here
        return client

    async def __aenter__(self) -> Self:
        await self._transport.open()
        for pipeline in self._pipelines:
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
        """End every call of every account with `ClientClosed`, and close the connections."""
        try:
            closing = [pipeline.close() for pipeline in self._pipelines]
            # All at once, and to the end: one that takes its time holds up no other, and whoever
            # gives up waiting has closed them all the same.
            await asyncio.shield(asyncio.gather(*closing))
        finally:
            await self._transport.close()
