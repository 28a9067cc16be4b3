"""The example's page with a service that is made up: what a real one says seldom.

As in `test_example_browser.py`, no asynchronous test may be in this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_kit import choose, expect, opened_pages, row, running_browser
from example_kit import Command, example

from klearstack_async.examples.invoices.app import MOST_BYTES, MOST_FILES

DONE = "event: done\ndata: {}\n\n"
OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    with example() as running:
        yield running


@pytest.fixture
def opened(browser: Any, command: Command) -> Iterator[OpenPage]:
    with opened_pages(browser, command.url) as open_page:
        yield open_page


@pytest.fixture
def a_pdf(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"whatever")
    return path


def event(name: str, **data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def read(*fields: dict[str, Any], **more: Any) -> str:
    """Make the stream of a document with these fields."""
    document = {"pages": "jobs/k/pages/d", "confidence": 0.9, "fields": fields}
    outcome = {"source": "a.pdf", "state": "extracted", "problem": None, "note": None}
    return event("outcome", **{**outcome, "documents": [document], **more}) + DONE


def field(name: str, value: Any, page: int = 1) -> dict[str, Any]:
    box = [10, 10, 50, 30]
    return {"name": name, "value": value, "confidence": 0.9, "page": page, "box": box}


def told(page: Any, stream: str) -> None:
    """Have the service take a.pdf, tell this of it, and have no picture of it."""
    taken = {"events": "jobs/k/events", "names": ["a.pdf"]}
    page.route("**/jobs", lambda route: route.fulfill(status=202, json=taken))
    page.route(
        "**/jobs/k/events",
        lambda route: route.fulfill(headers={"content-type": "text/event-stream"}, body=stream),
    )
    page.route("**/jobs/k/pages/**", lambda route: route.fulfill(status=404, body=""))


def table(page: Any) -> list[list[str]]:
    cells: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll("tbody tr")].map((line) =>
            [...line.cells].map((cell) => cell.querySelector(".value")?.textContent ?? "-"))"""
    )
    return cells


@pytest.mark.parametrize(
    "lines",
    [
        ["Apples 1 10", "- 2 20", "Cherries 3 30"],
        ["Apples 1 -", "Pears - 20", "Cherries 3 30"],
        ["Apples - 10", "Pears 2 20", "- 3 30"],
        ["Apples 1 10", "Pears - -", "Cherries - 30"],
    ],
)
def test_a_line_that_lacks_a_part_takes_none_of_another(
    opened: OpenPage, a_pdf: Path, lines: list[str]
) -> None:
    names = ("Item_Description", "Item_Quantity", "Item_Amount")
    expected = [line.split() for line in lines]
    parts = [zip(names, line, strict=True) for line in expected]
    page = opened()
    told(page, read(*(field(*part) for line in parts for part in line if part[1] != "-")))
    choose(page, a_pdf)
    expect(page.locator("tbody")).to_be_visible()
    assert table(page) == expected


def test_what_was_read_and_is_not_told_is_no_missing_file(opened: OpenPage, a_pdf: Path) -> None:
    page = opened()
    outcome = {"source": "a.pdf", "state": "extracted", "problem": None, "note": None}
    told(page, event("outcome", **outcome) + DONE)
    choose(page, a_pdf)
    expect(row(page, "a.pdf")).to_contain_text("It was read, but the server failed to say")


def test_trouble_of_the_service_is_said(opened: OpenPage, a_pdf: Path) -> None:
    page = opened()
    # The next event takes it away.
    page.evaluate(
        """() => {
            const status = document.querySelector("[role=status]");
            window.said = [];
            new MutationObserver(() => window.said.push(status.textContent))
                .observe(status, { childList: true });
        }"""
    )
    told(page, event("progress", trouble="the service is away") + read())
    choose(page, a_pdf)
    expect(page.get_by_role("status")).to_have_text("1 of 1 file read")
    assert "Waiting: the service is away." in page.evaluate("window.said")


@pytest.mark.parametrize("number", [3000, 1e300])
def test_a_field_on_a_page_far_away_asks_for_some_pages_only(
    opened: OpenPage, a_pdf: Path, number: float
) -> None:
    page = opened()
    told(page, read({**field("Inv_Total", "1"), "page": number}))
    choose(page, a_pdf)
    expect(page.locator("figure")).to_have_count(50)


@pytest.mark.parametrize("detail", [[{"loc": ["body"], "msg": "wrong"}], None, 7])
def test_a_refusal_that_is_no_text_is_said_in_general(
    opened: OpenPage, a_pdf: Path, detail: Any
) -> None:
    page = opened()
    page.route("**/jobs", lambda route: route.fulfill(status=422, json={"detail": detail}))
    choose(page, a_pdf)
    expect(row(page, "a.pdf")).to_contain_text("The server failed. Try again later.")


def test_marks_that_turn_a_name_around_are_shown(opened: OpenPage, tmp_path: Path) -> None:
    path = tmp_path / "in\u202efdp.exe"
    path.write_bytes(b"whatever")
    page = opened()
    page.route("**/jobs", lambda route: route.fulfill(status=500, json={}))
    choose(page, path)
    expect(page.locator(".row .name")).to_have_text("in\ufffdfdp.exe")


@pytest.mark.parametrize(("kind", "lit"), [("a text", False), ("a file", True)])
def test_only_files_light_up_the_zone(opened: OpenPage, kind: str, lit: bool) -> None:
    page = opened()
    page.evaluate(
        """(isFile) => {
            const dataTransfer = new DataTransfer();
            if (isFile) dataTransfer.items.add(new File(["x"], "a.pdf"));
            else dataTransfer.setData("text/plain", "a text");
            const zone = document.querySelector(".drop");
            zone.dispatchEvent(new DragEvent("dragenter", { bubbles: true, dataTransfer }));
        }""",
        kind == "a file",
    )
    assert ("over" in page.locator(".drop").get_attribute("class").split()) is lit


def test_what_is_more_than_a_request_may_hold_goes_in_several(
    opened: OpenPage, tmp_path: Path
) -> None:
    sizes = [MOST_BYTES * 6 // 10] * 2 + [1] * (MOST_FILES + 1)
    for number, size in enumerate(sizes):
        with (tmp_path / f"{number:02}.pdf").open("wb") as file:
            file.truncate(size)
    sent: list[str] = []

    def refuse(route: Any) -> None:
        sent.append(route.request.method)
        route.fulfill(status=503, json={"detail": "Not now"})

    page = opened()
    page.route("**/jobs", refuse)
    choose(page, *sorted(tmp_path.iterdir()))
    expect(page.locator("[data-state=failed]")).to_have_count(len(sizes))
    # The large ones apart, and those after them by their number.
    assert sent == ["POST"] * 3


def test_a_file_that_was_changed_fails_alone(opened: OpenPage, tmp_path: Path) -> None:
    page = opened()
    sent: list[str] = []

    def refuse(route: Any) -> None:
        sent.append(route.request.method)
        route.fulfill(status=503, json={"detail": "Not now"})

    page.route("**/jobs", refuse)
    for name in ("here.pdf", "changed.pdf"):
        (tmp_path / name).write_bytes(b"whatever")
    # Chosen, and changed before anybody looks.
    page.evaluate(
        """() => addEventListener("change", (event) => {
            if (!window.isLate) event.stopImmediatePropagation();
        }, true)"""
    )
    choose(page, tmp_path / "here.pdf", tmp_path / "changed.pdf")
    os.utime(tmp_path / "changed.pdf", (1, 1))
    page.evaluate("window.isLate = true")
    page.locator("input[type=file]").dispatch_event("change")
    expect(row(page, "changed.pdf")).to_contain_text("it was moved or changed")
    expect(row(page, "here.pdf")).to_contain_text("Not now")
    assert sent == ["POST"]


def test_a_reload_loses_nothing_that_was_sent_and_no_longer_asks_for_what_is_gone(
    opened: OpenPage, a_pdf: Path
) -> None:
    page = opened()
    told(page, read(field("Inv_Total", "119.00")))
    choose(page, a_pdf)
    expect(page.locator(".value")).to_have_text("119.00")
    page.reload()
    expect(page.locator(".value")).to_have_text("119.00")
    expect(page.get_by_role("status")).to_have_text("1 of 1 file read")
    page.route("**/jobs/k/events", lambda route: route.fulfill(status=404, json={}))
    page.reload()
    expect(row(page, "a.pdf")).to_contain_text("The server no longer knows this file")
    page.reload()
    expect(page.get_by_role("status")).to_have_text("No files yet")


def test_who_leaves_while_something_is_still_to_be_sent_is_asked(
    opened: OpenPage, a_pdf: Path
) -> None:
    page = opened()
    told(page, read(field("Inv_Total", "119.00")))
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/jobs", hold)
    leave = "() => dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(leave) is True
    with page.expect_request("**/jobs"):
        choose(page, a_pdf)
    assert page.evaluate(leave) is False
    held[0].fallback()
    expect(page.locator(".value")).to_have_text("119.00")
    assert page.evaluate(leave) is True


def test_what_is_wrong_with_one_drop_stays_said_when_another_is_read(
    opened: OpenPage, tmp_path: Path
) -> None:
    page = opened()
    lost = "The connection is lost. Trying again…"
    for name in ("lost.pdf", "a.pdf"):
        (tmp_path / name).write_bytes(b"whatever")
    taken = {"events": "jobs/lost/events", "names": ["lost.pdf"]}
    cut_off = {"content_type": "text/event-stream", "body": "retry: 600000\n\n"}
    page.route("**/jobs", lambda route: route.fulfill(status=202, json=taken))
    page.route("**/jobs/lost/events", lambda route: route.fulfill(**cut_off))
    choose(page, tmp_path / "lost.pdf")
    expect(page.get_by_role("status")).to_have_text(lost)
    told(page, read())
    choose(page, tmp_path / "a.pdf")
    expect(row(page, "a.pdf")).to_have_attribute("data-state", "done")
    expect(page.get_by_role("status")).to_have_text(lost)


def test_forced_colours_leave_boxes_and_marks_to_be_seen(opened: OpenPage, a_pdf: Path) -> None:
    page = opened(forced_colors="active")
    told(page, read(field("Inv_Total", "1")))
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='140'/>"
    page.route(
        "**/jobs/k/pages/**", lambda route: route.fulfill(content_type="image/svg+xml", body=svg)
    )
    choose(page, a_pdf)
    for selector, side in ((".box", "outline"), (".row .mark", "border")):
        style, width = page.locator(selector).evaluate(
            "(one, side) => ['Style', 'Width'].map((what) => getComputedStyle(one)[side + what])",
            side if side == "outline" else "borderTop",
        )
        assert (style, float(width.removesuffix("px")) >= 1) == ("solid", True), selector


@pytest.mark.parametrize("size", [(900, 420), (640, 400), (360, 740)])
def test_in_a_small_window_the_whole_page_scrolls(opened: OpenPage, size: tuple[int, int]) -> None:
    page = opened(viewport=dict(zip(("width", "height"), size, strict=True)))
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.reading')).overflowY") == "visible"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
