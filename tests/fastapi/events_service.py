"""A service with one bulk run that doesn't end by itself, and its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from klearstack_async import BytesSource
from klearstack_async.fastapi import lifespan
from klearstack_async.fastapi.events import BulkEvents


async def none_yet() -> AsyncIterator[BytesSource]:
    await asyncio.Event().wait()
    yield BytesSource(b"", "never.png")


@asynccontextmanager
async def with_a_run(app: FastAPI) -> AsyncIterator[None]:
    events = BulkEvents(app.state.klearstack.bulk(none_yet()))
    app.state.events = events
    driving = asyncio.create_task(events.drive())
    yield
    driving.cancel()
    await asyncio.wait([driving])


app = FastAPI(lifespan=lifespan(within=with_a_run))


@app.get("/events")
async def tell(request: Request) -> Response:
    events: BulkEvents = request.app.state.events
    return events.response(request)
