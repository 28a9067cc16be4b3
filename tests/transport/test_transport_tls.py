"""Whom a connection trusts, with real certificates and real TLS, and what a failure of it says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import ssl
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import trustme
from conftest import PASSWORD, client_at, until

from klearstack_async import KlearStack, Redirected, RetryPolicy, Tls, TransportError
from klearstack_async.errors import ConnectError, TlsError
from klearstack_async.transport.tls import (
    InsecureTlsWarning,
    Trust,
    tls_failure,
    tls_reason,
    trust_of,
    warn_if_insecure,
)

HOST = "https://acme.example"
SECRET = b"password=MARKED"
# Not 303, which after a write says that it was carried out.
REDIRECTS = (301, 302, 307, 308)


@dataclass(frozen=True)
class Certificate:
    """A server's certificate: the context that shows it, and its SHA-256."""

    context: ssl.SSLContext
    fingerprint: str


@dataclass(frozen=True)
class Certificates:
    good: Certificate
    expired: Certificate
    elsewhere: Certificate
    self_signed: Certificate
    # The authority that signed the first three, one that signed nothing, and the first alone.
    ca_file: Path
    other_ca_file: Path
    leaf_file: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca, other = trustme.CA(), trustme.CA()
    past = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    leaf = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other.pem")
    leaf.cert_chain_pems[0].write_to_path(folder / "leaf.pem")

    def shown(certificate: trustme.Blob, key: trustme.Blob) -> Certificate:
        both = folder / "both.pem"
        both.write_bytes(key.bytes() + certificate.bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        der = ssl.PEM_cert_to_DER_cert(certificate.bytes().decode())
        return Certificate(context, hashlib.sha256(der).hexdigest())

    def issued(leaf: trustme.LeafCert) -> Certificate:
        return shown(leaf.cert_chain_pems[0], leaf.private_key_pem)

    return Certificates(
        good=issued(leaf),
        expired=issued(ca.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1])),
        elsewhere=issued(ca.issue_cert("elsewhere.example")),
        # An authority's certificate is signed by itself.
        self_signed=shown(other.cert_pem, other.private_key_pem),
        ca_file=folder / "ca.pem",
        other_ca_file=folder / "other.pem",
        leaf_file=folder / "leaf.pem",
    )


@dataclass
class Server:
    """What stands behind a port, and what arrived there, one entry for each connection."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    # What was agreed on to speak inside of TLS, for each connection.
    protocols: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Answer = Callable[[str], bytes]
Start = Callable[..., Awaitable[Server]]


def service(path: str) -> bytes:
    """Answer as the service does."""
    if path.endswith("get_access_token"):
        return reply(b'{"access_token": "a.b.c", "refresh_token": "d.e.f"}')
    return reply(b'{"OCR_ref_no": "b-1"}')


def reply(body: bytes, status: int = 200, header: str = "X: y") -> bytes:
    head = f"HTTP/1.1 {status} So\r\nContent-Type: application/json\r\n{header}\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
async def start(no_task_is_left: None) -> AsyncIterator[Start]:
    """Give a function that starts a server; with a context it speaks TLS."""
    running: list[asyncio.Server] = []

    async def start_server(context: ssl.SSLContext | None, answer: Answer = service) -> Server:
        server = Server()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.connections += 1
            tls = writer.get_extra_info("ssl_object")
            server.protocols.append(tls.selected_alpn_protocol() if tls else None)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                server.received.append(head + await reader.readexactly(length))
                writer.write(answer(head.split(b" ")[1].decode()))
                await writer.drain()
            except asyncio.IncompleteReadError as error:
                server.received.append(error.partial)
            except OSError as error:
                server.received.append(repr(error).encode())
            finally:
                writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        running.append(listening)
        server.port = listening.sockets[0].getsockname()[1]
        return server

    yield start_server
    for listening in running:
        listening.close()


async def say(answer: bytes) -> asyncio.Server:
    """Start a server that takes a few bytes and says this, whatever they were."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def post(url: str, tls: Tls) -> int:
    """Send a secret as the transport does, and give the status."""
    trust = await trust_of(tls)
    connector = aiohttp.TCPConnector(ssl=trust.connector_ssl)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            async with session.post(url, data=SECRET, ssl=trust.request_ssl) as response:
                return response.status
        except aiohttp.ClientError as error:
            failure = tls_failure(error, url)
            if failure is None:
                raise
    raise failure


def failing(kind: type[aiohttp.ClientConnectorError], cause: OSError, *, is_ssl: bool) -> Any:
    key: Any = SimpleNamespace(host="acme.example", port=443, is_ssl=is_ssl, ssl=True)
    return kind(key, cause)


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:1006)")
    error.reason = reason
    return error


def verification_error(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message} (_ssl.c)")
    error.verify_code, error.verify_message = code, message
    return error


# --- What is trusted.


async def test_without_settings_aiohttp_keeps_its_own_context() -> None:
    assert await trust_of(Tls()) == Trust(connector_ssl=True, request_ssl=True)


async def test_a_certificate_of_the_file_s_authority_is_trusted(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    assert await post(server.url, Tls(ca_file=certificates.ca_file)) == 200
    assert await post(server.url, Tls(ca_file=str(certificates.ca_file))) == 200


async def test_the_server_s_own_certificate_is_enough_in_the_file(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    assert await post(server.url, Tls(ca_file=certificates.leaf_file)) == 200


@pytest.mark.parametrize("name", ["good", "expired", "elsewhere", "self_signed"])
async def test_a_pinned_certificate_needs_no_authority_name_or_date(
    name: str, certificates: Certificates, start: Start
) -> None:
    shown: Certificate = getattr(certificates, name)
    server = await start(shown.context)
    assert await post(server.url, Tls(fingerprint=shown.fingerprint)) == 200


async def test_a_fingerprint_is_taken_as_openssl_prints_it(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.self_signed.context)
    plain = certificates.self_signed.fingerprint.upper()
    printed = ":".join(plain[i : i + 2] for i in range(0, 64, 2))
    assert await post(server.url, Tls(fingerprint=printed)) == 200


async def test_authority_and_fingerprint_may_both_hold(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    both = Tls(ca_file=certificates.ca_file, fingerprint=certificates.good.fingerprint)
    assert await post(server.url, both) == 200


@pytest.mark.parametrize("name", ["good", "expired", "elsewhere", "self_signed"])
async def test_insecure_accepts_every_certificate(
    name: str, certificates: Certificates, start: Start
) -> None:
    server = await start(getattr(certificates, name).context)
    assert await post(server.url, Tls(insecure=True)) == 200


async def test_a_server_that_speaks_http_2_too_is_asked_for_http_1(start: Start) -> None:
    context, ca = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trustme.CA()
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await start(context)
    with ca.cert_pem.tempfile() as ca_file:
        for tls in (Tls(insecure=True), Tls(ca_file=ca_file)):
            assert await post(server.url, tls) == 200
    assert server.protocols == ["http/1.1", "http/1.1"]


# --- What is refused.


async def test_an_unknown_authority_is_refused_before_anything_is_sent(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    for tls in (Tls(), Tls(ca_file=certificates.other_ca_file)):
        with pytest.raises(TlsError, match="nothing was sent") as caught:
            await post(server.url, tls)
        assert "isn't signed by an authority that is trusted here" in str(caught.value)
        assert "Tls(ca_file=...)" in str(caught.value)
        assert "Tls(fingerprint=...)" in str(caught.value)
    # A call that is trusted comes after those, and is the only one that arrived.
    assert await post(server.url, Tls(ca_file=certificates.ca_file)) == 200
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("expired", "it has expired; check this machine's clock"),
        ("elsewhere", "it is for another host name; check the url"),
        ("self_signed", "it is signed by itself; pass it as Tls"),
    ],
)
async def test_an_untrusted_certificate_is_told_by_what_is_wrong_with_it(
    name: str, what: str, certificates: Certificates, start: Start
) -> None:
    server = await start(getattr(certificates, name).context)
    with pytest.raises(TlsError) as caught:
        await post(server.url, Tls(ca_file=certificates.ca_file))
    assert what in str(caught.value)
    assert server.url in str(caught.value)
    assert server.received == []


async def test_another_certificate_than_the_pinned_one_gets_no_byte(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    pinned = certificates.self_signed.fingerprint
    with pytest.raises(TlsError, match="nothing was sent") as caught:
        await post(server.url, Tls(fingerprint=pinned))
    assert certificates.good.fingerprint in str(caught.value)
    assert pinned in str(caught.value)
    # The handshake is over on both sides by then, so the server waits for what never comes.
    await until(lambda: len(server.received) == 1)
    assert server.received == [b""]


async def test_a_right_authority_doesn_t_help_a_wrong_fingerprint(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    with pytest.raises(TlsError, match="another certificate than the pinned one"):
        await post(
            server.url,
            Tls(ca_file=certificates.ca_file, fingerprint=certificates.expired.fingerprint),
        )
    await until(lambda: len(server.received) == 1)
    assert server.received == [b""]


async def test_a_right_fingerprint_doesn_t_help_a_wrong_authority(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    with pytest.raises(TlsError, match="isn't trusted"):
        await post(
            server.url,
            Tls(ca_file=certificates.other_ca_file, fingerprint=certificates.good.fingerprint),
        )
    assert server.received == []


async def test_a_right_fingerprint_doesn_t_help_an_expired_certificate_of_an_asked_authority(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.expired.context)
    with pytest.raises(TlsError, match="has expired"):
        await post(
            server.url,
            Tls(ca_file=certificates.ca_file, fingerprint=certificates.expired.fingerprint),
        )
    assert server.received == []


async def test_every_trust_refuses_a_tls_older_than_1_2(certificates: Certificates) -> None:
    hello: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The answer of a server that knows nothing newer, to a ServerHello's first line: TLS 1.1.
        hello.append(await reader.read(4096))
        writer.write(
            bytes.fromhex("160302002a020000260302") + bytes(32) + bytes.fromhex("00c01300")
        )
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{port_of(server)}"
    settings = (
        Tls(),
        Tls(ca_file=certificates.ca_file),
        Tls(fingerprint="0" * 64),
        Tls(insecure=True),
    )
    for tls in settings:
        with pytest.raises(TlsError, match=r"no TLS of version 1\.2 or newer"):
            await post(url, tls)
    server.close()
    assert len(hello) == len(settings)


# --- The file of authorities.


async def test_a_file_of_authorities_that_isn_t_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pem") as caught:
        await trust_of(Tls(ca_file=tmp_path / "none.pem"))
    assert caught.value.filename == str(tmp_path / "none.pem")


async def test_a_folder_is_no_file_of_authorities(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name):
        await trust_of(Tls(ca_file=tmp_path))


@pytest.mark.parametrize("content", ["nothing", "text", "der", "cut", "key"])
async def test_a_file_without_a_certificate_is_named(
    content: str, tmp_path: Path, certificates: Certificates
) -> None:
    pem = certificates.ca_file.read_text()
    contents: dict[str, bytes] = {
        "nothing": b"",
        "text": "kein Zertifikat, sondern Müll".encode(),
        "der": ssl.PEM_cert_to_DER_cert(pem),
        "cut": pem[: len(pem) // 2].encode(),
        "key": trustme.CA().private_key_pem.bytes(),
    }
    path = tmp_path / "authorities.pem"
    path.write_bytes(contents[content])
    with pytest.raises(ValueError, match=r"authorities\.pem.*BEGIN CERTIFICATE") as caught:
        await trust_of(Tls(ca_file=path, fingerprint="0" * 64))
    assert "_ssl.c" not in "".join(traceback.format_exception(caught.value))


async def test_an_empty_name_isn_t_taken_for_the_system_s_authorities() -> None:
    with pytest.raises(ValueError, match="ca_file is empty"):
        await trust_of(Tls(ca_file=""))


async def test_reading_the_file_doesn_t_hold_the_loop(
    tmp_path: Path, certificates: Certificates
) -> None:
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    loop_went_on = threading.Event()
    was_free: list[bool] = []

    def write() -> None:
        # Gives up in the end, so that a loop that is held fails the test instead of hanging it.
        was_free.append(loop_went_on.wait(5))
        pipe.write_bytes(certificates.ca_file.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    reading = asyncio.create_task(trust_of(Tls(ca_file=pipe)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop_went_on.set()
    assert isinstance((await reading).request_ssl, ssl.SSLContext)
    writer.join()
    assert was_free == [True]


# --- The loud opt-out.


def test_insecure_warns_and_logs_each_time(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with pytest.warns(InsecureTlsWarning, match=r"can read the password.*fingerprint="):
            warn_if_insecure(Tls(insecure=True), HOST)
    assert [(r.name, r.levelno) for r in caplog.records] == [
        ("klearstack_async", logging.WARNING)
    ] * 2
    assert HOST in caplog.text


def test_the_warning_s_line_is_counted_as_warnings_counts_it() -> None:
    def client() -> None:
        warn_if_insecure(Tls(insecure=True), HOST, stacklevel=2)

    with pytest.warns(InsecureTlsWarning) as warned:
        client()
    assert (warned[0].filename, warned[0].lineno) == (__file__, the_line_before())


def test_an_insecure_client_is_logged_also_where_warnings_are_errors(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(InsecureTlsWarning):
        warn_if_insecure(Tls(insecure=True), HOST)
    assert len(caplog.records) == 1


def test_a_client_that_checks_is_blunt(caplog: pytest.LogCaptureFixture) -> None:
    # A warning is an error in these tests.
    for tls in (Tls(), Tls(fingerprint="0" * 64), Tls(ca_file="ca.pem")):
        warn_if_insecure(tls, HOST)
    assert caplog.records == []


def the_line_before() -> int:
    return (traceback.extract_stack(limit=2)[0].lineno or 0) - 1


# --- What a failure says.


@pytest.mark.parametrize(
    ("code", "message", "what"),
    [
        (9, "certificate is not yet valid", "isn't valid yet; check this machine's clock"),
        (10, "certificate has expired", "has expired; check this machine's clock"),
        (18, "self-signed certificate", "is signed by itself; pass it as Tls(ca_file=...)"),
        (19, "self-signed certificate in certificate chain", "isn't signed by an authority"),
        (20, "unable to get local issuer certificate", "isn't signed by an authority"),
        (21, "unable to verify the first certificate", "isn't signed by an authority"),
        (62, "Hostname mismatch, ...", "is for another host name; check the url"),
        (64, "IP address mismatch, ...", "is for another host name; check the url"),
        (23, "certificate revoked", "OpenSSL says certificate revoked"),
    ],
)
def test_what_openssl_finds_in_a_certificate_becomes_a_sentence(
    code: int, message: str, what: str
) -> None:
    cause = verification_error(code, message)
    ours = tls_failure(failing(aiohttp.ClientConnectorCertificateError, cause, is_ssl=True), HOST)
    assert isinstance(ours, TlsError)
    assert what in str(ours)
    assert HOST in str(ours)
    assert "_ssl.c" not in str(ours)
    # The pipeline keeps that much of a sentence.
    assert len(str(ours)) <= 400


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("WRONG_VERSION_NUMBER", "doesn't answer in TLS"),
        ("RECORD_LAYER_FAILURE", "doesn't answer in TLS"),
        ("HTTP_REQUEST", "doesn't answer in TLS"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no TLS of version 1.2"),
        ("UNSUPPORTED_PROTOCOL", "no TLS of version 1.2"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "none of the ciphers"),
        ("SSL/TLS_ALERT_HANDSHAKE_FAILURE", "none of the ciphers"),
        ("NO_SHARED_CIPHER", "none of the ciphers"),
        ("TLSV1_UNRECOGNIZED_NAME", "doesn't know this host name"),
        ("DH_KEY_TOO_SMALL", "too short to be safe"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "wants a certificate of the client"),
        ("BAD_EXTENSION", "OpenSSL says bad extension"),
    ],
)
def test_a_failed_handshake_becomes_a_sentence(reason: str, what: str) -> None:
    cause = ssl_error(reason)
    ours = tls_failure(failing(aiohttp.ClientConnectorSSLError, cause, is_ssl=True), HOST)
    assert isinstance(ours, TlsError)
    assert what in str(ours)
    assert HOST in str(ours)
    assert reason not in str(ours)
    assert "_ssl.c" not in str(ours)


def test_a_mismatch_fits_into_what_the_pipeline_keeps() -> None:
    host = f"https://{'a' * 40}.klearstackapp.com:8443"
    ours = tls_failure(aiohttp.ServerFingerprintMismatch(b"x" * 32, b"y" * 32, "h", 1), host)
    assert len(str(ours)) <= 400


def test_every_failure_of_aiohttp_s_tls_is_ours() -> None:
    cause = ssl_error("WHATEVER")
    for kind in (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError):
        assert isinstance(tls_failure(failing(kind, cause, is_ssl=True), HOST), ConnectError)


@pytest.mark.parametrize(
    "error",
    [
        failing(aiohttp.ClientConnectorError, ConnectionRefusedError(111, "no"), is_ssl=True),
        failing(aiohttp.ClientConnectorDNSError, OSError(-2, "unknown"), is_ssl=True),
        aiohttp.ServerDisconnectedError(),
        aiohttp.SocketTimeoutError(),
        ValueError("other"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_has_nothing_to_do_with_tls_is_left_alone(error: BaseException) -> None:
    assert tls_failure(error, HOST) is None
    assert tls_reason(error, HOST) is None


def test_a_failure_after_the_handshake_isn_t_called_unsent() -> None:
    error = aiohttp.ClientOSError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] ... (_ssl.c:2580)")
    error.__cause__ = ssl_error("TLSV13_ALERT_CERTIFICATE_REQUIRED")
    assert tls_failure(error, HOST) is None
    assert "wants a certificate of the client" in (tls_reason(error, HOST) or "")


async def test_a_server_without_tls_is_told() -> None:
    server = await say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(TlsError, match="doesn't answer in TLS") as caught:
        await post(f"https://127.0.0.1:{port_of(server)}", Tls(insecure=True))
    server.close()
    assert "http://" in str(caught.value)


async def test_a_server_that_hangs_up_in_the_handshake_may_be_asked_again() -> None:
    server = await say(b"")
    url = f"https://127.0.0.1:{port_of(server)}"
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await post(url, Tls())
    server.close()
    assert "hung up while TLS was agreed on" in (tls_reason(caught.value, url) or "")


async def test_plain_http_to_a_port_of_tls_is_told(
    certificates: Certificates, start: Start
) -> None:
    tls = await start(certificates.good.context)
    # OpenSSL's alert, which some servers send in such a case: "this is no TLS".
    alerting = await say(b"\x15\x03\x01\x00\x02\x02\x46")
    for url in (tls.plain_url, f"http://127.0.0.1:{port_of(alerting)}"):
        with pytest.raises(aiohttp.ClientError) as caught:
            await post(url, Tls())
        assert "its url begins with https://" in (tls_reason(caught.value, url) or "")
    alerting.close()


# --- Through the public client. Those that are marked "wired" need `HttpTransport` to use
# `trust_of`, `tls_failure` and `tls_reason`, and `KlearStack` to use `warn_if_insecure`.


async def upload(ks: KlearStack) -> None:
    receipt = await ks.uploads.document(b"%PDF", filename="a.pdf")
    assert receipt.batch_id == "b-1"


async def test_a_client_logs_in_and_uploads_with_its_file_of_authorities(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    async with client_at(server.url, tls=Tls(ca_file=certificates.ca_file)) as ks:
        await upload(ks)
    assert len(server.received) == 2


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize("how", ["CA_FILE", "FINGERPRINT"])
async def test_a_client_from_the_environment_checks_as_it_is_told(
    how: str, where: str, certificates: Certificates, start: Start, tmp_path: Path
) -> None:
    server = await start(certificates.good.context)
    right = {"CA_FILE": certificates.ca_file, "FINGERPRINT": certificates.good.fingerprint}
    wrong = {"CA_FILE": certificates.other_ca_file, "FINGERPRINT": "0" * 64}
    account = {"URL": server.url, "COMPANY": "demo", "USERNAME": "demo", "PASSWORD": PASSWORD}
    for value, is_trusted in ((right[how], True), (wrong[how], False)):
        environment = {f"KLEARSTACK_{name}": text for name, text in account.items()}
        if where == "environment":
            environment[f"KLEARSTACK_{how}"] = str(value)
        else:
            file = tmp_path / "klearstack.toml"
            file.write_text(f"{how.lower()} = {json.dumps(str(value))}")
            environment["KLEARSTACK_CONFIG"] = str(file)
        # In a thread, because it reads the file.
        made = partial(KlearStack.from_env, environment, retry=RetryPolicy(attempts=1))
        async with await asyncio.to_thread(made) as ks:
            if is_trusted:
                await upload(ks)
            else:
                with pytest.raises(TlsError):
                    await upload(ks)
    # Login and upload, of the one that trusted.
    assert len([each for each in server.received if each]) == 2


# wired
async def test_a_client_logs_in_and_uploads_with_a_pin(
    certificates: Certificates, start: Start
) -> None:
    for shown in (certificates.self_signed, certificates.expired, certificates.elsewhere):
        server = await start(shown.context)
        async with client_at(server.url, tls=Tls(fingerprint=shown.fingerprint)) as ks:
            await upload(ks)
        assert len(server.received) == 2


# wired
async def test_a_client_shows_no_password_to_another_certificate(
    certificates: Certificates, start: Start
) -> None:
    server = await start(certificates.good.context)
    for ca_file in (None, certificates.ca_file):
        tls = Tls(ca_file=ca_file, fingerprint=certificates.expired.fingerprint)
        async with client_at(server.url, tls=tls) as ks:
            with pytest.raises(TlsError, match=certificates.good.fingerprint):
                await ks.uploads.document(b"%PDF", filename="a.pdf")
    await until(lambda: len(server.received) == server.connections >= 2)
    assert b"".join(server.received) == b""


# wired
async def test_a_client_shows_no_token_to_another_certificate(
    certificates: Certificates, start: Start
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = trustme.CA().issue_cert("127.0.0.1")
    leaf.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    server = await start(context)
    async with client_at(server.url, tls=Tls(fingerprint=hashlib.sha256(der).hexdigest())) as ks:
        await ks.auth.login()
        # Somebody else comes in between, when the client has a token.
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        with pytest.raises(TlsError, match="another certificate"):
            await ks.uploads.document(b"%PDF", filename="a.pdf")
    await until(lambda: len(server.received) == server.connections >= 2)
    assert b"".join(server.received[1:]) == b""


# wired
@pytest.mark.parametrize("name", ["good", "expired", "elsewhere", "self_signed"])
async def test_a_client_refuses_what_the_system_doesn_t_trust(
    name: str, certificates: Certificates, start: Start
) -> None:
    server = await start(getattr(certificates, name).context)
    async with client_at(server.url) as ks:
        with pytest.raises(TlsError, match=r"nothing was sent.*Tls\(fingerprint") as caught:
            await ks.auth.login()
    assert caught.value.endpoint == "auth.login"
    assert server.received == []
    shown = everything_about(caught.value)
    assert "aiohttp" not in shown
    assert "_ssl.c" not in shown
    assert PASSWORD not in shown


def everything_about(error: BaseException | None) -> str:
    """Give what a tracker would write down of an error and of all that it came from."""
    if error is None:
        return ""
    here = f"{type(error).__module__} {error!r} {error.args!r} {vars(error)!r}"
    return here + everything_about(error.__cause__) + everything_about(error.__context__)


# wired
@pytest.mark.parametrize("name", ["good", "expired", "elsewhere", "self_signed"])
async def test_an_insecure_client_works_and_warns(
    name: str, certificates: Certificates, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(getattr(certificates, name).context)
    # What pytest does with a line of the log blocks the loop, which is none of ours to blame.
    monkeypatch.setattr(logging.getLogger("klearstack_async"), "disabled", True)
    with pytest.warns(InsecureTlsWarning, match=server.url):
        ks = client_at(server.url, tls=Tls(insecure=True))
    async with ks:
        await upload(ks)


# wired
def test_the_warning_of_an_insecure_client_shows_the_user_s_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = {"company_name": "demo", "username": "demo", "password": "p"}
    with pytest.warns(InsecureTlsWarning) as warned:
        KlearStack(HOST, tls=Tls(insecure=True), **account)  # type: ignore[arg-type]
    assert (warned[0].filename, warned[0].lineno) == (__file__, the_line_before())
    assert [record.name for record in caplog.records] == ["klearstack_async"]


# wired
def test_the_warning_of_a_client_from_the_environment_shows_the_user_s_line() -> None:
    names = ("URL", "COMPANY", "USERNAME", "PASSWORD")
    environment = {f"KLEARSTACK_{name}": HOST for name in names}
    with pytest.warns(InsecureTlsWarning) as warned:
        KlearStack.from_env(environment, tls=Tls(insecure=True))
    assert (warned[0].filename, warned[0].lineno) == (__file__, the_line_before())


# wired
async def test_a_client_is_told_of_the_wrong_scheme(
    certificates: Certificates, start: Start
) -> None:
    tls = await start(certificates.good.context)
    async with client_at(tls.plain_url) as ks:
        with pytest.raises(TransportError, match="its url begins with https://"):
            await ks.auth.login()
    blunt = await say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    async with client_at(f"https://127.0.0.1:{port_of(blunt)}") as ks:
        with pytest.raises(TlsError, match="doesn't answer in TLS"):
            await ks.auth.login()
    blunt.close()


# wired
async def test_a_client_is_told_which_file_of_authorities_is_none(tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    with pytest.raises(FileNotFoundError, match=r"authorities\.pem"):
        await client_at(HOST, tls=Tls(ca_file=path)).__aenter__()
    path.write_text("no certificate")
    with pytest.raises(ValueError, match=r"authorities\.pem"):
        await client_at(HOST, tls=Tls(ca_file=path)).__aenter__()


# --- Redirects: neither the password nor the token goes where an answer says.


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_login_isn_t_sent_where_a_redirect_points(
    status: int, scheme: str, certificates: Certificates, start: Start
) -> None:
    other = await start(None)
    place = f"{scheme}://127.0.0.1:{other.port}/access/klearstack/get_access_token"
    server = await start(
        certificates.good.context, lambda _: reply(b"", status, f"Location: {place}")
    )
    async with client_at(server.url, tls=Tls(ca_file=certificates.ca_file)) as ks:
        with pytest.raises(Redirected) as caught:
            await ks.auth.login()
    assert place in str(caught.value)
    assert (len(server.received), other.connections) == (1, 0)


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_neither_token_nor_file_is_sent_where_a_redirect_points(
    status: int, scheme: str, certificates: Certificates, start: Start, tmp_path: Path
) -> None:
    other = await start(None)
    place = f"{scheme}://127.0.0.1:{other.port}/access/klearstack/elsewhere"

    def answer(path: str) -> bytes:
        if path.endswith("get_access_token"):
            return service(path)
        return reply(b"", status, f"Location: {place}")

    server = await start(certificates.good.context, answer)
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF" * (1 << 18))
    async with client_at(server.url, tls=Tls(ca_file=certificates.ca_file)) as ks:
        for call in (ks.results.in_batch("b"), ks.uploads.document(file)):
            with pytest.raises(Redirected) as caught:
                await call
            assert place in str(caught.value)
    assert (len(server.received), other.connections) == (3, 0)


async def test_a_redirect_to_http_of_the_same_host_isn_t_followed(
    certificates: Certificates, start: Start
) -> None:
    place: list[str] = []
    server = await start(
        certificates.good.context, lambda _: reply(b"", 307, f"Location: {place[0]}")
    )
    place.append(f"{server.plain_url}/access/klearstack/get_access_token")
    async with client_at(server.url, tls=Tls(ca_file=certificates.ca_file)) as ks:
        with pytest.raises(Redirected) as caught:
            await ks.auth.login()
    assert place[0] in str(caught.value)
    assert server.connections == 1
