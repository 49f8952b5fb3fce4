"""Organizations take turns at the process, whatever one of them has in flight."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from api.turns import Turns
from write_model.kernel.errors import Overloaded

NORTH, SOUTH = UUID(int=1), UUID(int=2)


class Quay:
    """Commands that go on until they are told to end."""

    def __init__(self, **settings: int) -> None:
        self.now = 0.0
        self.turns = Turns(clock=lambda: self.now, **settings)
        self.begun: list[UUID] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.ends: list[asyncio.Event] = []

    async def ask(self, tenant: UUID, *, times: int = 1) -> None:
        for _ in range(times):
            end = asyncio.Event()
            self.ends.append(end)
            self.tasks.append(asyncio.create_task(self._work(tenant, end)))
        await self.settle()

    async def _work(self, tenant: UUID, end: asyncio.Event) -> None:
        turn = await self.turns.begin(tenant)
        try:
            self.begun.append(tenant)
            await end.wait()
        finally:
            self.turns.end(turn)

    async def end_all(self) -> None:
        for end in self.ends:
            end.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_who_is_alone_is_not_held_up() -> None:
    quay = Quay(alone=40, shared=2)
    await quay.ask(NORTH, times=40)
    assert quay.begun == [NORTH] * 40
    await quay.end_all()


async def test_beside_another_few_are_worked_on_and_the_other_waits_for_none() -> None:
    quay = Quay(alone=40, shared=2)
    await quay.ask(SOUTH)
    await quay.ask(NORTH, times=10)
    assert quay.begun == [SOUTH, NORTH, NORTH]
    await quay.ask(SOUTH)
    assert quay.begun == [SOUTH, NORTH, NORTH, SOUTH]
    await quay.end_all()
    assert quay.begun.count(NORTH) == 10


async def test_once_the_other_is_quiet_the_road_is_wide_again() -> None:
    quay = Quay(alone=40, shared=2)
    await quay.ask(SOUTH)
    quay.now = 5.0
    await quay.ask(NORTH, times=10)
    assert quay.begun.count(NORTH) == 10
    await quay.end_all()


async def test_who_goes_away_while_waiting_takes_nobodys_turn() -> None:
    quay = Quay(alone=40, shared=1)
    await quay.ask(SOUTH)
    await quay.ask(NORTH, times=3)
    assert quay.begun == [SOUTH, NORTH]
    quay.tasks[2].cancel()
    await quay.settle()
    quay.ends[1].set()
    await quay.settle()
    assert quay.begun == [SOUTH, NORTH, NORTH]
    await quay.end_all()


async def test_who_goes_away_at_his_turn_leaves_it_to_the_next() -> None:
    quay = Quay(alone=40, shared=1)
    await quay.ask(SOUTH)
    await quay.ask(NORTH, times=3)
    quay.ends[1].set()
    await asyncio.sleep(0)  # The turn is given; who got it has not run yet.
    quay.tasks[2].cancel()
    await quay.settle()
    assert quay.begun == [SOUTH, NORTH, NORTH]
    await quay.end_all()


async def test_one_that_asks_too_much_is_refused_and_nobody_else() -> None:
    quay = Quay(alone=40, shared=1, at_most=3)
    await quay.ask(NORTH, times=4)
    with pytest.raises(Overloaded):
        await quay.tasks[3]
    await quay.ask(SOUTH)
    assert quay.begun[-1] == SOUTH
    await quay.end_all()


async def test_who_went_away_while_waiting_is_counted_no_more() -> None:
    quay = Quay(alone=1, shared=1, at_most=3)
    await quay.ask(NORTH, times=3)
    for waiting in quay.tasks[1:]:
        waiting.cancel()
    await quay.settle()
    await quay.ask(NORTH, times=2)
    assert [task.done() for task in quay.tasks] == [False, True, True, False, False]
    await quay.end_all()
    assert quay.begun == [NORTH] * 3
