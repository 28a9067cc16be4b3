"""The command: the service on this machine, on a sandbox unless an account is set."""

# ruff: noqa: T201 - a command talks

from __future__ import annotations

import argparse
import contextlib
import errno
import socket
import sys
import warnings
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Lifespan

from klearstack_async import KlearStack, UnverifiedEndpointWarning
from klearstack_async.configuration import configured
from klearstack_async.examples.invoices.app import create_app, keep_jobs
from klearstack_async.fastapi import lifespan

HOST = "127.0.0.1"


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m klearstack_async.examples.invoices")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any that is free")
    port = parser.parse_args().port
    try:
        listening = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        sys.exit(f"port {port} {'is taken' if taken else 'can not be used'}: choose another --port")
    with listening:
        life: Lifespan[FastAPI] = on_sandbox
        service = "a sandbox on this machine: KLEARSTACK_URL is not set"
        if configured():
            try:
                client = KlearStack.from_env()
            except (ValueError, OSError) as error:
                sys.exit(str(error))
            life, service = lifespan(client, within=keep_jobs), client.account.url
        print(f"Invoices at http://{HOST}:{listening.getsockname()[1]} (Ctrl-C stops it)")
        print(f"Read by {service}", flush=True)
        app = create_app(life)
        # Another website's name may lead here, and its pages would count as this one's own.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
        serve(app, listening)
    print("Stopped")


@contextlib.asynccontextmanager
async def on_sandbox(app: FastAPI) -> AsyncIterator[None]:
    """Be the application's life, with a sandbox of its own around the client."""
    from klearstack_async.sandbox import Sandbox  # noqa: PLC0415 - an extra

    # The sandbox has them under the names that are assumed.
    warnings.simplefilter("ignore", UnverifiedEndpointWarning)
    async with Sandbox(processing_seconds=1) as sandbox:
        client = KlearStack(
            sandbox.url,
            company_name=sandbox.company_name,
            username=sandbox.username,
            password=sandbox.password,
        )
        async with lifespan(client, within=keep_jobs)(app):
            yield


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Run uvicorn on a socket that is open already."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        # For browsers that take nothing off their connection; event streams end by themselves.
        timeout_graceful_shutdown=5,
    )
    # uvicorn raises it once more when everything was closed.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
