"""What the tests of the example's page share: a real browser, and a hand to choose files with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("CI"):
    import playwright.sync_api as playwright  # a test that CI skips is none
else:
    playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@contextmanager
def running_browser() -> Iterator[Any]:
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI has no Chromium: apt-get install chromium"
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as engine:
        # A container's root has no sandbox to give; the page is our own.
        running = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def opened_pages(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Give a function that opens the page; what goes wrong in it fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def dismiss(dialog: Any) -> None:
        wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def check(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            wrong.append(f"asked for {request.url}")

    def open_page(url: str = address, **options: Any) -> Any:
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", dismiss)
        page.on("request", check)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def choose(page: Any, *paths: Path) -> None:
    page.set_input_files("input[type=file]", [str(path) for path in paths])


def row(page: Any, name: str) -> Any:
    return page.locator(".row", has_text=name)
