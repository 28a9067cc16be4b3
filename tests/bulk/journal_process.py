"""A process that uses a journal, to be killed from outside. Run it with a path and a round.

Each line on its output says something that the journal has acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys

from klearstack_async.bulk.journal import Ended, Journal
from klearstack_async.bulk.states import SourceState

ACCOUNT = "https://demo.example demo ap"
TASKS = 8


def say(*words: object) -> None:
    """Write a line at once: what stands in a buffer dies with the process."""
    os.write(1, json.dumps(words).encode() + b"\n")


async def send_all(journal: Journal, keys: itertools.count[int], prefix: str) -> None:
    for key in keys:
        name = f"{prefix}-{key}"
        entry = await journal.meet(name, name, None)
        say(entry.number, "found")
        await journal.identify(entry.number, size_bytes=key, modified_ns=None, sha256=name)
        say(entry.number, "identified")
        parcel = await journal.begin_sending([(entry.number, f"remote-{name}")])
        say(entry.number, "sending")
        await journal.sent(parcel, f"batch-{name}", 1.0)
        say(entry.number, "sent")
        await journal.end(
            [Ended(entry.number, SourceState.EXTRACTED, documents=1)], {"out": entry.number}
        )
        say(entry.number, "extracted")


async def run(path: str, prefix: str) -> None:
    say(0, "opening")
    async with Journal.open(path, account=ACCOUNT) as journal:
        say(0, "open")
        if prefix == "hold":
            await asyncio.to_thread(sys.stdin.read)
            return
        keys = itertools.count()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(send_all(journal, keys, prefix))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2]))
