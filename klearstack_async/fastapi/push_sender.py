"""Who pushes: the credentials of one endpoint, or of one tenant's among many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict

from fastapi import Request

from klearstack_async.webhooks.sender import Sender

__all__ = ["Credentials", "PushSender", "SenderOf"]


class Credentials(TypedDict):
    """What `parse_push` compares."""

    token: str | None
    username: str | None
    password: str | None
    company_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSender:
    """What proves a push to be from KlearStack, and whose it is.

    Attributes:
        token: The Bearer token that KlearStack was told to send.
        username: The username that it was told to send among the fields.
        password: The password likewise.
        company_name: The company name likewise; neither it nor the username proves anything.
        tenant: The tenant's name, as in `pool.tenant(name)`.

    Raises:
        ValueError: One of the credentials is an empty text.
    """

    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    company_name: str | None = None
    tenant: str | None = None

    def __post_init__(self) -> None:
        self.refuse_misuse(unverified=True)

    def credentials(self) -> Credentials:
        """Give what `parse_push` is told."""
        return {
            "token": self.token,
            "username": self.username,
            "password": self.password,
            "company_name": self.company_name,
        }

    def refuse_misuse(self, *, unverified: bool) -> None:
        """Raise if a check against these would prove nothing.

        Raises:
            ValueError: A text is empty; or there is no secret, and `unverified` isn't set.
        """
        in_body = {name: text for name, text in self.credentials().items() if name != "token"}
        given = {name: str(text) for name, text in in_body.items() if text is not None}
        Sender(self.token, given).refuse_misuse(unverified=unverified)


SenderOf: TypeAlias = Callable[[Request], PushSender | Awaitable[PushSender]]
