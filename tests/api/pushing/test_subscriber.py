"""What a subscriber does whose client says much and reads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic_core import to_json
from starlette.requests import HTTPConnection

from api.pushing.socket import SocketLine
from api.pushing.subscriber import GOES_ON, Subscriber
from projections.push import Message, Ring
from tests.api.serving import Served, Somebody
from write_model.kernel.errors import LogRestored


class Stuck:
    """A way to a client that takes nothing until it is `taken`."""

    is_clear = False

    def __init__(self) -> None:
        self.taken = asyncio.Event()
        self.written = list[bytes]()

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def cleared(self) -> None:
        await self.taken.wait()

    async def close(self, code: int, reason: str) -> None:
        raise AssertionError(reason)

    def encoded(self, messages: Sequence[Message]) -> bytes:
        return SocketLine.encoded(messages)

    def encoded_text(self, text: str) -> bytes:
        return SocketLine.encoded_text(text)


async def test_answers_are_not_heaped_up_for_who_does_not_read_them(
    served: Served, commander: Somebody
) -> None:
    actor = await served.identity.actors.of(commander.token)
    line, connection = Stuck(), HTTPConnection({"type": "http"})
    at = served.process
    subscriber = Subscriber(connection, line, at, commander.token, actor, (), 0, at.ring.branch)
    said = to_json({"access_token": commander.token}).decode()
    hearing = asyncio.create_task(subscriber.hear(said))
    await asyncio.wait([hearing], timeout=0.1)
    assert line.written == []
    line.taken.set()
    await hearing
    assert line.written == [line.encoded_text(GOES_ON)]


async def test_a_position_of_a_log_that_was_restored_is_not_where_the_ring_goes_on(
    served: Served, commander: Somebody
) -> None:
    actor = await served.identity.actors.of(commander.token)
    line, connection = Stuck(), HTTPConnection({"type": "http"})
    line.taken.set()
    # Nobody else's tail tells this ring anything.
    at = replace(served.process, ring=Ring())
    branch = at.ring.branch - 1
    subscriber = Subscriber(connection, line, at, commander.token, actor, (), 100, branch)
    with pytest.raises(LogRestored):
        await subscriber.catch_up()
    assert at.ring.after(commander.tenant, 100, at_most=1) is None
