"""The example's page in a real browser: what a person does, and what they see.

Playwright's synchronous face keeps a loop of its own in this thread, so no asynchronous test may be
in this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from anyio.from_thread import start_blocking_portal
from browser_kit import choose, expect, opened_pages, row, running_browser
from documents import picture_png
from example_kit import Command, example
from fpdf import FPDF

from klearstack_async.sandbox import Sandbox
from klearstack_async.sandbox.samples.catalog import INVOICES
from klearstack_async.sandbox.samples.layouts import draw_pdf
from klearstack_async.sandbox.samples.truth import truth_of

DOWN = {
    # Nobody listens at this port.
    "KLEARSTACK_URL": "http://127.0.0.1:9",
    "KLEARSTACK_COMPANY": "acme",
    "KLEARSTACK_USERNAME": "ap",
    "KLEARSTACK_PASSWORD": "s3cret-MARKED",
}
BY_NAME = {invoice.file_name: invoice for invoice in INVOICES}
DROPPED = ("hartmann_RE-2025-0713.pdf", "lumen-harbor_INV-20417.pdf", "brightwell_BW-118834.pdf")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    """Run the command with an account: that of a sandbox that takes no time."""
    sandbox = Sandbox(processing_seconds=0)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(sandbox):
        account = {
            "KLEARSTACK_URL": sandbox.url,
            "KLEARSTACK_COMPANY": sandbox.company_name,
            "KLEARSTACK_USERNAME": sandbox.username,
            "KLEARSTACK_PASSWORD": sandbox.password,
        }
        with example(account) as running:
            yield running


OpenPage = Callable[..., Any]


@pytest.fixture
def opened(browser: Any, command: Command) -> Iterator[OpenPage]:
    with opened_pages(browser, command.url) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with three invoices, and files that are hard to bear."""
    folder = tmp_path_factory.mktemp("dropped")
    for name in DROPPED:
        (folder / name).write_bytes(draw_pdf(BY_NAME[name]))
    (folder / "notes.pdf").write_text("Only a text.")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthe rest is missing")
    (folder / "picture.png").write_bytes(picture_png())
    with (folder / "large.pdf").open("wb") as large:
        large.truncate(51 << 20)
    return folder


# Before the other tests: the client tries several times, and these go on meanwhile.
@pytest.fixture(scope="module", autouse=True)
def down(browser: Any, folder: Path) -> Iterator[tuple[Any, Command]]:
    """Give a page of a service whose KlearStack is away, with a file dropped on it."""
    with example(DOWN) as command:
        page = browser.new_page()
        page.goto(command.url)
        choose(page, folder / DROPPED[0])
        yield page, command
        page.close()


def drop(page: Any, *paths: Path) -> None:
    """Drop files on the page, as a file manager does."""
    # A drop can't be driven from outside; what the browser would hand over can be made inside.
    page.evaluate(
        """() => {
            const input = document.createElement("input");
            Object.assign(input, { type: "file", multiple: true, id: "hand" });
            document.body.append(input);
        }"""
    )
    page.set_input_files("#hand", [str(path) for path in paths])
    page.evaluate(
        """() => {
            const input = document.querySelector("#hand");
            const dataTransfer = new DataTransfer();
            for (const file of input.files) dataTransfer.items.add(file);
            input.remove();
            const zone = document.querySelector(".drop");
            for (const type of ["dragenter", "dragover", "drop"])
                zone.dispatchEvent(
                    new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
        }"""
    )


def field(page: Any, label: str) -> Any:
    return page.locator(".values .field").filter(has=page.get_by_text(label, exact=True))


def texts(page: Any) -> dict[str, str]:
    """Give what stands beside each label of the document that is shown."""
    found = page.locator(".values .field").all()
    return {one.locator(".label").inner_text(): one.locator(".value").inner_text() for one in found}


def printed_in_box(pdf: Path, page: Any, label: str) -> str:
    """Read what the PDF itself prints where the field's box lies on the shown page."""
    number = field(page, label).get_attribute("data-field")
    box = page.locator(f'.box[data-field="{number}"]')
    [on_page] = box.evaluate("box => [Number(box.parentNode.dataset.page)]")
    shares: dict[str, float] = box.evaluate(
        """box => Object.fromEntries(["left", "top", "width", "height"].map(
            (side) => [side, parseFloat(box.style[side]) / 100]))"""
    )
    with pypdfium2.PdfDocument(pdf) as document:
        sheet = document[on_page - 1]
        width, height = sheet.get_size()
        left, top = shares["left"] * width, height - shares["top"] * height
        words: str = sheet.get_textpage().get_text_bounded(
            left, top - shares["height"] * height, left + shares["width"] * width, top
        )
    return words.strip()


# Whatever is to be seen for a moment only is seen by this.
NOTE_ALL_CHANGES = """() => {
    window.noted = [];
    new MutationObserver(() => {
        const states = [...document.querySelectorAll(".row")].map((row) => row.dataset.state);
        window.noted.push([document.querySelector("progress").value, ...states]);
    }).observe(document.body, { subtree: true, attributes: true, childList: true });
}"""


def assert_progress_moved(noted: list[list[Any]]) -> None:
    shares = [share for share, *_ in noted]
    assert shares == sorted(shares)
    assert len(set(shares)) > 3
    assert (shares[0], shares[-1]) == (0, 1)
    order = ("queued", "uploading", "reading", "done")
    for states in zip(*(states for _, *states in noted if len(states) == 3), strict=True):
        ranks = [order.index(state) for state in states]
        assert ranks == sorted(ranks)
        assert {"queued", "reading", "done"} <= set(states)


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def test_three_dropped_invoices_are_read_and_shown_where_they_say_it(
    opened: OpenPage, folder: Path
) -> None:
    page = opened()
    page.evaluate(NOTE_ALL_CHANGES)
    drop(page, *(folder / name for name in DROPPED))
    expect(page.get_by_role("status")).to_have_text("3 of 3 files read", timeout=15_000)
    assert_progress_moved(page.evaluate("window.noted"))

    for name in DROPPED:
        row(page, name).click()
        expect(page.locator("h2")).to_have_text(name)
        expect(page.locator(".box").first).to_be_visible()
        truth, shown = truth_of(BY_NAME[name]), texts(page)
        assert shown["Invoice Number"] == truth["Inv_Number"]
        assert shown["Invoice Date"] == truth["Inv_Date"]
        assert shown["Invoice Total"] == truth["Inv_Total"]
        assert shown["Supplier Name"] == truth["Supplier_Name"]
        assert len(page.locator("tbody tr").all()) == len(BY_NAME[name].items)
        page.locator(".page").last.scroll_into_view_if_needed()
        expect(page.locator(".page").last.locator(".box").first).to_be_attached()
        assert printed_in_box(folder / name, page, "Invoice Number") == truth["Inv_Number"]
        assert digits(printed_in_box(folder / name, page, "Invoice Total")) == digits(
            truth["Inv_Total"]
        )


def test_a_field_and_its_box_light_up_together_and_lead_to_each_other(
    opened: OpenPage, folder: Path
) -> None:
    page = opened()
    choose(page, folder / DROPPED[0])
    total = field(page, "Invoice Total")
    expect(total).to_be_visible(timeout=15_000)
    box = page.locator(f'.box[data-field="{total.get_attribute("data-field")}"]')
    expect(box).to_be_visible()

    total.hover()
    expect(box).to_have_class("box lit")
    page.locator("h2").hover()
    expect(box).to_have_class("box")
    box.hover(position={"x": 4, "y": 4})
    expect(total).to_have_class("field lit")
    box.click(position={"x": 4, "y": 4})
    expect(total).to_be_focused()


def test_everything_can_be_done_by_keyboard(opened: OpenPage, folder: Path) -> None:
    page = opened()
    page.keyboard.press("Tab")
    expect(page.locator("input[type=file]")).to_be_focused()
    choose(page, folder / DROPPED[0], folder / "notes.pdf")
    expect(page.locator("[data-state=done]")).to_have_count(1, timeout=15_000)
    page.keyboard.press("Tab")
    expect(row(page, "hartmann")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("print it into a PDF")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".pages").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    focused = page.locator(":focus")
    number = focused.get_attribute("data-field")
    expect(page.locator(f'.box[data-field="{number}"]')).to_have_class("box lit")


UNREADABLE = {
    "notes.pdf": "This is no PDF, JPEG or PNG, but text: print it into a PDF.",
    "broken.pdf": "The file is damaged and cannot be opened as a PDF.",
    "large.pdf": "51 MB is too large: up to 50 MB can be read.",
}


def test_what_can_not_be_read_says_why_and_harms_no_other(opened: OpenPage, folder: Path) -> None:
    page = opened()
    choose(page, *(folder / name for name in UNREADABLE), folder / "picture.png")
    expect(row(page, "picture.png")).to_have_attribute("data-state", "done", timeout=15_000)
    expect(row(page, "picture.png")).to_contain_text("Nothing to read in it")
    for name, said in UNREADABLE.items():
        expect(row(page, name)).to_have_attribute("data-state", "failed")
        expect(row(page, name)).to_contain_text(said)
        row(page, name).click()
        expect(page.get_by_role("alert")).to_contain_text(said)


def test_a_service_that_is_down_is_said_without_what_only_its_owner_should_know(
    down: tuple[Any, Command],
) -> None:
    page, command = down
    expect(row(page, "hartmann")).to_contain_text("can't be reached", timeout=15_000)
    row(page, "hartmann").click()
    shown = page.locator("body").inner_text()
    code, said = command.interrupt()
    assert "127.0.0.1:9" not in shown
    assert "MARKED" not in shown + said
    assert "ConnectError" in said
    assert (code, "Traceback" in said) == (0, False)


def test_a_hostile_invoice_is_only_text(opened: OpenPage, tmp_path: Path) -> None:
    evil = "<img/src=x/onerror=alert(1)>"
    name = '<b onmouseover=alert(2)>&"x.pdf'
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    for line in (f"{evil} Ltd", "Invoice Number: INV-1", "Total: 119.00 EUR"):
        pdf.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
    (tmp_path / name).write_bytes(bytes(pdf.output()))
    page = opened()
    choose(page, tmp_path / name)
    expect(page.locator(".value", has_text=evil)).to_be_visible(timeout=15_000)
    expect(page.locator("h2")).to_have_text(name)
    assert page.locator("img:not(.page img), main b:not(.confidence b)").count() == 0


def test_on_a_phone_nothing_is_cut_off(opened: OpenPage, folder: Path) -> None:
    page = opened(viewport={"width": 360, "height": 740}, color_scheme="dark")
    choose(page, folder / DROPPED[0], folder / "notes.pdf")
    expect(page.locator("[data-state=done]")).to_have_count(1, timeout=15_000)
    row(page, "hartmann").click()
    expect(page.locator(".box").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    total = field(page, "Invoice Total")
    total.scroll_into_view_if_needed()
    total.click()
    # The page stays in view above the fields.
    expect(page.locator(".box.lit")).to_be_in_viewport()


def test_ctrl_c_ends_the_service_while_a_page_is_open_and_the_page_says_so(
    opened: OpenPage, folder: Path
) -> None:
    with example() as command:
        page = opened(command.url)
        choose(page, folder / DROPPED[0])
        expect(page.locator("[data-state=reading]")).to_have_count(1)
        code, said = command.interrupt()
        expect(page.get_by_role("status")).to_have_text("The connection is lost. Trying again…")
    assert (code, said.splitlines()[-1], "Traceback" in said) == (0, "Stopped", False)
