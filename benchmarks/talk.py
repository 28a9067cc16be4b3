"""One connection of the benchmark's server: bytes in, bytes out, no I/O.

It does as little as can be done while still proving the work: a request's head is read, its body is
counted to the last byte (by its length or by its chunks) and thrown away, and a canned answer goes
back. What it saw can be asked for at `/counts`, which also sets the counts to zero.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Sequence
from itertools import count, cycle
from uuid import UUID

__all__ = ["Answers", "Talk"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)

_PREFIX = "/access/klearstack/"
_LOGIN = "get_access_token"
_UPLOADS = {"processdocument": "OCR_ref_no", "uploadbatch": "Function successfully executed!"}
_LIFETIME_SECONDS = 6 * 3600


class Answers:
    """What is answered, and what was counted; all connections share it.

    Args:
        results: The bodies for calls that ask for results, one after the other, over and over.
    """

    def __init__(self, results: Sequence[bytes] = ()) -> None:
        self._results = cycle([_answer(body) for body in results or (b'{"result": []}',)])
        self._login = _answer(json.dumps(_tokens()).encode())
        self._ids = count(1)
        # By endpoint: [bodies, bytes].
        self._counts: dict[str, list[int]] = {}

    def answer(self, path: str, body_bytes: int) -> bytes:
        """Count a request that has arrived as a whole, and answer it."""
        if path == "/counts":
            counts, self._counts = self._counts, {}
            return _answer(json.dumps(counts).encode())
        endpoint = path.removeprefix(_PREFIX)
        counts_of_it = self._counts.setdefault(endpoint, [0, 0])
        counts_of_it[0] += 1
        counts_of_it[1] += body_bytes
        if endpoint in _UPLOADS:
            batch = str(UUID(int=next(self._ids)))
            return _answer(b'{"%s": "%s"}' % (_UPLOADS[endpoint].encode(), batch.encode()))
        return self._login if endpoint == _LOGIN else next(self._results)


class Talk:
    """The requests of one connection, one after the other."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._head = b""
        self._path = ""
        self._is_chunked = False
        self._is_last_chunk = False
        self._size_line = b""
        # What the body, or the chunk with its line's end, still lacks; None while a head is read.
        self._left: int | None = None
        self._body_bytes = 0

    def feed(self, data: memoryview) -> bytes:
        """Take what arrived, of any size, and give what is to be sent back; often nothing."""
        out = b""
        while data:
            if self._left is None:
                reply, data = self._read_head(data)
                out += reply
            elif self._left == 0 and self._is_chunked:
                data = self._read_size(data)
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
            if self._left == 0 and (not self._is_chunked or self._is_last_chunk):
                self._left = None
                # Not added to: an answer may be 100 MB.
                answer = self._answers.answer(self._path, self._body_bytes)
                out = out + answer if out else answer
        return out

    def _read_head(self, data: memoryview) -> tuple[bytes, memoryview]:
        """Read as much of the head as is there; what follows it is given back."""
        before = len(self._head)
        head, end, _ = (self._head + data[: 1 << 16]).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            return b"", data[len(data) :]
        self._head = b""
        self._path = head.split(b" ", 2)[1].decode("ascii")
        length = _LENGTH.search(head)
        self._is_chunked = length is None and _CHUNKED.search(head) is not None
        self._is_last_chunk = False
        self._left = self._body_bytes = int(length[1]) if length else 0
        expects = _EXPECTS.search(head) is not None
        rest = data[len(head) + len(end) - before :]
        return b"HTTP/1.1 100 Continue\r\n\r\n" if expects else b"", rest

    def _read_size(self, data: memoryview) -> memoryview:
        """Read the line that says how long the next chunk is."""
        before = len(self._size_line)
        line, end, _ = (self._size_line + data[:32]).partition(b"\r\n")
        if not end:
            self._size_line = line
            return data[32:]
        self._size_line = b""
        size = int(line, 16)
        self._body_bytes += size
        self._is_last_chunk = size == 0
        self._left = size + 2
        return data[len(line) + 2 - before :]


def _answer(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nServer: canned\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _tokens() -> dict[str, str]:
    """Tokens that look real and live for hours."""
    return {
        "refresh_token": _token("refresh"),
        "access_token": _token("access"),
        "release_version": "7.8.9",
    }


def _token(kind: str) -> str:
    now = int(time.time())
    claims = {"token_type": kind, "exp": now + _LIFETIME_SECONDS, "iat": now, "user_id": 7}
    parts = [json.dumps({"typ": "JWT", "alg": "HS256"}).encode(), json.dumps(claims).encode()]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, b"s" * 32]
    )
