"""The sandbox's life: open its parts in order, listen, and close them in reverse."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import anyio
from aiohttp import web

from klearstack_async.sandbox import records
from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.processing import Processing
from klearstack_async.sandbox.records import StoredDocument
from klearstack_async.sandbox.routes import ROUTES, Route, answer
from klearstack_async.sandbox.service import BatchShape, Service, Settings, StatusKey
from klearstack_async.sandbox.spool import STEP_BYTES, Spool
from klearstack_async.sandbox.store import Store
from klearstack_async.sandbox.threads import Threads
from klearstack_async.sandbox.tokens import TokenMint, TokenType

_STATUS_KEYS = ("extraction_status", "status", "extractionStatus", None)
_MAX_UPLOAD_BYTES = 8 << 30
# How long requests in flight may take to end by themselves when the sandbox stops.
_GRACE_SECONDS = 0.3


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """An emulator of the KlearStack service on a local port.

    It keeps what is uploaded, really reads PDFs, issues tokens that really expire, and answers as
    the vendor's documentation says::

        async with Sandbox() as sandbox:
            print(sandbox.url)  # http://127.0.0.1:43121

    Args:
        company_name: The one account's company.
        username: The one account's user.
        password: The one account's password.
        host: Address to listen at.
        port: Port to listen at; 0 takes any that is free.
        processing_seconds: How long a document "processes" at least before its result is there.
        access_token_seconds: Lifetime of access tokens.
        refresh_token_seconds: Lifetime of refresh tokens.
        folder: Where state is kept, so that a later sandbox goes on with it; None keeps it in a
            temporary folder until the end.
        batch_shape: The shape in which `getbatchdocuments` answers: `positional` or `keyed`.
        status_key: The key under which it tells a batch's state; None tells nothing.
        max_upload_bytes: A larger file is refused with 413; also what a zip may unpack to.

    A sandbox can be started once.
    """

    def __init__(
        self,
        *,
        company_name: str = "demo",
        username: str = "demo",
        password: str = "demo-password",  # noqa: S107 - the sandbox's password is no secret
        host: str = "127.0.0.1",
        port: int = 0,
        processing_seconds: float = 0.5,
        access_token_seconds: float = 900,
        refresh_token_seconds: float = 86400,
        folder: str | Path | None = None,
        batch_shape: BatchShape = "positional",
        status_key: StatusKey = "extraction_status",
        max_upload_bytes: int = _MAX_UPLOAD_BYTES,
        _now: Callable[[], datetime] = _utc_now,
    ) -> None:
        _check_choice("batch_shape", batch_shape, get_args(BatchShape))
        _check_choice("status_key", status_key, _STATUS_KEYS)
        self.company_name = company_name
        self.username = username
        self.password = password
        self.requests: Counter[str] = Counter()
        self._settings = Settings(
            company_name=company_name,
            username=username,
            password=password,
            processing_seconds=processing_seconds,
            batch_shape=batch_shape,
            status_key=status_key,
            max_upload_bytes=max_upload_bytes,
        )
        self._lifetimes_seconds: dict[TokenType, float] = {
            "access": access_token_seconds,
            "refresh": refresh_token_seconds,
        }
        self._host = host
        self._port = port
        self._folder = None if folder is None else Path(folder)
        self._now = _now
        self._stack = AsyncExitStack()
        self._in_flight: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._service: Service | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        if self._url is None:
            raise RuntimeError("the sandbox is not running: use it as `async with Sandbox() as s`")
        return self._url

    async def documents(self) -> list[StoredDocument]:
        """List what is stored, in the order in which it came.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        if self._service is None:
            raise RuntimeError("the sandbox is not running: use it as `async with Sandbox() as s`")
        return await self._service.store.run(records.all_documents, self._now().timestamp())

    async def start(self) -> None:
        """Open everything and listen.

        Raises:
            OSError: The port is taken, or the folder can't be used.
        """
        try:
            service = await self._open_service()
            self._service = service
            await self._listen(service)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Answer what can still be answered at once, then close everything."""
        with anyio.CancelScope(shield=True):
            await self._stack.aclose()
        self._service = None
        self._url = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _open_service(self) -> Service:
        files = Threads("files", count=4)
        self._stack.push_async_callback(files.close)
        temporary = self._folder is None
        folder = await files.run(_make_folder, self._folder)
        if temporary:
            self._stack.push_async_callback(files.run, shutil.rmtree, folder, ignore_errors=True)
        spool = Spool(folder / "spool", files)
        self._stack.push_async_callback(spool.close)
        await spool.open()
        store = Store(folder / "sandbox.db", temporary=temporary)
        self._stack.push_async_callback(store.close)
        await store.open()
        secret = await store.run(records.setting, "token_secret", partial(secrets.token_hex, 32))
        unzipping = Threads("unzip")
        self._stack.push_async_callback(unzipping.close)
        processing = Processing(store, folder / "contents", self._now)
        self._stack.push_async_callback(processing.stop)
        processing.start()
        return Service(
            settings=self._settings,
            now=self._now,
            tokens=TokenMint(secret, self._lifetimes_seconds, self._now),
            store=store,
            spool=spool,
            unzipping=unzipping,
            processing=processing,
            contents_folder=folder / "contents",
            requests=self.requests,
        )

    async def _listen(self, service: Service) -> None:
        app = web.Application()
        for route in ROUTES:
            app.router.add_post(route.path, self._handler(service, route))
        # Reading ahead a step while the one before is being written keeps uploads quick.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_GRACE_SECONDS, read_bufsize=STEP_BYTES
        )
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        self._stack.push_async_callback(self._end_requests)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{host}:{port}"

    def _handler(
        self, service: Service, route: Route
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if self._stopping:
                return RefusalError(503, "The sandbox is stopping.").to_response()
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - for the type checker: handlers run in tasks
            self._in_flight.add(task)
            try:
                return await answer(service, route, request)
            finally:
                self._in_flight.discard(task)

        return handle

    async def _end_requests(self) -> None:
        """Leave no handler behind that still uses the parts closed next."""
        self._stopping = True
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=_GRACE_SECONDS)
        for task in self._in_flight:
            task.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight)


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}")


def _make_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="klearstack-sandbox-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
