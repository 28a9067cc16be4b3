"""Checking who sent a request: the Bearer token, and the credentials among the fields.

The API signs nothing, so these shared secrets are all there is. They are compared in constant
time, all of them, whatever the first comparison says.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from klearstack_async.webhooks.refusal import refusal

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """What the right sender knows.

    Attributes:
        token: The Bearer token, or None if there is none to check.
        credentials: Those of `company_name`, `username` and `password` that are to be checked.
    """

    token: str | None = field(repr=False)
    credentials: Mapping[str, str] = field(repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Give what must not get into a message."""
        return tuple(filter(None, (self.token, self.credentials.get("password"))))

    def refuse_misuse(self, *, unverified: bool) -> None:
        """Raise if the check would prove nothing.

        Raises:
            ValueError: A secret is empty; or there is none, and `unverified` isn't set.
        """
        if "" in (self.token, *self.credentials.values()):
            # An environment variable that is not set, as a rule.
            raise ValueError("the token and the credentials can't be empty; leave out what is not")
        if not (self.secrets() or unverified):
            raise ValueError(
                "nothing here proves who the sender is: give token or password (best both), "
                "or unverified=True if somebody else has checked it"
            )

    def check_token(self, authorization: list[str]) -> None:
        """Compare the token with the values of the request's `Authorization` headers.

        Raises:
            WebhookError: 401.
        """
        if self.token is None:
            return
        scheme, _, token = (authorization or [""])[0].partition(" ")
        matches = _same(token.strip(), self.token)
        if not matches or scheme.lower() != "bearer" or len(authorization) > 1:
            raise refusal(
                401,
                "the Authorization header doesn't bring the right Bearer token; compare it with "
                "the one in KlearStack's push settings",
            )

    def check_credentials(self, sent: Mapping[str, str]) -> None:
        """Compare the credentials with those that were sent.

        Raises:
            WebhookError: 401; which of them is wrong is not said.
        """
        # A list, so that none is left out once one is wrong.
        matches = [_same(sent.get(name, ""), right) for name, right in self.credentials.items()]
        if not all(matches):
            raise refusal(
                401,
                f"{', '.join(self.credentials)}: missing, or not what this endpoint expects; "
                "compare them with those in KlearStack's push settings",
            )


def _same(sent: str, right: str) -> bool:
    # Python can hold half a surrogate pair in a text, which plain UTF-8 refuses to write.
    return hmac.compare_digest(
        sent.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    )
