"""Where a request's bytes wait on disk until the service decides to keep them.

Uploads pass through here in steps of a mebibyte, whatever their size, and are hashed on the way.
What becomes of them afterwards is not decided here.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from klearstack_async.sandbox.sniff import HEAD_BYTES
from klearstack_async.sandbox.threads import Threads

STEP_BYTES = 1 << 20
"""One hop to a thread writes that much: smaller steps cost more in hops than in writing."""


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file that arrived completely."""

    file_name: str
    path: Path
    size_bytes: int
    sha256: str
    head: bytes


class SpooledWriter:
    """Write one file and learn what `SpooledFile` tells. For use in a thread.

    The file is opened for each step, so that no descriptor can leak when the request that fills
    it is cancelled between two.
    """

    def __init__(self, path: Path, file_name: str) -> None:
        self.path = path
        self.size_bytes = 0
        self._file_name = file_name
        self._hash = hashlib.sha256()
        self._head = b""

    def write(self, pieces: list[bytes]) -> None:
        """Append pieces; none at all still makes the file."""
        with self.path.open("ab", buffering=0) as file:
            for data in pieces:
                file.write(data)
                self._hash.update(data)
                self.size_bytes += len(data)
                if len(self._head) < HEAD_BYTES:
                    self._head += data[: HEAD_BYTES - len(self._head)]

    def finish(self) -> SpooledFile:
        """Tell what was written."""
        return SpooledFile(
            self._file_name, self.path, self.size_bytes, self._hash.hexdigest(), self._head
        )


class SpoolingUpload:
    """Take one upload's chunks of any size, and write them in large steps.

    One step is written while the next comes in; so `settle` must be awaited, whatever happens.
    """

    def __init__(self, writer: SpooledWriter, threads: Threads) -> None:
        self._writer = writer
        self._threads = threads
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self.size_bytes = 0

    async def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self.size_bytes += len(data)
        if self._waiting_bytes >= STEP_BYTES:
            await self._flush()

    async def finish(self) -> SpooledFile:
        """Write what is left and close the upload."""
        await self._written()
        await self._threads.run(self._writer.write, self._waiting)
        return self._writer.finish()

    async def settle(self) -> None:
        """Wait for a step that is still being written, and forget what became of it."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _flush(self) -> None:
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        await self._written()
        self._writing = asyncio.create_task(self._threads.run(self._writer.write, pieces))

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None


class Spool:
    """The folder of files that nobody has kept yet."""

    def __init__(self, folder: Path, threads: Threads) -> None:
        self._folder = folder
        self._threads = threads

    async def open(self) -> None:
        """Begin with an empty folder: what a killed run left is nobody's."""

        def empty() -> None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)

        await self._threads.run(empty)

    async def close(self) -> None:
        """Remove the folder, with what cancelled requests have left in it."""
        await self._threads.run(shutil.rmtree, self._folder, ignore_errors=True)

    def new_path(self) -> Path:
        """Name a file or folder that doesn't exist yet."""
        return self._folder / uuid.uuid4().hex

    def receive(self, file_name: str) -> tuple[Path, SpoolingUpload]:
        """Begin an upload; the path is for `discard`."""
        path = self.new_path()
        return path, SpoolingUpload(SpooledWriter(path, file_name), self._threads)

    async def discard(self, paths: Iterable[Path]) -> None:
        """Remove files and folders; those that are gone already don't matter."""
        paths = list(paths)
        if paths:
            await self._threads.run(_remove, paths)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
