"""The file in a browser's form is passed on as it is, or not at all, and while it arrives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of, until
from fastapi import FastAPI, Request
from fastapi_kit import (
    PROBLEM,
    Browser,
    browser_at,
    document,
    hash_of,
    pieces_of,
    put,
    served,
    stored_contents,
    until_idle,
)
from hypothesis import example, given
from hypothesis import strategies as st

from klearstack_async import KlearStack, Timeouts
from klearstack_async.errors import DeadlineExceeded
from klearstack_async.fastapi import PROBLEMS, KlearStackDep, RequestRefused, form_through, lifespan
from klearstack_async.fastapi.forms import MOST_OTHER_BYTES, FileInForm, _pieces_of
from klearstack_async.sandbox import Fault, Sandbox
from klearstack_async.wire.form import escaped

MIB = 1 << 20
BOUNDARY = "----WebKitFormBoundaryq0"
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
END = f"--{BOUNDARY}--\r\n".encode()


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    """Write a part as browsers do."""
    shown = "" if filename is None else f'; filename="{escaped(filename)}"'
    kind = "" if filename is None else "\r\nContent-Type: image/png"
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{escaped(name)}"{shown}{kind}'
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def head_of_file(filename: str = "a.png") -> bytes:
    return part("file", b"", filename)[:-2]


def service(client: KlearStack, **options: Any) -> FastAPI:
    """Make an application that passes on the form that is put to `/form`."""
    app = FastAPI(lifespan=lifespan(client), exception_handlers=PROBLEMS)

    @app.put("/form")
    async def form(request: Request, ks: KlearStackDep) -> str:
        return (await form_through(request, ks, **options)).batch_id

    return app


@pytest.fixture
async def sandbox(no_task_is_left: None, tmp_path: Path) -> AsyncIterator[Sandbox]:
    folder, password = tmp_path / "sandbox", PASSWORD
    async with Sandbox(processing_seconds=0, password=password, folder=folder) as running:
        yield running


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with served(service(client_of(sandbox))) as at:
        yield f"{at}/form"


@pytest.fixture(autouse=True)
def the_log_has_no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    # The tests' own servers complain of uploads that end.
    records = [one for one in caplog.get_records("call") if one.name != "aiohttp.server"]
    assert [one.getMessage() for one in records if one.exc_info] == []


# --- what arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 70_000, 3 * MIB])
@pytest.mark.parametrize("known", [True, False], ids=["length", "chunks"])
async def test_a_forms_file_arrives_as_it_was_sent(
    url: str, tmp_path: Path, size: int, known: bool
) -> None:
    sent = document(size)
    fields = (
        part("first", b"1") * 199,
        part("file", sent, "a.png"),
        part("unused", b"", ""),
        part("l", b""),
    )
    form = b"".join(fields) + END
    status, _, _ = await put(url, form if known else pieces_of(form), KIND)
    assert status == 200
    assert stored_contents(tmp_path) == [hash_of(sent)]


async def test_the_upload_is_under_way_before_the_browser_has_sent_all(
    sandbox: Sandbox, url: str
) -> None:
    async with sending(url) as browser:
        await browser.chunk(head_of_file() + document(MIB))
        await until(lambda: sandbox.requests["processdocument"] == 1)
        await browser.chunk(document(MIB) + b"\r\n" + END)
        await browser.chunk(b"")
        assert (await browser.answer())[0] == 200


async def test_the_files_last_byte_waits_for_the_forms_end() -> None:
    passed_on = b""
    seen = []

    async def arriving() -> AsyncGenerator[bytes]:
        for piece in (
            head_of_file() + b"one",
            b"2",
            b"three\r\n",
            part("last", b"x"),
            END,
            b"\r\n",
        ):
            yield piece
            seen.append(passed_on)

    async for piece in _pieces_of(FileInForm(BOUNDARY.encode()), arriving()):
        passed_on += piece
    assert seen == [b"on", b"one", *[b"one2thre"] * 4]
    assert passed_on == b"one2three"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\fakepath\\July.png", "July.png"),
        ("a\tb\u202ec.png", "abc.png"),
        ("Rechnung Nr. 5; „Käfer“ 請求書 🧾.png", "Rechnung Nr. 5; „Käfer“ 請求書 🧾.png"),
        ('the "last" one\r\n.png', 'the "last" one.png'),
        ("100%25 %41.png", "100%25 %41.png"),
        ("x" * 250 + ".png", "x" * 250 + ".png"),
    ],
)
async def test_a_files_name_is_read_as_browsers_write_it(
    sandbox: Sandbox, sent: str, expected: str
) -> None:
    async with client_of(sandbox) as ks:
        form = request_of([part("file", document(), sent) + END])
        assert (await form_through(form, ks)).file_names == (expected,)


async def test_a_name_of_ones_own_goes_before_the_browsers(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as ks:
        for shown in ("a.png", ""):
            form = request_of([part("file", document(), shown) + END])
            assert (await form_through(form, ks, filename="b.png")).file_names == ("b.png",)


async def test_an_option_is_the_uploads(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as ks:
        form = request_of([part("file", document(), "a.png") + END])
        await form_through(form, ks, document_type="Receipts")
    assert [stored.document_type for stored in await sandbox.documents()] == ["Receipts"]


# --- what is refused ------------------------------------------------------------------------------

FILE = part("file", document(), "a.png")
LARGE = part("file", document(MIB), "a.png")

# Each header is shorter than what the parser itself refuses.
LONG = b"A: " + b"a" * 3000 + b"\r\n"

REFUSED = {
    "only text": (part("file", b"text"), "no-file", 422),
    "nothing chosen": (part("file", b"", ""), "no-file", 422),
    "no field": (b"", "no-file", 422),
    "empty": (part("file", b"", "a.png"), "empty", 422),
    "no name": (part("file", b"x", ""), "no-name", 422),
    "a folder for a name": (part("file", b"x", "a/"), "no-name", 422),
    "another file": (FILE + part("photo", b"x", "b.png"), "other-file", 422),
    "another file behind a large one": (LARGE + part("file", b"x", "b.png"), "other-file", 422),
    "another file without a name": (LARGE + part("file", b"x", ""), "other-file", 422),
    "another file that is empty": (LARGE + part("file", b"", "b.png"), "other-file", 422),
    "much text before": (part("a", bytes(MOST_OTHER_BYTES)) + FILE, "too-large", 413),
    "much text behind": (LARGE + part("a", bytes(MOST_OTHER_BYTES)), "too-large", 413),
    "a part without a name": (FILE.replace(b"; name=", b"; nam="), "malformed-form", 400),
    "a part without headers": (FILE + f"--{BOUNDARY}\r\n\r\n".encode(), "malformed-form", 400),
    "a header without an end": (FILE.replace(b"; name", bytes(9000)), "malformed-form", 400),
    "long headers": (FILE.replace(b"Content", LONG * 3 + b"Content", 1), "malformed-form", 400),
    "no boundary": (b"%PDF" + FILE, "malformed-form", 400),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_form_that_is_wrong_is_refused_and_nothing_stored(
    url: str, sandbox: Sandbox, case: str
) -> None:
    form, reason, status = REFUSED[case]
    answer = await put(url, pieces_of(form + END), KIND)
    assert answer[:2] == (status, PROBLEM)
    assert answer[2]["type"] == f"urn:klearstack-async:{reason}"
    assert await sandbox.documents() == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("application/x-www-form-urlencoded", "no-form"),
        ("multipart/mixed; boundary=x", "no-form"),
        ("image/png", "no-form"),
        ("", "no-form"),
        ("multipart/form-data", "malformed-form"),
        ("multipart/form-data; boundary=", "malformed-form"),
        ('multipart/form-data; boundary=""', "malformed-form"),
        (f"multipart/form-data; boundary={'x' * 300}", "malformed-form"),
        ("multipart/form-data; boundary=other", "malformed-form"),
    ],
)
async def test_what_is_no_form_is_refused(sandbox: Sandbox, kind: str, reason: str) -> None:
    assert await reason_of(sandbox, request_of([FILE + END], {"content-type": kind})) == reason
    assert not sandbox.requests


async def test_a_form_that_is_compressed_is_refused(sandbox: Sandbox) -> None:
    form = request_of([FILE + END], {**KIND, "content-encoding": "gzip"})
    assert await reason_of(sandbox, form) == "encoded"


async def test_a_file_in_another_field_than_the_wanted_one_is_refused(sandbox: Sandbox) -> None:
    wanted: dict[str, Any] = {"field": 'an "invoice"'}
    form = part("other", b"", ""), part('an "invoice"', document(), "a.png"), END
    async with client_of(sandbox) as ks:
        await form_through(request_of([b"".join(form)]), ks, **wanted)
    assert await reason_of(sandbox, request_of([FILE + END]), **wanted) == "other-file"
    text = part('an "invoice"', b"x") + END
    assert await reason_of(sandbox, request_of([text]), **wanted) == "no-file"
    assert len(await sandbox.documents()) == 1


async def test_a_form_that_ends_before_its_end_is_refused_and_nothing_stored(
    sandbox: Sandbox,
) -> None:
    whole = LARGE + part("a", b"x") + END.removesuffix(b"\r\n")
    for missing in (1, 2, len(END), len(END) + 20, MIB // 2):
        pieces = [piece async for piece in pieces_of(whole[:-missing])]
        assert await reason_of(sandbox, request_of(pieces)) == "cut-short"
    assert sandbox.requests["processdocument"] > 1
    assert await sandbox.documents() == []


@pytest.mark.parametrize(("more", "reason"), [(1, "cut-short"), (-1, "too-long")])
async def test_a_form_of_another_length_than_stated_is_refused(
    sandbox: Sandbox, more: int, reason: str
) -> None:
    """No server lets that through, but an application may stand under anything."""
    form = FILE + END
    headers = {**KIND, "content-length": str(len(form) + more)}
    assert await reason_of(sandbox, request_of([form], headers)) == reason


async def test_the_limit_is_for_the_file_and_not_for_the_form(sandbox: Sandbox) -> None:
    around = part("a", bytes(MIB - 1000))
    async with served(service(client_of(sandbox), max_bytes=MIB)) as at:
        for size, status in ((MIB, 200), (MIB + 1, 413)):
            form = around + part("file", document(size), "a.png") + END
            assert (await put(f"{at}/form", form, KIND))[0] == status
            assert (await put(f"{at}/form", pieces_of(form), KIND))[0] == status
    assert len(await sandbox.documents()) == 2


async def test_a_form_that_can_only_be_too_large_is_refused_before_it_is_sent(
    sandbox: Sandbox,
) -> None:
    async with (
        served(service(client_of(sandbox), max_bytes=MIB)) as at,
        browser_at(at) as browser,
    ):
        length = str(MIB + MOST_OTHER_BYTES + 1)
        kind = KIND["Content-Type"]
        await browser.begin(
            "PUT", "/form", content_length=length, content_type=kind, expect="100-continue"
        )
        status, text = await browser.answer()
    assert (status, "1048576 bytes at most" in text) == (413, True)
    assert not sandbox.requests


async def test_an_upload_without_a_limit_has_none(sandbox: Sandbox) -> None:
    headers = {**KIND, "content-length": str(len(FILE + END))}
    async with client_of(sandbox) as ks:
        await form_through(request_of([FILE + END], headers), ks, max_bytes=None)
    assert len(await sandbox.documents()) == 1


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"stall_seconds": 0}])
async def test_a_limit_that_lets_nothing_through_is_misuse(
    sandbox: Sandbox, limits: dict[str, Any]
) -> None:
    async with client_of(sandbox) as ks:
        with pytest.raises(ValueError, match="is more than 0"):
            await form_through(request_of([FILE + END]), ks, **limits)


# --- browsers that hang up, stall, or stay away ---------------------------------------------------

# How far a browser came before: the rest is missing.
STAGES = {
    "in the file": LARGE[: MIB // 2],
    "behind the file": LARGE + part("a", b"x"),
    "in the last boundary": LARGE + END[:-4],
}


@pytest.mark.parametrize("stage", STAGES)
async def test_of_a_form_that_is_broken_off_nothing_is_stored(sandbox: Sandbox, stage: str) -> None:
    app = service(client_of(sandbox))
    async with served(app) as at, sending(f"{at}/form") as browser:
        await browser.chunk(STAGES[stage])
        await until(lambda: sandbox.requests["processdocument"] == 1)
        browser.hang_up()
        await until_idle(app)
    assert await sandbox.documents() == []


@pytest.mark.parametrize("stage", STAGES)
async def test_a_browser_that_stalls_is_told_so_and_nothing_is_stored(
    sandbox: Sandbox, stage: str
) -> None:
    app = service(client_of(sandbox), stall_seconds=0.05)
    async with served(app) as at, sending(f"{at}/form") as browser:
        await browser.chunk(STAGES[stage])
        status, text = await browser.answer()
    assert (status, "stalled" in text) == (408, True)
    assert await sandbox.documents() == []


async def test_a_form_that_is_broken_off_ends_the_upload_to_klearstack(serve: Serve) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()
    app = service(client_at(await serve(processdocument=taking(begun, ended))))
    async with served(app) as at, sending(f"{at}/form") as browser:
        await browser.chunk(LARGE + part("a", b"x"))
        await begun.wait()
        browser.hang_up()
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_request_that_is_cancelled_ends_the_upload(serve: Serve) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()
    async with client_at(await serve(processdocument=taking(begun, ended))) as ks:
        request = request_of([LARGE[:MIB], LARGE[MIB:]], ends=False)
        task = asyncio.create_task(form_through(request, ks))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("pieces", [[b"%PDF"], [LARGE, FILE], [LARGE, b"-"]])
async def test_a_form_that_is_refused_leaves_the_requests_body_closed(
    sandbox: Sandbox, pieces: list[bytes]
) -> None:
    request, closed = watched(pieces)
    async with client_of(sandbox) as ks:
        with pytest.raises(RequestRefused):
            await form_through(request, ks)
        assert closed.is_set()


async def test_a_client_that_is_closed_ends_the_upload(sandbox: Sandbox) -> None:
    ks = client_of(sandbox)
    async with served(service(ks)) as at, sending(f"{at}/form") as browser:
        await browser.chunk(LARGE)
        await until(lambda: sandbox.requests["processdocument"] == 1)
        await ks.close()
        status, text = await browser.answer()
    assert (status, "client-closed" in text) == (503, True)
    assert await sandbox.documents() == []


async def test_a_browser_that_has_not_come_to_the_file_takes_no_place_of_the_client(
    sandbox: Sandbox,
) -> None:
    app = service(client_of(sandbox, concurrency=1))
    async with served(app) as at, sending(f"{at}/form") as silent:
        await silent.chunk(part("a", bytes(MIB // 2)))
        assert (await put(f"{at}/form", FILE + END, KIND))[0] == 200


async def test_a_klearstack_that_takes_nothing_holds_the_browser_back(sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("stall_before", endpoint="uploads")]
    pieces = [head_of_file() + document()] + [bytes(1 << 16)] * 1024 + [b"\r\n" + END]
    left = iter(pieces)
    request, closed = watched(left)
    async with client_of(sandbox, timeouts=Timeouts(deadline_seconds=0.5)) as ks:
        with pytest.raises(DeadlineExceeded):
            await form_through(request, ks)
        # By the connection, which may still be at it.
        await asyncio.wait_for(closed.wait(), 10)
    # What fits between here and there, of 64 MiB.
    assert len(list(left)) > 512


async def test_a_form_is_sent_once(url: str, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault("rate_limited", endpoint="uploads", times=1)]
    status, kind, _ = await put(url, FILE + END, KIND)
    assert (status, kind) == (503, PROBLEM)
    assert sandbox.requests["processdocument"] == 1


# --- whatever comes -------------------------------------------------------------------------------

# What looks like a boundary, or like a part of one.
NEARLY = st.sampled_from(
    [b"\r", b"\n", b"-", b"\r\n--", b"\r\n--b", b"--b--", b"\r\n--B\r\n", b"\r\n\r\n--", b"x" * 99]
)
FILES = st.lists(NEARLY | st.binary(max_size=4), min_size=1).map(b"".join)
CUTS = st.lists(st.integers(1, 9), min_size=1)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut in pieces of these sizes, again and again."""
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        yield data[at : at + size]
        at, number = at + size, number + 1


@given(FILES.filter(lambda data: b"--b" not in data and data), CUTS)
@example(b"\r\n--", [1])
@example(b"x", [1000])
def test_however_it_is_cut_a_form_gives_the_same_file(data: bytes, sizes: list[int]) -> None:
    text = b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\n%b\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xbc"\r\n\r\n%b\r\n'
    form = FileInForm(b"b")
    sent = text % data + file % data + text % data + b"--b--\r\n"
    assert b"".join(view for piece in cut(sent, sizes) for view in form.feed(piece)) == data
    form.finish()
    assert form.filename == "ü"


@given(FILES.filter(lambda data: b"--b" not in data), CUTS, st.integers(1))
def test_however_it_is_cut_off_a_form_has_no_end(
    data: bytes, sizes: list[int], missing: int
) -> None:
    file = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n%b\r\n--b--'
    sent = file % data
    form = FileInForm(b"b")
    for piece in cut(sent[: -(missing % len(sent) or 1)], sizes):
        form.feed(piece)
    with pytest.raises(RequestRefused, match="400"):
        form.finish()


HEAD = b"Content-Disposition: form-data"
TOKENS = st.sampled_from(
    [
        *(b"--b\r\n", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n", b"\r\n\r\n", HEAD, b'; name="a"'),
        *(
            b'; filename="',
            b"; filename*=utf-8''%E2%82%AC",
            b'"',
            b": ",
            b"\\",
            b";",
            b"=",
            b"\xff",
        ),
    ]
)
FORMS = st.lists(TOKENS | st.binary(max_size=3), max_size=30).map(b"".join)


@given(FORMS | FORMS.map(lambda form: b"--b\r\n" + HEAD + form), st.binary() | st.just(b"b"), CUTS)
def test_whatever_comes_a_form_gives_bytes_or_is_refused(
    sent: bytes, boundary: bytes, sizes: list[int]
) -> None:
    given_ = 0
    with suppress(RequestRefused):
        form = FileInForm(boundary)
        for piece in cut(sent, sizes):
            given_ += sum(map(len, form.feed(piece)))
        form.finish()
        assert given_
    assert given_ <= len(sent)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="%\\")))
def test_a_name_is_read_as_we_write_it_ourselves(name: str) -> None:
    form = FileInForm(BOUNDARY.encode(), name)
    form.feed(part(name, b"x", name or "x") + END)
    assert form.filename == (name or "x")


# --- help -----------------------------------------------------------------------------------------


@asynccontextmanager
async def sending(url: str) -> AsyncIterator[Browser]:
    """Begin to send a form, in chunks."""
    async with browser_at(url) as browser:
        kind = KIND["Content-Type"]
        await browser.begin("PUT", "/form", transfer_encoding="chunked", content_type=kind)
        yield browser


def taking(begun: asyncio.Event, ended: asyncio.Event) -> Any:
    """Make a KlearStack that takes an upload, and says when that ends before its end."""

    async def take(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            await request.read()
        except (OSError, aiohttp.ClientError, asyncio.CancelledError):
            ended.set()
            raise
        return web.json_response({"OCR_ref_no": "b-1"})

    return take


def watched(pieces: Iterable[bytes]) -> tuple[Request, asyncio.Event]:
    """Make a request that says when nobody reads it any more."""
    closed = asyncio.Event()

    class Watched(Request):
        async def stream(self) -> AsyncGenerator[bytes]:
            try:
                for piece in pieces:
                    yield piece
            finally:
                closed.set()

    raw = [(b"content-type", KIND["Content-Type"].encode())]
    return Watched({"type": "http", "headers": raw, "method": "PUT"}), closed


async def reason_of(sandbox: Sandbox, request: Request, **options: Any) -> str:
    """Say why a form is refused."""
    async with client_of(sandbox) as ks:
        with pytest.raises(RequestRefused) as refused:
            await form_through(request, ks, **options)
    return refused.value.reason


def request_of(pieces: Any, headers: dict[str, str] | None = None, *, ends: bool = True) -> Request:
    """Make a request as a server other than uvicorn may hand it over."""
    left = iter(pieces)

    async def receive() -> Any:
        piece = next(left, None)
        if piece is None and not ends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or KIND).items()]
    return Request({"type": "http", "headers": raw, "method": "PUT"}, receive)
