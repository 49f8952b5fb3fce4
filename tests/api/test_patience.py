"""Nobody keeps a connection, and what this process holds for it, by sending or reading slowly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator

import pytest

from tests.api.serving import Served, serving
from tests.api.test_door import ASKED, answer, full
from write_model.kernel.settings import Settings

HEAD = b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
LONG = HEAD + b"Content-Length: 1000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ALIVE = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
DESCRIPTION = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def hasty(settings: Settings) -> AsyncGenerator[Served]:
    limits = {"head_s": 0.5, "body_s": 0.5, "unread_s": 0.5}
    async with serving(settings.model_copy(update=limits)) as served:
        yield served


async def connected(served: Served) -> Wire:
    return await asyncio.open_connection("127.0.0.1", served.port)


async def is_cut(wire: Wire, trickle: Iterator[bytes]) -> bool:
    """Whether the connection ends while a part is sent every 50 ms."""
    reader, writer = wire
    ended = asyncio.create_task(reader.read())
    try:
        async with asyncio.timeout(10):
            while not ended.done():
                writer.write(next(trickle))
                await asyncio.wait([ended], timeout=0.05)
    except (TimeoutError, OSError):
        return ended.done()
    finally:
        await asyncio.gather(ended, return_exceptions=True)
        writer.close()
    return True


def parts(begin: bytes, part: bytes) -> Iterator[bytes]:
    yield begin
    while True:
        yield part


@pytest.mark.parametrize(
    "trickle",
    [
        (HEAD, b"X-Pallet: 7\r\n"),
        (b"", b"P"),
        (LONG, b" "),
        (CHUNKED, b"1\r\n \r\n"),
        (ALIVE + HEAD, b"X-Pallet: 7\r\n"),
    ],
    ids=["head", "first line", "body", "chunks", "second head"],
)
async def test_who_sends_a_byte_now_and_then_is_cut_off(
    hasty: Served, trickle: tuple[bytes, bytes]
) -> None:
    assert await is_cut(await connected(hasty), parts(*trickle))


async def test_who_connects_and_asks_nothing_is_cut_off(settings: Settings) -> None:
    async with serving(settings) as served:
        served.server.patience.idle_s = 0.5
        reader, writer = await connected(served)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_the_rest_of_a_body_that_was_answered_early_is_not_waited_for(
    hasty: Served,
) -> None:
    hasty.server.patience.idle_s = 0.5
    early = HEAD + b"Content-Length: 2000000\r\n\r\n"
    assert await is_cut(await connected(hasty), parts(early, b" "))


async def test_who_takes_no_answer_is_cut_off(hasty: Served) -> None:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    line.connect(("127.0.0.1", hasty.port))
    line.sendall(DESCRIPTION * 50)
    await becomes(hasty, connections=1)
    await becomes(hasty, connections=0)
    line.close()


async def becomes(served: Served, *, connections: int) -> None:
    async with asyncio.timeout(10):
        while True:
            if len(served.server.server_state.connections) == connections:
                return
            await asyncio.sleep(0.01)


async def test_who_works_is_not_hurried(hasty: Served) -> None:
    reader, writer = await connected(hasty)
    for _ in range(5):
        writer.write(ALIVE)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n{")
        await asyncio.sleep(0.4)
    writer.close()


async def test_who_has_only_been_refused_so_far_does_not_count_as_idle(served: Served) -> None:
    full(served.process.budgets.door.queries)
    reader, writer = await connected(served)
    for _ in range(2):
        writer.write(ASKED)
        assert (await asyncio.wait_for(answer(reader), 10))[0] == 503
        served.server.patience.idle_s = 0
        served.server.patience.look()
    writer.close()
