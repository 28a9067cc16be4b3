"""2,000 invoices from a folder to their fields, at a service with 30 ms of latency per call.

Each upload is a batch of its own, and ready 1 s after it arrived. Measured: finding the files,
sending them, waiting, and reading each document's id and three fields. Logging in is in it
for the peers, and for us: each does it once.

Not measured: a network that is slow or full, and what goes wrong on one. Nor what we do besides:
a bulk run notes how far each document is (in memory, or in a journal), looks whether a content was
sent already, and tells apart what failed from what is in doubt. Peers do nothing of it.

- ours: `ks.bulk(folder)` with nothing set; then with a journal, and with bundles.
- the vendor's sample: as its pages show it, with requests, one document after the other: upload,
  look, and look again after a second. One takes as long as the other, so that some are enough.
- requests, 32 threads: each with a session of its own uploads its share, then looks for what it
  still waits for, once a second.
- httpx, gather: one AsyncClient, never more calls at once than ours; all is uploaded, then looked
  for twice a second.

All send the same multipart fields over connections that are kept open, and read each document.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.case import Case, Contender, Figures, Goal, Setting
from benchmarks.invoices import write_invoices
from benchmarks.measuring import measured, measured_sync
from benchmarks.peers import ACCOUNT, UPLOAD, klearstack, url_of
from benchmarks.reading import Reading

if TYPE_CHECKING:
    import requests

__all__ = ["CASE"]

# As many as a client allows for if nothing is said.
_CONCURRENCY = 64
_THREADS = 32
_THREADS_PAUSE_SECONDS = 1.0
_GATHERED = _CONCURRENCY
_GATHER_PAUSE_SECONDS = 0.5


def _bulk(*, journal: bool = False, **options: Any) -> Contender:
    """Make a contender of ours with these options."""

    async def run_bulk(setting: Setting) -> Figures:
        path = setting.path / f"{time.time_ns()}.db" if journal else None
        reading = Reading()
        async with klearstack(setting, _CONCURRENCY) as ks:
            # Nothing of it begins before it is entered, but its modules are loaded here.
            run = ks.bulk(setting.path / "invoices", journal=path, **options)
            async with measured() as measure, run:
                async for outcome in run:
                    assert outcome.document is not None, outcome.reason
                    reading.read(outcome.document)
        reading.check(setting["documents"])
        return measure.figures(reading.documents)

    return run_bulk


def _sample(setting: Setting) -> Figures:
    import requests

    paths, reading = _paths(setting)[: setting["documents_of_sample"]], Reading()
    with requests.Session() as session, measured_sync() as measure:
        service = _Requests(session, setting)
        service.log_in()
        for path in paths:
            batch_id = service.upload(path)
            while not service.look(batch_id, reading):
                time.sleep(1)
    reading.check(len(paths))
    return measure.figures(reading.documents)


def _threads(setting: Setting) -> Figures:
    import requests

    paths = _paths(setting)

    def work(token: str, share: Sequence[Path]) -> Reading:
        reading = Reading()
        with requests.Session() as session:
            service = _Requests(session, setting, token)
            waiting = [service.upload(path) for path in share]
            while waiting := [each for each in waiting if not service.look(each, reading)]:
                time.sleep(_THREADS_PAUSE_SECONDS)
        return reading

    with measured_sync() as measure, ThreadPoolExecutor(_THREADS) as threads:
        with requests.Session() as session:
            token = _Requests(session, setting).log_in()
        jobs = [threads.submit(work, token, paths[n::_THREADS]) for n in range(_THREADS)]
        reading = sum((job.result() for job in jobs), Reading())
    reading.check(len(paths))
    return measure.figures(reading.documents)


class _Requests:
    """The service's three calls by requests."""

    def __init__(self, session: requests.Session, setting: Setting, token: str = "") -> None:
        self._session, self._setting = session, setting
        self._headers = {"Authorization": f"Bearer {token}"}

    def log_in(self) -> str:
        token: str = self._post("get_access_token", _form(ACCOUNT))["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        return token

    def upload(self, path: Path) -> str:
        with path.open("rb") as file:
            form = _form(UPLOAD) | {"file": (path.name, file, "application/pdf")}
            batch_id: str = self._post("processdocument", form)["OCR_ref_no"]
            return batch_id

    def look(self, batch_id: str, reading: Reading) -> bool:
        return _read(self._post("getbatchdocuments", _look(batch_id)), reading)

    def _post(self, endpoint: str, form: Any) -> Any:
        url = url_of(self._setting, endpoint)
        response = self._session.post(url, headers=self._headers, files=form)
        response.raise_for_status()
        return response.json()


async def _gather(setting: Setting) -> Figures:
    import httpx

    paths, reading, places = _paths(setting), Reading(), asyncio.Semaphore(_GATHERED)
    limits = httpx.Limits(max_connections=_GATHERED, max_keepalive_connections=_GATHERED)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client, measured() as measure:

        async def post(endpoint: str, form: Any) -> Any:
            response = await client.post(url_of(setting, endpoint), files=form)
            response.raise_for_status()
            return response.json()

        async def upload(path: Path) -> str:
            async with places:
                form = _form(UPLOAD) | {"file": _file(path)}
                batch_id: str = (await post("processdocument", form))["OCR_ref_no"]
                return batch_id

        async def look(batch_id: str) -> str | None:
            async with places:
                answer = await post("getbatchdocuments", _look(batch_id))
                return None if _read(answer, reading) else batch_id

        token = (await post("get_access_token", _form(ACCOUNT)))["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        waiting = await asyncio.gather(*map(upload, paths))
        while waiting:
            late = await asyncio.gather(*map(look, waiting))
            waiting = [batch_id for batch_id in late if batch_id]
            await asyncio.sleep(_GATHER_PAUSE_SECONDS if waiting else 0)
    reading.check(len(paths))
    return measure.figures(reading.documents)


def _paths(setting: Setting) -> list[Path]:
    return sorted((setting.path / "invoices").iterdir())


def _form(fields: Mapping[str, str]) -> dict[str, Any]:
    """Write fields as requests and httpx want them for multipart: parts without a file's name."""
    return {name: (None, value) for name, value in fields.items()}


def _file(path: Path) -> tuple[str, bytes, str]:
    """Read a file as a whole: it is so small that a thread would cost more than it helps."""
    return path.name, path.read_bytes(), "application/pdf"


def _look(batch_id: str) -> dict[str, Any]:
    return _form(ACCOUNT | {"batch_id": batch_id, "document_type": "Invoices"})


def _read(answer: Mapping[str, Any], reading: Reading) -> bool:
    """Read a batch's documents if it is done."""
    if answer["status"] != "completed":
        return False
    for rows in answer["result"]:
        reading.read_rows(rows)
    return True


def _prepare(setting: Setting) -> None:
    write_invoices(setting.path / "invoices", setting["documents"])


_SERVICE = {"latency_seconds": 0.03, "processing_seconds": 1.0}

CASE = Case(
    name="end-to-end",
    title="2,000 invoices end to end, 30 ms of latency per call, 1 s of processing",
    contenders={
        "klearstack_async": _bulk(),
        "the vendor's sample": _sample,
        "requests, 32 threads": _threads,
        "httpx, gather": _gather,
        "klearstack_async, journal": _bulk(journal=True),
        "klearstack_async, bundles of 50": _bulk(bundle=50),
    },
    goals=(
        Goal("the vendor's sample", 50),
        Goal("requests, 32 threads", 2),
        Goal("httpx, gather", 1.5),
    ),
    server="benchmarks.service",
    prepare=_prepare,
    needs={
        "the vendor's sample": ("requests",),
        "requests, 32 threads": ("requests",),
        "httpx, gather": ("httpx",),
    },
    quick={"documents": 40, "documents_of_sample": 1, **_SERVICE, "processing_seconds": 0.2},
    full={"documents": 2_000, "documents_of_sample": 5, **_SERVICE},
    may_fall=0.10,
)
