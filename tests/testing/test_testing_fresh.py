"""Users' tests in a virtual environment of their own, outside of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USERS = Path(__file__).parent / "users"
AUTO = "with_auto_asyncio"

CONFIGURATION = """\
[pytest]
addopts = --strict-markers -p no:cacheprovider
# pytest-asyncio warns of itself without it, and the test client of a httpx that it still takes.
asyncio_default_fixture_loop_scope = function
filterwarnings =
    error
    ignore:Using .httpx. with
"""


def run(*command: str | Path, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_users_tests_pass_in_a_fresh_environment(tmp_path: Path) -> None:
    """It takes half a minute and a package index."""
    run(sys.executable, "-m", "venv", "venv", folder=tmp_path)
    python = tmp_path / "venv/bin/python"
    wanted = (f"{ROOT}[sandbox,fastapi]", "pytest", "pytest-asyncio", "httpx")
    run(python, "-m", "pip", "install", "--quiet", *wanted, folder=tmp_path)
    for file in USERS.glob("*.py"):
        folder = tmp_path / ("auto" if file.stem == AUTO else "strict")
        folder.mkdir(exist_ok=True)
        (folder / "pytest.ini").write_text(CONFIGURATION)
        (folder / f"test_{file.name}").write_text(file.read_text())
    assert "19 passed" in run(python, "-m", "pytest", folder=tmp_path / "strict")
    auto = ("-o", "asyncio_mode=auto")
    assert "1 passed" in run(python, "-m", "pytest", *auto, folder=tmp_path / "auto")
