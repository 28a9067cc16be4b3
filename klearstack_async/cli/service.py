"""Which service a command talks to: the account in the environment, or a sandbox of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console

from klearstack_async.client import KlearStack
from klearstack_async.configuration import configured
from klearstack_async.limits import Rate

__all__ = ["client_for"]


@asynccontextmanager
async def client_for(
    console: Console, *, sandbox: bool = False, rate: Rate | None = None
) -> AsyncIterator[KlearStack]:
    """Open a client, and a sandbox first if there is no account.

    Args:
        console: Where to say which service it is.
        sandbox: Use a sandbox whatever the environment says.
        rate: How many calls there may be, over time.

    Raises:
        ValueError: The environment names only a part of an account.
        ImportError: A sandbox is needed, and its extra isn't installed.
    """
    if not sandbox and configured():
        async with KlearStack.from_env(rate=rate) as client:
            console.print(
                f"Service: {client.account.url} as {client.account.username}", markup=False
            )
            yield client
        return
    from klearstack_async.sandbox import Sandbox  # noqa: PLC0415 - an extra

    async with (
        Sandbox() as own,
        KlearStack(
            own.url,
            company_name=own.company_name,
            username=own.username,
            password=own.password,
            rate=rate,
        ) as client,
    ):
        why = "" if sandbox else " (no account: KLEARSTACK_URL is not set)"
        console.print(f"Service: a sandbox on this machine{why}")
        yield client
