"""`klearstack endpoints`, and the sandbox's pushes from the command line."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from conftest import Serve, until
from documents import invoice_pdf
from rich.console import Console
from test_cli import COMMAND, environment, klearstack

from klearstack_async import KlearStack
from klearstack_async.cli.endpoints import show_endpoints
from klearstack_async.endpoints.catalogue import CATALOGUE


async def test_a_pipe_gets_one_line_per_endpoint_with_everything(tmp_path: Path) -> None:
    ended = await klearstack("endpoints", folder=tmp_path)
    assert ended.code == 0
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert lines[0] == ["page", "method", "path", "known", "sent again"]
    assert [(line[0], line[1], line[2], line[3]) for line in lines[1:]] == [
        (str(row.page), row.name, row.path, row.certainty.value) for row in CATALOGUE.values()
    ]
    assert all(re.match(r"(not )?safe: \w+", line[4]) for line in lines[1:])


async def test_what_the_user_has_set_is_shown_as_set(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text('[endpoints]\n"images.get" = "/access/klearstack/picture"\n')
    ended = await klearstack("endpoints", folder=tmp_path, KLEARSTACK_CONFIG=str(file))
    assert "images.get\t/access/klearstack/picture\tset by you" in ended.out


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_terminal_shows_every_name_and_path_in_one_piece(width: int) -> None:
    console = Console(width=width, force_terminal=True, no_color=True)
    with console.capture() as captured:
        show_endpoints(console, CATALOGUE.values())
    text = re.sub(r"\x1b\[[\d;]*m", "", captured.get())
    for row in CATALOGUE.values():
        last = row.path.rpartition("/")[2]
        assert re.search(rf"\b{re.escape(row.name)}\b.*\b{re.escape(last)}\b", text), row.name
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"KLEARSTACK_ENDPOINTS": '{"images.gett": "/a"}'}, "did you mean 'images.get'?"),
        ({"KLEARSTACK_ENDPOINTS": "{"}, "KLEARSTACK_ENDPOINTS is no JSON"),
        ({"KLEARSTACK_CONFIG": "nowhere.toml"}, "nowhere.toml: No such file or directory"),
    ],
)
async def test_a_setting_that_can_not_be_used_is_one_sentence(
    variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    ended = await klearstack("endpoints", folder=tmp_path, **variables)
    assert ended.code == 2
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1


async def test_the_sandbox_pushes_where_the_command_line_says(tmp_path: Path, serve: Serve) -> None:
    pushed: list[dict[str, object]] = []

    async def receive(request: web.Request) -> web.StreamResponse:
        pushed.append({**await request.post(), "token": request.headers["Authorization"]})
        return web.Response()

    target = f"{await serve(push=receive)}/push"
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("sandbox", "--port", "0", "--processing-seconds", "0"),
        *("--push-url", target, "--push-token", "a-token"),
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        account: dict[str, str] = {}
        while len(account) < 4:
            line = (await process.stdout.readline()).decode()
            account |= dict(re.findall(r"export (\w+)=(\S+)", line))
        async with KlearStack.from_env(account) as ks:
            upload = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
        await until(lambda: len(pushed) == 1)
    finally:
        process.terminate()
        await process.communicate()
    assert pushed[0]["token"] == "Bearer a-token"
    assert pushed[0]["batch_id"] == upload.batch_id
    assert json.loads(str(pushed[0]["data"]))["Inv_Number"]["value"] == "INV-1"
