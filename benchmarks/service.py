"""A service that takes its time: `python -m benchmarks.service SETTING_AS_JSON`.

Raw, in a process of its own, on uvloop where that is installed. Each call is answered so many
milliseconds after it has arrived as a whole, and an upload's documents are ready so long after it.
It tells apart what a client has to get right: an upload is a batch of its own, an archive is taken
apart into its members, and a batch gives its documents, each with its file's name.

It is no emulator: it takes any password, and reads no PDF. The sandbox does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple, cast
from zipfile import ZipFile

from benchmarks.case import Setting
from benchmarks.documents import document

__all__ = ["Service", "main"]

_ENDPOINT = re.compile(rb"POST /access/klearstack/(\w+) HTTP/1.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_FILE = re.compile(rb'name="file"; filename="([^"]+)"(?:\r\n[^\r\n]+)*\r\n\r\n')
_BATCH_ID = re.compile(rb'name="batch_id"(?:\r\n[^\r\n]+)*\r\n\r\n([^\r]+)\r\n')


class _Batch(NamedTuple):
    ready_at: float
    first_document: int
    file_names: tuple[str, ...]


class Service:
    """What was uploaded, and what is answered."""

    def __init__(self, setting: Setting, seconds: Callable[[], float]) -> None:
        self.latency_seconds: float = setting["latency_seconds"]
        self._processing_seconds: float = setting["processing_seconds"]
        self._hostile, self._seconds = setting.hostile, seconds
        self._batches: dict[bytes, _Batch] = {}
        self._documents = 0
        self._endpoints: dict[bytes, Callable[[bytes], bytes]] = {
            b"get_access_token": self._log_in,
            b"processdocument": self._take_document,
            b"uploadbatch": self._take_archive,
            b"getbatchdocuments": self._give_batch,
        }

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Answer a request that has arrived as a whole."""
        endpoint = _ENDPOINT.match(head)
        handler = self._endpoints.get(endpoint[1]) if endpoint else None
        if handler is None:
            return _answer(b"Not Found", "404 Not Found")
        return _answer(handler(body))

    def _log_in(self, _body: bytes) -> bytes:
        # Whoever logs in begins with nothing: documents count from 1, for each contender alike.
        self._batches.clear()
        self._documents = 0
        return b'{"access_token": "a.b.c", "refresh_token": "d.e.f", "release_version": "7.8.9"}'

    def _take_document(self, body: bytes) -> bytes:
        return b'{"OCR_ref_no": "%b"}' % self._take([_file_in(body)[0]])

    def _take_archive(self, body: bytes) -> bytes:
        with ZipFile(BytesIO(_file_in(body)[1])) as archive:
            # Reads its table at the end; what isn't in it was not sent.
            names = archive.namelist()
        return b'{"Function successfully executed!": "%b"}' % self._take(names)

    def _take(self, file_names: list[str]) -> bytes:
        batch_id = b"batch-%06d" % len(self._batches)
        ready_at = self._seconds() + self._processing_seconds
        self._batches[batch_id] = _Batch(ready_at, self._documents + 1, tuple(file_names))
        self._documents += len(file_names)
        return batch_id

    def _give_batch(self, body: bytes) -> bytes:
        found = _BATCH_ID.search(body)
        batch = self._batches[found[1]] if found else _Batch(0, 1, ())
        if self._seconds() < batch.ready_at:
            return b'{"status": "processing", "result": []}'
        documents = [
            document(number, file_name=name, hostile=self._hostile)
            for number, name in enumerate(batch.file_names, batch.first_document)
        ]
        return b'{"status": "completed", "result": [%b]}' % b", ".join(documents)


class _Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        # Where the request's body begins and where it ends, once that is known.
        self._body_at = self._end_at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._is_whole():
            head = bytes(self._received[: self._body_at])
            body = bytes(self._received[self._body_at : self._end_at])
            del self._received[: self._end_at]
            self._end_at = 0
            answer = self._service.answer(head, body)
            self._loop.call_later(self._service.latency_seconds, self._send, answer)

    def _is_whole(self) -> bool:
        if not self._end_at:
            head, end, _ = self._received.partition(b"\r\n\r\n")
            if not end:
                return False
            length = _LENGTH.search(head)
            self._body_at = len(head) + len(end)
            self._end_at = self._body_at + int(length[1] if length else 0)
        return len(self._received) >= self._end_at

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _file_in(body: bytes) -> tuple[str, bytes]:
    """Find the file in a form: its name, and its content."""
    found = _FILE.search(body)
    content = body[found.end() : body.rindex(b"\r\n--")] if found else b""
    if found is None or not content.startswith((b"%PDF-", b"PK")):
        raise ValueError("an upload without a document")
    return found[1].decode(), content


def _answer(body: bytes, status: str = "200 OK") -> bytes:
    kind, length = "Content-Type: application/json", f"Content-Length: {len(body)}"
    return f"HTTP/1.1 {status}\r\n{kind}\r\n{length}\r\n\r\n".encode() + body


async def _serve(setting: Setting) -> None:
    loop = asyncio.get_running_loop()
    service = Service(setting, loop.time)
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until the standard input is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(_serve(Setting.from_json(sys.argv[1])))


if __name__ == "__main__":
    main()
