"""One endpoint of the API as a value: where it is, what it asks for, how surely it is known.

The values themselves stand in `endpoints/catalogue.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from klearstack_async.settings import Encoding, EndpointOverride, check_path

__all__ = ["ROOT", "Certainty", "Credentials", "Endpoint", "Replay", "overridden"]

ROOT = "/access/klearstack/"


class Certainty(StrEnum):
    """How surely an endpoint is known."""

    DOCUMENTED = "documented"
    PARTLY = "partly"
    ASSUMED = "assumed"
    # The user knows better, and has said so.
    OVERRIDDEN = "overridden"


class Credentials(StrEnum):
    """Which of the account's data go into the body."""

    FULL = "company_name, username, password"
    USER = "company_name, username"
    COMPANY = "company_name"
    NONE = ""

    @classmethod
    def _missing_(cls, value: object) -> None:
        choices = ", ".join(f"Credentials.{choice.name}" for choice in cls)
        raise ValueError(f"credentials are one of {choices}, not {value!r}")


class Replay(StrEnum):
    """Whether a call may be sent again when it is not known what became of it."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: What the library calls it: group and method.
        path: Below the host.
        page: Its page in the vendor's documentation, from 1 in the documentation's own order;
            None for one that isn't documented.
        certainty: How surely it is known.
        credentials: What of the account its body carries.
        bearer: Whether it wants an access token.
        replay: Whether it may be sent again when nobody knows what became of it.
        reason: Why; reads after "sent again:".
        encoding: How its forms are written, or None for the client's own choice.
        parameters: Other names for its form fields: the library's to the service's.
    """

    name: str
    path: str
    page: int | None = None
    certainty: Certainty = Certainty.OVERRIDDEN
    credentials: Credentials = Credentials.FULL
    bearer: bool = True
    replay: Replay = Replay.UNSAFE
    reason: str = "nothing is known about what it does"
    encoding: Encoding | str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_path(self.path)


def overridden(endpoint: Endpoint, override: EndpointOverride) -> Endpoint:
    """Give the endpoint as the user has set it."""
    return dataclasses.replace(
        endpoint,
        path=override.path or endpoint.path,
        # Other parameter names say nothing about the path, which stays as surely known as it was.
        certainty=Certainty.OVERRIDDEN if override.path else endpoint.certainty,
        encoding=override.encoding or endpoint.encoding,
        parameters={**endpoint.parameters, **override.parameters},
    )
