from __future__ import annotations

import jwt
import pytest
from sandbox_kit import Clock, running

AUTH_PAGES = {
    "get_access_token": ("company_name", "username", "password"),
    "getuserid": ("username", "company_name"),
    "getaccesstokenfromuserid": ("user_id", "company_name"),
    "getaccesstokenfromrefreshtoken": ("refresh_token", "company_name"),
}


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_login_gives_both_tokens_in_every_encoding(encoding: str) -> None:
    async with running() as caller:
        answer = await caller.call("get_access_token", caller.account, bearer="", encoding=encoding)
        assert answer.status == 200
        assert set(answer.json) == {"refresh_token", "access_token", "release_version"}


async def test_tokens_carry_the_documented_claims() -> None:
    clock = Clock()
    async with running(_now=clock, access_token_seconds=60, refresh_token_seconds=3600) as caller:
        tokens = await caller.log_in()
        for kind, seconds in (("access", 60), ("refresh", 3600)):
            token = tokens[f"{kind}_token"]
            assert jwt.get_unverified_header(token)["alg"] == "HS256"
            claims = jwt.decode(token, options={"verify_signature": False})
            assert claims["token_type"] == kind
            assert claims["exp"] - claims["iat"] == seconds
            assert claims["iat"] == int(clock.instant.timestamp())
            assert isinstance(claims["user_id"], int)
            assert claims["jti"]


@pytest.mark.parametrize(("endpoint", "name"), [(e, n) for e, ns in AUTH_PAGES.items() for n in ns])
async def test_a_missing_parameter_is_a_500_that_names_it(endpoint: str, name: str) -> None:
    async with running() as caller:
        fields = {**caller.account, "user_id": "1001", "refresh_token": "x"}
        del fields[name]
        answer = await caller.call(endpoint, fields)
        assert answer.status == 500
        assert answer.content_type == "text/plain"
        assert name in answer.text


@pytest.mark.parametrize("name", ["company_name", "username", "password"])
async def test_wrong_credentials_are_401(name: str) -> None:
    async with running() as caller:
        answer = await caller.call("get_access_token", {**caller.account, name: "wröng"})
        assert answer.status == 401
        assert answer.json == {"error": "Incorrect username or password."}


async def test_the_user_id_logs_in_without_a_password() -> None:
    async with running() as caller:
        user = await caller.call("getuserid", {"username": "demo", "company_name": "demo"})
        fields = {"user_id": str(user.json["user_id"]), "company_name": "demo"}
        answer = await caller.call("getaccesstokenfromuserid", fields, bearer="")
        assert answer.status == 200
        assert set(answer.json) == {"refresh_token", "access_token", "release_version"}
        fields["user_id"] = "7"
        assert (await caller.call("getaccesstokenfromuserid", fields, bearer="")).status == 401


async def test_a_refresh_gives_an_access_token_and_no_new_refresh_token() -> None:
    async with running() as caller:
        tokens = await caller.log_in()
        fields = {"refresh_token": tokens["refresh_token"], "company_name": "demo"}
        answer = await caller.call("getaccesstokenfromrefreshtoken", fields)
        assert answer.status == 200
        assert set(answer.json) == {"access_token", "release_version"}
        answer = await caller.call(
            "getaccesstokenfromrefreshtoken", fields, bearer=answer.json["access_token"]
        )
        assert answer.status == 200


async def test_an_access_token_is_no_refresh_token_nor_the_reverse() -> None:
    async with running() as caller:
        tokens = await caller.log_in()
        fields = {"refresh_token": tokens["access_token"], "company_name": "demo"}
        answer = await caller.call("getaccesstokenfromrefreshtoken", fields)
        assert answer.status == 401
        answer = await caller.call("getuserid", caller.account, bearer=tokens["refresh_token"])
        assert answer.status == 401


async def test_an_expired_access_token_is_401_even_for_a_refresh() -> None:
    clock = Clock()
    async with running(_now=clock, access_token_seconds=900) as caller:
        tokens = await caller.log_in()
        clock.advance(899)
        assert (await caller.call("getuserid", caller.account)).status == 200
        clock.advance(1)
        answer = await caller.call("getuserid", caller.account)
        assert (answer.status, answer.json) == (401, {"error": "The access token has expired."})
        fields = {"refresh_token": tokens["refresh_token"], "company_name": "demo"}
        assert (await caller.call("getaccesstokenfromrefreshtoken", fields)).status == 401


async def test_an_expired_refresh_token_is_401() -> None:
    clock = Clock()
    async with running(_now=clock, access_token_seconds=900, refresh_token_seconds=60) as caller:
        tokens = await caller.log_in()
        clock.advance(60)
        fields = {"refresh_token": tokens["refresh_token"], "company_name": "demo"}
        answer = await caller.call("getaccesstokenfromrefreshtoken", fields)
        assert (answer.status, answer.json) == (401, {"error": "The refresh token has expired."})


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "nonsense",
        jwt.encode({"token_type": "access", "exp": 9**10}, "another" * 8, algorithm="HS256"),
        jwt.encode({"token_type": "access", "exp": 9**10}, "", algorithm="none"),
    ],
)
@pytest.mark.parametrize(
    "endpoint", ["getuserid", "processdocument", "uploadbatch", "getbatchdocuments"]
)
async def test_no_bearer_endpoint_takes_a_bad_token(endpoint: str, forged: str) -> None:
    async with running() as caller:
        answer = await caller.call(endpoint, caller.account, bearer=forged)
        assert answer.status == 401
        assert answer.json["error"]


@pytest.mark.parametrize(
    "path", ["/", "/access/klearstack/nothing", "/access/klearstack/getuserid/"]
)
async def test_an_unknown_path_is_a_plain_404(path: str) -> None:
    async with running() as caller, caller.session.post(caller.sandbox.url + path) as response:
        assert response.status == 404
        assert response.content_type == "text/plain"


async def test_get_is_405() -> None:
    async with running() as caller:
        url = f"{caller.sandbox.url}/access/klearstack/get_access_token"
        async with caller.session.get(url) as response:
            assert response.status == 405


async def test_requests_are_counted_by_endpoint() -> None:
    async with running() as caller:
        await caller.call("getuserid", {})
        await caller.call("getuserid", caller.account)
        assert caller.sandbox.requests["getuserid"] == 2
        assert caller.sandbox.requests["get_access_token"] == 1
        assert caller.sandbox.requests["uploadbatch"] == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
async def test_json_that_is_no_object_is_400(body: bytes) -> None:
    async with running() as caller:
        url = f"{caller.sandbox.url}/access/klearstack/get_access_token"
        headers = {"Content-Type": "application/json"}
        async with caller.session.post(url, data=body, headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"]
