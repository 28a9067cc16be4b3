"""Handling a push once, however often it comes: who has taken it, and how that ended.

What a push is, and what is answered to it, is not known here.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args
from urllib.parse import quote

from klearstack_async.transport.unbroken import unbroken

__all__ = ["Claim", "SeenInMemory", "SeenPushes", "StoreFailed", "Turn", "Turns", "key_for"]

_LOG = logging.getLogger("klearstack_async")

Claim = Literal["new", "running", "done"]

# 200 to 300 bytes each.
_MOST_KEYS = 10_000
# Unique columns in databases are often that wide.
_MOST_CHARACTERS = 255
_STORE_SECONDS = 10.0


class SeenPushes(Protocol):
    """Where several processes note which pushes they have handled: a table, Redis.

    A key is ASCII text of at most 255 characters, the same for the same content of the same tenant.
    What stands before its last slash is the document. A store that keeps each content for itself
    takes one for known that comes back after another: keep the latest of each document.

    A method that raises, or takes more than 10 s, is logged. What `claim` couldn't say is answered
    with 503, and not handled. It may have taken the key all the same, so if it says `running` of it
    when the push comes again, this process takes that for its own.
    """

    async def claim(self, key: str) -> Claim:
        """Take a key if it is free, in one step that no other process can come between.

        Returns:
            `new` if it was free: it is the caller's now. `running` if somebody has taken it, and
            `done` if `done` was said of it.

        A process that is killed says no more. Whoever wants its pushes to be handled when they come
        again makes what was claimed free after a time that no handler takes.
        """

    async def done(self, key: str) -> object:
        """Note that it was handled, for as long as it may come again."""

    async def give_back(self, key: str) -> object:
        """Make it free: its handler has failed."""


class StoreFailed(Exception):
    """The store could not say whether a push is new."""


class SeenInMemory:
    """What one process has handled, as far as it remembers: the last 10,000 documents.

    Of each, the latest content: one that comes back after another is news to the handler.
    """

    def __init__(self, most: int = _MOST_KEYS) -> None:
        """Remember nothing."""
        self._most = most
        self._running: set[str] = set()
        # By document, also of those that are being handled.
        self._latest: OrderedDict[str, str] = OrderedDict()

    async def claim(self, key: str) -> Claim:
        """Take a key if it is free; see `SeenPushes`."""
        if key in self._running:
            return "running"
        document = _document_of(key)
        is_done = self._latest.get(document) == key
        self._note(document, key)
        if is_done:
            return "done"
        self._running.add(key)
        return "new"

    async def done(self, key: str) -> None:
        """Note that it was handled, unless another content has come since."""
        self._running.discard(key)
        document = _document_of(key)
        self._note(document, self._latest.get(document, key))

    async def give_back(self, key: str) -> None:
        """Make it free."""
        self._running.discard(key)
        document = _document_of(key)
        if self._latest.get(document) == key:
            del self._latest[document]

    def _note(self, document: str, key: str) -> None:
        """Remember it, and forget what was asked for the longest ago."""
        self._latest[document] = key
        self._latest.move_to_end(document)
        if len(self._latest) > self._most:
            self._latest.popitem(last=False)


@dataclass(slots=True, eq=False)
class Turn:
    """A push that somebody in this process has claimed, or is about to.

    Attributes:
        claim: What the store said; None until then, and if it never did.
        ended: Set when it is settled.
        went_well: Whether it was handled; not before `ended`.
    """

    claim: Claim | None = None
    has_failed: bool = False
    claimed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    went_well: bool = False


class Turns:
    """Who handles which push. The store is asked once for all who come at the same time."""

    def __init__(self, seen: SeenPushes) -> None:
        """Begin with nobody.

        Args:
            seen: What was handled, perhaps by others.
        """
        self._seen = seen
        self._turns: dict[str, Turn] = {}
        # Those that this process may have claimed, because it was never told.
        self._unsure: OrderedDict[str, None] = OrderedDict()

    async def claim(self, key: str) -> tuple[Claim, Turn | None]:
        """Ask whether a push is to be handled.

        Returns:
            `new`, and the turn, which has to be settled; or `running`, and the turn if it is one of
            this process; or `done`.

        Raises:
            StoreFailed: That couldn't be found out.
        """
        while (turn := self._turns.get(key)) is not None:
            await turn.claimed.wait()
            if turn.claim is not None:
                return ("running", turn) if turn.claim == "new" else (turn.claim, None)
            if turn.has_failed:
                raise StoreFailed
        turn = self._turns[key] = Turn()
        try:
            await unbroken(self._ask(key, turn))
        except asyncio.CancelledError:
            if turn.claim == "new":
                turn.claim = None
                await unbroken(_told(self._seen.give_back, key))
            raise
        finally:
            turn.claimed.set()
            if turn.claim != "new":
                self._end(key, turn)
        if turn.claim is None:
            raise StoreFailed
        return turn.claim, turn if turn.claim == "new" else None

    async def settle(self, key: str, turn: Turn, *, went_well: bool) -> None:
        """Say how the handler ended. It is said to the store also by who is being cancelled."""
        turn.went_well = went_well
        tell = self._seen.done if went_well else self._seen.give_back
        try:
            await unbroken(_told(tell, key))
        finally:
            self._end(key, turn)

    async def all_settled(self) -> None:
        """Wait until nobody in this process has a turn."""
        while self._turns:
            await next(iter(self._turns.values())).ended.wait()

    async def _ask(self, key: str, turn: Turn) -> None:
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                claim = _checked(await self._seen.claim(key))
        except Exception:  # noqa: BLE001 - whatever a store raises
            _LOG.exception("the store of seen pushes can't say whether %s is new", key)
            turn.has_failed = True
            self._unsure[key] = None
            if len(self._unsure) > _MOST_KEYS:
                self._unsure.popitem(last=False)
        else:
            turn.claim = "new" if claim == "running" and key in self._unsure else claim
            self._unsure.pop(key, None)

    def _end(self, key: str, turn: Turn) -> None:
        del self._turns[key]
        turn.ended.set()


def key_for(tenant: str | None, key: str) -> str:
    """Make a push's key one of its tenant's, and short enough for a column."""
    if tenant is None:
        return key
    # A push's key has no colon in it.
    whole = f"{quote(tenant, safe='', errors='replace')}:{key}"
    if len(whole) <= _MOST_CHARACTERS:
        return whole
    document, _, digest = whole.rpartition("/")
    return f"sha256:{hashlib.sha256(document.encode()).hexdigest()}/{digest}"


def _document_of(key: str) -> str:
    return key.rpartition("/")[0]


def _checked(claim: Claim) -> Claim:
    if claim not in get_args(Claim):
        raise TypeError(f"claim() gives one of {get_args(Claim)}, not {type(claim).__name__}")
    return claim


async def _told(tell: Callable[[str], Awaitable[object]], key: str) -> None:
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            await tell(key)
    except Exception:  # noqa: BLE001 - the push was handled, or has failed, all the same
        _LOG.exception("the store of seen pushes was not told what became of %s", key)
