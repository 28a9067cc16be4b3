"""What the sandbox's tests share: a caller that knows the endpoints, a clock, documents, zips."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from fpdf import FPDF
from PIL import Image

from klearstack_async.sandbox import Sandbox, SandboxUser, StoredDocument

UPLOAD = {"processing_pref": "Speed", "invoice_type": "B2B", "document_type": "Invoices"}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.instant = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Caller:
    """A plain aiohttp client; it takes nothing from the library under test."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.token = ""
        self.account = {
            "company_name": sandbox.company_name,
            "username": sandbox.username,
            "password": sandbox.password,
        }

    async def call(
        self,
        endpoint: str,
        fields: Mapping[str, Any],
        *,
        file: tuple[str, bytes] | None = None,
        bearer: str | None = None,
        encoding: str = "multipart",
    ) -> Answer:
        """Send a call; `bearer` replaces the token of the login, and "" leaves the header out.

        `endpoint` is a name, or a path from the root.
        """
        token = self.token if bearer is None else bearer
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body: dict[str, Any]
        if encoding == "json":
            body = {"json": dict(fields)}
        elif encoding == "urlencoded":
            body = {"data": dict(fields)}
        else:
            body = {"data": form(fields, file)}
        path = endpoint if endpoint.startswith("/") else f"/access/klearstack/{endpoint}"
        url = f"{self.sandbox.url}{path}"
        async with self.session.post(url, headers=headers, **body) as response:
            return Answer(response.status, response.content_type, await response.read())

    async def log_in(self) -> Any:
        answer = await self.call("get_access_token", self.account)
        self.token = answer.json["access_token"]
        return answer.json

    async def as_user(self, user: SandboxUser) -> Caller:
        """Log in another user of the same sandbox."""
        other = Caller(self.sandbox, self.session)
        other.account |= {"username": user.username, "password": user.password}
        await other.log_in()
        return other

    async def stored(self, data: bytes, name: str = "a.pdf", /, **fields: str) -> StoredDocument:
        """Upload a document and wait until it is read."""
        batch_id = (await self.upload(data, name, **fields)).json["OCR_ref_no"]
        await self.settled()
        documents = await self.sandbox.documents()
        [document] = [each for each in documents if each.batch_id == batch_id]
        return document

    async def upload(
        self, data: bytes, name: str = "a.pdf", endpoint: str = "processdocument", **fields: str
    ) -> Answer:
        return await self.call(endpoint, {**self.account, **UPLOAD, **fields}, file=(name, data))

    async def upload_zip(self, data: bytes, **fields: str) -> Answer:
        return await self.upload(data, "batch.zip", "uploadbatch", **fields)

    async def results(self, batch_id: str, /, **fields: str) -> Answer:
        asked = {**self.account, "batch_id": batch_id, "document_type": "Invoices", **fields}
        return await self.call("getbatchdocuments", asked)

    async def settled(self) -> None:
        """Wait until nothing is being processed any more."""

        async def is_settled() -> bool:
            stored = await self.sandbox.documents()
            return all(document.state != "processing" for document in stored)

        await until(is_settled)


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds, but no longer than about ten seconds."""
    for _ in range(2000):
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("what was waited for didn't come about")


def listed(folder: Path) -> list[Path]:
    """List a folder; a function of its own, since it blocks for a moment."""
    return list(folder.iterdir())


def form(fields: Mapping[str, str], file: tuple[str, bytes] | None = None) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        data.add_field(name, value)
    if file is not None:
        # As a file, since aiohttp warns of large bytes.
        data.add_field("file", io.BytesIO(file[1]), filename=file[0])
    return data


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Caller]:
    """Run a sandbox (whose documents are ready as soon as read) and log in."""
    async with (
        Sandbox(**{"processing_seconds": 0, **settings}) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        caller = Caller(sandbox, session)
        await caller.log_in()
        yield caller


@asynccontextmanager
async def visiting(shared: Sandbox) -> AsyncIterator[Caller]:
    """Log in to a sandbox that others use, too; what is in it stays as it is."""
    async with aiohttp.ClientSession() as session:
        caller = Caller(shared, session)
        await caller.log_in()
        yield caller


async def its_document(caller: Caller) -> StoredDocument:
    """Give the one document of a shared sandbox; whoever asks first brings it."""
    for document in await caller.sandbox.documents():
        return document
    return await caller.stored(pdf(), create_new_set="True", set_name="s")


# Most tests need one, and it takes longer than most calls.
@functools.cache
def pdf(number: str = "INV-1") -> bytes:
    """Make an invoice with a header field and a table."""
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=11)
    for line in ("Acme Ltd", f"Invoice Number: {number}", "Invoice Date: 26-Jul-2025", ""):
        page.cell(0, 8, line, new_x="LMARGIN", new_y="NEXT")
    for row in (
        ("Description", "Quantity", "Unit Price", "Amount"),
        ("Widget", "2", "10.00", "20.00"),
        ("Gadget", "4", "25.00", "100.00"),
        ("", "", "Total", "120.00"),
    ):
        for cell in row:
            page.cell(40, 8, cell)
        page.ln()
    return bytes(page.output())


def image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(buffer, kind)
    return buffer.getvalue()


def zip_of(*members: tuple[str | zipfile.ZipInfo, bytes], deflated: bool = False) -> bytes:
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()
