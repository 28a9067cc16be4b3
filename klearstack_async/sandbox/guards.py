"""Who may ask, and whether everything needed was sent: the checks that endpoints share."""

from __future__ import annotations

from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.tokens import TokenError, TokenMint, TokenType
from klearstack_async.sandbox.users import Company, User

COMPANY = ("company_name",)
"""What a body carries where the page asks for the company alone."""
COMPANY_AND_USER = ("company_name", "username")
"""What a body carries where the page asks for company and user, without a password."""
ACCOUNT = ("company_name", "username", "password")
"""What most bodies carry."""

WRONG_CREDENTIALS = "Incorrect username or password."
_WRONG: dict[tuple[str, ...], str] = {
    COMPANY: "Incorrect company name.",
    COMPANY_AND_USER: "Incorrect username or company name.",
    ACCOUNT: WRONG_CREDENTIALS,
}
_SHOWN_CHARS = 100


def check_bearer(tokens: TokenMint, company: Company, authorization: str | None) -> User:
    """Return the user whose access token the Authorization header holds.

    Raises:
        RefusalError: 401 if there is no good access token.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusalError(401, "The Authorization header with a Bearer token is missing.")
    return check_token(tokens, company, token.strip(), "access")


def check_token(tokens: TokenMint, company: Company, token: str, token_type: TokenType) -> User:
    """Return a token's user; refuse one that is not ours, expired, or of another type.

    Raises:
        RefusalError: 401.
    """
    try:
        claims = tokens.check(token, token_type)
    except TokenError as error:
        raise RefusalError(401, str(error)) from error
    user = company.with_id(claims["user_id"])
    if user is None:
        # A user of an earlier run in this folder, who isn't there any more.
        raise RefusalError(401, f"The {token_type} token is of a user that does not exist.")
    return user


def check_account(company: Company, form: Form, names: tuple[str, ...]) -> None:
    """Refuse a body without the right company, and user name and password where asked for.

    The credentials may be those of another user than the token's: a token from
    `getaccesstokenfromuserid` is used beside the caller's own password.

    Raises:
        RefusalError: 400 for what is missing, 401 for what is wrong.
    """
    for name in names:
        require(form, name)
    if names and not is_account(company, form, names):
        raise RefusalError(401, _WRONG[names])


def is_account(company: Company, form: Form, names: tuple[str, ...]) -> bool:
    """Compare the fields named with those of the company's users."""
    given = {name: form.fields[name] if name in names else None for name in ACCOUNT[1:]}
    return company.has(company_name=form.fields["company_name"], **given)


def require_user(form: Form) -> User:
    """Return the user who asks; for handlers behind a Bearer token."""
    if form.user is None:
        raise RuntimeError("the route of this handler asks for no Bearer token")
    return form.user


def require_reviewer(form: Form) -> User:
    """Return the user who asks, if it may review documents.

    Raises:
        RefusalError: 403 as bare text, as documented for the list of approved documents.
    """
    user = require_user(form)
    if not user.is_reviewer:
        raise RefusalError(403, "Forbidden: Client Error", plain=True)
    return user


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
    raise RefusalError(400, f"{name} must be {' or '.join(allowed)}; '{shown(value)}' was given.")


def flag(form: Form, name: str) -> bool | None:
    """Return an optional boolean; None if it was not sent.

    Raises:
        RefusalError: 400 if it is neither true nor false.
    """
    if not form.fields.get(name, "").strip():
        return None
    return one_of(form, name, ("true", "false"), any_case=True) == "true"


def shown(value: str) -> str:
    """Cut a value that an error sentence repeats: it may be megabytes long."""
    return value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}..."
