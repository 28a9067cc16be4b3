"""The documentation's sample calls, sent by curl itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import UPLOAD, Caller, pdf, running, zip_of


async def curl(caller: Caller, endpoint: str, *options: str, bearer: bool = True) -> Any:
    """Run curl as the samples do (`--location`, `--header`, `--form`) and decode the answer."""
    header = ("--header", f"Authorization: Bearer {caller.token}") if bearer else ()
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", "--location", "--request", "POST"),
        f"{caller.sandbox.url}/access/klearstack/{endpoint}",
        *(*header, *options),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


def options(kind: str, fields: dict[str, str]) -> list[str]:
    return [word for name, value in fields.items() for word in (kind, f"{name}={value}")]


@pytest.mark.parametrize("kind", ["--form", "--data-urlencode"])
async def test_a_login_as_form_and_urlencoded(kind: str) -> None:
    async with running() as caller:
        answer = await curl(
            caller, "get_access_token", *options(kind, caller.account), bearer=False
        )
        assert set(answer) == {"refresh_token", "access_token", "release_version"}


async def test_the_other_authentication_pages() -> None:
    async with running() as caller:
        company = {"company_name": "demo"}
        user = await curl(caller, "getuserid", *options("--form", {**company, "username": "demo"}))
        tokens = await curl(
            caller,
            "getaccesstokenfromuserid",
            *options("--form", {**company, "user_id": str(user["user_id"])}),
            bearer=False,
        )
        answer = await curl(
            caller,
            "getaccesstokenfromrefreshtoken",
            *options("--form", {**company, "refresh_token": tokens["refresh_token"]}),
        )
        assert set(answer) == {"access_token", "release_version"}


@pytest.mark.parametrize("json_body", [True, False])
async def test_an_upload_and_its_results(tmp_path: Path, *, json_body: bool) -> None:
    async with running() as caller:
        path = tmp_path / "my invoice.pdf"
        path.write_bytes(pdf("INV-9"))
        fields = {
            **caller.account,
            **UPLOAD,
            "source_name": "API",
            "priority_flag": "",
            "userid": "",
            "user_role": "",
            "application_no": "APP-1",
            "additional_params": '{"borrower_name": "A; B", "tenure": "12"}',
            "account_id": "",
            "set_reference_number": "",
            "set_name": "May",
            "create_new_set": "True",
        }
        words = options("--form-string", fields)
        answer = await curl(caller, "processdocument", "--form", f"file=@{path}", *words)
        assert set(answer) == {"OCR_ref_no", "set_reference_number", "release_version"}
        await caller.settled()
        asked = {
            **caller.account,
            "batch_id": answer["OCR_ref_no"],
            "document_type": "Invoices",
        }
        sent = (
            ["--header", "Content-Type: application/json", "--data-raw", json.dumps(asked)]
            if json_body
            else options("--form", asked)
        )
        results = await curl(caller, "getbatchdocuments", *sent)
        [document] = results["result"]
        assert ["my invoice.pdf", "file_name"] in document
        assert any(row[:2] == ["INV-9", "Inv_Number"] for row in document)


async def test_a_zip_upload(tmp_path: Path) -> None:
    async with running() as caller:
        path = tmp_path / "batch.zip"
        path.write_bytes(zip_of(("a.pdf", pdf("1")), ("b.pdf", pdf("2"))))
        words = options("--form", {**caller.account, **UPLOAD})
        answer = await curl(caller, "uploadbatch", *words, "--form", f"file=@{path}")
        assert set(answer) == {
            "Function successfully executed!",
            "release_version",
            "set_reference_number",
        }
        assert len(await caller.sandbox.documents()) == 2


async def test_a_large_chunked_upload(tmp_path: Path) -> None:
    async with running() as caller:
        path = tmp_path / "large.pdf"
        path.write_bytes(pdf() + bytes(20 << 20))
        words = options("--form", {**caller.account, **UPLOAD})
        chunked = ("--header", "Transfer-Encoding: chunked")
        await curl(caller, "processdocument", *chunked, *words, "--form", f"file=@{path}")
        [document] = await caller.sandbox.documents()
        assert document.size_bytes == path.stat().st_size


async def test_documented_errors() -> None:
    async with running() as caller:
        words = options("--form", {**UPLOAD, "company_name": "demo", "password": "x"})
        answer = await curl(caller, "uploadbatch", *words)
        assert answer == {"error": "Please provide username."}
        answer = await curl(caller, "uploadbatch", *words, "--form", "username=demo")
        assert answer == {"error": "Incorrect username or password."}
