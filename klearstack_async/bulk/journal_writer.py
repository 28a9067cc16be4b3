"""Many tasks, one connection: what is asked for while a commit runs goes into the next one.

Who asks may be cancelled at any time; what was asked for is carried out all the same, whole. The
task that hands the groups over is nobody's child, and begun anew if somebody cancels it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from klearstack_async.bulk.journal_connection import Base, Group, Write
from klearstack_async.bulk.journal_errors import journal_error
from klearstack_async.bulk.journal_file import Opening
from klearstack_async.errors import JournalError
from klearstack_async.transport.unbroken import unbroken

__all__ = ["JournalWriter"]

T = TypeVar("T")

# So that the first of a crowd doesn't wait for all of them.
_MOST_AT_ONCE = 256

Work = Callable[[sqlite3.Connection], T]


class JournalWriter:
    """The way to a journal's connection.

    Attributes:
        base: The connection itself, which belongs to another thread.
    """

    def __init__(self, name: str, base: Base, connection: aiosqlite.Connection) -> None:
        """Use `opened` instead."""
        self.base = base
        self._name = name
        self._connection = connection
        self._asked: deque[tuple[Write, asyncio.Future[Any]]] = deque()
        self._answers: list[asyncio.Future[Any]] = []
        self._group: Group | None = None
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = self._is_gone = False

    @classmethod
    async def opened(cls, opening: Opening) -> JournalWriter:
        """Open a journal; who is cancelled meanwhile leaves none open.

        Raises:
            JournalError: It can't be used.
        """
        made: list[JournalWriter] = []
        try:
            await unbroken(cls._open(opening, made))
        except asyncio.CancelledError:
            for writer in made:
                await writer.close()
            raise
        return made[0]

    @classmethod
    async def _open(cls, opening: Opening, made: list[JournalWriter]) -> None:
        bases: list[Base] = []
        failures: list[Exception] = []

        def connect() -> sqlite3.Connection:
            try:
                bases.append(opening())
            except Exception as error:  # noqa: BLE001 - raised below
                # Not from in here: aiosqlite's thread would be left behind, and run into the end
                # of the loop.
                failures.append(error)
                return sqlite3.connect("")
            return bases[0]

        connection = await aiosqlite.Connection(connect, iter_chunk_size=64)
        if failures:
            await connection.close()
            raise failures[0]
        made.append(cls(opening.name, bases[0], connection))

    async def do(self, work: Work[T], *, undo: Callable[[T], Work[object]] | None = None) -> T:
        """Carry something out, in one commit with what others ask for.

        Args:
            work: Gets the connection, inside of a transaction.
            undo: Makes of its result what takes it back, for a caller that is cancelled before it
                has that result. What can be taken back is what must not be forgotten, either: it
                survives a power cut, and not only a killed process.

        Returns:
            What `work` gives, once that is committed.

        Raises:
            JournalError: SQLite, or the disk, doesn't do it, and nothing of it was kept; or the
                journal was closed.
        """
        if self._is_closed:
            raise JournalError(f"{self._name} was closed; nothing more can be written")
        write = Write(work, is_durable=undo is not None)
        try:
            result: T = await self._ask(write)
        except asyncio.CancelledError:
            if undo is not None and not self._is_gone:
                self._ask(Write(partial(_undo, write, undo)))
            raise
        return result

    def _ask(self, write: Write) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((write, answer))
        if self._writing is None:
            self._start()
        return answer

    def _start(self) -> None:
        self._writing = asyncio.create_task(self._write_all())
        self._writing.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._writing = None
        # Somebody cancelled every task of the loop: what was asked for is carried out even so.
        if self._asked or self._group is not None:
            self._start()

    async def _write_all(self) -> None:
        while self._asked or self._group is not None:
            if self._group is None:
                taken = [self._asked.popleft() for _ in range(min(len(self._asked), _MOST_AT_ONCE))]
                self._answers = [answer for _, answer in taken]
                self.base.group = self._group = Group([write for write, _ in taken])
            await self._connection.commit()
            group, self._group = self._group, None
            for write, answer in zip(group.writes, self._answers, strict=True):
                self._tell(write, answer)

    def _tell(self, write: Write, answer: asyncio.Future[Any]) -> None:
        if answer.done():
            return
        error = write.error
        if error is None:
            answer.set_result(write.result)
            return
        if isinstance(error, sqlite3.Error):
            cause, error = error, journal_error(error, self._name)
            error.__cause__ = cause
        answer.set_exception(error)
        # Who asked may be cancelled at this very moment, and then nobody would ever look at it.
        answer.exception()

    async def close(self) -> None:
        """Carry out what was asked for, then close; also when cancelled meanwhile."""
        self._is_closed = True
        await unbroken(self._close())

    async def _close(self) -> None:
        while self._writing is not None:
            await asyncio.wait({self._writing})
        self._is_gone = True
        await self._connection.close()


def _undo(write: Write, undo: Callable[[Any], Work[object]], database: sqlite3.Connection) -> None:
    # It comes after the other in every case.
    if write.error is None:
        undo(write.result)(database)
