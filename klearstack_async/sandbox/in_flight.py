"""The requests that are being answered: known, so that none outlives the parts that it uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.routes import Route, answer
from klearstack_async.sandbox.service import Service

# How long requests may take to end by themselves when the sandbox stops.
GRACE_SECONDS = 0.3


class InFlight:
    """Makes handlers, and ends those that run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping = False

    def handler(
        self, service: Service, route: Route
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make the handler of a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._stopping:
                return RefusalError(503, "The sandbox is stopping.").to_response()
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - for the type checker: handlers run in tasks
            self._tasks.add(task)
            try:
                return await answer(service, route, request)
            finally:
                self._tasks.discard(task)

        return handle

    async def end(self) -> None:
        """Leave no handler behind that still uses the parts closed next."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
