"""Access and refresh tokens: real HS256 JWTs that really expire.

Pure but for the clock that is passed in. Where tokens travel is not known here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

import jwt

TokenType: TypeAlias = Literal["access", "refresh"]

_ALGORITHM = "HS256"
_CLAIMS = ["token_type", "exp", "iat", "jti", "user_id"]


class TokenError(Exception):
    """A token that can't be accepted; the text says why, for the answer."""


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Issue and check the tokens of one sandbox."""

    secret: str = field(repr=False)
    lifetimes_seconds: dict[TokenType, float]
    now: Callable[[], datetime]

    def issue(self, token_type: TokenType, user_id: int) -> str:
        """Make a token. Its `iat` and `exp` are whole seconds, rounded down, as is usual."""
        now = self.now().timestamp()
        claims = {
            "token_type": token_type,
            "exp": int(now + self.lifetimes_seconds[token_type]),
            "iat": int(now),
            "jti": uuid.uuid4().hex,
            "user_id": user_id,
        }
        return jwt.encode(claims, self.secret, algorithm=_ALGORITHM)

    def check(self, token: str, token_type: TokenType) -> dict[str, Any]:
        """Return the claims of a token that is ours, of that type, and not expired.

        Raises:
            TokenError: It isn't.
        """
        # Expiry is checked below against our own clock, which a test may have set.
        options: Any = {"verify_exp": False, "verify_iat": False, "require": _CLAIMS}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.secret, algorithms=[_ALGORITHM], options=options
            )
        except jwt.InvalidTokenError as error:
            raise TokenError(f"The {token_type} token is not valid.") from error
        if claims["token_type"] != token_type:
            raise TokenError(f"The token given is not of type {token_type}.")
        if self.now().timestamp() >= claims["exp"]:
            raise TokenError(f"The {token_type} token has expired.")
        return claims
