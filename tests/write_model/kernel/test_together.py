"""Questions that come while others are being answered are answered at one go after them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from write_model.kernel.together import Together


class Warehouse:
    """Answers how many forklifts an aisle has, once the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked: list[Sequence[int]] = []

    async def forklifts(self, aisles: Sequence[int]) -> list[int]:
        self.asked.append(aisles)
        await self.gate.wait()
        if 13 in aisles:
            raise LookupError("There is no aisle 13.")
        return [10 * aisle for aisle in aisles]


async def test_one_alone_waits_for_nobody_and_the_others_go_together() -> None:
    warehouse = Warehouse()
    together = Together(warehouse.forklifts)
    first = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(together.ask(aisle)) for aisle in (2, 3, 4)]
    await asyncio.sleep(0)
    warehouse.gate.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert warehouse.asked == [[1], [2, 3, 4]]


async def test_what_fails_fails_for_all_who_went_together_and_nobody_else() -> None:
    warehouse = Warehouse()
    warehouse.gate.set()
    together = Together(warehouse.forklifts)
    answers = await asyncio.gather(together.ask(13), together.ask(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError]
    assert await together.ask(2) == 20


@pytest.mark.parametrize("aisle", [2, 13])
async def test_who_went_away_takes_nobody_with_him(aisle: int) -> None:
    warehouse = Warehouse()
    together = Together(warehouse.forklifts)
    gone = asyncio.create_task(together.ask(1))
    stays = asyncio.create_task(together.ask(aisle))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    warehouse.gate.set()
    [answer] = await asyncio.gather(stays, return_exceptions=True)
    assert answer == 20 if aisle == 2 else isinstance(answer, LookupError)
