"""The worker that reads uploaded files, one after the other, in the background.

It decides nothing about answers: it only fills in what was read from which bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from klearstack_async.sandbox import records
from klearstack_async.sandbox.reading import Reading, UnreadableDocument, read_document
from klearstack_async.sandbox.sniff import Kind
from klearstack_async.sandbox.store import Store
from klearstack_async.sandbox.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_AT_ONCE = 16
_PAUSE_AFTER_ERROR_SECONDS = 1.0


class Processing:
    """Read every content in the database that has not been read yet, forever."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._folder = folder
        self._now = now
        # Called when documents have come, and when one was read.
        self._changed = changed
        # Its own thread, and only one: pdfium must never be entered twice at a time.
        self._threads = Threads("reader")
        self._uploaded = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what an earlier run of this folder has left unread."""
        self._task = asyncio.create_task(self._run(), name="sandbox-processing")

    def wake(self) -> None:
        """Say that there may be something new to read."""
        self._uploaded.set()
        self._changed()

    async def stop(self) -> None:
        """End after the document that is being read now; the others wait for the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._threads.close()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that opens documents, after the one that is being read now."""
        return await self._threads.run(function, *args, **kwargs)

    async def _run(self) -> None:
        while True:
            self._uploaded.clear()
            try:
                unread = await self._store.run(records.unread_contents, _AT_ONCE)
                for sha256, kind in unread:
                    outcome = await self._threads.run(
                        _read, content_path(self._folder, sha256, kind)
                    )
                    read_at = self._now().timestamp()
                    await self._store.run(records.save_reading, sha256, outcome, read_at)
                    self._changed()
            except Exception:  # noqa: BLE001 - a full disk, say, must not end the worker
                _LOG.exception("the sandbox could not process its documents; it will try again")
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
                continue
            if not unread:
                await self._uploaded.wait()


def content_path(folder: Path, sha256: str, kind: Kind) -> Path:
    """Tell where a content is kept: by its hash, so that equal files are kept once."""
    return folder / sha256[:2] / f"{sha256}.{kind}"


def _read(path: Path) -> Reading | str:
    """Read a document; whatever is wrong with it becomes the reason."""
    try:
        return read_document(path)
    except UnreadableDocument as error:
        return error.reason
    except Exception as error:  # noqa: BLE001 - one bad document must not end the worker
        _LOG.warning("a document could not be read: %r", error)
        return f"The document could not be read ({type(error).__name__})."
