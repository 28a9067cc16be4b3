"""What a user can set: the account, timeouts, TLS, how to look for results.

Plain values that are checked when they are made. Nothing here talks to anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

__all__ = [
    "Account",
    "DocumentType",
    "InvoiceType",
    "Polling",
    "Processing",
    "Timeouts",
    "Tls",
]

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
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"url must look like https://acme.klearstackapp.com, not {_shown(self.url)!r}"
            )
        if parts.username or parts.password:
            raise ValueError("url must not hold credentials; pass username= and password=")
        for name in ("company_name", "username", "password"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty")
        if parts.query or parts.fragment or any(c.isspace() for c in self.url):
            raise ValueError("url must be a host and nothing else, without ?, # or blanks")
        # Reading the port checks it.
        _ = parts.port
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


def _shown(url: str) -> str:
    """Cut what may be a password out of a wrong URL before it gets into a message."""
    return url.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for something to move. There is no limit on a call as a whole.

    Attributes:
        connect_seconds: For the connection, TLS included.
        stall_seconds: For the next byte of an answer, and for the server to take some more.
    """

    connect_seconds: float = 15.0
    stall_seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.connect_seconds <= 0 or self.stall_seconds <= 0:
            raise ValueError("Timeouts are more than 0 seconds")


@dataclass(frozen=True, slots=True)
class Tls:
    """How to check the server's certificate. Without anything: against the system's authorities.

    Attributes:
        ca_file: A PEM file of authorities to trust instead of the system's.
    """

    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Polling:
    """How often to look whether a batch is done.

    The pause grows from `first_seconds` by `factor` up to `longest_seconds`: a quick batch is
    seen at once, a slow one costs few calls.
    """

    first_seconds: float = 0.25
    factor: float = 1.5
    longest_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.first_seconds <= 0 or self.factor < 1 or self.longest_seconds < self.first_seconds:
            raise ValueError("Polling needs 0 < first_seconds <= longest_seconds and factor >= 1")

    def pause_seconds(self, looks: int) -> float:
        """How long to pause after so many looks (0: before the first)."""
        # The exponent is bounded because the product is not: 1.5 ** 10_000 overflows.
        return min(self.longest_seconds, self.first_seconds * self.factor ** min(looks, 64))


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
