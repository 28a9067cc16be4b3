"""Writing a file that came from the service: whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import anyio.to_thread

__all__ = ["save_file"]


async def save_file(path: Path, data: bytes) -> None:
    """Write a file; one that was there is replaced only once all of it is written.

    All steps are done in one hop to a thread, which a cancelled caller waits for: with a hop for
    each (as aiofiles does it), a cancellation between two of them leaves a file behind.

    A link stays one: what it points to is replaced.

    Raises:
        OSError: The folder isn't there, or the disk is full, for instance.
    """
    await anyio.to_thread.run_sync(_save, path, data)


def _save(path: Path, data: bytes) -> None:
    target = path.resolve()
    part = target.with_name(f".{token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        # The user knows the path that was asked for, not the one beside it.
        raise OSError(error.errno, error.strerror, str(path)) from None
