"""By the clock, too, another organization's record is like one that nobody has.

What the database does for each is compared row by row in tests/read_model; this is the whole way
of a request, with a wide bound: the machine does other things as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import httpx2
import pytest

from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("projector")

NOTES, AT_ONCE = 2_000, 50
"""In their record: what is read of it at all takes long."""
PAIRS = 60
ALIKE = 1.5
"""Three times as long when a stream was read before it was asked whose it is."""

Ask = Callable[[Somebody, str], Awaitable[httpx2.Response]]
ASKED: dict[str, Ask] = {
    "it": lambda who, word: who.get(f"/v1/incidents/{word}"),
    "what may be done": lambda who, word: who.get(f"/v1/incidents/{word}/actions"),
    "a version": lambda who, word: who.get(f"/v1/incidents/{word}?version=1"),
    "its events": lambda who, word: who.get(f"/v1/events?subject={word}"),
    "a command": lambda who, word: who.post(f"/v1/incidents/{word}/acknowledge"),
}


async def a_long_record(who: Somebody) -> str:
    leak = await who.declares()
    path = f"/v1/incidents/{leak['id']}"
    last: list[httpx2.Response] = []
    for _ in range(NOTES // AT_ONCE):
        last = await asyncio.gather(
            *(who.post(f"{path}/notes", {"text": "It drips"}) for _ in range(AT_ONCE))
        )
    position = max(told(each)["position"] for each in last)
    assert "stale" not in told(await who.get(f"{path}?min_position={position}"))
    return str(leak["id"])


async def took(ask: Ask, who: Somebody, word: str) -> float:
    began = time.perf_counter()
    answer = await ask(who, word)
    assert answer.status_code in {200, 404}
    return time.perf_counter() - began


@pytest.mark.slow
async def test_no_clock_tells_their_record_from_nobodys(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    theirs, who = [await served.somebody(Role.OWNER) for _ in range(2)]
    word = await a_long_record(theirs)
    ratios = dict[str, float]()
    for name, ask in ASKED.items():
        pairs = [
            (await took(ask, who, word), await took(ask, who, str(new_id()))) for _ in range(PAIRS)
        ]
        ratios[name] = round(median(one / other for one, other in pairs), 2)
    record_property("figure", f"their record against nobody's: {ratios}")
    assert {name: each for name, each in ratios.items() if not 1 / ALIKE < each < ALIKE} == {}
