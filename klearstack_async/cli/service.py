"""Which service a command talks to: the account in the environment, or a sandbox of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from klearstack_async.client import KlearStack
from klearstack_async.configuration import configured
from klearstack_async.limits import Rate

__all__ = ["Place", "client_for"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which service is meant.

    Attributes:
        sandbox: Use a sandbox whatever the environment says.
        folder: Where such a sandbox keeps its state; None if it need not outlive the command.
        port: Where it listens; 0 takes any port that is free.
    """

    sandbox: bool = False
    folder: Path | None = None
    port: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the command starts a sandbox of its own."""
        return self.sandbox or not configured()


@asynccontextmanager
async def client_for(
    console: Console, place: Place, *, rate: Rate | None = None
) -> AsyncIterator[KlearStack]:
    """Open a client, and a sandbox first if there is no account.

    Args:
        console: Where to say which service it is.
        place: Which service is meant.
        rate: How many calls there may be, over time.

    Raises:
        ValueError: The environment names only a part of an account.
        ImportError: A sandbox is needed, and its extra isn't installed.
    """
    if not place.is_own:
        async with KlearStack.from_env(rate=rate) as client:
            console.print(
                f"Service: {client.account.url} as {client.account.username}", markup=False
            )
            yield client
        return
    from klearstack_async.sandbox import Sandbox  # noqa: PLC0415 - an extra

    async with (
        Sandbox(folder=place.folder, port=place.port) as own,
        KlearStack(
            own.url,
            company_name=own.company_name,
            username=own.username,
            password=own.password,
            rate=rate,
        ) as client,
    ):
        why = "" if place.sandbox else " (no account: KLEARSTACK_URL is not set)"
        where = "" if place.folder is None else f"; it keeps its state in {place.folder}"
        console.print(f"Service: a sandbox on this machine{why}{where}", markup=False)
        yield client
