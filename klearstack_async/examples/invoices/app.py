"""The service: four endpoints, and a page that uses them.

    GET  /                           the page
    POST /jobs                       files in; answers where their events are
    GET  /jobs/{key}/events          how far they are, and what was read, as it happens
    GET  /jobs/{key}/pages/{id}/{n}  the picture of a page, in whose pixels the boxes are

To run it with an account (`KLEARSTACK_URL` and so on) under a server of your choice:

    uvicorn --factory klearstack_async.examples.invoices.app:create_app
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from starlette.datastructures import MutableHeaders, UploadFile
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from klearstack_async import PageImage
from klearstack_async.examples.invoices.jobs import Job, Jobs
from klearstack_async.fastapi import PROBLEMS, KlearStackDep, RequestRefused, lifespan

PAGE = Path(__file__).parent / "page"
# Of one drop; the page makes several of what is more.
MOST_BYTES = 50 << 20
MOST_FILES = 50
# What stands around the files in a form.
FORM_BYTES = 1 << 20

# Nothing from elsewhere, and no script but the page's own: whatever a document holds, it can't run.
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

# What a browser shows as a picture, and as nothing else.
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})

router = APIRouter()


@asynccontextmanager
async def keep_jobs(app: FastAPI) -> AsyncIterator[None]:
    """Let jobs outlive the requests that begin them, but not the client that they use."""
    async with anyio.create_task_group() as tasks:
        app.state.jobs = Jobs(tasks)
        yield
        tasks.cancel_scope.cancel()


def create_app(life: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Make the service.

    Args:
        life: Its lifespan; if left out, with the account that the environment names.
    """
    app = FastAPI(
        lifespan=life or lifespan(within=keep_jobs),
        exception_handlers=PROBLEMS,
        # Its page would load scripts from elsewhere.
        openapi_url=None,
    )
    app.add_middleware(SecurityHeaders)
    app.include_router(router)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def job_of(request: Request, key: str) -> Job:
    """Find the job of a path."""
    job: Job | None = request.app.state.jobs.get(key)
    if job is None:
        raise HTTPException(404, "These files are no longer known here. Drop them again.")
    return job


JobDep = Annotated[Job, Depends(job_of)]


def not_from_elsewhere(request: Request) -> None:
    """Let no other website upload in the name of a person who has it open as well."""
    # No script can change it. Browsers send it over https and to localhost; what is none doesn't.
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise HTTPException(403, "Only this service's own page may upload to it.")


@router.post("/jobs", status_code=202, dependencies=[Depends(not_from_elsewhere)])
async def begin(request: Request, ks: KlearStackDep) -> dict[str, Any]:
    """Take files in, and begin to read them."""
    # A parameter `files: list[UploadFile]` would be there only when everything was received.
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise RequestRefused("length", "Say how large it is, in a Content-Length.")
    if int(length) > MOST_BYTES + FORM_BYTES:
        raise RequestRefused("too-large", f"No more than {MOST_BYTES >> 20} MB at a time.")
    try:
        form = await request.form(max_files=MOST_FILES)
    except ClientDisconnect:
        raise RequestRefused("hung-up", "The upload was broken off.") from None
    if not any(isinstance(file, UploadFile) for file in form.getlist("files")):
        await form.close()
        raise RequestRefused("empty", "There is no file in it.")
    job = request.app.state.jobs.start(ks, form)
    if job is None:
        await form.close()
        raise HTTPException(503, "Too many files are being read. Try again in a while.")
    return {"events": f"jobs/{job.key}/events", "names": job.names}


@router.get("/jobs/{key}/events")
async def events(request: Request, job: JobDep) -> Response:
    """Tell how far a job is, for as long as it goes on."""
    return job.events.response(request)


@router.get("/jobs/{key}/pages/{document_id}/{page}")
async def page(job: JobDep, ks: KlearStackDep, document_id: str, page: int) -> Response:
    """Show a page of a job's document."""
    if document_id not in job.document_ids or page < 1:
        raise HTTPException(404, "There is no such page.")
    return picture(await ks.images.get(document_id, page=page))


def picture(image: PageImage) -> Response:
    """Pass a picture on, if it is one."""
    if image.media_type not in PICTURES:
        raise HTTPException(502, "The document service gave no picture of this page.")
    return Response(
        image.data, media_type=image.media_type, headers={"Cache-Control": "private, max-age=3600"}
    )


class SecurityHeaders:
    """Adds `SECURITY` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        await self._app(scope, receive, add)
