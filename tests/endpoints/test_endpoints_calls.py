"""What single endpoints need beside their row: pictures, files, other users, unknown calls."""

from __future__ import annotations

import base64
import io
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of
from documents import invoice_pdf, picture_png

from klearstack_async import (
    AuthenticationError,
    BytesSource,
    Confirmation,
    Credentials,
    DatasourceRow,
    DecodeError,
    Document,
    Endpoint,
    FieldUpdate,
    KlearStack,
    OutcomeUnknown,
    PageImage,
    Redirected,
    Rejected,
    Replay,
    Reply,
    Request,
    Upload,
)
from klearstack_async.sandbox import Sandbox, SandboxUser

PICTURE = picture_png()


async def upload(ks: KlearStack) -> str:
    receipt = await ks.uploads.document(invoice_pdf(), filename="a.pdf")
    batch = await ks.results.wait(receipt.batch_id, expected=1)
    return str(batch.documents[0].document_id)


@pytest.mark.parametrize("way", ["bytes", "base64", "url"])
async def test_a_page_is_the_same_picture_whichever_way_it_comes(way: str) -> None:
    async with (
        Sandbox(processing_seconds=0, image_answer=way) as sandbox,  # type: ignore[arg-type]
        client_of(sandbox) as ks,
    ):
        image = await ks.images.get(await upload(ks))
    assert image.media_type == "image/png"
    assert image.data.startswith(b"\x89PNG")
    assert image.data.endswith(b"IEND\xaeB`\x82")


async def test_the_token_goes_along_to_our_own_host_only(serve: Serve) -> None:
    shown: dict[str, str | None] = {}

    async def picture(request: web.Request) -> web.StreamResponse:
        shown[request.query_string] = request.headers.get("Authorization")
        assert PASSWORD not in str(request.headers)
        return web.Response(body=PICTURE, content_type="image/png")

    other = await serve(other=picture)

    async def address(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        url = {"1": "/picture?own", "2": f"{other}/picture?foreign"}[str(form["page_index"])]
        return web.json_response({"url": url})

    async with client_at(await serve(getdocumentimage=address, picture=picture)) as ks:
        assert (await ks.images.get("d", page=1)).data == PICTURE
        assert (await ks.images.get("d", page=2)).data == PICTURE
    assert shown == {"own": "Bearer a.b.c", "foreign": None}


async def test_a_picture_that_has_moved_is_not_followed(serve: Serve) -> None:
    async def address(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"url": "/moved"})

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1:1/elsewhere")

    async with client_at(await serve(getdocumentimage=address, moved=moved)) as ks:
        with pytest.raises(Redirected):
            await ks.images.get("d")


async def test_an_address_with_something_else_is_no_picture(serve: Serve) -> None:
    async def address(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"url": "/text"})

    async def text(request: web.Request) -> web.StreamResponse:
        return web.Response(text="hello")

    async with client_at(await serve(getdocumentimage=address, text=text)) as ks:
        with pytest.raises(DecodeError, match="no image"):
            await ks.images.get("d")


async def test_saving_replaces_a_file_only_once_the_picture_is_there(
    serve: Serve, tmp_path: Path
) -> None:
    answers = [web.Response(status=400, text="no"), web.Response(body=PICTURE)]

    async def image(request: web.Request) -> web.StreamResponse:
        await request.read()
        return answers.pop(0)

    path = tmp_path / "page.png"
    path.write_bytes(b"old")
    async with client_at(await serve(getdocumentimage=image)) as ks:
        with pytest.raises(Exception, match="no"):
            await ks.images.save("d", path)
        assert path.read_bytes() == b"old"
        assert await ks.images.save("d", path) == path
    assert path.read_bytes() == PICTURE
    assert list(tmp_path.iterdir()) == [path]


async def test_saving_where_nothing_can_be_written_leaves_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    async def image(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"image": base64.b64encode(PICTURE).decode()})

    (tmp_path / "folder").mkdir()
    async with client_at(await serve(getdocumentimage=image)) as ks:
        with pytest.raises(OSError, match=r"folder"):
            await ks.images.save("d", tmp_path / "folder")
        with pytest.raises(FileNotFoundError, match=r"nowhere/page\.png'$"):
            await ks.images.save("d", tmp_path / "nowhere/page.png")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


async def test_a_user_can_log_in_as_another_and_back() -> None:
    clerk = SandboxUser(username="clerk", password="x", role="Creator")
    async with Sandbox(processing_seconds=0, users=[clerk]) as sandbox, client_of(sandbox) as ks:
        own = await ks.auth.user_id()
        other = await ks.auth.user_id("clerk")
        assert own != other
        tokens = await ks.auth.login_as(other)
        before = sandbox.requests.copy()
        # Renewed in the same way: a token of the other user, not of the account's.
        await ks._tokens.renew(stale=tokens)
        assert sandbox.requests["get_access_token"] == before["get_access_token"]
        await ks.auth.login()
        assert sandbox.requests["get_access_token"] == before["get_access_token"] + 1


async def test_an_unknown_user_is_refused_and_the_tokens_stay(ks: KlearStack) -> None:
    await ks.auth.login()
    with pytest.raises(AuthenticationError):
        await ks.auth.login_as(999_999)
    assert (await ks.auth.user_id()).isdigit()


async def test_rows_arrive_as_they_were_given(ks: KlearStack) -> None:
    rows: list[dict[str, Any]] = [
        {"name": 'Müller, "Söhne"\nGmbH', "iban": None},
        {"name": "=1+1", "iban": "DE1", "since": date(2026, 1, 31)},
        {"name": "", "iban": "x", "since": "y"},
    ]
    await ks.datasources.create("s", ["name", "iban", "since"], rows)
    found = await ks.datasources.rows("s")
    assert [tuple(row.values.values()) for row in found] == [
        ('Müller, "Söhne"\nGmbH', "", ""),
        ("=1+1", "DE1", "2026-01-31"),
        ("", "x", "y"),
    ]
    assert len({row.row_id for row in found}) == 3


@pytest.mark.parametrize("kind", ["path", "bytes", "file", "source"])
async def test_a_datasource_can_be_made_of_a_file(
    kind: str, ks: KlearStack, tmp_path: Path
) -> None:
    rows: Any
    data = b"name;iban\r\nAcme;DE1\r\n"
    (tmp_path / "suppliers.csv").write_bytes(data)
    with (tmp_path / "suppliers.csv").open("rb") as file:
        rows = {
            "path": str(tmp_path / "suppliers.csv"),
            "bytes": data,
            "file": file,
            "source": BytesSource(data, "x.csv"),
        }[kind]
        await ks.datasources.create("s", ["name", "iban"], rows)
        if kind == "file":
            assert isinstance(rows, io.BufferedReader)
            rows.seek(0)
        await ks.datasources.append("s", rows, columns=["name", "iban"])
    assert [row.values["name"] for row in await ks.datasources.rows("s")] == ["Acme", "Acme"]


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [
        (["a", "b"], [["1"]], "row 1 has 1 values for 2 columns"),
        (["a"], [["1"], {"b": "2"}], r"row 2 has 'b', which is none of \['a'\]"),
        (["a", "a"], [["1", "2"]], "each once"),
        ([], [], "columns are names"),
        ([""], [["1"]], "columns are names"),
        (["a"], [["1"], [float("nan")]], "row 2: nan is no number"),
    ],
)
async def test_rows_that_do_not_fit_are_refused_before_anything_is_sent(
    columns: list[str], rows: list[Any], says: str, sandbox: Sandbox, ks: KlearStack
) -> None:
    with pytest.raises(ValueError, match=says):
        await ks.datasources.create("s", columns, rows)
    assert sandbox.requests["insertdatasource"] == 0


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [
        ("name", [["1"]], "not the text 'name'"),
        (["a"], ["1"], "row 1 is a mapping or a list"),
        (["a"], [[object()]], "row 1: a cell holds"),
        (["a"], [5], "row 1 is a mapping or a list"),
        (["a"], {"a": "x"}, "not one mapping"),
    ],
)
async def test_rows_of_wrong_kinds_are_refused(
    columns: list[str], rows: list[Any], says: str, ks: KlearStack
) -> None:
    with pytest.raises(TypeError, match=says):
        await ks.datasources.create("s", columns, rows)


async def test_rows_without_columns_say_what_is_missing(ks: KlearStack) -> None:
    with pytest.raises(ValueError, match="pass columns="):
        await ks.datasources.append("s", [["1"]])
    with pytest.raises(ValueError, match="pass columns="):
        await ks.datasources.append("s", b"a\r\n1\r\n")
    with pytest.raises(ValueError, match="no rows"):
        await ks.datasources.append("s", [])


async def test_an_answer_that_is_no_document_is_none(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response({"foo": "bar"})

    async with client_at(await serve(getdocument=answer)) as ks:
        with pytest.raises(DecodeError, match="0 documents"):
            await ks.documents.get("d")


async def test_saving_to_a_link_leaves_it_one(serve: Serve, tmp_path: Path) -> None:
    async def image(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=PICTURE)

    (tmp_path / "link.png").symlink_to(tmp_path / "page.png")
    async with client_at(await serve(getdocumentimage=image)) as ks:
        await ks.images.save("d", tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "page.png").read_bytes() == PICTURE


async def test_a_file_without_a_name_is_a_table_too(ks: KlearStack) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"n\r\n1\r\n")
        file.seek(0)
        await ks.datasources.create("s", ["n"], file)
    await ks.datasources.append("s", io.BytesIO(b"n\r\n2\r\n"), columns=["n"])
    await ks.datasources.append("s", bytearray(b"n\r\n3\r\n"), columns=["n"])
    assert [row.values["n"] for row in await ks.datasources.rows("s")] == ["1", "2", "3"]


async def test_a_field_that_is_called_like_a_wrapper_is_a_field(ks: KlearStack) -> None:
    document_id = await upload(ks)
    before = await ks.documents.get(document_id)
    for name in ("data", "result", "results", "extracted_data"):
        await ks.documents.update(document_id, {name: "x"})
        document = await ks.documents.get(document_id)
        assert document[name].value == "x"
        assert len(document) > len(before)


async def test_rows_may_come_from_a_generator(ks: KlearStack) -> None:
    await ks.datasources.create("s", (c for c in ["n"]), ([str(n)] for n in range(1200)))
    await ks.datasources.append("s", ({"n": str(n)} for n in range(1200, 1300)))
    found = await ks.datasources.rows("s")
    assert [row.values["n"] for row in found] == [str(n) for n in range(1300)]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda ks: ks.documents.update("d", {}),
        lambda ks: ks.documents.update("d", {"a": FieldUpdate("x", box=(1, 2, 3))}),  # type: ignore[arg-type]
        lambda ks: ks.documents.text_in_box("t", (1, 2, 3)),
        lambda ks: ks.documents.text_in_box("t", None),
        lambda ks: ks.images.get("d", page=0),
        lambda ks: ks.results.between(date(2026, 2, 1), date(2026, 1, 31)),
        lambda ks: ks.results.approved(date(2026, 1, 1), date(2026, 1, 31), users=["a,b"]),
        lambda ks: ks.datasources.update_row("s", "1", {}),
        lambda ks: ks.push.retry(float("nan")),
        lambda ks: ks.call("no name"),
        lambda ks: ks.uploads.bundle([]),
        lambda ks: ks.documents.get(Document({})),
        lambda ks: ks.documents.text_in_box(Document({}), (1, 2, 3, 4)),
        lambda ks: ks.datasources.delete_row("s", DatasourceRow(None, {})),
        lambda ks: ks.sets.documents(Upload("b")),
    ],
)
async def test_misuse_is_a_value_error_and_sends_nothing(
    misuse: object, sandbox: Sandbox, ks: KlearStack
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        await misuse(ks)  # type: ignore[operator]
    assert sum(sandbox.requests.values()) == 0


@pytest.mark.parametrize(
    "misuse",
    [
        lambda ks: ks.results.between("01/02/2026", date(2026, 2, 1)),
        lambda ks: ks.documents.update("d", {"a": 5}),
        lambda ks: ks.push.retry({"a": object()}),
        lambda ks: ks.call("getsomething", {"a": object()}),
        lambda ks: ks.uploads.bundle("invoices"),
        lambda ks: ks.uploads.bundle([b"%PDF"]),
    ],
)
async def test_wrong_types_are_a_type_error_and_send_nothing(
    misuse: object, sandbox: Sandbox, ks: KlearStack
) -> None:
    with pytest.raises(TypeError):
        await misuse(ks)  # type: ignore[operator]
    assert sum(sandbox.requests.values()) == 0


async def test_a_moment_is_written_as_quickbooks_does(serve: Serve) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(str((await request.post())["QBE_response"]))
        return web.json_response("QBE status updated successfully")

    async with client_at(await serve(updateqbestatus=answer)) as ks:
        at = datetime(2021, 4, 14, 12, 32, 49)  # noqa: DTZ001 - the service knows no zones
        await ks.documents.set_quickbooks_status("6a", "successful", at=at)
    assert '"QBE_timestamp": "14/04/2021 12:32:49"' in seen[0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda ks: ks.results.modified(), "may skip what was modified"),
        (lambda ks: ks.documents.approve("d", comment="ok"), "refused the second time"),
        (lambda ks: ks.documents.update("d", {"a": "b"}), "may undo"),
        (lambda ks: ks.datasources.append("s", [{"a": "b"}]), "add the rows twice"),
        (lambda ks: ks.push.retry([]), "pushed twice"),
        (lambda ks: ks.call("getsomething"), "nothing is known"),
    ],
)
async def test_a_write_that_may_have_happened_says_so_and_why(
    call: object, says: str, serve: Serve
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=502, text="Bad Gateway")

    async with client_at(await serve(other=fail)) as ks:
        with pytest.raises(OutcomeUnknown, match=says):
            await call(ks)  # type: ignore[operator]


async def test_an_unknown_endpoint_can_be_called(serve: Serve) -> None:
    forms: list[dict[str, object]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        forms.append({**await request.post(), "path": request.path})
        return web.json_response({"result": [1, "two"]})

    async with client_at(await serve(other=answer)) as ks:
        fields = {"a": True, "day": date(2026, 1, 31), "data": {"x": [1]}, "left_out": None}
        found = await ks.call("getsomething", fields, credentials="company_name")
        await ks.call("/klearstack/other", credentials=Credentials.NONE, bearer=False)
    assert found == {"result": [1, "two"]}
    assert forms == [
        {
            "company_name": "demo",
            "a": "true",
            "day": "31/01/2026",
            "data": '{"x": [1]}',
            "path": "/access/klearstack/getsomething",
        },
        {"path": "/klearstack/other"},
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "found"),
    [
        (b'"Request Submitted"', "application/json", "Request Submitted"),
        (b"Request Submitted", "text/plain", "Request Submitted"),
        (b"", "text/plain", ""),
        (b"[1]", "application/json", [1]),
        (PICTURE, "image/png", PICTURE),
        (b"%PDF-1.7", "application/pdf", b"%PDF-1.7"),
    ],
)
async def test_what_an_unknown_endpoint_answers_comes_as_it_is(
    body: bytes, content_type: str, found: object, serve: Serve
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=body, content_type=content_type)

    async with client_at(await serve(other=answer)) as ks:
        assert await ks.call("getsomething", replay_is_safe=True) == found


async def test_a_file_can_go_along_with_a_call(sandbox: Sandbox, ks: KlearStack) -> None:
    options = {"processing_pref": "Speed", "invoice_type": "B2B"}
    answer = await ks.call("processdocument", options, file=invoice_pdf(), filename="a.pdf")
    assert "OCR_ref_no" in answer
    assert [document.file_name for document in await sandbox.documents()] == ["a.pdf"]


async def test_an_own_request_gives_what_its_decoder_makes_of_the_answer(ks: KlearStack) -> None:
    endpoint = Endpoint(
        name="my.user",
        path="/access/klearstack/getuserid",
        credentials=Credentials.COMPANY,
        replay=Replay.SAFE,
    )

    def length(reply: Reply) -> int:
        return len(reply.body)

    found = await ks.send(Request(endpoint, {"username": "demo"}, length))
    assert found > 0


async def test_what_one_call_gives_is_what_the_next_one_takes(ks: KlearStack) -> None:
    upload = await ks.uploads.bundle(
        [BytesSource(invoice_pdf(), "a.pdf")], create_new_set=True, set_name="one"
    )
    batch = await ks.results.wait(upload, expected=1)
    assert await ks.results.in_batch(upload) == batch
    assert len(await ks.results.in_set(upload)) == 1
    assert len((await ks.sets.upload_status(upload)).documents) == 1
    document = await ks.documents.get(batch.documents[0])
    box = document["Inv_Number"].box
    assert box is not None
    assert "INV-1" in ((await ks.documents.text_in_box(document, box)).text or "")
    await ks.datasources.create("s", ["a"], [["1"]])
    (row,) = await ks.datasources.rows("s")
    await ks.datasources.update_row("s", row, {"a": "2"})
    assert (await ks.datasources.rows("s"))[0].values == {"a": "2"}


async def test_a_refusal_by_200_is_an_error_that_says_it(ks: KlearStack) -> None:
    with pytest.raises(Rejected, match="Document ID not found"):
        await ks.documents.set_quickbooks_status("6a6a", "failed")


async def test_values_that_come_back_are_short_to_look_at(ks: KlearStack) -> None:
    document_id = await upload(ks)
    assert repr(await ks.results.of_user()) == "<DocumentList: 1 documents>"
    image = await ks.images.get(document_id)
    assert repr(image) == "PageImage(media_type='image/png')"
    assert image == PageImage(image.data)
    assert isinstance(await ks.documents.approve(document_id, comment="ok"), Confirmation)
