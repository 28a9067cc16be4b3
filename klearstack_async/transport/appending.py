"""A file that is only appended to, and that can be cut back to where it is known to be right.

All work is done in threads. What was begun there is waited for, also by a task that is cancelled:
otherwise the file could be closed, or cut, under a line that is being written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiofiles
import aiofiles.os
from aiofiles.threadpool.binary import AsyncFileIO

from klearstack_async.errors import JournalError
from klearstack_async.transport.unbroken import unbroken

__all__ = ["AppendingFile"]


class AppendingFile:
    """A file to append to; devices and pipes will do. One call at a time.

    Attributes:
        path: The file, as the user named it.
        position: Where it ends: what was appended in full. It is right also after a cancelled
            `append`, whose data is in the file all the same.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Say which file it is; it is opened by `open`.

        Args:
            path: The file.
            overwrite: Whether a file with something in it may be replaced.
        """
        self.path = path
        self.position = 0
        self._overwrite = overwrite
        self._file: AsyncFileIO | None = None
        self._is_regular = self._is_ours = self._is_old = False

    async def open(self, position: int | None) -> int:
        """Open the file.

        What is to be overwritten is cut off only by the first `append`, so that a run that can't
        begin costs no earlier results.

        Args:
            position: None for a file of this run's own. A number to go on with a file that is
                right up to there: what follows is cut off. Devices and pipes have no positions.

        Returns:
            Where the next `append` writes to.

        Raises:
            FileExistsError: There is something in the file, and it isn't to be overwritten.
            JournalError: The file is shorter than `position`: lines are missing.
            OSError: The file can't be made or written; `filename` is the path.
        """
        try:
            with self._named():
                return await unbroken(self._opened(position))
        except BaseException:
            await self.forget()
            raise

    async def append(self, data: bytes) -> int:
        """Write to the end of the file, and hand it to the system.

        What can't be written in full is taken back, so that the file stays readable.

        Args:
            data: What to write.

        Returns:
            The new end.

        Raises:
            OSError: The disk is full, for instance; `filename` is the path.
        """
        with self._named():
            return await unbroken(self._appended(data))

    async def close(self) -> None:
        """Close the file. May be called again."""
        file, self._file = self._file, None
        if file is not None:
            # All of it was handed to the system, or its failure told.
            with suppress(OSError):
                await unbroken(file.close())

    async def forget(self) -> None:
        """Close the file, and remove it if it was made here and nothing was ever appended."""
        await self.close()
        if self._is_ours:
            self._is_ours = False
            with suppress(OSError):
                await unbroken(aiofiles.os.unlink(self.path))

    async def _opened(self, position: int | None) -> int:
        is_new = not await aiofiles.os.path.exists(self.path)
        is_link = await aiofiles.os.path.islink(self.path)
        # Unbuffered: a buffer would keep what didn't fit, and try it again when it is closed.
        self._file = await aiofiles.open(self.path, "ab", buffering=0, opener=_without_waiting)
        self._is_ours = is_new and not is_link
        status = await aiofiles.os.stat(self._file.fileno())
        self._is_regular = stat.S_ISREG(status.st_mode)
        size_bytes = status.st_size if self._is_regular else 0
        if position is None:
            self._is_old = size_bytes > 0
            if self._is_old and not self._overwrite:
                raise FileExistsError(f"{self.path} has something in it; choose another name")
            self.position = 0
        elif not self._is_regular:
            self.position = position
        else:
            self._check_length(size_bytes, position)
            if size_bytes > position:
                await self._file.truncate(position)
            self.position = position
        return self.position

    def _check_length(self, size_bytes: int, position: int) -> None:
        if size_bytes < position:
            raise JournalError(
                f"{self.path} has {size_bytes:,} bytes, and {position:,} were written to it: lines "
                "are missing. Put the file back as it was, or begin with a new journal"
            )

    async def _appended(self, data: bytes) -> int:
        if self._file is None:
            raise RuntimeError("open the file first")
        if self._is_old:
            await self._file.truncate(0)
            self._is_old = False
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[await self._file.write(rest) :]
        except OSError:
            if self._is_regular:
                with suppress(OSError):
                    await self._file.truncate(self.position)
            raise
        self._is_ours = False
        self.position += len(data)
        return self.position

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Have an error of the disk say which file it was."""
        try:
            yield
        except OSError as error:
            if error.errno is not None:
                error.filename = os.fspath(self.path)
            raise


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and rather fail than wait until somebody reads a pipe: nobody might."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor
