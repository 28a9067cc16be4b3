"""What goes over the wire, for every endpoint, against the vendor's documentation.

The rows of `wire_calls` say what each page asks for; `raw_server` keeps the bytes that came and
reads them by the standard library. Neither knows anything of the client's own encoders.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from conftest import QUICK
from raw_server import Answer, FilePart, Form, RawRequest, RawServer, form_of, strict_json
from wire_calls import (
    ACCESS,
    CALLS,
    COMPANY_NAME,
    FILES,
    NEW_ACCESS,
    PAGES,
    PASSWORD,
    USERNAME,
    Json,
    Looks,
    WireCall,
)

from klearstack_async import Encoding, EndpointOverride, KlearStack, Stream, Timeouts

pytestmark = pytest.mark.filterwarnings("ignore::klearstack_async.UnverifiedEndpointWarning")

LOGIN = PAGES["auth.login"]
ELSEWHERE = "/access/klearstack/real_name"
WITHOUT_FILE = [row for row in CALLS if row.file is None]
WITH_FILE = [row for row in CALLS if row.file is not None]
ONE_PER_ENDPOINT = list({row.endpoint: row for row in reversed(CALLS)}.values())[::-1]
ENCODINGS = [Encoding.MULTIPART, Encoding.URLENCODED, Encoding.JSON]
MEDIA_TYPES = {
    Encoding.MULTIPART: "multipart/form-data",
    Encoding.URLENCODED: "application/x-www-form-urlencoded",
    Encoding.JSON: "application/json",
}

each_call = pytest.mark.parametrize("row", CALLS, ids=str)
each_call_without_a_file = pytest.mark.parametrize("row", WITHOUT_FILE, ids=str)
each_call_with_a_file = pytest.mark.parametrize("row", WITH_FILE, ids=str)
each_endpoint = pytest.mark.parametrize("row", ONE_PER_ENDPOINT, ids=lambda row: row.endpoint)
each_encoding = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)


@pytest.fixture
async def server(no_task_is_left: None) -> AsyncIterator[RawServer]:
    """Give a server that knows all endpoints; a request that is not well made fails the test."""
    answers = {page.path: page.answer for page in PAGES.values()}
    async with RawServer(answers) as running:
        yield running
    assert running.problems == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def client(url: str, **options: object) -> KlearStack:
    return KlearStack(
        url,
        company_name=COMPANY_NAME,
        username=USERNAME,
        password=PASSWORD,
        polling=QUICK,
        timeouts=Timeouts(connect_seconds=5, stall_seconds=5),
        **options,  # type: ignore[arg-type]
    )


async def request_of(
    row: WireCall, server: RawServer, folder: Path, *, path: str = "", **options: object
) -> RawRequest:
    """Make the call with a new client, and give the one request that went to its path."""
    async with client(server.url, **options) as ks:
        await row.call(ks, folder)
    [request] = server.sent_to(path or row.page.path)
    return request


def read_back(form: Form, wanted: Mapping[str, str | Json]) -> dict[str, object]:
    """Give a form's fields with those that ought to hold JSON text read."""
    return {
        name: strict_json(value)
        if isinstance(wanted.get(name), Json) and isinstance(value, str)
        else value
        for name, value in form.fields.items()
    }


def plain(wanted: Mapping[str, str | Json]) -> dict[str, object]:
    return {name: each.value if isinstance(each, Json) else each for name, each in wanted.items()}


def typed(value: object) -> object:
    """Mark numbers and constants with their types: for Python, 1 == 1.0 == True."""
    match value:
        case dict():
            return {key: typed(inner) for key, inner in value.items()}
        case list():
            return [typed(inner) for inner in value]
        case str() | Looks():
            return value
    return (type(value).__name__, value)


def assert_fields(form: Form, wanted: Mapping[str, str | Json]) -> None:
    assert typed(read_back(form, wanted)) == typed(plain(wanted))


# The table ------------------------------------------------------------------------------------


def test_the_table_has_every_endpoint_of_the_documentation() -> None:
    assert sorted(page.number for page in PAGES.values()) == [*range(2, 20), *range(21, 33)]


def test_every_endpoint_is_called_with_the_fewest_arguments() -> None:
    fewest = {row.endpoint for row in CALLS if row.variant.endswith("least")}
    assert fewest == set(PAGES)


def test_no_two_rows_have_one_name() -> None:
    names = [str(row) for row in CALLS]
    assert len(names) == len(set(names))


# Every call -----------------------------------------------------------------------------------


@each_call
async def test_a_call_sends_the_pages_fields_and_no_other(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    assert_fields(form_of(await request_of(row, server, folder)), row.fields)


@each_call
async def test_a_call_is_one_post_without_a_query(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder)
    before = [f"POST {LOGIN.path} HTTP/1.1"] if row.page.bearer else []
    assert [each.line for each in server.requests] == [
        *before,
        f"POST {row.page.path} HTTP/1.1",
    ]
    assert request.value("host") == f"127.0.0.1:{server.port}"


@each_call
async def test_the_token_goes_where_the_page_asks_for_it(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder)
    wanted = [f"Bearer {ACCESS}"] if row.page.bearer else []
    assert request.values("authorization") == wanted


@each_call
async def test_a_form_is_multipart_of_a_stated_length(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder)
    media_type, _, boundary = request.value("content-type").partition("; boundary=")
    assert media_type == "multipart/form-data"
    assert boundary
    # That it is the right length is proved by what follows it: nothing (see `server`).
    assert request.values("content-length") == [str(len(request.body))]


@each_call
async def test_the_password_stands_in_no_line_and_no_header(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    await request_of(row, server, folder)
    heads = b"".join(request.head for request in server.requests)
    assert [way for way, written in passwords().items() if written in heads] == []


@pytest.mark.parametrize("row", [row for row in CALLS if "password" not in row.fields], ids=str)
@each_encoding
async def test_the_password_is_not_in_a_body_whose_page_has_none(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder, encoding=encoding)
    assert [way for way, written in passwords().items() if written in request.body] == []


def passwords() -> dict[str, bytes]:
    """Give the password in all the ways it could be written."""
    return {
        "plain": PASSWORD.encode(),
        "latin-1": PASSWORD.encode("latin-1"),
        "quoted": quote(PASSWORD, safe="").encode(),
        "quoted, with /": quote(PASSWORD).encode(),
        "form": quote_plus(PASSWORD).encode(),
        "json": json.dumps(PASSWORD).strip('"').encode(),
        "basic": base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()),
        "base64": base64.b64encode(PASSWORD.encode()),
        "a part of it": b"s3cret",
    }


# Files ----------------------------------------------------------------------------------------


@each_call_with_a_file
@each_encoding
async def test_a_file_travels_in_a_multipart_form_whatever_the_encoding(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder, encoding=encoding)
    assert request.value("content-type").startswith("multipart/form-data; boundary=")
    assert_fields(form_of(request), row.fields)


@each_call_with_a_file
async def test_a_file_stands_last_with_its_name_its_kind_and_its_bytes(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    form = form_of(await request_of(row, server, folder))
    [part] = form.files
    wanted = row.file
    assert wanted is not None
    assert form.names[-1] == wanted.field
    assert (part.field, part.content_type) == (wanted.field, wanted.content_type)
    assert part.filename == wanted.filename
    assert wanted.read(part.data) == wanted.content


@each_call_without_a_file
async def test_a_call_without_a_file_has_no_file_part(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    assert form_of(await request_of(row, server, folder)).files == ()


@pytest.mark.parametrize(
    "filename",
    [
        'a"; name="password".pdf',
        "a\r\nX-Evil: 1\r\n\r\n.pdf",
        "a; b=c.pdf",
        "100% %22.pdf",
        "Ü" * 200 + ".pdf",
        "'quoted'.pdf",
    ],
)
async def test_a_files_name_cannot_add_a_part_or_a_header(filename: str, server: RawServer) -> None:
    async with client(server.url) as ks:
        await ks.uploads.document(b"%PDF-1.7", filename=filename)
    form = form_of(server.requests[-1])
    # As HTML's standard has it: what would leave the quotes is written as %22, %0D and %0A.
    escaped = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    assert len(form.names) == len(form.fields) + 1
    assert form.files == (FilePart("file", escaped, "application/pdf", b"%PDF-1.7"),)
    assert b"\r\nX-Evil" not in server.requests[-1].body


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("A.PDF", "application/pdf"),
        ("a.jpg", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.png", "image/png"),
    ],
)
async def test_a_documents_kind_follows_its_name(
    filename: str, content_type: str, server: RawServer
) -> None:
    async with client(server.url) as ks:
        await ks.uploads.document(b"some bytes", filename=filename)
    wanted = FilePart("file", filename, content_type, b"some bytes")
    assert form_of(server.requests[-1]).files == (wanted,)


async def test_a_stream_of_unknown_length_is_the_same_form_in_chunks(server: RawServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"%PDF", b"-1.7\r\n", b"--\r\n"):
            yield piece

    async with client(server.url) as ks:
        await ks.uploads.document(Stream(pieces, "a.pdf"))
    request = server.requests[-1]
    form = form_of(request)
    assert request.values("transfer-encoding") == ["chunked"]
    assert form.files == (FilePart("file", "a.pdf", "application/pdf", b"%PDF-1.7\r\n--\r\n"),)
    assert form.fields["processing_pref"] == "Accuracy"


# Encodings ------------------------------------------------------------------------------------


@each_call_without_a_file
@each_encoding
async def test_each_encoding_says_the_same(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    request = await request_of(row, server, folder, encoding=encoding)
    assert request.value("content-type").partition(";")[0] == MEDIA_TYPES[encoding]
    assert request.values("content-length") == [str(len(request.body))]
    assert_fields(form_of(request), row.fields)


@pytest.mark.parametrize(
    "row",
    [row for row in WITHOUT_FILE if any(isinstance(each, Json) for each in row.fields.values())],
    ids=str,
)
@each_encoding
async def test_json_in_a_field_is_text_unless_the_body_is_json_itself(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    form = form_of(await request_of(row, server, folder, encoding=encoding))
    held = [form.fields[name] for name, each in row.fields.items() if isinstance(each, Json)]
    as_text = encoding is not Encoding.JSON
    assert [isinstance(value, str) for value in held] == [as_text] * len(held)


@each_call_without_a_file
async def test_a_login_under_way_uses_the_clients_encoding_too(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    await request_of(row, server, folder, encoding=Encoding.URLENCODED)
    kinds = {request.value("content-type").partition(";")[0] for request in server.requests}
    assert kinds == {"application/x-www-form-urlencoded"}


@pytest.mark.parametrize("name", ["multipart", "urlencoded", "json"])
async def test_an_encoding_may_be_named_by_a_plain_text(name: str, server: RawServer) -> None:
    async with client(server.url, encoding=name) as ks:
        await ks.auth.login()
    kind = server.requests[-1].value("content-type").partition(";")[0]
    assert kind == MEDIA_TYPES[Encoding(name)]


@pytest.mark.parametrize(
    "value",
    ["a text", "", 'a "quote"', "true", "[1]", True, False, 0, 1.5, None, [], {}, ["ü", None]],
    ids=repr,
)
@each_encoding
async def test_a_retried_push_may_hold_any_json_value(
    value: object, encoding: Encoding, server: RawServer
) -> None:
    async with client(server.url, encoding=encoding) as ks:
        await ks.push.retry(value)
    sent = form_of(server.requests[-1]).fields["data"]
    if encoding is not Encoding.JSON:
        assert isinstance(sent, str)
        sent = strict_json(sent)
    assert typed(sent) == typed(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], {"a": object()}])
@each_encoding
async def test_what_strict_json_cannot_hold_is_never_sent(
    value: object, encoding: Encoding, server: RawServer
) -> None:
    async with client(server.url, encoding=encoding) as ks:
        with pytest.raises((ValueError, TypeError)):
            await ks.push.retry(value)
    assert server.sent_to(PAGES["push.retry"].path) == []


@pytest.mark.parametrize(
    "comment",
    [
        "x\ny",
        "x\r\ny\r\n",
        "\r\n--b\r\n\r\n",
        "a=b&c=d",
        "100%41",
        "+ +",
        "\t",
        "\u2028\U0001f4c4",
        "x" * 100_000,
    ],
    ids=range(9),
)
@each_encoding
async def test_a_text_arrives_to_the_character(
    comment: str, encoding: Encoding, server: RawServer
) -> None:
    async with client(server.url, encoding=encoding) as ks:
        await ks.documents.approve("1", comment=comment)
    assert form_of(server.requests[-1]).fields["comment"] == comment


# Overrides ------------------------------------------------------------------------------------


@each_endpoint
async def test_a_path_that_is_set_is_obeyed(row: WireCall, server: RawServer, folder: Path) -> None:
    server.answers[ELSEWHERE] = row.page.answer
    request = await request_of(
        row, server, folder, path=ELSEWHERE, endpoints={row.endpoint: ELSEWHERE}
    )
    assert_fields(form_of(request), row.fields)
    assert server.sent_to(row.page.path) == []


@each_call
async def test_every_call_of_an_endpoint_follows_its_override(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    server.answers[ELSEWHERE] = row.page.answer
    override = EndpointOverride(path=ELSEWHERE)
    await request_of(row, server, folder, path=ELSEWHERE, endpoints={row.endpoint: override})
    assert server.sent_to(row.page.path) == []


@each_call
@each_encoding
async def test_parameters_that_are_renamed_go_under_their_new_names(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    renamed = {name: f"their {name}" for name in row.fields}
    request = await request_of(
        row,
        server,
        folder,
        encoding=encoding,
        endpoints={row.endpoint: EndpointOverride(parameters=renamed)},
    )
    assert_fields(form_of(request), {renamed[name]: each for name, each in row.fields.items()})


@each_call_without_a_file
@each_encoding
async def test_an_encoding_set_for_one_endpoint_holds_for_it_alone(
    row: WireCall, encoding: Encoding, server: RawServer, folder: Path
) -> None:
    general = Encoding.URLENCODED if encoding is not Encoding.URLENCODED else Encoding.JSON
    await request_of(
        row,
        server,
        folder,
        encoding=general,
        endpoints={row.endpoint: EndpointOverride(encoding=encoding)},
    )
    kinds = [request.value("content-type").partition(";")[0] for request in server.requests]
    before = [MEDIA_TYPES[general]] if row.page.bearer else []
    assert kinds == [*before, MEDIA_TYPES[encoding]]
    assert_fields(form_of(server.requests[-1]), row.fields)


@pytest.mark.parametrize(
    "row", [row for row in ONE_PER_ENDPOINT if row.file], ids=lambda row: row.endpoint
)
async def test_a_files_field_can_be_renamed_too(
    row: WireCall, server: RawServer, folder: Path
) -> None:
    assert row.file is not None
    override = EndpointOverride(parameters={row.file.field: "their file"})
    request = await request_of(row, server, folder, endpoints={row.endpoint: override})
    assert [part.field for part in form_of(request).files] == ["their file"]


async def test_a_parameter_with_an_empty_name_is_left_out(server: RawServer) -> None:
    override = EndpointOverride(parameters={"password": "", "username": ""})
    async with client(server.url, endpoints={"results.of_user": override}) as ks:
        await ks.results.of_user()
    assert form_of(server.requests[-1]).fields == {"company_name": COMPANY_NAME}


async def test_two_parameters_may_change_their_names_for_each_others(server: RawServer) -> None:
    swapped = {"id": "collection_name", "collection_name": "id"}
    override = EndpointOverride(parameters=swapped)
    async with client(server.url, endpoints={"documents.get": override}) as ks:
        await ks.documents.get("1")
    assert form_of(server.requests[-1]).fields == {
        "company_name": COMPANY_NAME,
        "id": "Invoices",
        "collection_name": "1",
    }


async def test_one_override_may_set_all_three(server: RawServer) -> None:
    server.answers[ELSEWHERE] = PAGES["documents.update"].answer
    override = EndpointOverride(
        path=ELSEWHERE, parameters={"data": "values"}, encoding=Encoding.JSON
    )
    async with client(server.url, endpoints={"documents.update": override}) as ks:
        await ks.documents.update("1", {"doc_date_value": "02-Oct-2022"})
    [request] = server.sent_to(ELSEWHERE)
    assert strict_json(request.body.decode()) == {
        "company_name": COMPANY_NAME,
        "collection_name": "Invoices",
        "id": "1",
        "values": {"doc_date_value": {"_value": "02-Oct-2022", "_coordinates": [0, 0, 0, 0]}},
    }


# The client as a whole ------------------------------------------------------------------------


def test_two_endpoints_alone_stand_outside_of_access() -> None:
    outside = {page.number for page in PAGES.values() if not page.path.startswith("/access/")}
    assert outside == {21, 32}


async def test_a_slash_after_the_host_is_not_doubled(server: RawServer) -> None:
    async with client(f"{server.url}/") as ks:
        await ks.auth.user_id()
    assert [request.target for request in server.requests] == [
        LOGIN.path,
        PAGES["auth.user_id"].path,
    ]


async def test_no_cookie_is_sent_back(server: RawServer) -> None:
    # By name: a client may keep the cookies of a host, and leave those of an address alone.
    async with client(f"http://localhost:{server.port}") as ks:
        await ks.auth.user_id()
        await ks.results.of_user()
    assert [request.values("cookie") for request in server.requests] == [[], [], []]


async def test_a_refreshed_token_is_the_one_that_is_shown_from_then_on(
    server: RawServer,
) -> None:
    async with client(server.url) as ks:
        await ks.auth.login()
        await ks.auth.refresh()
        await ks.results.of_user()
    shown = [request.values("authorization") for request in server.requests]
    assert shown == [[], [f"Bearer {ACCESS}"], [f"Bearer {NEW_ACCESS}"]]


async def test_a_token_in_hand_is_not_shown_where_no_page_asks_for_it(server: RawServer) -> None:
    async with client(server.url) as ks:
        await ks.auth.login()
        await ks.auth.login()
        await ks.auth.login_as("18")
    assert [request.values("authorization") for request in server.requests] == [[], [], []]


async def test_a_batch_is_asked_for_in_the_same_words_until_it_is_done(
    server: RawServer,
) -> None:
    path = PAGES["results.in_batch"].path
    server.answers[path] = Answer(b'{"result": []}')
    async with client(server.url) as ks:
        await ks.results.in_batch("b-1")
        server.answers[path] = PAGES["results.in_batch"].answer
        await ks.results.wait("b-1")
    first, second = [form_of(request).fields for request in server.sent_to(path)]
    assert first == second


# The reader itself: a test that reads what is sloppy as if it were right proves nothing ---------


def part(name: str, value: bytes = b"1", more: bytes = b"") -> bytes:
    head = b'--bb\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n' % (name.encode(), more)
    return head + value + b"\r\n"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("multipart/form-data; boundary=bb", part("a")),
        ("multipart/form-data; boundary=bb", b"\r\n" + part("a") + b"--bb--\r\n"),
        ("multipart/form-data; boundary=bb", part("a") + b"--bb--\r\njunk"),
        ("multipart/form-data; boundary=bb", part("a") + part("a") + b"--bb--\r\n"),
        ("multipart/form-data; boundary=bb", part("a", b"\xff") + b"--bb--\r\n"),
        ("multipart/form-data; boundary=bb", part("a", b"x\r\n--bb") + b"--bb--\r\n"),
        (
            "multipart/form-data; boundary=bb",
            part("a", b"YQ==", b"\r\nContent-Transfer-Encoding: base64") + b"--bb--\r\n",
        ),
        ("application/x-www-form-urlencoded", b"a=1&a=1"),
        ("application/x-www-form-urlencoded", b"a=1&&b=2"),
        ("application/x-www-form-urlencoded", b"a=%FF"),
        ("application/x-www-form-urlencoded", "a=ü".encode()),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b'{"a": {"b": 1, "b": 1}}'),
        ("application/json", b'["a"]'),
        ("text/plain", b"a=1"),
    ],
)
def test_a_form_that_is_not_well_made_is_refused(media_type: str, body: bytes) -> None:
    head = f"POST /p HTTP/1.1\r\nContent-Type: {media_type}\r\n\r\n".encode()
    with pytest.raises((AssertionError, ValueError)):
        form_of(RawRequest(head, body))


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /p HTTP/1.1\r\nContent-Length: 2\r\n\r\nabc",
        b"POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /p HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /p HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"POST /p HTTP/1.1\r\n\r\n",
        b"POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_a_request_of_a_wrong_length_is_noticed(raw: bytes) -> None:
    async with RawServer() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(raw)
        writer.write_eof()
        await reader.read()
        writer.close()
    assert len(running.problems) == 1
