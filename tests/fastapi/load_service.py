"""The service that `test_fastapi_load.py` runs under uvicorn, in processes of its own.

As a user would write it; its account comes from the environment.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, UploadFile
from starlette.formparsers import MultiPartParser

from klearstack_async.fastapi import (
    PROBLEMS,
    KlearStackDep,
    body_through,
    form_through,
    lifespan,
    upload_through,
)

# For `/form` alone: of each that it receives, Starlette holds the first MiB in memory, unless it is
# told this.
MultiPartParser.spool_max_size = 1 << 16

app = FastAPI(lifespan=lifespan(), exception_handlers=PROBLEMS)


@app.post("/form")
async def form(file: UploadFile, ks: KlearStackDep) -> str:
    return (await upload_through(file, ks)).batch_id


@app.post("/passed-form")
async def passed_form(request: Request, ks: KlearStackDep) -> str:
    return (await form_through(request, ks)).batch_id


@app.put("/body/{name}")
async def body(name: str, request: Request, ks: KlearStackDep) -> str:
    return (await body_through(request, ks, filename=name)).batch_id
