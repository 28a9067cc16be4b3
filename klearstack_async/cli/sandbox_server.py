"""The command that runs the sandbox as a server of its own."""

from __future__ import annotations

import errno
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from klearstack_async.cli.console import console_for
from klearstack_async.cli.stopping import run

if TYPE_CHECKING:
    from klearstack_async.sandbox import Sandbox

__all__ = ["sandbox"]


class Shape(StrEnum):
    """The two shapes in which results come."""

    POSITIONAL = "positional"
    KEYED = "keyed"


def sandbox(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8642,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    folder: Annotated[
        Path | None, typer.Option(help="Keep the state here; without it, it ends with the server.")
    ] = None,
    processing_seconds: Annotated[
        float, typer.Option(min=0, help="How long a document takes to be read, at least.")
    ] = 2.0,
    shape: Annotated[Shape, typer.Option(help="The shape of the results.")] = Shape.POSITIONAL,
    push_url: Annotated[
        str | None, typer.Option(help="Push every document that is done to this address.")
    ] = None,
    push_token: Annotated[
        str, typer.Option(help="The Bearer token of these pushes.")
    ] = "demo-push-token",  # noqa: S107 - the sandbox's token is no secret
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Go wrong on purpose, such as 'reset_after endpoint=uploads probability=0.02'. "
            "May be given several times."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 0,
    calls_per_second: Annotated[
        float | None, typer.Option(help="Refuse calls beyond that with 429.")
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(min=1, help="So many calls may come at once; if not set, one second's worth."),
    ] = None,
) -> None:
    """Run an emulator of the service until Ctrl-C.

    Pushes carry the sandbox's own company, username and password in their body.

    A fault is its kind and what else is to be said, with spaces between:
    endpoint= (a name, auth, uploads, reads, writes or *), probability=,
    times=, and for some kinds seconds=, status= or retry_after= (seconds,
    date:<seconds> or none). Requests ask for their own with a header, such
    as X-Sandbox-Fault: status_after status=503; latency seconds=1

    Faults with nothing done: rate_limited, unavailable, status_before,
    reset_before, stall_before, token_refused, refresh_refused, redirect.

    All done, and no right answer: status_after, reset_after, reset_answer,
    stall_after, stall_answer, truncated, junk, garbage.

    Right, and hard to bear: latency, processing, short_token, odd_status,
    hostile, close_after.
    """
    from klearstack_async.sandbox import Fault, Sandbox  # noqa: PLC0415 - an extra

    console = console_for()
    try:
        faults = [Fault.parse(text) for text in fault or ()]
    except ValueError as error:
        raise ValueError(f"--fault: {error}") from None

    async def serve() -> None:
        async with Sandbox(
            host=host,
            port=port,
            folder=folder,
            processing_seconds=processing_seconds,
            batch_shape=shape.value,
            faults=faults,
            seed=seed,
            calls_per_second=calls_per_second,
            burst=burst,
        ) as server:
            if push_url is not None:
                await _push_from(server, push_url, push_token)
            console.print(f"Sandbox at {server.url} (Ctrl-C stops it). To use it:\n")
            for name, value in (
                ("URL", server.url),
                ("COMPANY", server.company_name),
                ("USERNAME", server.username),
                ("PASSWORD", server.password),
            ):
                console.print(f"  export KLEARSTACK_{name}={value}", markup=False)
            await anyio.sleep_forever()

    try:
        run(serve())
    except KeyboardInterrupt:
        console.print("\nSandbox stopped")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise ValueError(f"port {port} is taken; choose another with --port") from None


async def _push_from(server: Sandbox, url: str, token: str) -> None:
    from klearstack_async.sandbox import PushTarget  # noqa: PLC0415 - an extra

    try:
        target = PushTarget(
            url=url,
            token=token,
            company_name=server.company_name,
            username=server.username,
            password=server.password,
        )
    except ValueError as error:
        raise ValueError(f"--push-url, --push-token: {error}") from None
    await server.register_push(target)
