"""Users and what their roles may do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import jwt
import pytest
from sandbox_kit import Caller, Clock, pdf, running

from klearstack_async.sandbox import Sandbox, SandboxUser, StoredDocument

ANN = SandboxUser("ann", "ann-password", "Approver")
CARL = SandboxUser("carl", "carl-password")
CORA = SandboxUser("cora", "cora-password", "Creator")
EVE = SandboxUser("eve", "eve-password", "Admin", may_pull_modified=False)
USERS = [ANN, CARL, CORA, EVE]
FORBIDDEN = (403, "text/plain", "Forbidden: Client Error")
DAY = {"from_date": "06/05/2024", "to_date": "06/05/2024"}


def asked(document: StoredDocument, **fields: Any) -> dict[str, Any]:
    return {
        "company_name": "demo",
        "collection_name": "Invoices",
        "id": document.document_id,
        **fields,
    }


async def listed_to(caller: Caller) -> list[str]:
    answer = await caller.call("getuserdocuments", caller.account)
    return [next(row[0] for row in rows if row[1] == "file_name") for rows in answer.json["result"]]


def user_in(token: str) -> int:
    claims = jwt.decode(token, options={"verify_signature": False})
    user_id: int = claims["user_id"]
    return user_id


@pytest.mark.parametrize("user", USERS)
async def test_every_user_logs_in_by_password_and_by_id(user: SandboxUser) -> None:
    async with running(users=USERS) as caller:
        own = await caller.as_user(user)
        asked_id = await caller.call("getuserid", {**own.account, "username": user.username})
        user_id = asked_id.json["user_id"]
        assert user_in(own.token) == user_id
        fields = {"user_id": str(user_id), "company_name": "demo"}
        by_id = await caller.call("getaccesstokenfromuserid", fields, bearer="")
        assert user_in(by_id.json["access_token"]) == user_id
        fields = {"refresh_token": by_id.json["refresh_token"], "company_name": "demo"}
        again = await own.call("getaccesstokenfromrefreshtoken", fields)
        assert user_in(again.json["access_token"]) == user_id


async def test_ids_differ_and_last_as_long_as_the_folder(tmp_path: Path) -> None:
    async def ids(users: list[SandboxUser]) -> dict[str, int]:
        async with running(users=users, folder=tmp_path) as caller:
            found = {}
            for name in ("demo", *(user.username for user in users)):
                answer = await caller.call("getuserid", {**caller.account, "username": name})
                found[name] = answer.json["user_id"]
            return found

    first = await ids([ANN, CARL])
    assert len(set(first.values())) == 3
    second = await ids([CORA, CARL])
    assert second["carl"] == first["carl"]
    assert second["cora"] not in first.values()


async def test_a_token_of_a_user_who_is_gone_is_401(tmp_path: Path) -> None:
    async with running(users=[ANN], folder=tmp_path) as caller:
        token = (await caller.as_user(ANN)).token
    async with running(folder=tmp_path) as caller:
        assert (await caller.call("getuserid", caller.account, bearer=token)).status == 401


@pytest.mark.parametrize("user_id", ["1001.0", "01001", "-1", "9" * 5000, "\0"])
async def test_an_odd_user_id_is_401(user_id: str) -> None:
    async with running() as caller:
        fields = {"user_id": user_id, "company_name": "demo"}
        assert (await caller.call("getaccesstokenfromuserid", fields, bearer="")).status == 401


async def test_one_users_name_with_anothers_password_is_401() -> None:
    async with running(users=USERS) as caller:
        fields = {**caller.account, "username": "ann"}
        for endpoint in ("get_access_token", "getuserdocuments"):
            assert (await caller.call(endpoint, fields)).status == 401


async def test_the_token_tells_who_asks_not_the_body() -> None:
    async with running(users=USERS) as caller:
        await caller.stored(pdf(), "demo.pdf")
        carl = await caller.as_user(CARL)
        carl.account = caller.account
        assert await listed_to(carl) == []


def test_a_password_is_in_no_repr() -> None:
    assert "ann-password" not in repr(ANN)


@pytest.mark.parametrize(
    "users",
    [
        [ANN, ANN],
        [SandboxUser("demo", "x")],
        [SandboxUser("x", "x", "Boss")],  # type: ignore[arg-type]
    ],
)
def test_users_that_cannot_be_are_refused(users: list[SandboxUser]) -> None:
    with pytest.raises(ValueError, match=r"username|role"):
        Sandbox(users=users)


async def test_a_creator_sees_its_own_documents_and_the_others_see_all() -> None:
    async with running(users=USERS) as caller:
        carl, cora = await caller.as_user(CARL), await caller.as_user(CORA)
        await caller.stored(pdf(), "demo.pdf")
        await carl.stored(pdf(), "carl.pdf")
        await cora.stored(pdf(), "cora.pdf")
        assert await listed_to(carl) == ["carl.pdf"]
        assert await listed_to(cora) == ["cora.pdf"]
        for seer in (caller, await caller.as_user(ANN), await caller.as_user(EVE)):
            assert await listed_to(seer) == ["demo.pdf", "carl.pdf", "cora.pdf"]


@pytest.mark.parametrize("name", ["userid", "user_id"])
@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_known_user_named_at_upload_owns_the_document(name: str, by: str) -> None:
    async with running(users=USERS) as caller:
        carl = await caller.as_user(CARL)
        owner = "carl" if by == "name" else str(user_in(carl.token))
        await caller.stored(pdf(), "theirs.pdf", **{name: owner})
        await carl.stored(pdf(), "mine.pdf", **{name: "nobody we know"})
        assert await listed_to(carl) == ["theirs.pdf", "mine.pdf"]


async def test_a_creators_sets_and_lists_hold_only_its_own() -> None:
    async with running(users=USERS, _now=Clock()) as caller:
        carl = await caller.as_user(CARL)
        first = await caller.upload(pdf(), "a.pdf", create_new_set="True", set_name="one")
        number = first.json["set_reference_number"]
        await caller.upload(pdf(), "x.pdf", create_new_set="True", set_name="two")
        await carl.upload(pdf(), "c.pdf", set_reference_number=number)
        await caller.settled()
        fields = {"set_reference_number": number, "document_type": "Invoices", **DAY}
        for endpoint, shown in (
            ("getsetresults", 1),
            ("getsetdocuments", 1),
            ("getsetuploadstatus", 1),
            ("getdaterangedocuments", 1),
            ("getsetreferencenumbers", 1),
        ):
            answer = await carl.call(endpoint, carl.account | fields)
            assert len(answer.json["result"]) == shown
            assert len((await caller.call(endpoint, caller.account | fields)).json["result"]) > 1
        [known] = (await carl.call("getsetreferencenumbers", carl.account)).json["result"]
        assert known == {
            "set_reference_number": number,
            "set_name": "one",
            "document_count": 1,
        }


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("getdocument", {}),
        ("getdocumentimage", {}),
        ("update_document", {"data": '{"x": {"_value": "1", "_coordinates": [0, 0, 0, 0]}}'}),
    ],
)
async def test_anothers_document_is_not_there_for_a_creator(
    endpoint: str, fields: dict[str, str]
) -> None:
    async with running(users=USERS) as caller:
        theirs = await caller.stored(pdf())
        carl, ann = await caller.as_user(CARL), await caller.as_user(ANN)
        answer = await carl.call(endpoint, asked(theirs, **fields))
        assert (answer.status, answer.json) == (400, {"error": "Document ID not found"})
        assert (await ann.call(endpoint, asked(theirs, **fields))).status == 200
        mine = await carl.stored(pdf())
        assert (await carl.call(endpoint, asked(mine, **fields))).status == 200


@pytest.mark.parametrize(("user", "may"), [(ANN, True), (CARL, False), (EVE, True)])
async def test_only_admins_and_approvers_review_and_list_the_approved(
    user: SandboxUser, may: bool
) -> None:
    async with running(users=USERS, _now=Clock()) as caller:
        own = await caller.as_user(user)
        document = await own.stored(pdf())
        decision = asked(document, approve_reject="approve", comment="c")
        reviewed = await own.call("approve_reject_doc", decision)
        approved = await own.call("getapproveinvoices", own.account | DAY)
        if may:
            assert (reviewed.status, approved.status) == (200, 200)
            assert len(approved.json["result"]) == 1
        else:
            for answer in (reviewed, approved):
                assert (answer.status, answer.content_type, answer.text) == FORBIDDEN
            [stored] = await caller.sandbox.documents()
            assert not stored.is_approved


async def test_a_user_without_the_right_pulls_nothing() -> None:
    async with running(users=USERS) as caller:
        eve = await caller.as_user(EVE)
        answer = await eve.call("getmodifiedinvoices", eve.account)
        assert (answer.status, answer.content_type, answer.text) == FORBIDDEN
        for user in (caller, await caller.as_user(CARL)):
            assert (await user.call("getmodifiedinvoices", user.account)).status == 200


async def test_a_folder_of_another_version_is_refused_at_the_start(tmp_path: Path) -> None:
    async with running(folder=tmp_path):
        pass
    with sqlite3.connect(tmp_path / "sandbox.db") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(OSError, match="another version"):
        await Sandbox(folder=tmp_path).start()
