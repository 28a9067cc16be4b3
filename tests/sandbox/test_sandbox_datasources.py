from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it has no types
from sandbox_kit import Answer, Caller, form, listed, running, visiting

from klearstack_async.sandbox import Sandbox

VENDORS = b"CODE,NAME\n007,Acme\n008,M\xc3\xbcller\n"
COLUMNS = ("CODE", "NAME")
DONE = {"success": True, "release_version": "7.8.9"}
OPTIONS: dict[str, Any] = {"DataSourceType": "excel_or_csv", "DataSourceStatus": True}


def declared(name: str, columns: tuple[str, ...] = COLUMNS, **changes: Any) -> dict[str, Any]:
    fields = [{"name": column, "datatype": "string"} for column in columns]
    return {"DataSourceName": name, **OPTIONS, "fields": fields, **changes}


async def send_file(
    caller: Caller, endpoint: str, fields: Mapping[str, str], data: bytes | None
) -> Answer:
    """Call as `Caller.call` does, with the file in the field that datasources take."""
    body = form({"company_name": "demo", **fields})
    if data is not None:
        body.add_field("dataset", io.BytesIO(data), filename="vendors.csv")
    url = f"{caller.sandbox.url}/access/klearstack/{endpoint}"
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with caller.session.post(url, data=body, headers=headers) as response:
        return Answer(response.status, response.content_type, await response.read())


async def insert(
    caller: Caller,
    data: bytes = VENDORS,
    name: str = "vendors",
    columns: tuple[str, ...] = COLUMNS,
    endpoint: str = "insertdatasource",
) -> Answer:
    fields = {"datasource_name": name, "data": json.dumps(declared(name, columns))}
    return await send_file(caller, endpoint, fields, data)


async def ask(caller: Caller, endpoint: str, /, encoding: str = "multipart", **fields: Any) -> Any:
    answer = await caller.call(endpoint, {"company_name": "demo", **fields}, encoding=encoding)
    assert answer.status == 200, answer.text
    return answer.json


async def rows(caller: Caller, name: str = "vendors") -> list[dict[str, str]]:
    answer = await ask(caller, "getdatasourcedata", datasource_name=name)
    assert set(answer) == {"result", "release_version"}
    found: list[dict[str, str]] = answer["result"]
    return found


async def cells(caller: Caller, name: str = "vendors") -> list[list[str]]:
    return [list(row.values())[1:] for row in await rows(caller, name)]


async def kept(caller: Caller) -> list[dict[str, str]]:
    """Give the rows of the one datasource of a shared sandbox; whoever asks first makes it."""
    if not (await ask(caller, "getdatasources"))["result"]:
        await insert(caller, name="kept")
    return await rows(caller, "kept")


async def made(caller: Caller) -> list[str]:
    """Give the names of what was made in a shared sandbox."""
    listing = (await ask(caller, "getdatasources"))["result"]
    return [source["DataSourceName"] for source in listing if source["DataSourceName"] != "kept"]


async def test_a_datasource_is_made_listed_and_read() -> None:
    async with running() as caller:
        assert (await insert(caller)).json == DONE
        listing = await ask(caller, "getdatasources")
        assert listing["result"] == [{**declared("vendors"), "row_count": 2}]
        found = await rows(caller)
        assert [set(row) for row in found] == [{"id", *COLUMNS}] * 2
        assert await cells(caller) == [["007", "Acme"], ["008", "Müller"]]
        assert len({row["id"] for row in found}) == 2


async def test_a_workbook_is_taken_whatever_its_name() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        sheet.write_row(1, 0, [7, "Acme"])
    async with running() as caller:
        assert (await insert(caller, buffer.getvalue())).json == DONE
        assert await cells(caller) == [["7", "Acme"]]


async def test_what_is_appended_comes_after_and_may_have_another_order_of_columns() -> None:
    async with running() as caller:
        await insert(caller)
        more = b"NAME;CODE\nZeta;009\n"
        answer = await insert(caller, more, columns=COLUMNS[::-1], endpoint="appenddatasource")
        assert answer.json == DONE
        assert (await cells(caller))[2:] == [["009", "Zeta"]]
        assert (await ask(caller, "getdatasources"))["result"][0]["row_count"] == 3


async def test_a_datasource_may_have_no_rows_yet() -> None:
    async with running() as caller:
        await insert(caller, b"CODE,NAME\n")
        assert await rows(caller) == []


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_a_row_is_changed_in_the_columns_named(encoding: str) -> None:
    async with running() as caller:
        await insert(caller)
        _, row = await rows(caller)
        change = {"NAME": "Muller & Söhne"}
        data: Any = change if encoding == "json" else json.dumps(change)
        call = {"datasource_name": "vendors", "id": row["id"], "data": data}
        assert await ask(caller, "update_datasource_row", encoding, **call) == DONE
        assert await rows(caller) == [(await rows(caller))[0], {**row, **change}]
        assert await cells(caller) == [["007", "Acme"], ["008", "Muller & Söhne"]]


async def test_a_deleted_row_is_gone_and_its_id_is_not_given_again() -> None:
    async with running() as caller:
        await insert(caller)
        first, second = await rows(caller)
        call = {"datasource_name": "vendors", "id": second["id"]}
        assert await ask(caller, "delete_datasource_row", **call) == DONE
        assert await rows(caller) == [first]
        await insert(caller, endpoint="appenddatasource")
        assert second["id"] not in {row["id"] for row in await rows(caller)}
        answer = await caller.call("delete_datasource_row", {"company_name": "demo", **call})
        assert answer.status == 400
        assert second["id"] in answer.json["error"]


async def test_a_deleted_datasource_is_gone_with_its_rows_and_no_other() -> None:
    async with running() as caller:
        await insert(caller)
        await insert(caller, name="others")
        old = await rows(caller)
        assert await ask(caller, "deletedatasource", datasource_name="vendors") == DONE
        listing = (await ask(caller, "getdatasources"))["result"]
        assert [source["DataSourceName"] for source in listing] == ["others"]
        assert len(await rows(caller, "others")) == 2
        assert (await insert(caller)).json == DONE
        assert not {row["id"] for row in old} & {row["id"] for row in await rows(caller)}


async def test_a_restart_with_the_same_folder_keeps_datasources(tmp_path: Path) -> None:
    async with running(folder=tmp_path) as caller:
        await insert(caller)
        before = await rows(caller)
        assert listed(tmp_path / "spool") == []
    async with running(folder=tmp_path) as caller:
        assert await rows(caller) == before


async def test_a_column_named_id_does_not_hide_the_rows_own() -> None:
    async with running() as caller:
        columns = ("id", "id_", "ID")
        await insert(caller, b"id,id_,ID\n1,2,3\n", columns=columns)
        [row] = await rows(caller)
        assert row == {"id": row["id"], "id__": "1", "id_": "2", "ID": "3"}
        call = {"datasource_name": "vendors", "id": row["id"], "data": '{"id": "one"}'}
        assert await ask(caller, "update_datasource_row", **call) == DONE
        assert (await rows(caller))[0] == {**row, "id__": "one"}


REQUIRED = {
    "getdatasources": (),
    "getdatasourcedata": ("datasource_name",),
    "update_datasource_row": ("datasource_name", "id", "data"),
    "delete_datasource_row": ("datasource_name", "id"),
    "deletedatasource": ("datasource_name",),
}


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(endpoint, name) for endpoint, names in REQUIRED.items() for name in ("company_name", *names)],
)
@pytest.mark.parametrize("blank", [True, False])
async def test_a_missing_field_is_a_400_that_names_it(
    endpoint: str, name: str, shared_sandbox: Sandbox, *, blank: bool
) -> None:
    async with visiting(shared_sandbox) as caller:
        row_id = (await kept(caller))[0]["id"]
        fields = {"company_name": "demo", "datasource_name": "kept", "id": row_id, "data": "{}"}
        fields = {**fields, name: " "} if blank else {**fields}
        if not blank:
            del fields[name]
        answer = await caller.call(endpoint, fields)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})
        assert len(await kept(caller)) == 2


@pytest.mark.parametrize("endpoint", ["insertdatasource", "appenddatasource"])
@pytest.mark.parametrize("name", ["company_name", "datasource_name", "data"])
async def test_a_missing_field_beside_a_file_is_a_400_that_names_it(
    endpoint: str, name: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = {"datasource_name": "vendors", "data": json.dumps(declared("vendors")), name: ""}
        answer = await send_file(caller, endpoint, fields, VENDORS)
        assert (answer.status, answer.json) == (400, {"error": f"Please provide {name}."})
        assert await made(caller) == []


async def test_a_missing_file_is_a_400_that_names_its_field() -> None:
    async with running() as caller:
        fields = {"datasource_name": "vendors", "data": json.dumps(declared("vendors"))}
        for answer in (
            await send_file(caller, "insertdatasource", fields, None),
            await send_file(caller, "insertdatasource", {**fields, "dataset": "CODE,NAME"}, None),
        ):
            assert (answer.status, answer.json) == (400, {"error": "Please provide dataset."})


@pytest.mark.parametrize("endpoint", [*REQUIRED, "insertdatasource", "appenddatasource"])
async def test_another_company_or_no_token_is_401(endpoint: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        answer = await caller.call(endpoint, {"company_name": "other"})
        assert (answer.status, answer.json) == (401, {"error": "Incorrect company name."})
        answer = await caller.call(endpoint, {"company_name": "demo"}, bearer="")
        assert answer.status == 401


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        *(
            ({name: missing}, f"Please provide {name}.")
            for name in ("DataSourceName", "DataSourceType", "DataSourceStatus", "fields")
            for missing in (None, "")
        ),
        ({"fields": []}, "Please provide fields."),
        (
            {"DataSourceName": "Vendors"},
            "DataSourceName must be the datasource_name 'vendors'; 'Vendors' was given.",
        ),
        (
            {"DataSourceType": "csv"},
            "DataSourceType must be excel_or_csv; 'csv' was given.",
        ),
        ({"DataSourceStatus": "true"}, "DataSourceStatus in data must be true or false."),
        ({"DataSourceName": 5}, "DataSourceName in data must be a text."),
        (
            {"fields": {"name": "CODE"}},
            "fields in data must be an array of objects with name and datatype.",
        ),
        *(
            ({"fields": [field]}, "Each of fields in data must be an object with a name.")
            for field in ("CODE", {}, {"name": 5}, {"name": " "}, None)
        ),
        *(
            ({"fields": [field]}, "The datatype of 'CODE' in fields must be string.")
            for field in ({"name": "CODE"}, {"name": "CODE", "datatype": "number"})
        ),
        (
            {"fields": [{"name": "CODE", "datatype": "string"}] * 2},
            "fields in data has the same name more than once.",
        ),
        (
            {"fields": [{"name": f"c{n}", "datatype": "string"} for n in range(1001)]},
            "fields in data may name 1000 columns at most.",
        ),
    ],
)
async def test_data_at_fault_is_a_400_that_says_how(
    change: dict[str, Any], sentence: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        data = json.dumps(declared("vendors", **change))
        fields = {"datasource_name": "vendors", "data": data}
        answer = await send_file(caller, "insertdatasource", fields, VENDORS)
        assert (answer.status, answer.json) == (400, {"error": sentence})
        assert await made(caller) == []


@pytest.mark.parametrize("text", ["{", "NaN", "{'a': 1}", "[" * 50_000, "[]", '"x"', "7"])
async def test_data_that_is_no_json_object_is_400(text: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        fields = {"datasource_name": "vendors", "data": text}
        answer = await send_file(caller, "insertdatasource", fields, VENDORS)
        assert answer.status == 400
        assert answer.json["error"].startswith("data must be")


async def test_a_name_can_be_used_once_and_the_first_data_stays() -> None:
    async with running() as caller:
        await insert(caller)
        answer = await insert(caller, b"CODE,NAME\nx,y\n")
        error = "There is a datasource named 'vendors' already."
        assert (answer.status, answer.json) == (400, {"error": error})
        assert len(await rows(caller)) == 2


async def test_of_many_that_make_one_name_at_once_one_succeeds() -> None:
    async with running() as caller:
        answers = await asyncio.gather(*(insert(caller) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 7
        assert len(await rows(caller)) == 2


@pytest.mark.parametrize(
    "endpoint",
    ["getdatasourcedata", "update_datasource_row", "delete_datasource_row", "deletedatasource"],
)
async def test_an_unknown_datasource_is_400(endpoint: str) -> None:
    async with running() as caller:
        fields = {"company_name": "demo", "datasource_name": "nope", "id": "1", "data": '{"A": ""}'}
        answer = await caller.call(endpoint, fields)
        error = {"error": "There is no datasource named 'nope'."}
        assert (answer.status, answer.json) == (400, error)
        assert (await insert(caller, endpoint="appenddatasource")).status == 400


async def test_an_append_with_other_columns_says_which() -> None:
    async with running() as caller:
        await insert(caller)
        columns = ("CODE", "CITY")
        answer = await insert(
            caller, b"CODE,CITY\n1,2\n", columns=columns, endpoint="appenddatasource"
        )
        assert answer.status == 400
        assert answer.json["error"] == (
            "fields must be those of the datasource: only fields have 'CITY',"
            " only the datasource has 'NAME'."
        )
        assert len(await rows(caller)) == 2


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"CODE,CITY\n1,2\n", "only the file has 'CITY'"),
        (b"CODE,NAME\n1,2\n3\n", "line 3"),
        (b"", "empty"),
        (b"PK\x03\x04", "workbook"),
        (b"\x00\x01", "neither"),
    ],
)
async def test_a_bad_file_is_a_400_and_changes_nothing(data: bytes, word: str) -> None:
    async with running() as caller:
        await insert(caller)
        for name, endpoint in (("new", "insertdatasource"), ("vendors", "appenddatasource")):
            answer = await insert(caller, data, name, endpoint=endpoint)
            assert answer.status == 400
            assert word in answer.json["error"]
        listing = (await ask(caller, "getdatasources"))["result"]
        assert [source["row_count"] for source in listing] == [2]


@pytest.mark.parametrize("row_id", ["1", "0" * 24, "f" * 24, "x", "-1", "9" * 400])
@pytest.mark.parametrize("endpoint", ["update_datasource_row", "delete_datasource_row"])
async def test_an_unknown_row_is_400(endpoint: str, row_id: str, shared_sandbox: Sandbox) -> None:
    async with visiting(shared_sandbox) as caller:
        before = await kept(caller)
        fields = {"datasource_name": "kept", "id": row_id, "data": '{"NAME": "x"}'}
        answer = await caller.call(endpoint, {"company_name": "demo", **fields})
        assert answer.status == 400
        assert "has no row with id" in answer.json["error"]
        assert len(answer.json["error"]) < 250
        assert await kept(caller) == before


async def test_a_row_of_another_datasource_is_unknown() -> None:
    async with running() as caller:
        await insert(caller)
        await insert(caller, name="others")
        fields = {
            "company_name": "demo",
            "datasource_name": "others",
            "id": (await rows(caller))[0]["id"],
        }
        assert (await caller.call("delete_datasource_row", fields)).status == 400
        assert len(await rows(caller)) == 2


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ('{"CITY": "x"}', "no column 'CITY'"),
        ('{"id": "x"}', "no column 'id'"),
        ('{"name": "x"}', "no column 'name'"),
        ('{"NAME": 5}', "must be a text"),
        ('{"NAME": null}', "must be a text"),
        ("{}", "an object of columns"),
        ('["NAME"]', "an object of columns"),
        ("{", "valid JSON"),
    ],
)
async def test_a_bad_change_is_a_400_and_changes_nothing(
    data: str, word: str, shared_sandbox: Sandbox
) -> None:
    async with visiting(shared_sandbox) as caller:
        before = await kept(caller)
        fields = {"datasource_name": "kept", "id": before[0]["id"], "data": data}
        answer = await caller.call("update_datasource_row", {"company_name": "demo", **fields})
        assert answer.status == 400
        assert word in answer.json["error"]
        assert await kept(caller) == before


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "'; DROP TABLE datasources; --", "x" * 9])
async def test_odd_names_and_values_break_nothing(text: str) -> None:
    async with running() as caller:
        name = json.loads(f'"{text}"').encode("utf-8", "replace").decode()
        assert (await insert(caller, name=name)).json == DONE
        row_id = (await rows(caller, name))[0]["id"]
        data = f'{{"NAME": "{text}"}}'
        call = {"datasource_name": name, "id": row_id, "data": data}
        assert await ask(caller, "update_datasource_row", **call) == DONE
        assert await cells(caller, name) == [["007", name], ["008", "Müller"]]


async def test_a_large_file_is_taken_while_others_are_served() -> None:
    data = b"CODE,NAME\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(100_000))
    async with running() as caller:
        inserting = asyncio.create_task(insert(caller, data))
        while not inserting.done():
            assert (await ask(caller, "getdatasources"))["result"] in (
                [],
                [{**declared("vendors"), "row_count": 100_000}],
            )
        assert (await inserting).json == DONE
        assert len(await rows(caller)) == 100_000


async def test_the_requests_are_counted_by_endpoint() -> None:
    async with running() as caller:
        await insert(caller)
        await rows(caller)
        assert caller.sandbox.requests["insertdatasource"] == 1
        assert caller.sandbox.requests["getdatasourcedata"] == 1


async def test_curl_makes_and_changes_a_datasource_as_the_samples_do(tmp_path: Path) -> None:
    path = tmp_path / "vendors.csv"
    path.write_bytes(VENDORS)

    async def curl(caller: Caller, endpoint: str, *words: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            *("curl", "--silent", "--location", "--request", "POST"),
            f"{caller.sandbox.url}/access/klearstack/{endpoint}",
            *("--header", f"Authorization: Bearer {caller.token}", *words),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return json.loads(output)

    async with running() as caller:
        named = ("--form", "company_name=demo", "--form", "datasource_name=vendors")
        data = ("--form-string", f"data={json.dumps(declared('vendors'))}")
        for endpoint in ("insertdatasource", "appenddatasource"):
            answer = await curl(caller, endpoint, *named, *data, "--form", f"dataset=@{path}")
            assert answer == DONE
        row_id = (await rows(caller))[3]["id"]
        body = {"company_name": "demo", "datasource_name": "vendors", "id": row_id}
        sent = json.dumps({**body, "data": {"NAME": "x"}})
        header = ("--header", "Content-Type: application/json")
        assert await curl(caller, "update_datasource_row", *header, "--data-raw", sent) == DONE
        assert (await cells(caller))[3] == ["008", "x"]


def test_the_sandbox_needs_no_spreadsheet_library() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['polars', 'xlsxwriter', 'openpyxl']));"
        "import klearstack_async.sandbox"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
