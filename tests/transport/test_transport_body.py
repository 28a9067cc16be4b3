from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiohttp.abc import AbstractStreamWriter

from klearstack_async import Stream
from klearstack_async.transport.body import StreamedForm, body_of
from klearstack_async.transport.files import PIECE_BYTES
from klearstack_async.transport.progress import Progress
from klearstack_async.wire.request import FilePart


class Keeping(AbstractStreamWriter):
    """Keeps what it is given as it is given, as a busy transport does, to send it later."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def write(self, chunk: Any) -> None:
        self.kept.append(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None: ...

    async def drain(self) -> None: ...

    def enable_compression(self, encoding: str = "", strategy: int | None = None) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, status_line: str, headers: Any) -> None: ...


async def written(pieces: Iterable[bytes | bytearray], progress: Progress) -> list[bytes]:
    async def give() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece  # type: ignore[misc]  # bytes-like is taken
            if isinstance(piece, bytearray):
                piece[:] = bytes(len(piece))

    file = FilePart("file", Stream(give, "a.pdf"), "application/pdf")
    body = await body_of({}, file, progress, encoding="json", stall_seconds=10)
    assert isinstance(body, StreamedForm)
    writer = Keeping()
    await body.write(writer)
    return [bytes(chunk) for chunk in writer.kept]


async def test_a_giver_may_write_over_what_it_gave_while_that_waits_to_be_sent() -> None:
    [_, *sent, _] = await written([bytearray(b"one"), bytearray(b"two")], Progress())
    assert b"".join(sent) == b"onetwo"


async def test_a_large_piece_is_handed_over_in_parts_and_counted() -> None:
    progress, piece = Progress(), bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"end"
    [head, *sent, tail] = await written([piece], progress)
    assert b"".join(sent) == piece
    assert max(map(len, sent)) == PIECE_BYTES
    assert progress.sent_bytes == len(head) + len(piece) + len(tail)
    assert progress.sent_whole
