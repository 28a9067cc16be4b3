"""The example's endpoints and its command; its page has a file of its own."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import aiohttp
import anyio
import pytest
from conftest import client_of
from documents import invoice_pdf, picture_png
from example_kit import COMMAND, environment, example
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartParser

from klearstack_async import PageImage
from klearstack_async.examples.invoices.app import (
    MOST_BYTES,
    MOST_FILES,
    PAGE,
    SECURITY,
    picture,
)
from klearstack_async.examples.invoices.jobs import Jobs, distinct
from klearstack_async.fastapi.event_data import name_of
from klearstack_async.sandbox import Sandbox


class Visitor:
    """A browser without its page."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def drop(self, **files: bytes) -> tuple[int, dict[str, Any]]:
        form = aiohttp.FormData()
        for name, data in files.items():
            form.add_field("files", data, filename=name.replace("_", "."))
        async with self._session.post(f"{self._url}/jobs", data=form) as answer:
            return answer.status, await answer.json()

    async def read(self, **files: bytes) -> list[dict[str, Any]]:
        """Drop files, and give what was told of each."""
        status, said = await self.drop(**files)
        assert status == 202
        text = (await self.get(said["events"]))[2].decode()
        outcomes = re.findall(r"event: outcome\ndata: (.*)\n", text)
        return [json.loads(data) for data in outcomes]

    async def get(self, path: str) -> tuple[int, str, bytes]:
        async with self._session.get(f"{self._url}/{path}") as answer:
            return answer.status, answer.content_type, await answer.read()

    async def headers(self, path: str) -> dict[str, str]:
        async with self._session.get(f"{self._url}/{path}") as answer:
            return dict(answer.headers)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the command, on a sandbox of its own: in this loop, FastAPI's reading of files counts."""
    with example() as command:
        yield command.url


@pytest.fixture
async def visitor(url: str) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        yield Visitor(url, session)


async def test_a_drop_comes_back_as_fields_with_boxes_and_pages(visitor: Visitor) -> None:
    [outcome] = await visitor.read(a_pdf=invoice_pdf())
    [document] = outcome["documents"]
    total = next(field for field in document["fields"] if field["name"] == "Inv_Total")
    assert (total["value"], total["page"], len(total["box"])) == ("119.00", 1, 4)
    status, kind, data = await visitor.get(f"{document['pages']}/1")
    assert (status, kind) == (200, "image/png")
    assert data.startswith(b"\x89PNG")


async def test_a_documents_id_opens_it_only_together_with_the_key_of_its_drop(
    visitor: Visitor,
) -> None:
    drops = ({f"{name}_pdf": invoice_pdf(name)} for name in "ab")
    [mine], [other] = await asyncio.gather(*(visitor.read(**drop) for drop in drops))
    key = mine["documents"][0]["pages"].split("/")[1]
    for path in (
        f"jobs/{key}/pages/{other['document_ids'][0]}/1",
        f"jobs/nobody/pages/{other['document_ids'][0]}/1",
        f"jobs/{key}/pages/{mine['document_ids'][0]}/0",
        "jobs/nobody/events",
    ):
        assert (await visitor.get(path))[0] == 404, path


async def test_what_is_too_large_is_refused_before_it_is_read(visitor: Visitor) -> None:
    where = visitor._url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(*where)
    head = f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MOST_BYTES * 2}"
    writer.write(f"{head}\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_body_of_unknown_length_is_refused(visitor: Visitor) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    async with visitor._session.post(f"{visitor._url}/jobs", data=pieces()) as answer:
        assert answer.status == 400
        assert "Content-Length" in (await answer.json())["detail"]


async def test_a_form_without_a_file_is_refused(visitor: Visitor) -> None:
    status, said = await visitor.drop()
    assert (status, said["detail"]) == (422, "There is no file in it.")


async def test_a_text_in_place_of_a_file_is_refused(visitor: Visitor) -> None:
    form = aiohttp.FormData({"files": "a text"})
    form.add_field("other", b"a file", filename="a.pdf")
    async with visitor._session.post(f"{visitor._url}/jobs", data=form) as answer:
        assert answer.status == 422
        assert (await answer.json())["detail"] == "There is no file in it."


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202), (None, 202)],
)
async def test_no_other_website_may_upload(visitor: Visitor, site: str | None, status: int) -> None:
    form = aiohttp.FormData()
    form.add_field("files", picture_png(), filename="a.png")
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    async with visitor._session.post(f"{visitor._url}/jobs", data=form, headers=headers) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 400), ("localhost", 200), ("127.0.0.1:80", 200)]
)
async def test_the_command_answers_to_no_other_name(
    visitor: Visitor, host: str, status: int
) -> None:
    async with visitor._session.get(visitor._url, headers={"Host": host}) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("kind", "status"), [("image/png", 200), ("image/svg+xml", 502), ("text/html", 502)]
)
def test_only_pictures_are_passed_on_as_pages(kind: str, status: int) -> None:
    try:
        answer = picture(PageImage(b"<svg/>", media_type=kind))
    except HTTPException as refused:
        assert refused.status_code == status
    else:
        assert (answer.status_code, answer.media_type) == (status, kind)


async def test_each_file_has_an_outcome_of_its_own_whatever_it_is_called(visitor: Visitor) -> None:
    form = aiohttp.FormData()
    for name in ("a.png", "a.png", "../a.png", "a (2).png", "<b>ü.png"):
        form.add_field("files", picture_png(), filename=name)
    async with visitor._session.post(f"{visitor._url}/jobs", data=form) as answer:
        said = await answer.json()
    text = (await visitor.get(said["events"]))[2].decode()
    told = [json.loads(data)["source"] for data in re.findall("event: outcome\ndata: (.*)\n", text)]
    assert sorted(told) == sorted(said["names"])
    assert len(set(told)) == 5


async def test_the_files_are_closed_when_all_is_read(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as ks, anyio.create_task_group() as tasks:
        form = await _form_with(b"%PDF-" + bytes(2 << 20))
        upload: Any = form["files"]
        assert Jobs(tasks).start(ks, form) is not None
        assert not upload.file.closed
    assert upload.file.closed


async def _form_with(data: bytes) -> FormData:
    """Make what Starlette makes of a form with one file, large enough to lie on the disk."""

    async def body() -> AsyncGenerator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n'
        yield data
        yield b"\r\n--b--\r\n"

    headers = Headers({"content-type": "multipart/form-data; boundary=b"})
    return await MultiPartParser(headers, body()).parse()


async def test_old_jobs_make_room_for_new_ones_but_not_those_under_way(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as ks:
        async with anyio.create_task_group() as tasks:
            jobs = Jobs(tasks, most=3)
            # None of them has had its turn of the loop.
            keys = [job.key for _ in range(3) if (job := jobs.start(ks, FormData()))]
            assert len(keys) == 3
            assert jobs.start(ks, FormData()) is None
        async with anyio.create_task_group() as tasks:
            jobs._tasks = tasks
            assert jobs.start(ks, FormData()) is not None
    assert [key for key in keys if jobs.get(key) is None] == keys[:1]


async def test_drops_that_brought_nothing_make_room_first(sandbox: Sandbox) -> None:
    jobs = None
    async with client_of(sandbox) as ks:
        for data in (invoice_pdf("first"), b"junk", b"junk", invoice_pdf("last"), b"junk"):
            async with anyio.create_task_group() as tasks:
                jobs = jobs or Jobs(tasks, most=3)
                jobs._tasks = tasks
                assert jobs.start(ks, await _form_with(data)) is not None
    assert jobs is not None
    brought = [len(job.document_ids) for job in jobs._jobs.values()]
    assert brought == [1, 1, 0]


async def test_every_answer_forbids_foreign_scripts(visitor: Visitor) -> None:
    [outcome] = await visitor.read(a_pdf=invoice_pdf())
    page = f"{outcome['documents'][0]['pages']}/1"
    for path in ("", "page.js", "page.css", page, "nowhere", "jobs/nobody/events"):
        headers = await visitor.headers(path)
        assert SECURITY.items() <= headers.items(), path


def test_the_policy_lets_only_this_services_own_script_run() -> None:
    rules = dict(rule.split(" ", 1) for rule in SECURITY["Content-Security-Policy"].split("; "))
    assert rules["script-src"] == "'self'"
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert not [rule for rule in rules.values() if "unsafe" in rule or "*" in rule]


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() -> None:
    html = (PAGE / "index.html").read_text()
    # The names of SVG's and HTML's own languages are no addresses.
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html) == []
    assert re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|<style", html) == []
    for name in ("page.js", "page.css"):
        text = (PAGE / name).read_text()
        assert (
            re.findall(r"https?://|@import|innerHTML|outerHTML|insertAdjacent|eval\(", text) == []
        )


def test_the_page_knows_the_services_limits() -> None:
    script = (PAGE / "page.js").read_text()
    assert f"MOST_BYTES = {MOST_BYTES >> 20} * 2 ** 20" in script
    assert f"MOST_FILES = {MOST_FILES};" in script
    assert f"up to {MOST_BYTES >> 20} MB" in (PAGE / "index.html").read_text()


@given(st.lists(st.text(alphabet="ab./ ()2\\", max_size=8), max_size=12))
def test_names_come_out_distinct_and_without_folders(names: list[str]) -> None:
    given_out = distinct(names)
    assert len(given_out) == len(names) == len(set(given_out))
    assert all(name == name_of(name) != "" for name in given_out)


def test_names_that_differ_stay_as_they_are() -> None:
    assert distinct(["a.pdf", "b.pdf", "a.pdf"]) == ["a.pdf", "b.pdf", "a (2).pdf"]


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = _run("--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"port {port} is taken: choose another --port\n"


def test_half_an_account_is_said_in_one_line() -> None:
    done = _run("--port", "0", KLEARSTACK_URL="https://acme.example")
    assert (done.returncode, done.stdout) == (1, "")
    assert "KLEARSTACK_PASSWORD" in done.stderr
    assert done.stderr.count("\n") == 1


def _run(*arguments: str, **account: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(account),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
