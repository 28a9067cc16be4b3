"""Who may ask, and whether everything needed was sent: the checks that endpoints share."""

from __future__ import annotations

import hmac

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.service import Settings
from klearstack_async.sandbox.tokens import TokenError, TokenMint, TokenType

WRONG_CREDENTIALS = "Incorrect username or password."


def check_bearer(tokens: TokenMint, authorization: str | None) -> None:
    """Refuse a request whose Authorization header holds no good access token.

    Raises:
        RefusalError: 401.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusalError(401, "The Authorization header with a Bearer token is missing.")
    check_token(tokens, token.strip(), "access")


def check_token(tokens: TokenMint, token: str, token_type: TokenType) -> None:
    """Refuse a token that is not ours, expired, or of another type.

    Raises:
        RefusalError: 401.
    """
    try:
        tokens.check(token, token_type)
    except TokenError as error:
        raise RefusalError(401, str(error)) from error


def check_account(settings: Settings, form: Form) -> None:
    """Refuse a body without the account's company, user name and password.

    Raises:
        RefusalError: 400 for what is missing, 401 for what is wrong.
    """
    for name in ("company_name", "username", "password"):
        require(form, name)
    if not is_account(settings, form, "company_name", "username", "password"):
        raise RefusalError(401, WRONG_CREDENTIALS)


def is_account(settings: Settings, form: Form, *names: str) -> bool:
    """Compare fields with the account's, in a time that tells nothing about them."""
    # All of them are compared, whatever comes out: no short cut by all() over a generator.
    equal = [
        hmac.compare_digest(
            form.fields[name].encode("utf-8", errors="replace"),
            str(getattr(settings, name)).encode("utf-8", errors="replace"),
        )
        for name in names
    ]
    return all(equal)


def require(form: Form, name: str) -> str:
    """Return a field's text.

    Raises:
        RefusalError: 400 if it is missing or blank.
    """
    value = form.fields.get(name, "")
    if not value.strip():
        raise RefusalError(400, f"Please provide {name}.")
    return value


def one_of(form: Form, name: str, allowed: tuple[str, ...], *, any_case: bool = False) -> str:
    """Return a required field's text if it is one of those allowed.

    Raises:
        RefusalError: 400 if it is missing or another.
    """
    value = require(form, name)
    for choice in allowed:
        if value == choice or (any_case and value.lower() == choice.lower()):
            return choice
    raise RefusalError(400, f"{name} must be {' or '.join(allowed)}; '{value}' was given.")


def flag(form: Form, name: str) -> bool | None:
    """Return an optional boolean; None if it was not sent.

    Raises:
        RefusalError: 400 if it is neither true nor false.
    """
    if not form.fields.get(name, "").strip():
        return None
    return one_of(form, name, ("true", "false"), any_case=True) == "true"
