"""What a user can set: the account, TLS, how to look for results, the API's own shape.

Plain values that are checked when they are made. Nothing here talks to anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from klearstack_async.models import Tokens

__all__ = [
    "Account",
    "DocumentType",
    "Encoding",
    "EndpointOverride",
    "InvoiceType",
    "Polling",
    "Processing",
    "QuickBooksStatus",
    "Tls",
    "TokenStore",
    "check_path",
]

_PATH = re.compile(r"/[^\s?#/][^\s?#]*")

ENVIRONMENT = {
    "url": "KLEARSTACK_URL",
    "company_name": "KLEARSTACK_COMPANY",
    "username": "KLEARSTACK_USERNAME",
    "password": "KLEARSTACK_PASSWORD",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Where the service is, and who calls it.

    Attributes:
        url: The customer's host, such as `https://acme.klearstackapp.com`.
        company_name: The company as KlearStack knows it.
        username: The user's name.
        password: The user's password. It is needed for the whole life of a client, because the
            API asks for it in nearly every body; it is never shown.
    """

    url: str
    company_name: str
    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("url", "company_name", "username", "password"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is a text, not {type(getattr(self, name)).__name__}")
            if not getattr(self, name) and name != "url":
                raise ValueError(f"{name} is empty")
        _check_url(self.url)
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Account:
        """Read the account from `KLEARSTACK_URL`, `_COMPANY`, `_USERNAME` and `_PASSWORD`.

        Raises:
            ValueError: One of them is missing; the message names all that are.
        """
        found = os.environ if environment is None else environment
        missing = [name for name in ENVIRONMENT.values() if not found.get(name)]
        if missing:
            raise ValueError(f"set {', '.join(missing)} in the environment")
        return cls(**{key: found[name] for key, name in ENVIRONMENT.items()})


def _check_url(url: str) -> None:
    if "@" in url:
        # Not shown: what stands before the @ may be a password.
        raise ValueError("url must not hold credentials; pass username= and password=")
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        is_host = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        # Not shown: `https://user:password` without its host says that the port is no number.
        raise ValueError("url can't be read: is its port a number?") from None
    if not is_host:
        raise ValueError(f"url must look like https://acme.klearstackapp.com, not {url!r}")
    try:
        (parts.hostname or "").encode("idna")
    except UnicodeError:
        raise ValueError(f"url {url!r} has a host that can't be") from None
    if parts.query or parts.fragment or any(c.isspace() for c in url):
        raise ValueError("url must be a host and nothing else, without ?, # or blanks")


@dataclass(frozen=True, slots=True)
class Tls:
    """How to check the server's certificate. Without anything: against the system's authorities.

    Attributes:
        ca_file: A PEM file of authorities to trust instead of the system's.
        fingerprint: The SHA-256 of the one certificate to accept, in hexadecimal (colons are
            ignored). No authority is asked then, unless `ca_file` is given, too.
        insecure: Accept every certificate. Whoever stands between can read the password then, so
            each client that is made with it warns.
    """

    ca_file: str | os.PathLike[str] | None = None
    fingerprint: str | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        if self.fingerprint is not None:
            # Also as `openssl x509 -fingerprint` prints it: sha256 Fingerprint=F0:D0:...
            plain = self.fingerprint.rpartition("=")[2].strip().replace(":", "").lower()
            if not re.fullmatch("[0-9a-f]{64}", plain):
                raise ValueError("fingerprint is the certificate's SHA-256: 64 hexadecimal digits")
            object.__setattr__(self, "fingerprint", plain)
        if self.insecure and (self.ca_file is not None or self.fingerprint is not None):
            raise ValueError("insecure accepts every certificate: leave out what it should check")


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Where processes that share an account share its tokens, so that not each has to log in.

    It is asked before tokens are renewed, and told after. What it keeps is as good as the
    password for as long as the tokens live: keep it as safe. Each account needs a store of its
    own. One that fails, or takes more than 10 s, is left out with a warning in the log; the call
    goes on.

    Attributes:
        load: An async function that gives the `Tokens` that were saved last, or None.
        save: An async function that keeps new `Tokens`.
    """

    load: Callable[[], Awaitable[Tokens | None]]
    save: Callable[[Tokens], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Polling:
    """How often to look whether a batch is done.

    The pause grows from `first_seconds` by `factor` up to `longest_seconds`: a quick batch is
    seen at once, a slow one costs few calls.

    With `pushed`, results are pushed to this process, and handed to the client by its `feed`. What
    is waited for is then looked at only in case that a push got lost: after `longest_seconds`.
    """

    first_seconds: float = 0.25
    factor: float = 1.5
    longest_seconds: float = 10.0
    pushed: bool = False

    def __post_init__(self) -> None:
        if self.first_seconds <= 0 or self.factor < 1 or self.longest_seconds < self.first_seconds:
            raise ValueError("Polling needs 0 < first_seconds <= longest_seconds and factor >= 1")

    def pause_seconds(self, looks: int) -> float:
        """How long to pause after so many looks (0: before the first)."""
        if self.pushed:
            return self.longest_seconds
        # The exponent is bounded because the product is not: 1.5 ** 10_000 overflows.
        return min(self.longest_seconds, self.first_seconds * self.factor ** min(looks, 64))


class Encoding(StrEnum):
    """How a form without a file is written; the vendor's samples know all three.

    A form with a file is always `multipart`.
    """

    MULTIPART = "multipart"
    URLENCODED = "urlencoded"
    JSON = "json"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"encoding is one of {', '.join(cls)}, not {value!r}")


def check_path(path: Any) -> None:
    """Refuse what is no path below the host: glued to the host, it could name another one.

    Raises:
        ValueError: It doesn't begin with a slash, or holds a blank, `?` or `#`.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path) or {".", ".."} & {*path.split("/")}:
        raise ValueError(
            f"an endpoint's path looks like /access/klearstack/name, not {path!r}; "
            "the host belongs into url="
        )


@dataclass(frozen=True, slots=True)
class EndpointOverride:
    """What is different about an endpoint at your service.

    Attributes:
        path: Its path below the host, such as `/access/klearstack/getimage`; None for the
            library's own.
        parameters: Other names for its form fields: the library's name to the service's, such as
            `{"page_index": "page"}`. An empty name leaves the field out.
        encoding: An `Encoding`, or None for the client's.
    """

    path: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    encoding: Encoding | str | None = None

    def __post_init__(self) -> None:
        if self.path is not None:
            check_path(self.path)
        if self.encoding is not None:
            object.__setattr__(self, "encoding", Encoding(self.encoding))
        # They may come from a file.
        parameters: Any = self.parameters
        if not isinstance(parameters, Mapping):
            raise ValueError(f"parameters are names to names, not {parameters!r}")  # noqa: TRY004 - the setting is wrong, not the code
        theirs = [name for name in parameters.values() if name != ""]
        if not all(isinstance(name, str) for name in theirs):
            raise ValueError(f"parameters are names to names, not {dict(parameters)}")
        if len(set(theirs)) < len(theirs):
            raise ValueError(f"two parameters get the same name in {dict(parameters)}")

    @classmethod
    def of(cls, value: str | EndpointOverride | Mapping[str, Any]) -> EndpointOverride:
        """Take a path alone, or an object of a configuration, for the override it means.

        Raises:
            ValueError: It is none; the message says what is wrong.
        """
        if isinstance(value, EndpointOverride):
            return value
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping):
            raise ValueError(f"an endpoint is set by a path or an object, not by {value!r}")  # noqa: TRY004 - the setting is wrong, not the code
        unknown = sorted(value.keys() - {"path", "parameters", "encoding"})
        if unknown:
            raise ValueError(
                f"an endpoint has path, parameters and encoding, not {unknown[0]} "
                "(in TOML, a name with a dot in it stands in quotes)"
            )
        return cls(**value)


class QuickBooksStatus(StrEnum):
    """What became of a document in QuickBooks Enterprise. Open: any other text may be given."""

    SUCCESSFUL = "successful"
    FAILED = "failed"


class DocumentType(StrEnum):
    """What kind of document it is. The set is open: any other text may be given instead."""

    INVOICES = "Invoices"
    RECEIPTS = "Receipts"
    PURCHASE_ORDERS = "PurchaseOrders"
    NACH = "NACH"
    LOAN_AGREEMENT = "LoanAgreement"
    INSURANCES = "Insurances"


class InvoiceType(StrEnum):
    """Between whom; the service wants `B2C` for insurances."""

    B2B = "B2B"
    B2C = "B2C"


class Processing(StrEnum):
    """What matters more."""

    SPEED = "Speed"
    ACCURACY = "Accuracy"
