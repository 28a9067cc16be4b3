from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from pathlib import Path

import pytest
from sandbox_kit import UPLOAD, form, image, listed, pdf, running, visiting, zip_of

from klearstack_async.sandbox import Sandbox

UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", pdf()),
        ("late header.pdf", b"\n" * 1000 + pdf()),
        ("photo.jpg", image("jpeg")),
        ("scan.png", image("png")),
        ("no extension", image("png")),
    ],
)
async def test_a_document_is_taken_and_gets_a_batch_id(name: str, data: bytes) -> None:
    async with running() as caller:
        answer = await caller.upload(data, name)
        assert answer.status == 200
        assert set(answer.json) == {"OCR_ref_no", "release_version"}
        assert UUID.fullmatch(answer.json["OCR_ref_no"])
        [document] = await caller.sandbox.documents()
        assert document.batch_id == answer.json["OCR_ref_no"]
        assert (document.file_name, document.size_bytes) == (name, len(data))


async def test_a_batch_answers_with_the_documented_odd_key() -> None:
    async with running() as caller:
        answer = await caller.upload_zip(zip_of(("a.pdf", pdf())))
        assert answer.status == 200
        assert set(answer.json) == {
            "Function successfully executed!",
            "release_version",
            "set_reference_number",
        }
        assert UUID.fullmatch(answer.json["Function successfully executed!"])
        assert isinstance(answer.json["set_reference_number"], str)
        assert answer.json["release_version"] == "7.8.9"


REQUIRED = {
    "processdocument": ("company_name", "username", "password", "processing_pref", "invoice_type"),
    "uploadbatch": (
        *("company_name", "username", "password"),
        *("processing_pref", "invoice_type", "document_type"),
    ),
}


@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize(("endpoint", "name"), [(e, n) for e, ns in REQUIRED.items() for n in ns])
async def test_a_missing_field_is_a_400_that_names_it(
    endpoint: str, name: str, shared_sandbox: Sandbox, *, blank: bool
) -> None:
    async with visiting(shared_sandbox) as caller:
        before = await caller.sandbox.documents()
        fields = {**caller.account, **UPLOAD}
        if blank:
            fields[name] = ""
        else:
            del fields[name]
        answer = await caller.call(endpoint, fields, file=("a.zip", zip_of(("a.pdf", pdf()))))
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})
        assert await caller.sandbox.documents() == before


@pytest.mark.parametrize("endpoint", list(REQUIRED))
async def test_a_missing_file_is_400(endpoint: str) -> None:
    async with running() as caller:
        answer = await caller.call(endpoint, {**caller.account, **UPLOAD, "file": "just text"})
        assert (answer.status, answer.json) == (400, {"error": "Please provide file."})


@pytest.mark.parametrize("endpoint", list(REQUIRED))
@pytest.mark.parametrize("name", ["company_name", "username", "password"])
async def test_wrong_credentials_are_401_though_the_token_is_good(endpoint: str, name: str) -> None:
    async with running() as caller:
        answer = await caller.upload(pdf(), endpoint=endpoint, **{name: "wrong"})
        assert answer.status == 401
        assert answer.json == {"error": "Incorrect username or password."}
        assert await caller.sandbox.documents() == []


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("processing_pref", "Fast", ["Speed", "Accuracy"]),
        ("invoice_type", "B2X", ["B2B", "B2C"]),
        ("create_new_set", "yes", ["true", "false"]),
    ],
)
async def test_a_bad_value_is_a_400_that_lists_the_allowed(
    name: str, value: str, allowed: list[str]
) -> None:
    async with running() as caller:
        answer = await caller.upload(pdf(), **{name: value})
        assert answer.status == 400
        assert all(word in answer.json["error"] for word in [name, value, *allowed])


async def test_processing_pref_is_case_insensitive_and_document_type_open() -> None:
    async with running() as caller:
        answer = await caller.upload(
            pdf(), processing_pref="aCCURACY", document_type="Menus", new="x"
        )
        assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("notes.txt", b"hello", "PDF"),
        ("a.pdf", b"", "empty"),
        ("z.pdf", zip_of(("a", b"b")), "PDF"),
    ],
)
async def test_a_file_of_no_accepted_type_is_a_400_that_names_it(
    name: str, data: bytes, word: str
) -> None:
    async with running() as caller:
        answer = await caller.upload(data, name)
        assert answer.status == 400
        assert name in answer.json["error"]
        assert word in answer.json["error"]


@pytest.mark.parametrize("text", ["{", "NaN", "{'a': 1}", "[" * 50_000])
async def test_additional_params_must_be_strict_json(text: str) -> None:
    async with running() as caller:
        answer = await caller.upload(pdf(), additional_params=text)
        assert answer.status == 400
        assert "additional_params" in answer.json["error"]


async def test_options_are_kept_and_no_password_is(tmp_path: Path) -> None:
    async with running(folder=tmp_path, password="pass-never-stored") as caller:
        options = {
            "application_no": "A-7",
            "source_name": "API",
            "additional_params": '{"tenure": "12"}',
        }
        answer = await caller.upload(pdf(), **options)
    with sqlite3.connect(tmp_path / "sandbox.db") as connection:
        [(batch_id, kept)] = connection.execute("SELECT batch_id, options FROM batches").fetchall()
    connection.close()
    assert batch_id == answer.json["OCR_ref_no"]
    assert options.items() <= json.loads(kept).items()
    for file in listed(tmp_path):
        assert file.is_dir() or b"pass-never-stored" not in file.read_bytes()


async def test_a_new_set_gives_a_number_that_later_uploads_can_use() -> None:
    async with running() as caller:
        made = await caller.upload(pdf(), create_new_set="True", set_name="May")
        number = made.json["set_reference_number"]
        for answer in (
            await caller.upload(pdf(), set_reference_number=number),
            await caller.upload_zip(zip_of(("a.pdf", pdf())), set_reference_number=number),
        ):
            assert answer.status == 200
            assert answer.json["set_reference_number"] == number
        other = await caller.upload(pdf(), create_new_set="true", set_name="June")
        assert other.json["set_reference_number"] != number


@pytest.mark.parametrize("reference", ["99999", "x", "-1", "9" * 40])
async def test_an_unknown_set_is_400_and_stores_nothing(reference: str) -> None:
    async with running() as caller:
        answer = await caller.upload(pdf(), set_reference_number=reference)
        assert answer.status == 400
        assert reference in answer.json["error"]
        assert await caller.sandbox.documents() == []


async def test_a_new_set_needs_a_name() -> None:
    async with running() as caller:
        answer = await caller.upload(pdf(), create_new_set="True")
        assert (answer.status, answer.json) == (400, {"error": "Please provide set_name."})


@pytest.mark.parametrize("name", ["ünï ö.pdf", "請求書.pdf", "a;b=c.pdf", 'quo"te.pdf', "%20.pdf"])
async def test_odd_file_names_arrive_as_they_were_sent(name: str) -> None:
    async with running() as caller:
        await caller.upload(pdf(), name)
        [document] = await caller.sandbox.documents()
        assert document.file_name == name


@pytest.mark.parametrize("name", ["../../etc/passwd.pdf", r"C:\scans\passwd.pdf", "/passwd.pdf"])
async def test_folders_are_cut_off_a_file_name(name: str) -> None:
    async with running() as caller:
        await caller.upload(pdf(), name)
        [document] = await caller.sandbox.documents()
        assert document.file_name == "passwd.pdf"


async def test_the_file_may_come_before_the_fields() -> None:
    async with running() as caller:
        data = form({})
        data.add_field("file", pdf(), filename="first.pdf")
        for name, value in {**caller.account, **UPLOAD}.items():
            data.add_field(name, value)
        url = f"{caller.sandbox.url}/access/klearstack/processdocument"
        headers = {"Authorization": f"Bearer {caller.token}"}
        async with caller.session.post(url, data=data, headers=headers) as response:
            assert response.status == 200


async def test_two_files_are_refused() -> None:
    async with running() as caller:
        data = form({**caller.account, **UPLOAD}, ("a.pdf", pdf()))
        data.add_field("file", pdf(), filename="b.pdf")
        url = f"{caller.sandbox.url}/access/klearstack/processdocument"
        headers = {"Authorization": f"Bearer {caller.token}"}
        async with caller.session.post(url, data=data, headers=headers) as response:
            assert response.status == 400
        assert await caller.sandbox.documents() == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno headers\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%PDF-cut',
        ),
        ("multipart/form-data; boundary=x", b""),
    ],
)
async def test_a_malformed_form_is_400(content_type: str, body: bytes) -> None:
    async with running() as caller:
        url = f"{caller.sandbox.url}/access/klearstack/processdocument"
        headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": content_type}
        async with caller.session.post(url, data=body, headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"]


async def test_beyond_the_size_limit_is_413_and_leaves_nothing(tmp_path: Path) -> None:
    async with running(max_upload_bytes=3_000_000, folder=tmp_path) as caller:
        assert (await caller.upload(pdf() + bytes(2_900_000))).status == 200
        answer = await caller.upload(pdf() + bytes(3_000_000))
        assert answer.status == 413
        assert "3000000" in answer.json["error"]
        assert len(await caller.sandbox.documents()) == 1
        assert listed(tmp_path / "spool") == []


async def test_a_huge_announced_body_is_413_before_it_is_sent() -> None:
    async with running(max_upload_bytes=1000) as caller:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.sandbox.url[-5:]))
        writer.write(
            b"POST /access/klearstack/processdocument HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert b" 413 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_refused_uploads_leave_no_file_behind(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        await caller.upload(pdf(), password="wrong")
        await caller.upload(b"text", "a.txt")
        await caller.upload_zip(b"no zip")
        assert listed(tmp_path / "spool") == []
        assert not (tmp_path / "contents").exists()


async def test_equal_files_are_kept_once_but_are_separate_documents(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        data = pdf()
        await caller.upload(data, "a.pdf")
        await caller.upload_zip(zip_of(("b.pdf", data), ("c.pdf", data)))
        await caller.settled()
        documents = await caller.sandbox.documents()
        assert [document.file_name for document in documents] == ["a.pdf", "b.pdf", "c.pdf"]
        assert len({document.document_id for document in documents}) == 3
        assert len([path for path in (tmp_path / "contents").rglob("*") if path.is_file()]) == 1
        assert listed(tmp_path / "spool") == []
