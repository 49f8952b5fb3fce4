"""An answer that is kept is the one that would be computed now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from read_model.cache import Cache, open_cache
from read_model.dear import Computation, DearAnswers, DearQuestion
from read_model.queries.standing import Standings
from read_model.reader import Reader
from tests.embedded import SUPERUSER, Database
from tests.identity import MASTER, ToldTime
from tests.projections.story import NORTH, SOUTH, Story, stream
from tests.projections.test_incident_document import DECLARED
from tests.read_model.conftest import Show
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.clock import Clock

HOW_MANY = DearQuestion.of("how_many", {"of": "leaks", "in": "aisle 12"})


class Counting:
    """Answers with how often it was asked to compute."""

    def __init__(self) -> None:
        self.times = 0
        self.begun, self.meanwhile = asyncio.Event(), asyncio.Event()
        self.given_up = asyncio.Event()
        self.meanwhile.set()

    async def __call__(self, tenant: UUID, parameters: Mapping[str, str]) -> bytes:
        self.times += 1
        self.begun.set()
        try:
            await self.meanwhile.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return f"{self.times} {parameters['of']}".encode()


@pytest.fixture
async def cache(valkey: str) -> AsyncGenerator[Cache]:
    async with open_cache(valkey, MASTER, ToldTime()) as cache:
        yield cache


@pytest.fixture
def story(show: Show) -> Story:
    story = Story()
    story.tell("forklift", DECLARED)
    story.tell("crane", DECLARED, tenant=SOUTH)
    show(story)
    return story


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def answers(reader: Reader, cache: Cache, counting: Counting, story: Story) -> DearAnswers:
    return dear(reader, cache, counting)


def dear(
    reader: Reader,
    cache: Cache,
    counting: Counting,
    *,
    from_s: float = 0.0,
    clock: Clock | None = None,
) -> DearAnswers:
    computations = {"how_many": Computation(counting), "how_old": Computation(counting, 60)}
    told = clock or ToldTime()
    return DearAnswers(Standings(reader), cache, computations, told, from_s=from_s)


@pytest.mark.usefixtures("story")
async def test_an_answer_that_depends_on_the_time_lasts_a_minute(
    reader: Reader, cache: Cache, counting: Counting
) -> None:
    clock = ToldTime()
    answers = dear(reader, cache, counting, clock=clock)
    how_old = DearQuestion.of("how_old", {"of": "leaks"})
    for seconds, computed in ((0, 1), (59, 1), (1, 2), (60, 3)):
        clock.passes(timedelta(seconds=seconds))
        assert await answers.dear(NORTH, how_old) == f"{computed} leaks".encode()


async def test_it_is_computed_once_while_nothing_changes(
    answers: DearAnswers, reader: Reader, cache: Cache
) -> None:
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    # Another process finds it too.
    assert await dear(reader, cache, Counting()).dear(NORTH, HOW_MANY) == b"1 leaks"


async def test_an_event_of_the_organization_makes_it_another_answer(
    answers: DearAnswers, story: Story, show: Show
) -> None:
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    story.tell("crane", IncidentAcknowledged(), tenant=SOUTH)
    show(story)
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    story.tell("forklift", IncidentAcknowledged())
    show(story)
    assert await answers.dear(NORTH, HOW_MANY) == b"2 leaks"


async def test_another_organization_or_question_is_another_answer(answers: DearAnswers) -> None:
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    assert await answers.dear(SOUTH, HOW_MANY) == b"2 leaks"
    assert await answers.dear(NORTH, DearQuestion.of("how_many", {"of": "spills"})) == b"3 spills"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE projections.checkpoint SET layout = layout + 1",
        "UPDATE projections.checkpoint SET epoch = epoch + 1",
        "INSERT INTO projections.dead_letters VALUES (%(stream)s, 2, %(tenant)s, 2, 2, '', '')",
    ],
)
async def test_so_it_is_after_a_rebuild_a_restored_log_or_what_was_parked(
    answers: DearAnswers, database: Database, change: str
) -> None:
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(change.encode(), {"stream": stream("forklift"), "tenant": NORTH})
    assert await answers.dear(NORTH, HOW_MANY) == b"2 leaks"


async def test_what_changed_while_it_was_computed_is_not_kept(
    answers: DearAnswers, counting: Counting, story: Story, show: Show
) -> None:
    counting.meanwhile.clear()
    asking = asyncio.create_task(answers.dear(NORTH, HOW_MANY))
    await counting.begun.wait()
    story.tell("forklift", IncidentAcknowledged())
    await asyncio.to_thread(show, story)
    counting.meanwhile.set()
    assert await asking == b"1 leaks"
    assert await answers.dear(NORTH, HOW_MANY) == b"2 leaks"
    assert await answers.dear(NORTH, HOW_MANY) == b"2 leaks"


async def test_who_ask_together_wait_for_one_computation(
    answers: DearAnswers, counting: Counting
) -> None:
    counting.meanwhile.clear()
    asking = [asyncio.create_task(answers.dear(NORTH, HOW_MANY)) for _ in range(20)]
    await counting.begun.wait()
    done, _ = await asyncio.wait(asking, timeout=0.5)
    assert (done, counting.times) == (set(), 1)
    counting.meanwhile.set()
    assert await asyncio.gather(*asking) == [b"1 leaks"] * 20


async def test_who_goes_away_takes_nobody_along(answers: DearAnswers, counting: Counting) -> None:
    counting.meanwhile.clear()
    gone = asyncio.create_task(answers.dear(NORTH, HOW_MANY))
    await counting.begun.wait()
    stays = asyncio.create_task(answers.dear(NORTH, HOW_MANY))
    done, _ = await asyncio.wait([gone, stays], timeout=0.5)
    assert (done, counting.times) == (set(), 1)
    gone.cancel()
    counting.meanwhile.set()
    assert await stays == b"1 leaks"


async def test_what_nobody_waits_for_any_more_is_given_up(
    answers: DearAnswers, counting: Counting
) -> None:
    counting.meanwhile.clear()
    gone = [asyncio.create_task(answers.dear(NORTH, HOW_MANY)) for _ in range(3)]
    await counting.begun.wait()
    done, _ = await asyncio.wait(gone, timeout=0.5)
    assert (done, counting.times) == (set(), 1)
    for each in gone:
        each.cancel()
    await asyncio.wait(gone)
    comes = asyncio.create_task(answers.dear(NORTH, HOW_MANY))
    async with asyncio.timeout(10):
        await counting.given_up.wait()
        counting.meanwhile.set()
        assert await comes == b"2 leaks"


async def test_what_is_quick_is_computed_each_time(
    reader: Reader, cache: Cache, counting: Counting, story: Story
) -> None:
    answers = dear(reader, cache, counting, from_s=60)
    assert await answers.dear(NORTH, HOW_MANY) == b"1 leaks"
    assert await answers.dear(NORTH, HOW_MANY) == b"2 leaks"
    await answers.warm(NORTH, HOW_MANY)
    assert counting.times == 2


async def test_a_question_is_the_same_however_its_parameters_are_ordered() -> None:
    other = DearQuestion.of("how_many", {"in": "aisle 12", "of": "leaks"})
    assert other == HOW_MANY
    assert DearQuestion.read(other.text()) == HOW_MANY
