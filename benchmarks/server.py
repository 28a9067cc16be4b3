"""The server that contenders send to: `python -m benchmarks.server SETTING_AS_JSON [--tls]`.

Raw, in a process of its own, so that it isn't what is measured: plain, a buffered protocol on
uvloop where that is installed; TLS, a blocking socket in a thread for each connection, because
the standard library's `recv_into` decrypts straight into one buffer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import cast

from benchmarks.case import Setting
from benchmarks.talk import Answers, Talk

__all__ = ["main"]

_BUFFER_BYTES = 1 << 20


class _Connection(asyncio.BufferedProtocol):
    def __init__(self, answers: Answers, buffer: memoryview) -> None:
        self._talk = Talk(answers)
        # Shared by all: what arrives is done with before the loop goes on.
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._talk.feed(self._buffer[:nbytes])
        if answer and self._transport is not None:
            self._transport.write(answer)


async def _serve_plain(answers: Answers) -> None:
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    server = await loop.create_server(
        lambda: _Connection(answers, buffer), "127.0.0.1", 0, backlog=1024
    )
    _tell({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    await server.serve_forever()


def _serve_tls(answers: Answers, directory: Path) -> None:
    context, ca_file = _certificate(directory)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listening.getsockname()[1]
    _tell({"url": f"https://localhost:{port}", "ca_file": str(ca_file)})
    while True:
        plain, _ = listening.accept()
        threading.Thread(
            target=_talk_tls, args=(plain, context, Talk(answers)), daemon=True
        ).start()


def _talk_tls(plain: socket.socket, context: ssl.SSLContext, talk: Talk) -> None:
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
        while count := connection.recv_into(buffer):
            answer = talk.feed(buffer[:count])
            if answer:
                connection.sendall(answer)


def _certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    import trustme

    authority, ca_file = trustme.CA(), directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context, ca_file


def _tell(where: dict[str, str]) -> None:
    print(json.dumps(where), flush=True)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until the standard input is closed."""
    parser = argparse.ArgumentParser(prog="benchmarks.server", description=__doc__)
    parser.add_argument("setting", help="a Setting as JSON")
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setting = Setting.from_json(given.setting)
    answers = Answers([path.read_bytes() for path in sorted(setting.path.glob("answer*.json"))])
    if given.tls:
        _serve_tls(answers, setting.path)
        return
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(_serve_plain(answers))


if __name__ == "__main__":
    main()
