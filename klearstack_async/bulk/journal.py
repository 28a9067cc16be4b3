"""The journal of a bulk run: what is known of each source, written before it is acted on.

    found -> sending -> sent -> extracted | failed | in_doubt | skipped

What was acknowledged survives SIGKILL at any instant. A power cut may take the last moments with
it, but never the news that an upload was begun: so nothing is sent twice without being looked up.
(Waiting for the disk at every commit would cost three times the processor, and each document a
few more of the disk's milliseconds.)

The tables are described in `journal_schema`; SQL is known to the modules `journal_*` only.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from klearstack_async.bulk import journal_queries as queries
from klearstack_async.bulk import journal_rows as rows
from klearstack_async.bulk.journal_entries import Ended, Entry, OpenParcel
from klearstack_async.bulk.journal_file import Opening
from klearstack_async.bulk.journal_summary import Summary, summary_of
from klearstack_async.bulk.journal_writer import JournalWriter
from klearstack_async.bulk.states import FINAL_STATES, SourceState

__all__ = ["Ended", "Entry", "Journal", "OpenParcel", "Summary", "summary_of"]

# SQLite takes 999 values in one statement, in its older versions.
_NUMBERS_AT_ONCE = 500


class Journal:
    """A journal that this process has to itself. Open it with `Journal.open`.

    Every method returns when what it did is committed. Who is cancelled meanwhile leaves it done
    or not begun, never half done. All raise `JournalError` if the disk is full, for instance;
    nothing of that call was kept then, and the next may succeed.

    Attributes:
        job: Eight random characters (a to z, 2 to 7), the same for all runs of the journal.
        is_resumed: Whether it held sources when it was opened.
    """

    def __init__(self, writer: JournalWriter, now: Callable[[], float]) -> None:
        """Use `open` instead."""
        self.job = writer.base.facts.job
        self.is_resumed = writer.base.facts.is_resumed
        self._run = writer.base.facts.run
        self._last_parcel = writer.base.facts.last_parcel
        self._writer = writer
        self._now = now

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        account: str,
        memo: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> AsyncIterator[Journal]:
        """Open a journal, or make it if there is none.

        Args:
            path: Where; None for a temporary one of SQLite's own, which nobody else sees.
            account: Whose documents these are: the service, the company and the user as one text.
            memo: What to keep in it if it is new; `summary_of` gives it back.
            now: The wall clock, in unix seconds.

        Yields:
            The journal. What was asked for is carried out before it is closed.

        Raises:
            JournalError: It belongs to another account, or to a newer version; another process
                has it open; it is something else, or can't be written.
        """
        where = None if path is None else Path(path)
        writer = await JournalWriter.opened(Opening(where, account, now, dict(memo or {})))
        try:
            yield cls(writer, now)
        finally:
            await writer.close()

    async def get(self, name: str) -> str | None:
        """Give what was kept under a name, or None."""
        sql = "SELECT value FROM memo WHERE name = ?"
        kept: str | None = await self._writer.do(lambda base: queries.value(base, sql, name))
        return kept

    async def set(self, name: str, value: str) -> None:
        """Keep something under a name; what was kept there is replaced."""
        await self._writer.do(lambda base: rows.set_memo(base, name, value))

    async def meet(self, key: str, name: str, path: str | None) -> Entry:
        """Find a source that earlier runs knew, or note a new one.

        Args:
            key: What tells it from others. One that was met in this run already is another
                source, whose entry has `#2`, `#3` and so on after the key.
            name: As the user sees it.
            path: The file, absolute, or None if it is none.

        Returns:
            What is known of it.
        """
        at = self._now()
        return await self._writer.do(
            lambda base: rows.meet(base, self._run, at, key=key, name=name, path=path)
        )

    async def identify(
        self, number: int, *, size_bytes: int, modified_ns: int | None, sha256: str
    ) -> Entry | None:
        """Note what a source holds.

        Args:
            number: Which source.
            size_bytes: How long it is.
            modified_ns: When it was changed last, if it is a file.
            sha256: In hex.

        Returns:
            The first other source with the same content that neither failed nor was skipped, or
            None. Of two that are identified at once, one gets the other, and the other None.
        """
        return await self._writer.do(
            partial(
                rows.identify,
                run=self._run,
                number=number,
                size_bytes=size_bytes,
                modified_ns=modified_ns,
                sha256=sha256,
            )
        )

    async def withdraw(self, number: int) -> None:
        """Note that a source that was found won't be sent now: `identify` gives it to nobody."""
        await self._writer.do(lambda base: rows.withdraw(base, number))

    async def begin_sending(self, tries: Sequence[tuple[int, str]]) -> int:
        """Note that an upload begins; send nothing before this returns.

        Who is cancelled meanwhile has sent nothing: it is put back as it was.

        Args:
            tries: The number and the remote name of each source in it.

        Returns:
            The number of the parcel.

        Raises:
            ValueError: One of them isn't `found`: it was sent, or it has ended.
        """
        at, tries = self._now(), tuple(tries)
        return await self._writer.do(
            lambda base: rows.begin_sending(base, at, tries),
            undo=lambda parcel: lambda base: rows.not_sent(base, parcel),
        )

    async def not_sent(self, parcel: int) -> None:
        """Put back to `found` what certainly wasn't stored."""
        await self._writer.do(lambda base: rows.not_sent(base, parcel))

    async def sent(self, parcel: int, batch_id: str, at: float) -> None:
        """Note the service's receipt, and when it came (unix seconds)."""
        await self._writer.do(lambda base: rows.sent(base, parcel, batch_id, at))

    async def doubt(self, parcel: int, reason: str) -> None:
        """Note that an upload has ended, and that nobody knows how; its sources stay `sending`."""
        await self._writer.do(lambda base: rows.doubt(base, parcel, reason))

    async def reset(self, number: int) -> None:
        """Put a source back to `found`, whatever became of it: it is to be sent again."""
        await self._writer.do(lambda base: rows.reset(base, number))

    async def end(
        self, ended: Sequence[Ended], positions: Mapping[str, int], *, done: Collection[int] = ()
    ) -> None:
        """Note how sources ended, and how far the result files are, all in one commit.

        Args:
            ended: The sources.
            positions: By result file, how many bytes of it are valid.
            done: The parcels on which the service has said its last word, and all was taken: there
                is no use in asking again.

        Raises:
            ValueError: A state isn't final.
        """
        if wrong := [each.state.value for each in ended if each.state not in FINAL_STATES]:
            raise ValueError(f"no source ends as {wrong[0]!r}")
        at, ended, positions, done = self._now(), tuple(ended), dict(positions), tuple(done)
        await self._writer.do(lambda base: rows.end(base, at, ended, positions, done))

    async def position(self, sink: str) -> int | None:
        """Say how many bytes of a result file are valid; None if nothing was written yet."""
        sql = "SELECT position FROM sinks WHERE sink = ?"
        position: int | None = await self._writer.do(lambda base: queries.value(base, sql, sink))
        return position

    async def open_parcels(self, *, after: int = 0, limit: int = 100) -> list[OpenParcel]:
        """Give the parcels of earlier runs that have a receipt, and sources that have not ended.

        Args:
            after: The last parcel of the page before this one.
            limit: How many at most.

        Returns:
            By number; empty when there are no more. Those of this run are never among them.
        """
        last = self._last_parcel
        return await self._writer.do(lambda base: queries.open_parcels(base, last, after, limit))

    async def doubtful(self, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """Give what may have been stored: uploads cut off in earlier runs, and what is in doubt.

        Args:
            after: The last number of the page before this one.
            limit: How many at most.

        Returns:
            By number; empty when there are no more. What this run is uploading is never among
            them.
        """
        last = self._last_parcel
        return await self._writer.do(lambda base: queries.doubtful(base, last, after, limit))

    async def doubtful_numbered(self, numbers: Iterable[int]) -> dict[int, Entry]:
        """Give those of `doubtful` that have one of these numbers, by number."""
        wanted, found = sorted(numbers), dict[int, Entry]()
        for start in range(0, len(wanted), _NUMBERS_AT_ONCE):
            some = wanted[start : start + _NUMBERS_AT_ONCE]
            work = partial(queries.doubtful_numbered, last_parcel=self._last_parcel, numbers=some)
            found |= {entry.number: entry for entry in await self._writer.do(work)}
        return found

    async def left_over(self, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """Give files that earlier runs found and never sent, and that this run has not met.

        Args:
            after: The last number of the page before this one.
            limit: How many at most.

        Returns:
            By number; empty when there are no more.
        """
        run = self._run
        return await self._writer.do(lambda base: queries.left_over(base, run, after, limit))

    async def reopen(self, states: Collection[SourceState]) -> int:
        """Give sources that have ended another try.

        They become `sent` where the service gave a receipt and has not said its last word, so
        that their results are asked for again; all others become `found`.

        Args:
            states: The final states to reopen.

        Returns:
            How many there were.

        Raises:
            ValueError: A state isn't final.
        """
        if wrong := [state.value for state in states if state not in FINAL_STATES]:
            raise ValueError(f"{wrong[0]!r} is no final state")
        chosen = set(states)
        return await self._writer.do(lambda base: sum(rows.reopen(base, state) for state in chosen))

    async def counts(self) -> dict[SourceState, int]:
        """Give how many sources are in each state, zeros included."""
        return await self._writer.do(queries.counts)
