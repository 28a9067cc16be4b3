"""A bulk run as a program of its own, so that a test can kill it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from klearstack_async import KlearStack, Polling, RetryPolicy, Timeouts


async def run(folder: str, journal: str, out: str, options: dict[str, Any]) -> None:
    client = KlearStack.from_env(
        polling=Polling(first_seconds=0.02, longest_seconds=0.2),
        retry=RetryPolicy(first_seconds=0.01),
        timeouts=Timeouts(stall_seconds=1),
    )
    # Few at a time, so that there is something left to do when it is killed.
    options = {"workers": 8, **options}
    async with client as ks, ks.bulk(folder, journal=journal, out=out, **options) as going:
        async for _ in going:
            pass
    print(going.report)  # noqa: T201 - read by the test


if __name__ == "__main__":
    _, given, kept, written, said = sys.argv
    asyncio.run(run(given, kept, written, json.loads(said)))
