"""Which path leads to which handler, and the pipeline that every request takes around it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from klearstack_async.sandbox import (
    approved,
    auth,
    datasources,
    documents,
    images,
    mapping,
    push_retry,
    results,
    sets,
    uploads,
)
from klearstack_async.sandbox.answers import RefusalError
from klearstack_async.sandbox.faults.making import answer_with_faults
from klearstack_async.sandbox.form import Form, fill_form
from klearstack_async.sandbox.guards import (
    ACCOUNT,
    COMPANY,
    COMPANY_AND_USER,
    check_account,
    check_bearer,
)
from klearstack_async.sandbox.service import Service

Handler: TypeAlias = Callable[[Service, Form], Awaitable[web.Response]]

_LOG = logging.getLogger(__name__)
_ROOT = "/access/klearstack"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: what it is called, who answers it, and what it asks for first.

    `account`: which of the account's fields the body must carry, with the errors documented for
    uploads (the auth pages check theirs themselves). `bearer`: an access token in the header;
    whose it is stands in the form.
    """

    path: str
    handler: Handler
    account: tuple[str, ...]
    bearer: bool = True
    method: str = "POST"

    @property
    def endpoint(self) -> str:
        """The endpoint's name, the path's last part that isn't a variable."""
        return self.path.partition("/{")[0].rpartition("/")[2]


ROUTES: tuple[Route, ...] = (
    Route(f"{_ROOT}/get_access_token", auth.get_access_token, (), bearer=False),
    Route(f"{_ROOT}/getuserid", auth.get_user_id, ()),
    Route(
        f"{_ROOT}/getaccesstokenfromuserid", auth.get_access_token_from_user_id, (), bearer=False
    ),
    Route(f"{_ROOT}/getaccesstokenfromrefreshtoken", auth.get_access_token_from_refresh_token, ()),
    Route(f"{_ROOT}/processdocument", uploads.process_document, ACCOUNT),
    Route(f"{_ROOT}/uploadbatch", uploads.upload_batch, ACCOUNT),
    Route(f"{_ROOT}/getbatchdocuments", results.get_batch_documents, ACCOUNT),
    Route(f"{_ROOT}/getdaterangedocuments", results.get_date_range_documents, ACCOUNT),
    Route(f"{_ROOT}/getsetresults", results.get_set_results, ACCOUNT),
    Route(f"{_ROOT}/getuserdocuments", results.get_user_documents, ACCOUNT),
    Route(f"{_ROOT}/getmodifiedinvoices", results.get_modified_invoices, ACCOUNT),
    Route(f"{_ROOT}/getapproveinvoices", approved.get_approved_invoices, ACCOUNT),
    Route(f"{_ROOT}/getdocument", documents.get_document, COMPANY),
    Route(f"{_ROOT}/update_document", documents.update_document, COMPANY),
    Route(f"{_ROOT}/updateqbestatus", documents.update_qbe_status, ACCOUNT),
    Route(f"{_ROOT}/approve_reject_doc", documents.approve_or_reject, COMPANY),
    Route(f"{_ROOT}/gettext", images.get_text, COMPANY),
    Route(f"{_ROOT}/getdocumentimage", images.get_document_image, COMPANY),
    Route(f"{images.PICTURES_PATH}/{{picture}}", images.get_picture, (), method="GET"),
    Route(f"{_ROOT}/getsetdocuments", results.get_set_documents, ACCOUNT),
    Route(f"{_ROOT}/getsetuploadstatus", sets.get_set_upload_status, ACCOUNT),
    Route(f"{_ROOT}/getsetreferencenumbers", sets.get_set_reference_numbers, ACCOUNT),
    # The page gives both paths.
    Route("/klearstack/retry_push_api", push_retry.retry_push, COMPANY_AND_USER),
    Route(f"{_ROOT}/retry_push_api", push_retry.retry_push, COMPANY_AND_USER),
    Route(f"{_ROOT}/insertdatasource", datasources.insert_datasource, COMPANY),
    Route(f"{_ROOT}/getdatasources", datasources.get_datasources, COMPANY),
    Route(f"{_ROOT}/getdatasourcedata", datasources.get_datasource_data, COMPANY),
    Route(f"{_ROOT}/appenddatasource", datasources.append_datasource, COMPANY),
    Route(f"{_ROOT}/update_datasource_row", datasources.update_datasource_row, COMPANY),
    Route(f"{_ROOT}/delete_datasource_row", datasources.delete_datasource_row, COMPANY),
    Route(f"{_ROOT}/deletedatasource", datasources.delete_datasource, COMPANY),
    Route("/klearstack/updatemappingdataapi", mapping.update_mapping, COMPANY_AND_USER),
)


async def answer(service: Service, route: Route, request: web.Request) -> web.StreamResponse:
    """Take one request through: count, admit, and answer it, with the faults it meets."""
    service.requests[route.endpoint] += 1

    async def proceed(service: Service) -> web.Response:
        return await _answer_rightly(service, route, request)

    try:
        service.rate.admit(route.endpoint)
        return await answer_with_faults(service, route.endpoint, request, proceed)
    except RefusalError as refused:
        return refused.to_response()
    except ConnectionError:
        # The client left. The server finds that out when it sends this, and logs no error.
        return web.Response()


async def _answer_rightly(service: Service, route: Route, request: web.Request) -> web.Response:
    """Read the body, check, handle, tidy up."""
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
    form.base_url = f"{request.scheme}://{request.host}"
    form.fields.update(request.match_info)
    if route.bearer:
        authorization = request.headers.get("Authorization")
        form.user = check_bearer(service.tokens, service.company, authorization)
    check_account(service.company, form, route.account)
    return await route.handler(service, form)
