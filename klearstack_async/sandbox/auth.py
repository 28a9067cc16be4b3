"""The pages on authentication: endpoints 2 to 5 of the vendor's documentation.

Here, unlike anywhere else, a missing parameter is answered with status 500 and bare text: that is
what these pages document.
"""

from __future__ import annotations

from aiohttp import web

from klearstack_async.sandbox.answers import RefusalError, object_response
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import (
    ACCOUNT,
    COMPANY,
    COMPANY_AND_USER,
    WRONG_CREDENTIALS,
    check_token,
    is_account,
)
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.users import User


async def get_access_token(service: Service, form: Form) -> web.Response:
    """Log in with company, user name and password."""
    _require(form, "company_name", "username", "password")
    user = service.company.named(form.fields["username"])
    if not is_account(service.company, form, ACCOUNT) or user is None:
        raise RefusalError(401, WRONG_CREDENTIALS)
    return _both_tokens(service, user)


async def get_user_id(service: Service, form: Form) -> web.Response:
    """Tell a user's id. The key of the answer is not documented."""
    _require(form, "username", "company_name")
    user = service.company.named(form.fields["username"])
    if not is_account(service.company, form, COMPANY_AND_USER) or user is None:
        raise RefusalError(401, "Incorrect username or company name.")
    return object_response(user_id=user.user_id)


async def get_access_token_from_user_id(service: Service, form: Form) -> web.Response:
    """Log in with a user's id; the page asks for no password."""
    _require(form, "user_id", "company_name")
    user = service.company.with_id(form.fields["user_id"].strip())
    if not is_account(service.company, form, COMPANY) or user is None:
        raise RefusalError(401, "Incorrect user id or company name.")
    return _both_tokens(service, user)


async def get_access_token_from_refresh_token(service: Service, form: Form) -> web.Response:
    """Give a new access token for a refresh token; the refresh token stays as it is."""
    _require(form, "refresh_token", "company_name")
    if not is_account(service.company, form, COMPANY):
        raise RefusalError(401, "Incorrect company name.")
    token = form.fields["refresh_token"].strip()
    user = check_token(service.tokens, service.company, token, "refresh")
    return object_response(access_token=service.tokens.issue("access", user.user_id))


def _both_tokens(service: Service, user: User) -> web.Response:
    return object_response(
        refresh_token=service.tokens.issue("refresh", user.user_id),
        access_token=service.tokens.issue("access", user.user_id),
    )


def _require(form: Form, *names: str) -> None:
    for name in names:
        if not form.fields.get(name, "").strip():
            text = f"Server Error: the required parameter '{name}' is missing."
            raise RefusalError(500, text, plain=True)
