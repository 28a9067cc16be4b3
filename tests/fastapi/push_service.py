"""An application for tests that need processes of its own: it notes in files what it handles.

`PUSH_FOLDER` is where, `PUSH_RUN` is `run`, `PUSH_TOKEN` the token. Handlers end once there is a
file `go`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI

from klearstack_async.fastapi.push import Claim, push_router
from klearstack_async.webhooks import Push


class SeenInFile:
    """Which pushes were handled, for all processes of this machine."""

    def __init__(self, path: Path, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        # A connection may go from thread to thread, but not be used by two at once.
        self._turn = asyncio.Lock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # The tests kill processes, not the machine.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS seen"
            " (document TEXT PRIMARY KEY, key TEXT UNIQUE, state TEXT, at REAL)"
        )

    async def claim(self, key: str) -> Claim:
        now = time.time()
        # One row for each document, with its latest content.
        taken = await self._run(
            "INSERT INTO seen VALUES (?, ?, 'running', ?) ON CONFLICT DO UPDATE"
            " SET key = excluded.key, state = 'running', at = excluded.at"
            " WHERE key <> excluded.key OR (state = 'running' AND at < ?) RETURNING key",
            (key.rpartition("/")[0], key, now, now - self._lease_seconds),
        )
        if taken:
            return "new"
        found = await self._run("SELECT state FROM seen WHERE key = ?", (key,))
        return "done" if found == [("done",)] else "running"

    async def done(self, key: str) -> None:
        await self._run("UPDATE seen SET state = 'done' WHERE key = ?", (key,))

    async def give_back(self, key: str) -> None:
        await self._run("DELETE FROM seen WHERE key = ?", (key,))

    async def _run(self, sql: str, values: tuple[object, ...]) -> list[tuple[str]]:
        async with self._turn:
            return await run_sync(lambda: self._database.execute(sql, values).fetchall())


def note(path: Path, text: str) -> None:
    # In one step, also if several processes do.
    with path.open("a") as file:
        file.write(f"{text}\n")


async def handle(folder: Path, push: Push) -> None:
    note(folder / "begun", push.document_id)
    while not (folder / "go").exists():  # noqa: ASYNC110 - another process makes it
        await anyio.sleep(0.01)
    note(folder / "ended", push.document_id)


def app() -> FastAPI:
    folder = Path(os.environ["PUSH_FOLDER"])
    seen = SeenInFile(folder / "seen.db", float(os.environ["PUSH_LEASE_SECONDS"]))
    app = FastAPI()
    run: Any = os.environ["PUSH_RUN"]
    app.include_router(
        push_router(partial(handle, folder), token=os.environ["PUSH_TOKEN"], run=run, seen=seen)
    )
    return app
