"""What the tests of event streams share: a browser's `EventSource`, and a run that can be held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from documents import picture_png
from fastapi import FastAPI, Request, Response
from fastapi_kit import served

from klearstack_async import BytesSource
from klearstack_async.fastapi.events import BulkEvents


@dataclass(frozen=True)
class Told:
    """One event as a browser's script gets it."""

    name: str
    data: Any
    last_id: str


def parsed(lines: Iterable[str]) -> list[Told]:
    """Read a stream as the HTML standard says a browser does, 9.2.6."""
    found: list[Told] = []
    data: list[str] = []
    name = last_id = ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append(Told(name or "message", json.loads("\n".join(data)), last_id))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
    return found


class Listener:
    """A browser that listens."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def block(self) -> str:
        """Wait for what stands before the next empty line."""
        return (await self.answer.content.readuntil(b"\n\n")).decode()

    async def next(self) -> Told:
        """Wait for the next event, whatever it is."""
        while True:
            for event in parsed((await self.block()).split("\n")):
                return event

    async def until(self, name: str) -> list[Told]:
        """Take events until one of this name has come."""
        events = [await self.next()]
        while events[-1].name != name:
            events.append(await self.next())
        return events

    async def rest(self) -> list[Told]:
        """Take all events to the stream's end."""
        return parsed((await self.answer.text()).split("\n"))


@dataclass
class Place:
    """Where the events of a run can be heard."""

    url: str
    session: aiohttp.ClientSession

    @asynccontextmanager
    async def listener(self, last_id: str | None = None) -> AsyncIterator[Listener]:
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        async with self.session.get(self.url, headers=headers) as answer:
            yield Listener(answer)


@asynccontextmanager
async def place_of(events: BulkEvents) -> AsyncIterator[Place]:
    """Serve the events of a run; its streams end with the block."""
    app = FastAPI()

    @app.get("/events")
    async def tell(request: Request) -> Response:
        return events.response(request)

    # Large lines are read in pieces otherwise.
    async with (
        served(app) as url,
        aiohttp.ClientSession(read_bufsize=1 << 20) as session,
    ):
        yield Place(f"{url}/events", session)
        events.close()


class Held:
    """Sources that come when they are let go."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(0)

    def let_go(self, count: int = 1) -> None:
        for _ in range(count):
            self._free.release()

    async def __aiter__(self) -> AsyncIterator[BytesSource]:
        for number in range(1, self._count + 1):
            await self._free.acquire()
            yield BytesSource(picture(number), f"{number}.png")


def picture(number: int) -> bytes:
    """Make a picture that is like no other: what stands behind its end doesn't count."""
    return picture_png() + str(number).encode()
