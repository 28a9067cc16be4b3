"""Every group method against the sandbox, over a socket; and nothing may be missing anywhere."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import Serve, client_at, client_of
from documents import invoice_pdf

from klearstack_async import (
    Batch,
    BoxText,
    Confirmation,
    Document,
    DocumentList,
    DocumentSet,
    KlearStack,
    OutcomeUnknown,
    PageImage,
    ServerError,
    SetStatus,
    Tokens,
    Upload,
    webhooks,
)
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.sandbox import Sandbox
from klearstack_async.sandbox.routes import ROUTES
from klearstack_async.wire.endpoint import Certainty, Replay

README = (Path(__file__).parent.parent / "README.md").read_text()
PAGES = range(1, 33)
WELCOME, PUSH = 1, 20
COLUMNS = ["name", "iban"]


@dataclass(frozen=True)
class World:
    """One invoice that was read, in a set, and one datasource."""

    ks: KlearStack
    sandbox: Sandbox
    folder: Path
    upload: Upload
    document: Document

    @property
    def id(self) -> str:
        return str(self.document.document_id)

    @property
    def today(self) -> date:
        uploaded = self.document.upload_time
        assert uploaded is not None
        return uploaded.date()

    @property
    def set_reference(self) -> str:
        return str(self.upload.set_reference_number)

    @property
    def invoice(self) -> Path:
        return self.folder / "invoice.pdf"

    async def row_id(self) -> str:
        return str((await self.ks.datasources.rows("suppliers"))[0].row_id)


async def listed(stream: Any) -> list[Document]:
    return [document async for document in stream]


async def look(w: World) -> BoxText:
    document = await w.ks.documents.get(w.id)
    box = document["Inv_Number"].box
    assert box is not None
    assert document.ocr_id is not None
    return await w.ks.documents.text_in_box(document.ocr_id, box)


async def approved(w: World) -> DocumentList:
    await w.ks.documents.approve(w.id, comment="ok")
    today = datetime.now(UTC).date()
    return await w.ks.results.approved(today, today, users=["demo"])


async def approved_stream(w: World) -> list[Document]:
    await w.ks.documents.approve(w.id, comment="ok")
    today = datetime.now(UTC).date()
    return await listed(w.ks.results.stream_approved(today, today))


async def modified(w: World) -> DocumentList:
    await w.ks.documents.update(w.id, {"doc_number_value": "NEW-1"})
    return await w.ks.results.modified()


async def modified_stream(w: World) -> list[Document]:
    await w.ks.documents.update(w.id, {"doc_number_value": "NEW-1"})
    return await listed(w.ks.results.stream_modified())


async def quickbooks(w: World) -> Confirmation:
    return await w.ks.documents.set_quickbooks_status(w.id, "failed", error_message="no vendor")


async def login_as(w: World) -> Tokens:
    return await w.ks.auth.login_as(await w.ks.auth.user_id())


async def update_row(w: World) -> Confirmation:
    return await w.ks.datasources.update_row("suppliers", await w.row_id(), {"iban": "DE9"})


async def delete_row(w: World) -> Confirmation:
    return await w.ks.datasources.delete_row("suppliers", await w.row_id())


def has_the_document(w: World, found: Any) -> bool:
    return [document.document_id for document in found] == [w.id]


def is_a(kind: type) -> Callable[[World, Any], bool]:
    return lambda _, found: isinstance(found, kind)


MAPPING = {"documentTypeDetails": {"invoices": {"fields": {"doc_number_value": {"label": "No."}}}}}
Call = Callable[[World], Awaitable[Any]]

# What is called: the row of the catalogue that it uses, the call, and what must come of it.
CALLS: dict[str, tuple[str, Call, Callable[[World, Any], bool]]] = {
    "auth.login": ("auth.login", lambda w: w.ks.auth.login(), is_a(Tokens)),
    "auth.user_id": ("auth.user_id", lambda w: w.ks.auth.user_id(), lambda _, i: i.isdigit()),
    "auth.login_as": ("auth.login_as", login_as, is_a(Tokens)),
    "auth.refresh": ("auth.refresh", lambda w: w.ks.auth.refresh(), is_a(Tokens)),
    "uploads.document": (
        "uploads.document",
        lambda w: w.ks.uploads.document(w.invoice),
        lambda _, upload: upload.file_names == ("invoice.pdf",),
    ),
    "uploads.archive": (
        "uploads.archive",
        lambda w: w.ks.uploads.archive(w.folder / "two.zip"),
        is_a(Upload),
    ),
    "uploads.bundle": (
        "uploads.archive",
        lambda w: w.ks.uploads.bundle([w.invoice, w.invoice]),
        lambda _, upload: upload.file_names == ("invoice.pdf", "invoice (2).pdf"),
    ),
    "results.in_batch": (
        "results.in_batch",
        lambda w: w.ks.results.in_batch(w.upload.batch_id),
        lambda w, batch: isinstance(batch, Batch) and has_the_document(w, batch.documents),
    ),
    "results.wait": (
        "results.in_batch",
        lambda w: w.ks.results.wait(w.upload.batch_id),
        lambda w, batch: isinstance(batch, Batch) and has_the_document(w, batch.documents),
    ),
    "results.between": (
        "results.between",
        lambda w: w.ks.results.between(w.today, w.today),
        has_the_document,
    ),
    "results.in_set": (
        "results.in_set",
        lambda w: w.ks.results.in_set(w.set_reference),
        has_the_document,
    ),
    "results.of_user": ("results.of_user", lambda w: w.ks.results.of_user(), has_the_document),
    "results.modified": ("results.modified", modified, has_the_document),
    "results.approved": ("results.approved", approved, has_the_document),
    "results.stream_between": (
        "results.between",
        lambda w: listed(w.ks.results.stream_between(w.today, w.today)),
        has_the_document,
    ),
    "results.stream_in_set": (
        "results.in_set",
        lambda w: listed(w.ks.results.stream_in_set(w.set_reference)),
        has_the_document,
    ),
    "results.stream_of_user": (
        "results.of_user",
        lambda w: listed(w.ks.results.stream_of_user(approved=False)),
        has_the_document,
    ),
    "results.stream_modified": ("results.modified", modified_stream, has_the_document),
    "results.stream_approved": ("results.approved", approved_stream, has_the_document),
    "documents.get": (
        "documents.get",
        lambda w: w.ks.documents.get(w.id),
        lambda w, found: found.document_id == w.id and found.ocr_id is not None,
    ),
    "documents.update": (
        "documents.update",
        lambda w: w.ks.documents.update(w.id, {"doc_date_value": "02-Oct-2022"}),
        is_a(Confirmation),
    ),
    "documents.set_quickbooks_status": (
        "documents.set_quickbooks_status",
        quickbooks,
        lambda _, said: said.message == "QBE status updated successfully",
    ),
    "documents.approve": (
        "documents.approve_or_reject",
        lambda w: w.ks.documents.approve(w.id, comment="ok"),
        lambda _, said: said.message == "Document updated successfully",
    ),
    "documents.reject": (
        "documents.approve_or_reject",
        lambda w: w.ks.documents.reject(w.id, comment="wrong buyer"),
        lambda _, said: said.message == "Document updated successfully",
    ),
    "documents.text_in_box": (
        "documents.text_in_box",
        look,
        lambda _, found: "INV-1" in found.text,
    ),
    "images.get": ("images.get", lambda w: w.ks.images.get(w.id, page=1), is_a(PageImage)),
    "images.save": (
        "images.get",
        lambda w: w.ks.images.save(w.id, w.folder / "page.png"),
        lambda _, path: path.read_bytes().startswith(b"\x89PNG"),
    ),
    "push.retry": (
        "push.retry",
        lambda w: w.ks.push.retry([w.id]),
        lambda _, said: said.message == "Request Submitted Successfully",
    ),
    "datasources.create": (
        "datasources.create",
        lambda w: w.ks.datasources.create("banks", ["bic"], [["X"], ["Y"]]),
        is_a(Confirmation),
    ),
    "datasources.list": (
        "datasources.list",
        lambda w: w.ks.datasources.list(),
        lambda _, found: [(d.name, list(d.columns)) for d in found] == [("suppliers", COLUMNS)],
    ),
    "datasources.rows": (
        "datasources.rows",
        lambda w: w.ks.datasources.rows("suppliers"),
        lambda _, rows: [r.values for r in rows] == [{"name": "Acme", "iban": "DE1"}],
    ),
    "datasources.append": (
        "datasources.append",
        lambda w: w.ks.datasources.append("suppliers", [{"name": "Brill", "iban": "DE2"}]),
        is_a(Confirmation),
    ),
    "datasources.update_row": ("datasources.update_row", update_row, is_a(Confirmation)),
    "datasources.delete_row": ("datasources.delete_row", delete_row, is_a(Confirmation)),
    "datasources.delete": (
        "datasources.delete",
        lambda w: w.ks.datasources.delete("suppliers"),
        is_a(Confirmation),
    ),
    "sets.documents": (
        "sets.documents",
        lambda w: w.ks.sets.documents(w.set_reference),
        has_the_document,
    ),
    "sets.upload_status": (
        "sets.upload_status",
        lambda w: w.ks.sets.upload_status(w.set_reference),
        lambda w, found: (
            isinstance(found, SetStatus)
            and [(d.document_id, d.state) for d in found.documents] == [(w.id, "complete")]
        ),
    ),
    "sets.references": (
        "sets.references",
        lambda w: w.ks.sets.references(),
        lambda w, found: (
            [type(s) for s in found] == [DocumentSet]
            and [(s.reference, s.name) for s in found] == [(w.set_reference, "july")]
        ),
    ),
    "fields.update_mapping": (
        "fields.update_mapping",
        lambda w: w.ks.fields.update_mapping(MAPPING),
        lambda _, said: said.message == "Request Submitted Successfully",
    ),
}

# Part of a group, but no call: it judges what `wait` found.
NO_CALLS = {"results.failure_of"}


@pytest.fixture
async def world(sandbox: Sandbox, tmp_path: Path) -> Any:
    (tmp_path / "invoice.pdf").write_bytes(invoice_pdf())
    async with client_of(sandbox) as ks:
        await ks.datasources.create("suppliers", COLUMNS, [["Acme", "DE1"]])
        upload = await ks.uploads.document(
            tmp_path / "invoice.pdf", create_new_set=True, set_name="july"
        )
        batch = await ks.results.wait(upload.batch_id, expected=1)
        _write_zip(tmp_path / "two.zip")
        yield World(ks, sandbox, tmp_path, upload, batch.documents[0])


def _write_zip(path: Path) -> None:
    import zipfile  # noqa: PLC0415 - only here

    with zipfile.ZipFile(path, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"{number}.pdf", invoice_pdf(f"Z-{number}"))


@pytest.mark.parametrize("name", CALLS)
async def test_every_method_does_what_it_says(world: World, name: str) -> None:
    row, call, is_right = CALLS[name]
    endpoint = CATALOGUE[row].path.rpartition("/")[2]
    before = world.sandbox.requests[endpoint]
    found = await call(world)
    assert world.sandbox.requests[endpoint] > before, "it took another endpoint"
    assert is_right(world, found), found


def methods_of(client: KlearStack) -> set[str]:
    return {
        f"{group}.{name}"
        for group, value in vars(client).items()
        if type(value).__module__.startswith("klearstack_async.endpoints.")
        for name, _ in inspect.getmembers(type(value), inspect.isfunction)
        if not name.startswith("_")
    }


def any_client() -> KlearStack:
    return KlearStack("https://a.example", company_name="a", username="b", password="c")


def test_every_method_of_every_group_is_in_the_table() -> None:
    assert methods_of(any_client()) - NO_CALLS == set(CALLS)


@pytest.mark.parametrize("name", sorted(set(CALLS)))
def test_every_methods_docstring_says_what_a_caller_must_know(name: str) -> None:
    group, _, method = name.partition(".")
    function = getattr(getattr(any_client(), group), method)
    text = inspect.getdoc(function) or ""
    if method.startswith("stream_"):
        assert f"`{method.removeprefix('stream_')}`" in text
        return
    for part in ("Returns:", "Raises:", "retry", "Source:"):
        assert part in text, part
    if CATALOGUE[CALLS[name][0]].certainty is Certainty.ASSUMED and method != "save":
        assert "assumed" in text
        assert "EndpointNotFound" in text
    for parameter in inspect.signature(function).parameters:
        # Options of uploads are described by the class that `**options` names.
        assert re.search(rf"^ +\**{parameter}: ", text, re.MULTILINE), parameter


def test_every_endpoint_is_called_by_a_method() -> None:
    assert {row for row, _, _ in CALLS.values()} == set(CATALOGUE)


def test_the_catalogue_has_a_row_for_every_page_that_is_an_endpoint() -> None:
    pages = [row.page for row in CATALOGUE.values()]
    assert pages == [page for page in PAGES if page not in {WELCOME, PUSH}]
    assert len(pages) == 30


def test_eleven_endpoints_are_assumed() -> None:
    assumed = {row.page for row in CATALOGUE.values() if row.certainty is Certainty.ASSUMED}
    assert assumed == {9, 10, 14, 19, 23, 24, 27, 28, 29, 30, 31}


# Written down apart from the catalogue: what must never be sent again blindly, because it changes
# something, moves the service's own mark (12), or may do either (18).
WRITES = {6, 7, 12, 15, 16, 17, 18, 21, 22, 25, 26, 27, 28, 32}


def test_what_writes_is_not_safe_to_repeat_and_all_else_is() -> None:
    unsafe = {row.page for row in CATALOGUE.values() if row.replay is Replay.UNSAFE}
    assert unsafe == WRITES


# The login itself is what the server needs for all the others.
@pytest.mark.parametrize(
    "row", [row for row in CATALOGUE.values() if row.name != "auth.login"], ids=lambda row: row.name
)
async def test_a_write_that_may_have_happened_is_told_as_such(row: Any, serve: Serve) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=502)

    async with client_at(await serve(other=fail)) as ks:
        expected = OutcomeUnknown if row.page in WRITES else ServerError
        with pytest.raises(expected):
            await ks.call(row.name)


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.name)
def test_the_sandbox_has_a_route_for_every_endpoint(row: Any) -> None:
    routes = [route for route in ROUTES if route.path == row.path]
    assert len(routes) == 1
    assert (routes[0].method, routes[0].bearer) == ("POST", row.bearer)


def test_the_push_is_there_on_both_sides() -> None:
    assert inspect.getdoc(webhooks.parse_push)
    assert "push" in inspect.signature(Sandbox).parameters


def readme_rows() -> dict[int, tuple[str, str]]:
    table = README.partition("| page | about | method | known |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \|[^|]*\| ([^|]*) \| ([^|]*) \|$", table, re.MULTILINE)
    assert len(rows) == len({page for page, _, _ in rows})
    return {int(page): (method, known) for page, method, known in rows}


@pytest.mark.parametrize("page", PAGES)
def test_the_readme_has_every_page_with_its_methods_and_how_surely_it_is_known(page: int) -> None:
    method, known = readme_rows()[page]
    rows = [row for row in CATALOGUE.values() if row.page == page]
    if not rows:
        assert page in {WELCOME, PUSH}
        assert known == "documented"
        return
    calls = {name for name, (row, _, _) in CALLS.items() if row == rows[0].name}
    shown = set(re.findall(r"`ks\.([a-z_]+\.[a-z_]+)\(", method))
    # The streams stand beside their lists in a sentence below the table.
    assert {name for name in calls if ".stream_" not in name} == shown
    assert known == rows[0].certainty.value
