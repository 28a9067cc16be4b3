"""Pushes that real programs send over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from push_kit import KEYED, PASSWORD, TOKEN, fields, texts

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks import Push, parse_push

pytestmark = pytest.mark.anyio

DATA = json.dumps(KEYED)


class Endpoint:
    """A customer's endpoint, as the package's docstring writes it."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []

    async def receive(self, request: web.Request) -> web.Response:
        headers = request.raw_headers if "raw" in request.query else request.headers
        try:
            push = parse_push(headers, await request.read(), token=TOKEN, password=PASSWORD)
        except WebhookError as error:
            return web.Response(status=error.status, text=str(error))
        self.pushes.append(push)
        return web.Response()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def url(endpoint: Endpoint, serve: Any) -> str:
    return f"{await serve(push=endpoint.receive)}/push"


async def curl(url: str, *options: str, token: str = TOKEN) -> str:
    """Run curl and give the status that it was answered."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", "--output", "/dev/null"),
        *("--write-out", "%{http_code}", "--header", f"Authorization: Bearer {token}"),
        *(*options, url),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


def words(option: str, values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        yield from (option, f"{name}={value}")


@pytest.mark.parametrize("raw", ["", "?raw"])
@pytest.mark.parametrize("option", ["--form-string", "--data-urlencode"])
async def test_curl_with_a_form(endpoint: Endpoint, url: str, option: str, raw: str) -> None:
    assert await curl(url + raw, *words(option, texts(fields()))) == "200"
    assert endpoint.pushes[0].document["Place"].value == KEYED["Place"]["value"]


@pytest.mark.parametrize("how", ["@{}", "@{};type=application/json", "<{}", "<{};type=text/plain"])
@pytest.mark.parametrize("transfer", ["", "Transfer-Encoding: chunked"])
async def test_curl_with_data_from_a_file(
    endpoint: Endpoint, url: str, tmp_path: Path, how: str, transfer: str
) -> None:
    path = tmp_path / "data.json"
    path.write_text(DATA)
    rest = words("--form-string", texts(fields(None)))
    form = ("--form", f"data={how.format(path)}", *rest)
    assert await curl(url, *form, "--header", transfer or "X: y") == "200"
    assert endpoint.pushes[0].document.file_name == "Invoice 123456.pdf"


@pytest.mark.parametrize("values", [fields(), texts(fields())], ids=["object", "text"])
async def test_curl_with_json(endpoint: Endpoint, url: str, values: dict[str, Any]) -> None:
    kind = ("--header", "Content-Type: application/json")
    assert await curl(url, *kind, "--data-raw", json.dumps(values)) == "200"
    assert endpoint.pushes[0].document["Inv_Number"].value == "123456"


@pytest.mark.holds_the_loop("10 MB in one push, parsed by a function that is synchronous")
async def test_curl_with_a_large_document(endpoint: Endpoint, url: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    lines = {f"L{i}": {"value": "x" * 1000 + "\r\n"} for i in range(10_000)}
    path.write_text(json.dumps({**KEYED, **lines}))
    rest = words("--form-string", texts(fields(None)))
    assert await curl(url, "--form", f"data=@{path}", *rest) == "200"
    assert len(endpoint.pushes[0].document) == 10_002


@pytest.mark.parametrize(
    ("changed", "token", "status"),
    [
        ({}, "wrong", "401"),
        ({"password": "wrong"}, TOKEN, "401"),
        ({"batch_id": None}, TOKEN, "422"),
        ({"data": "{"}, TOKEN, "400"),
    ],
)
async def test_curl_is_told_what_is_wrong(
    endpoint: Endpoint, url: str, changed: dict[str, Any], token: str, status: str
) -> None:
    form = words("--form-string", texts(fields(**changed)))
    assert await curl(url, *form, token=token) == status
    assert endpoint.pushes == []


def form_of(values: dict[str, str], kind: str) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=kind != "urlencoded")
    for name, value in values.items():
        if kind == "file" and name == "data":
            form.add_field(name, value.encode(), filename="d.json", content_type="application/json")
        else:
            form.add_field(name, value)
    return form


@pytest.mark.parametrize("kind", ["multipart", "file", "urlencoded"])
async def test_aiohttp_with_a_form(endpoint: Endpoint, url: str, kind: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, data=form_of(texts(fields()), kind)) as answer,
    ):
        assert answer.status == 200, await answer.text()
    assert endpoint.pushes[0].document["Place"].value == KEYED["Place"]["value"]


async def test_aiohttp_with_json_twice_gives_one_key(endpoint: Endpoint, url: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for body in (fields(), texts(fields())):
            async with session.post(url, json=body) as answer:
                assert answer.status == 200
    assert len({push.key for push in endpoint.pushes}) == 1
