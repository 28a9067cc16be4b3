"""What happens to a push from its headers to the end of its handler, and what is answered.

How a body gets into memory is in `push_body.py`, who handles what in `deduplication.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from anyio.to_thread import run_sync
from fastapi import HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from klearstack_async.client import KlearStack
from klearstack_async.errors import WebhookError
from klearstack_async.fastapi.calling import called, is_cancelled
from klearstack_async.fastapi.deduplication import StoreFailed, Turn, Turns, key_for
from klearstack_async.fastapi.push_answers import closing, refused, refused_with, taken
from klearstack_async.fastapi.push_body import PushBodies
from klearstack_async.fastapi.push_sender import PushSender, SenderOf
from klearstack_async.pool import SessionPool
from klearstack_async.transport.gate import Gate
from klearstack_async.transport.unbroken import unbroken
from klearstack_async.webhooks import Push, check_headers, parse_push

__all__ = ["Answer", "Handler", "Reception"]

_LOG = logging.getLogger("klearstack_async")

Answer: TypeAlias = Callable[[Response], Awaitable[None]]
Handler: TypeAlias = Callable[..., Any]
_Handle: TypeAlias = Callable[[], Awaitable[object]]

# Parsing takes up to 10 ms for 100 kB, and ten times the body's size in memory.
_QUICK_BYTES = 32 << 10
# The application's own synchronous endpoints share forty with these. Whoever looks a sender up
# doesn't wait for handlers.
_HANDLER_THREADS = 20
_SENDER_THREADS = 10


@dataclass(frozen=True, slots=True)
class Reception:
    """How pushes are received at one address.

    Attributes:
        handler: What is called with each of them once; None if nothing is.
        sender_of: Who may push, by the request.
        is_for_many: Whether there are several senders, so that each push is its tenant's only.
        is_unverified: Whether a sender needs no secret.
        is_handled_before: Whether the answer waits for the handler.
        max_bytes: The largest body to accept.
        bodies: Those in memory.
        turns: Who handles which push.
    """

    handler: Handler | None
    sender_of: SenderOf
    is_for_many: bool
    is_unverified: bool
    is_handled_before: bool
    max_bytes: int
    bodies: PushBodies
    turns: Turns
    _parsing: Gate = field(default_factory=partial(Gate, 1))
    _parsing_quickly: Gate = field(default_factory=partial(Gate, 1))
    _handling: Gate = field(default_factory=partial(Gate, _HANDLER_THREADS))
    _looking_up: Gate = field(default_factory=partial(Gate, _SENDER_THREADS))

    async def receive(self, request: Request, answer: Answer) -> None:
        """Take a push, and answer it once.

        Args:
            request: What came; its body is unread.
            answer: Sends an answer.
        """
        try:
            await self._receive(request, answer)
        except WebhookError as error:
            await answer(refused(error, request, self.max_bytes))
        except ClientDisconnect:
            _LOG.warning("a push was broken off by its sender")
            # Nobody reads it, but servers complain if there is none.
            await answer(Response(status_code=400))

    async def _receive(self, request: Request, answer: Answer) -> None:
        sender = await self._sender(request)
        headers = request.headers.raw
        length = check_headers(headers, token=sender.token, max_bytes=self.max_bytes)
        async with self.bodies.place(length) as place:
            push = await self._parsed(headers, await place.read(request.stream()), sender)
            # In this order: whoever waits for a push needn't wait for a handler.
            is_fed = self._feed(request, push, sender.tenant)
            if self.handler is not None:
                await self._handle(self.handler, push, sender.tenant, answer)
            elif is_fed:
                await answer(taken("accepted"))
            else:
                _LOG.error("a push came: no handler, and no client for it in app.state.klearstack")
                raise refused_with(503, "nobody here takes pushes; send it again later")

    async def _sender(self, request: Request) -> PushSender:
        try:
            sender: PushSender = await called(self.sender_of, request, threads=self._looking_up)
            sender.refuse_misuse(unverified=self.is_unverified)
        except LookupError:
            # As a rule nobody of that name; but it may be a mistake in there.
            _LOG.debug("sender_of knows no sender of a push", exc_info=True)
            raise refused_with(404, "there is nothing here") from None
        except HTTPException as error:
            if ending := closing(request, self.max_bytes):
                error.headers = {**(error.headers or {}), **ending}
            raise
        except Exception:  # noqa: BLE001 - whatever the application's function raises
            _LOG.exception("sender_of failed; the push was not looked at")
            raise refused_with(500, "this service can't tell who may push; send it again") from None
        return sender

    async def _parsed(self, headers: Any, body: bytes, sender: PushSender) -> Push:
        parse = partial(
            parse_push,
            headers,
            body,
            max_bytes=self.max_bytes,
            unverified=self.is_unverified,
            **sender.credentials(),
        )
        is_quick = len(body) <= _QUICK_BYTES
        gate = self._parsing_quickly if is_quick else self._parsing
        await gate.enter()
        try:
            if not is_quick:
                return await unbroken(run_sync(parse))
            # Others come in between: a hundred at once would hold the loop for a tenth of a second.
            await asyncio.sleep(0)
            return parse()
        finally:
            gate.leave()

    def _feed(self, request: Request, push: Push, tenant: str | None) -> bool:
        """Hand a push to who waits for it in this process, also if it was there before.

        Returns:
            Whether there is a client that has taken it, for now or later.
        """
        found = getattr(request.app.state, "klearstack", None)
        try:
            if isinstance(found, KlearStack):
                found.feed(push)
            elif isinstance(found, SessionPool) and not (self.is_for_many and tenant is None):
                found.feed(push, tenant=tenant)
            else:
                return False
        except Exception:  # noqa: BLE001 - a failure there is none of the push's
            _LOG.exception("the push %s could not be handed to who waits for it", push.key)
            return False
        return True

    async def _handle(
        self, handler: Handler, push: Push, tenant: str | None, answer: Answer
    ) -> None:
        key = key_for(tenant, push.key)
        try:
            claim, turn = await self.turns.claim(key)
        except StoreFailed:
            raise refused_with(503, "this service can't note the push; send it again") from None
        if turn is not None and claim == "new":
            args = (push, tenant) if self.is_for_many else (push,)
            handle = partial(called, handler, *args, threads=self._handling)
            return await self._handle_new(key, turn, handle, answer)
        if claim == "running":
            if turn is None:
                # Or one that was killed: then nobody handles it until the store lets go of it.
                raise refused_with(503, "another process is handling this push; send it again")
            if self.is_handled_before:
                await _wait_for(turn)
        return await answer(taken("duplicate"))

    async def _handle_new(self, key: str, turn: Turn, handle: _Handle, answer: Answer) -> None:
        went_well = False
        try:
            if not self.is_handled_before:
                await _answer_if_possible(answer)
            went_well = await _went_well(key, handle)
        finally:
            # Also if this is cancelled: by a server that doesn't want to wait any longer.
            await self.turns.settle(key, turn, went_well=went_well)
        if self.is_handled_before:
            if not went_well:
                raise _handler_failed()
            await answer(taken("accepted"))


async def _answer_if_possible(answer: Answer) -> None:
    try:
        await answer(taken("accepted"))
    except Exception:  # noqa: BLE001 - servers differ in what they raise
        # The push is here all the same.
        _LOG.warning("the sender of a push did not wait for the answer", exc_info=True)


async def _went_well(key: str, handle: _Handle) -> bool:
    try:
        await handle()
    except Exception:  # noqa: BLE001 - whatever a handler raises
        _LOG.exception("the handler of the push %s has failed", key)
    except asyncio.CancelledError:
        if is_cancelled():
            _LOG.warning("the handler of the push %s was cancelled", key)
            raise
        # Something that the handler waited for was cancelled.
        _LOG.exception("the handler of the push %s has failed", key)
    else:
        return True
    return False


async def _wait_for(turn: Turn) -> None:
    """Wait for the one who handles the same push, and come to the same end."""
    await turn.ended.wait()
    if not turn.went_well:
        raise _handler_failed()


def _handler_failed() -> WebhookError:
    return refused_with(500, "the push was understood, but could not be handled; send it again")
