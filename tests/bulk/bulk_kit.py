"""A service for bulk tests, which stores names and does what a test says."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import BodyPartReader, web
from conftest import Handler, Serve

from klearstack_async import KlearStack, Outcome
from klearstack_async.bulk.sources import BulkSources

Answer = Callable[[int, list[str]], web.StreamResponse | None]


@dataclass
class Store:
    """What a service has taken, and how it answers.

    Attributes:
        batches: By batch id the names of its documents.
        tried: The names of every upload that arrived whole, in their order.
        refuse: Gets the number of the upload (from 1) and its names; gives an answer in place of a
            receipt, and then nothing is stored. Or None.
        after: The same, but what was uploaded is stored before.
        named: What a document is called in results; None for one without a name.
        ready: Whether a batch is done.
        looks: The batch ids that were asked for.
    """

    batches: dict[str, list[str]] = field(default_factory=dict)
    tried: list[list[str]] = field(default_factory=list)
    refuse: Answer = lambda *_: None
    after: Answer = lambda *_: None
    named: Callable[[str], str | None] = lambda name: name
    ready: Callable[[str], bool] = lambda _: True
    looks: list[str] = field(default_factory=list)
    lists: int = 0

    async def url(self, serve: Serve, **handlers: Handler) -> str:
        return await serve(
            processdocument=self._upload,
            uploadbatch=self._upload,
            getbatchdocuments=self._look,
            getdaterangedocuments=self._list,
            **handlers,
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        try:
            names = await names_in(request)
        except ConnectionResetError:
            # The client gave it up on the way.
            return failing(400)
        self.tried.append(names)
        number = len(self.tried)
        if (answer := self.refuse(number, names)) is not None:
            return answer
        batch_id = f"b-{number}"
        self.batches[batch_id] = names
        return self.after(number, names) or web.json_response({"OCR_ref_no": batch_id})

    async def _look(self, request: web.Request) -> web.StreamResponse:
        batch_id = str((await request.post())["batch_id"])
        self.looks.append(batch_id)
        if not self.ready(batch_id):
            return web.json_response({"result": [], "status": "processing"})
        return web.json_response({"result": [self.document(n) for n in self.batches[batch_id]]})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.lists += 1
        names = [name for names in self.batches.values() for name in names]
        return web.json_response({"result": [self.document(name) for name in names]})

    def document(self, name: str) -> dict[str, object]:
        named = self.named(name)
        document: dict[str, object] = {
            "document_id": f"id of {name}",
            "Inv_Number": {"value": name, "confidence": 0.9, "page_index": 1},
        }
        return document if named is None else {**document, "file_name": named}

    @property
    def stored(self) -> list[str]:
        return [name for names in self.batches.values() for name in names]


async def names_in(request: web.Request) -> list[str]:
    reader = await request.multipart()
    names: list[str] = []
    async for part in reader:
        assert isinstance(part, BodyPartReader)
        data = await part.read()
        if part.filename is not None:
            is_zip = part.filename.endswith(".zip")
            names = zipfile.ZipFile(io.BytesIO(data)).namelist() if is_zip else [part.filename]
    return names


class Port:
    """Where a service listens, or doesn't."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_away()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def come_back(self) -> None:
        application = web.Application()
        for name, handler in (
            ("get_access_token", _log_in),
            ("processdocument", self._store._upload),
            ("uploadbatch", self._store._upload),
            ("getbatchdocuments", self._store._look),
        ):
            application.router.add_post(f"/access/klearstack/{name}", handler)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


async def _log_in(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.json_response({"access_token": "a.b.c", "refresh_token": "d.e.f"})


def failing(status: int) -> web.StreamResponse:
    return web.json_response({"error": "No."}, status=status)


async def run(ks: KlearStack, sources: BulkSources, **options: object) -> list[Outcome]:
    """Run to the end, and give the outcomes; the sums must agree with them."""
    async with ks.bulk(sources, **options) as going:  # type: ignore[arg-type]
        outcomes = [outcome async for outcome in going]
    report = going.report
    assert report.finished + report.under_way == report.sources
    return outcomes


def states(outcomes: list[Outcome]) -> dict[str, str]:
    return {Path(outcome.source).name: outcome.state.value for outcome in outcomes}


def files(folder: Path, *names: str) -> Path:
    """Make a folder of documents that differ, for a service that doesn't read them."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"%PDF-1.4 " + name.encode())
    return folder
