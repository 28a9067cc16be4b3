"""What is imported when: nobody pays for what a program doesn't use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import klearstack_async

# Needed by a part of the package only, or by an extra.
OF_A_PART = {
    "aiofiles",
    "aiosqlite",
    "fastapi",
    "filelock",
    "klearstack_async.bulk.engine",
    "klearstack_async.cli",
    "klearstack_async.sandbox",
    "klearstack_async.webhooks",
    "opentelemetry",
    "rich",
    "sqlite3",
    "tomllib",
    "typer",
}


def loaded_by(program: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {*told.stdout.split()}


def test_the_package_alone_loads_nothing_of_weight() -> None:
    loaded = loaded_by("import klearstack_async")
    assert loaded.isdisjoint({"aiohttp", "anyio", "asyncio", "msgspec", *OF_A_PART})


def test_a_client_loads_nothing_that_plain_calls_do_not_need() -> None:
    loaded = loaded_by(
        "from klearstack_async import KlearStack, Rate\n"
        "KlearStack('https://a.b', company_name='c', username='u', password='p', rate=Rate(5))"
    )
    assert "aiohttp" in loaded
    assert loaded.isdisjoint(OF_A_PART)


def test_every_public_name_is_imported_for_type_checkers_from_where_python_finds_it() -> None:
    tree = ast.parse(Path(klearstack_async.__file__).read_text())
    for_types = {
        alias.name: str(node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: f"klearstack_async.{home}" for name, home in klearstack_async._HOME_OF.items()}
    assert for_types == homes
    assert {*for_types, "__version__"} == {*klearstack_async.__all__}


def test_a_star_imports_every_public_name() -> None:
    names: dict[str, object] = {}
    exec("from klearstack_async import *", names)  # noqa: S102 - a star is for modules only
    assert names.keys() >= {*klearstack_async.__all__}


def test_all_names_are_shown() -> None:
    assert {*dir(klearstack_async)} >= {*klearstack_async.__all__}


def test_modules_are_found_below_the_package_without_another_import() -> None:
    program = "import klearstack_async\nassert klearstack_async.errors.KlearStackError"
    assert "klearstack_async.errors" in loaded_by(program)


@pytest.mark.parametrize("name", ["KlearStuck", "__path_of_nothing__"])
def test_what_is_not_there_is_said_to_be_missing(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(klearstack_async, name)
