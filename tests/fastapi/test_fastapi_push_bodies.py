"""Bodies that are slow, endless, broken off or many at once, and how much of them is in memory."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from itertools import repeat
from typing import Any

import pytest
from conftest import until
from push_router_kit import (
    BEARER,
    MULTIPART,
    PASSWORD,
    Handled,
    Wire,
    fields,
    multipart,
    pushing_to,
    served,
    service,
)

from klearstack_async.errors import WebhookError
from klearstack_async.fastapi.push_body import Patience, PushBodies
from klearstack_async.fastapi.room import Room

CHUNKED = {**BEARER, **MULTIPART, "Transfer-Encoding": "chunked"}
# No sender on this machine is that slow, but the one that sends nothing.
SHORT = Patience(seconds=0.2, bytes_per_second=1 << 20)


@pytest.fixture
def handled() -> Handled:
    return Handled()


def sized(size_bytes: int) -> dict[str, str]:
    return {**BEARER, **MULTIPART, "Content-Length": str(size_bytes)}


async def pieces(data: bytes, size: int = 1 << 16) -> AsyncGenerator[bytes, None]:
    """Give a body of which aiohttp doesn't know the length: it goes out in chunks."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("headers", [sized(1000), CHUNKED], ids=["known", "unknown"])
async def test_a_body_that_stops_coming_is_given_up(
    handled: Handled, headers: dict[str, str]
) -> None:
    async with (
        served(service(handled, _patience=SHORT)) as url,
        Wire.to(url, headers) as wire,
    ):
        status, head, _ = await wire.answer()
        assert (status, "connection: close" in head) == (408, True)
        assert await wire.is_ended()
    assert handled.pushes == []


async def test_a_sender_who_goes_on_may_take_its_time(handled: Handled) -> None:
    # So many bytes pay for more seconds than this test has.
    patience = Patience(seconds=0.2, bytes_per_second=1)
    body = multipart(fields(size=2000))
    async with (
        served(service(handled, _patience=patience)) as url,
        Wire.to(url, sized(len(body))) as wire,
    ):
        await wire.send(body[:-1])
        await asyncio.sleep(0.3)
        await wire.send(body[-1:])
        assert (await wire.answer())[0] == 200


async def test_a_body_without_end_is_cut_off(
    handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(service(handled, max_bytes=3 << 20)) as url,
        Wire.to(url, CHUNKED) as wire,
    ):
        # The server hangs up, so that it does end.
        with pytest.raises(ConnectionError):
            await _send_for_ever(wire)
    assert "a push was refused with 413" in caplog.text
    assert handled.pushes == []


async def test_who_ends_a_body_that_is_too_large_reads_the_answer(handled: Handled) -> None:
    async with (
        served(service(handled, max_bytes=100_000)) as url,
        Wire.to(url, CHUNKED) as wire,
    ):
        await wire.send(b"20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n")
        status, _, said = await wire.answer()
    assert status == 413
    assert b"max_bytes" in said


async def _send_for_ever(wire: Wire) -> None:
    chunk = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
    for data in repeat(chunk):
        await wire.send(data)


@pytest.mark.parametrize("size", [10_000, 2_000_000])
async def test_a_body_of_unknown_length_is_read_up_to_the_limit(
    handled: Handled, size: int
) -> None:
    body = multipart(fields(size=size))
    async with pushing_to(service(handled, max_bytes=len(body))) as sender:
        assert (await sender.push(data=pieces(body)))[0] == 200
    async with pushing_to(service(handled, max_bytes=len(body) - 1)) as sender:
        assert (await sender.push(data=pieces(body)))[0] == 413
    assert len(handled.pushes) == 1


@pytest.mark.parametrize("headers", [sized(5000), CHUNKED], ids=["known", "unknown"])
async def test_a_sender_who_hangs_up_leaves_one_line_and_no_push(
    handled: Handled, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with served(service(handled)) as url:
        async with Wire.to(url, headers) as wire:
            await wire.send(b"5\r\n--b\r\n\r\n")
        await until(lambda: "broken off" in caplog.text)
    assert "Traceback" not in caplog.text
    assert handled.pushes == []


@pytest.mark.parametrize("run", ["after", "before"])
async def test_a_push_is_handled_also_if_its_sender_doesnt_wait(handled: Handled, run: Any) -> None:
    handled.goes_on.clear()
    body = multipart(fields())
    async with served(service(handled, run=run)) as url:
        async with Wire.to(url, sized(len(body))) as wire:
            await wire.send(body)
            await until(lambda: len(handled.pushes) == 1)
        handled.goes_on.set()
        await until(lambda: handled.ended == 1)


async def test_large_pushes_are_parsed_beside_the_loop_and_all_are_handled(
    handled: Handled,
) -> None:
    """The loop is watched: see `conftest.py`."""
    bodies = [multipart(fields(number, size=6_000_000)) for number in range(2)]
    async with pushing_to(service(handled, password=PASSWORD)) as sender:
        answers = await asyncio.gather(*(sender.push(data=pieces(body)) for body in bodies))
    assert [status for status, _ in answers] == [200] * 2
    assert sorted(handled.numbers) == ["0", "1"]


# The room that bodies take.


async def test_room_is_given_in_the_order_in_which_it_is_asked_for() -> None:
    room = Room(10)
    got: list[str] = []

    async def take(name: str, size: int) -> None:
        await room.enter(size)
        got.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name, size in (("a", 6), ("b", 6), ("c", 1), ("d", 4)):
            tasks.create_task(take(name, size))
        await until(lambda: got == ["a"])
        room.leave(6)
        await until(lambda: got == ["a", "b", "c"])
        room.leave(1)
        await until(lambda: len(got) == 4)
    assert room.free_bytes == 0


@pytest.mark.parametrize("was_called", [False, True])
async def test_who_is_cancelled_in_line_takes_no_room(was_called: bool) -> None:
    room = Room(10)
    await room.enter(8)
    large, small = (asyncio.create_task(room.enter(size)) for size in (5, 2))
    await until(lambda: len(room._line) == 2)
    if was_called:
        room.leave(3)
    large.cancel()
    await asyncio.gather(large, return_exceptions=True)
    assert large.cancelled()
    await small
    assert room.free_bytes == (3 if was_called else 0)


async def test_who_was_cancelled_and_is_still_in_line_takes_no_room() -> None:
    room = Room(10)
    await room.enter(10)
    first, second = (asyncio.create_task(room.enter(size)) for size in (6, 5))
    await until(lambda: len(room._line) == 2)
    first.cancel()
    # Before it has got round to leaving the line.
    room.leave(10)
    await until(second.done)
    await asyncio.wait([first])
    assert room.free_bytes == 5


async def test_more_than_there_is_is_never_waited_for() -> None:
    with pytest.raises(ValueError, match="room for 10"):
        await Room(10).enter(11)


MIB = 1 << 20


async def test_a_body_takes_the_room_that_was_said_and_then_what_it_needs() -> None:
    bodies = PushBodies(4 * MIB, Patience())
    all_bytes = bodies._room.free_bytes
    assert all_bytes == 64 * MIB
    async with bodies.place(3 * MIB) as place:
        assert bodies._room.free_bytes == 61 * MIB
        await place.read(pieces(bytes(3 * MIB)))
        assert bodies._room.free_bytes == 61 * MIB
    async with bodies.place(None) as place:
        # What isn't known is taken for small.
        assert bodies._room.free_bytes == 63 * MIB
        await place.read(pieces(bytes(10)))
        assert all_bytes - bodies._room.free_bytes == all_bytes // 1000
    assert bodies._room.free_bytes == all_bytes


async def test_a_body_that_is_larger_than_was_thought_waits_for_room_and_is_not_blamed_for_it() -> (
    None
):
    bodies = PushBodies(4 * MIB, Patience(seconds=0.05, bytes_per_second=1 << 40))
    async with bodies.place(None) as one, bodies.place(None) as two, bodies.place(None) as three:
        await one.read(pieces(bytes(4 * MIB)))
        await two.read(pieces(bytes(3 * MIB)))
        assert bodies._late_room.free_bytes == MIB
        late = asyncio.create_task(three.read(pieces(bytes(2 * MIB))))
        await asyncio.wait([late], timeout=0.1)
        assert not late.done()
        one.late.shrink(0)
        assert len(await late) == 2 * MIB
        assert bodies._late_room.free_bytes == 3 * MIB
    assert bodies._late_room.free_bytes == 8 * MIB


async def test_what_is_too_large_is_not_kept_while_it_is_read_past() -> None:
    kept: list[int] = []

    async def body() -> AsyncGenerator[bytes, None]:
        for _ in range(5):
            yield bytes(MIB)
        kept.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        async with PushBodies(4 * MIB, Patience()).place(5 * MIB) as place:
            with pytest.raises(WebhookError):
                await place.read(body())
    finally:
        tracemalloc.stop()
    # The last piece may still be there.
    assert kept[0] < 2 * MIB


async def test_what_fails_gives_its_room_back() -> None:
    bodies = PushBodies(2 * MIB, Patience())
    before = bodies._room.free_bytes, bodies._late_room.free_bytes
    with pytest.raises(WebhookError):
        async with bodies.place(None) as place:
            await place.read(pieces(bytes(2 * MIB + 1)))
    assert (bodies._room.free_bytes, bodies._late_room.free_bytes) == before


async def test_pushes_for_which_there_is_no_room_wait() -> None:
    bodies = PushBodies(20 * MIB, Patience())
    async with AsyncExitStack() as places:
        for _ in range(4):
            await places.enter_async_context(bodies.place(20 * MIB))
        waiting = asyncio.create_task(_enter(bodies))
        await asyncio.wait([waiting], timeout=0.02)
        assert not waiting.done()
    await waiting


async def _enter(bodies: PushBodies) -> None:
    async with bodies.place(1):
        pass
