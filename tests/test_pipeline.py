"""Who a call is made as, what of it may be shown, and what became of it."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from conftest import PASSWORD, Serve, client_at, until

from klearstack_async import (
    AuthenticationError,
    BadRequest,
    BytesSource,
    Credentials,
    Endpoint,
    KlearStack,
    KlearStackError,
    OutcomeUnknown,
    Request,
    RetryPolicy,
    StallTimeout,
    Timeouts,
)

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
USER_ID = "9876543210"


def json_answer(**values: Any) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.json_response(values)

    return answer


class Bearers:
    """A server that tells who called, and can be told to refuse."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.paths: list[str] = []
        self.refused = 0
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.paths.append(request.path)
        self.seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        self.entered.set()
        await self.gate.wait()
        if self.refused:
            self.refused -= 1
            return web.json_response({"error": "Token expired."}, status=401)
        return web.json_response({"success": "Document updated successfully", "result": []})


@pytest.fixture
async def two_users(serve: Serve) -> Any:
    bearers = Bearers()
    url = await serve(
        get_access_token=json_answer(access_token="of-the-account"),
        getaccesstokenfromuserid=json_answer(access_token="of-another"),
        other=bearers,
    )
    async with client_at(url) as ks:
        yield ks, bearers


async def test_what_one_user_began_is_not_repeated_as_another(
    two_users: tuple[KlearStack, Bearers],
) -> None:
    ks, bearers = two_users
    bearers.gate.clear()
    bearers.refused = 1
    call = asyncio.create_task(ks.documents.approve("d", comment="ok"))
    await bearers.entered.wait()
    await ks.auth.login_as(7)
    bearers.gate.set()
    with pytest.raises(AuthenticationError):
        await call
    assert bearers.seen == ["of-the-account"]


async def test_a_login_under_way_does_not_make_a_call_another_users(
    two_users: tuple[KlearStack, Bearers], serve: Serve
) -> None:
    ks, bearers = two_users
    goes_on, asked = asyncio.Event(), asyncio.Event()
    of_another = ks._pipeline.log_in_as

    async def slow_login() -> Any:
        asked.set()
        await goes_on.wait()
        return await of_another("7")

    await ks.auth.login()
    login = asyncio.create_task(ks._tokens.log_in(slow_login))
    await asked.wait()
    bearers.refused = 1
    call = asyncio.create_task(ks.documents.approve("d", comment="ok"))
    # The 401 has come, and the call waits for the login to let it have a token.
    await until(lambda: not bearers.refused)
    goes_on.set()
    await login
    with pytest.raises(AuthenticationError):
        await call
    assert bearers.seen == ["of-the-account"]


async def test_an_endpoint_of_the_users_own_stays_what_it_is(
    two_users: tuple[KlearStack, Bearers],
) -> None:
    ks, bearers = two_users
    mine = Endpoint(name="images.get", path="/mine", credentials=Credentials.NONE)
    assert await ks.send(Request(mine, {}, lambda reply: reply.endpoint)) == "images.get"
    assert bearers.paths == ["/mine"]


async def test_a_field_of_a_call_goes_before_the_accounts_own(serve: Serve) -> None:
    sent: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        sent.append(str((await request.post())["username"]))
        return web.json_response({})

    async with client_at(await serve(getsomething=answer)) as ks:
        await ks.call("getsomething", {"username": "other"})
    assert sent == ["other"]


async def test_others_get_their_turn_while_documents_are_streamed(serve: Serve) -> None:
    documents = [{"Document_id": str(number)} for number in range(160)]
    async with client_at(await serve(getuserdocuments=json_answer(result=documents))) as ks:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        seen = [turns async for _ in ks.results.stream_of_user()]
        counter.cancel()
    assert len(seen) == len(documents)
    assert len(set(seen)) >= 10


async def test_a_bulk_run_does_not_change_who_calls(
    two_users: tuple[KlearStack, Bearers],
) -> None:
    ks, bearers = two_users
    await ks.auth.login_as(7)
    bearers.refused = 2
    async with ks.bulk([BytesSource(b"%PDF-1.4", "a.pdf")]) as run:
        outcomes = [outcome async for outcome in run]
    assert [type(outcome.error) for outcome in outcomes] == [AuthenticationError]
    await ks.results.of_user()
    assert set(bearers.seen) == {"of-another"}


async def test_a_user_id_that_a_login_is_made_by_is_a_secret(serve: Serve) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        return web.json_response({"error": f"no user {form['user_id']!s}"}, status=400)

    async with client_at(await serve(getaccesstokenfromuserid=echo)) as ks:
        with pytest.raises(BadRequest) as caught:
            await ks.auth.login_as(USER_ID)
        assert USER_ID not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
        assert "no user" in str(caught.value)
        assert USER_ID not in repr(vars(ks._tokens))


async def test_a_password_that_the_user_hands_to_a_call_is_not_shown(serve: Serve) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        return web.json_response({"error": str(form["password"])}, status=400)

    async with client_at(await serve(getsomething=echo)) as ks:
        with pytest.raises(BadRequest) as caught:
            await ks.call("getsomething", {"password": "another-s3cret"}, credentials="")
    assert "another-s3cret" not in f"{caught.value} {vars(caught.value)}"


def test_no_part_of_a_client_shows_the_password() -> None:
    ks = client_at("https://acme.example")
    for part in (ks, *vars(ks).values()):
        assert PASSWORD not in repr(part)
        assert PASSWORD not in repr(getattr(part, "__dict__", ""))


def test_a_client_is_not_pickled_with_its_password() -> None:
    with pytest.raises(TypeError, match="password"):
        pickle.dumps(client_at("https://acme.example"))


async def test_no_error_holds_on_to_the_body_that_it_could_not_read(serve: Serve) -> None:
    async def garbage(request: web.Request) -> web.StreamResponse:
        await request.read()
        body = b'{"error":"\xff got ' + PASSWORD.encode() + b'"'
        return web.Response(body=body, content_type="application/json")

    async with client_at(await serve(other=garbage)) as ks:
        for call in (
            ks.results.in_batch("b"),
            ks.results.of_user(),
            ks.documents.get("d"),
            ks.uploads.document(b"%PDF", filename="a.pdf"),
            ks.datasources.list(),
            ks.images.get("d"),
        ):
            with pytest.raises(KlearStackError) as caught:
                await call
            error: BaseException | None = caught.value
            while error is not None:
                assert PASSWORD not in f"{error!r} {vars(error)}", repr(error)
                assert PASSWORD not in repr(getattr(error, "object", ""))
                error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "Document uploaded successfully"),
        (200, "Request Submitted Successfully"),
        (202, "Request accepted and queued"),
        (303, "see there"),
        (600, "what"),
    ],
)
async def test_an_upload_that_was_not_refused_may_have_been_stored(
    status: int, text: str, serve: Serve
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, text=text)

    async with client_at(await serve(processdocument=answer)) as ks:
        with pytest.raises(OutcomeUnknown):
            await ks.uploads.document(b"%PDF", filename="a.pdf")


@pytest.mark.holds_the_loop("one argument of 20 MB, which is checked to be JSON in one go")
async def test_a_large_form_to_a_server_that_takes_nothing_ends_by_itself() -> None:
    async def read_the_head_only(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"get_access_token" in head:
            body = b'{"access_token": "a.b.c"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        await stop.wait()
        writer.close()

    stop = asyncio.Event()
    server = await asyncio.start_server(read_the_head_only, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with client_at(url, retry=RetryPolicy(attempts=1)) as ks:
        await ks.auth.login()
        with pytest.raises(StallTimeout):
            await ks.with_options(timeouts=Timeouts(stall_seconds=0.5)).push.retry(
                ["x" * 20_000_000]
            )
    stop.set()
    server.close()
    await server.wait_closed()


async def test_a_large_form_arrives_whole_and_warns_of_nothing(serve: Serve) -> None:
    sizes: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        sizes.append(len(await request.read()))
        assert request.content_length == sizes[0]
        return web.Response(text="Request Submitted Successfully")

    async with client_at(await serve(retry_push_api=answer)) as ks:
        await ks.push.retry(["x" * 3_000_000])
    assert sizes[0] > 3_000_000


async def test_a_picture_is_fetched_with_a_new_token_where_the_old_one_has_ended(
    serve: Serve,
) -> None:
    logins = 0

    async def login(request: web.Request) -> web.StreamResponse:
        nonlocal logins
        await request.read()
        logins += 1
        return web.json_response({"access_token": f"token-{logins}"})

    async def picture(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer token-1":
            return web.Response(status=401)
        return web.Response(body=PICTURE)

    url = await serve(
        get_access_token=login, getdocumentimage=json_answer(url="/p%2Dq"), other=picture
    )
    async with client_at(url) as ks:
        assert (await ks.images.get("d")).data == PICTURE
    assert logins == 2


async def test_a_picture_that_is_gone_is_told_as_such(serve: Serve) -> None:
    async with client_at(await serve(getdocumentimage=json_answer(url="/gone"))) as ks:
        with pytest.raises(BadRequest, match="not at its address any more"):
            await ks.images.get("d")


async def test_a_signed_address_is_asked_for_letter_by_letter(serve: Serve) -> None:
    asked: list[str] = []
    address = "/p%2Dq/%21x?sig=a%2Bb%3D%2f%7e&acl=%2f*"
    beyond = "/Übersicht.png"

    async def picture(request: web.Request) -> web.StreamResponse:
        asked.append(request.raw_path)
        return web.Response(body=PICTURE)

    for path in (address, beyond):
        url = await serve(getdocumentimage=json_answer(url=path), other=picture)
        async with client_at(url) as ks:
            await ks.images.get("d")
    assert asked == [address, "/%C3%9Cbersicht.png"]
