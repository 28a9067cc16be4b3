"""Which path leads to which handler, and the pipeline that every request takes around it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from klearstack_async.sandbox import auth, results, uploads
from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.form import Form, fill_form
from klearstack_async.sandbox.guards import check_account, check_bearer
from klearstack_async.sandbox.service import Service

Handler: TypeAlias = Callable[[Service, Form], Awaitable[web.Response]]

_LOG = logging.getLogger(__name__)
_ROOT = "/access/klearstack"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: what it is called, who answers it, and what it asks for first.

    `bearer`: an access token in the header. `account`: company, user name and password in the
    body, with the errors documented for uploads (the auth pages check theirs themselves).
    """

    path: str
    handler: Handler
    bearer: bool
    account: bool

    @property
    def endpoint(self) -> str:
        """The endpoint's name, the path's last part."""
        return self.path.rpartition("/")[2]


ROUTES: tuple[Route, ...] = (
    Route(f"{_ROOT}/get_access_token", auth.get_access_token, bearer=False, account=False),
    Route(f"{_ROOT}/getuserid", auth.get_user_id, bearer=True, account=False),
    Route(
        f"{_ROOT}/getaccesstokenfromuserid",
        auth.get_access_token_from_user_id,
        bearer=False,
        account=False,
    ),
    Route(
        f"{_ROOT}/getaccesstokenfromrefreshtoken",
        auth.get_access_token_from_refresh_token,
        bearer=True,
        account=False,
    ),
    Route(f"{_ROOT}/processdocument", uploads.process_document, bearer=True, account=True),
    Route(f"{_ROOT}/uploadbatch", uploads.upload_batch, bearer=True, account=True),
    Route(f"{_ROOT}/getbatchdocuments", results.get_batch_documents, bearer=True, account=True),
)


async def answer(service: Service, route: Route, request: web.Request) -> web.Response:
    """Take one request through: count, read the body, check, handle, tidy up."""
    service.requests[route.endpoint] += 1
    form = Form()
    try:
        await fill_form(form, request, service.spool, service.settings.max_upload_bytes)
        return await _handle(service, route, request, form)
    except RefusalError as refused:
        return refused.to_response()
    except (ConnectionError, web.HTTPException):
        raise
    except Exception:  # noqa: BLE001 - whatever it was, the caller gets the documented 500
        _LOG.exception("the sandbox failed on a call of %s", route.endpoint)
        return RefusalError(500, "Something went wrong. Please try again later.").to_response()
    finally:
        await service.spool.discard(form.leftovers)


async def _handle(service: Service, route: Route, request: web.Request, form: Form) -> web.Response:
    if route.bearer:
        check_bearer(service.tokens, request.headers.get("Authorization"))
    if route.account:
        check_account(service.settings, form)
    return await route.handler(service, form)
