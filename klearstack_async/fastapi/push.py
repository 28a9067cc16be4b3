"""The address in an application to which KlearStack pushes documents.

What is offered to the application is here; what happens to a push is in `push_reception.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from klearstack_async.fastapi.deduplication import Claim, SeenInMemory, SeenPushes, Turns
from klearstack_async.fastapi.push_body import Patience, PushBodies
from klearstack_async.fastapi.push_reception import Handler, Reception
from klearstack_async.fastapi.push_sender import PushSender, SenderOf

__all__ = ["Claim", "PushSender", "SeenPushes", "push_router"]

_STORE_METHODS = ("claim", "done", "give_back")


def push_router(
    on_push: Handler | None = None,
    *,
    path: str = "/push",
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    company_name: str | None = None,
    unverified: bool = False,
    sender_of: SenderOf | None = None,
    run: Literal["after", "before"] = "after",
    max_bytes: int = 32 << 20,
    seen: SeenPushes | None = None,
    _patience: Patience | None = None,
) -> APIRouter:
    """Make a router that receives pushes: `app.include_router(push_router(handle, token=...))`.

    A push is verified before it is parsed (a wrong token before the body is read), handed to the
    `results.wait` and bulk run of `app.state.klearstack` that waits for it, and then, if its
    content wasn't handled before, to `on_push`. The answer is 200 then, and problem+json otherwise.

    The same content of the same tenant is handled once, also if it comes a hundred times at once,
    as far as `seen` remembers. A handler that raises or is cancelled doesn't count: the next
    delivery is handled again. If the process is killed meanwhile, memory forgets with it; with
    `run="after"`, the push was then answered and is lost, unless somebody fetches its batch.

    Nothing orders two contents of one document that come at once. What becomes of a push whose
    handler is cancelled by a server that ends is noted as far as the application's lifespan runs,
    to which the router adds its own: not that of a sub-application that is mounted.

    Args:
        on_push: Called with the `Push`, and with the tenant's name if there is `sender_of`; a
            synchronous function in a thread, no more than twenty at once. None if pushes only
            serve those who wait: then it is 503 without `app.state.klearstack`.
        path: Where to receive; with `sender_of`, such as `/push/{tenant}`.
        token: The Bearer token that KlearStack was told to send.
        username: The username that it was told to send among the fields.
        password: The password likewise. Whether it is right is only known when the body was read.
        company_name: The company name likewise; neither it nor the username proves anything.
        unverified: Accept pushes from anybody, because somebody else has checked.
        sender_of: In place of these: gives the `PushSender` of a request, by its path or headers;
            called before the body is read, in a thread if it is synchronous. A LookupError is
            answered with 404, any other error with 500; an HTTPException is the application's.
        run: `after`: answer first; a failure of the handler is logged. `before`: answer when the
            handler has ended, with 500 if it has failed; who brings the same meanwhile gets the
            same answer. What another process is handling is answered with 503, either way.
        max_bytes: The largest body to accept; 32 MiB. No more than 1000 pushes, and four times
            this (64 MiB at least), are in memory at once; others wait unread.
        seen: Where several processes note what they have handled; without it, each process
            remembers the last 10,000 documents for itself.

    Raises:
        ValueError: There is nothing to verify a push by; or a choice is impossible.
        TypeError: `seen` is no store.
    """
    if run not in ("after", "before"):
        raise ValueError(f"run is 'after' or 'before', not {run!r}")
    if max_bytes < 1:
        raise ValueError("max_bytes is 1 or more")
    if seen is not None:
        _check_store(on_push, seen)
    only = PushSender(token=token, username=username, password=password, company_name=company_name)
    if sender_of is None:
        only.refuse_misuse(unverified=unverified)
    elif only != PushSender():
        raise ValueError("with sender_of, the credentials are those that it gives")
    reception = Reception(
        handler=on_push,
        sender_of=sender_of or _always(only),
        is_for_many=sender_of is not None,
        is_unverified=unverified,
        is_handled_before=run == "before",
        max_bytes=max_bytes,
        bodies=PushBodies(max_bytes, _patience or Patience()),
        turns=Turns(SeenInMemory() if seen is None else seen),
    )

    async def receive(request: Request) -> Response:
        return _Receiving(request, reception)

    @asynccontextmanager
    async def settling(_app: Any) -> AsyncIterator[None]:
        yield
        # uvicorn's timeout_graceful_shutdown only cancels requests: what becomes of their pushes is
        # noted while the loop runs, and before the application closes what the store needs.
        await reception.turns.all_settled()

    router = APIRouter(lifespan=settling)
    router.add_api_route(
        path, receive, methods=["POST"], response_model=None, include_in_schema=False
    )
    return router


def _check_store(on_push: Handler | None, seen: object) -> None:
    if on_push is None:
        raise ValueError("seen is about what on_push has handled, and there is no on_push")
    if not all(hasattr(seen, name) for name in _STORE_METHODS):
        raise TypeError(f"seen has the async methods {', '.join(_STORE_METHODS)}")


def _always(sender: PushSender) -> SenderOf:
    async def sender_of(_request: Request) -> PushSender:
        return sender

    return sender_of


class _Receiving(Response):
    """An answer that is found while it is sent.

    So the whole reception is one piece of work of the request's task, with nothing that could get
    lost between an endpoint and its background task; and servers wait for it when they stop.
    """

    def __init__(self, request: Request, reception: Reception) -> None:
        super().__init__()
        self._request, self._reception = request, reception

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(response: Response) -> None:
            await response(scope, receive, send)

        await self._reception.receive(self._request, answer)
        if self.background is not None:
            await self.background()
