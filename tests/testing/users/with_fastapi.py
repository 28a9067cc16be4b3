"""What a user's tests of a FastAPI service look like: sync with `TestClient`, or async."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI, UploadFile
from fastapi.testclient import TestClient
from httpx import ASGITransport, AsyncClient

from klearstack_async import KlearStack
from klearstack_async.fastapi import PROBLEMS, KlearStackDep, lifespan, upload_through
from klearstack_async.fastapi import klearstack as client_of_the_app
from klearstack_async.sandbox import Fault
from klearstack_async.testing import RunningSandbox

app = FastAPI(lifespan=lifespan(), exception_handlers={**PROBLEMS})


@app.post("/invoices")
async def take(file: UploadFile, ks: KlearStackDep) -> dict[str, str]:
    upload = await upload_through(file, ks)
    return {"batch_id": upload.batch_id}


@app.get("/invoices/{batch_id}")
async def read(batch_id: str, ks: KlearStackDep) -> dict[str, object]:
    batch = await ks.results.wait(batch_id, expected=1)
    return {"total": batch.documents[0]["Inv_Total"].value}


def test_an_upload_is_passed_on_and_read(
    klearstack_environment: dict[str, str],
    klearstack_sandbox: RunningSandbox,
    klearstack_invoice: Path,
) -> None:
    with TestClient(app) as browser, klearstack_invoice.open("rb") as file:
        batch_id = browser.post("/invoices", files={"file": file}).json()["batch_id"]
        assert browser.get(f"/invoices/{batch_id}").json() == {"total": "17956.25"}
    [document] = klearstack_sandbox.documents()
    assert document.file_name == klearstack_invoice.name


@pytest.mark.klearstack(faults=[Fault("reset_after", endpoint="uploads")])
def test_a_lost_answer_is_a_problem_of_the_gateway(
    klearstack_environment: dict[str, str], klearstack_invoice: Path
) -> None:
    with TestClient(app) as browser, klearstack_invoice.open("rb") as file:
        answer = browser.post("/invoices", files={"file": file})
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_client_of_the_test_may_be_the_apps(
    klearstack: KlearStack, klearstack_invoice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.dependency_overrides, client_of_the_app, lambda: klearstack)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as browser:
        files = {"file": klearstack_invoice.read_bytes()}
        answer = await browser.post("/invoices", files=files)
    batch = await klearstack.results.wait(answer.json()["batch_id"], expected=1)
    assert batch.documents[0]["Inv_Total"].value == "17956.25"
