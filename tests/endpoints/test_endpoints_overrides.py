"""Assumed endpoints: they warn, they say what to do, and they can be set in three ways."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, client_of

from klearstack_async import (
    Certainty,
    Endpoint,
    EndpointNotFound,
    EndpointOverride,
    KlearStack,
    UnverifiedEndpointWarning,
)
from klearstack_async.configuration import Configuration, read_configuration
from klearstack_async.endpoints import unverified
from klearstack_async.endpoints.catalogue import CATALOGUE
from klearstack_async.sandbox import Sandbox

ACCOUNT = {
    "KLEARSTACK_URL": "https://acme.example",
    "KLEARSTACK_COMPANY": "acme",
    "KLEARSTACK_USERNAME": "ap",
    "KLEARSTACK_PASSWORD": PASSWORD,
}
FILE = """
url = "https://acme.example"
company_name = "acme"
username = "from the file"
encoding = "urlencoded"

[endpoints]
"results.between" = "/access/klearstack/days"

[endpoints."images.get"]
path = "/access/klearstack/picture"
parameters = { page_index = "page" }
encoding = "json"
"""


@pytest.fixture
def nothing_was_warned_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(unverified, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield


async def test_an_assumed_endpoint_warns_once_and_names_the_line_of_the_caller(
    nothing_was_warned_of: None, ks: KlearStack
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await ks.sets.references()
        await ks.sets.references()
        await ks.datasources.list()
    assert {w.category for w in caught} == {UnverifiedEndpointWarning}
    assert [str(w.message).split()[0] for w in caught] == ["sets.references", "datasources.list"]
    assert {w.filename for w in caught} == {__file__}
    assert 'endpoints={"sets.references": "/access/klearstack/<its real name>"}' in str(
        caught[0].message
    )


async def test_an_endpoint_that_the_user_has_set_does_not_warn(
    nothing_was_warned_of: None, sandbox: Sandbox
) -> None:
    path = CATALOGUE["sets.references"].path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with client_of(sandbox, endpoints={"sets.references": path}) as ks:
            await ks.sets.references()


async def test_other_parameters_alone_leave_a_path_unverified(
    nothing_was_warned_of: None, sandbox: Sandbox
) -> None:
    endpoints = {"sets.references": EndpointOverride(encoding="json")}
    with pytest.warns(UnverifiedEndpointWarning):
        async with client_of(sandbox, endpoints=endpoints) as ks:
            await ks.sets.references()


@pytest.mark.parametrize(
    "name", [row.name for row in CATALOGUE.values() if row.certainty is Certainty.ASSUMED]
)
async def test_the_404_of_an_assumed_endpoint_says_the_line_to_write(
    name: str, serve: Serve
) -> None:
    async with client_at(await serve()) as ks:
        with pytest.raises(EndpointNotFound) as caught:
            await ks.call(name)
    assert f'endpoints={{"{name}": "/access/klearstack/<its real name>"}}' in str(caught.value)
    assert CATALOGUE[name].path in str(caught.value)


async def test_a_path_that_is_set_is_where_the_call_goes(serve: Serve) -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, request.content_type))
        return web.json_response({"result": []})

    url = await serve(other=answer)
    endpoints = {"results.between": "/elsewhere/days", "sets.references": "/elsewhere/sets"}
    async with client_at(url, endpoints=endpoints, encoding="json") as ks:
        await ks.sets.references()
        assert ks.endpoints["sets.references"].certainty is Certainty.OVERRIDDEN
    assert seen == [("/elsewhere/sets", "application/json")]


@pytest.mark.parametrize(
    ("endpoints", "says"),
    [
        ({"images.gett": "/a"}, "did you mean 'images.get'"),
        ({"images.get": "getimage"}, "endpoint images.get: .* looks like /access/klearstack/name"),
        ({5: "/a"}, "there is no endpoint 5"),
        ({"images.get": "https://other.example/a"}, "the host belongs into url="),
        ({"images.get": "//other.example/a"}, "looks like"),
        ({"images.get": "/a?b=c"}, "looks like"),
        ({"images.get": {"paht": "/a"}}, "not paht"),
        ({"images.get": {"encoding": "xml"}}, "multipart, urlencoded, json, not 'xml'"),
    ],
)
def test_an_override_that_can_not_be_meant_is_refused_at_once(
    endpoints: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        client_at("https://a.example", endpoints=endpoints)


@pytest.mark.parametrize(
    ("method", "row"),
    [
        ("documents.approve", "documents.approve_or_reject"),
        ("documents.reject", "documents.approve_or_reject"),
        ("results.wait", "results.in_batch"),
        ("uploads.bundle", "uploads.archive"),
        ("images.save", "images.get"),
    ],
)
def test_a_method_that_shares_an_endpoint_leads_to_it(method: str, row: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{row}'"):
        client_at("https://a.example", endpoints={method: "/a"})


@pytest.mark.parametrize("path", ["getx", ":8716/x", "@host/x", "//host/x", "", "/a b", "/a?b", 5])
def test_an_own_endpoint_can_not_name_another_host(path: Any) -> None:
    with pytest.raises(ValueError, match="looks like /access/klearstack/name"):
        Endpoint(name="mine", path=path)


@pytest.mark.parametrize("name", ["", "processing_pref"])
async def test_a_file_can_not_be_left_out_or_take_a_fields_name(name: str, serve: Serve) -> None:
    endpoints = {"uploads.document": EndpointOverride(parameters={"file": name})}
    async with client_at(await serve(), endpoints=endpoints) as ks:
        with pytest.raises(ValueError, match="its file can't be sent as"):
            await ks.uploads.document(b"%PDF", filename="a.pdf")


async def test_the_404_of_a_path_that_was_set_says_so(serve: Serve) -> None:
    async with client_at(await serve(), endpoints={"images.get": "/nowhere"}) as ks:
        with pytest.raises(EndpointNotFound, match="no /nowhere: that is the path that was given"):
            await ks.images.get("d")


def test_an_encoding_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="multipart, urlencoded, json, not 'xml'"):
        client_at("https://a.example", encoding="xml")


def test_the_environment_sets_endpoints_and_encoding() -> None:
    endpoints = json.dumps({"images.get": {"path": "/a", "parameters": {"id": "doc"}}})
    found = read_configuration(
        {**ACCOUNT, "KLEARSTACK_ENDPOINTS": endpoints, "KLEARSTACK_ENCODING": "json"}
    )
    assert found.encoding == "json"
    assert found.endpoints == {"images.get": EndpointOverride("/a", {"id": "doc"})}
    assert found.account is not None
    assert found.account.password == PASSWORD


def test_a_file_sets_everything_and_the_environment_goes_before_it(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(FILE)
    environment = {
        "KLEARSTACK_PASSWORD": PASSWORD,
        "KLEARSTACK_USERNAME": "from the environment",
        "KLEARSTACK_CONFIG": str(file),
        "KLEARSTACK_ENDPOINTS": '{"results.between": "/from/the/environment"}',
    }
    with_encoding = read_configuration({**environment, "KLEARSTACK_ENCODING": "json"})
    assert with_encoding.encoding == "json"
    found = read_configuration(environment)
    assert found.account is not None
    assert (found.account.company_name, found.account.username) == ("acme", "from the environment")
    assert found.encoding == "urlencoded"
    assert found.endpoints == {
        "results.between": EndpointOverride("/from/the/environment"),
        "images.get": EndpointOverride(
            "/access/klearstack/picture", {"page_index": "page"}, "json"
        ),
    }
    client = KlearStack.from_env(environment)
    assert client.endpoints["images.get"].path == "/access/klearstack/picture"
    assert client.endpoints["images.get"].encoding == "json"


def test_the_environment_changes_only_what_it_says_of_an_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(FILE)
    endpoints = {"images.get": "/from/the/environment"}
    found = read_configuration({"KLEARSTACK_ENDPOINTS": json.dumps(endpoints)}, file)
    assert found.endpoints["images.get"] == EndpointOverride(
        "/from/the/environment", {"page_index": "page"}, "json"
    )


def test_what_is_missing_is_named_for_the_file_too(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(FILE)
    with pytest.raises(ValueError, match=r"set KLEARSTACK_PASSWORD .*, or password in .*\.toml"):
        KlearStack.from_env({}, config=file)


def test_a_file_can_be_named_in_code(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(FILE)
    client = KlearStack.from_env({"KLEARSTACK_PASSWORD": PASSWORD}, config=file)
    assert client.account.username == "from the file"
    assert client.endpoints["results.between"].path == "/access/klearstack/days"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"KLEARSTACK_ENDPOINTS": "{"}, "KLEARSTACK_ENDPOINTS is no JSON"),
        ({"KLEARSTACK_ENDPOINTS": "[]"}, "KLEARSTACK_ENDPOINTS: endpoints are names to paths"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": 5}'}, "endpoint a: an endpoint is set by a path"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": {"path": 5}}'}, "endpoint a: an endpoint's path"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": {"parameters": []}}'}, "endpoint a: parameters are"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": {"parameters": {"b": 5}}}'}, "names to names"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": {"parameters": {"b": "c", "d": "c"}}}'}, "the same name"),
        ({"KLEARSTACK_ENDPOINTS": '{"a": "/b"}'}, "KLEARSTACK_ENDPOINTS: there is no endpoint"),
        ({"KLEARSTACK_ENCODING": "xml"}, "KLEARSTACK_ENCODING: .*not 'xml'"),
    ],
)
def test_an_environment_that_can_not_be_used_is_named(
    environment: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read_configuration({**ACCOUNT, **environment})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("url = ", "Invalid value"),
        ('pasword = "x"', "there is no setting pasword; there are url"),
        ('endpoints = "x"', "endpoints are names to paths"),
        ('[endpoints]\n"images.get" = "x"', "endpoint images.get: an endpoint's path looks like"),
        ('[endpoints]\nimages.get = "/x"', "a name with a dot in it stands in quotes"),
        ('encoding = "xml"', "not 'xml'"),
        ("password = 3", "password is no text; put it in quotes"),
    ],
)
def test_a_file_that_can_not_be_used_is_named(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_configuration({}, file)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_configuration({"KLEARSTACK_CONFIG": str(tmp_path / "nowhere.toml")})


def test_the_password_is_in_no_repr_of_what_was_read() -> None:
    found = read_configuration({**ACCOUNT})
    assert isinstance(found, Configuration)
    assert PASSWORD not in repr(found)
