"""The sandbox: what it is told, what it tells, and its life of opening, listening, closing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import anyio
from aiohttp import web

from klearstack_async.sandbox import mapping, push_records, selection
from klearstack_async.sandbox.faults.choice import Faults
from klearstack_async.sandbox.faults.fault import Fault
from klearstack_async.sandbox.in_flight import GRACE_SECONDS, InFlight
from klearstack_async.sandbox.opening import Plan, open_service
from klearstack_async.sandbox.push_records import Push
from klearstack_async.sandbox.push_target import PushTarget
from klearstack_async.sandbox.rate import RateLimit
from klearstack_async.sandbox.routes import ROUTES
from klearstack_async.sandbox.selection import StoredDocument
from klearstack_async.sandbox.service import (
    STATUS_WORDS,
    ImageAnswer,
    Service,
    Settings,
    StatusKey,
)
from klearstack_async.sandbox.shapes import BatchShape
from klearstack_async.sandbox.spool import STEP_BYTES
from klearstack_async.sandbox.tokens import TokenType
from klearstack_async.sandbox.users import SandboxUser, check_users

_STATUS_KEYS = ("extraction_status", "status", "extractionStatus", None)
_NOT_RUNNING = "the sandbox is not running: use it as `async with Sandbox() as s`"
_MAX_UPLOAD_BYTES = 8 << 30


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """An emulator of the KlearStack service on a local port.

    It keeps what is uploaded, really reads PDFs, issues tokens that really expire, and answers as
    the vendor's documentation says::

        async with Sandbox() as sandbox:
            print(sandbox.url)  # http://127.0.0.1:43121

    Args:
        company_name: The one company.
        username: The main user, an Admin.
        password: The main user's password.
        users: Further users, of any role.
        host: Address to listen at.
        port: Port to listen at; 0 takes any that is free.
        processing_seconds: How long a document "processes" at least before its result is there.
        access_token_seconds: Lifetime of access tokens.
        refresh_token_seconds: Lifetime of refresh tokens.
        folder: Where state is kept, so that a later sandbox goes on with it; None keeps it in a
            temporary folder until the end.
        batch_shape: The shape in which `getbatchdocuments` answers: `positional` or `keyed`.
        status_key: The key under which it tells a batch's state; None tells nothing.
        image_answer: How `getdocumentimage` answers: with the picture's `bytes`, or with JSON that
            holds it as `base64` or tells its `url` on the sandbox.
        push: The endpoint that results are pushed to when a document is finished; None pushes
            nothing.
        max_upload_bytes: A larger file is refused with 413; also what a zip may unpack to.
        faults: What goes wrong on purpose, in the order in which it is tried: of those that hit
            a request, the first is made, and every `latency`. A request can also ask for faults
            of its own: ``X-Sandbox-Fault: reset_after``, with the syntax of `Fault.parse` and
            semicolons between several.
        seed: The same seed and the same requests give the same faults.
        calls_per_second: Calls beyond that are refused with 429; None sets no limit.
        burst: How many calls may come at once; None means one second's worth.
        retry_after_seconds: What such a refusal says in its Retry-After.

    Attributes:
        requests: How many requests came, by endpoint; refused and faulty ones count.
        refused: How many of them the rate limit refused, by endpoint.
        faults_made: How many faults were made, by kind.

    Raises:
        ValueError: A setting is impossible, or a fault is for an endpoint that there isn't.

    A sandbox can be started once.
    """

    def __init__(
        self,
        *,
        company_name: str = "demo",
        username: str = "demo",
        password: str = "demo-password",  # noqa: S107 - the sandbox's password is no secret
        users: Iterable[SandboxUser] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        processing_seconds: float = 0.5,
        access_token_seconds: float = 900,
        refresh_token_seconds: float = 86400,
        folder: str | Path | None = None,
        batch_shape: BatchShape = "positional",
        status_key: StatusKey = "extraction_status",
        image_answer: ImageAnswer = "bytes",
        push: PushTarget | None = None,
        max_upload_bytes: int = _MAX_UPLOAD_BYTES,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        calls_per_second: float | None = None,
        burst: int | None = None,
        retry_after_seconds: float = 1,
        _now: Callable[[], datetime] = _utc_now,
    ) -> None:
        _check_choice("batch_shape", batch_shape, get_args(BatchShape))
        _check_choice("status_key", status_key, _STATUS_KEYS)
        _check_choice("image_answer", image_answer, get_args(ImageAnswer))
        self.company_name = company_name
        self.username = username
        self.password = password
        self._faults = Faults(faults, seed)
        self._rate = RateLimit(calls_per_second, burst, retry_after_seconds, _now)
        self.requests: Counter[str] = Counter()
        self.refused = self._rate.refused
        self.faults_made = self._faults.made
        self._settings = Settings(
            processing_seconds=processing_seconds,
            batch_shape=batch_shape,
            status_key=status_key,
            status_words=STATUS_WORDS,
            max_upload_bytes=max_upload_bytes,
            image_answer=image_answer,
        )
        lifetimes_seconds: dict[TokenType, float] = {
            "access": access_token_seconds,
            "refresh": refresh_token_seconds,
        }
        self._plan = Plan(
            settings=self._settings,
            company_name=company_name,
            users=check_users([SandboxUser(username, password, "Admin"), *users]),
            lifetimes_seconds=lifetimes_seconds,
            folder=None if folder is None else Path(folder),
            push=push,
            now=_now,
            requests=self.requests,
            faults=self._faults,
            rate=self._rate,
        )
        self._host = host
        self._port = port
        self._now = _now
        self._stack = AsyncExitStack()
        self._requests = InFlight()
        self._service: Service | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        if self._url is None:
            raise RuntimeError(_NOT_RUNNING)
        return self._url

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong on purpose. Another list may be set at any time, also while it runs.

        Setting it begins the faults' draws and their `times` anew.

        Raises:
            ValueError: A fault that is set is for an endpoint that there isn't.
        """
        return self._faults.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._faults.replace(faults)

    async def documents(self) -> list[StoredDocument]:
        """List what is stored, in the order in which it came.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        return await self._running().store.run(selection.all_documents, self._now().timestamp())

    async def field_mapping(self, collection_name: str) -> mapping.Mapping:
        """Tell what `updatemappingdataapi` has set for a collection: by document type and field.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        return await self._running().store.run(mapping.mapping_of, collection_name)

    async def register_push(self, target: PushTarget | None) -> None:
        """Push what is finished from now on to another endpoint, or to none.

        What was finished while there was none is not made up for; `retry_push_api` sends it.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        await self._running().pushing.register(target)

    async def settle_pushes(self) -> None:
        """Wait until every document finished by now, on the sandbox's clock, was pushed or failed.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        await self._running().pushing.settle()

    async def pushes(self) -> list[Push]:
        """List what became of the pushes, by document, in the order in which these came.

        Raises:
            RuntimeError: The sandbox isn't running.
        """
        return await self._running().store.run(push_records.list_attempted)

    async def start(self) -> None:
        """Open everything and listen.

        Raises:
            OSError: The port is taken, or the folder can't be used.
        """
        try:
            service = await open_service(self._stack, self._plan)
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

    def _running(self) -> Service:
        if self._service is None:
            raise RuntimeError(_NOT_RUNNING)
        return self._service

    async def _listen(self, service: Service) -> None:
        app = web.Application()
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._requests.handler(service, route))
        # Reading ahead a step while the one before is being written keeps uploads quick.
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=GRACE_SECONDS,
            read_bufsize=STEP_BYTES,
            # What is left of a body that was refused unread is waited for so long, also when its
            # sender has left.
            lingering_time=1.0,
        )
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        self._stack.push_async_callback(self._requests.end)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{host}:{port}"


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}")
