"""Whom a connection trusts, and what a failure of that trust means in a sentence.

Nothing is connected or sent in here. The rule: a `TlsError` is only made of what happened before
the first byte of a request left, because it promises so; what may have happened later is given a
sentence by `tls_reason`, and keeps its own class.
"""

from __future__ import annotations

import logging
import os
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import anyio.to_thread

from klearstack_async.errors import TlsError
from klearstack_async.settings import Tls

__all__ = [
    "InsecureTlsWarning",
    "Trust",
    "tls_failure",
    "tls_reason",
    "trust_of",
    "warn_if_insecure",
]

_LOG = logging.getLogger("klearstack_async")


class InsecureTlsWarning(UserWarning):
    """A client was made that accepts every certificate; its password can be read on the way."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What aiohttp is to be told, and in which of its two places.

    Both belong together, and their places can't be swapped: aiohttp asks the request first, and a
    fingerprint there makes it take a context of its own that trusts every authority, whatever the
    connector holds. So the context goes to the request, and the fingerprint to the connector,
    where aiohttp looks for one when the request has none.

    Attributes:
        connector_ssl: For `TCPConnector(ssl=...)`: the pinned certificate, or True for none.
        request_ssl: For `session.request(..., ssl=...)`: the context, or True for aiohttp's own,
            which asks the system's authorities.
    """

    connector_ssl: aiohttp.Fingerprint | bool = True
    request_ssl: ssl.SSLContext | bool = True


async def trust_of(tls: Tls) -> Trust:
    """Make of the settings what aiohttp wants. The CA file is read in a thread.

    Raises:
        OSError: The CA file can't be read; its `filename` says which it was.
        ValueError: The CA file holds no certificate.
    """
    if tls == Tls():
        # aiohttp made that context when it was imported: another one takes 30 ms and its memory.
        return Trust()
    context = await anyio.to_thread.run_sync(_context, tls)
    if tls.fingerprint is None:
        return Trust(request_ssl=context)
    return Trust(aiohttp.Fingerprint(bytes.fromhex(tls.fingerprint)), context)


def _context(tls: Tls) -> ssl.SSLContext:
    if tls.ca_file is not None:
        context = _trusting(tls.ca_file)
        # The server's own certificate, or one on the way to it, is enough in the file. From
        # Python 3.13 on it always is; the older ones want the root.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        # Either the fingerprint is checked after the handshake, or nothing is wanted to be.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As aiohttp's own context says it: a server may choose HTTP/2 for one that says nothing.
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(ca_file: str | os.PathLike[str]) -> ssl.SSLContext:
    name = os.fspath(ca_file)
    if not name:
        # Python would take the system's authorities instead.
        raise ValueError("ca_file is empty; leave it out to trust the system's authorities")
    try:
        return ssl.create_default_context(cafile=name)
    except ssl.SSLError:
        raise ValueError(
            f"ca_file {name!r} holds no whole certificate in PEM form, which begins with "
            "-----BEGIN CERTIFICATE-----; `openssl x509 -inform der -in FILE` turns the binary "
            "form (.cer, .der) into it"
        ) from None
    except OSError as error:
        # Python's own error doesn't say which file it was.
        error.filename = name
        raise


def warn_if_insecure(tls: Tls, url: str, stacklevel: int = 1) -> None:
    """Say, as a warning and in the log, what it means that every certificate is accepted.

    Args:
        tls: Nothing happens unless it is `insecure`.
        url: Where the client goes.
        stacklevel: As `warnings.warn` would count it where this is called: 1 is the caller.
    """
    if not tls.insecure:
        return
    message = (
        f"Tls(insecure=True) accepts every certificate, so whoever stands between here and {url} "
        "can read the password and all documents, and change them; pin the server's certificate "
        "instead: Tls(fingerprint=...)"
    )
    # First, because the warning may be an error. The log tells of every client, while Python
    # shows a warning once for each line.
    _LOG.warning(message)
    warnings.warn(message, InsecureTlsWarning, stacklevel=stacklevel + 1)


# By X509_V_ERR_..., from openssl/x509_vfy.h, which `SSLCertVerificationError.verify_code` gives.
_PIN = (
    "if you know that it is right, pass Tls(fingerprint=...) "
    "(`openssl x509 -fingerprint -sha256 -noout`)"
)
_UNKNOWN_AUTHORITY = (
    "it isn't signed by an authority that is trusted here",
    f"pass that authority's certificate as Tls(ca_file=...) or, {_PIN}",
)
_SELF_SIGNED = ("it is signed by itself", f"pass it as Tls(ca_file=...) or, {_PIN}")
_WRONG_NAME = ("it is for another host name", f"check the url or, {_PIN}")
_OUT_OF_DATE = f"check this machine's clock and ask for a new certificate; meanwhile, {_PIN}"
_VERIFICATIONS: Mapping[int, tuple[str, str]] = {
    2: _UNKNOWN_AUTHORITY,  # UNABLE_TO_GET_ISSUER_CERT
    9: ("it isn't valid yet", _OUT_OF_DATE),
    10: ("it has expired", _OUT_OF_DATE),
    18: _SELF_SIGNED,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: _UNKNOWN_AUTHORITY,  # SELF_SIGNED_CERT_IN_CHAIN
    20: _UNKNOWN_AUTHORITY,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: _UNKNOWN_AUTHORITY,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    62: _WRONG_NAME,  # HOSTNAME_MISMATCH
    64: _WRONG_NAME,  # IP_ADDRESS_MISMATCH
}

_NO_TLS = "it doesn't answer in TLS; check the port, and whether its url begins with http://"
_TOO_OLD = "it offers no TLS of version 1.2 or newer, so it has to be updated"
_NO_AGREEMENT = "it accepts none of the ciphers and keys of this machine, or wants a client's own"
_WANTS_CERTIFICATE = "it wants a certificate of the client, which this library has none of"
# By fragments of `SSLError.reason`: OpenSSL's releases differ in what stands before and after.
_HANDSHAKES: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "BAD_RECORD_TYPE": _NO_TLS,
    "PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "UNSUPPORTED_SSL_VERSION": _TOO_OLD,
    "VERSION_TOO_LOW": _TOO_OLD,
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "ALERT_BAD_CERTIFICATE": _WANTS_CERTIFICATE,
    "HANDSHAKE_FAILURE": _NO_AGREEMENT,
    "INSUFFICIENT_SECURITY": _NO_AGREEMENT,
    "CIPHER": _NO_AGREEMENT,
    "UNRECOGNIZED_NAME": "it doesn't know this host name; check the url",
    "KEY_TOO_SMALL": "its key is too short to be safe, so it has to be replaced",
    "MD_TOO_WEAK": "its certificate's signature is too weak, so it has to be replaced",
}


def tls_failure(error: BaseException, host: str) -> TlsError | None:
    """Say in our terms, and in a sentence, why no trusted connection came about.

    It is to be raised outside of the `except`: aiohttp's exception must not be its context.

    Args:
        error: What aiohttp raised.
        host: Where it happened, as the user knows it: `https://acme.example`.

    Returns:
        None if it isn't about TLS, or if something may have been sent before it.
    """
    match error:
        case aiohttp.ServerFingerprintMismatch(expected=bytes(expected), got=bytes(got)):
            return TlsError(
                f"{host} shows another certificate than the pinned one, so nothing was sent: its "
                f"SHA-256 is {got.hex()}, and Tls(fingerprint=) says {expected.hex()}; before you "
                "pin the new one, ask whoever runs the server whether it is theirs"
            )
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLError() as cause):
            return TlsError(_untrusted(cause, host))
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError() as cause):
            return TlsError(f"can't agree on TLS with {host}, so nothing was sent: {_why(cause)}")
    return None


def _untrusted(cause: ssl.SSLError, host: str) -> str:
    code: int = getattr(cause, "verify_code", 0)
    if code in _VERIFICATIONS:
        what, advice = _VERIFICATIONS[code]
    else:
        # Such as "certificate revoked": OpenSSL's words for a certificate are plain enough.
        what = f"OpenSSL says {getattr(cause, 'verify_message', None) or 'no more'}"
        advice = "ask whoever runs the server for a better one"
    return f"the certificate of {host} isn't trusted, so nothing was sent: {what}; {advice}"


def _why(cause: ssl.SSLError) -> str:
    reason = cause.reason or ""
    for fragment, sentence in _HANDSHAKES.items():
        if fragment in reason:
            return sentence
    return f"OpenSSL says {reason.replace('_', ' ').lower() or 'no more'}"


# How a TLS alert, the answer of some servers to plain HTTP, looks in llhttp's complaint about it.
_ALERT = r"b'\x15\x03"


def tls_reason(error: BaseException, host: str) -> str | None:
    """Say what TLS has to do with a failure that isn't a `TlsError`.

    Either something may have been sent, or the same call may well succeed the next time: a
    connection that ends in its handshake can also be one to a server that is just restarting.

    Args:
        error: What aiohttp raised.
        host: Where it happened, as the user knows it: `https://acme.example`.

    Returns:
        What to put in the place of aiohttp's words, or None if TLS has no part in it.
    """
    match error:
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError(), args=(key, _)) if (
            key.is_ssl
        ):
            return "it hung up while TLS was agreed on; maybe it has none there, or an older one"
        case aiohttp.ClientOSError(__cause__=ssl.SSLError() as cause):
            return _why(cause)
        case aiohttp.ClientResponseError(message=str(what)) if _ALERT in what:
            return "it answers in TLS, so its url begins with https://"
        case aiohttp.ServerDisconnectedError() if host.startswith("http://"):
            # Most servers hang up without a word when they are spoken to without TLS.
            return "it hung up; if it does so each time, maybe its url begins with https://"
    return None
